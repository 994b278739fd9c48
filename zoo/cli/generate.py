"""``zoo generate``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


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
            help="*.png for a picture; *.gif for a film, of a traversal or an interpolation; *.npy for an array.",
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
    from zoo import artifacts, models, registry

    film = output.suffix.lower() == ".gif"
    if film and kind is Kind.samples:
        raise ValueError(
            f"output must be a picture or an array of samples, as only --kind traversal and --kind interpolation move: "
            f"received {output}."
        )
    if steps is not None and (steps < 2 or kind is Kind.samples):
        raise ValueError(f"steps must be at least 2, of a traversal or an interpolation: received {steps}.")
    model = zoo.load(name)
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
    if kind is Kind.samples:
        chosen = {} if label is None else {"labels": label}
        rows = np.asarray(model.generate(number, seed=seed, **chosen))[None]
    else:
        steps = steps or (24 if film else 10)
        with np.load(registry.artifact_of(name).file("golden.npz")) as golden:
            codes = golden["code"]
        order = np.random.default_rng(seed).permutation(len(codes))
        if kind is Kind.interpolation:
            pairs = [(order[i % len(order)], order[(i + 1) % len(order)]) for i in range(min(number, len(order)))]
            rows = np.stack([model.interpolate(codes[a], codes[b], steps) for a, b in pairs])
        else:
            with np.load(registry.artifact_of(name).file("calibration.npz")) as calibration:
                images = calibration["images"] / np.float32(255)
            # The coordinates that vary most over real images mean most.
            spread = np.asarray(model.to_noise(model.encode(images))).std(axis=0)
            chosen = np.argsort(-spread)[: min(number, model.latent_dim)]
            values = np.linspace(-2.5, 2.5, steps)
            rows = np.stack([model.traverse(codes[order[0]], int(d), values) for d in chosen])
    images = rows.reshape(-1, *rows.shape[2:])
    if output.suffix.lower() == ".npy":
        with artifacts.atomic_write(output) as file:
            np.save(file, images)
    elif film:
        zoo.plots.animation(rows.swapaxes(0, 1), output, back=True)
    elif kind is Kind.traversal:
        zoo.plots.traversals(rows, output, labels=[f"z[{d}]" for d in chosen], values=values)
    else:
        zoo.plots.image_grid(images, output, columns=None if kind is Kind.samples else steps)
    emit({"output": str(output), "kind": kind.value, "images": len(images)}, as_json)
