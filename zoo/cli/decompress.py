"""``zoo decompress``."""

from pathlib import Path
from typing import Annotated

import typer

Output = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output",
        metavar="OUT",
        help="A folder for PNG, WAV or CSV files, or texts, named after the inputs; *.npy for an array; *.png, *.wav, "
        "*.csv or *.txt for a single one. Of another extension only a folder that is there.",
        show_default=False,
    ),
]


def decompress(
    container: Annotated[
        Path,
        typer.Argument(metavar="IN.zoo", help="What `zoo compress` wrote.", show_default=False),
    ],
    output: Output,
    picture: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="N", help="Only this picture, sound or text, from 0, into one file.", show_default=False
        ),
    ] = None,
    salvage: Annotated[
        bool, typer.Option("--salvage", help="Restore what precedes an append that was cut off.")
    ] = False,
    max_bytes: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="The most that is restored, in bytes; default: 2 GiB, or 256 times the file where that is more.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="A model's name or folder, where it is not the shipped one that the file names."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there already.")] = False,
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Chunks that are restored at the same time.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Restore the pictures, sounds or texts of a compressed file; the model it needs is read from the file."""
    from zoo.cli.compress import advancing
    from zoo.cli.console import emit, progress
    from zoo.codec import Codec

    codec = Codec(model, num_threads=threads) if model else Codec.for_file(container, num_threads=threads)
    if picture is not None:
        codec.decompress_picture(container, picture, output, salvage=salvage, overwrite=overwrite)
        emit({"output": str(output), "model": codec.name, "picture": picture}, as_json)
        return
    with progress() as bar:
        task = bar.add_task("restoring", total=None, status=codec.unit)
        summary = codec.decompress_file(
            container,
            output,
            salvage=salvage,
            overwrite=overwrite,
            max_bytes=max_bytes,
            progress=advancing(bar, task, codec.unit),
        )
    emit({"output": str(output), **summary.figures()}, as_json)
