"""Tiles to words by an int8 encoder and integer tables, and back by a float decoder."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from zoo import artifacts
from zoo.codec.format.fields import CodecError
from zoo.codec.format.header import TILES_PER_CHUNK
from zoo.codec.frames import LEVELS, scale_of
from zoo.codec.litert import Network, as_int8
from zoo.codec.tables import Tables
from zoo.io import pictures as _pictures

SLACK_TILES = 8  # of a chunk, that may take next to no words
MOST_RAISES = 8  # of a frame's level, 1.5 dB each, so that its code fits into 8 bits


class LossyCoder:
    """What a model with a quantised code does with tiles.

    ::

        tiles → int8 encoder → codes → look-up → symbols → ANS → words
        tiles ← float decoder  ←  symbol × step  ← symbols ← ANS ← words

    Args:
        artifact: with ``encoder.tflite``, ``decoder.tflite`` and ``codec.npz``.

    Raises:
        ValueError: if the tables are damaged, or of another kind of model.
    """

    tables_file = "codec.npz"
    offers = frozenset({"tables", "encode", "decode", "compact"})
    lossless, depths, qualities = False, (8,), None
    tiles_per_chunk = TILES_PER_CHUNK
    probe = None
    _frames, _input = False, (255, -128)  # steps of 1, and the integer of 0

    def __init__(self, artifact: artifacts.Artifact):
        self._artifact, self.tables = artifact, Tables.read(artifact.file(self.tables_file))
        if (self.tables.overlap is not None) != self._frames:
            kind = "pictures" if self._frames else "signals"
            raise ValueError(f"The codec.npz of {artifact.name} is of {kind}: its manifest says otherwise. Retrain it.")
        self.tile = self.tables.tile[:2]
        # 24 bits are the most that a symbol costs, the table's index included: a word each is more than ever needed.
        self.words_per_tile = self.tables.latent_dim + 1
        self._values = int(np.prod(self.tables.tile))  # of a tile as the networks take it

    def pack(self, tiles: np.ndarray, advance=None) -> np.ndarray:
        """Uint32 words of tiles, uint8 ``(n, height, width, 1)``."""
        return self.tables.encode(self.encode(tiles))

    def most_words(self, count: int, size: int) -> int:
        """The most words that tiles can take."""
        return count * self.words_per_tile + 2

    def least_words(self, count: int, size: int, coded: bool) -> int:
        """The fewest words that tiles are accepted in before they are looked at; ``_restored`` looks closer."""
        return 0

    def unpack(self, words: np.ndarray, count: int, sizes: np.ndarray | None = None, advance=None) -> np.ndarray:
        """The tiles, uint8 ``(count, height, width, 1)``, that words stand for.

        Raises:
            CodecError: if they are not those of ``count`` tiles.
        """
        return self._restored(self.tables.decode(words, count), len(words), self.decode)

    def _restored(self, symbols: np.ndarray, words: int, decode: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """What a network makes of symbols, of which few words hold few, so that few bytes do not buy much work.

        Tiles whose symbols are the smallest of all may take no words, as the coder begins with 0: one is decoded.

        Raises:
            CodecError: if there are more others than the words can hold.
        """
        smallest = (symbols == self.tables.minimum).all(axis=1)
        others = len(symbols) - int(smallest.sum())
        # A symbol makes the coder's state grow by its share, less 2^-8 of that; in the first tiles the state is small.
        bits = max(0, self.tables.least_bits - self.tables.latent_dim * 2**-7)
        if 32 * (words + 2) < (others - SLACK_TILES) * bits:
            raise CodecError(f"its {words} words are too few for {others} tiles")
        if others >= len(symbols) - 1:
            return decode(symbols)
        kept = np.append(np.flatnonzero(~smallest), smallest.argmax())
        places = np.full(len(symbols), others)
        places[kept[:-1]] = np.arange(others)
        return decode(symbols[kept])[places]

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Symbols, int16 ``(n, latent_dim)``, of images of the tile's size; see ``Codec.encode``."""
        images = np.asarray(images)
        if images.shape[1:] != self.tables.tile:
            raise ValueError(f"images must be (n, {', '.join(map(str, self.tables.tile))}): received {images.shape}.")
        (codes,) = self._encoder(as_int8(_pictures.to_uint8(images)))
        return self.tables.symbols(codes.reshape(len(images), -1))

    def decode(self, symbols: np.ndarray) -> np.ndarray:
        """Images, uint8 ``(n, height, width, 1)``, of symbols ``(n, latent_dim)``; see ``Codec.decode``."""
        symbols = np.asarray(symbols)
        shape, size = symbols.shape, self.tables.latent_dim
        if len(shape) != 2 or shape[1] != size or symbols.dtype.kind not in "iu":
            raise ValueError(f"symbols must be integers (n, {size}): received {symbols.dtype} {shape}.")
        (images,) = self._decoder(symbols.astype(np.float32) * self.tables.step)
        return np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8).reshape(-1, *self.tables.tile)

    @functools.cached_property
    def _encoder(self) -> Network:
        path = self._artifact.file("encoder.tflite")
        network = Network(path)
        scale, zero = network.input["quantization"]
        if network.input["dtype"] != np.int8 or network.output["dtype"] != np.int8:
            raise ValueError(f"{path} must take and give int8: export it with --quantization int8.")
        # A pixel p is then the code p - 128 exactly, and no rounding comes between picture and
        # network.
        steps, expected = self._input
        if zero != expected or abs(scale * steps - 1) > 1e-4:
            raise ValueError(
                f"{path} must have the input scale 1/{steps} and zero point {expected}: "
                f"received {scale:.6g} and {zero}."
            )
        self._check_sizes(path, network.input, network.output)
        return network

    @functools.cached_property
    def _decoder(self) -> Network:
        path = self._artifact.file("decoder.tflite")
        network = Network(path)
        if network.input["dtype"] != np.float32 or network.output["dtype"] != np.float32:
            raise ValueError(f"{path} must take and give float32.")
        self._check_sizes(path, network.output, network.input)
        return network

    def _check_sizes(self, path: Path, image: dict, code: dict) -> None:
        if np.prod(image["shape"][1:]) != self._values or np.prod(code["shape"][1:]) != self.tables.latent_dim:
            raise ValueError(
                f"{path} does not fit codec.npz: its images are {image['shape'][1:].tolist()}, "
                f"its codes {code['shape'][1:].tolist()}, "
                f"expected {self._values} values and {self.tables.latent_dim} numbers."
            )


class SignalCoder(LossyCoder):
    """The same of frames of a signal, which overlap, and of which each has a level (``zoo.codec.frames``).

    ::

        frames, levels → samples / level → int8 encoder → symbols → ANS, on top of the levels → words
        frames ← samples × level ← float decoder ← symbol × step  ←  ANS  ← words

    A frame is one row: its level, and its samples.
    """

    offers = frozenset({"tables"})
    _frames, _input = True, (128, 0)

    def __init__(self, artifact: artifacts.Artifact):
        super().__init__(artifact)
        self.words_per_tile += 1
        self._values += self.tables.overlap

    def pack(self, tiles: np.ndarray, advance=None) -> np.ndarray:
        """Uint32 words of frames, int16 ``(n, 1 + length)``."""
        levels, samples = tiles[:, 0].copy(), tiles[:, 1:]
        codes = self._codes(samples, levels)
        # A code of 8 bits ends where a measured signal is far from 0: such a frame fits at a higher level.
        for _ in range(MOST_RAISES if self.tables.unit else 0):
            full = np.flatnonzero(((codes == 127) | (codes == -128)).any(axis=1) & (levels < LEVELS - 1))
            if not len(full):
                break
            levels[full] += 1
            codes[full] = self._codes(samples[full], levels[full])
        return self.tables.encode(self.tables.symbols(codes), self.tables.encode_levels(levels))

    def _codes(self, samples: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """The encoder's int8 codes, ``(n, latent_dim)``, of frames at their levels."""
        normal = np.rint(samples * (128 / scale_of(levels))[:, None]).clip(-128, 127).astype(np.int8)
        (codes,) = self._encoder(normal)
        return codes.reshape(len(samples), -1)

    def unpack(self, words: np.ndarray, count: int, sizes: np.ndarray | None = None, advance=None) -> np.ndarray:
        """The frames, float32 ``(count, length)`` in 16-bit samples, that words stand for.

        Raises:
            CodecError: if they are not those of ``count`` frames.
        """
        symbols, levels = self.tables.decode_with_levels(words, count)
        step = self.tables.step
        frames = self._restored(symbols, len(words), lambda part: self._decoder(part.astype(np.float32) * step)[0])
        return frames.reshape(count, -1) * scale_of(levels)[:, None]
