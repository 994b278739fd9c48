"""Stacked MNIST: three digits as the three channels of an image, and so a thousand modes that can be counted."""

import numpy as np


def stacked(
    images: np.ndarray, n: int, seed: int = 0, *, labels: np.ndarray | None = None
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Draws three grey images independently for each image, red, green and blue.

    Args:
        images: uint8 ``(m, height, width, 1)``, such as MNIST's.
        n: how many to make.
        seed: of the draws.
        labels: classes 0 to 9 of ``images``, integers ``(m,)``.

    Returns:
        uint8 ``(n, height, width, 3)``; with labels also int64 ``(n,)`` from 0 to 999: the digit in red is the
        hundreds, in green the tens, in blue the ones.

    Raises:
        ValueError: for images or labels of another shape, dtype or range, or ``n`` below 1.

    References:
        Metz et al. 2017, "Unrolled Generative Adversarial Networks", §3.3.1; Srivastava et al. 2017, "VEEGAN", §4.2.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 1 or not len(images):
        raise ValueError(f"images must be uint8 (m, height, width, 1): received {images.dtype} {images.shape}.")
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"n must be an integer ≥ 1: received {n!r}.")
    chosen = np.random.default_rng(seed).integers(len(images), size=(n, 3))
    pictures = np.concatenate([images[chosen[:, channel]] for channel in range(3)], axis=-1)
    if labels is None:
        return pictures
    labels = np.asarray(labels)
    if labels.shape != (len(images),) or not np.isin(labels, range(10)).all():
        raise ValueError(f"labels must be {len(images)} integers from 0 to 9: received the shape {labels.shape}.")
    return pictures, labels[chosen].astype(np.int64) @ np.array([100, 10, 1])
