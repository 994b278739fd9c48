"""The container: header, run-length sections of pictures, checksummed chunks (``FORMAT.md``).

A file holds one container, or several one after the other, where pictures were appended. Nothing
here knows a model: a chunk is a run of 32-bit words, or of bytes.
"""

import io
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from zoo.codec.format.fields import CodecError, Cursor, varint
from zoo.codec.format.header import MAGIC, MAX_VERSION, VERSION, Header, merged, pack, unpack
from zoo.io.files import is_special

MIN_CHUNK_BYTES = 1 + 4  # an empty word count and the CRC
MODEL, RAW, XZ, WEBP = range(4)  # how a chunk is coded: see ``zoo.codec.format.stored``


class Chunk(NamedTuple):
    """A chunk as it is read.

    Attributes:
        content: uint32 words where the model coded it, else bytes.
        tiles: number of its tiles.
        where: a text that places it.
        first: number of its first tile in the container.
        coding: ``MODEL``, ``RAW``, ``XZ`` or ``WEBP``.
    """

    content: np.ndarray | bytes
    tiles: int
    where: str
    first: int
    coding: int


class Writer:
    """Writes a container: the header at once, then one chunk a call, and ``close`` after the last."""

    def __init__(self, file: BinaryIO, header: Header):
        self._file, self._chunks, self._next, self._coded = file, header.chunks, 0, header.coded
        body = pack(header)
        start = MAGIC + bytes([header.version]) + varint(len(body)) + body
        self._seed = zlib.crc32(start)
        self.size = self._put(start + struct.pack("<I", self._seed))

    def chunk(self, content: np.ndarray | bytes, coding: int = MODEL) -> None:
        """Appends a chunk: uint32 words of the model, or bytes of another coding."""
        data = content.astype("<u4").tobytes() if coding == MODEL else content
        kind = bytes([coding]) if self._coded else b""
        crc = _chunk_crc(self._seed, self._next, self._chunks, kind + data)
        self.size += self._put(kind + varint(len(content)) + data + struct.pack("<I", crc))
        self._next += 1

    def close(self) -> None:
        """Compares what was written with what the header announces.

        Raises:
            ValueError: if chunks are missing or left over.
        """
        if self._next != self._chunks:
            raise ValueError(f"The inputs gave {self._next} chunks of {self._chunks}: they changed while being read.")

    def _put(self, data: bytes) -> int:
        self._file.write(data)
        return len(data)


class Reader:
    """Reads a container from a seekable file; the header is read and checked by the constructor.

    Args:
        file: opened for reading bytes.
        name: of the file, for messages.
        start: where in the file the container begins.

    Raises:
        CodecError: if the header is damaged, or the file too short for the chunks it announces.
    """

    def __init__(self, file: BinaryIO, name: str, start: int = 0):
        self.name = name
        size = file.seek(0, os.SEEK_END) - start
        file.seek(start)
        cursor = Cursor(file, size, name, start)
        if size == 0:
            raise CodecError(f"{name} is empty: expected a zoo container.")
        if cursor.take(min(len(MAGIC), size), "signature") != MAGIC:
            if start:
                raise cursor.fault(f"{size} bytes follow the last chunk: expected the end, or an appended container")
            raise CodecError(f"{name} is not a zoo container: its first {len(MAGIC)} bytes differ.")
        version = cursor.byte("version")
        if not VERSION <= version <= MAX_VERSION:
            raise cursor.fault(
                f"it has version {version}, this release reads versions {VERSION} to {MAX_VERSION}: "
                "update the zoo to read it"
            )
        length = cursor.varint("header length")
        at = cursor.offset
        body = cursor.take(length, "header")
        self._seed = zlib.crc32(MAGIC + bytes([version]) + varint(length) + body)
        if cursor.word("header CRC") != self._seed:
            raise cursor.fault("the header's CRC-32 does not match: the file is corrupt")
        self.header = unpack(Cursor(io.BytesIO(body), length, name, at), version)
        self._file, self._first_chunk = file, cursor.offset
        if self.header.chunks * (MIN_CHUNK_BYTES + self.header.coded) > cursor.left:
            raise cursor.fault(
                f"{cursor.left} bytes are left: too few for the {self.header.chunks} chunks that the header announces",
                cursor.offset,
            )

    def skip(self) -> int:
        """Where the container ends, found by the lengths of its chunks alone.

        Raises:
            CodecError: if a chunk has no valid length, or does not fit into the file.
        """
        cursor = self._rewound()
        for index in range(self.header.chunks):
            self._skip_chunk(cursor, index)
        return cursor.offset

    def chunks(
        self, most: Callable[[int, int], tuple[int, int]], first: int = 0, last: int | None = None
    ) -> Iterator[Chunk]:
        """The chunks, one after the other.

        Args:
            most: of the number of a chunk's first tile and its tiles, the most words of the model and the most bytes of
                other codings that these can take; a longer chunk is refused unread.
            first, last: the chunks wanted, from 0, ``last`` not included; all by default.

        Raises:
            CodecError: if a chunk is damaged, or out of its place.
        """
        cursor, header = self._rewound(), self.header
        for index in range(first):
            self._skip_chunk(cursor, index)
        for index in range(first, header.chunks if last is None else last):
            where, tiles = self._place(cursor, index), header.tiles_in_chunk(index)
            coding, count = self._start(cursor, where)
            words, size = most(index * header.tiles_per_chunk, tiles)
            if count > (words if coding == MODEL else size):
                unit = "words" if coding == MODEL else "bytes"
                raise cursor.fault(f"{where} announces {count} {unit}, more than {tiles} tiles can take")
            data = self._take_chunk(cursor, index, coding, count, where)
            content = np.frombuffer(data, "<u4").astype(np.uint32) if coding == MODEL else data
            yield Chunk(content, tiles, where, index * header.tiles_per_chunk, coding)

    def verify(self) -> None:
        """Reads all chunks, without a look at what their words mean.

        Raises:
            CodecError: if one is damaged, or out of its place.
        """
        cursor = self._rewound()
        for index in range(self.header.chunks):
            where = self._place(cursor, index)
            self._take_chunk(cursor, index, *self._start(cursor, where), where)

    def _place(self, cursor: "Cursor", index: int) -> str:
        return f"chunk {index + 1} of {self.header.chunks} at byte {cursor.offset}"

    def _start(self, cursor: "Cursor", where: str) -> tuple[int, int]:
        """How a chunk is coded, and its length, in words of the model or in bytes."""
        coding = MODEL
        if self.header.coded:
            coding = cursor.between(cursor.byte(f"{where}: its coding"), f"{where}: its coding", MODEL, WEBP)
        return coding, cursor.varint(f"{where}: its length")

    def _take_chunk(self, cursor: "Cursor", index: int, coding: int, count: int, where: str) -> bytes:
        data = cursor.take(4 * count if coding == MODEL else count, where)
        kind = bytes([coding]) if self.header.coded else b""
        if cursor.word(f"{where}: its CRC") != _chunk_crc(self._seed, index, self.header.chunks, kind + data):
            raise cursor.fault(f"{where} is corrupt: its CRC-32 does not match")
        return data

    def _skip_chunk(self, cursor: "Cursor", index: int) -> None:
        where = self._place(cursor, index)
        coding, count = self._start(cursor, where)
        cursor.skip((4 * count if coding == MODEL else count) + 4, where)

    def _rewound(self) -> "Cursor":
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(self._first_chunk)
        return Cursor(self._file, size - self._first_chunk, self.name, self._first_chunk)


def read_all(file: BinaryIO, name: str, *, salvage: bool = False) -> tuple[list[Reader], Header]:
    """The containers of a file, and one header for all of them.

    Args:
        file: opened for reading bytes.
        name: of the file, for messages.
        salvage: whether to leave out an appended container that is torn or damaged, and all after it.

    Raises:
        CodecError: if a header is damaged, a length leads nowhere, or the containers do not belong together.
    """
    size, fault = file.seek(0, os.SEEK_END), None
    readers = [Reader(file, name)]
    try:
        while (at := readers[-1].skip()) < size:
            readers.append(Reader(file, name, at))
    except CodecError as error:
        fault = error
    if fault or salvage:
        sound = []
        for reader in readers:
            try:
                reader.verify()
            except CodecError as error:
                fault = fault or error
                break
            sound.append(reader)
        if not sound:
            raise fault
        if fault and not salvage:
            pictures = sum(reader.header.pictures for reader in sound)
            raise CodecError(
                f"{fault} It looks like an append cut off: `zoo decompress --salvage` restores the {pictures} pictures "
                "before it."
            ) from None
        readers = sound
    return readers, merged([reader.header for reader in readers], name)


def read_header(path: str | os.PathLike) -> Header:
    """What a container says about itself, checked; its chunks are not read.

    Raises:
        CodecError: if it is no container or damaged.
        ValueError: if the file cannot be read.
    """
    with open_file(path) as file:
        return read_all(file, str(path))[1]


def is_container(file: BinaryIO) -> bool:
    """Whether a file starts as a container does; otherwise it may be compact. Its position is kept at the start."""
    start = file.read(len(MAGIC))
    file.seek(0)
    return start == MAGIC


def open_file(path: str | os.PathLike) -> BinaryIO:
    if is_special(path):
        raise ValueError(f"{path} is a device, a pipe or a socket: give a file.")
    try:
        return open(path, "rb")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None


def _chunk_crc(seed: int, index: int, total: int, data: bytes) -> int:
    # Seeded with the header's own CRC, so that a chunk of another file does not pass for this
    # one's; over index and total, because ANS decodes any words to something: a chunk out of place
    # must show here.
    return zlib.crc32(data, zlib.crc32(struct.pack("<QQ", index, total), seed))
