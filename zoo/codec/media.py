"""What a codec does with pictures, with sounds and with texts: opening, cutting up, joining, saving."""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo import artifacts
from zoo.codec import frames, stored, tiles
from zoo.codec.container import WEBP, Chunk
from zoo.codec.header import CodecError, Header, Section, tiles_of
from zoo.codec.tables import Tables
from zoo.codec.text_coder import NOTHING
from zoo.io import pictures, sounds, texts
from zoo.io.files import is_file_name, write_folder

_BATCH_TILES = 2048  # small pictures are cut up and put together in groups of about this size


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Pictures ``(height, width, channels)`` as tiles of the model's size.

    Attributes:
        tile: ``(height, width)``.
        exact: whether they are kept without loss, and refused where that cannot be.
    """

    tile: tuple[int, int]
    exact: bool = False
    what, unit = "pictures", "pixels"
    bytes_per_sample = 1

    def check(self, header: Header, name: str) -> None:
        """Nothing to compare: a section may be of any picture."""

    def from_array(self, array: np.ndarray) -> pictures.Source:
        return pictures.from_array(np.asarray(array), exact=self.exact)

    def open(self, inputs, fit="tile", taken=(), failed=None, transform=None) -> list[pictures.Source]:
        sources = pictures.open_sources(inputs, fit, self.tile, taken, failed, exact=self.exact)
        return pictures.transformed(sources, transform)

    def section(self, source: pictures.Source) -> Section:
        return Section(source.count, *source.shape)

    def axes(self, source: pictures.Source) -> int:
        return source.axes

    def rows(self, source: pictures.Source) -> Iterator[np.ndarray]:
        """The tiles of a source, some at a time."""
        size = self._batch(source.shape)
        for batch in source.batches(size):
            if size == 1:  # so that a large one is not in memory several times
                yield from tiles.pieces(batch[0], self.tile)
            else:
                yield tiles.split(batch, self.tile)

    def whole(self, source: pictures.Source) -> Iterator[np.ndarray]:
        """Its pictures, one after the other."""
        return itertools.chain.from_iterable(source.batches(self._batch(source.shape)))

    def restored(self, rows: tiles.Rows, section: Section) -> Iterator[np.ndarray]:
        """Pictures of a section, uint8 ``(n, h, w, c)``, some at a time."""
        size = self._batch(section.shape)
        for start in range(0, section.count, size):
            count = min(size, section.count - start)
            yield tiles.join(rows.take(count * tiles_of(section.shape, self.tile)), section.shape)

    def items(self, header: Header, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Of all that is restored, one picture after the other."""
        return itertools.chain.from_iterable(batches)

    def units(self, header: Header) -> float:
        """All that there is to do, in ``unit``."""
        return header.pixels

    def sizes(self, header: Header, first: int, count: int) -> np.ndarray:
        """Bytes of the pictures in each of the tiles from ``first`` on, int64 ``(count,)``."""
        return np.prod(tiles.extents(header.parts(first, count), self.tile), axis=0)

    def store(self, header: Header, first: int, rows: np.ndarray) -> tuple[int, bytes]:
        """Tiles from ``first`` on without the model: how they are coded, and the bytes."""
        content = rows[tiles.inside(header.parts(first, len(rows)), self.tile)].tobytes()
        sheets, at = [], 0
        for section, start, count in header.parts(first, len(rows)):
            layout, phase, planes = self._sheet(section, start, count)
            part, at = rows[at : at + count], at + count
            if layout is None:
                return stored.pack(content, None)
            if planes:  # the tiles of the three channels at one place make one of three channels
                part = part.reshape(-1, 3, planes, *self.tile).transpose(0, 2, 3, 4, 1).reshape(-1, *self.tile, 3)
            sheets.append(stored.sheet(part, layout, phase))
        return stored.pack(content, sheets)

    def stored(self, header: Header, chunk: Chunk) -> np.ndarray:
        """The tiles, uint8 ``(n, height, width, 1)``, that ``store`` made a chunk of.

        Raises:
            CodecError: if it holds others.
        """
        parts = list(header.parts(chunk.first, chunk.tiles))
        if chunk.coding != WEBP:
            mask = tiles.inside(parts, self.tile)
            rows = np.zeros(mask.shape, np.uint8)
            rows[mask] = np.frombuffer(stored.content(chunk.coding, chunk.content, int(mask.sum())), np.uint8)
            return rows
        layouts = [self._sheet(*part) for part in parts]
        if any(layout is None for layout, _, _ in layouts):
            raise CodecError("its tiles do not fit a WebP picture")
        shapes = [
            (layout[0] * self.tile[0], layout[1] * self.tile[1], 3 if planes else 1) for layout, _, planes in layouts
        ]
        rows = []
        for picture, (layout, phase, planes), (_, _, count) in zip(
            stored.pictures(chunk.content, shapes), layouts, parts, strict=True
        ):
            part = stored.tiles_of_sheet(picture, layout, phase, count // 3 if planes else count)
            if planes:
                part = part.reshape(-1, planes, *self.tile, 3).transpose(0, 4, 1, 2, 3).reshape(-1, *self.tile, 1)
            rows.append(part)
        return np.concatenate(rows)

    def _sheet(self, section: Section, first: int, count: int) -> tuple[tuple[int, int] | None, int, int]:
        """How tiles of a section lie on a sheet: its layout, the empty places before the first, and, where they are
        those of whole colour pictures, the tiles of a plane; else 0.
        """
        tiles_each = tiles_of(section.shape, self.tile)
        whole = section.channels == 3 and first % tiles_each == 0 and count % tiles_each == 0
        columns = -(-section.width // self.tile[1])
        phase = 0 if whole else first % columns
        layout = stored.sheet_layout(count // 3 if whole else count, columns, phase, self.tile)
        return layout, phase, tiles_each // 3 if whole else 0

    def empty(self, header: Header) -> np.ndarray:
        """Room for all pictures of a header, which have one shape."""
        return np.zeros((header.pictures, *header.sections[0].shape), np.uint8)

    def value(self, array: np.ndarray) -> np.ndarray:
        """What ``Codec.decompress`` returns of what it restored."""
        return array

    def array_shape(self, header: Header, name: str) -> tuple[int, ...]:
        """The shape of the one array that a container called ``name`` holds.

        Raises:
            ValueError: if its pictures are not of one shape.
        """
        if len(header.sections) > 1:
            raise ValueError(f"{name} holds pictures of {len(header.sections)} shapes: restore them into a folder.")
        shape = (header.pictures, *header.sections[0].shape)
        return {2: shape[1:3], 3: shape[1:], 4: shape}[header.axes]

    def save(self, output: Path, header: Header, batches: Iterator[np.ndarray], name: str, overwrite=True) -> None:
        """Writes all pictures of a container called ``name``: see ``Codec.decompress_file``."""
        if output.suffix.lower() == ".npy":
            shape = self.array_shape(header, name)
            with artifacts.atomic_write(output, overwrite=overwrite) as target:
                layout = {"descr": "|u1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(target, layout)
                for batch in batches:
                    target.write(np.ascontiguousarray(batch))
        elif output.suffix.lower() == ".png":
            if header.pictures > 1:
                raise ValueError(f"{name} holds {header.pictures} pictures: give a folder instead of {output}.")
            with artifacts.atomic_write(output, overwrite=overwrite) as target:
                for picture in self.items(header, batches):
                    pictures.write_png(picture, target)
        else:
            _check_folder(output, f"{name} holds pictures: give a name in .png or .npy")
            items = self.items(header, batches)
            write_folder(output, header.picture_names(), items, ".png", pictures.write_png, overwrite=overwrite)

    def save_one(self, output: Path, picture: np.ndarray) -> None:
        if output.suffix.lower() not in (".png", ".npy"):
            raise ValueError(f"output must end in .png or .npy for a single picture: received {output}.")
        with artifacts.atomic_write(output) as target:
            if output.suffix.lower() == ".png":
                pictures.write_png(picture, target)
            else:
                np.save(target, picture)

    def quality(self, originals: Iterable[np.ndarray], restored: Iterable[np.ndarray]) -> dict[str, float]:
        """The PSNR in dB over all samples; None where nothing was lost, as JSON has no infinity."""
        error = mean_squared_error(originals, restored, "The container does not hold these pictures") / 255**2
        return {"psnr": -10 * math.log10(error) if error else None, **({"exact": not error} if self.exact else {})}

    def summary(self, figures: dict[str, Any], sources=()) -> "Summary":
        return Summary(**figures, notes=_notes(sources))

    def _batch(self, shape: tuple[int, int, int]) -> int:
        return max(1, _BATCH_TILES // tiles_of(shape, self.tile))


@dataclasses.dataclass(frozen=True)
class Sounds:
    """Signals of one channel as overlapping frames; each row is a frame's level and its samples.

    Attributes:
        tables: of the model.
    """

    tables: Tables
    what, unit = "sounds", "seconds"
    bytes_per_sample = 2

    def check(self, header: Header, name: str) -> None:
        """Compares the sections with what a sound can be.

        Raises:
            CodecError: if one has several rows or channels.
        """
        _check_rows(header, name, self.what)

    @property
    def length(self) -> int:
        """Samples of a frame."""
        return self.tables.tile[1] + self.tables.overlap

    def from_array(self, array: np.ndarray) -> sounds.Sound:
        return sounds.from_array(np.asarray(array))

    def open(self, inputs, fit="tile", taken=(), failed=None, transform=None) -> list[sounds.Sound]:
        if fit != "tile" or transform is not None:
            raise ValueError("fit and denoise are of pictures: leave them out for sounds.")
        return sounds.open_sounds(inputs, self.tables.sample_rate, taken, failed)

    def section(self, source: sounds.Sound) -> Section:
        return Section(1, 1, source.samples, 1)

    def axes(self, source: sounds.Sound) -> int:
        return 2

    def rows(self, source: sounds.Sound) -> Iterator[np.ndarray]:
        """The frames of a sound and their levels, int16 ``(n, 1 + length)``, some at a time."""
        state = (0, 0)
        for part in frames.split(source.read(), self.length, self.tables.overlap):
            levels, state = frames.levels_of(part, state)
            yield np.concatenate([levels.astype(np.int16)[:, None], part], axis=1)

    def whole(self, source: sounds.Sound) -> Iterator[np.ndarray]:
        """The sound, as one array."""
        yield np.concatenate(list(source.read()))

    def restored(self, rows: tiles.Rows, section: Section) -> Iterator[np.ndarray]:
        """The sounds of a section, one after the other, int16 ``(m,)`` at a time."""
        for _ in range(section.count):
            fading = frames.OverlapAdd(section.width, self.length, self.tables.overlap)
            left = tiles_of(section.shape, self.tables.tile[:2])
            while left:
                part = rows.take(min(left, _BATCH_TILES))
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
            with artifacts.atomic_write(output, overwrite=overwrite) as target:
                with sounds.writer(target, self.tables.sample_rate) as file:
                    for block in blocks:
                        file.write(block)
        elif output.suffix.lower() == ".npy":
            shape = self.array_shape(header, name)
            with artifacts.atomic_write(output, overwrite=overwrite) as target:
                np.lib.format.write_array_header_1_0(target, {"descr": "<i2", "fortran_order": False, "shape": shape})
                for block in blocks:
                    target.write(block.astype("<i2"))
        else:
            _check_folder(output, f"{name} holds sounds: give a name in .wav or .npy")
            items = self.items(header, blocks)
            write_folder(output, header.picture_names(), items, ".wav", self._write, overwrite=overwrite)

    def save_one(self, output: Path, sound: np.ndarray) -> None:
        if output.suffix.lower() not in (".wav", ".npy"):
            raise ValueError(f"output must end in .wav or .npy for a single sound: received {output}.")
        with artifacts.atomic_write(output) as target:
            if output.suffix.lower() == ".wav":
                self._write(sound, target)
            else:
                np.save(target, sound)

    def _write(self, sound: np.ndarray, target) -> None:
        with sounds.writer(target, self.tables.sample_rate) as file:
            file.write(sound)

    def quality(self, originals: Iterable[np.ndarray], restored: Iterable[np.ndarray]) -> dict[str, float]:
        """The signal-to-noise ratio in dB over all samples; None where nothing was lost or there is no signal."""
        originals = list(originals)
        energy = sum(float(np.square(sound, dtype=np.float64).sum()) for sound in originals)
        error = mean_squared_error(originals, restored, "The container does not hold these sounds")
        error *= sum(map(len, originals))
        return {"snr": 10 * math.log10(energy / error) if error and energy else None}

    def summary(self, figures: dict[str, Any], sources=()) -> "Summary":
        return SoundSummary(**figures, sample_rate=self.tables.sample_rate, notes=_notes(sources))


@dataclasses.dataclass(frozen=True)
class Texts:
    """Texts as runs of bytes; each row is a run, and ``NOTHING`` after its last byte.

    A text of n bytes has the width n + 1, for its end: an empty one is a text too.

    Attributes:
        length: bytes of a run.
    """

    length: int
    what, unit = "texts", "bytes"
    bytes_per_sample = 1

    def check(self, header: Header, name: str) -> None:
        """Compares the sections with what a text can be.

        Raises:
            CodecError: if one has several rows or channels.
        """
        _check_rows(header, name, self.what)

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
            with artifacts.atomic_write(output, overwrite=overwrite) as target:
                for block in blocks:
                    target.write(block.tobytes())
        else:
            suffix = "" if header.names else ".txt"
            items = self.items(header, blocks)
            write_folder(output, header.picture_names(), items, suffix, self._write, overwrite=overwrite)

    def save_one(self, output: Path, text: np.ndarray) -> None:
        self._check(output, "the container")
        with artifacts.atomic_write(output) as target:
            self._write(text, target)

    def _check(self, output: Path, name: str) -> None:
        if output.suffix.lower() in (".npy", *pictures.EXTENSIONS, *sounds.EXTENSIONS) and not output.is_dir():
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

    def summary(self, figures: dict[str, Any], sources=()) -> "Summary":
        return TextSummary(**figures)


def _check_folder(output: Path, instead: str) -> None:
    """Refuses a name that has a file's extension, where a folder is to be made."""
    if is_file_name(output):
        raise ValueError(f"{instead}, or a folder, instead of {output}.")


def _notes(sources) -> tuple[str, ...]:
    return tuple(f"{source.name}: {', '.join(source.changes)}" for source in sources if source.changes)


def _check_rows(header: Header, name: str, what: str) -> None:
    for section in header.sections:
        if section.height != 1 or section.channels != 1:
            raise CodecError(f"{name} has a section of shape {section.shape}: of {what}, it is (1, n, 1).")


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


@dataclasses.dataclass(frozen=True)
class Summary:
    """What was compressed or restored.

    Attributes:
        model: name of the model in the container.
        pictures: number of pictures, or of sounds.
        pixels: of all of them; a colour pixel counts once. Of sounds, samples.
        tiles: that went through the network.
        bytes: of the container, all of them.
        notes: what was done to inputs to fit the model, such as resampling, and what of them was left out.
    """

    model: str
    pictures: int
    pixels: int
    tiles: int
    bytes: int
    notes: tuple[str, ...] = ()

    @property
    def bits_per_pixel(self) -> float:
        return 8 * self.bytes / self.pixels

    def figures(self) -> dict[str, Any]:
        """What the commands print of it."""
        names = ("model", "pictures", "pixels", "bytes", "bits_per_pixel")
        return {**{name: getattr(self, name) for name in names}, **({"notes": list(self.notes)} if self.notes else {})}


@dataclasses.dataclass(frozen=True)
class SoundSummary(Summary):
    """The same of sounds.

    Attributes:
        sample_rate: in Hz, at which they are kept.
    """

    sample_rate: int = 8000

    @property
    def seconds(self) -> float:
        return self.pixels / self.sample_rate

    def figures(self) -> dict[str, Any]:
        """What the commands print of it."""
        return {
            "model": self.model,
            "sounds": self.pictures,
            "seconds": self.seconds,
            "bytes": self.bytes,
            "kilobits_per_second": 8 * self.bytes / self.seconds / 1000,
            **({"notes": list(self.notes)} if self.notes else {}),
        }


@dataclasses.dataclass(frozen=True)
class TextSummary(Summary):
    """The same of texts: ``pixels`` are their bytes, and one more for the end of each."""

    @property
    def size(self) -> int:
        """Bytes of all texts."""
        return self.pixels - self.pictures

    def figures(self) -> dict[str, Any]:
        """What the commands print of it."""
        return {
            "model": self.model,
            "texts": self.pictures,
            "text_bytes": self.size,
            "bytes": self.bytes,
            "bits_per_byte": 8 * self.bytes / self.size if self.size else None,
            "ratio": self.size / self.bytes,
        }
