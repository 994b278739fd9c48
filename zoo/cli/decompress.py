"""``zoo decompress``."""

from pathlib import Path
from typing import Annotated

import typer


def decompress(
    container: Annotated[
        Path,
        typer.Argument(metavar="IN.zoo", help="What `zoo compress` wrote.", show_default=False),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="A folder for PNG or WAV files, or texts, named after the inputs; *.npy for an array; *.png, *.wav or "
            "*.txt for a single one. Of another extension only a folder that is there.",
            show_default=False,
        ),
    ],
    picture: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="N", help="Only this picture, sound or text, from 0, into one file.", show_default=False
        ),
    ] = None,
    salvage: Annotated[
        bool, typer.Option("--salvage", help="Restore what precedes an append that was cut off.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(help="A model's name or folder, where it is not the shipped one that the file names."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there already.")] = False,
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Chunks that are restored at the same time.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Restore the pictures, sounds or texts of a compressed file; the model it needs is read from the file."""
    from zoo.cli.console import UNITS, emit, progress
    from zoo.codec import Codec

    codec = Codec(model, num_threads=threads) if model else Codec.for_file(container, num_threads=threads)
    if picture is not None:
        codec.decompress_picture(container, picture, output, salvage=salvage, overwrite=overwrite)
        emit({"output": str(output), "model": codec.name, "picture": picture}, as_json)
        return
    with progress() as bar:
        task = bar.add_task("restoring", total=None, status=UNITS[codec.what])
        summary = codec.decompress_file(
            container,
            output,
            salvage=salvage,
            overwrite=overwrite,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    emit({"output": str(output), **summary.figures()}, as_json)
