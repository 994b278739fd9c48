"""The container read once more, straight from FORMAT.md, with Python's integers."""

import zlib


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def ans_decode(words: list[int], tables: list[list[int]], count: int) -> list[list[int]]:
    """Symbol indices ``[latent][tile]``; fails unless the state ends empty."""
    words, x = list(words), 0
    while words and x < 1 << 32:
        x = x << 32 | words.pop()
    rows = []
    for f in tables:
        row = []
        for _ in range(count if len(f) > 1 else 0):
            q, c, i = x % 2**24, 0, 0
            while q >= c + f[i]:
                c, i = c + f[i], i + 1
            x = f[i] * (x >> 24) + q - c
            if x < 1 << 32 and words:
                x = x << 32 | words.pop()
            row.append(i)
        rows.append(row or [0] * count)
    assert x == 0 and not words
    return rows


def ans_encode(rows: list[list[int]], tables: list[list[int]]) -> list[int]:
    """Words of symbol indices ``[latent][tile]``."""
    words, x = [], 0
    for f, row in list(zip(tables, rows, strict=True))[::-1]:
        for i in row[::-1] if len(f) > 1 else []:
            if x >= f[i] << 40:
                words.append(x % 2**32)
                x >>= 32
            x = (x // f[i] << 24) + x % f[i] + sum(f[:i])
    while x:
        words.append(x % 2**32)
        x >>= 32
    return words


def parse(data: bytes) -> dict:
    """Header fields and chunks (as lists of words) of a container, CRCs checked."""
    assert data[:9] == b"\x89ZOO\r\n\x1a\n\x01"
    length, at = varint(data, 9)
    end = at + length
    assert int.from_bytes(data[end : end + 4], "little") == zlib.crc32(data[:end])
    header = {}
    size, at = varint(data, at)
    header["model"], at = data[at : at + size].decode(), at + size
    header["fingerprint"], at = data[at : at + 8], at + 8
    for field in ("tile_height", "tile_width", "tiles_per_chunk"):
        header[field], at = varint(data, at)
    header["axes"], header["flags"], at = data[at], data[at + 1], at + 2
    number, at = varint(data, at)
    header["sections"], tiles = [], 0
    for _ in range(number):
        section = []
        for _ in range(4):
            value, at = varint(data, at)
            section.append(value)
        n, h, w, c = section
        tiles += n * c * -(-h // header["tile_height"]) * -(-w // header["tile_width"])
        header["sections"].append(tuple(section))
    header["names"] = []
    if header["flags"] & 1:
        size, at = varint(data, at)
        packed, at = varint(data, at)
        names, at = zlib.decompress(data[at : at + packed]), at + packed
        assert len(names) == size
        inner = 0
        while inner < size:
            count, inner = varint(names, inner)
            width, inner = varint(names, inner)
            header["names"].append((count, names[inner : inner + width].decode()))
            inner += width
    assert at == end
    at, chunks = end + 4, []
    total = -(-tiles // header["tiles_per_chunk"])
    for index in range(total):
        count, at = varint(data, at)
        words = data[at : at + 4 * count]
        at += 4 * count
        place = index.to_bytes(8, "little") + total.to_bytes(8, "little")
        assert int.from_bytes(data[at : at + 4], "little") == zlib.crc32(data[:end] + place + words)
        in_chunk = min(header["tiles_per_chunk"], tiles - index * header["tiles_per_chunk"])
        chunks.append((in_chunk, [int.from_bytes(words[i : i + 4], "little") for i in range(0, 4 * count, 4)]))
        at += 4
    assert at == len(data)
    return {**header, "chunks": chunks}
