"""Signals of one channel as frames that overlap."""

import dataclasses
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo.codec import frames, tiles
from zoo.codec.coders.base import Coder
from zoo.codec.format.header import Header, Section, tiles_of
from zoo.codec.media.base import InTiles, check_folder, check_rows, mean_squared_error, notes
from zoo.codec.media.summary import SoundSummary
from zoo.codec.tables import Tables
from zoo.io import audio, writing
from zoo.io.files import write_folder

BATCH_TILES = 2048  # frames that are faded into each other at once


@dataclasses.dataclass(frozen=True)
class Sounds(InTiles):
    """Signals of one channel as overlapping frames; each row is a frame's level and its samples.

    Attributes:
        tables: of the model.
    """

    tables: Tables
    name, what, unit = "audio", "sounds", "seconds"

    @classmethod
    def of(cls, coder: Coder) -> "Sounds":
        return cls(coder.tables)

    def check(self, header: Header, name: str) -> None:
        """Compares the sections with what a sound can be.

        Raises:
            CodecError: if one has several rows or channels.
        """
        check_rows(header, name, self.what)

    @property
    def length(self) -> int:
        """Samples of a frame."""
        return self.tables.tile[1] + self.tables.overlap

    def from_array(self, array: np.ndarray) -> audio.Sound:
        return audio.from_array(np.asarray(array))

    def open(self, inputs, fit="tile", taken=(), failed=None, transform=None) -> list[audio.Sound]:
        if fit != "tile" or transform is not None:
            raise ValueError("fit and denoise are of pictures: leave them out for sounds.")
        return audio.open_audio(inputs, self.tables.sample_rate, taken, failed)

    def section(self, source: audio.Sound) -> Section:
        return Section(1, 1, source.samples, 1)

    def axes(self, source: audio.Sound) -> int:
        return 2

    def rows(self, source: audio.Sound) -> Iterator[np.ndarray]:
        """The frames of a sound and their levels, int16 ``(n, 1 + length)``, some at a time."""
        state = (0, 0)
        for part in frames.split(source.read(), self.length, self.tables.overlap):
            levels, state = frames.levels_of(part, state, self.tables.headroom)
            yield np.concatenate([levels.astype(np.int16)[:, None], part], axis=1)

    def whole(self, source: audio.Sound) -> Iterator[np.ndarray]:
        """The sound, as one array."""
        yield np.concatenate(list(source.read()))

    def restored(self, rows: tiles.Rows, section: Section) -> Iterator[np.ndarray]:
        """The sounds of a section, one after the other, int16 ``(m,)`` at a time."""
        for _ in range(section.count):
            fading = frames.OverlapAdd(section.width, self.length, self.tables.overlap)
            left = tiles_of(section.shape, self.tables.tile[:2])
            while left:
                part = rows.take(min(left, BATCH_TILES))
                left -= len(part)
                yield fading.add(part)

    def items(self, header: Header, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Of all that is restored, one sound after the other, int16 ``(samples,)``."""
        rows = tiles.Rows(blocks)
        for section in header.sections:
            for _ in range(section.count):
                yield rows.take(section.width)

    def units(self, header: Header) -> float:
        """All that there is to do, in ``unit``."""
        return header.pixels / self.tables.sample_rate

    def sizes(self, header: Header, first: int, count: int) -> np.ndarray:
        """Samples of the sound in each of the tiles from ``first`` on, int64 ``(count,)``."""
        return tiles.extents(header.parts(first, count), self.tables.tile[:2])[1]

    def restored_bytes(self, header: Header) -> int:
        return 2 * header.samples

    def empty(self, header: Header) -> np.ndarray:
        """Room for all sounds of a header, one after the other."""
        return np.zeros(header.pixels, np.int16)

    def value(self, array: np.ndarray) -> np.ndarray:
        return array

    def array_shape(self, header: Header, name: str) -> tuple[int, ...]:
        """The shape of the one array that a container called ``name`` holds.

        Raises:
            ValueError: if it holds several sounds.
        """
        if header.pictures > 1:
            raise ValueError(f"{name} holds {header.pictures} sounds: restore them into a folder.")
        return (header.pixels,)

    def save(self, output: Path, header: Header, blocks: Iterator[np.ndarray], name: str, overwrite=True) -> None:
        """Writes all sounds of a container called ``name``: see ``Codec.decompress_file``."""
        if output.suffix.lower() == ".wav":
            self.array_shape(header, name)
            with writing.atomic_write(output, overwrite=overwrite) as target:
                with audio.writer(target, self.tables.sample_rate) as file:
                    for block in blocks:
                        file.write(block)
        elif output.suffix.lower() == ".npy":
            shape = self.array_shape(header, name)
            with writing.atomic_write(output, overwrite=overwrite) as target:
                np.lib.format.write_array_header_1_0(target, {"descr": "<i2", "fortran_order": False, "shape": shape})
                for block in blocks:
                    target.write(block.astype("<i2"))
        else:
            check_folder(output, f"{name} holds sounds: give a name in .wav or .npy")
            items = self.items(header, blocks)
            write_folder(output, header.picture_names(), items, ".wav", self._write, overwrite=overwrite)

    def save_one(self, output: Path, sound: np.ndarray, section: Section) -> None:
        if output.suffix.lower() not in (".wav", ".npy"):
            raise ValueError(f"output must end in .wav or .npy for a single sound: received {output}.")
        with writing.atomic_write(output) as target:
            if output.suffix.lower() == ".wav":
                self._write(sound, target)
            else:
                np.save(target, sound)

    def _write(self, sound: np.ndarray, target) -> None:
        with audio.writer(target, self.tables.sample_rate) as file:
            file.write(sound)

    def quality(self, originals: Iterable[np.ndarray], restored: Iterable[np.ndarray]) -> dict[str, float]:
        """The signal-to-noise ratio in dB over all samples; None where nothing was lost or there is no signal."""
        originals = list(originals)
        energy = sum(float(np.square(sound, dtype=np.float64).sum()) for sound in originals)
        error = mean_squared_error(originals, restored, "The container does not hold these sounds")
        error *= sum(map(len, originals))
        return {"snr": 10 * math.log10(energy / error) if error and energy else None}

    def summary(self, figures: dict[str, Any], sources=()) -> SoundSummary:
        return SoundSummary(**figures, sample_rate=self.tables.sample_rate, notes=notes(sources))
