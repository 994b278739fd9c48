"""``zoo tune``."""

from pathlib import Path
from typing import Annotated

import typer


def tune(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A model of the catalogue with a code length, such as dense_ae.mnist.")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of the result; default: tuning/NAME.")
    ] = None,
    trials: Annotated[int, typer.Option(help="Combinations to try.")] = 20,
    epochs: Annotated[int, typer.Option(help="Passes over the data for each.")] = 5,
    images: Annotated[int | None, typer.Option(help="Training images, for a quick search; default: all.")] = None,
    seed: Annotated[int, typer.Option(help="Of the search and of each training.")] = 0,
    data: Annotated[
        str | None, typer.Option(help="A tensorflow-datasets name or a folder of pictures; default: the tag's data.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search depth, width, code length and pretraining; writes a table and a plot of error against code length.

    Choices are made on the validation split. The same command goes on with a search that was stopped; in its folder,
    another one is refused. The same seed makes the same search.
    """
    from zoo.cli.console import emit, progress, report_failures, start_tensorflow

    start_tensorflow(threads, deterministic=True)
    from zoo import experiments

    output = output or Path("tuning", name)
    failed: list[str] = []
    with progress() as bar:
        rows = experiments.tune(
            name,
            output=output,
            trials=trials,
            epochs=epochs,
            images=images,
            seed=seed,
            data_source=data,
            progress=bar,
            failed=failed,
        )
    emit(rows, as_json, title=f"{name} · validation split · {output}")
    report_failures(failed)
