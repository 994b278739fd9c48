"""Denoising pictures and sounds of any size with a model of small ones: overlapping tiles, or frames, blended."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo import models, registry
from zoo.codec import frames
from zoo.io import pictures, sounds

PICTURED_SECONDS, COMPARISON = 5, "before-after"  # of what was denoised first
HEADROOM = 16  # steps of loudness: between words a model still sees that its frame is quieter than what came before
# The gate of sounds: a window's samples, and those between two windows, at 8 kHz 32 and 8 ms.
WINDOW, HOP = 256, 64
SMOOTH = (9, 15)  # frequencies and windows that the power of what the model leaves out is averaged over
FLOOR_WINDOWS, FLOOR_SHARE = 63, 0.05  # noise is what this share of 2 seconds, every fourth window, stays below
CLEAN = (30.0, 40.0)  # dB that noise lies below the sound of two seconds, where less of it and where none is taken out
SECTION, MARGIN = 1 << 18, 1 << 14  # samples that are gated at once, and beside them; whole hops


def denoise(
    images: np.ndarray,
    model: "str | os.PathLike | models.DenoisingAE" = "denoising_ae",
    *,
    overlap: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Removes noise from pictures of any size, channel by channel.

    A picture is cut into tiles of the model's size which overlap, and each pixel is the mean of what the tiles say of
    it, weighted by how far it lies from their edges: so no seam shows, and the mean of several guesses is better than
    one.

    Args:
        images: ``(h, w)``, ``(h, w, c)`` or ``(n, h, w, c)``, c 1 or 3; uint8, or float in [0, 1].
        model: a denoiser with one channel: its name, its folder, or the model itself.
        overlap: pixels that neighbouring tiles share, from 0 to the tile's size less one; None for half a tile.
        advance: called with the number of tiles done, for a progress bar.

    Returns:
        The denoised pictures, of the same shape and dtype.

    Raises:
        ValueError: for an array of another kind, a model that is no denoiser, or an overlap out of its range.
    """
    source = pictures.from_array(np.asarray(images))
    model = registry.loaded(model)
    if not registry.does(model, "denoise", "image") or model.image_shape[-1] != 1:
        raise ValueError(f"model must be a denoising autoencoder of grey images: received {model.name!r}.")
    size = model.image_shape[:2]
    overlap = _half(size) if overlap is None else overlap
    if not isinstance(overlap, int) or not 0 <= overlap < min(size):
        raise ValueError(f"overlap must be an integer from 0 to {min(size) - 1}: received {overlap!r}.")
    restored = [_one(picture[0], model, overlap, advance) for picture in source.batches(1)]
    result = np.stack(restored).reshape(np.shape(images))
    return np.rint(255 * result).astype(np.uint8) if np.asarray(images).dtype == np.uint8 else result


def denoise_sound(
    samples: np.ndarray,
    model: "str | os.PathLike | models.DenoisingSignalAE" = "denoising_signal_ae",
    *,
    overlap: int | None = None,
) -> np.ndarray:
    """Removes noise from a sound of any length, at the model's 8 kHz.

    The sound is cut into frames that overlap, each scaled by how loud it is lately (``zoo.codec.frames``), and what the
    model makes of them is faded into one. Of what the model leaves out, only as much is taken from the sound as noise
    that stays for seconds explains (``gated``): where the model is unsure, the sound stays as it is.

    Args:
        samples: ``(n,)`` or ``(n, 1)``; int16, or float in [−1, 1].
        model: a denoiser of signals: its name, its folder, or the model itself.
        overlap: samples that neighbouring frames share, an even number to half a frame; None for half a frame.

    Returns:
        The denoised sound, of the same shape and dtype.

    Raises:
        ValueError: for an array of another kind, a model that is no denoiser of signals, or an overlap out of range.
    """
    samples = np.asarray(samples)
    source = sounds.from_array(samples, "samples")
    restored = np.concatenate(list(denoised_blocks(source.read(), source.samples, model, overlap=overlap)))
    return (restored if samples.dtype == np.int16 else (restored / 32768).astype(samples.dtype)).reshape(samples.shape)


def denoised_blocks(
    blocks: Iterable[np.ndarray],
    samples: int,
    model: "str | os.PathLike | models.DenoisingSignalAE",
    *,
    overlap: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> Iterator[np.ndarray]:
    """The same of a sound that comes in pieces, int16 ``(m,)``, and goes in pieces.

    Args:
        blocks: the sound, ``samples`` in all.
        samples: its length.
        model, overlap: as of ``denoise_sound``.
        advance: called with the number of samples done, for a progress bar.
    """
    model = registry.loaded(model)
    if not registry.does(model, "denoise", "audio"):
        raise ValueError(f"model must be a denoising autoencoder of signals: received {model.name!r}.")
    length = model.image_shape[0]
    overlap = length // 2 if overlap is None else overlap
    if not isinstance(overlap, int) or not 0 <= overlap <= length // 2 or overlap % 2:
        raise ValueError(f"overlap must be an even integer from 0 to {length // 2}: received {overlap!r}.")
    yield from _in_sections(_by_model(blocks, samples, model, length, overlap), samples, advance)


def gated(noisy: np.ndarray, found: np.ndarray) -> np.ndarray:
    """A sound without the part of ``noisy − found`` that is noise: of each frequency at each time a share of it.

    The share is the power of noise over that of the difference: if noise and the model's error are independent, whose
    powers together are the difference's, the result has the least squared error. The power of noise is what the
    difference has in the quietest twentieth of two seconds. So it is small where the model takes out speech, which
    comes and goes, and ``noisy`` is returned there, as it is where the sound is 40 dB louder than noise.

    Args:
        noisy: ``(samples,)``.
        found: what a denoiser makes of it, of the same length.

    Returns:
        float64 ``(samples,)``.

    References:
        Stahl, Fischer & Bippus 2000, "Quantile Based Noise Estimation for Spectral Subtraction and Wiener Filtering".
    """
    from scipy.ndimage import uniform_filter, uniform_filter1d
    from scipy.signal import istft, stft

    noisy, left = np.asarray(noisy, np.float64), max(0, WINDOW - len(noisy))
    options = {"nperseg": WINDOW, "noverlap": WINDOW - HOP}
    heard, spectrum = (stft(np.pad(signal, (0, left)), **options)[2] for signal in (noisy, noisy - found))
    power = uniform_filter(np.abs(spectrum) ** 2, SMOOTH)
    around = np.pad(power[:, 2::4], ((0, 0), (FLOOR_WINDOWS // 2,) * 2), mode="reflect")
    around = np.lib.stride_tricks.sliding_window_view(around, FLOOR_WINDOWS, axis=1)
    place = int(FLOOR_SHARE * FLOOR_WINDOWS)
    floor = np.repeat(np.partition(around, place, axis=-1)[..., place], 4, axis=1)
    floor = np.pad(floor, ((0, 0), (0, 3)), mode="edge")[:, : power.shape[1]]
    loudness = uniform_filter1d((np.abs(heard) ** 2).sum(axis=0), 4 * FLOOR_WINDOWS)
    decibels = 10 * np.log10(np.maximum(loudness, 1e-12) / np.maximum(floor.sum(axis=0), 1e-12))
    certain = np.clip((CLEAN[1] - decibels) / (CLEAN[1] - CLEAN[0]), 0, 1)
    noise = istft(certain * np.minimum(1, floor / np.maximum(power, 1e-12)) * spectrum, **options)[1]
    return noisy - noise[: len(noisy)]


def _by_model(blocks, samples, model, length, overlap) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A sound and what the model makes of it, int16 ``(m,)`` each, in pieces."""
    heard, fading, state = np.zeros(0, np.int16), frames.OverlapAdd(samples, length, overlap), (0, 0)

    def kept():
        nonlocal heard
        for block in blocks:
            heard = np.concatenate([heard, block])
            yield block

    for cut in frames.split(kept(), length, overlap):
        levels, state = frames.levels_of(cut, state, HEADROOM)
        scale = frames.scale_of(levels)[:, None]
        found = model.predict((cut / scale)[..., None], batch_size=256, verbose=0)
        done = fading.add(found[..., 0] * scale)
        yield heard[: len(done)], done
        heard = heard[len(done) :]


def _in_sections(pairs, samples: int, advance) -> Iterator[np.ndarray]:
    """Gates a long sound in sections, each with what lies beside it, wherever the pieces of ``pairs`` end."""
    rest, start, end = np.zeros((2, 0), np.int16), 0, 0  # the rest begins at start less the margin
    for pair in itertools.chain(pairs, [None]):
        if pair is not None:
            rest, end = np.concatenate([rest, pair], axis=1), end + len(pair[0])
        while start < samples and (end == samples or end >= start + SECTION + MARGIN):
            before = min(start, MARGIN)
            size = min(SECTION, samples - start)
            found = gated(*rest[:, : before + size + MARGIN].astype(np.float64))[before : before + size]
            yield np.rint(found).clip(-32768, 32767).astype(np.int16)
            start += size
            rest = rest[:, before + size - min(start, MARGIN) :]
            if advance is not None:
                advance(size)


def tile_count(shape: tuple[int, int, int], size: tuple[int, int], overlap: int | None = None) -> int:
    """Tiles of ``size`` that ``denoise`` cuts one picture ``(h, w, c)`` into, for a progress bar."""
    overlap = _half(size) if overlap is None else overlap
    rows, columns = (len(_starts(n, s, overlap)) for n, s in zip(shape[:2], size, strict=True))
    return rows * columns * shape[2]


def _one(picture: np.ndarray, model, overlap: int, advance) -> np.ndarray:
    """One picture ``(h, w, c)`` as float32 in [0, 1]."""
    height, width, channels = picture.shape
    size = model.image_shape[:2]
    margins = [(0, max(0, s - n)) for n, s in zip((height, width), size, strict=True)]
    padded = np.pad(picture / np.float32(255), (*margins, (0, 0)), mode="symmetric")
    window = np.multiply.outer(*(_window(s, overlap) for s in size))[..., None]
    total = np.zeros(padded.shape, np.float32)
    weight = np.zeros((*padded.shape[:2], 1), np.float32)
    columns = _starts(padded.shape[1], size[1], overlap)
    for top in _starts(padded.shape[0], size[0], overlap):
        strip = padded[top : top + size[0]]
        tiles = np.stack([strip[:, left : left + size[1]] for left in columns])
        tiles = tiles.transpose(0, 3, 1, 2).reshape(-1, *size, 1)
        found = np.asarray(model.predict_on_batch(tiles)).reshape(-1, channels, *size).transpose(0, 2, 3, 1)
        for left, tile in zip(columns, found, strict=True):
            place = slice(top, top + size[0]), slice(left, left + size[1])
            total[place] += window * tile
            weight[place] += window
        if advance is not None:
            advance(len(tiles))
    return (total / weight)[:height, :width]


def _half(size: tuple[int, int]) -> int:
    return min(size) // 2


def _starts(length: int, size: int, overlap: int) -> list[int]:
    """Where tiles start along an axis; the last one ends where the axis does."""
    last = max(0, length - size)
    return [*range(0, last, size - overlap), last]


def _window(size: int, overlap: int) -> np.ndarray:
    """Weights along a tile: rising over the overlap, flat between, falling, above 0 throughout."""
    distance = np.minimum(np.arange(1, size + 1), np.arange(size, 0, -1))
    return np.minimum(distance / (overlap + 1), 1.0).astype(np.float32)


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
    run = _sounds if sounds.are_sounds(inputs) else _pictures
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
    from zoo.data.signals import RATE
    from zoo.evaluation import si_sdr

    opened = _opened(sounds.open_sounds(inputs, RATE, failed=failed), failed)
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
        with sounds.writer(file, RATE) as wav:
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
