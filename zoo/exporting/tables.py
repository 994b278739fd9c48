"""Integer tables for the entropy coder, from a trained bottleneck and its int8 encoder."""

import io

import numpy as np

from zoo.codec.tables import PRECISION
from zoo.layers import EntropyBottleneck

PRIOR_WEIGHT = 32.0  # images that the learned prior counts for, beside those that were counted


def build_tables(bottleneck: EntropyBottleneck, scale: float, zero_point: int, codes: np.ndarray, tile) -> dict:
    """Turns the prior and the codes of the training images into integer frequencies.

    The alphabet holds every symbol that an int8 code can stand for, so no image can leave it. A symbol's
    frequency is its count over the training images, smoothed by the learned prior.

    Args:
        bottleneck: the trained layer.
        scale, zero_point: of the LiteRT encoder's output.
        codes: int8 ``(n, latent_dim)``, of the training images.
        tile: ``(height, width, channels)``.

    Returns:
        The arrays of ``codec.npz``, as ``zoo.codec.tables.Tables`` describes them.
    """
    values = (np.arange(-128, 128) - zero_point) * np.float64(scale)
    requantize = np.rint(values / bottleneck.step).astype(np.int16)
    minimum, size = int(requantize.min()), int(requantize.max() - requantize.min() + 1)
    symbols = requantize[codes.astype(np.int64) + 128] - minimum
    latent_dim = codes.shape[1]
    grid = np.repeat(np.arange(minimum, minimum + size, dtype=np.float32)[:, None], latent_dim, axis=1)
    prior = np.exp2(-np.asarray(bottleneck.bits(grid), np.float64)).T
    prior /= prior.sum(axis=1, keepdims=True)
    histogram = np.stack([np.bincount(symbols[:, i], minlength=size) for i in range(latent_dim)])
    mass = (histogram + PRIOR_WEIGHT * prior) / (len(codes) + PRIOR_WEIGHT)
    counts = np.stack([_integer_frequencies(row) for row in mass])
    return {
        "requantize": requantize,
        "minimum": np.full(latent_dim, minimum, np.int16),
        "size": np.full(latent_dim, size, np.int16),
        "counts": counts.astype(np.uint32).reshape(-1),
        "step": np.float32(bottleneck.step),
        "tile": np.asarray(tile, np.int16),
    }


def to_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """Arrays as the bytes of a compressed ``.npz``."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _integer_frequencies(mass: np.ndarray) -> np.ndarray:
    """Integers ≥ 1 that sum to 2^PRECISION, proportional to ``mass``; the largest takes up the rounding."""
    total = 1 << PRECISION
    counts = 1 + np.floor(mass / mass.sum() * (total - len(mass))).astype(np.int64)
    counts[np.argmax(counts)] += total - counts.sum()
    return counts
