"""Measures of images in [0, 1]."""

import io
import math

import numpy as np
from PIL import Image

from zoo import extras
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


def ms_ssim(picture: np.ndarray, other: np.ndarray) -> float:
    """Structural similarity over five scales, from 0 to 1, the mean of the channels', by TensorFlow.

    Args:
        picture, other: uint8 ``(height, width, channels)``, of at least 161 pixels each way; smaller ones are mirrored.

    References:
        Wang, Simoncelli and Bovik 2003, Multiscale structural similarity for image quality assessment.
    """
    from zoo import backend

    missing = [max(0, 161 - side) for side in picture.shape[:2]]
    padding = [(0, extent) for extent in missing] + [(0, 0)]
    return backend.ms_ssim(*(np.pad(p, padding, "symmetric") for p in (picture, other)))


def ssimulacra2(picture: np.ndarray, other: np.ndarray) -> float:
    """SSIMULACRA 2, which is fitted to what people see: 100 for the same, 90 hardly to be told apart, 30 poor.

    Args:
        picture, other: uint8 ``(height, width, 3)``.

    Raises:
        ValueError: if ssimulacra2 is missing.

    References:
        Sneyers 2022, github.com/cloudinary/ssimulacra2, in its translation to Python.
    """
    with extras.needed("SSIMULACRA 2"):
        import ssimulacra2
    files = [io.BytesIO(), io.BytesIO()]
    for file, pixels in zip(files, (picture, other), strict=True):
        Image.fromarray(pixels).save(file, "BMP")
    return float(ssimulacra2.compute_ssimulacra2(*files))
