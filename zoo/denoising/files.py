"""Files of pictures or of sounds, and a picture of the first before and after."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo import registry
from zoo.denoising.audio import denoised_blocks
from zoo.denoising.images import TAKE, chosen_model, denoise, tile_count
from zoo.denoising.photographs import PhotoDenoising, check_strength, of_photographs, tiles
from zoo.io import audio, pictures

PICTURED_SECONDS, COMPARISON = 5, "before-after"


def denoise_files(
    inputs: Sequence[str | os.PathLike],
    output: str | os.PathLike,
    model: str | os.PathLike | None = None,
    *,
    overlap: int | None = None,
    strength: float = 1.0,
    noise: float | None = None,
    seed: int = 0,
    overwrite: bool = False,
    threads: int | None = None,
    failed: list[str] | None = None,
    progress: Any = None,
) -> list[dict[str, Any]]:
    """Removes noise from files: ``zoo denoise``.

    Args:
        inputs: pictures, or sounds; ``.npy`` arrays of pictures; folders.
        output: folder for a PNG or WAV file of each, and ``before-after.png``, which shows the first of them.
        model: a denoiser's name or folder; None for ``photo_denoiser``, of grey pictures of at most 28 × 28
            ``denoising_ae``, of sounds ``denoising_signal_ae``.
        overlap: pixels of small pictures, or samples, that neighbouring tiles or frames share; None for half.
        strength: of pictures, how much of the noise found is taken out, see ``denoise``.
        noise: standard deviation, of 1, of Gaussian noise that is added first, to see what comes back; None for none.
        seed: of that noise.
        overwrite: whether files that are there already are replaced.
        threads: that LiteRT computes with, of photographs; None for all.
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
    check_strength(strength)
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be at least 1: received {threads}.")
    if audio.are_audio(inputs):
        if strength != 1:
            raise ValueError(f"strength is of pictures: leave it out for sounds, received {strength}.")
        return _sounds(inputs, Path(output), model, overlap, noise, seed, overwrite, failed, progress)
    settings = {"overlap": overlap, "strength": strength}
    return _pictures(inputs, Path(output), model, settings, threads, noise, seed, overwrite, failed, progress)


def needs_tensorflow(inputs: Sequence[str | os.PathLike], model: str | os.PathLike | None) -> bool:
    """Whether ``denoise_files`` is going to start TensorFlow, of anything but small grey pictures."""
    return audio.are_audio([Path(path) for path in inputs]) or (model is not None and not of_photographs(model))


def _advance(progress, total: float, unit: str) -> Callable[[float], None]:
    """Tells how much more is done, where there is somebody to tell."""
    if progress is None:
        return lambda done: None
    task = progress.add_task("denoising", total=total, status=unit)
    return lambda done: progress.advance(task, done)


def _pictures(
    inputs, output, model, settings, threads, noise, seed, overwrite, failed, progress
) -> list[dict[str, Any]]:
    photographs = model is None or of_photographs(model)
    take = TAKE if photographs else pictures.PIXELS
    sources = _opened(pictures.open_sources(inputs, taken=[(1, COMPARISON)], failed=failed, take=take), failed)
    denoisers = {name: _denoiser(name, threads, settings) for name in {model or chosen_model(s.shape) for s in sources}}
    first, rows = [], []
    items = [
        (source.name if source.count == 1 else f"{source.name}_{index}", source, index)
        for source in sources
        for index in range(source.count)
    ]

    def write(item, file):
        name, source, index = item
        denoiser = denoisers[model or chosen_model(source.shape)]
        clean = source.read(index, index + 1)[0]
        noisy = clean if noise is None else _with_noise(clean, noise, seed)
        restored = denoiser(noisy, advance)
        pictures.write_png(restored, file)
        changes = [change for change in source.changes if not change.startswith("opaque")]
        row = {"name": name, "shape": list(clean.shape), **({"changes": ", ".join(changes)} if changes else {})}
        if noise is not None:
            row |= {"noisy_psnr": _psnr(clean, noisy), "denoised_psnr": _psnr(clean, restored)}
        rows.append(row)
        first[:] = first or (noisy, restored)

    def compare(file):
        gap = np.full((first[0].shape[0], 8, first[0].shape[2]), np.iinfo(first[0].dtype).max, first[0].dtype)
        pictures.write_png(np.concatenate([first[0], gap, first[1]], axis=1), file)

    advance = _advance(progress, len(items), "pictures")
    _write(output, [f"{name}.png" for name, _, _ in items], items, write, compare, rows, overwrite, failed)
    return rows


def _denoiser(name: str | os.PathLike, threads: int | None, settings: dict[str, Any]) -> Callable:
    """What removes noise from a picture, and reports fractions of it done."""
    overlap, strength = settings["overlap"], settings["strength"]
    if of_photographs(name):
        if overlap is not None:
            raise ValueError("overlap must be left out: what tiles of photographs share, the network sees.")
        run = PhotoDenoising(name, threads=threads)

        def photograph(picture, advance):
            number = sum(1 for _ in tiles(*picture.shape[:2]))
            return run(picture, strength=strength, advance=lambda done: advance(done / number))

        return photograph
    model = registry.load(name)

    def small(picture, advance):
        def done(tiles):
            advance(tiles / tile_count(picture.shape, model.image_shape[:2], overlap))

        return denoise(picture, model, **settings, advance=done)

    return small


def _with_noise(clean: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """A picture with Gaussian noise, clipped and rounded, the same as of ``zoo.data.corruption``; alpha has none."""
    full, colours = np.iinfo(clean.dtype).max, clean.shape[-1] - (clean.shape[-1] in (2, 4))
    drawn = np.random.default_rng(seed).standard_normal(clean[..., :colours].shape, dtype=np.float32)
    noisy = clean.copy()
    levels = np.clip(clean[..., :colours] / np.float32(full) + np.float32(noise) * drawn, 0, 1)
    noisy[..., :colours] = np.rint(full * levels)
    return noisy


def _psnr(clean: np.ndarray, found: np.ndarray) -> float:
    """In dB."""
    error = np.mean(np.square((clean.astype(np.float64) - found) / np.iinfo(clean.dtype).max))
    return float("inf") if error == 0 else float(-10 * np.log10(error))


def _sounds(inputs, output, model, overlap, noise, seed, overwrite, failed, progress) -> list[dict[str, Any]]:
    from zoo import plots
    from zoo.evaluation import si_sdr

    denoiser = registry.load(model or "denoising_signal_ae")
    rate = denoiser.sample_rate
    opened = _opened(audio.open_audio(inputs, rate, failed=failed), failed)
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
        with audio.writer(file, rate) as wav:
            blocks = kept(noisy(sound), heard)
            for block in denoised_blocks(
                blocks, sound.samples, denoiser, overlap=overlap, advance=lambda done: advance(done / rate)
            ):
                wav.write(block)
                restored.append(block)
                if noise is None and first:  # what is not measured or drawn is not kept
                    heard.clear()
                    restored.clear()
        row = {"name": sound.name, "seconds": sound.samples / rate, "changes": ", ".join(sound.changes)}
        if noise is not None:
            clean = np.concatenate(list(sound.read()))
            row |= {
                "noisy_si_sdr": si_sdr(clean, np.concatenate(heard)),
                "denoised_si_sdr": si_sdr(clean, np.concatenate(restored)),
            }
        rows.append(row)
        if not first:
            first.extend(np.concatenate(parts)[: PICTURED_SECONDS * rate] for parts in (heard, restored))

    def compare(file):
        figure = plots.spectrograms(dict(zip(("before", "after"), first, strict=True)), None, rate=rate)
        file.write(plots.to_bytes(figure, "png"))

    advance = _advance(progress, sum(sound.samples for sound in opened) / rate, "seconds")
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
