"""Strips of photographs to words by a linear transform, an int8 network and contexts in integers, and back.

::

    pixels → 16×16 int8 kernel (exact sums) + int8 network → latents / step(quality) → symbols
           → contexts: mean and scale of each → ANS → words
    pixels ← float decoder ← symbols × step × gain ← contexts ← ANS ← words

Symbols are integers from end to end, so every machine restores the same ones; the decoder computes in float32, so
another machine's pixels may differ by one level.
"""

import copy
import dataclasses
import functools
from pathlib import Path
from typing import Any, Self

import numpy as np

from zoo import artifacts
from zoo.codec.coders.base import Strip
from zoo.codec.format.fields import CodecError
from zoo.codec.format.header import QUALITY_STEPS
from zoo.codec.latents import MOST, Grid, IntegerPass, passes
from zoo.codec.litert import Network
from zoo.codec.logistic import Logistics

PATCH = 16  # pixels, in each direction, to one position of the latents
ROWS = 768  # of a strip, in pixels
ENCODER_MARGIN = 2  # positions around a tile that the encoder's network sees
DECODER_MARGIN = 8  # the same of the decoder's
TILE_COLUMNS = 64  # positions of a tile beside its margins, for networks to hold little at once
MIDDLE = 128  # level


@dataclasses.dataclass(frozen=True)
class LatentTables:
    """``latents.npz``: all of the model that is not in its networks.

    Attributes:
        kernel: float32 ``(16 · 16 · 3, channels)``, integers of 8 bits; the analysis of patches of levels less 128.
        kernel_scales: float64 ``(channels,)``, levels to 1 of its sums.
        correction_scale: levels to 1 of the network's output.
        log_steps, log_gains: float64 ``(qualities, channels)``; a gain corrects what is restored.
        decoder_biases: float32 ``(qualities, filters)``, the decoder's second input.
        passes: of the contexts.
        logistics: distributions.
        usual: quality that is used where none is asked for.
    """

    kernel: np.ndarray
    kernel_scales: np.ndarray
    correction_scale: float
    log_steps: np.ndarray
    log_gains: np.ndarray
    decoder_biases: np.ndarray
    passes: list[IntegerPass]
    logistics: Logistics
    usual: float

    ARRAYS = ("kernel_scales", "log_steps", "log_gains", "decoder_biases")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads and checks them.

        Raises:
            ValueError: if the file is damaged, or they do not fit each other.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            order = passes(tuple(arrays["groups"].tolist()))
            found = cls(
                kernel=arrays["kernel"].astype(np.float32),
                correction_scale=float(arrays["correction_scale"]),
                passes=[IntegerPass.read(step, arrays, f"pass_{at}_") for at, step in enumerate(order)],
                logistics=Logistics(arrays["counts"]),
                usual=float(arrays["usual"]),
                **{name: arrays[name] for name in cls.ARRAYS},
            )
            channels = int(arrays["groups"].sum())
            if found.kernel.shape != (3 * PATCH**2, channels) or found.log_steps.shape[1:] != (channels,):
                raise ValueError("its kernel and its steps do not fit its groups")
        except (OSError, KeyError, ValueError, EOFError) as error:
            raise ValueError(f"{path} is damaged: {error}. Reinstall or retrain the model.") from None
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """As arrays of the file."""
        found = {name: np.asarray(getattr(self, name)) for name in self.ARRAYS}
        groups = [p.step.channels for p in self.passes if not p.step.refines]
        found |= {
            "kernel": self.kernel.astype(np.int8),
            "correction_scale": np.float64(self.correction_scale),
            "groups": np.array(groups, np.int32),
            "counts": self.logistics.counts,
            "usual": np.float64(self.usual),
        }
        for at, step in enumerate(self.passes):
            found |= step.arrays(f"pass_{at}_")
        return found

    @property
    def channels(self) -> int:
        return self.kernel.shape[1]

    def between(self, table: np.ndarray, quality: float) -> np.ndarray:
        """A row between those of the neighbouring qualities."""
        low = min(int(quality) - 1, len(table) - 2)
        part = quality - 1 - low
        return table[low] * (1 - part) + table[low + 1] * part


class LatentCoder:
    """What a photo compressor does with strips, see ``StripCoder``.

    Args:
        artifact: with ``encoder.tflite``, ``decoder.tflite`` and ``latents.npz``.

    Raises:
        ValueError: if the tables are damaged.
    """

    tables_file = "latents.npz"
    offers: frozenset[str] = frozenset()
    lossless, depths = False, (8,)
    tile, tiles_per_chunk, probe = (ROWS, 0), 1, None
    halo = PATCH * ENCODER_MARGIN

    def __init__(self, artifact: artifacts.Artifact):
        self.tables = LatentTables.read(artifact.file(self.tables_file))
        self.qualities = (1.0, self.tables.usual, float(len(self.tables.log_steps)))
        self._encoder = functools.cache(lambda: Network(artifact.file("encoder.tflite")))
        self._decoder = functools.cache(lambda: Network(artifact.file("decoder.tflite")))
        self._take_quality(self.tables.usual)

    def _take_quality(self, quality: float) -> None:
        tables = self.tables
        self.quality = round(quality * QUALITY_STEPS)
        quality = self.quality / QUALITY_STEPS
        self._step = np.exp(tables.between(tables.log_steps, quality)).astype(np.float32)
        self._restored_step = self._step * np.exp(tables.between(tables.log_gains, quality)).astype(np.float32)
        self._bias = tables.between(tables.decoder_biases, quality).astype(np.float32)

    def at(self, quality: float) -> Self:
        """The coder at a quality from 1 to the model's highest."""
        other = copy.copy(self)
        other._take_quality(quality)
        return other

    def most_words(self, count: int, size: int) -> int:
        """The most words of strips: 24 bits a symbol, and 32 of an escape's digits."""
        # A strip of one row has as many patches as one of 16 rows, and a channel as many as three.
        return 2 * self.tables.channels * (size + count) + 2

    def least_words(self, count: int, size: int, coded: bool) -> int:
        """The fewest words: a picture of one colour takes next to none."""
        return 0

    def pack(self, content: Strip, advance: Any = None) -> np.ndarray:
        """Uint32 words of a strip."""
        import constriction

        coder = constriction.stream.stack.AnsCoder()
        for values, means, scales in reversed(self._predicted(content)):
            self.tables.logistics.encode(coder, values, means, scales)
        return coder.get_compressed()

    def information(self, strip: Strip) -> float:
        """The bits that the probabilities of a strip's symbols ask for."""
        return sum(float(self.tables.logistics.bits(*part).sum()) for part in self._predicted(strip))

    def _predicted(self, strip: Strip) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Symbols of each pass, with their means and indices of scales, in the order of decoding."""
        work = []
        for picture in _pictures(strip.pixels):
            latents = self.latents(picture, strip.above, strip.below)
            grid = Grid(self.tables.passes, latents.shape, self.quality)

            def chosen(found, at, means, scales, latents=latents):
                group = slice(found.step.start, found.step.start + found.step.channels)
                values = np.clip(np.rint(latents[at[0], at[1], group]), -MOST, MOST).astype(np.int64)
                work.append((values, means, scales))
                return values

            grid.run(chosen)
        return work

    def latents(self, picture: np.ndarray, above: int = 0, below: int = 0) -> np.ndarray:
        """Latents in quantisation steps, float32 ``(rows, columns, channels)``, of uint8 ``(height, width, 3)``.

        Args:
            picture: with rows around what is meant.
            above, below: how many, multiples of 16 ``above``.
        """
        height = len(picture) - above - below
        rows, columns = -(-height // PATCH), -(-picture.shape[1] // PATCH)
        margins = (0, max(0, rows * PATCH - height - below)), (0, columns * PATCH - picture.shape[1]), (0, 0)
        whole = np.pad(picture, margins, mode="edge")
        # Rows below that do not make a patch are left out: the network sees the picture's edge there.
        whole = whole[: (above + rows * PATCH) + max(0, (len(whole) - above - rows * PATCH) // PATCH * PATCH)]
        centred = whole.astype(np.int16) - MIDDLE
        own = centred[above : above + rows * PATCH]
        patches = own.reshape(rows, PATCH, columns, PATCH * 3).transpose(0, 2, 1, 3)
        sums = patches.reshape(rows, columns, -1).astype(np.float32) @ self.tables.kernel
        latents = sums * self.tables.kernel_scales.astype(np.float32)
        inputs = centred.astype(np.int8)[None]
        network, top = self._encoder(), above // PATCH
        for start, stop, before, after in _tiles(columns, ENCODER_MARGIN):
            part = inputs[:, :, (start - before) * PATCH : (stop + after) * PATCH]
            output = network.of_any_size(part)
            zero = network.output["quantization"][1]
            inner = output[0, top : top + rows, before : before + stop - start].astype(np.float32) - zero
            latents[:, start:stop] += inner * np.float32(self.tables.correction_scale)
        return latents / self._step

    def unpack(self, words: np.ndarray, count: int, sizes: np.ndarray, advance: Any = None) -> list[np.ndarray]:
        """Symbols of a strip, int16 ``(rows, columns, channels)`` for each of its pictures.

        Raises:
            CodecError: if the words are not those of such a strip.
        """
        import constriction

        height, width, channels = (int(n) for n in sizes)
        shape = -(-height // PATCH), -(-width // PATCH), self.tables.channels
        try:
            coder = constriction.stream.stack.AnsCoder(np.ascontiguousarray(words, np.uint32))
        except ValueError as error:
            raise CodecError(f"its words are no stream: {error}") from None
        found = []
        for _ in _groups(channels):
            grid = Grid(self.tables.passes, shape, self.quality)
            found.append(
                grid.run(lambda _, __, means, scales: self.tables.logistics.decode(coder, means, scales, MOST))
            )
        if not coder.is_empty():
            raise CodecError("words are left over")
        return found

    def render(self, before: Any, strip: Any, after: Any, shape: tuple[int, int, int], depth: int) -> np.ndarray:
        """The pixels, uint8 ``(height, width, channels)``, of a strip's symbols and those of its neighbours."""
        height, width, channels = shape
        result = np.empty(shape, np.uint8)
        for at, group in enumerate(_groups(channels)):
            parts = [part[at] for part in (before, strip, after) if part is not None]
            top = 0 if before is None else min(DECODER_MARGIN, len(before[at]))
            bottom = 0 if after is None else min(DECODER_MARGIN, len(after[at]))
            if before is not None:
                parts[0] = parts[0][len(parts[0]) - top :]
            if after is not None:
                parts[-1] = parts[-1][:bottom]
            pixels = self._pixels(np.concatenate(parts), top, len(strip[at]))[:height, :width]
            result[..., group] = pixels if len(range(*group.indices(channels))) == 3 else _grey(pixels)
        return result

    def _pixels(self, symbols: np.ndarray, top: int, rows: int) -> np.ndarray:
        """Uint8 ``(16 · rows, 16 · columns, 3)`` of symbols, of which ``rows`` from ``top`` on are meant."""
        columns, network = symbols.shape[1], self._decoder()
        result = np.empty((rows * PATCH, columns * PATCH, 3), np.uint8)
        for start, stop, before, after in _tiles(columns, DECODER_MARGIN):
            part = symbols[None, :, start - before : stop + after].astype(np.float32) * self._restored_step
            output = network.of_any_size(part, self._bias[None, None, None])
            inner = output[0, top * PATCH : (top + rows) * PATCH, before * PATCH : (before + stop - start) * PATCH]
            result[:, start * PATCH : stop * PATCH] = np.rint(np.clip(inner, 0, 1) * 255)
        return result


def _tiles(columns: int, margin: int):
    """``(start, stop, before, after)``: runs of columns, and how many beside each are seen."""
    for start in range(0, columns, TILE_COLUMNS):
        stop = min(columns, start + TILE_COLUMNS)
        yield start, stop, min(margin, start), min(margin, columns - stop)


def _groups(channels: int) -> list[slice]:
    """Channels that are coded together: a colour's three; each other one is a grey picture of its own."""
    colour = 3 if channels >= 3 else 0
    return [slice(0, 3)] * (colour > 0) + [slice(at, at + 1) for at in range(colour, channels)]


def _pictures(pixels: np.ndarray):
    """Pictures of three channels, uint8, of pixels ``(height, width, channels)``."""
    for group in _groups(pixels.shape[2]):
        part = pixels[..., group]
        yield part if part.shape[2] == 3 else np.repeat(part, 3, axis=2)


def _grey(pixels: np.ndarray) -> np.ndarray:
    """The mean of three channels, rounded."""
    return ((pixels.sum(axis=2, keepdims=True, dtype=np.uint16) + 1) // 3).astype(np.uint8)
