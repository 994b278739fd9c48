"""Measures of images in [0, 1]."""

import math

import numpy as np

from zoo.plots.pictures import unit


def mean_squared_error(images: np.ndarray, others: np.ndarray) -> float:
    """Mean squared error pooled over all pixels of all images, in float64.

    Args:
        images, others: arrays of one shape in [0, 1]; uint8 is divided by 255.

    Raises:
        ValueError: if the shapes differ or the arrays are empty.

    Examples:
        >>> import numpy as np
        >>> from zoo import evaluation
        >>> evaluation.mean_squared_error(np.array([[0, 255]], np.uint8), np.array([[0.5, 1.0]]))
        0.125
    """
    if images.shape != others.shape or not images.size:
        raise ValueError(f"images must have one shape and not be empty: received {images.shape} and {others.shape}.")
    total = 0.0
    for start in range(0, len(images), 1000):  # float64 copies of a whole test split would not be small
        total += float(np.sum((unit(images[start : start + 1000]) - unit(others[start : start + 1000])) ** 2))
    return total / images.size


def psnr(mse: float) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared error between images in [0, 1].

    Examples:
        >>> from zoo import evaluation
        >>> evaluation.psnr(0.001), evaluation.psnr(0)
        (30.0, inf)
    """
    return math.inf if mse == 0 else -10.0 * math.log10(mse)
