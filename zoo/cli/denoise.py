"""``zoo denoise``."""

from pathlib import Path
from typing import Annotated

import typer


def denoise(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="IN", help="Pictures, or sounds; .npy arrays of pictures; folders.", show_default=False),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for PNG or WAV files.", show_default=False)
    ],
    model: Annotated[
        str | None,
        typer.Option(help="A denoiser's name or folder; default: denoising_ae, of sounds denoising_signal_ae."),
    ] = None,
    overlap: Annotated[
        int | None, typer.Option(help="Pixels or samples that neighbours share; default: half.", show_default=False)
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(
            help="Adds Gaussian noise of this standard deviation first, of 1, to see what comes back.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of that noise.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there already.")] = False,
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Remove noise from pictures of any size, grey or colour, or from speech of any length.

    Each result is a PNG file named after its input, or a WAV file of 8 kHz; before-after.png shows the first of them.
    Inputs that cannot be read, and files of a folder that are of another kind, are listed at the end, and the exit
    status is then 1. Files that are in DIR already are not replaced without --overwrite.

    A model gives back what it was trained on: for photographs, train one on tiles of your own (zoo train denoising_ae
    --data DIR --fit tile).
    """
    from zoo.cli.console import emit, progress, report_failures, start_tensorflow

    start_tensorflow(threads)
    import zoo

    failed: list[str] | None = [] if len(inputs) > 1 or inputs[0].is_dir() else None
    with progress() as bar:
        rows = zoo.denoise_files(
            inputs,
            output,
            model,
            overlap=overlap,
            noise=noise,
            seed=seed,
            overwrite=overwrite,
            failed=failed,
            progress=bar,
        )
    emit(rows, as_json, title=f"{len(rows)} in {output}", **({"failed": failed} if failed else {}))
    report_failures(failed or ())
