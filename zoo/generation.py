"""Images that a model draws, and what its latent code means, as pictures, films and arrays."""

import difflib
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from zoo import plots, registry
from zoo.io import writing
from zoo.io.arrays import as_array

# Images of one picture: 32 × 32 of 28 × 28 pixels fill a screen. More samples go to further ones.
PAGE = 1024
# Of all samples that one call draws, in float32.
MOST_BYTES = 2**30
# Images of a traversal or an interpolation, and of one of its rows.
MOST_IMAGES, MOST_STEPS = 10_000, 1_000
KINDS = ("samples", "traversal", "interpolation")


def generate(
    name: str | os.PathLike,
    output: str | os.PathLike,
    *,
    kind: str = "samples",
    number: int = 64,
    label: int | str | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Draws new images from a model, or what its latent code means: ``zoo generate``.

    Args:
        name: of a model that generates, or its folder.
        output: ``*.png`` for a picture, beyond 1,024 samples for several, ``OUT-1.png``, …; ``*.gif`` for a film, of a
            traversal or an interpolation, whose rows move at once, there and back; ``*.npy`` for an array.
        kind: ``samples``; ``traversal``: one latent code's coordinates varied, a row each; ``interpolation``: the way
            between two images. The latter two are of variational autoencoders, and start from images of the test split
            that come with the model.
        number: of samples, or of rows.
        label: the class to draw, of a conditional model: its number, or its name as the model's card has it
            (``zoo.info(name)["data"]["classes"]``); None for all in turn.
        steps: images a row of a traversal or an interpolation; None for 10, of a film 24.
        seed: of the draws.

    Returns:
        ``output``, the files that were written; ``kind``; and ``images``, how many were drawn.

    Raises:
        ValueError: for an unknown kind, a model that does not generate it, a class that it does not know, or a number
            out of its range.
    """
    output = Path(output)
    if kind not in KINDS:
        raise ValueError(f"kind must be {', '.join(KINDS)}: received {kind!r}.")
    film = output.suffix.lower() == ".gif"
    if film and kind == "samples":
        raise ValueError(
            f"output must be a picture or an array of samples, as only --kind traversal and --kind interpolation move: "
            f"received {output}."
        )
    if steps is not None and (not 2 <= steps <= MOST_STEPS or kind == "samples"):
        raise ValueError(
            f"steps must be at least 2, of a traversal or an interpolation, and at most {MOST_STEPS}: received {steps}."
        )
    model = registry.load(name)
    _check(model, os.fspath(name), kind, number, label)
    number_of_class = None if label is None else _class(model, name, label)
    rows, drawing = _drawn(model, name, kind, number, number_of_class, steps or (24 if film else 10), seed)
    return {"output": _written(rows, output, kind, drawing), "kind": kind, "images": rows.shape[0] * rows.shape[1]}


def _written(rows: np.ndarray, output: Path, kind: str, drawing: dict[str, Any]) -> list[Path]:
    """Writes images ``(rows, images a row, *image_shape)`` as ``output`` says by its extension; the files' names."""
    images = rows.reshape(-1, *rows.shape[2:])
    if output.suffix.lower() == ".npy":
        with writing.atomic_write(output) as file:
            np.save(file, images)
    elif output.suffix.lower() == ".gif":
        plots.animation(list(rows.swapaxes(0, 1)), output, back=True)
    elif kind == "samples":
        written = _pages(output, -(-len(images) // PAGE))
        for index, page in enumerate(written):
            plots.image_grid(images[index * PAGE : (index + 1) * PAGE], page)
        return written
    elif kind == "traversal":
        plots.traversals(rows, output, **drawing)
    else:
        plots.image_grid(images, output, columns=rows.shape[1])
    return [output]


def _drawn(model, name, kind: str, number: int, label: int | None, steps: int, seed: int):
    """Images ``(rows, images a row, *image_shape)``, and of a traversal what its rows and columns are called."""
    if kind == "interpolation":
        return _interpolations(model, name, number, steps, seed), {}
    if kind == "traversal":
        rows, labels, values = _traversals(model, name, number, steps, seed)
        return rows, {"labels": labels, "values": values}
    chosen = {} if label is None else {"labels": label}
    return as_array(model.generate(number, seed=seed, **chosen))[None], {}


def _class(model, name: str | os.PathLike, label: int | str) -> int:
    """The number of a class that is given by its number or by its name."""
    if not isinstance(label, str) or label.isdecimal():
        return int(label)
    names = registry.info(name)["data"].get("classes") or [str(number) for number in range(model.num_classes)]
    lowered = [known.lower() for known in names]
    if label.lower() in lowered:
        return lowered.index(label.lower())
    close = difflib.get_close_matches(label.lower(), lowered, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(names[lowered.index(known)] for known in close)}?" if close else ""
    raise ValueError(f"label must be one of {', '.join(names)}: received {label}.{hint}")


def _check(model, name: str, kind: str, number: int, label: int | str | None) -> None:
    """Refuses what a model cannot draw, and more than fits."""
    variational = hasattr(model, "traverse")
    if not variational and (kind != "samples" or not hasattr(model, "generate")):
        raise ValueError(
            f"{name} does not generate {kind}: expected a variational autoencoder, such as conv_vae"
            f"{', or a GAN, such as dcgan' if kind == 'samples' else ''}."
        )
    if label is not None and not getattr(model, "num_classes", 0):
        raise ValueError(f"label must be left out, as {name} draws no classes; cgan does: received {label}.")
    if number < 1:
        raise ValueError(f"number must be at least 1: received {number}.")
    most = MOST_BYTES // (4 * math.prod(model.image_shape))
    if kind == "samples" and number > most:
        raise ValueError(
            f"number must be at most {most}, which are 1 GiB of numbers: received {number}; draw the rest with other "
            "seeds."
        )


def _interpolations(model, name: str, number: int, steps: int, seed: int):
    """A row for each of at most ``number`` pairs of images, ``(rows, steps, *image_shape)``."""
    codes, order = _codes(name, seed)
    number = _rows(min(number, len(order)), steps)
    pairs = [(order[i % len(order)], order[(i + 1) % len(order)]) for i in range(number)]
    return np.stack([model.interpolate(codes[a], codes[b], steps) for a, b in pairs])


def _traversals(model, name: str, number: int, steps: int, seed: int):
    """A row for each of the coordinates that vary most over real images, which mean most; their names; their values."""
    codes, order = _codes(name, seed)
    with np.load(registry.artifact_of(name).file("calibration.npz")) as calibration:
        images = calibration["images"] / np.float32(255)
    spread = as_array(model.to_noise(model.encode(images))).std(axis=0)
    chosen = np.argsort(-spread)[: _rows(min(number, model.latent_dim), steps)]
    values = np.linspace(-2.5, 2.5, steps)
    rows = np.stack([model.traverse(codes[order[0]], int(d), values) for d in chosen])
    return rows, [f"z[{d}]" for d in chosen], values


def _codes(name: str, seed: int):
    """Codes of the images that come with a model, and an order of them."""
    with np.load(registry.artifact_of(name).file("golden.npz")) as golden:
        codes = golden["code"]
    return codes, np.random.default_rng(seed).permutation(len(codes))


def _rows(number: int, steps: int) -> int:
    if number * steps > MOST_IMAGES:
        raise ValueError(
            f"number and steps must make at most {MOST_IMAGES} images: received {number} rows of {steps} steps."
        )
    return number


def _pages(output: Path, number: int) -> list[Path]:
    """The files of so many pictures."""
    if number == 1:
        return [output]
    digits = len(str(number))
    return [output.with_name(f"{output.stem}-{index:0{digits}}{output.suffix}") for index in range(1, number + 1)]
