"""Measures of images in [0, 1]."""

import math

import numpy as np


def mean_squared_error(images: np.ndarray, others: np.ndarray) -> float:
    """Mean squared error pooled over all pixels of all images, in float64.

    Args:
        images, others: arrays of one shape in [0, 1]; uint8 is divided by 255.

    Raises:
        ValueError: if the shapes differ or the arrays are empty.
    """
    if images.shape != others.shape or not images.size:
        raise ValueError(f"images must have one shape and not be empty: received {images.shape} and {others.shape}.")
    total = 0.0
    for start in range(0, len(images), 1000):  # float64 copies of a whole test split would not be small
        total += float(np.sum((_unit(images[start : start + 1000]) - _unit(others[start : start + 1000])) ** 2))
    return total / images.size


def psnr(mse: float) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared error between images in [0, 1]."""
    return math.inf if mse == 0 else -10.0 * math.log10(mse)


def _unit(images: np.ndarray) -> np.ndarray:
    return images / 255.0 if images.dtype == np.uint8 else images.astype(np.float64)
