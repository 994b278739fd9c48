"""Fields of a file in bytes: numbers, texts and deflated runs, read never past their end (``FORMAT.md``)."""

import os
import struct
import zlib
from typing import BinaryIO

from zoo.io.files import MAX_NAME_BYTES

MAX_DEFLATE_RATIO = 1032  # zlib's own limit, https://zlib.net/zlib_tech.html


class CodecError(ValueError):
    """Bytes that are not a container this codec can restore: what is wrong, and at which byte."""


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


def varint(value: int) -> bytes:
    """Unsigned LEB128: 7 bits a byte, the lowest first; bit 7 says that more follow."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(text: str) -> bytes:
    data = text.encode()
    return varint(len(data)) + data


def deflated(raw: bytes) -> bytes:
    packed = zlib.compress(raw, 9)
    return varint(len(raw)) + varint(len(packed)) + packed


def inflated(cursor: Cursor, what: str, most: int = (1 << 63) - 1) -> bytes:
    """Bytes that ``deflated`` wrote, at most so many; nothing is allocated for more than they can unpack to."""
    length = cursor.varint(f"length of the {what}", 1, most)
    packed = cursor.take(cursor.varint(f"packed length of the {what}", 1), what)
    if length > MAX_DEFLATE_RATIO * len(packed):
        raise cursor.fault(f"{len(packed)} bytes cannot unpack to {length} bytes of {what}")
    inflate = zlib.decompressobj()
    try:
        raw = inflate.decompress(packed, length)
        # zlib may have filled `raw` before it read the end mark: asked for one byte more, it must
        # give none and reach the end.
        more = inflate.decompress(inflate.unconsumed_tail, 1)
    except zlib.error:
        raise cursor.fault(f"the {what} cannot be unpacked") from None
    if len(raw) != length or more or not inflate.eof or inflate.unused_data:
        raise cursor.fault(f"the {what} do not unpack to {length} bytes")
    return raw
