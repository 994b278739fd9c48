"""Files of pictures or of sounds, and a picture of the first before and after."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo import registry
from zoo.denoising.audio import denoised_blocks
from zoo.denoising.images import denoise, tile_count
from zoo.io import audio, pictures

PICTURED_SECONDS, COMPARISON = 5, "before-after"


def denoise_files(
    inputs: Sequence[str | os.PathLike],
    output: str | os.PathLike,
    model: str | os.PathLike | None = None,
    *,
    overlap: int | None = None,
    noise: float | None = None,
    seed: int = 0,
    overwrite: bool = False,
    failed: list[str] | None = None,
    progress: Any = None,
) -> list[dict[str, Any]]:
    """Removes noise from files: ``zoo denoise``.

    Args:
        inputs: pictures, or sounds; ``.npy`` arrays of pictures; folders.
        output: folder for a PNG or WAV file of each, and ``before-after.png``, which shows the first of them.
        model: a denoiser's name or folder; None for ``denoising_ae``, of sounds ``denoising_signal_ae``.
        overlap: pixels or samples that neighbouring tiles or frames share; None for half.
        noise: standard deviation, of 1, of Gaussian noise that is added first, to see what comes back; None for none.
        seed: of that noise.
        overwrite: whether files that are there already are replaced.
        failed: gets a line for each input that cannot be read, and the others are denoised; None to raise instead.
        progress: a started ``rich.progress.Progress`` to report to.

    Returns:
        Of each result its ``name``, and of pictures the ``shape``, of sounds the ``seconds`` and what was ``changes``;
        with ``noise`` PSNR or SI-SDR in dB before and after.

    Raises:
        ValueError: if nothing can be read or written, or for an argument out of its range.
    """

    inputs = [Path(path) for path in inputs]
    if noise is not None and not noise > 0:
        raise ValueError(f"noise must be above 0: received {noise}.")
    run = _sounds if audio.are_audio(inputs) else _pictures
    return run(inputs, Path(output), model, overlap, noise, seed, overwrite, failed, progress)


def _advance(progress, total: float, unit: str) -> Callable[[float], None]:
    """Tells how much more is done, where there is somebody to tell."""
    if progress is None:
        return lambda done: None
    task = progress.add_task("denoising", total=total, status=unit)
    return lambda done: progress.advance(task, done)


def _pictures(inputs, output, model, overlap, noise, seed, overwrite, failed, progress) -> list[dict[str, Any]]:
    from zoo.data import corruption
    from zoo.evaluation import mean_squared_error, psnr

    sources = _opened(pictures.open_sources(inputs, taken=[(1, COMPARISON)], failed=failed), failed)
    denoiser = registry.load(model or "denoising_ae")
    first, rows = [], []
    items = [
        (source.name if source.count == 1 else f"{source.name}_{index}", source, index)
        for source in sources
        for index in range(source.count)
    ]

    def write(item, file):
        name, source, index = item
        size = denoiser.image_shape[:2]
        clean = source.read(index, index + 1)
        noisy = clean
        if noise is not None:
            noisy = pictures.to_uint8(corruption.gaussian(clean / np.float32(255), noise, seed))
        restored = denoise(
            noisy,
            denoiser,
            overlap=overlap,
            advance=lambda done: advance(done / tile_count(source.shape, size, overlap)),
        )
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

    advance = _advance(progress, len(items), "pictures")
    _write(output, [f"{name}.png" for name, _, _ in items], items, write, compare, rows, overwrite, failed)
    return rows


def _sounds(inputs, output, model, overlap, noise, seed, overwrite, failed, progress) -> list[dict[str, Any]]:
    from zoo import plots
    from zoo.data.audio import RATE
    from zoo.evaluation import si_sdr

    opened = _opened(audio.open_audio(inputs, RATE, failed=failed), failed)
    denoiser = registry.load(model or "denoising_signal_ae")
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
        with audio.writer(file, RATE) as wav:
            blocks = kept(noisy(sound), heard)
            for block in denoised_blocks(
                blocks, sound.samples, denoiser, overlap=overlap, advance=lambda done: advance(done / RATE)
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

    advance = _advance(progress, sum(sound.samples for sound in opened) / RATE, "seconds")
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
