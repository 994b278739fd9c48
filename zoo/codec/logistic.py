"""Integers coded by logistic distributions whose means and scales come as integers.

A distribution is one of a shipped table of integer counts, chosen by the index of a scale and by where the mean lies
between two integers, so that every machine codes with the same probabilities. constriction codes all integers of one
distribution in one call.

::

    value, mean / 16, index of a scale → value − rounded mean → counts of (scale, fraction of the mean) → ANS
                                         further off than the support → an escape, and the distance by two digits
"""

import functools
import threading

import numpy as np

from zoo.codec.format.fields import CodecError
from zoo.codec.tables import exact_model

FRACTIONS = 16  # of a mean's unit
PRECISION = 24  # bits of a probability
DIGIT = 16  # bits of each of the two digits of an escaped distance


def counts_of(scales: np.ndarray, support: int) -> np.ndarray:
    """Counts of 2^24, uint32 ``(scales, FRACTIONS // 2 + 1, 2 · support + 2)``, of scales ``(n,)`` in units of a value.

    By symmetry the means 0 … 8 sixteenths above an integer are enough. The last count is the escape's.
    """
    edges = np.arange(-support, support + 2) - 0.5
    fractions = np.arange(FRACTIONS // 2 + 1) / FRACTIONS
    arguments = (edges - fractions[:, None]) / np.asarray(scales)[:, None, None]
    cumulative = 1 / (1 + np.exp(-np.clip(arguments, -700, 700)))
    outside = cumulative[..., :1] + 1 - cumulative[..., -1:]
    masses = np.concatenate([np.diff(cumulative, axis=-1), outside], axis=-1)
    counts = np.maximum(np.round(masses * (2**PRECISION - 2 * masses.shape[-1])), 1).astype(np.int64)
    largest = counts.argmax(axis=-1)[..., None]
    np.put_along_axis(
        counts, largest, np.take_along_axis(counts, largest, -1) + 2**PRECISION - counts.sum(-1, keepdims=True), -1
    )
    return counts.astype(np.uint32)


class Logistics:
    """Distributions by their counts.

    Args:
        counts: see ``counts_of``.

    Raises:
        ValueError: if they are no such counts.
    """

    def __init__(self, counts: np.ndarray):
        if counts.ndim != 3 or counts.shape[1] != FRACTIONS // 2 + 1 or counts.shape[2] % 2 or counts.shape[2] < 4:
            raise ValueError(f"its counts have no valid shape: received {counts.shape}")
        if counts.dtype != np.uint32 or (counts == 0).any() or (counts.sum(-1, dtype=np.int64) != 2**PRECISION).any():
            raise ValueError("its counts do not sum to 2^24")
        self.counts, self.support = counts, counts.shape[2] // 2 - 1
        self._bits = (PRECISION - np.log2(counts)).astype(np.float32)
        self._models: dict[int, object] = {}
        self._lock = threading.Lock()

    @property
    def scales(self) -> int:
        return len(self.counts)

    def encode(self, coder, values: np.ndarray, means: np.ndarray, scales: np.ndarray) -> None:
        """Puts values on an ANS coder; the last call is decoded first.

        Args:
            coder: of constriction.
            values: int64, any shape.
            means: int64, in sixteenths, of the same shape.
            scales: indices, int64, of the same shape.
        """
        base, order, runs = self._runs(means, scales)
        distances = values.ravel() - base
        escaped = distances[np.abs(distances) > self.support]
        if escaped.size:
            folded = np.where(escaped < 0, -2 * escaped - 1, 2 * escaped)[::-1]
            digits = np.stack([folded >> DIGIT, folded & (2**DIGIT - 1)], axis=-1).astype(np.int32)
            for pair in digits:
                coder.encode_reverse(pair, _digits())
        symbols = np.where(np.abs(distances) > self.support, 2 * self.support + 1, distances + self.support)
        symbols = symbols.astype(np.int32)[order]
        for key, start, stop in reversed(runs):
            coder.encode_reverse(symbols[start:stop], self._model(key))

    def decode(self, coder, means: np.ndarray, scales: np.ndarray, most: int) -> np.ndarray:
        """Takes the values of means and scales from an ANS coder, int64 of their shape.

        Raises:
            CodecError: if a value's magnitude is above ``most``.
        """
        base, order, runs = self._runs(means, scales)
        distances = np.empty(base.size, np.int64)
        for key, start, stop in runs:
            distances[order[start:stop]] = coder.decode(self._model(key), stop - start)
        distances -= self.support
        escaped = np.flatnonzero(distances == self.support + 1)
        for index in escaped:
            high, low = (int(digit) for digit in coder.decode(_digits(), 2))
            folded = (high << DIGIT) | low
            distances[index] = -(folded + 1 >> 1) if folded & 1 else folded >> 1
        values = base + distances
        if np.abs(values).max(initial=0) > most:
            raise CodecError("its words stand for values that are too large")
        return values.reshape(means.shape)

    def bits(self, values: np.ndarray, means: np.ndarray, scales: np.ndarray) -> np.ndarray:
        """Information of each value in bits, float32 of their shape."""
        base = (means + FRACTIONS // 2) >> 4
        distances, fractions = values - base, means - (base << 4)
        escaped = np.abs(distances) > self.support
        mirrored = np.where(fractions < 0, -distances, distances)
        symbols = np.where(escaped, 2 * self.support + 1, mirrored + self.support)
        return self._bits[scales, np.abs(fractions), symbols] + np.float32(2 * DIGIT) * escaped

    def _runs(self, means, scales) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int, int]]]:
        """Rounded means, flat; an order in which a distribution's values follow each other; its key, from and to."""
        base = (means + FRACTIONS // 2) >> 4
        keys = (scales * FRACTIONS + (means - (base << 4)) + FRACTIONS // 2).ravel()
        order = np.argsort(keys.astype(np.uint16), kind="stable")
        ordered = keys[order]
        starts = np.flatnonzero(np.diff(ordered, prepend=-1))
        stops = np.append(starts[1:], len(ordered))
        return base.ravel(), order, list(zip(ordered[starts].tolist(), starts.tolist(), stops.tolist(), strict=True))

    def _model(self, key: int):
        """The distribution of a scale and a fraction of −8 … 7 sixteenths."""
        with self._lock:
            found = self._models.get(key)
            if found is None:
                scale, fraction = divmod(key, FRACTIONS)
                fraction -= FRACTIONS // 2
                counts = self.counts[scale, abs(fraction)].astype(np.int64)
                if fraction < 0:
                    counts = np.append(counts[-2::-1], counts[-1])
                found = self._models[key] = exact_model(counts)
        return found


@functools.cache
def _digits():
    import constriction

    return constriction.stream.model.Uniform(2**DIGIT)
