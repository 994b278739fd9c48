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
            help="*.png for a picture, beyond 1,024 samples for several, OUT-1.png, …; *.gif for a film, of a "
            "traversal or an interpolation; *.npy for an array.",
            show_default=False,
        ),
    ],
    kind: Annotated[
        Kind,
        typer.Option(
            metavar="KIND",
            help="samples: new images; traversal: one latent code's coordinates varied, a row each; interpolation: "
            "the way between two images.",
        ),
    ] = Kind.samples,
    number: Annotated[int, typer.Option("-n", "--number", help="Samples, or rows.")] = 64,
    label: Annotated[
        str | None,
        typer.Option(help="The class to draw, of a conditional model, by number or name; default: all in turn."),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Images a row of a traversal or an interpolation; default: 10, of a film 24."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Draw new images from a model, or look at what its latent code means.

    Traversals and interpolations are of variational autoencoders, and start from images of the test split that come
    with the model. As a film all rows move at once, there and back.
    """
    from zoo.cli.console import emit, start_tensorflow

    start_tensorflow()
    import zoo

    result = zoo.generate(name, output, kind=kind.value, number=number, label=label, steps=steps, seed=seed)
    names = [str(path) for path in result["output"]]
    if len(names) > 1 and not as_json:
        names = [f"{names[0]} … {names[-1]}, {len(names)} pictures"]
    emit({**result, "output": names if len(names) > 1 else names[0]}, as_json)
