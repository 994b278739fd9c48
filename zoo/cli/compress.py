"""``zoo compress``."""

import math
from pathlib import Path
from typing import Annotated

import typer


def compress(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="IN...", help="Pictures, .npy arrays, folders of pictures.", show_default=False),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The container to write.", show_default=False)],
    model: Annotated[str, typer.Option(help="A model's name or folder.")] = "conv_ae",
    fit: Annotated[
        str,
        typer.Option(help="tile: keep each picture's size, cut into tiles; crop, pad: scale it to one tile."),
    ] = "tile",
    names: Annotated[bool, typer.Option(help="Keep the inputs' names for `zoo decompress`.")] = True,
    verify: Annotated[bool, typer.Option("--verify", help="Restore the file and measure its PSNR.")] = False,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the LiteRT interpreter.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compress pictures of any size, grey or colour, into one checksummed file (lossy).

    An int8 encoder turns tiles into integers, which the model's tables entropy-code.
    Colour goes channel by channel; transparency is ignored.
    """
    from zoo.cli.console import emit, progress
    from zoo.codec import Codec

    codec = Codec(model, num_threads=threads)
    with progress() as bar:
        task = bar.add_task("compressing", total=None, status="tiles")
        summary = codec.compress_file(
            inputs,
            output,
            fit=fit,
            names=names,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
        result = {"output": str(output), **summary.figures()}
        if verify:
            bar.update(task, description="verifying")
            error = codec.mean_squared_error(inputs, output, fit=fit)
            # Not by zoo.evaluation, which brings TensorFlow along. JSON has no infinity.
            result["psnr"] = -10 * math.log10(error) if error else None
    emit(result, as_json)
