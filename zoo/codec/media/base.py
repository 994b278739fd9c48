"""What a medium is: the contract between what a user has and the chunks that a coder takes; what media share."""

import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from zoo.codec import tiles
from zoo.codec.coders.base import Advance, Coder
from zoo.codec.format.container import Chunk
from zoo.codec.format.fields import CodecError
from zoo.codec.format.header import Header, Section
from zoo.codec.media.summary import Summary
from zoo.io.files import is_file_name


class Medium(Protocol):
    """Opens inputs, cuts them into the units of a coder, and puts together and saves what is restored.

    A *source* is an input that is not yet read: its type is the medium's own. It has a ``name``. An *item* is one
    picture, sound or text.

    Attributes:
        name: in manifests and headers.
        what: its items are called in messages.
        unit: of ``units``.
    """

    name: ClassVar[str]
    what: ClassVar[str]
    unit: ClassVar[str]

    @classmethod
    def of(cls, coder: Coder) -> Self:
        """The medium as this coder takes it."""
        ...

    def check(self, header: Header, name: str) -> None:
        """Compares a header with what the medium can hold; raises ``CodecError``, with the container's name."""
        ...

    def from_array(self, array: Any) -> Any:
        """What ``Codec.compress`` is given, as a source; raises ``ValueError`` where it is none."""
        ...

    def open(self, inputs, fit="tile", taken=(), failed=None, transform=None) -> list[Any]:
        """Sources of files: see ``Codec.compress_file``."""
        ...

    def section(self, source: Any) -> Section: ...

    def axes(self, source: Any) -> int: ...

    def rows(self, source: Any) -> Iterator[Any]:
        """The units of a source, some at a time."""
        ...

    def whole(self, source: Any) -> Iterator[np.ndarray]:
        """The items of a source, one after the other, as they are to be restored."""
        ...

    def chunks(self, sources: Iterable[Any], size: int) -> Iterator[Any]:
        """The contents of the chunks, of ``size`` units each; ``len`` of one gives its units."""
        ...

    def sizes(self, header: Header, first: int, count: int) -> np.ndarray:
        """Samples of the items in each of the units from ``first`` on, int64 ``(count,)``."""
        ...

    def room(self, header: Header, first: int, count: int) -> int:
        """The most bytes that ``store`` makes of as many units from ``first`` on."""
        ...

    def unpack(self, coder: Coder, header: Header, chunk: Chunk, advance: Advance) -> Any:
        """The units of a chunk that the coder coded."""
        ...

    def store(self, header: Header, first: int, content: Any) -> tuple[int, bytes]:
        """A content without the model: how it is coded, and the bytes. Asked where the coder is lossless alone."""
        ...

    def stored(self, header: Header, chunk: Chunk) -> Any:
        """The units that ``store`` made a chunk of; raises ``CodecError`` if it holds others."""
        ...

    def stream(self, chunks: Iterator[Any]) -> Any:
        """The units of chunks, one after the other; ``take(n)`` gives or skips the next ones."""
        ...

    def restored(self, units: Any, section: Section) -> Iterator[np.ndarray]:
        """Blocks of a section's items, as ``save``, ``items`` and ``empty`` know them."""
        ...

    def items(self, header: Header, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Of all that is restored, one item after the other."""
        ...

    def units(self, header: Header) -> float:
        """All that there is to do, in ``unit``."""
        ...

    def restored_bytes(self, header: Header) -> int:
        """Of all items together."""
        ...

    def empty(self, header: Header) -> np.ndarray:
        """Room for all blocks of a header, one after the other along the first axis."""
        ...

    def array_shape(self, header: Header, name: str) -> tuple[int, ...]:
        """The shape of the one array that a container called ``name`` holds; raises ``ValueError`` if it is not one."""
        ...

    def value(self, array: np.ndarray) -> Any:
        """What ``Codec.decompress`` returns of the array."""
        ...

    def save(self, output: Path, header: Header, blocks: Iterator[np.ndarray], name: str, overwrite=True) -> None:
        """Writes all items of a container called ``name``: see ``Codec.decompress_file``."""
        ...

    def save_one(self, output: Path, item: np.ndarray, section: Section) -> None:
        """Writes one item of a section: see ``Codec.decompress_picture``."""
        ...

    def quality(self, originals: Iterable[np.ndarray], restored: Iterable[np.ndarray]) -> dict[str, Any]:
        """What the restored items are worth beside the originals."""
        ...

    def summary(self, figures: dict[str, Any], sources=()) -> Summary: ...


class InTiles:
    """What media share whose units are rows of one array, many a chunk."""

    def room(self, header: Header, first: int, count: int) -> int:
        return count * math.prod(header.tile)

    def chunks(self, sources: Iterable[Any], size: int) -> Iterator[np.ndarray]:
        return tiles.Rows(itertools.chain.from_iterable(map(self.rows, sources))).pieces(size)

    def unpack(self, coder: Coder, header: Header, chunk: Chunk, advance: Advance) -> np.ndarray:
        return coder.unpack(chunk.content, chunk.tiles, self.sizes(header, chunk.first, chunk.tiles), advance)

    def stream(self, chunks: Iterator[np.ndarray]) -> tiles.Rows:
        return tiles.Rows(chunks)


def check_folder(output: Path, instead: str) -> None:
    """Refuses a name that has a file's extension, where a folder is to be made."""
    if is_file_name(output):
        raise ValueError(f"{instead}, or a folder, instead of {output}.")


def notes(sources) -> tuple[str, ...]:
    return tuple(f"{source.name}: {', '.join(source.changes)}" for source in sources if source.changes)


def check_rows(header: Header, name: str, what: str) -> None:
    for section in header.sections:
        if section.height != 1 or section.channels != 1:
            raise CodecError(f"{name} has a section of shape {section.shape}: of {what}, it is (1, n, 1).")
        if section.depth != 8 or section.profile:  # fields of pictures
            raise CodecError(f"{name} has a section with the bits or the profile of pictures, and holds {what}.")


def mean_squared_error(originals: Iterable[np.ndarray], restored: Iterable[np.ndarray], mismatch: str) -> float:
    """Over all samples of arrays of integers.

    Raises:
        ValueError: if the others are not as many of the same shapes; it says ``mismatch``.
    """
    total = samples = 0
    for original, other in itertools.zip_longest(originals, restored):
        if original is None or other is None or original.shape != other.shape:
            raise ValueError(f"{mismatch}.")
        difference = original.astype(np.int64) - other
        total += int(np.square(difference).sum())
        samples += difference.size
    return total / max(samples, 1)
