"""Corruptions with fixed parameters, in NumPy, for measuring denoisers."""

import numpy as np


def gaussian(images: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    """Adds Gaussian noise of standard deviation ``sigma`` to images in [0, 1] and clips the sum to [0, 1]."""
    noise = np.random.default_rng(seed).standard_normal(images.shape, dtype=np.float32)
    return np.clip(images + np.float32(sigma) * noise, 0.0, 1.0)


def masking(images: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Sets each pixel to 0 with probability ``fraction``.

    Examples:
        >>> import numpy as np
        >>> from zoo.data import corruption
        >>> masked = corruption.masking(np.ones((100, 100), np.float32), fraction=0.25, seed=0)
        >>> round(float(masked.mean()), 2)
        0.75
    """
    return np.where(_uniform(images, seed) < fraction, np.float32(0), images)


def salt_and_pepper(images: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Replaces each pixel with probability ``fraction``, half of them by 0 and half by 1."""
    draw = _uniform(images, seed)
    pepper = np.where(draw < fraction / 2, np.float32(0), images)
    return np.where(draw > 1 - fraction / 2, np.float32(1), pepper)


# What the denoisers' cards are measured on: name → corruption of (images, seed).
STANDARD = {
    "gaussian_0.3": lambda images, seed=0: gaussian(images, 0.3, seed),
    "gaussian_0.5": lambda images, seed=0: gaussian(images, 0.5, seed),
    "masking_0.5": lambda images, seed=0: masking(images, 0.5, seed),
    "salt_and_pepper_0.3": lambda images, seed=0: salt_and_pepper(images, 0.3, seed),
}


def signal_noise(signal: np.ndarray, decibels: float, colour: float, seed: int) -> np.ndarray:
    """Adds noise to a signal ``(samples,)`` so that their energies are ``decibels`` apart.

    The noise is white Gaussian through ``nₜ = wₜ + colour · nₜ₋₁``: white for 0, brown towards 1.
    """
    from scipy.signal import lfilter

    noise = lfilter([1.0], [1.0, -colour], np.random.default_rng(seed).standard_normal(signal.shape))
    noise *= np.sqrt(np.sum(signal.astype(np.float64) ** 2) / np.sum(noise**2)) * 10 ** (-decibels / 20)
    return signal + noise


# What the cards of denoisers of speech are measured on: name → noise added to (signal, seed).
SIGNAL_STANDARD = {
    "white_0_db": lambda signal, seed=0: signal_noise(signal, 0.0, 0.0, seed),
    "white_10_db": lambda signal, seed=0: signal_noise(signal, 10.0, 0.0, seed),
    "brown_0_db": lambda signal, seed=0: signal_noise(signal, 0.0, 0.9, seed),
    "brown_10_db": lambda signal, seed=0: signal_noise(signal, 10.0, 0.9, seed),
}


def _uniform(images: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(images.shape, dtype=np.float32)
