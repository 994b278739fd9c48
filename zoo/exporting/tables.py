"""Integer tables for the entropy coder, from a trained bottleneck and its int8 encoder."""

import io

import numpy as np

from zoo.codec.frames import HEADROOM, LEVELS
from zoo.codec.tables import PRECISION
from zoo.layers import EntropyBottleneck

PRIOR_WEIGHT = 32.0  # images that the learned prior counts for, beside those that were counted
ROUNDS = 4  # of choosing tables for the images and counting anew


def build_tables(bottleneck: EntropyBottleneck, scale: float, zero_point: int, codes: np.ndarray, tile) -> dict:
    """Turns the prior and the codes of the training images into integer frequencies.

    The alphabet of a number is what the training images used of it and a symbol more on both sides; the rare code
    beyond is clipped into it. A symbol's frequency is its count over the training images, smoothed by the learned
    prior. Of several tables, each is counted over the images that it codes in the fewest bits.

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
    symbols = requantize[codes.astype(np.int64) + 128].astype(np.int64)
    low = np.maximum(symbols.min(axis=0) - 1, requantize.min())
    high = np.minimum(symbols.max(axis=0) + 1, requantize.max())
    size = high - low + 1
    mass = _prior(bottleneck, low, high)  # (tables, numbers, symbols), zero beyond each alphabet
    index_bits = np.asarray(bottleneck.index_bits(), np.float64) if bottleneck.num_priors > 1 else np.zeros(1)
    prior, smallest = mass, 2.0**-PRECISION
    for _ in range(ROUNDS if len(mass) > 1 else 1):
        chosen = _cheapest(symbols - low, -np.log2(np.maximum(mass, smallest)), index_bits)
        use = np.bincount(chosen, minlength=len(mass))
        index_bits = -np.log2((use + 1) / (len(codes) + len(mass)))
        mass = np.stack([_counted(symbols[chosen == table] - low, prior[table]) for table in range(len(mass))])
    counts = [integer_frequencies(row[:n]) for table in mass for row, n in zip(table, size, strict=True)]
    arrays = {
        "requantize": requantize,
        "minimum": low.astype(np.int16),
        "size": size.astype(np.int16),
        "counts": np.concatenate(counts).astype(np.uint32),
        "step": np.float32(bottleneck.step),
        "tile": np.asarray(tile, np.int16),
    }
    if len(mass) > 1:
        arrays["index_counts"] = integer_frequencies(use + 1.0).astype(np.uint32)
    return arrays


def signal_tables(model) -> dict[str, np.ndarray]:
    """What ``codec.npz`` of a model of signals has beside, by its arguments of these names.

    Levels mostly stay, seldom move by a step, and any change may come.
    """
    distance = np.abs(np.arange(1 - LEVELS, LEVELS))
    mass = 0.9 * 0.3**distance + 0.1 / len(distance)
    arrays = {
        "overlap": np.int16(model.overlap),
        "sample_rate": np.int32(model.sample_rate),
        "level_counts": integer_frequencies(mass).astype(np.uint32),
    }
    if model.headroom != HEADROOM:
        arrays["headroom"] = np.int16(model.headroom)
    if model.unit:
        arrays["unit"] = np.frombuffer(model.unit.encode("ascii"), np.uint8)
        arrays["resolution"] = np.float32(model.resolution)
    return arrays


def _prior(bottleneck: EntropyBottleneck, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The learned mass of every symbol, ``(tables, numbers, symbols)``, that of each alphabet summing to 1."""
    offsets = np.arange((high - low).max() + 1)
    grid = (low + offsets[:, None]).astype(np.float32)  # (symbols, numbers)
    bits = np.asarray(bottleneck.bits(grid), np.float64)
    bits = bits[:, None] if bits.ndim == 2 else bits
    mass = np.exp2(-bits.transpose(1, 2, 0)) * (offsets <= (high - low)[:, None])
    return mass / mass.sum(axis=-1, keepdims=True)


def _cheapest(indices: np.ndarray, bits: np.ndarray, index_bits: np.ndarray) -> np.ndarray:
    numbers = np.arange(indices.shape[1])
    costs = np.stack([table[numbers, indices].sum(axis=1) for table in bits], axis=1)
    return (costs + index_bits).argmin(axis=1)


def _counted(indices: np.ndarray, prior: np.ndarray) -> np.ndarray:
    histogram = np.stack([np.bincount(column, minlength=prior.shape[1]) for column in indices.T])
    return (histogram + PRIOR_WEIGHT * prior) / (len(indices) + PRIOR_WEIGHT)


def to_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """Arrays as the bytes of a compressed ``.npz``."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def integer_frequencies(mass: np.ndarray) -> np.ndarray:
    """Integers ≥ 1 that sum to 2^PRECISION, proportional to ``mass``; the largest takes up the rounding."""
    total = 1 << PRECISION
    counts = 1 + np.floor(mass / mass.sum() * (total - len(mass))).astype(np.int64)
    counts[np.argmax(counts)] += total - counts.sum()
    return counts
