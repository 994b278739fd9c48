"""``zoo select``."""

from pathlib import Path
from typing import Annotated

import typer


def select(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="A table (.csv, .npy) or a tensorflow-datasets name of images.", show_default=False
        ),
    ],
    k: Annotated[int, typer.Option("-k", "--number", help="Columns to choose.", show_default=False)],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.json", help="Their positions and names.", show_default=False)
    ],
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Of images: which pixels, over the mean image.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="A column of a CSV file to leave out.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the rows; default: about 5,000 steps.")] = None,
    seed: Annotated[int, typer.Option(help="Of the training, and of the rows held out.")] = 0,
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Choose the columns of a table, or pixels of images, from which all others are best predicted.

    No labels are used. The result has the error of predicting all columns, scaled to [0, 1], linearly from those
    chosen, on a held-out tenth of the rows, and that of as many columns of the highest variance. A column's position
    counts from 0, all columns of the file included.
    """
    from zoo.cli.console import emit, progress, start_tensorflow

    start_tensorflow(threads)
    import zoo

    with progress() as bar:
        result = zoo.select(data, k, output=output, plot=plot, label=label, epochs=epochs, seed=seed, progress=bar)
    emit(result if as_json else {**result, "chosen": [column["name"] for column in result["chosen"]]}, as_json)
