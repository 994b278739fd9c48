"""Pictures as tiles of the model's size, each channel on its own or all of them in one."""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo.codec import tiles
from zoo.codec.coders.base import Coder
from zoo.codec.format import stored
from zoo.codec.format.container import WEBP, Chunk
from zoo.codec.format.fields import CodecError
from zoo.codec.format.header import Header, Section, tiles_of
from zoo.codec.media.base import InTiles, check_folder, mean_squared_error, notes
from zoo.codec.media.summary import Summary
from zoo.io import pictures, writing
from zoo.io.files import write_folder

BATCH_TILES = 2048  # small pictures are cut up and put together in groups of about this size


@dataclasses.dataclass(frozen=True)
class Pictures(InTiles):
    """Pictures ``(height, width, channels)`` as tiles of the model's size.

    Attributes:
        tile: ``(height, width)``; ``(height, width, 3)`` of a coder of colour, which takes pictures of three channels
            and refuses others.
        exact: whether they are kept without loss, and refused where that cannot be. An alpha channel is one more
            channel then; else pictures with one are refused.
        depths: bits of the levels that the coder takes.
    """

    tile: tuple[int, ...]
    exact: bool = False
    depths: tuple[int, ...] = (8,)
    name, what, unit = "image", "pictures", "pixels"

    @classmethod
    def of(cls, coder: Coder) -> "Pictures":
        return cls(coder.tile, exact=coder.lossless, depths=coder.depths)

    @property
    def take(self) -> pictures.Take:
        """What is taken of a picture."""
        alpha = "keep" if self.exact else "refuse"
        return pictures.Take(self.exact, alpha, frames=True, channels=True, depth=max(self.depths))

    def check(self, header: Header, name: str) -> None:
        """Compares the sections with what the coder takes.

        Raises:
            CodecError: if one has other bits.
        """
        for section in header.sections:
            if section.depth not in self.depths:
                raise CodecError(f"{name} has levels of {section.depth} bits: its model takes {max(self.depths)}.")

    def from_array(self, array: np.ndarray) -> pictures.Source:
        source = pictures.from_array(np.asarray(array), take=self.take)
        if refusal := self._refusal(source):
            raise ValueError(refusal)
        return source

    def open(self, inputs, fit="tile", taken=(), failed=None, transform=None) -> list[pictures.Source]:
        sources = pictures.open_sources(inputs, fit, self.tile[:2], taken, failed, take=self.take)
        if refusals := [refusal for source in sources if (refusal := self._refusal(source))]:
            if failed is None:
                raise ValueError(refusals[0])
            failed += refusals
            sources = [source for source in sources if not self._refusal(source)]
        return pictures.transformed(sources, transform)

    def _refusal(self, source: pictures.Source) -> str | None:
        """Why the coder does not take a source; None if it does."""
        if len(self.tile) == 2 or source.shape[2] == self.tile[2]:
            return None
        kinds = {1: "grey", 2: "grey with transparency", 4: "in colour with transparency"}
        found = kinds.get(source.shape[2], f"of {source.shape[2]} channels")
        return (
            f"{source.name} is {found}: this model takes pictures of {self.tile[2]} channels, red, green and blue. "
            "Give another model, such as pixel_predictor, or convert it."
        )

    def section(self, source: pictures.Source) -> Section:
        return Section(source.count, *source.shape, source.depth, source.profile)

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
        places = np.prod(tiles.extents(header.parts(first, count), self.tile), axis=0)
        return places * tiles.channels_of(self.tile)

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
        """The tiles, uint8 ``(n, height, width, 1)`` or of all channels, that ``store`` made a chunk of.

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
        channels = tiles.channels_of(self.tile)
        shapes = [
            (layout[0] * self.tile[0], layout[1] * self.tile[1], 3 if planes else channels)
            for layout, _, planes in layouts
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
        those of whole colour pictures in tiles of one channel, the tiles of a plane; else 0.
        """
        tiles_each = tiles_of(section.shape, self.tile)
        whole = section.channels == 3 and len(self.tile) == 2 and first % tiles_each == 0 and count % tiles_each == 0
        columns = -(-section.width // self.tile[1])
        phase = 0 if whole else first % columns
        layout = stored.sheet_layout(count // 3 if whole else count, columns, phase, self.tile)
        return layout, phase, tiles_each // 3 if whole else 0

    def restored_bytes(self, header: Header) -> int:
        return header.samples

    def empty(self, header: Header) -> np.ndarray:
        """Room for all pictures of a header, which have one shape."""
        return np.zeros((header.pictures, *header.sections[0].shape), dtype_of(header.sections[0].depth))

    def value(self, array: np.ndarray) -> np.ndarray:
        """What ``Codec.decompress`` returns of what it restored."""
        return array

    def array_shape(self, header: Header, name: str) -> tuple[int, ...]:
        """The shape of the one array that a container called ``name`` holds.

        Raises:
            ValueError: if its pictures are not of one shape.
        """
        if shapes := {(section.shape, section.depth) for section in header.sections}:
            if len(shapes) > 1:
                raise ValueError(f"{name} holds pictures of {len(shapes)} shapes: restore them into a folder.")
        shape = (header.pictures, *header.sections[0].shape)
        return {2: shape[1:3], 3: shape[1:], 4: shape}[header.axes]

    def save(self, output: Path, header: Header, batches: Iterator[np.ndarray], name: str, overwrite=True) -> None:
        """Writes all pictures of a container called ``name``: see ``Codec.decompress_file``."""
        if output.suffix.lower() == ".npy":
            shape = self.array_shape(header, name)
            with writing.atomic_write(output, overwrite=overwrite) as target:
                descr = dtype_of(header.sections[0].depth).str
                layout = {"descr": descr, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(target, layout)
                for batch in batches:
                    target.write(np.ascontiguousarray(batch, descr))
        elif output.suffix.lower() == ".png":
            if header.pictures > 1:
                raise ValueError(f"{name} holds {header.pictures} pictures: give a folder instead of {output}.")
            with writing.atomic_write(output, overwrite=overwrite) as target:
                for picture in self._with_profiles(header, batches):
                    _write(picture, target)
        else:
            check_folder(output, f"{name} holds pictures: give a name in .png or .npy")
            for section in header.sections:
                pictures.check_png(section.channels, section.depth)
            items = self._with_profiles(header, batches)
            write_folder(output, header.picture_names(), items, ".png", _write, overwrite=overwrite)

    def _with_profiles(self, header: Header, batches: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, bytes]]:
        profiles = itertools.chain.from_iterable(itertools.repeat(s.profile, s.count) for s in header.sections)
        return zip(self.items(header, batches), profiles, strict=True)

    def save_one(self, output: Path, picture: np.ndarray, section: Section) -> None:
        if output.suffix.lower() not in (".png", ".npy"):
            raise ValueError(f"output must end in .png or .npy for a single picture: received {output}.")
        with writing.atomic_write(output) as target:
            if output.suffix.lower() == ".png":
                pictures.write_png(picture, target, section.profile)
            else:
                np.save(target, picture)

    def quality(self, originals: Iterable[np.ndarray], restored: Iterable[np.ndarray]) -> dict[str, float]:
        """The PSNR in dB over all samples; None where nothing was lost, as JSON has no infinity."""
        error = mean_squared_error(originals, restored, "The container does not hold these pictures")
        error /= (2 ** max(self.depths) - 1) ** 2
        return {"psnr": -10 * math.log10(error) if error else None, **({"exact": not error} if self.exact else {})}

    def summary(self, figures: dict[str, Any], sources=()) -> Summary:
        return Summary(**figures, notes=notes(sources))

    def _batch(self, shape: tuple[int, int, int]) -> int:
        return max(1, BATCH_TILES // tiles_of(shape, self.tile))


def dtype_of(depth: int) -> np.dtype:
    """Of levels of so many bits."""
    return np.dtype("<u2" if depth == 16 else "u1")


def _write(item: tuple[np.ndarray, bytes], file) -> None:
    pictures.write_png(item[0], file, item[1])
