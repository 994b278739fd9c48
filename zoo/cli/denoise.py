"""``zoo denoise``."""

from pathlib import Path
from typing import Annotated

import typer

PICTURED_SECONDS = 5
COMPARISON = "before-after"


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
    from zoo.cli.console import emit, report_failures, start_tensorflow
    from zoo.io import sounds

    if noise is not None and not noise > 0:
        raise ValueError(f"noise must be above 0: received {noise}.")
    start_tensorflow(threads)
    run = _sounds if sounds.are_sounds(inputs) else _pictures
    failed: list[str] | None = [] if len(inputs) > 1 or inputs[0].is_dir() else None
    rows = run(inputs, output, model, overlap, noise, seed, overwrite, failed)
    emit(rows, as_json, title=f"{len(rows)} in {output}", **({"failed": failed} if failed else {}))
    report_failures(failed or ())


def _pictures(inputs, output, model, overlap, noise, seed, overwrite, failed) -> list[dict]:
    import numpy as np

    import zoo
    from zoo.cli.console import progress
    from zoo.data import corruption
    from zoo.denoising import tile_count
    from zoo.evaluation import mean_squared_error, psnr
    from zoo.io import pictures

    sources = _opened(pictures.open_sources(inputs, taken=[(1, COMPARISON)], failed=failed), failed)
    denoiser = zoo.load(model or "denoising_ae")
    first, rows = [], []
    items = [
        (source.name if source.count == 1 else f"{source.name}_{index}", source, index)
        for source in sources
        for index in range(source.count)
    ]

    def write(item, file):
        name, source, index = item

        def advance(tiles):
            bar.advance(task, tiles / tile_count(source.shape, denoiser.image_shape[:2], overlap))

        clean = source.read(index, index + 1)
        noisy = clean
        if noise is not None:
            noisy = pictures.to_uint8(corruption.gaussian(clean / np.float32(255), noise, seed))
        restored = zoo.denoise(noisy, denoiser, overlap=overlap, advance=advance)
        pictures.write_png(restored[0], file)
        row = {"name": name, "shape": list(clean.shape[1:])}
        if noise is not None:
            row |= {
                "noisy_psnr": psnr(mean_squared_error(clean, noisy)),
                "denoised_psnr": psnr(mean_squared_error(clean, restored)),
            }
        rows.append(row)
        first[:] = first or (noisy[0], restored[0])

    def compare(file):
        gap = np.full((first[0].shape[0], 8, first[0].shape[2]), 255, np.uint8)
        pictures.write_png(np.concatenate([first[0], gap, first[1]], axis=1), file)

    with progress() as bar:
        task = bar.add_task("denoising", total=len(items), status="pictures")
        _write(output, [f"{name}.png" for name, _, _ in items], items, write, compare, rows, overwrite, failed)
    return rows


def _sounds(inputs, output, model, overlap, noise, seed, overwrite, failed) -> list[dict]:
    import numpy as np

    import zoo
    from zoo import plots
    from zoo.cli.console import progress
    from zoo.data.signals import RATE
    from zoo.denoising import denoised_blocks
    from zoo.evaluation import si_sdr
    from zoo.io import sounds

    opened = _opened(sounds.open_sounds(inputs, RATE, failed=failed), failed)
    denoiser = zoo.load(model or "denoising_signal_ae")
    first, rows, rng = [], [], np.random.default_rng(seed)

    def noisy(sound):
        for block in sound.read():
            added = block + (noise or 0) * 32768 * rng.standard_normal(len(block))
            yield np.rint(added).clip(-32768, 32767).astype(np.int16)

    def kept(blocks, parts):
        for block in blocks:
            parts.append(block)
            yield block

    def write(sound, file):
        heard, restored = [], []
        with sounds.writer(file, RATE) as wav:
            blocks = kept(noisy(sound), heard)
            for block in denoised_blocks(
                blocks, sound.samples, denoiser, overlap=overlap, advance=lambda done: bar.advance(task, done / RATE)
            ):
                wav.write(block)
                restored.append(block)
                if noise is None and first:  # what is not measured or drawn is not kept
                    heard.clear()
                    restored.clear()
        row = {"name": sound.name, "seconds": sound.samples / RATE, "changes": ", ".join(sound.changes)}
        if noise is not None:
            clean = np.concatenate(list(sound.read()))
            row |= {
                "noisy_si_sdr": si_sdr(clean, np.concatenate(heard)),
                "denoised_si_sdr": si_sdr(clean, np.concatenate(restored)),
            }
        rows.append(row)
        if not first:
            first.extend(np.concatenate(parts)[: PICTURED_SECONDS * RATE] for parts in (heard, restored))

    def compare(file):
        figure = plots.spectrograms(dict(zip(("before", "after"), first, strict=True)), None, rate=RATE)
        file.write(plots.to_bytes(figure, "png"))

    with progress() as bar:
        task = bar.add_task("denoising", total=sum(sound.samples for sound in opened) / RATE, status="seconds")
        _write(output, [f"{sound.name}.wav" for sound in opened], opened, write, compare, rows, overwrite, failed)
    return rows


def _write(output, names, items, write, compare, rows, overwrite, failed) -> None:
    """Writes what is restored, and last the comparison of the first of them; refuses if there is none."""
    from zoo.io.files import write_folder

    def write_one(item, file):
        if item is not None:
            write(item, file)
        elif rows:
            compare(file)
        else:
            raise ValueError(f"None of the inputs can be denoised: {failed[0]}")

    names, items = [*names, f"{COMPARISON}.png"], [*items, None]
    write_folder(output, names, items, "", write_one, overwrite=overwrite, failed=failed)
    if not rows:
        raise ValueError(failed[-1])


def _opened(sources: list, failed: list[str] | None) -> list:
    if failed and not sources:
        raise ValueError(f"None of the inputs can be denoised: {failed[0]}")
    return sources
