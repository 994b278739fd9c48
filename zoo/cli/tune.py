"""``zoo tune``."""

from pathlib import Path
from typing import Annotated

import typer


def tune(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A model of the catalogue with a latent_dim, such as dense_ae.mnist, or a folder."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of the result; default: tuning/NAME.")
    ] = None,
    trials: Annotated[int, typer.Option(help="Combinations to try.")] = 20,
    epochs: Annotated[int, typer.Option(help="Passes over the data for each.")] = 5,
    images: Annotated[int | None, typer.Option(help="Training images, for a quick search; default: all.")] = None,
    seed: Annotated[int, typer.Option(help="Of the search and of each training.")] = 0,
    data: Annotated[
        str | None, typer.Option(help="As of zoo train: a folder, a file or a name; default: the tag's data.")
    ] = None,
    size: Annotated[str | None, typer.Option(metavar="64|96x64", help="Height and width of the pictures.")] = None,
    colour: Annotated[
        bool | None, typer.Option("--colour/--grey", help="Three channels, or one.", show_default=False)
    ] = None,
    fit: Annotated[str, typer.Option(help="How a picture of another size is fitted, as of zoo train.")] = "crop",
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search depth, width, latent_dim and pretraining; writes a table and a plot of error against latent_dim.

    Choices are made on the validation split. The same command continues a search that was stopped; in its folder,
    another one is refused. The same seed makes the same search.
    """
    from zoo.cli.console import emit, progress, report_failures, start_tensorflow

    start_tensorflow(threads, deterministic=True)
    from zoo import experiments

    output = output or Path("tuning", Path(name).name)
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
            size=size,
            colour=colour,
            fit=fit,
            progress=bar,
            failed=failed,
        )
    emit(rows, as_json, title=f"{name} · validation split · {output}")
    report_failures(failed)
