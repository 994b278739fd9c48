"""``zoo denoise``."""

from pathlib import Path
from typing import Annotated

import typer

PICTURED_SECONDS = 5


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
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Remove noise from pictures of any size, grey or colour, or from speech of any length.

    Each result is a PNG file named after its input, or a WAV file of 8 kHz; before-after.png shows the first of them.
    Inputs that cannot be opened are listed at the end, and the exit status is then 1.

    A model gives back what it was trained on: for photographs, train one on tiles of your own (zoo train denoising_ae
    --data DIR --fit tile).
    """
    from zoo.cli.console import emit, report_failures, start_tensorflow
    from zoo.codec import sounds

    if noise is not None and not noise > 0:
        raise ValueError(f"noise must be above 0: received {noise}.")
    start_tensorflow(threads)
    run = _sounds if sounds.are_sounds(inputs) else _pictures
    failed: list[str] | None = [] if len(inputs) > 1 or inputs[0].is_dir() else None
    rows = run(inputs, output, model, overlap, noise, seed, failed)
    emit(rows, as_json, title=f"{len(rows)} in {output}")
    report_failures(failed or ())


def _pictures(inputs, output, model, overlap, noise, seed, failed) -> list[dict]:
    import numpy as np

    import zoo
    from zoo.cli.console import progress
    from zoo.codec import pictures
    from zoo.codec.files import write_folder
    from zoo.data import corruption
    from zoo.denoising import tile_count
    from zoo.evaluation import mean_squared_error, psnr

    sources = _opened(pictures.open_sources(inputs, failed=failed), failed)
    denoiser = zoo.load(model or "denoising_ae")
    first, rows = None, []

    def results(bar):
        nonlocal first
        known = overlap is None or 0 <= overlap < min(denoiser.image_shape[:2])  # else `zoo.denoise` will say so
        counts = (s.count * tile_count(s.shape, denoiser.image_shape[:2], overlap) for s in sources if known)
        task = bar.add_task("denoising", total=sum(counts), status="tiles")
        for source in sources:
            for clean in source.batches(1):
                noisy = clean
                if noise is not None:
                    noisy = pictures.to_uint8(corruption.gaussian(clean / np.float32(255), noise, seed))
                restored = zoo.denoise(
                    noisy, denoiser, overlap=overlap, advance=lambda tiles: bar.update(task, advance=tiles)
                )
                row = {"name": source.name, "shape": list(clean.shape[1:])}
                if noise is not None:
                    row |= {
                        "noisy_psnr": psnr(mean_squared_error(clean, noisy)),
                        "denoised_psnr": psnr(mean_squared_error(clean, restored)),
                    }
                rows.append(row)
                if first is None:
                    first = (noisy[0], restored[0])
                yield restored[0]

    names = [
        source.name if source.count == 1 else f"{source.name}_{index}"
        for source in sources
        for index in range(source.count)
    ]
    with progress() as bar:
        write_folder(output, names, results(bar), ".png", pictures.write_png)
    gap = np.full((first[0].shape[0], 8, first[0].shape[2]), 255, np.uint8)
    both = np.concatenate([first[0], gap, first[1]], axis=1)
    write_folder(output, ["before-after"], [both], ".png", pictures.write_png)
    return rows


def _sounds(inputs, output, model, overlap, noise, seed, failed) -> list[dict]:
    import numpy as np

    import zoo
    from zoo import plots
    from zoo.cli.console import progress
    from zoo.codec import sounds
    from zoo.codec.files import write_folder
    from zoo.data.signals import RATE
    from zoo.denoising import denoised_blocks
    from zoo.evaluation import si_sdr

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
                blocks, sound.samples, denoiser, overlap=overlap, advance=lambda done: bar.update(task, advance=done)
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

    with progress() as bar:
        task = bar.add_task("denoising", total=sum(sound.samples for sound in opened), status="samples")
        write_folder(output, [sound.name for sound in opened], opened, ".wav", write)
    plots.spectrograms(dict(zip(("before", "after"), first, strict=True)), output / "before-after.png", rate=RATE)
    return rows


def _opened(sources: list, failed: list[str] | None) -> list:
    if failed and not sources:
        raise ValueError(f"None of the inputs can be denoised: {failed[0]}")
    return sources
