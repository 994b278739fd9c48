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
        typer.Option(help="A denoiser's name or folder; default: photo_denoiser, of sounds denoising_signal_ae."),
    ] = None,
    overlap: Annotated[
        int | None,
        typer.Option(
            help="Pixels of small pictures, or samples, that neighbours share; default: half.", show_default=False
        ),
    ] = None,
    strength: Annotated[
        float,
        typer.Option(help="How much of the noise found is taken out: 1 all, 0.5 half, up to 2; of pictures."),
    ] = 1.0,
    noise: Annotated[
        float | None,
        typer.Option(
            help="Adds Gaussian noise of this standard deviation first, of 1, to see what comes back.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of that noise.")] = 0,
    max_pixels: Annotated[
        int, typer.Option(min=1, metavar="N", help="The most pixels of a picture file that is opened.")
    ] = 1 << 28,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there already.")] = False,
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Remove noise from pictures of any size, grey or colour, or from speech of any length.

    Each result is a PNG file named after its input, or a WAV file of 8 kHz; before-after.png shows the first of them.
    Inputs that cannot be read, and files of a folder that are of another kind, are listed at the end, and the exit
    status is then 1. Files that are in DIR already are not replaced without --overwrite.

    photo_denoiser, trained on photographs, pages and screenshots, is told no level of noise; it keeps transparency, and
    16 bits of grey pictures, and needs no TensorFlow. Small grey pictures like garments or digits, of at most 28 × 28,
    go to denoising_ae, which larger ones do by its name.
    """
    import zoo
    from zoo.cli.console import allow_pixels, emit, progress, report_failures, start_tensorflow
    from zoo.denoising.files import needs_tensorflow

    allow_pixels(max_pixels)
    if needs_tensorflow(inputs, model):
        start_tensorflow(threads)

    failed: list[str] | None = [] if len(inputs) > 1 or inputs[0].is_dir() else None
    with progress() as bar:
        rows = zoo.denoise_files(
            inputs,
            output,
            model,
            overlap=overlap,
            strength=strength,
            noise=noise,
            seed=seed,
            overwrite=overwrite,
            threads=threads,
            failed=failed,
            progress=bar,
        )
    emit(rows, as_json, title=f"{len(rows)} in {output}", **({"failed": failed} if failed else {}))
    report_failures(failed or ())
