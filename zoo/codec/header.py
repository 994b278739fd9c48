"""The header of a container: what it holds, by which model, under which names; to bytes and back (``FORMAT.md``).

Every field is checked before anything is allocated from it, and each fault is a ``CodecError`` that says what is wrong
at which byte.
"""

import bisect
import dataclasses
import functools
import io
import itertools
import os
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from zoo.io.files import MAX_NAME_BYTES, is_safe_name, make_safe

MAGIC = b"\x89ZOO\r\n\x1a\n"  # like PNG's: a transfer that strips bit 7 or translates line ends shows
VERSION = 1
LOSSLESS_VERSION = 2  # with the two fields of a probe, which a reader must not overlook
TILES_PER_CHUNK = 1024  # about 35 kB: the 13 bytes around a chunk weigh nothing, and memory stays small
MAX_TILES_PER_CHUNK = 1 << 16
MAX_SAMPLES = 1 << 30  # of one picture's tiles, which have to fit in memory
MAX_DEFLATE_RATIO = 1032  # zlib's own limit, https://zlib.net/zlib_tech.html
_NAMED, _CODED = 1, 2  # flags


class CodecError(ValueError):
    """Bytes that are not a container this codec can restore: what is wrong, and at which byte."""


@dataclasses.dataclass(frozen=True)
class Section:
    """A run of ``count`` pictures of one shape."""

    count: int
    height: int
    width: int
    channels: int

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels


@dataclasses.dataclass(frozen=True)
class Probe:
    """What a network's output has to be for it to decide symbols.

    Attributes:
        runtime: that wrote the container, for messages.
        digest: 8 bytes of the SHA-256 digest of the networks' output on a fixed input.
    """

    runtime: str
    digest: bytes


@dataclasses.dataclass(frozen=True)
class Header:
    """What a container says about itself.

    Attributes:
        model: name of the artefact whose encoder wrote it.
        fingerprint: first 8 bytes of the SHA-256 digest of the model's ``codec.npz``.
        tile: ``(height, width)`` of the model's input, in pixels.
        sections: runs of equally shaped pictures, in their order.
        axes: 2, 3 or 4: the number of axes of the array that was compressed.
        names: ``(count, name)`` of each input in its order; empty where names were not kept.
        tiles_per_chunk: tiles in every chunk but the last.
        probe: of a lossless container, what has to be the same where it is restored; None for a lossy one.
        coded: whether each chunk says how it is coded, which a lossless one may; else the model codes all of them.
    """

    model: str
    fingerprint: bytes
    tile: tuple[int, int]
    sections: tuple[Section, ...]
    axes: int = 4
    names: tuple[tuple[int, str], ...] = ()
    tiles_per_chunk: int = TILES_PER_CHUNK
    probe: "Probe | None" = None
    coded: bool = False

    @property
    def version(self) -> int:
        return VERSION if self.probe is None else LOSSLESS_VERSION

    @property
    def pictures(self) -> int:
        return sum(s.count for s in self.sections)

    @property
    def pixels(self) -> int:
        """Pixels of all pictures; a colour pixel counts once."""
        return sum(s.count * s.height * s.width for s in self.sections)

    @property
    def samples(self) -> int:
        """Bytes of all pictures once restored."""
        return sum(s.count * s.height * s.width * s.channels for s in self.sections)

    @functools.cached_property
    def tiles(self) -> int:
        return sum(s.count * tiles_of(s.shape, self.tile) for s in self.sections)

    @functools.cached_property
    def chunks(self) -> int:
        return -(-self.tiles // self.tiles_per_chunk)

    def tiles_in_chunk(self, index: int) -> int:
        return min(self.tiles_per_chunk, self.tiles - index * self.tiles_per_chunk)

    def parts(self, first: int, count: int) -> Iterator[tuple[Section, int, int]]:
        """``(section, first, count)``: the sections of ``count`` tiles from ``first`` on, and which of their tiles."""
        at = bisect.bisect_right(self._ends, first)
        while count:
            section = self.sections[at]
            inside = first - (self._ends[at - 1] if at else 0)
            part = min(count, self._ends[at] - first)
            yield section, inside, part
            first, count, at = first + part, count - part, at + 1

    @functools.cached_property
    def _ends(self) -> list[int]:
        """Tiles up to the end of each section."""
        return list(itertools.accumulate(s.count * tiles_of(s.shape, self.tile) for s in self.sections))

    def picture_inputs(self) -> tuple[tuple[int, str], ...]:
        """``(count, name)`` of each input; without names, all pictures count as one."""
        return self.names or ((self.pictures, "picture"),)

    def picture_names(self) -> Iterator[str]:
        """A name for every picture: its input's, numbered where the input held several."""
        for count, name in self.picture_inputs():
            if os.name == "nt":  # written by a release, or a program, that did not look at every system's rules
                name = make_safe(name)
            digits = len(str(count - 1))
            yield from [name] if count == 1 else (f"{name}_{i:0{digits}}" for i in range(count))


def tiles_of(shape: tuple[int, int, int], tile: tuple[int, int]) -> int:
    """Number of tiles of a picture ``(height, width, channels)``; every channel has its own."""
    return -(-shape[0] // tile[0]) * -(-shape[1] // tile[1]) * shape[2]


def fits(shape: tuple[int, int, int], tile: tuple[int, int]) -> bool:
    """Whether the tiles of a picture stay within ``MAX_SAMPLES``."""
    return tiles_of(shape, tile) * tile[0] * tile[1] <= MAX_SAMPLES


def run_lengths(sections: list[Section]) -> tuple[Section, ...]:
    """Joins neighbouring sections of equal shape."""
    joined: list[Section] = []
    for section in sections:
        if joined and joined[-1].shape == section.shape:
            section = dataclasses.replace(section, count=joined.pop().count + section.count)
        joined.append(section)
    return tuple(joined)


def merged(headers: list[Header], name: str) -> Header:
    """One header for the containers of a file, which share a model.

    Raises:
        CodecError: if two of them name an input alike, or need different models.
    """
    first = headers[0]
    if len(headers) == 1:
        return first
    shared = {(h.fingerprint, h.tile, h.probe and h.probe.digest) for h in headers}
    if len(shared) > 1:
        raise CodecError(f"{name} holds containers of different models.")
    names = tuple(entry for h in headers for entry in h.picture_inputs())
    if not any(h.names for h in headers):
        names = ()
    elif len({entry for _, entry in names}) != len(names):
        raise CodecError(f"{name} holds two inputs of one name.")
    sections = run_lengths([section for h in headers for section in h.sections])
    return dataclasses.replace(first, sections=sections, axes=4, names=names)


class Cursor:
    """Reads fields off a file of known size, and never past its end."""

    def __init__(self, file: BinaryIO, size: int, name: str, base: int = 0):
        self._file, self._end, self._name = file, base + size, name
        self.offset = base
        self._field = base  # where the field read last begins

    @property
    def left(self) -> int:
        return self._end - self.offset

    def fault(self, message: str, offset: int | None = None) -> CodecError:
        """The error for the field read last, or for a given byte."""
        at = self._field if offset is None else offset
        return CodecError(f"{self._name}, byte {at}: {message}.")

    def take(self, count: int, what: str) -> bytes:
        self._field = self.offset
        if count > self.left:
            raise self.fault(f"{what} needs {count} bytes, {self.left} are left: truncated or corrupt")
        data = self._file.read(count)
        if len(data) != count:
            raise self.fault(f"{what}: the file shrank while it was read")
        self.offset += count
        return data

    def skip(self, count: int, what: str) -> None:
        self._field = self.offset
        if count > self.left:
            raise self.fault(f"{what} needs {count} bytes, {self.left} are left: truncated or corrupt")
        self._file.seek(count, os.SEEK_CUR)
        self.offset += count

    def byte(self, what: str) -> int:
        return self.take(1, what)[0]

    def word(self, what: str) -> int:
        return struct.unpack("<I", self.take(4, what))[0]

    def varint(self, what: str, low: int = 0, high: int = (1 << 63) - 1) -> int:
        value, start = 0, self.offset
        for shift in range(0, 63, 7):
            byte = self.byte(what)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
        self._field = start
        if byte >= 0x80 or (byte == 0 and shift):  # each number has one encoding only
            raise self.fault(f"{what} is not a valid number")
        return self.between(value, what, low, high)

    def between(self, value: int, what: str, low: int, high: int) -> int:
        if not low <= value <= high:
            raise self.fault(f"{what} is {value}: expected {low} to {high}")
        return value

    def text(self, what: str) -> str:
        data = self.take(self.varint(f"length of {what}", 1, MAX_NAME_BYTES), what)
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise self.fault(f"{what} is not UTF-8") from None


def pack(header: Header) -> bytes:
    model = header.model.encode()
    parts = [
        varint(len(model)), model, header.fingerprint,
        *map(varint, header.tile), varint(header.tiles_per_chunk),
        bytes([header.axes, bool(header.names) * _NAMED | header.coded * _CODED]), varint(len(header.sections)),
    ]  # fmt: skip
    for section in header.sections:
        parts += map(varint, (section.count, *section.shape))
    if header.names:
        entries = []
        for count, name in header.names:
            data = name.encode()
            entries += varint(count), varint(len(data)), data
        raw = b"".join(entries)
        packed = zlib.compress(raw, 9)
        parts += varint(len(raw)), varint(len(packed)), packed
    if header.probe is not None:
        runtime = header.probe.runtime.encode()
        parts += varint(len(runtime)), runtime, header.probe.digest
    return b"".join(parts)


def unpack(cursor: Cursor, version: int) -> Header:
    model = cursor.text("model name")
    if not is_safe_name(model) or "/" in model:
        raise cursor.fault("the model name is not a valid name")
    fingerprint = cursor.take(8, "model fingerprint")
    tile = cursor.varint("tile height", 1, 4096), cursor.varint("tile width", 1, 4096)
    tiles_per_chunk = cursor.varint("tiles per chunk", 1, MAX_TILES_PER_CHUNK)
    axes = cursor.between(cursor.byte("axes"), "axes", 2, 4)
    most = _NAMED if version == VERSION else _NAMED | _CODED
    flags = cursor.between(cursor.byte("flags"), "flags", 0, most)
    # A section takes at least four bytes.
    sections: list[Section] = []
    for _ in range(cursor.varint("number of sections", 1, max(1, cursor.left // 4))):
        section = Section(*(cursor.varint(what, 1) for what in ("pictures", "height", "width", "channels")))
        if section.channels not in (1, 3):
            raise cursor.fault(f"pictures have {section.channels} channels: expected 1 or 3")
        if not fits(section.shape, tile):
            raise cursor.fault(f"a picture {section.shape} exceeds {MAX_SAMPLES:,} samples")
        if sections and sections[-1].shape == section.shape:
            raise cursor.fault("two neighbouring sections have one shape")
        sections.append(section)
    header = Header(model, fingerprint, tile, tuple(sections), axes, (), tiles_per_chunk, coded=bool(flags & _CODED))
    if axes < 4 and (header.pictures > 1 or (axes == 2 and sections[0].channels > 1)):
        raise cursor.fault(f"{axes} axes cannot hold these pictures")
    if flags & _NAMED:
        header = dataclasses.replace(header, names=_unpack_names(cursor, header.pictures))
    if version == LOSSLESS_VERSION:
        runtime = cursor.text("runtime")
        if not runtime.isprintable():
            raise cursor.fault("the runtime is not printable")
        header = dataclasses.replace(header, probe=Probe(runtime, cursor.take(8, "digest of the probe")))
    if cursor.left:
        raise cursor.fault(f"{cursor.left} bytes of the header are left over")
    return header


def _unpack_names(cursor: Cursor, pictures: int) -> tuple[tuple[int, str], ...]:
    length = cursor.varint("length of the names", 1)
    packed = cursor.take(cursor.varint("packed length of the names", 1), "names")
    if length > MAX_DEFLATE_RATIO * len(packed):
        raise cursor.fault(f"{len(packed)} bytes cannot unpack to {length} bytes of names")
    inflate = zlib.decompressobj()
    try:
        raw = inflate.decompress(packed, length)
        # zlib may have filled `raw` before it read the end mark: asked for one byte more, it must
        # give none and reach the end.
        more = inflate.decompress(inflate.unconsumed_tail, 1)
    except zlib.error:
        raise cursor.fault("the names cannot be unpacked") from None
    if len(raw) != length or more or not inflate.eof or inflate.unused_data:
        raise cursor.fault(f"the names do not unpack to {length} bytes")
    names, inner = [], Cursor(io.BytesIO(raw), length, "names of the container")
    while inner.left:
        count, name = inner.varint("pictures of an input", 1), inner.text("name of an input")
        if not is_safe_name(name):
            raise cursor.fault(f"the name {name!r} would leave the output folder or is not printable")
        names.append((count, name))
    if sum(count for count, _ in names) != pictures:
        raise cursor.fault(f"the names are for another number of pictures than {pictures}")
    if len({name for _, name in names}) != len(names):
        raise cursor.fault("two inputs have one name")
    return tuple(names)


def varint(value: int) -> bytes:
    """Unsigned LEB128: 7 bits a byte, the lowest first; bit 7 says that more follow."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
