"""Sounds in frames that overlap, of which only what noise explains is taken out."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from zoo import registry
from zoo.codec import frames
from zoo.io import audio

if TYPE_CHECKING:
    from zoo import models

HEADROOM = 16  # steps of loudness: between words a model still sees that its frame is quieter than what came before
# The gate of sounds: a window's samples, and those between two windows, at 8 kHz 32 and 8 ms.
WINDOW, HOP = 256, 64
SMOOTH = (9, 15)  # frequencies and windows that the power of what the model leaves out is averaged over
FLOOR_WINDOWS, FLOOR_SHARE = 63, 0.05  # noise is what this share of 2 seconds, every fourth window, stays below
CLEAN = (30.0, 40.0)  # dB that noise lies below the sound of two seconds, where less of it and where none is taken out
SECTION, MARGIN = 1 << 18, 1 << 14  # samples that are gated at once, and beside them; whole hops


def denoise_audio(
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
    source = audio.from_array(samples, "samples")
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
        model, overlap: as of ``denoise_audio``.
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
