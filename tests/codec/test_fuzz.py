"""Thousands of damaged and forged containers: each a ``CodecError`` or the exact data, soon."""

import io
import struct
import time
import tracemalloc
import zlib

import codec_fuzz
import numpy as np
import pytest
from block_means import blobs
from codec_fuzz import mutate
from reference import parse, varint

from zoo.codec import Codec, CodecError
from zoo.codec.format.container import Reader

SECONDS = 5.0  # of one container; a good one takes a hundredth
PEAK_BYTES = 64 << 20


@pytest.fixture(scope="module")
def containers(codec: Codec, tmp_path_factory) -> list[tuple[bytes, np.ndarray]]:
    """Containers and what they restore to: grey, colour in tiles, several chunks, names."""
    folder = tmp_path_factory.mktemp("fuzz")
    np.save(folder / "stack.npy", blobs(20, seed=0))
    codec.compress_file(folder / "stack.npy", folder / "x.zoo")
    colour = np.concatenate([blobs(1, seed=s, size=50)[0] for s in range(3)], axis=-1)
    made = [
        (folder / "x.zoo").read_bytes(),
        codec.compress(colour),
        codec.compress(blobs(2100, seed=1)),
    ]
    return [(data, codec.decompress(data)) for data in made]


def check(codec: Codec, data: bytes, exact: list[np.ndarray] | None = None) -> bool:
    """Whether the container is restored; it must not raise anything but CodecError, nor dawdle."""
    start = time.monotonic()
    try:
        array = codec.decompress(data, max_bytes=1 << 24)
    except CodecError as error:
        assert len(str(error).splitlines()) == 1
        return False
    finally:
        assert time.monotonic() - start < SECONDS
    if exact is not None:
        assert any(array.shape == e.shape and (array == e).all() for e in exact)
    return True


@pytest.fixture(autouse=True)
def little_memory():
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < PEAK_BYTES


def test_mutated_containers(codec, containers):
    rng = np.random.default_rng(1)
    exact = [array for _, array in containers]
    restored = 0
    for i in range(3000):
        data, _ = containers[i % 3]
        restored += check(codec, mutate(data, rng, containers[(i + 1) % 3][0]), exact)
    assert restored < 150  # changes that change nothing, such as a whole other container


def test_the_script_finds_nothing_wrong_here(model_folder):
    codec = Codec(model_folder)
    fuzz = codec_fuzz.Fuzz(codec, codec_fuzz.sound_files(codec, blobs(50, seed=3)))
    rng = np.random.default_rng(5)
    for kind, data in fuzz.files.items():
        fuzz.check(kind, data)
        assert fuzz.counts[f"{kind}: exact"] == 1
        for _ in range(40):
            fuzz.check(kind, fuzz.damaged(kind, rng))
    assert not fuzz.failures and sum(fuzz.counts.values()) == 41 * 6
    fuzz.codec = type("Broken", (), {"decompress": lambda self, data, max_bytes: blobs(1, seed=4)})()
    fuzz.check("compact", fuzz.files["compact"])
    assert fuzz.failures[0]["outcome"] == "other data"


def test_random_bytes(codec, containers):
    rng = np.random.default_rng(2)
    start = containers[0][0][:9]
    for i in range(1000):
        data = rng.bytes(int(rng.integers(0, 400)))
        assert not check(codec, start + data if i % 2 else data)


def forge(data: bytes, body: bytes, chunks: list[bytes]) -> bytes:
    """A container of the given header fields and words, with every CRC as it has to be."""
    start = data[:9] + pack_varint(len(body)) + body
    seed = zlib.crc32(start)
    start += struct.pack("<I", seed)
    try:
        total = Reader(io.BytesIO(start + bytes(1 << 16)), "forged").header.chunks
    except CodecError:
        total = len(chunks)
    for index, words in enumerate(chunks):
        crc = zlib.crc32(struct.pack("<QQ", index, total) + words, seed)
        start += pack_varint(len(words) // 4) + words + struct.pack("<I", crc)
    return start


def pack_varint(value: int) -> bytes:
    return bytes([value & 127 | 128]) + pack_varint(value >> 7) if value > 127 else bytes([value])


def dissect(data: bytes) -> tuple[bytes, list[bytes]]:
    """Header fields and the words of each chunk."""
    length, at = varint(data, 9)
    words = [struct.pack(f"<{len(w)}I", *w) for _, w in parse(data)["chunks"]]
    return data[at : at + length], words


def test_forged_headers(codec, containers):
    rng = np.random.default_rng(3)
    parts = [dissect(data) for data, _ in containers]
    for data, (body, words) in zip((d for d, _ in containers), parts, strict=True):
        assert forge(data, body, words) == data
    restored = 0
    for i in range(2000):
        (data, _), (body, words) = containers[i % 3], parts[i % 3]
        forged = bytearray(body)
        # Past the model's name and fingerprint, where most fields are.
        for _ in range(rng.integers(1, 3)):
            at = int(rng.integers(14, len(forged)))
            match rng.integers(4):
                case 0:
                    forged[at] ^= 1 << int(rng.integers(8))
                case 1:
                    forged[at] = int(rng.integers(256))
                case 2:
                    forged[at:at] = b"\xff" * int(rng.integers(1, 9))
                case 3:
                    del forged[at]
            if len(forged) < 16:
                break
        restored += check(codec, forge(data, bytes(forged), words))
    assert restored < 1000


@pytest.mark.slow
def test_forged_words(codec, containers):
    rng = np.random.default_rng(4)
    parts = [dissect(data) for data, _ in containers]
    for i in range(600):
        (data, _), (body, words) = containers[i % 3], parts[i % 3]
        words = list(words)
        chosen = int(rng.integers(len(words)))
        forged = bytearray(words[chosen])
        at = 4 * int(rng.integers(len(forged) // 4))
        match rng.integers(4):
            case 0:
                forged[at + int(rng.integers(4))] ^= 1 << int(rng.integers(8))
            case 1:
                forged[at : at + 4] = b""
            case 2:
                forged[at:at] = rng.bytes(4)
            case 3:
                forged[at:] = rng.bytes(len(forged) - at)
        words[chosen] = bytes(forged)
        # With a right CRC, only the coder's own state can tell; it does, but for one in 2^32.
        if words[chosen] != parts[i % 3][1][chosen]:
            assert not check(codec, forge(data, body, words))
