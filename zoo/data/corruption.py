"""Corruptions with fixed parameters, in NumPy, for measuring denoisers."""

import numpy as np


def gaussian(images: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    """Adds Gaussian noise of standard deviation ``sigma`` to images in [0, 1] and clips the sum to [0, 1]."""
    noise = np.random.default_rng(seed).standard_normal(images.shape, dtype=np.float32)
    return np.clip(images + np.float32(sigma) * noise, 0.0, 1.0)


def masking(images: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Sets each pixel to 0 with probability ``fraction``."""
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


def _uniform(images: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(images.shape, dtype=np.float32)
