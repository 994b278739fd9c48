"""Measures of signals."""

from collections.abc import Sequence

import numpy as np

from zoo import extras
from zoo.codec import Codec
from zoo.data import corruption

PASSAGE_SECONDS = 5.0  # that intelligibility is measured in: recordings of one word are too short for it


def signal_to_noise(signal: np.ndarray, estimate: np.ndarray) -> float:
    """Energy of a signal against that of the error, in dB, over all samples of both arrays.

    Examples:
        >>> import numpy as np
        >>> from zoo import evaluation
        >>> round(evaluation.signal_to_noise(np.ones(4), np.full(4, 0.9)), 3)
        20.0
    """
    signal, estimate = (np.asarray(values, np.float64) for values in (signal, estimate))
    return _decibel(np.sum(signal**2), np.sum((signal - estimate) ** 2))


def si_sdr(signal: np.ndarray, estimate: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB: of the estimate's part along the signal to what is left of it.

    Args:
        signal, estimate: ``(samples,)`` of one length.

    Raises:
        ValueError: if the shapes differ, or the signal is silent.

    References:
        Le Roux et al. 2019, "SDR – Half-baked or Well Done?", eq. 5.

    Examples:
        >>> import numpy as np
        >>> from zoo import evaluation
        >>> signal, noise = np.array([1.0, 1.0, -1.0, -1.0]), np.array([0.1, -0.1, 0.1, -0.1])
        >>> [round(evaluation.si_sdr(signal, factor * (signal + noise)), 3) for factor in (1, 5)]
        [20.0, 20.0]
    """
    signal, estimate = _checked(signal, estimate)
    energy = np.sum(signal**2)
    if not energy:
        raise ValueError("signal must not be silent: its energy is 0.")
    target = (estimate @ signal) / energy * signal
    return _decibel(np.sum(target**2), np.sum((estimate - target) ** 2))


def log_spectral_distance(signal: np.ndarray, estimate: np.ndarray, *, length: int = 256, floor: float = 60.0) -> float:
    """Root mean square difference of two log power spectra over frequencies, in dB, averaged over frames.

    Args:
        signal, estimate: ``(samples,)`` of one length, at least ``length``.
        length: of a frame, Hann windowed, half overlapping.
        floor: dB below the signal's strongest bin, under which both count as that.

    References:
        Gray & Markel 1976, "Distance Measures for Speech Processing", IEEE TASSP 24.
    """
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    signal, estimate = _checked(signal, estimate)
    if len(signal) < length:
        raise ValueError(f"signal must have at least {length} samples: received {len(signal)}.")
    transform = ShortTimeFFT(hann(length, sym=False), length // 2, 1.0)
    power = [np.abs(transform.stft(values)) ** 2 for values in (signal, estimate)]
    least = power[0].max() * 10 ** (-floor / 10)
    first, second = (10 * np.log10(np.maximum(values, max(least, 1e-300))) for values in power)
    return float(np.mean(np.sqrt(np.mean((first - second) ** 2, axis=0))))


def stoi(signal: np.ndarray, estimate: np.ndarray, rate: int) -> float:
    """Short-time objective intelligibility, mean over passages of five seconds, by pystoi.

    Args:
        signal, estimate: ``(samples,)`` of one length, at least one passage.
        rate: in Hz.

    Raises:
        ValueError: if they are too short, or pystoi is missing.

    References:
        Taal et al. 2011, "An Algorithm for Intelligibility Prediction of Time-Frequency Weighted Noisy Speech".
    """
    with extras.needed("STOI"):
        import pystoi
    signal, estimate = _checked(signal, estimate)
    size = int(PASSAGE_SECONDS * rate)
    starts = range(0, len(signal) - size + 1, size)
    if not starts:
        raise ValueError(f"signal must last {PASSAGE_SECONDS:g} seconds at least: received {len(signal) / rate:.2f}.")
    return float(np.mean([pystoi.stoi(signal[at : at + size], estimate[at : at + size], rate) for at in starts]))


def measure_audio(codec: Codec, recordings: Sequence[np.ndarray]) -> dict[str, float]:
    """What a codec makes of recordings, one after the other in one file: all bytes counted.

    Each is scaled to seven tenths of full scale first, so that all of them weigh the same.

    Args:
        codec: of signals.
        recordings: int16 ``(samples,)`` each.

    Returns:
        ``codec_kilobits_per_second``, ``codec_si_sdr`` in dB and ``codec_log_spectral_distance`` in dB over all of
        them, and ``codec_bytes``.
    """
    joined = joined_audio(recordings)
    file = codec.compress(joined)
    restored = codec.decompress(file)
    seconds = len(joined) / codec.tables.sample_rate
    return {
        "codec_kilobits_per_second": 8 * len(file) / seconds / 1000,
        "codec_si_sdr": si_sdr(joined, restored),
        "codec_log_spectral_distance": log_spectral_distance(joined, restored),
        "codec_bytes": len(file),
    }


def denoised_audio(model, clean: np.ndarray) -> dict[str, dict[str, float]]:
    """What a denoiser makes of frames with noise.

    Args:
        model: a ``DenoisingSignalAE``.
        clean: frames that follow one another, float32 ``(n, length, 1)``.

    Returns:
        Name of a noise of ``zoo.data.corruption`` → ``noisy_si_sdr`` and ``denoised_si_sdr`` in dB, over all frames.
    """
    figures = {}
    for kind, add_noise in corruption.SIGNAL_STANDARD.items():
        noisy = add_noise(clean.ravel()).astype(np.float32)
        found = model.predict(noisy.reshape(clean.shape), batch_size=500, verbose=0).ravel()
        figures[kind] = {
            "noisy_si_sdr": si_sdr(clean.ravel(), noisy),
            "denoised_si_sdr": si_sdr(clean.ravel(), found),
        }
    return figures


def joined_audio(recordings: Sequence[np.ndarray]) -> np.ndarray:
    """Recordings, each scaled to a peak of 0.7, one after the other: int16 ``(samples,)``."""
    scaled = (r * (0.7 * 32767 / max(1, int(np.abs(r.astype(np.int32)).max()))) for r in recordings)
    return np.rint(np.concatenate(list(scaled))).astype(np.int16)


def _checked(signal: np.ndarray, estimate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    signal, estimate = (np.asarray(values, np.float64) for values in (signal, estimate))
    if signal.ndim != 1 or signal.shape != estimate.shape or not signal.size:
        raise ValueError(f"signal and estimate must be (samples,): received {signal.shape} and {estimate.shape}.")
    return signal, estimate


def _decibel(signal: float, noise: float) -> float:
    return float(10 * np.log10(signal / noise)) if noise else float("inf")
