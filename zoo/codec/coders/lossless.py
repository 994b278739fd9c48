"""Tiles to words without loss: bits-back coding with a hierarchical variational autoencoder.

Townsend, Bird & Barber 2019, "Practical Lossless Compression with Latent Variables": the latents of an
image are drawn by decoding them from what is coded already, and coded again under their prior, so that
an image takes the evidence lower bound of the networks that code it. Here those are int8, which costs 2 to
13 % beside a grey float model's bound, and all that comes after them is integer arithmetic and look-ups, so that
no float decides a symbol. Whether two machines' int8 kernels agree is shown by a probe: the digest of the
networks' outputs on a fixed input.
"""

import dataclasses
import functools
import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from zoo import artifacts
from zoo.codec.format.fields import CodecError
from zoo.codec.format.header import Probe
from zoo.codec.litert import Network, as_int8
from zoo.codec.tables import PRECISION, read_arrays

# Row and column of each quarter's pixels among two times two, in the order of the likelihood's outputs; the second is
# diagonal to the first, so that the others have neighbours on all sides.
QUARTERS = ((0, 0), (1, 1), (0, 1), (1, 0))
NETWORKS = ("top_posterior", "posterior", "prior", "likelihood")
FINE = 64  # positions of means, to a symbol
CDF_STEPS, CDF_REACH = 256, 16  # entries of a distribution function to a standard deviation (or scale), and their reach
SCALE_SHIFT = 12  # fraction bits of an inverse scale
LINEAR_SHIFT = 12  # fraction bits of the linear prediction's weights
REACH = (-816, 17136)  # of the sum of a prediction and a mean: a twentieth beyond the levels, in 1/64
WEIGHTS = 256  # that the components of a mixture share
LEVELS = 256  # of pixels and of latents

MOST_RATIO = 16  # of a chunk's samples to its bytes, where it could be coded otherwise
LEAST_BITS = 2  # of a tile, where it could not: black ones take 4.5
SAMPLE_TILES = 64  # that show whether the model suits a chunk

_BATCH = 128  # tiles whose symbols are pushed together
_ROWS = 4096  # distributions made at once: as many as the processor's cache likes
_OF_COLOUR = ("linear", "linear_bias")


def _shapes(channels: int) -> dict[str, tuple[int, ...]]:
    """Of the arrays, for tiles of so many channels."""
    planes = len(QUARTERS) * channels
    shapes = {
        "normal": (2 * CDF_REACH * CDF_STEPS + 1,), "logistic": (2 * CDF_REACH * CDF_STEPS + 1,),
        "gaussian_position": (3, LEVELS), "gaussian_inverse": (3, LEVELS),
        "pixel_position": (planes, LEVELS), "pixel_inverse": (planes, LEVELS), "pixel_weight": (planes, LEVELS),
        "top_prior": (LEVELS,), "seed_words": (), "tile": (3,),
    }  # fmt: skip
    return shapes if channels == 1 else shapes | {"linear": (planes, 3, 3, planes), "linear_bias": (planes,)}


@dataclasses.dataclass(frozen=True)
class LosslessTables:
    """The contents of a model's ``lossless.npz``, all int32.

    Attributes:
        normal, logistic: distribution functions, from −16 to 16 standard deviations (or scales) in steps of 1/256,
            rising from 0 to 2^24 and to 2^16.
        gaussian_position, gaussian_inverse: of the top posterior, the lower posterior and the lower prior: what an
            int8 mean stands for, in 1/64 of a latent's symbol from the symbol 0, and the inverse of the standard
            deviation of an int8 log variance, in 2^-12 steps of the distribution function to 1/64 of a symbol.
        pixel_position, pixel_inverse: the same of the planes' means and log scales, of pixels; the planes are the four
            quarters, in colour the channels of each.
        pixel_weight: what a component's logit that lies 0, 1, … 255 steps below the largest weighs, at most 2^16.
        top_prior: frequencies of the top layer's symbols, at least 1, with the sum 2^24.
        seed_words: words that each chunk starts with, for the first tile's latents to be drawn from.
        tile: ``(height, width, 1)``, or of colour ``(height, width, 3)``.
        linear, linear_bias: of colour, in 2^-12 of 1/64 of a level: what a plane's means are corrections of, plane by
            plane, is the sum of the weights times the pixels about the place, ``(planes, 3, 3, planes)``, of the planes
            before it, and the bias. None of grey tiles.
    """

    normal: np.ndarray
    logistic: np.ndarray
    gaussian_position: np.ndarray
    gaussian_inverse: np.ndarray
    pixel_position: np.ndarray
    pixel_inverse: np.ndarray
    pixel_weight: np.ndarray
    top_prior: np.ndarray
    seed_words: np.ndarray
    tile: np.ndarray
    linear: np.ndarray | None = None
    linear_bias: np.ndarray | None = None

    @classmethod
    def read(cls, path: Path) -> "LosslessTables":
        """Reads ``lossless.npz``.

        Raises:
            ValueError: if it is no such file, or contradicts itself; the message names it.
        """
        try:
            arrays = read_arrays(path, _shapes(3), _OF_COLOUR)
            tile = arrays["tile"]
            if tile.shape == (3,) and (tile[2] not in (1, 3) or tile.min() < 1 or (tile[:2] % 2).any()):
                raise ValueError(f"tile must have even sides and 1 or 3 channels: received {tile.tolist()}.")
            shapes = _shapes(int(tile[-1]) if tile.shape == (3,) else 1)
            for name, shape in shapes.items():
                if arrays[name].dtype != np.int32 or arrays[name].shape != shape:
                    raise ValueError(f"{name} must be int32 {shape}.")
            for name, total in (("normal", 1 << PRECISION), ("logistic", (1 << PRECISION) // WEIGHTS)):
                table = arrays[name]
                if table[0] != 0 or table[-1] != total or (np.diff(table) < 0).any():
                    raise ValueError(f"{name} must rise from 0 to {total}.")
            if arrays["top_prior"].min() < 1 or arrays["top_prior"].sum() != 1 << PRECISION:
                raise ValueError(f"top_prior must be at least 1 and sum to 2^{PRECISION}.")
            return cls(**{name: arrays[name] for name in shapes})
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} holds no lossless tables: {' '.join(str(error).split())}") from None


class LosslessCoder:
    """What a hierarchical variational autoencoder does with tiles.

    ::

        encode:  z2 ← q(z2|x),  z1 ← q(z1|x, z2)   decoded from the words so far
                 x → p(x|z1, z2),  z1 → p(z1|z2),  z2 → p(z2)   coded onto them
        decode:  the same, backwards

    Of colour, where a tile has three channels, x is coded plane after plane: the channels of a quarter, then those of
    the next. A plane's means are then the networks' plus a linear prediction from the planes before it, of integers.

    A chunk begins with a few constant words; its first batch is one tile, and each batch is as large as
    all before it, so that there are always enough words to draw from.

    Args:
        artifact: with ``lossless.npz`` and the networks ``top_posterior``, ``posterior``, ``prior`` and
            ``likelihood``, int8.
    """

    tables_file = "lossless.npz"
    offers: frozenset[str] = frozenset()
    lossless, depths, qualities = True, (8,), None
    tiles_per_chunk = 4096  # each chunk pays for its first words anew

    def __init__(self, artifact: artifacts.Artifact):
        self._networks = {name: Network(artifact.file(f"{name}.tflite")) for name in NETWORKS}
        self._tables = LosslessTables.read(artifact.file("lossless.npz"))
        self._shape = tuple(self._tables.tile.tolist())
        self.tile = self._shape if self._shape[2] > 1 else self._shape[:2]
        # Row, column and channel of each plane, in the order of the likelihood's outputs.
        self._planes = [(*quarter, channel) for quarter in QUARTERS for channel in range(self._shape[2])]
        if len(self._networks["likelihood"].outputs) != 3 * len(self._planes):
            raise ValueError(
                f"{artifact.name} is damaged: its likelihood must have {3 * len(self._planes)} outputs. Reinstall it."
            )
        self._top_dim = int(np.prod(self._networks["prior"].input["shape"][1:]))
        self._lower_dim = int(np.prod(self._networks["prior"].output["shape"][1:]))
        # 24 bits are the most that a symbol costs.
        self.words_per_tile = int(np.prod(self.tile)) + self._top_dim + self._lower_dim + int(self._tables.seed_words)

    @functools.cached_property
    def probe(self) -> Probe:
        """What this machine's networks give, for another machine to compare."""
        digest = hashlib.sha256()
        for name in NETWORKS:
            network = self._networks[name]
            inputs = []
            for details in network.inputs:
                size = np.prod(details["shape"][1:])
                pattern = (np.arange(4 * size, dtype=np.int64) * 2654435761 >> 7) % 256 - 128
                inputs.append(pattern.astype(np.int8).reshape(4, *details["shape"][1:]))
            for output in network(*inputs):
                digest.update(output.tobytes())
        return Probe(self._networks["likelihood"].runtime, digest.digest()[:8])

    def pack(self, tiles: np.ndarray, advance: Callable[[float], None] | None = None) -> np.ndarray:
        """Uint32 words of tiles, uint8 ``(n, height, width, channels)``; ``advance`` hears which part is done."""
        import constriction

        coder = constriction.stream.stack.AnsCoder(self._seed())
        for start, stop in _batches(len(tiles)):
            self._push(coder, tiles[start:stop])
            if advance:
                advance(stop / len(tiles))
        return coder.get_compressed()

    def estimated_words(self, tiles: np.ndarray) -> float:
        """About how many words tiles take, from some of them."""
        some = tiles[:: -(-len(tiles) // SAMPLE_TILES)]
        seed = int(self._tables.seed_words)
        return 0 if len(some) == len(tiles) else seed + (len(self.pack(some)) - seed) * len(tiles) / len(some)

    def most_words(self, count: int, size: int) -> int:
        """The most words that tiles can take."""
        return count * self.words_per_tile + 2

    def least_words(self, count: int, size: int, coded: bool) -> float:
        """The fewest words that ``count`` tiles are accepted in, so that few bytes do not buy much work.

        What takes less is coded otherwise where a chunk says how (``coded``).
        """
        words = count * np.prod(self.tile) / (4 * MOST_RATIO) if coded else (count - 16) * LEAST_BITS / 32
        return int(self._tables.seed_words) + max(0, words)

    def unpack(
        self,
        words: np.ndarray,
        count: int,
        sizes: np.ndarray | None = None,
        advance: Callable[[float], None] | None = None,
    ) -> np.ndarray:
        """The tiles, uint8 ``(count, height, width, channels)``, that words stand for.

        Raises:
            CodecError: if they are not those of ``count`` tiles.
        """
        import constriction

        if count > self.tiles_per_chunk:
            raise CodecError(f"it has {count} tiles: without loss, {self.tiles_per_chunk} are the most")
        try:
            coder = constriction.stream.stack.AnsCoder(words)
        except ValueError:
            raise CodecError("its last word is zero, which no coder writes") from None
        tiles = np.zeros((count, *self._shape), np.uint8)
        for start, stop in reversed(list(_batches(count))):
            tiles[start:stop] = self._pop(coder, stop - start)
            # What is left are the first words and the tiles before: here, not after hours, forged words run out.
            if coder.num_words() < int(self._tables.seed_words) // 2:
                raise CodecError("its words end too early")
            if advance:
                advance((count - start) / count)
        if not np.array_equal(coder.get_compressed(), self._seed()):
            raise CodecError(f"its words do not end with the pixels of {count} tiles")
        return tiles

    def _seed(self) -> np.ndarray:
        places = np.arange(1, int(self._tables.seed_words) + 1, dtype=np.uint64)
        return (places * np.uint64(2654435761) % np.uint64(1 << 32)).astype(np.uint32) | np.uint32(1)

    def _push(self, coder, tiles: np.ndarray) -> None:
        x, n = as_int8(tiles), len(tiles)
        z2 = _decode(coder, self._gaussian(0, *self._networks["top_posterior"](x)), n * self._top_dim)
        z2 = self._latents("prior", 0, z2, n)
        z1 = _decode(coder, self._gaussian(1, *self._networks["posterior"](x, z2)), n * self._lower_dim)
        z1 = self._latents("likelihood", 2, z1, n)
        outputs = self._networks["likelihood"](x, z2, z1)
        for index in reversed(range(len(self._planes))):
            mixture = self._mixture(index, tiles, *outputs[3 * index : 3 * index + 3])
            _encode(coder, mixture, self._places(tiles, index).reshape(-1))
        _encode(coder, self._gaussian(2, *self._networks["prior"](z2)), _symbols(z1))
        _encode(coder, self._top(), _symbols(z2))

    def _pop(self, coder, n: int) -> np.ndarray:
        z2 = self._latents("prior", 0, _decode(coder, self._top(), n * self._top_dim), n)
        z1 = _decode(coder, self._gaussian(2, *self._networks["prior"](z2)), n * self._lower_dim)
        z1 = self._latents("likelihood", 2, z1, n)
        tiles = np.zeros((n, *self._shape), np.uint8)
        for index in range(len(self._planes)):
            # What is not known yet has no say in this plane's outputs: the network is built so.
            if coder.is_empty():
                raise CodecError("its words end too early")
            outputs = self._networks["likelihood"](as_int8(tiles), z2, z1)[3 * index : 3 * index + 3]
            places = self._places(tiles, index)
            places[...] = _decode(coder, self._mixture(index, tiles, *outputs), places.size).reshape(places.shape)
        x = as_int8(tiles)
        _encode(coder, self._gaussian(1, *self._networks["posterior"](x, z2)), _symbols(z1))
        _encode(coder, self._gaussian(0, *self._networks["top_posterior"](x)), _symbols(z2))
        return tiles

    def _places(self, tiles: np.ndarray, index: int) -> np.ndarray:
        """A plane of tiles, a view ``(n, height / 2, width / 2)``."""
        row, column, channel = self._planes[index]
        return tiles[:, row::2, column::2, channel]

    def _predicted(self, index: int, tiles: np.ndarray) -> np.ndarray:
        """What the means of a plane of colour are corrections of, in 1/64 of a level, int64 ``(places, 1)``."""
        before = np.stack([self._places(tiles, k) for k in range(index)], axis=-1).astype(np.int64)
        height, width = before.shape[1:3]
        before = np.pad(before, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
        weights, total = self._tables.linear[index, ..., :index].astype(np.int64), np.int64(0)
        for row, column in np.ndindex(3, 3):
            total = total + before[:, row : row + height, column : column + width] @ weights[row, column]
        return (total + self._tables.linear_bias[index] >> LINEAR_SHIFT).reshape(-1, 1)

    def _latents(self, network: str, index: int, symbols: np.ndarray, n: int) -> np.ndarray:
        """Symbols 0 to 255 as a network's int8 input."""
        shape = self._networks[network].inputs[index]["shape"][1:]
        return (symbols - 128).astype(np.int8).reshape(n, *shape)

    # A distribution is a function from a slice of all symbols to their frequencies, (rows, 256).

    def _top(self):
        row = self._tables.top_prior[None]
        return lambda part: np.repeat(row, part.stop - part.start, axis=0)

    def _gaussian(self, index: int, mean: np.ndarray, log_var: np.ndarray):
        tables = self._tables
        position = tables.gaussian_position[index][mean.reshape(-1).astype(np.int16) + 128]
        inverse = tables.gaussian_inverse[index][log_var.reshape(-1).astype(np.int16) + 128]
        return lambda part: _frequencies(_masses(tables.normal, position[part], inverse[part]))

    def _mixture(self, index: int, tiles: np.ndarray, means: np.ndarray, log_scales: np.ndarray, logits: np.ndarray):
        tables, components = self._tables, means.shape[-1]
        means, log_scales, logits = (
            a.reshape(-1, components).astype(np.int16) + 128 for a in (means, log_scales, logits)
        )
        position, inverse = tables.pixel_position[index][means], tables.pixel_inverse[index][log_scales]
        if tables.linear is not None and index:
            position = np.clip(position + self._predicted(index, tiles), *REACH)
        weights = tables.pixel_weight[index][logits.max(axis=1, keepdims=True) - logits].astype(np.int64)
        weights = (weights * WEIGHTS // weights.sum(axis=1, keepdims=True)).astype(np.int32)
        weights[np.arange(len(weights)), logits.argmax(axis=1)] += WEIGHTS - weights.sum(axis=1, dtype=np.int32)

        def rows(part):
            total = 0
            for k in range(components):
                masses = _masses(tables.logistic, position[part, k], inverse[part, k])
                total = total + weights[part, k, None] * masses
            return _frequencies(total)

        return rows


def _batches(count: int):
    """``(start, stop)`` of the batches: one tile, then each as large as all before it, up to ``_BATCH``."""
    start, size = 0, 1
    while start < count:
        stop = min(start + size, count)
        yield start, stop
        start, size = stop, min(_BATCH, stop)


def _symbols(latents: np.ndarray) -> np.ndarray:
    return latents.reshape(-1).astype(np.int32) + 128


def _masses(table: np.ndarray, position: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Mass of each symbol, int32 ``(rows, 256)``, the first and the last with their tails."""
    edges = np.arange(1, LEVELS, dtype=np.int64) * FINE - FINE // 2
    places = (edges - position[:, None]) * inverse[:, None].astype(np.int64) >> SCALE_SHIFT
    reach = CDF_REACH * CDF_STEPS
    inner = table[np.clip(places + reach, 0, 2 * reach)]
    bounds = np.full((len(inner), 1), table[0]), inner, np.full((len(inner), 1), table[-1])
    return np.diff(np.concatenate(bounds, axis=1), axis=1)


def _frequencies(masses: np.ndarray) -> np.ndarray:
    """Masses that sum to 2^24 as frequencies that do, each at least 1: a 2^-16th of each is shared out evenly."""
    counts = masses - (masses >> 16) + 1
    rows = np.arange(len(counts))
    counts[rows, masses.argmax(axis=1)] -= counts.sum(axis=1, dtype=np.int32) - (1 << PRECISION)
    return counts


@functools.cache
def _family():
    import constriction

    # As in zoo.codec.tables: with weights of count - 1, the coder's frequencies are the counts themselves.
    return constriction.stream.model.Categorical(perfect=False)


def _encode(coder, distribution, symbols: np.ndarray) -> None:
    symbols = symbols.astype(np.int32)
    for start in reversed(range(0, len(symbols), _ROWS)):
        part = slice(start, min(start + _ROWS, len(symbols)))
        coder.encode_reverse(symbols[part], _family(), (distribution(part) - 1).astype(np.float64))


def _decode(coder, distribution, count: int) -> np.ndarray:
    parts = [slice(start, min(start + _ROWS, count)) for start in range(0, count, _ROWS)]
    return np.concatenate([coder.decode(_family(), (distribution(part) - 1).astype(np.float64)) for part in parts])
