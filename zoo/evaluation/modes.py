"""How many of a distribution's modes a generator's samples reach, and how often it repeats itself."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.data import Mixture
from zoo.evaluation.distances import flat, squared_distances
from zoo.io.arrays import as_array

# Root of the mean squared difference of two images' pixels, in [0, 1], up to which they are taken for the same: 5 of
# 255 grey levels. Of MNIST's 10,000 test images none has another one so near, of Fashion-MNIST's 2 have.
SAME_IMAGE = 0.02
STACKED_MODES = 1000


def mode_coverage(samples: np.ndarray, mixture: Mixture, *, within: float = 3.0, least: int = 20) -> dict[str, Any]:
    """Which modes of a mixture of Gaussians samples reach.

    A sample is of high quality if it lies within some standard deviations of the nearest centre: of the mixture's own
    samples in the plane 98.9 % do, with 3.

    Args:
        samples: ``(n, d)``.
        mixture: the distribution that they ought to have.
        within: Euclidean distance from a centre, in standard deviations of one coordinate, that still is its mode.
        least: samples of high quality that make a mode a captured one.

    Returns:
        ``modes`` captured and ``of`` how many; ``high_quality``, the share of samples; ``counts``, the samples of high
        quality of each mode; and ``kl``, the divergence in nats of how they are spread over the modes from the
        uniform distribution: 0 at best, log(modes) where all are in one, infinite where there are none.

    Raises:
        ValueError: for samples of another dimension, not finite or none, or a bound out of its range.

    References:
        Srivastava et al. 2017, "VEEGAN: Reducing Mode Collapse in GANs using Implicit Variational Learning", §4.1.
    """
    if not isinstance(least, int) or least < 1:
        raise ValueError(f"least must be an integer ≥ 1: received {least!r}.")
    found = mixture.modes_of(samples, within)
    counts = np.bincount(found[found >= 0], minlength=len(mixture.centres))
    return {
        "modes": int((counts >= least).sum()),
        "of": len(counts),
        "high_quality": float((found >= 0).mean()),
        "counts": counts.tolist(),
        "kl": divergence_from_uniform(counts),
    }


def stacked_mnist_coverage(
    images: np.ndarray, classify: Callable[[np.ndarray], np.ndarray], *, batch_size: int = 5000
) -> dict[str, Any]:
    """Which of the thousand combinations of three digits generated images show (``zoo.data.stacked``).

    The literature makes 26,000 images. Even as many real ones diverge from the uniform distribution by about
    999 / (2 · 26,000) = 0.019 nats, as their counts are a draw.

    Args:
        images: ``(n, height, width, 3)``, each channel a digit.
        classify: grey images ``(m, height, width, 1)`` of the dtype of ``images`` → digits 0 to 9, integers ``(m,)``.
        batch_size: images classified at once.

    Returns:
        ``modes``: combinations seen at least once, ``of`` 1,000; ``kl``: the divergence in nats of their distribution
        from the uniform one; and ``samples``, the number of images.

    Raises:
        ValueError: for images of another shape, or labels that are no digits.

    References:
        Srivastava et al. 2017, "VEEGAN", §4.2; Lin et al. 2018, "PacGAN: The power of two samples in generative
        adversarial networks", §4.2.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != 3 or not len(images):
        raise ValueError(f"images must have the shape (n, height, width, 3), n ≥ 1: received {images.shape}.")
    counts = np.zeros(STACKED_MODES, np.int64)
    for start in range(0, len(images), batch_size):
        part = images[start : start + batch_size]
        combination = np.zeros(len(part), np.int64)
        for channel in range(3):
            digits = as_array(classify(part[..., channel : channel + 1]))
            if digits.shape != (len(part),) or not np.isin(digits, range(10)).all():
                raise ValueError(f"classify must return {len(part)} digits from 0 to 9: received {digits.shape}.")
            combination = 10 * combination + digits.astype(np.int64)
        counts += np.bincount(combination, minlength=STACKED_MODES)
    return {
        "modes": int((counts > 0).sum()),
        "of": STACKED_MODES,
        "kl": divergence_from_uniform(counts),
        "samples": len(images),
    }


def divergence_from_uniform(counts: np.ndarray) -> float:
    """KL(p ‖ uniform) in nats of the distribution p that counts stand for; infinite where nothing was counted."""
    counts = np.asarray(counts, np.float64)
    if not counts.sum():
        return math.inf
    p = counts[counts > 0] / counts.sum()
    return max(0.0, float((p * np.log(p * counts.size)).sum()))


def diversity(samples: np.ndarray, real: np.ndarray) -> float:
    """Mean Euclidean distance between two different samples over that between two different real examples.

    About 1 where samples differ as the real ones do; 0 where all are the same.

    Args:
        samples, real: ``(n, ...)``, at least two each; uint8 is divided by 255.
    """
    return mean_distance(samples) / mean_distance(real)


def mean_distance(examples: np.ndarray) -> float:
    """Mean Euclidean distance over all pairs of two different examples ``(n, ...)``; uint8 is divided by 255."""
    rows = _pairs_of(examples)
    total = sum(np.sqrt(part).sum(dtype=np.float64) for part in squared_distances(rows, rows, omit_self=0.0))
    return float(total) / (len(rows) * (len(rows) - 1))


def duplicate_rate(samples: np.ndarray, tolerance: float = SAME_IMAGE) -> float:
    """The share of samples that another one is the same as, or nearly so.

    Args:
        samples: ``(n, ...)``, at least two; uint8 is divided by 255.
        tolerance: root of the mean squared difference of two samples' values, up to which they are the same.
    """
    rows = _pairs_of(samples)
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be at least 0: received {tolerance!r}.")
    bound = tolerance**2 * rows.shape[1]
    found = sum(int((part.min(axis=1) <= bound).sum()) for part in squared_distances(rows, rows, omit_self=np.inf))
    return found / len(rows)


def _pairs_of(examples: np.ndarray) -> np.ndarray:
    rows = flat(examples)
    if len(rows) < 2:
        raise ValueError(f"samples must be at least two, to be compared with one another: received {len(rows)}.")
    return rows
