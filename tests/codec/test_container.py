"""The container's fields, limits and checks."""

import dataclasses
import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from reference import parse

from zoo.codec import CodecError
from zoo.codec.format import fields
from zoo.codec.format import header as layout
from zoo.codec.format.container import Reader, Writer, read_all
from zoo.codec.format.header import Header, Section, run_lengths

HEADER = Header(
    model="means.blobs",
    fingerprint=bytes(range(8)),
    tile=(28, 28),
    sections=(Section(3, 28, 28, 1), Section(1, 60, 30, 3)),
    names=((3, "stack"), (1, "a/b")),
    tiles_per_chunk=8,
)


def build(header: Header, words_per_chunk: int = 5) -> bytes:
    file = io.BytesIO()
    writer = Writer(file, header)
    for index in range(header.chunks):
        writer.chunk(np.arange(words_per_chunk, dtype=np.uint32) + index)
    assert writer.size == len(file.getvalue())
    return file.getvalue()


def forge(header: Header) -> bytes:
    """The bytes of a header that a writer might not write, with a CRC that is right."""
    body = layout.pack(header, version=1)
    data = layout.MAGIC + b"\x01" + fields.varint(len(body)) + body
    return data + struct.pack("<I", zlib.crc32(data))


def most(first: int, tiles: int) -> tuple[int, int]:
    """Words and bytes that tiles can take."""
    return 4 * tiles + 2, 784 * tiles


def read(data: bytes) -> list:
    readers, _ = read_all(io.BytesIO(data), "x.zoo")
    return [chunk for reader in readers for chunk in reader.chunks(most)]


def test_round_trip_and_format_md():
    data = build(HEADER)
    reader = Reader(io.BytesIO(data), "x.zoo")
    assert reader.header == HEADER
    assert (HEADER.pictures, HEADER.tiles, HEADER.chunks) == (4, 3 + 3 * 2 * 3, 3)
    assert (HEADER.pixels, HEADER.samples) == (3 * 784 + 1800, 3 * 784 + 5400)
    assert [(w.tolist(), n) for w, n, *_ in reader.chunks(most)] == [
        ([0, 1, 2, 3, 4], 8),
        ([1, 2, 3, 4, 5], 8),
        ([2, 3, 4, 5, 6], 5),
    ]
    parsed = parse(data)
    assert parsed["model"] == "means.blobs" and parsed["fingerprint"] == HEADER.fingerprint
    assert parsed["sections"] == [(3, 28, 28, 1), (1, 60, 30, 3)]
    assert parsed["names"] == [(3, "stack"), (1, "a/b")]
    assert parsed["chunks"] == [(8, [0, 1, 2, 3, 4]), (8, [1, 2, 3, 4, 5]), (5, [2, 3, 4, 5, 6])]


def test_names_of_pictures():
    assert [*HEADER.picture_names()] == ["stack_0", "stack_1", "stack_2", "a/b"]
    nameless = dataclasses.replace(HEADER, names=(), sections=(Section(11, 2, 2, 1),))
    assert [*nameless.picture_names()][:2] == ["picture_00", "picture_01"]


def test_names_that_windows_takes_for_others(monkeypatch):
    """What Linux may be called, Windows would lose in a device or under another name."""
    head = dataclasses.replace(HEADER, names=((3, "con"), (1, "sub. /COM1.x/nul")))
    assert [*head.picture_names()][::3] == ["con_0", "sub. /COM1.x/nul"]
    monkeypatch.setattr(layout.os, "name", "nt")
    assert [*head.picture_names()][::3] == ["_con_0", "sub/_COM1.x/_nul"]
    for name in ("console", "comb1", "null.txt", "a.con", ".bashrc"):
        assert layout.make_safe(name) == name


def test_a_writer_counts_what_it_promised():
    writer = Writer(io.BytesIO(), HEADER)
    for _ in range(2):
        writer.chunk(np.zeros(3, np.uint32))
    with pytest.raises(ValueError, match="The inputs gave 2 chunks of 3: they changed while being read"):
        writer.close()


def test_chunks_that_say_how_they_are_coded():
    head = dataclasses.replace(HEADER, probe=layout.Probe("here", bytes(8)), coded=True)
    file = io.BytesIO()
    writer = Writer(file, head)
    for content, coding in ((np.arange(5, dtype=np.uint32), 0), (b"abc", 1), (b"", 3)):
        writer.chunk(content, coding)
    writer.close()
    data = file.getvalue()
    reader = Reader(io.BytesIO(data), "x.zoo")
    assert reader.header == head and reader.skip() == len(data)
    reader.verify()
    first, second, third = reader.chunks(most)
    assert first.content.tolist() == [0, 1, 2, 3, 4] and (second.content, second.coding) == (b"abc", 1)
    assert (third.content, third.coding, third.first, third.tiles) == (b"", 3, 16, 5)
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CodecError, match="x.zoo"):
            read(bytes(damaged))
    with pytest.raises(CodecError, match="flags is 3: expected 0 to 1"):  # lossy ones have no codings
        read(forge(dataclasses.replace(HEADER, coded=True)))


def test_sections_of_tiles():
    head = dataclasses.replace(HEADER, sections=(Section(3, 28, 28, 1), Section(2, 60, 30, 3)))
    assert head.tiles == 39
    assert list(head.parts(1, 2)) == [(head.sections[0], 1, 2)]
    assert list(head.parts(2, 30)) == [(head.sections[0], 2, 1), (head.sections[1], 0, 29)]
    assert list(head.parts(38, 1)) == [(head.sections[1], 35, 1)]


def test_equal_pictures_take_a_few_bytes_in_all():
    one, many = (
        len(build(dataclasses.replace(HEADER, names=(), sections=sections), 0)) - 5 * chunks
        for sections, chunks in (
            (run_lengths([Section(1, 28, 28, 1)]), 1),
            (run_lengths([Section(1, 28, 28, 1)] * 10_000), 1250),
        )
    )
    assert many == one + 1  # 10,000 is a varint of two bytes


def test_every_truncation_and_extension_is_refused():
    data = build(HEADER)
    for end in range(len(data)):
        with pytest.raises(CodecError, match="x.zoo"):
            read(data[:end])
    with pytest.raises(CodecError, match=f"byte {len(data)}: 1 bytes follow the last chunk"):
        read(data + b"\0")


def test_every_flipped_bit_is_refused():
    data = build(HEADER)
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CodecError, match="x.zoo"):
            read(bytes(damaged))


def test_a_chunk_is_refused_out_of_its_place_and_in_another_file():
    data, size = build(HEADER), 1 + 5 * 4 + 4
    head, first, second, third = (
        data[: -3 * size],
        *(data[len(data) - k * size :][:size] for k in (3, 2, 1)),
    )
    assert head + first + second + third == data
    with pytest.raises(CodecError, match="chunk 1 of 3 .* CRC-32 does not match"):
        read(head + second + first + third)
    with pytest.raises(CodecError, match="chunk 2 of 3 .* CRC-32 does not match"):
        read(head + first + first + third)
    other = build(dataclasses.replace(HEADER, model="means.other"))
    with pytest.raises(CodecError, match=f"chunk 3 of 3 at byte {len(data) - size} is corrupt"):
        read(head + first + second + other[-size:])


def test_faults_say_what_and_where():
    data = build(HEADER)
    for damaged, message in (
        (b"", "x.zoo is empty"),
        (b"\x89ZO", "is not a zoo container"),
        (b"\x89PNG\r\n\x1a\n" + data[8:], "is not a zoo container"),
        (data[:8] + b"\x04" + data[9:], "byte 8: it has version 4, this release reads versions 1 to 3: update"),
        (data[:9] + b"\x80\x00" + data[10:], "byte 9: header length is not a valid number"),
        (data[:9] + b"\xff" * 9 + data[10:], "byte 9: header length is not a valid number"),
        (data[:9] + b"\xff\x7f" + data[10:], "byte 11: header needs 16383 bytes"),
        (data[:-1], r"chunk 3 of 3 at byte \d+ needs 24 bytes, 23 are left"),
    ):
        with pytest.raises(CodecError, match=message):
            read(damaged)


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        ({"model": "../evil"}, "the model name is not a valid name"),
        ({"model": "a\nb"}, "the model name is not a valid name"),
        ({"fingerprint": b"short"}, "x.zoo"),
        ({"tile": (0, 28)}, "tile height is 0: expected 1 to 4096"),
        ({"tiles_per_chunk": 1 << 17}, "tiles per chunk is 131072"),
        ({"axes": 5}, "axes is 5: expected 2 to 4"),
        ({"axes": 3}, "3 axes cannot hold these pictures"),
        ({"sections": ()}, "number of sections is 0"),
        ({"sections": (Section(4, 28, 28, 2),)}, "pictures have 2 channels: expected 1 or 3"),
        ({"sections": (Section(0, 28, 28, 1), Section(4, 8, 8, 1))}, "pictures is 0"),
        ({"sections": (Section(2, 8, 8, 1), Section(2, 8, 8, 1))}, "have one shape"),
        ({"sections": (Section(4, 1 << 15, 1 << 16, 1),)}, "exceeds 1,073,741,824 samples"),
        ({"sections": (Section(4, 1 << 30, 1, 1),)}, "exceeds 1,073,741,824 samples"),
        ({"names": ((3, "a"),)}, "the names are for another number of pictures than 4"),
        ({"names": ((2, "a"), (2, "a"))}, "two inputs have one name"),
        ({"names": ((4, "../a"),)}, "would leave the output folder"),
        ({"names": ((4, "/etc/a"),)}, "would leave the output folder"),
        ({"names": ((4, "C:a"),)}, "would leave the output folder"),
        ({"names": ((4, "a\\b"),)}, "would leave the output folder"),
        ({"names": ((4, ".. /a"),)}, "would leave the output folder"),
        ({"names": ((4, "a/..."),)}, "would leave the output folder"),
        ({"names": ((4, ". ./a"),)}, "would leave the output folder"),
        ({"names": ((4, " "),)}, "would leave the output folder"),
        ({"names": ((4, "a\x1b[2J"),)}, "is not printable"),
        ({"names": ((4, "a" * 1025),)}, "length of name of an input is 1025"),
    ],
)
def test_headers_with_a_valid_checksum_are_checked_field_by_field(replace, message):
    forged = dataclasses.replace(HEADER, **replace)
    with pytest.raises(CodecError, match=message):
        read(forge(forged))


@pytest.mark.parametrize(
    "sections",
    [
        (Section(1 << 62, 28, 28, 1),),
        (Section(1 << 40, 1, 1, 3),),
        (Section(1, 16_000, 16_000, 1),),
        tuple(Section(1 << 50, 28, 28 + i % 2, 1) for i in range(2000)),
    ],
)
def test_nothing_is_allocated_from_a_header_that_the_file_cannot_back(sections):
    data = forge(dataclasses.replace(HEADER, sections=sections, names=()))
    tracemalloc.start()
    with pytest.raises(CodecError, match="too few for the .* chunks that the header announces"):
        read(data + bytes(200))
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()


def test_names_cannot_unpack_to_more_than_they_announce(monkeypatch):
    bomb = zlib.compress(bytes(50_000_000), 9)
    monkeypatch.setattr(fields.zlib, "compress", lambda *_: bomb)
    data = forge(HEADER)
    tracemalloc.start()
    with pytest.raises(CodecError, match="the names do not unpack to 12 bytes"):
        read(data)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_chunk_longer_than_its_tiles_is_refused_unread():
    with pytest.raises(CodecError, match="announces 40 words, more than 8 tiles can take"):
        read(build(HEADER, words_per_chunk=40))
