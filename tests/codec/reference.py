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


def parse_whole(data: bytes) -> dict:
    """Header fields and chunks, ``(coding, bytes)``, of a container of version 3, CRCs checked."""
    assert data[:9] == b"\x89ZOO\r\n\x1a\n\x03"
    length, at = varint(data, 9)
    end = at + length
    assert int.from_bytes(data[end : end + 4], "little") == zlib.crc32(data[:end])

    def number():
        nonlocal at
        value, at = varint(data, at)
        return value

    def take(count):
        nonlocal at
        at += count
        return data[at - count : at]

    def text():
        return take(number()).decode()

    def inflated():
        size = number()
        raw = zlib.decompress(take(number()))
        assert len(raw) == size
        return raw

    found = {"version": data[8], "model": text(), "fingerprint": take(8), "medium": text()}
    found["tile"], found["tiles_per_chunk"] = (number(), number()), number()
    found["axes"], flags = take(2)
    found["quality"], found["colour"] = number() if flags & 8 else None, bool(flags & 16)
    found["profiles"] = [inflated() for _ in range(number())]
    found["sections"] = [tuple(number() for _ in range(6)) for _ in range(number())]
    found["names"] = []
    raw, inner = inflated() if flags & 1 else b"", 0
    while inner < len(raw):
        count, inner = varint(raw, inner)
        width, inner = varint(raw, inner)
        found["names"].append((count, raw[inner : inner + width].decode()))
        inner += width
    found["probe"] = (text(), take(8)) if flags & 4 else None
    assert at == end
    height, width = found["tile"]
    each = lambda w, c: (1 if found["colour"] else c) * -(-w // width) if width else 1  # noqa: E731
    units = sum(n * -(-h // height) * each(w, c) for n, h, w, c, *_ in found["sections"])
    total, at, found["chunks"] = -(-units // found["tiles_per_chunk"]), end + 4, []
    for index in range(total):
        coding = take(1) if flags & 2 else b""
        count = number()
        content = take(count if coding not in (b"", b"\0") else 4 * count)
        place = index.to_bytes(8, "little") + total.to_bytes(8, "little")
        assert int.from_bytes(take(4), "little") == zlib.crc32(data[:end] + place + coding + content)
        found["chunks"].append((coding, content))
    assert at == len(data)
    return found
