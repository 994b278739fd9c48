"""Pictures of any size, each as strips of whole rows in all its channels."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from zoo.codec.coders.base import Advance, Strip, StripCoder
from zoo.codec.format import stored
from zoo.codec.format.container import WEBP, Chunk
from zoo.codec.format.fields import CodecError
from zoo.codec.format.header import Header, Section, tiles_of
from zoo.codec.media.pictures import Pictures, dtype_of
from zoo.io import pictures


@dataclasses.dataclass(frozen=True)
class Strips(Pictures):
    """Pictures whose units are strips.

    Attributes:
        coder: of the strips, for its halo and to render what it restored.
    """

    coder: StripCoder | None = None

    @classmethod
    def of(cls, coder: StripCoder) -> "Strips":
        return cls(coder.tile, exact=coder.lossless, depths=coder.depths, coder=coder)

    def rows(self, source: pictures.Source) -> Iterator[Strip]:
        """The strips of a source; one picture is in memory."""
        size, halo = self.tile[0], self.coder.halo
        for picture in self.whole(source):
            height = len(picture)
            for top in range(0, height, size):
                start, stop = max(0, top - halo), min(height, top + size + halo)
                yield Strip(picture[start:stop], top - start, max(0, stop - top - size))

    def whole(self, source: pictures.Source) -> Iterator[np.ndarray]:
        for batch in source.batches(1):
            yield from batch

    def chunks(self, sources: Iterable[pictures.Source], size: int) -> Iterator[Strip]:
        for source in sources:
            yield from self.rows(source)

    def sizes(self, header: Header, first: int, count: int) -> np.ndarray:
        shapes = [self._shape(header, number)[0] for number in range(first, first + count)]
        return np.array([height * width * channels for height, width, channels in shapes], np.int64)

    def room(self, header: Header, first: int, count: int) -> int:
        (section, *_), *_ = header.parts(first, 1)
        return int(self.sizes(header, first, count).sum()) * section.depth // 8

    def _shape(self, header: Header, number: int) -> tuple[tuple[int, int, int], int]:
        """``(height, width, channels)`` of a strip of a container, and its depth."""
        ((section, inside, _),) = header.parts(number, 1)
        top = inside % tiles_of(section.shape, self.tile) * self.tile[0]
        return (min(self.tile[0], section.height - top), section.width, section.channels), section.depth

    def unpack(self, coder: StripCoder, header: Header, chunk: Chunk, advance: Advance) -> Any:
        shape, _ = self._shape(header, chunk.first)
        return coder.unpack(chunk.content, chunk.tiles, np.array(shape, np.int64), advance)

    def store(self, header: Header, first: int, content: Strip) -> tuple[int, bytes]:
        """A strip without the model: how it is coded, and the bytes."""
        (_, width, channels), depth = self._shape(header, first)
        pixels = np.ascontiguousarray(content.own, dtype_of(depth))
        pictured = depth == 8 and channels in (1, 3) and max(width, len(pixels)) <= stored.MAX_SIDE
        return stored.pack(pixels.tobytes(), [pixels] if pictured else None)

    def stored(self, header: Header, chunk: Chunk) -> np.ndarray:
        """The strip, ``(height, width, channels)``, that ``store`` made a chunk of.

        Raises:
            CodecError: if it holds another.
        """
        shape, depth = self._shape(header, chunk.first)
        if chunk.coding == WEBP:
            if depth != 8 or shape[2] not in (1, 3):
                raise CodecError("its levels do not fit a WebP picture")
            return stored.pictures(chunk.content, [shape])[0]
        size = self.room(header, chunk.first, 1)
        return np.frombuffer(stored.content(chunk.coding, chunk.content, size), dtype_of(depth)).reshape(shape)

    def stream(self, chunks: Iterator[Any]) -> "_Units":
        return _Units(chunks)

    def restored(self, units: "_Units", section: Section) -> Iterator[np.ndarray]:
        """Strips of a section's pictures, ``(height, width, channels)``, one after the other."""
        coder, size = self.coder, self.tile[0]
        for _ in range(section.count):
            before, strip = None, units.take(1)
            for top in range(0, section.height, size):
                height = min(size, section.height - top)
                after = units.take(1) if top + size < section.height else None
                shape = (height, section.width, section.channels)
                yield strip if self.exact else coder.render(before, strip, after, shape, section.depth)
                before, strip = strip, after

    def items(self, header: Header, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        blocks = iter(blocks)
        for section in header.sections:
            size = self.tile[0]
            for _ in range(section.count):
                picture = np.empty(section.shape, dtype_of(section.depth))  # with its strips beside, it would be two
                for top in range(0, section.height, size):
                    picture[top : top + size] = next(blocks)
                yield picture
                del picture

    def empty(self, header: Header) -> np.ndarray:
        """Room for the rows of all pictures of a header, which have one shape."""
        height, width, channels = header.sections[0].shape
        return np.zeros((header.pictures * height, width, channels), dtype_of(header.sections[0].depth))


class _Units:
    """Strips as they come."""

    def __init__(self, chunks: Iterator[Any]):
        self._chunks = iter(chunks)

    def take(self, count: int) -> Any:
        """The last of the next ``count`` strips; None after the end."""
        found = None
        for _ in range(count):
            found = next(self._chunks, None)
        return found
