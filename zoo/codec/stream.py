"""The stream between sources and a container's chunks, and back: many chunks at a time, in few threads and bytes."""

import dataclasses
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np

from zoo.codec import models
from zoo.codec.coders.base import Coder
from zoo.codec.format.container import MODEL, Chunk, Reader, Writer, read_all
from zoo.codec.format.fields import CodecError
from zoo.codec.format.header import MAX_SAMPLES, QUALITY_STEPS, Header, Section, fits, run_lengths, tiles_of
from zoo.codec.media.base import Medium
from zoo.io.files import make_safe
from zoo.io.parallel import in_order

Progress = Callable[[int, int], None]
"""Called now and then with what is done and with all: pixels of pictures, seconds of sounds, bytes of texts."""

UNLIKELY = 2  # a model that seems to take so many times what a general codec takes is not asked


@dataclasses.dataclass(frozen=True)
class Stream:
    """What a codec writes and reads.

    Attributes:
        model, fingerprint: name and tables of the model, for headers.
        coder, medium: of the model.
        num_threads: chunks that are coded at the same time.
    """

    model: str
    fingerprint: bytes
    coder: Coder
    medium: Medium
    num_threads: int = 1

    def header(self, sections: list[Section], axes: int, names=(), quality: float | None = None) -> Header:
        """The header of a new container.

        Raises:
            ValueError: if the coder has no such quality.
        """
        return Header(
            model=make_safe(self.model),
            fingerprint=self.fingerprint,
            tile=self.coder.tile,
            sections=run_lengths(sections),
            axes=axes,
            names=names,
            tiles_per_chunk=self.coder.tiles_per_chunk,
            probe=self.coder.probe,
            coded=self.coder.lossless,
            medium=self.medium.name,
            quality=self._quality(quality),
        )

    def _quality(self, quality: float | None) -> int | None:
        """A quality, or the coder's usual one, in the steps of a header."""
        if self.coder.qualities is None:
            if quality is not None:
                raise ValueError(f"quality must be left out: {self.model} has but one. Choose it by the model's name.")
            return None
        low, usual, high = self.coder.qualities
        quality = usual if quality is None else quality
        if not low <= quality <= high:  # NaN fails too
            raise ValueError(f"quality must be from {low} to {high}: received {quality!r}.")
        return round(quality * QUALITY_STEPS)

    def _at(self, header: Header) -> "Stream":
        """The stream at a header's quality."""
        if header.quality is None:
            return self
        coder = self.coder.at(header.quality / QUALITY_STEPS)
        return dataclasses.replace(self, coder=coder, medium=type(self.medium).of(coder))

    def write(
        self,
        file: BinaryIO,
        sources: list[Any],
        names: bool,
        progress: Progress | None,
        quality: float | None = None,
    ) -> tuple[Header, int]:
        """Writes a container of sources, with their names or without; returns its header and its bytes.

        Raises:
            ValueError: if there are no sources, one is too large, or they are not what they were when opened.
        """
        medium = self.medium
        if not sources:
            raise ValueError(f"There is nothing to compress: give {medium.what}.")
        sections = [medium.section(source) for source in sources]
        for source, section in zip(sources, sections, strict=True):
            if not fits(section.shape, self.coder.tile):
                raise ValueError(f"{source.name} is too large: {section.shape} exceeds {MAX_SAMPLES:,} samples.")
        header = self.header(
            sections,
            medium.axes(sources[0]) if len(sources) == 1 else 4,
            tuple((section.count, s.name) for section, s in zip(sections, sources, strict=True)) if names else (),
            quality,
        )
        at = self._at(header)
        writer = Writer(file, header)
        done = _Progress(progress, header.tiles, medium.units(header))
        chunks = enumerate(medium.chunks(sources, header.tiles_per_chunk))
        for content, coding in self._in_parallel(lambda chunk: at._pack(header, *chunk, done), chunks):
            writer.chunk(content, coding)
        writer.close()
        return header, writer.size

    def _pack(self, header: Header, index: int, content: Any, done: "_Progress") -> tuple[np.ndarray | bytes, int]:
        """A chunk, and how it is coded: where it may say so, as whatever takes the fewest bytes."""
        first, count, coder = index * header.tiles_per_chunk, len(content), self.coder
        if first + count > header.tiles:
            raise ValueError(f"The inputs gave more than {header.tiles} tiles: they changed while being read.")
        advance = done.chunk(count)
        if not header.coded:
            words = coder.pack(content, advance)
            advance(1)
            return words, MODEL
        coding, data = self.medium.store(header, first, content)
        best = data, coding
        if 4 * coder.estimated_words(content) <= UNLIKELY * len(data):
            words, size = coder.pack(content, advance), int(self.medium.sizes(header, first, count).sum())
            if 4 * len(words) <= len(data) and len(words) >= coder.least_words(count, size, coded=True):
                best = words, MODEL
        advance(1)
        return best

    def read(self, file: BinaryIO, name: str, *, salvage: bool = False) -> tuple[list[Reader], Header]:
        """The containers of a file, and a header for all of them, checked to be of this model.

        Raises:
            CodecError: if the file is damaged, or of another model.
        """
        readers, header = read_all(file, name, salvage=salvage)
        if header.fingerprint != self.fingerprint:
            raise CodecError(
                f"{name} needs the model {models.identity(header.model, header.fingerprint)}, "
                f"this codec is {models.identity(self.model, self.fingerprint)}: "
                "give that model's name or folder."
            )
        probe = self.coder.probe
        for found in (reader.header for reader in readers):
            if found.medium not in (None, self.medium.name):
                raise CodecError(f"{name} holds {found.medium}, its model is of {self.medium.name}.")
            if found.coded and not self.coder.lossless:
                raise CodecError(f"{name} has chunks that say how they are coded, which its lossy model does not have.")
            if (found.quality is None) != (self.coder.qualities is None) or not self._has(found.quality):
                raise CodecError(f"{name} has a quality that its model does not have.")
        if header.tile != self.coder.tile or (header.probe is None) != (probe is None):
            raise CodecError(f"{name} has tiles {header.tile}: its model's are {self.coder.tile}.")
        if header.probe and header.probe.digest != probe.digest:
            raise CodecError(
                f"{name} was written by {header.probe.runtime}, whose networks give other numbers than "
                f"{probe.runtime} here: restore it where both agree."
            )
        self.medium.check(header, name)
        return readers, header

    def _has(self, quality: int | None) -> bool:
        low, _, high = self.coder.qualities or (0, 0, 0)
        return quality is None or low <= quality / QUALITY_STEPS <= high

    def restore(self, readers: list[Reader], progress: Progress | None = None) -> Iterator[np.ndarray]:
        """Blocks of all items in their order, as the medium knows them."""
        total = sum(reader.header.tiles for reader in readers)
        done = _Progress(progress, total, sum(self.medium.units(reader.header) for reader in readers))
        for reader in readers:
            at = self._at(reader.header)
            chunks = reader.chunks(at.limits(reader.header))
            unpack = functools.partial(at._unpack, reader, done=done)
            units = at.medium.stream(self._in_parallel(unpack, chunks))
            for section in reader.header.sections:
                yield from at.medium.restored(units, section)
            units.take(1)  # there is none: the last chunk is done with

    def _unpack(self, reader: Reader, chunk: Chunk, done: "_Progress | None" = None) -> Any:
        header, advance = reader.header, (done or _Progress(None, 1, 1)).chunk(chunk.tiles)
        try:
            if chunk.coding != MODEL:
                units = self.medium.stored(header, chunk)
            else:
                size = int(self.medium.sizes(header, chunk.first, chunk.tiles).sum())
                if len(chunk.content) < self.coder.least_words(chunk.tiles, size, header.coded):
                    raise CodecError(f"its {len(chunk.content)} words are too few for {chunk.tiles} tiles")
                units = self.medium.unpack(self.coder, header, chunk, advance)
        except CodecError as error:
            raise CodecError(f"{reader.name}, {chunk.where}: {error}.") from None
        advance(1)
        return units

    def limits(self, header: Header) -> Callable[[int, int], tuple[int, int]]:
        """For ``Reader.chunks``: the most words, and bytes of other codings, of a chunk of ``count`` units."""

        def most(first: int, count: int) -> tuple[int, int]:
            size = int(self.medium.sizes(header, first, count).sum())
            return self.coder.most_words(count, size), self.medium.room(header, first, count)

        return most

    def one(self, reader: Reader, index: int) -> tuple[np.ndarray, Section]:
        """One item of a container, by its number from 0, and its section; chunks before its own are skipped."""
        header, start, at = reader.header, 0, self._at(reader.header)
        for section in header.sections:
            tiles = tiles_of(section.shape, header.tile)
            if index < section.count:
                break
            start, index = start + tiles * section.count, index - section.count
        start += tiles * index
        size, alone = header.tiles_per_chunk, dataclasses.replace(section, count=1)
        first, last = start // size, -(-(start + tiles) // size)
        chunks = reader.chunks(at.limits(header), first, last)
        units = at.medium.stream(at._unpack(reader, chunk) for chunk in chunks)
        if start > first * size:
            units.take(start - first * size)
        header = dataclasses.replace(header, sections=(alone,))
        return next(at.medium.items(header, at.medium.restored(units, alone))), alone

    def _in_parallel(self, work: Callable, items: Iterator) -> Iterator:
        """``map``, by as many threads as the codec has, with few items at a time."""
        if self.num_threads == 1:
            yield from map(work, items)
            return
        yield from in_order(work, items, self.num_threads, ahead=self.num_threads)


class _Progress:
    """Adds up what threads have done of their chunks, and tells it in the units that a user knows."""

    def __init__(self, report: Progress | None, tiles: int, units: float):
        self._report, self._tiles, self._units = report, tiles, units
        self._done, self._lock = 0.0, threading.Lock()
        if report:
            report(0, round(units))

    def chunk(self, tiles: int) -> Callable[[float], None]:
        """A function that hears which part of a chunk of so many tiles is done."""
        before = 0.0

        def advance(part: float) -> None:
            nonlocal before
            if self._report:
                with self._lock:
                    self._done += (part - before) * tiles
                    before = part
                    self._report(round(self._done / self._tiles * self._units), round(self._units))

        return advance
