"""Texts as runs of bytes."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo.codec import tiles
from zoo.codec.coders.base import Coder
from zoo.codec.coders.text_coder import NOTHING
from zoo.codec.format import stored
from zoo.codec.format.container import WEBP, Chunk
from zoo.codec.format.fields import CodecError
from zoo.codec.format.header import Header, Section, tiles_of
from zoo.codec.media.base import InTiles, check_rows, mean_squared_error
from zoo.codec.media.summary import TextSummary
from zoo.io import audio, pictures, texts, writing
from zoo.io.files import write_folder


@dataclasses.dataclass(frozen=True)
class Texts(InTiles):
    """Texts as runs of bytes; each row is a run, and ``NOTHING`` after its last byte.

    A text of n bytes has the width n + 1, for its end: an empty one is a text too.

    Attributes:
        length: bytes of a run.
    """

    length: int
    name, what, unit = "text", "texts", "bytes"

    @classmethod
    def of(cls, coder: Coder) -> "Texts":
        return cls(coder.tile[1])

    def check(self, header: Header, name: str) -> None:
        """Compares the sections with what a text can be.

        Raises:
            CodecError: if one has several rows or channels.
        """
        check_rows(header, name, self.what)

    def from_array(self, array: "str | bytes | np.ndarray") -> texts.Text:
        return texts.from_value(array)

    def open(self, inputs, fit="tile", taken=(), failed=None, transform=None) -> list[texts.Text]:
        if fit != "tile" or transform is not None:
            raise ValueError("fit and denoise are of pictures: leave them out for texts.")
        return texts.open_texts(inputs, taken, failed)

    def section(self, source: texts.Text) -> Section:
        return Section(1, 1, source.size + 1, 1)

    def axes(self, source: texts.Text) -> int:
        return 2

    def rows(self, source: texts.Text) -> Iterator[np.ndarray]:
        """The runs of a text, int16 ``(n, length)``, some at a time; the last one may be empty."""
        rest = np.zeros(0, np.int16)
        for content in source.read():
            rest = np.concatenate([rest, np.frombuffer(content, np.uint8)])
            whole = len(rest) // self.length * self.length
            if whole:
                yield rest[:whole].reshape(-1, self.length)
            rest = rest[whole:]
        yield np.pad(rest, (0, self.length - len(rest)), constant_values=NOTHING)[None]

    def whole(self, source: texts.Text) -> Iterator[np.ndarray]:
        """The text, as one array of bytes."""
        yield np.frombuffer(b"".join(source.read()), np.uint8)

    def restored(self, rows: tiles.Rows, section: Section) -> Iterator[np.ndarray]:
        """The texts of a section, one after the other, uint8 ``(m,)`` at a time."""
        for _ in range(section.count * tiles_of(section.shape, (1, self.length))):
            (row,) = rows.take(1)
            yield row[row != NOTHING].astype(np.uint8)

    def sizes(self, header: Header, first: int, count: int) -> np.ndarray:
        """Bytes of each of the tiles from ``first`` on, int64 ``(count,)``: a text's last one may have none."""
        _, widths = tiles.extents(header.parts(first, count), (1, self.length))
        # A text's width counts its end: only the last tile, which is not full without it, has that.
        ends = [
            (start % runs + np.arange(1, part + 1)) % runs == 0
            for section, start, part in header.parts(first, count)
            for runs in [tiles_of(section.shape, (1, self.length))]
        ]
        return widths - np.concatenate(ends)

    def units(self, header: Header) -> float:
        """All that there is to do, in ``unit``."""
        return header.pixels - header.pictures

    def store(self, header: Header, first: int, rows: np.ndarray) -> tuple[int, bytes]:
        """Tiles without the model: how they are coded, and the bytes."""
        return stored.pack(rows[rows != NOTHING].astype(np.uint8).tobytes(), None)

    def stored(self, header: Header, chunk: Chunk) -> np.ndarray:
        """The tiles, int16 ``(n, length)``, that ``store`` made a chunk of.

        Raises:
            CodecError: if it holds others.
        """
        if chunk.coding == WEBP:
            raise CodecError("it is coded as a picture, and of a text")
        sizes = self.sizes(header, chunk.first, chunk.tiles)
        rows = np.full((chunk.tiles, self.length), NOTHING, np.int16)
        content = stored.content(chunk.coding, chunk.content, int(sizes.sum()))
        rows[np.arange(self.length) < sizes[:, None]] = np.frombuffer(content, np.uint8)
        return rows

    def items(self, header: Header, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Of all that is restored, one text after the other, uint8 ``(bytes,)``."""
        blocks = iter(blocks)
        for section in header.sections:
            runs = tiles_of(section.shape, (1, self.length))
            for _ in range(section.count):
                yield np.concatenate(list(itertools.islice(blocks, runs)))

    def restored_bytes(self, header: Header) -> int:
        return header.samples

    def empty(self, header: Header) -> np.ndarray:
        """Room for all texts of a header, one after the other."""
        return np.zeros(header.pixels - header.pictures, np.uint8)

    def value(self, array: np.ndarray) -> bytes:
        return array.tobytes()

    def array_shape(self, header: Header, name: str) -> tuple[int, ...]:
        """The shape of the bytes of the one text that a container called ``name`` holds.

        Raises:
            ValueError: if it holds several texts.
        """
        if header.pictures > 1:
            raise ValueError(f"{name} holds {header.pictures} texts: restore them into a folder.")
        return (header.pixels - 1,)

    def save(self, output: Path, header: Header, blocks: Iterator[np.ndarray], name: str, overwrite=True) -> None:
        """Writes all texts of a container called ``name``: see ``Codec.decompress_file``."""
        self._check(output, name)
        if output.suffix and not output.is_dir():
            self.array_shape(header, name)
            with writing.atomic_write(output, overwrite=overwrite) as target:
                for block in blocks:
                    target.write(block.tobytes())
        else:
            suffix = "" if header.names else ".txt"
            items = self.items(header, blocks)
            write_folder(output, header.picture_names(), items, suffix, self._write, overwrite=overwrite)

    def save_one(self, output: Path, text: np.ndarray, section: Section) -> None:
        self._check(output, "the container")
        with writing.atomic_write(output) as target:
            self._write(text, target)

    def _check(self, output: Path, name: str) -> None:
        if output.suffix.lower() in (".npy", *pictures.EXTENSIONS, *audio.EXTENSIONS) and not output.is_dir():
            raise ValueError(f"{name} holds texts: give a name such as notes.txt, or a folder, instead of {output}.")

    def _write(self, text: np.ndarray, target) -> None:
        target.write(text.tobytes())

    def quality(self, originals: Iterable[np.ndarray], restored: Iterable[np.ndarray]) -> dict[str, bool]:
        """That nothing was lost.

        Raises:
            ValueError: if the container holds other texts.
        """
        if mean_squared_error(originals, restored, "The container does not hold these texts"):
            raise ValueError("The container does not hold these texts.")
        return {"exact": True}

    def summary(self, figures: dict[str, Any], sources=()) -> TextSummary:
        return TextSummary(**figures)
