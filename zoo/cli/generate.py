"""``zoo generate``."""

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

# Images of one picture: 32 × 32 of 28 × 28 pixels fill a screen. More samples go to further ones.
PAGE = 1024
# Of all samples that one call draws, in float32.
MOST_BYTES = 2**30
# Images of a traversal or an interpolation, and of one of its rows.
MOST_IMAGES, MOST_STEPS = 10_000, 1_000


class Kind(StrEnum):
    """What to draw."""

    samples = "samples"
    traversal = "traversal"
    interpolation = "interpolation"


def generate(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A model that generates, such as dcgan or vae.mnist, or its folder.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="*.png for a picture, beyond 1,024 samples for several, OUT-1.png, …; *.gif for a film, of a "
            "traversal or an interpolation; *.npy for an array.",
            show_default=False,
        ),
    ],
    kind: Annotated[
        Kind,
        typer.Option(
            metavar="KIND",
            help="samples: new images; traversal: one code's coordinates varied, a row each; interpolation: the way "
            "between two images.",
        ),
    ] = Kind.samples,
    number: Annotated[int, typer.Option("-n", "--number", help="Samples, or rows.")] = 64,
    label: Annotated[
        int | None, typer.Option(help="The class to draw, of a conditional model; default: all in turn.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Images a row of a traversal or an interpolation; default: 10, of a film 24."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Draw new images from a model, or look at what its code means.

    Traversals and interpolations are of variational autoencoders, and start from images of the test split that come
    with the model. As a film all rows move at once, there and back.
    """
    from zoo.cli.console import emit, start_tensorflow

    start_tensorflow()
    import numpy as np

    import zoo
    from zoo import artifacts

    film = output.suffix.lower() == ".gif"
    if film and kind is Kind.samples:
        raise ValueError(
            f"output must be a picture or an array of samples, as only --kind traversal and --kind interpolation move: "
            f"received {output}."
        )
    if steps is not None and (not 2 <= steps <= MOST_STEPS or kind is Kind.samples):
        raise ValueError(
            f"steps must be at least 2, of a traversal or an interpolation, and at most {MOST_STEPS}: received {steps}."
        )
    model = zoo.load(name)
    _check(model, name, kind, number, label)
    steps = steps or (24 if film else 10)
    labels, values = None, None
    if kind is Kind.samples:
        chosen = {} if label is None else {"labels": label}
        rows = np.asarray(model.generate(number, seed=seed, **chosen))[None]
    elif kind is Kind.interpolation:
        rows = _interpolations(model, name, number, steps, seed)
    else:
        rows, labels, values = _traversals(model, name, number, steps, seed)
    images = rows.reshape(-1, *rows.shape[2:])
    written = [output]
    if output.suffix.lower() == ".npy":
        with artifacts.atomic_write(output) as file:
            np.save(file, images)
    elif film:
        zoo.plots.animation(rows.swapaxes(0, 1), output, back=True)
    elif kind is Kind.traversal:
        zoo.plots.traversals(rows, output, labels=labels, values=values)
    elif kind is Kind.interpolation:
        zoo.plots.image_grid(images, output, columns=steps)
    else:
        written = _pages(output, -(-number // PAGE))
        for index, page in enumerate(written):
            zoo.plots.image_grid(images[index * PAGE : (index + 1) * PAGE], page)
    names = [str(path) for path in written]
    if len(names) > 1 and not as_json:
        names = [f"{names[0]} … {names[-1]}, {len(names)} pictures"]
    emit({"output": names if len(names) > 1 else names[0], "kind": kind.value, "images": len(images)}, as_json)


def _check(model, name: str, kind: Kind, number: int, label: int | None) -> None:
    """Refuses what a model cannot draw, and more than fits."""
    from zoo import models

    variational = isinstance(model, models.VariationalAutoencoder)
    if not variational and (kind is not Kind.samples or not hasattr(model, "generate")):
        raise ValueError(
            f"{name} does not generate {kind.value}: expected a variational autoencoder, such as conv_vae"
            f"{', or a GAN, such as dcgan' if kind is Kind.samples else ''}."
        )
    if label is not None and not getattr(model, "num_classes", 0):
        raise ValueError(f"label must be left out, as {name} draws no classes; cgan does: received {label}.")
    if number < 1:
        raise ValueError(f"number must be at least 1: received {number}.")
    most = MOST_BYTES // (4 * math.prod(model.image_shape))
    if kind is Kind.samples and number > most:
        raise ValueError(
            f"number must be at most {most}, which are 1 GiB of numbers: received {number}; draw the rest with other "
            "seeds."
        )


def _interpolations(model, name: str, number: int, steps: int, seed: int):
    """A row for each of at most ``number`` pairs of images, ``(rows, steps, *image_shape)``."""
    import numpy as np

    codes, order = _codes(name, seed)
    number = _rows(min(number, len(order)), steps)
    pairs = [(order[i % len(order)], order[(i + 1) % len(order)]) for i in range(number)]
    return np.stack([model.interpolate(codes[a], codes[b], steps) for a, b in pairs])


def _traversals(model, name: str, number: int, steps: int, seed: int):
    """A row for each of the coordinates that vary most over real images, which mean most; their names; their values."""
    import numpy as np

    from zoo import registry

    codes, order = _codes(name, seed)
    with np.load(registry.artifact_of(name).file("calibration.npz")) as calibration:
        images = calibration["images"] / np.float32(255)
    spread = np.asarray(model.to_noise(model.encode(images))).std(axis=0)
    chosen = np.argsort(-spread)[: _rows(min(number, model.latent_dim), steps)]
    values = np.linspace(-2.5, 2.5, steps)
    rows = np.stack([model.traverse(codes[order[0]], int(d), values) for d in chosen])
    return rows, [f"z[{d}]" for d in chosen], values


def _codes(name: str, seed: int):
    """Codes of the images that come with a model, and an order of them."""
    import numpy as np

    from zoo import registry

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
