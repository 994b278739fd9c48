"""A recurrent language model in integers: the same numbers on every machine.

All that the network multiplies and adds are integers. They stand in floating-point numbers, because that is what
matrices are multiplied fast in, but every partial sum stays below the precision of its type, so that it is exact
whatever the order; sigmoid, tanh and exponential are looked up. What the arrays mean is written in ``FORMAT.md``.
"""

import dataclasses
import functools
import zipfile
from pathlib import Path

import numpy as np

from zoo.codec.tables import read_arrays

PRE_BITS = 10  # fraction bits of what goes into a gate
STATE_BITS = 15  # fraction bits of what comes out, and of the state
READ_BITS = 10  # of those of the state, that matrices read
REACH = 8  # gates are flat beyond
EXP_BITS = 24  # the largest piece weighs 2^24
BLOCKS = 128  # a piece's block is its number modulo 128, so that its mass is a sum of rows
SINGLE, DOUBLE = 1 << 24, 1 << 53  # below which integers are exact in float32, and in float64
MOST_SHIFT = 7  # of a row of the embedding
MOST_FEATURE = 1 << 15

_ENTRIES = 2 * REACH << PRE_BITS


@dataclasses.dataclass(frozen=True)
class LanguageTables:
    """The contents of a model's ``text.npz``: v pieces, e numbers of each, u units.

    Attributes:
        embedding: int8 ``(v, e)``, of a piece that is read, and of one that is foretold.
        embedding_shift: int32 ``(v,)``: a row stands for 2^shift times its numbers.
        kernel, recurrent, features: int8 ``(e, 3u)``, ``(u, 3u)``, ``(u, e)``: of gates update, reset and candidate.
        kernel_scale, recurrent_scale, features_scale: int32, of each column: what a sum is multiplied by, before it is
            shifted by ``shifts`` to the right.
        shifts: int32 ``(4,)``: of kernel, recurrent and features, and from a logit to a place in ``exponential``.
        kernel_bias, recurrent_bias, features_bias: int32, of each column.
        sigmoid, tanh: int32 ``(16384,)``, of −8 to 8 in steps of 2^-10, in steps of 2^-15.
        exponential: int32 ``(m,)``, falling from 2^24 to 0.
        features_limit: int32, the largest feature.
        confidence: int32 ``(orders, 8, 8)``: the share of a context's own distribution, out of 2^16
            (``zoo.codec.contexts``).
        tile: int32, the most bytes of a lane.
    """

    embedding: np.ndarray
    embedding_shift: np.ndarray
    kernel: np.ndarray
    kernel_scale: np.ndarray
    kernel_bias: np.ndarray
    recurrent: np.ndarray
    recurrent_scale: np.ndarray
    recurrent_bias: np.ndarray
    features: np.ndarray
    features_scale: np.ndarray
    features_bias: np.ndarray
    features_limit: np.ndarray
    shifts: np.ndarray
    sigmoid: np.ndarray
    tanh: np.ndarray
    exponential: np.ndarray
    confidence: np.ndarray
    tile: np.ndarray

    @classmethod
    def read(cls, path: Path) -> "LanguageTables":
        """Reads ``text.npz``.

        Raises:
            ValueError: if it is no such file, or contradicts itself; the message names it.
        """
        try:
            tables = cls(**read_arrays(path, [field.name for field in dataclasses.fields(cls)]))
            tables._check()
            return tables
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} holds no tables of a language model: {' '.join(str(error).split())}") from None

    def _check(self) -> None:
        if self.embedding.ndim != 2 or self.recurrent.ndim != 2:
            raise ValueError("embedding and recurrent must be matrices.")
        (v, e), (u, _) = self.embedding.shape, self.recurrent.shape
        shapes = {
            "embedding": (v, e), "kernel": (e, 3 * u), "recurrent": (u, 3 * u), "features": (u, e),
            "embedding_shift": (v,), "shifts": (4,), "features_limit": (), "tile": (),
            "sigmoid": (_ENTRIES,), "tanh": (_ENTRIES,), "exponential": self.exponential.shape[:1],
            "confidence": (*self.confidence.shape[:1], 8, 8),
        }  # fmt: skip
        for name, columns in (("kernel", 3 * u), ("recurrent", 3 * u), ("features", e)):
            shapes |= {f"{name}_scale": (columns,), f"{name}_bias": (columns,)}
        for name, shape in shapes.items():
            dtype = np.int8 if name in ("embedding", "kernel", "recurrent", "features") else np.int32
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != shape:
                raise ValueError(f"{name} must be {np.dtype(dtype)} {shape}.")
        one = 1 << STATE_BITS
        for name, (low, high) in {
            "embedding_shift": (0, MOST_SHIFT), "shifts": (0, 30), "sigmoid": (0, one), "tanh": (-one, one),
            "exponential": (0, 1 << EXP_BITS), "features_limit": (1, MOST_FEATURE), "tile": (1, 4096),
            "confidence": (0, 1 << 16), "kernel_scale": (0, 1 << 16), "recurrent_scale": (0, 1 << 16),
            "features_scale": (0, 1 << 16), "kernel_bias": (-(1 << 24), 1 << 24),
            "recurrent_bias": (-(1 << 24), 1 << 24), "features_bias": (-(1 << 24), 1 << 24),
        }.items():  # fmt: skip
            array = getattr(self, name)
            if not array.size or array.min() < low or array.max() > high:
                raise ValueError(f"{name} must be from {low} to {high}.")
        if self.exponential[0] != 1 << EXP_BITS or self.exponential[-1] != 0 or v < 260:
            raise ValueError("exponential must fall from 2^24 to 0, and there must be 260 pieces or more.")
        rows = np.abs(self.embedding.astype(np.int64)).sum(axis=1)
        if rows.max() * self.features_limit >= SINGLE or (rows << self.embedding_shift).max() * self.features_limit >= (
            1 << 30
        ):
            raise ValueError("the logits exceed what float32 holds exactly.")


class LanguageModel:
    """What pieces weigh that may come next.

    ::

        piece → row of the embedding → GRU (its equations with a reset after the product) → state
        state → features → product with each row of the embedding: logits → look-up: weights

    Args:
        tables: of the model.
    """

    def __init__(self, tables: LanguageTables):
        self._tables, self.vocabulary = tables, len(tables.embedding)
        self._shifts = tables.shifts.tolist()
        self.units = len(tables.recurrent)

    def start(self, lanes: int) -> np.ndarray:
        """The state before the first piece, ``(lanes, units)``."""
        return np.zeros((lanes, self.units))

    def step(self, pieces: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights of the next piece, and the state.

        Args:
            pieces: the ones before, integers ``(lanes,)``.
            state: ``(lanes, units)``, as the step before returned it.

        Returns:
            int32 ``(lanes, v / BLOCKS, BLOCKS)``, from 0 to 2^24, in the order of pieces with zeros at the end; and the
            state, integers in float64 ``(lanes, units)``.
        """
        tables, u = self._tables, self.units
        given = self._given[pieces]
        kept = self._gates("recurrent", _shifted(state, STATE_BITS - READ_BITS))
        gates = _look_up(tables.sigmoid, given[:, : 2 * u] + kept[:, : 2 * u])
        update, reset = gates[:, :u], gates[:, u:]
        inner = given[:, 2 * u :] + _shifted(reset * kept[:, 2 * u :], STATE_BITS)
        candidate = _look_up(tables.tanh, inner)
        state = _shifted(update * state + ((1 << STATE_BITS) - update) * candidate, STATE_BITS)
        return self._weights(state), state

    def _weights(self, state: np.ndarray) -> np.ndarray:
        limit = int(self._tables.features_limit)
        found = self._gates("features", _shifted(state, STATE_BITS - READ_BITS))
        found = found.clip(-limit, limit).astype(np.float32)
        logits = (found @ self._outputs).astype(np.int32)
        logits -= logits.max(axis=1, keepdims=True)
        np.negative(logits, out=logits)
        logits >>= self._shifts[3]
        np.minimum(logits, len(self._tables.exponential) - 1, out=logits)
        weights = self._tables.exponential[logits]
        if spare := -self.vocabulary % BLOCKS:
            weights = np.pad(weights, ((0, 0), (0, spare)))
        return weights.reshape(len(state), -1, BLOCKS)

    def _gates(self, name: str, inputs: np.ndarray) -> np.ndarray:
        """Inputs times a matrix, scaled and rounded to the columns' common fraction, plus the bias."""
        matrix, scale, bias = self._matrices[name]
        sums = inputs.astype(matrix.dtype, copy=False) @ matrix
        return np.floor(sums.astype(np.float64, copy=False) * scale + 0.5) + bias

    @functools.cached_property
    def _given(self) -> np.ndarray:
        """What each piece gives to the gates, ``(v, 3u)``; float32, while that is exact, as it takes less room."""
        found = self._gates("kernel", self._inputs)
        return found.astype(np.float32) if np.abs(found).max() < SINGLE else found

    @functools.cached_property
    def _matrices(self) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        # A product with a scale stays below 2^53, and so does its sum with a half: the shift of a float is exact.
        found = {}
        largest = {
            "kernel": int(np.abs(self._inputs).max()), "recurrent": 1 << READ_BITS, "features": 1 << READ_BITS
        }  # fmt: skip
        for name, shift in zip(("kernel", "recurrent", "features"), self._shifts, strict=False):
            matrix, scale = getattr(self._tables, name).astype(np.float64), getattr(self._tables, f"{name}_scale")
            reached = np.abs(matrix).sum(axis=0).max() * largest[name]  # by no partial sum
            if reached * int(scale.max()) >= DOUBLE / 2:
                raise ValueError(
                    f"text.npz: the sums of {name} exceed what float64 holds exactly. Reinstall the model."
                )
            matrix = matrix.astype(np.float32) if reached < SINGLE else matrix
            found[name] = matrix, scale * 2.0**-shift, getattr(self._tables, f"{name}_bias").astype(np.float64)
        return found

    @functools.cached_property
    def _inputs(self) -> np.ndarray:
        return self._tables.embedding.astype(np.float64) * 2.0 ** self._tables.embedding_shift[:, None]

    @functools.cached_property
    def _outputs(self) -> np.ndarray:
        # A row's sums are multiples of 2^shift below 2^(24 + shift): exact in float32.
        return np.ascontiguousarray(self._inputs.T.astype(np.float32))


def _look_up(table: np.ndarray, places: np.ndarray) -> np.ndarray:
    half = len(table) // 2
    return table[(places + half).clip(0, len(table) - 1).astype(np.intp)].astype(np.float64)


def _shifted(values: np.ndarray, bits: int) -> np.ndarray:
    """Rounded to the nearest multiple of 2^bits, and divided by it; halves up."""
    return np.floor(values * 2.0**-bits + 0.5)
