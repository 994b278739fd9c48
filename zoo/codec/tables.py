"""Integer tables that turn the encoder's codes into symbols and symbols into words.

A symbol is decided by integers alone: the int8 code of the LiteRT encoder goes through a look-up
table. Each latent number has a static frequency table of its own, or several, of which every tile
takes those that suit it best and says which; the coder is asymmetric numeral systems (Duda 2013,
https://arxiv.org/abs/1311.2540) as constriction implements it: 64-bit state, 32-bit words,
frequencies that sum to 2^24.
"""

import binascii
import functools
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from zoo.codec.format.fields import CodecError
from zoo.codec.frames import HEADROOM, LEVELS

PRECISION = 24  # frequencies of a table sum to 2^24
COST_UNITS = 256  # a bit is cut into as many parts where costs are compared, in integers
FIRST_LEVEL = 48  # before a chunk's first frame
_SEED = 1 << 16  # above the 16 bits of a check value, so that the coder's first word is never 0

_SHAPES = {
    "requantize": (np.int16, 1), "minimum": (np.int16, 1), "size": (np.int16, 1),
    "counts": (np.uint32, 1), "step": (np.float32, 0), "tile": (np.int16, 1),
    "index_counts": (np.uint32, 1),
    "overlap": (np.int16, 0), "sample_rate": (np.int32, 0), "level_counts": (np.uint32, 1),
    "headroom": (np.int16, 0), "unit": (np.uint8, 1), "resolution": (np.float32, 0),
}  # fmt: skip
MOST_BYTES = 1 << 27  # of all tables of a model, once unpacked
_OPTIONAL = ("index_counts", "overlap", "sample_rate", "level_counts", "headroom", "unit", "resolution")


def read_arrays(path: Path, names: Iterable[str], optional: Iterable[str] = ()) -> dict[str, np.ndarray]:
    """Arrays of an ``.npz`` file, without pickles, after its sizes were looked at.

    Raises:
        KeyError, OSError, ValueError, zipfile.BadZipFile: if it is no such file, or would take too much memory.
    """
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > MOST_BYTES:
        raise ValueError(f"it unpacks to {size:,} bytes: {MOST_BYTES:,} are the most.")
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in names if name in file or name not in optional}


class Tables:
    """The contents of a model's ``codec.npz``, checked.

    Args:
        requantize: int16 ``(256,)``; the symbol of int8 code ``q`` is ``requantize[q + 128]``.
        minimum: int16 ``(latent_dim,)``, the smallest symbol of each latent number.
        size: int16 ``(latent_dim,)``, the number of symbols of each.
        counts: uint32 ``(tables × sum(size),)``, table after table the frequencies of one latent
            number after the other; those of each are at least 1 and sum to 2^24.
        step: the decoder's input is symbol × step.
        tile: ``(height, width, channels)`` of the encoder's input.
        index_counts: uint32 ``(tables,)``, the frequencies of the tables, at least 1, with the sum 2^24; None for one
            table, whose index takes no bits.
        overlap: of signals, samples that neighbouring frames share, beyond the tile; None for pictures.
        sample_rate: of signals, in Hz.
        level_counts: of signals, uint32 ``(127,)``, the frequencies of a frame's level less the one before it, from −63
            to 63; at least 1, with the sum 2^24.
        headroom: of signals, see ``zoo.codec.frames.levels_of``; None for its default.
        unit: of signals that are no sound, what they are measured in, in ASCII: uint8; None for sound.
        resolution: of these, 16-bit steps a unit.

    Raises:
        ValueError: if the tables contradict themselves.
    """

    def __init__(
        self,
        *,
        requantize,
        minimum,
        size,
        counts,
        step,
        tile,
        index_counts=None,
        overlap=None,
        sample_rate=None,
        level_counts=None,
        headroom=None,
        unit=None,
        resolution=None,
    ):
        self.requantize, self.minimum, self.size = requantize, minimum, size
        self.step, self.tile = np.float32(step), tuple(int(n) for n in tile)
        self.latent_dim = len(minimum)
        self.index_counts = np.array([1 << PRECISION] if index_counts is None else index_counts, np.int64)
        if len(requantize) != 256:
            raise ValueError(f"requantize must hold 256 symbols: received {len(requantize)}.")
        if len(size) != self.latent_dim or not self.latent_dim or size.min() < 1:
            raise ValueError("size must hold a number of at least 1 for every entry of minimum.")
        if not len(self.index_counts) or self.index_counts.min() < 1 or self.index_counts.sum() != 1 << PRECISION:
            raise ValueError(f"index_counts must be at least 1 and sum to 2^{PRECISION}.")
        expected = len(self.index_counts) * size.sum(dtype=np.int64)
        if expected != len(counts):
            tables = f"{len(self.index_counts)} × " if len(self.index_counts) > 1 else ""
            raise ValueError(f"counts must hold {tables}sum(size) = {expected} numbers: received {len(counts)}.")
        if (minimum.astype(np.int64) + size - 1).max() > np.iinfo(np.int16).max:
            raise ValueError("minimum + size - 1, the largest symbol, must fit into int16.")
        if not np.isfinite(self.step) or self.step <= 0:
            raise ValueError(f"step must be positive: received {step}.")
        if len(self.tile) != 3 or min(self.tile) < 1 or self.tile[2] != 1:
            raise ValueError(f"tile must be (height, width, 1): received {self.tile}.")
        self.overlap = None if overlap is None else int(overlap)
        self.sample_rate, self.level_counts = sample_rate, level_counts
        self.headroom = HEADROOM if headroom is None else int(headroom)
        self.unit, self.resolution = "" if unit is None else bytes(unit).decode("ascii"), resolution
        if self.overlap is not None:
            self._check_signal()
        ends = np.cumsum(size[:-1], dtype=np.int64)
        self.counts = [np.split(table, ends) for table in np.split(counts.astype(np.int64), len(self.index_counts))]
        for table in self.counts:
            for latent, row in enumerate(table):
                if row.min() < 1 or row.sum() != 1 << PRECISION:
                    raise ValueError(f"counts of latent {latent} must be at least 1 and sum to 2^{PRECISION}.")

    def _check_signal(self) -> None:
        if self.sample_rate is None or self.level_counts is None:
            raise ValueError("overlap, sample_rate and level_counts must come together.")
        if self.tile[0] != 1 or not 0 <= self.overlap <= self.tile[1] or self.overlap % 2:
            raise ValueError(
                f"overlap must be even and at most n of the tile (1, n, 1): received {self.overlap} and {self.tile}."
            )
        if not 1 <= self.sample_rate <= 1_000_000:
            raise ValueError(f"sample_rate must be from 1 to 1,000,000 Hz: received {self.sample_rate}.")
        counts = self.level_counts.astype(np.int64)
        if len(counts) != 2 * LEVELS - 1 or counts.min() < 1 or counts.sum() != 1 << PRECISION:
            raise ValueError(f"level_counts must be {2 * LEVELS - 1} numbers of at least 1 that sum to 2^{PRECISION}.")
        if not 0 <= self.headroom <= LEVELS:
            raise ValueError(f"headroom must be from 0 to {LEVELS}: received {self.headroom}.")
        if bool(self.unit) != (self.resolution is not None) or not self.unit.isprintable():
            raise ValueError("unit, which must be printable, and resolution must come together.")
        if self.resolution is not None and not (np.isfinite(self.resolution) and self.resolution > 0):
            raise ValueError(f"resolution must be above 0: received {self.resolution}.")
        self.resolution = None if self.resolution is None else float(self.resolution)
        self.sample_rate = int(self.sample_rate)

    @classmethod
    def read(cls, path: Path) -> "Tables":
        """Reads ``codec.npz``.

        Raises:
            ValueError: if it is no such file; the message names it.
        """
        try:
            arrays = read_arrays(path, _SHAPES, _OPTIONAL)
            for name, array in arrays.items():
                dtype, axes = _SHAPES[name]
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

    def choose(self, symbols: np.ndarray) -> np.ndarray:
        """The index of the table that codes each row of symbols ``(n, latent_dim)`` in the fewest bits: int64 ``(n,)``.

        Raises:
            ValueError: if a symbol lies outside its alphabet.
        """
        indices = symbols.astype(np.int64) - self.minimum
        if indices.size and (indices.min() < 0 or (indices >= self.size).any()):
            raise ValueError("A symbol lies outside its alphabet: expected minimum to minimum + size - 1.")
        if len(self.index_counts) == 1:
            return np.zeros(len(symbols), np.int64)
        flat = indices + np.cumsum(self.size, dtype=np.int64) - self.size
        costs = np.stack([table[flat].sum(axis=1) for table in self.costs], axis=1)
        return (costs + self.index_costs).argmin(axis=1)

    @functools.cached_property
    def costs(self) -> np.ndarray:
        """Int32 ``(tables, sum(size))``: what each symbol takes, in ``COST_UNITS`` of a bit, rounded."""
        return np.stack([_costs(np.concatenate(table)) for table in self.counts])

    @functools.cached_property
    def index_costs(self) -> np.ndarray:
        """Int32 ``(tables,)``: the same of the index of each table."""
        return _costs(self.index_counts)

    def encode(self, symbols: np.ndarray, seed: np.ndarray | None = None) -> np.ndarray:
        """Entropy-codes symbols ``(n, latent_dim)`` into uint32 words.

        The indices of the rows' tables come first, then, for each table, latent number after latent
        number, each for all rows that take it: so there is one call of the coder for many rows.

        Args:
            symbols: integers.
            seed: words that the coder starts with, and that ``decode`` will leave.

        Raises:
            ValueError: if a symbol lies outside its alphabet.
        """
        import constriction

        chosen = self.choose(symbols)
        rows = np.ascontiguousarray((symbols.astype(np.int32) - self.minimum).T)
        coder = constriction.stream.stack.AnsCoder() if seed is None else constriction.stream.stack.AnsCoder(seed)
        # The coder is a stack: what is pushed last is popped first.
        for table in reversed(range(len(self.counts))):
            members = np.flatnonzero(chosen == table)
            if not len(members):
                continue
            part = rows if len(members) == len(chosen) else rows[:, members]
            for row, model in zip(part[::-1], self._models[table][::-1], strict=True):
                if model is not None:
                    coder.encode_reverse(np.ascontiguousarray(row), model)
        if self._index_model is not None:
            coder.encode_reverse(chosen.astype(np.int32), self._index_model)
        return coder.get_compressed()

    def encode_levels(self, levels: np.ndarray) -> np.ndarray:
        """Entropy-codes the levels ``(n,)`` of frames, each less the one before it, into uint32 words for a seed."""
        import constriction

        coder = constriction.stream.stack.AnsCoder()
        changes = np.diff(levels, prepend=FIRST_LEVEL) + (LEVELS - 1)
        coder.encode_reverse(changes.astype(np.int32), self._level_model)
        return coder.get_compressed()

    def decode_with_levels(self, words: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The symbols and levels of ``count`` frames, coded by ``encode`` with the seed of ``encode_levels``.

        Raises:
            CodecError: if the words hold more, less or other than that.
        """
        symbols, coder = self._decode(words, count)
        changes = coder.decode(self._level_model, count).astype(np.int64) - (LEVELS - 1)
        levels = FIRST_LEVEL + np.cumsum(changes)
        if not coder.is_empty() or levels.min() < 0 or levels.max() >= LEVELS:
            raise CodecError(f"its words do not end with the levels of {count} frames")
        return symbols, levels

    def decode(self, words: np.ndarray, count: int) -> np.ndarray:
        """The int16 symbols ``(count, latent_dim)`` that ``encode`` made these uint32 words of.

        Raises:
            CodecError: if the words hold more, less or other than ``count`` rows.
        """
        symbols, coder = self._decode(words, count)
        # Coding is a bijection: only the words of exactly these symbols leave the coder empty.
        if not coder.is_empty():
            raise CodecError(f"its words do not end with the symbols of {count} tiles")
        return symbols

    def encode_one(self, symbols: np.ndarray, salt: bytes = b"") -> bytes:
        """The fewest bytes for the symbols ``(latent_dim,)`` of one tile, with a check of 16 bits.

        The check is what the coder starts with: an ANS coder that is empty wastes up to 24 bits on
        its first symbols, of which a check value saves 17. Trailing zero bytes are left out.

        Args:
            symbols: integers.
            salt: bytes that the check covers beside the symbols.

        Raises:
            ValueError: if a symbol lies outside its alphabet.
        """
        seed = np.array([self._check(symbols, salt)], np.uint32)
        return self.encode(symbols[None], seed).astype("<u4").tobytes().rstrip(b"\0")

    def decode_one(self, data: bytes, salt: bytes = b"") -> np.ndarray:
        """The int16 symbols ``(latent_dim,)`` that ``encode_one`` made these bytes of.

        Raises:
            CodecError: if the check does not match, or bytes are missing or left over.
        """
        if not data or data[-1] == 0 or len(data) > 4 * (self.latent_dim + 3):
            raise CodecError(f"{len(data)} bytes cannot be those of one tile: truncated or corrupt")
        words = np.frombuffer(data + bytes(-len(data) % 4), "<u4").astype(np.uint32)
        symbols, coder = self._decode(words, 1)
        if coder.get_compressed().tolist() != [self._check(symbols[0], salt)]:
            raise CodecError("the check of 16 bits does not match: truncated, corrupt, or of another model")
        return symbols[0]

    @staticmethod
    def _check(symbols: np.ndarray, salt: bytes) -> int:
        return _SEED | binascii.crc_hqx(salt + symbols.astype("<i2").tobytes(), 0xFFFF)

    def _decode(self, words: np.ndarray, count: int):
        """Symbols, and the coder as it is after them."""
        import constriction

        try:
            coder = constriction.stream.stack.AnsCoder(words)
        except ValueError:
            raise CodecError("its last word is zero, which no coder writes") from None
        chosen = np.zeros(count, np.int32)
        if self._index_model is not None:
            chosen[:] = coder.decode(self._index_model, count)
        symbols = np.zeros((self.latent_dim, count), np.int16)
        for table, models in enumerate(self._models):
            members = np.flatnonzero(chosen == table)
            if not len(members):
                continue
            for row, model, minimum in zip(symbols, models, self.minimum, strict=True):
                row[members] = minimum if model is None else coder.decode(model, len(members)) + minimum
        return symbols.T, coder

    @functools.cached_property
    def least_bits(self) -> float:
        """The fewest bits that a row of symbols takes, its table's index and its level included."""
        largest = [sum(PRECISION - np.log2(row.max()) for row in table) for table in self.counts]
        level = 0 if self.level_counts is None else PRECISION - np.log2(self.level_counts.max())
        return float(np.min(largest + (PRECISION - np.log2(self.index_counts))) + level)

    def information(self, symbols: np.ndarray) -> float:
        """Ideal code length of symbols ``(n, latent_dim)`` under the tables they take, in bits."""
        chosen = self.choose(symbols)
        bits = (PRECISION - np.log2(self.index_counts))[chosen].sum()
        for table, counts in enumerate(self.counts):
            indices = symbols[chosen == table].astype(np.int64) - self.minimum
            bits += sum((PRECISION - np.log2(row[column])).sum() for row, column in zip(counts, indices.T, strict=True))
        return float(bits)

    @functools.cached_property
    def _models(self) -> list[list]:
        """constriction's model of each latent number in each table; None for a single symbol, which is free."""
        return [[exact_model(row) for row in table] for table in self.counts]

    @functools.cached_property
    def _level_model(self):
        return exact_model(self.level_counts)

    @functools.cached_property
    def _index_model(self):
        return exact_model(self.index_counts)


def _costs(counts: np.ndarray) -> np.ndarray:
    return np.rint(COST_UNITS * (PRECISION - np.log2(counts))).astype(np.int32)


def exact_model(counts: np.ndarray):
    """constriction's model with exactly these frequencies; None for a single symbol."""
    import constriction

    # With perfect=False, constriction gives each of n symbols 1 / 2^24 and shares out the remaining
    # 2^24 - n in proportion to the weights, rounding down. Weights of count - 1 sum to that
    # remainder: the scale is exactly 1, no rounding happens, and the coder's frequencies are
    # `counts` themselves.
    if len(counts) == 1:
        return None
    return constriction.stream.model.Categorical((counts - 1).astype(np.float64), perfect=False)
