"""Integer tables that turn the encoder's codes into symbols and symbols into words.

A symbol is decided by integers alone: the int8 code of the LiteRT encoder goes through a look-up
table. Each latent number has a static frequency table of its own; the coder is asymmetric numeral
systems (Duda 2013, https://arxiv.org/abs/1311.2540) as constriction implements it: 64-bit state,
32-bit words, frequencies that sum to 2^24.
"""

import functools
import zipfile
from pathlib import Path

import numpy as np

from zoo.codec.container import CodecError

PRECISION = 24  # frequencies of a table sum to 2^24

_SHAPES = {
    "requantize": (np.int16, 1), "minimum": (np.int16, 1), "size": (np.int16, 1),
    "counts": (np.uint32, 1), "step": (np.float32, 0), "tile": (np.int16, 1),
}  # fmt: skip


class Tables:
    """The contents of a model's ``codec.npz``, checked.

    Args:
        requantize: int16 ``(256,)``; the symbol of int8 code ``q`` is ``requantize[q + 128]``.
        minimum: int16 ``(latent_dim,)``, the smallest symbol of each latent number.
        size: int16 ``(latent_dim,)``, the number of symbols of each.
        counts: uint32 ``(sum(size),)``, the frequencies of one latent number after the other; those
            of each are at least 1 and sum to 2^24.
        step: the decoder's input is symbol × step.
        tile: ``(height, width, channels)`` of the encoder's input.

    Raises:
        ValueError: if the tables contradict themselves.
    """

    def __init__(self, *, requantize, minimum, size, counts, step, tile):
        self.requantize, self.minimum, self.size = requantize, minimum, size
        self.step, self.tile = np.float32(step), tuple(int(n) for n in tile)
        self.latent_dim = len(minimum)
        if len(requantize) != 256:
            raise ValueError(f"requantize must hold 256 symbols: received {len(requantize)}.")
        if len(size) != self.latent_dim or not self.latent_dim or size.min() < 1:
            raise ValueError("size must hold a number of at least 1 for every entry of minimum.")
        if size.sum(dtype=np.int64) != len(counts):
            raise ValueError(
                f"counts must hold sum(size) = {size.sum(dtype=np.int64)} numbers: received {len(counts)}."
            )
        if (minimum.astype(np.int64) + size - 1).max() > np.iinfo(np.int16).max:
            raise ValueError("minimum + size - 1, the largest symbol, must fit into int16.")
        if not np.isfinite(self.step) or self.step <= 0:
            raise ValueError(f"step must be positive: received {step}.")
        if len(self.tile) != 3 or min(self.tile) < 1 or self.tile[2] != 1:
            raise ValueError(f"tile must be (height, width, 1): received {self.tile}.")
        self.counts = np.split(counts.astype(np.int64), np.cumsum(size[:-1], dtype=np.int64))
        for latent, table in enumerate(self.counts):
            if table.min() < 1 or table.sum() != 1 << PRECISION:
                raise ValueError(f"counts of latent {latent} must be at least 1 and sum to 2^{PRECISION}.")

    @classmethod
    def read(cls, path: Path) -> "Tables":
        """Reads ``codec.npz``.

        Raises:
            ValueError: if it is no such file; the message names it.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in _SHAPES}
            for name, (dtype, axes) in _SHAPES.items():
                array = arrays[name]
                if array.dtype != dtype or array.ndim != axes:
                    raise ValueError(
                        f"{name} must be {np.dtype(dtype)} with {axes} axes: received {array.dtype} with {array.ndim}."
                    )
            return cls(**arrays)
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} holds no codec tables: {' '.join(str(error).split())}") from None

    def symbols(self, codes: np.ndarray) -> np.ndarray:
        """Int16 symbols of int8 codes ``(n, latent_dim)``, clipped into each alphabet."""
        symbols = self.requantize[codes.astype(np.int16) + 128]
        return np.clip(symbols, self.minimum, self.minimum + (self.size - 1))

    def encode(self, symbols: np.ndarray) -> np.ndarray:
        """Entropy-codes symbols ``(n, latent_dim)`` into uint32 words.

        Latent number after latent number, each for all rows: so it is one call of the coder a
        latent.

        Raises:
            ValueError: if a symbol lies outside its alphabet.
        """
        import constriction

        indices = np.ascontiguousarray((symbols.astype(np.int32) - self.minimum).T)
        if indices.size and (indices.min() < 0 or (indices >= self.size[:, None]).any()):
            raise ValueError("A symbol lies outside its alphabet: expected minimum to minimum + size - 1.")
        coder = constriction.stream.stack.AnsCoder()
        # The coder is a stack: what is pushed last is popped first.
        for row, model in zip(indices[::-1], self._models[::-1], strict=True):
            if model is not None:
                coder.encode_reverse(row, model)
        return coder.get_compressed()

    def decode(self, words: np.ndarray, count: int) -> np.ndarray:
        """The int16 symbols ``(count, latent_dim)`` that ``encode`` made these uint32 words of.

        Raises:
            CodecError: if the words hold more, less or other than ``count`` rows.
        """
        import constriction

        try:
            coder = constriction.stream.stack.AnsCoder(words)
        except ValueError:
            raise CodecError("its last word is zero, which no coder writes") from None
        symbols = np.empty((self.latent_dim, count), np.int16)
        for row, model, minimum in zip(symbols, self._models, self.minimum, strict=True):
            row[:] = minimum if model is None else coder.decode(model, count) + minimum
        # Coding is a bijection: only the words of exactly these symbols leave the coder empty.
        if not coder.is_empty():
            raise CodecError(f"its words do not end with the symbols of {count} tiles")
        return symbols.T

    def information(self, symbols: np.ndarray) -> float:
        """Ideal code length of symbols ``(n, latent_dim)`` under the tables, in bits."""
        indices = symbols.astype(np.int64) - self.minimum
        used = (table[column] for table, column in zip(self.counts, indices.T, strict=True))
        return float(sum((PRECISION - np.log2(counts)).sum() for counts in used))

    @functools.cached_property
    def _models(self) -> list:
        """constriction's model of each latent number; None for a single symbol, which is free."""
        import constriction

        # With perfect=False, constriction gives each of n symbols 1 / 2^24 and shares out the
        # remaining 2^24 - n in proportion to the weights, rounding down. Weights of count - 1 sum
        # to that remainder: the scale is exactly 1, no rounding happens, and the coder's
        # frequencies are `counts` themselves.
        return [
            constriction.stream.model.Categorical((table - 1).astype(np.float64), perfect=False)
            if len(table) > 1
            else None
            for table in self.counts
        ]
