"""Damages compressed files in their thousands: each must give a CodecError, or the exact data, soon, in little memory.

    python benchmarks/codec_fuzz.py -o fuzz.json
    python benchmarks/codec_fuzz.py --repaired -o repaired.json

Containers of pictures, sounds and texts, of one and of several chunks, with names, appended to each other, lossy and
without loss, and compact images: flipped, overwritten, cut, extended, doubled, spliced with each other, or random from
the start. With --repaired, header and chunks are changed on their own and then get the checksums that are right for
them, so that what is behind the checksums is reached; such a file may stand for other data. Then all memory that NumPy
gives uninitialised is filled first, once with each of two patterns: what is restored must not depend on it.

Exit status 1 if one of them gives another error or, without --repaired, other data; takes more than a second of the
processor's time, or more than ten times the memory that restoring the sound file takes; or shows a pattern.
"""

import argparse
import contextlib
import dataclasses
import io
import json
import struct
import sys
import tempfile
import time
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np

from zoo import artifacts
from zoo.cli.console import progress
from zoo.codec import Codec, CodecError
from zoo.codec.format.container import Reader, Writer, read_all
from zoo.demo import samples

SECONDS = 1.0  # of the processor
TIMES_HONEST = 10
BY_MODEL = "the stored one by the model"
LEAST_BYTES = 1 << 20  # of honest memory: below, Python's own counts
TILES_PER_CHUNK = 16  # few, so that few images make several chunks
MAX_BYTES = 1 << 24  # that a damaged file may restore to
PATTERNS = 0x55, 0xAA
TEXTS = (
    b"Compute the mean of an array along an axis.\n",
    "naïve façade, 漢字".encode() + bytes(range(200, 256)),
    b"The encoder turns a picture into numbers. " * 4,
    b"",
)


def mutate(data: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """One to three random changes; half of them near the start, where the header is."""
    out = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        size = len(out)
        if not size:
            break
        at = int(rng.integers(min(size, 80) if rng.random() < 0.5 else size))
        end = min(size, at + int(rng.integers(1, 40)))
        match rng.integers(8):
            case 0:
                out[at] ^= 1 << int(rng.integers(8))
            case 1:
                out[at] = int(rng.choice([0, 1, 127, 128, 255]))
            case 2:
                del out[at:]
            case 3:
                del out[at:end]
            case 4:
                out[at:at] = rng.bytes(end - at)
            case 5:
                out[at:end] = rng.bytes(end - at)
            case 6:
                out[at:at] = out[at:end]
            case 7:
                out[at:] = other[at:]
    return bytes(out)


def dissected(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The header's fields of a container, and of each chunk its coding, empty where it has none, and its content."""
    readers, _ = read_all(io.BytesIO(data), "sound")
    reader, at, length, shift = readers[0], 9, 0, 0
    while True:
        byte, at = data[at], at + 1
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    chunks = []
    for chunk in reader.chunks(lambda *_: (1 << 30, 1 << 30)):
        kind = bytes([chunk.coding]) if reader.header.coded else b""
        content = chunk.content if isinstance(chunk.content, bytes) else chunk.content.astype("<u4").tobytes()
        chunks.append((kind, content))
    return data[at : at + length], chunks


def assembled(version: int, body: bytes, chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A container of any header fields and chunks, with every checksum as it has to be."""
    start = b"\x89ZOO\r\n\x1a\n" + bytes([version]) + _varint(len(body)) + body
    seed = zlib.crc32(start)
    start += struct.pack("<I", seed)
    try:
        total = Reader(io.BytesIO(start + bytes(1 << 16)), "forged").header.chunks
    except CodecError:
        total = len(chunks)
    for index, (kind, content) in enumerate(chunks):
        crc = zlib.crc32(kind + content, zlib.crc32(struct.pack("<QQ", index, total), seed))
        length = len(content) // 4 if kind in (b"", b"\0") else len(content)
        start += kind + _varint(length) + content + struct.pack("<I", crc)
    return start


def _varint(value: int) -> bytes:
    return bytes([value & 127 | 128]) + _varint(value >> 7) if value > 127 else bytes([value])


def forged(data: bytes, rng: np.random.Generator) -> bytes:
    """A container with one to three changes of its fields or chunks, and checksums that are right."""
    body, chunks = dissected(data)
    version, body = data[8], bytearray(body)
    for _ in range(rng.integers(1, 4)):
        if rng.random() < 0.5 or not chunks:
            # Mostly after the model's name and fingerprint, of which every change is refused at once.
            start = body[0] + 1 + 8 if rng.random() < 0.95 else 0
            at = int(rng.integers(min(start, len(body) - 1), max(1, min(len(body), start + 24))))
            match rng.integers(5):
                case 0:
                    body[at] ^= 1 << int(rng.integers(8))
                case 1:
                    body[at] = int(rng.choice([0, 1, 2, 3, 16, 127, rng.integers(256)]))
                case 2:
                    body[at:at] = b"\xff" * int(rng.integers(1, 5))
                case 3:  # a number that is larger, as its last byte now says that another follows
                    body[at : at + 1] = bytes([body[at] | 128, int(rng.integers(1, 128))])
                case 4:
                    del body[at]
            body = body or bytearray(1)
            continue
        index = int(rng.integers(len(chunks)))
        (kind, content), words = chunks[index], len(chunks[index][1]) // 4
        at = 4 * int(rng.integers(words)) if words else 0
        match rng.integers(7):
            case 0:
                content = content[:at] + rng.bytes(4) + content[at + 4 :]
            case 1:
                content = content[:at] + content[at + 4 :]
            case 2:
                content = content[:at] + rng.bytes(4 * int(rng.integers(1, 20))) + content[at:]
            case 3:
                content = content[:at]
            case 4:
                content = bytes([content[0] ^ 1 << int(rng.integers(8))]) + content[1:] if content else content
            case 5:
                kind = bytes([int(rng.integers(4))]) if kind else kind
            case 6:
                chunks.insert(index, chunks[int(rng.integers(len(chunks)))])
        chunks[index] = kind, content[: len(content) // 4 * 4] if kind in (b"", b"\0") else content
    return assembled(version, bytes(body), chunks)


@contextlib.contextmanager
def filled_memory(pattern: int) -> Iterator[None]:
    """Fills what NumPy would give uninitialised."""
    empty, empty_like = np.empty, np.empty_like

    def fill(array):
        array.view(np.uint8).fill(pattern) if array.flags.c_contiguous and array.ndim else array.fill(0)
        return array

    with (
        mock.patch.object(np, "empty", lambda *args, **kwargs: fill(empty(*args, **kwargs))),
        mock.patch.object(np, "empty_like", lambda *args, **kwargs: fill(empty_like(*args, **kwargs))),
    ):
        yield


def sound_files(codec: Codec, images: np.ndarray) -> dict[str, bytes]:
    """Kind → a file of a codec.

    Args:
        codec: of pictures, of sounds or of texts.
        images: uint8 ``(50, h, w, 1)``, of which sounds are made too, or ``(50, h, w, 3)`` for a model of colour tiles;
            of pictures, at most as many as there are.
    """
    what = codec.what
    if what == "sounds":
        signal = (images.reshape(-1).astype(np.int16) - 128) * 100
        return {"sound": codec.compress(signal[:1500]), "short": codec.compress(signal[:3])}
    if what == "texts":
        made = {f"text {index}": codec.compress(text) for index, text in enumerate(TEXTS)}
        made["all the model's"] = uncoded(codec, TEXTS[2])
        return made | _named(codec, {"a.txt": TEXTS[0], "b.txt": TEXTS[2][:42]})
    codec.coder.tiles_per_chunk = TILES_PER_CHUNK
    few = 2 if codec.lossless else 10
    many = 17 if codec.lossless else 50
    made = {"one chunk": codec.compress(images[:few]), "several chunks": codec.compress(images[:many])}
    colour = images[0] if codec.channels > 1 else images[:3].transpose(3, 1, 2, 0)[0]
    made["colour"] = codec.compress(np.tile(colour, (1, 1, 1) if few < 10 else (2, 2, 1)))
    made |= _named(codec, {"first.npy": images[: 2 * few], "second.npy": images[20 : 20 + few]})
    if codec.lossless:
        rng = np.random.default_rng(0)
        height, width = 15 * codec.tile[0] // 14, 5 * codec.tile[1] // 7  # of 28 × 28: 30 × 20
        noise = rng.integers(0, 256, (2, height, width, 3), np.uint8)
        made["stored"], made[BY_MODEL] = codec.compress(noise), uncoded(codec, noise)
        made["all the model's"] = uncoded(codec, images[:few])
        clean = np.tile(np.arange(40, dtype=np.uint8), (50, 1))
        made["clean"] = codec.compress(clean if codec.channels == 1 else np.repeat(clean[..., None], 3, axis=-1))
    else:
        made["compact"] = codec.compress(images[0], compact=True)
    return made


def uncoded(codec: Codec, value: np.ndarray | bytes) -> bytes:
    """A lossless container of one chunk, as releases wrote it whose chunks were the model's alone."""
    source, file = codec._medium.from_array(value), io.BytesIO()
    header = codec._stream.header([codec._medium.section(source)], codec._medium.axes(source))
    writer = Writer(file, dataclasses.replace(header, coded=False))
    writer.chunk(codec.coder.pack(np.concatenate(list(codec._medium.rows(source)))))
    writer.close()
    return file.getvalue()


def _named(codec: Codec, contents: dict[str, np.ndarray | bytes]) -> dict[str, bytes]:
    """Two inputs in files: one with its name, and both, appended."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in contents]
        for path, content in zip(paths, contents.values(), strict=True):
            path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
        codec.compress_file(paths[0], Path(folder) / "x.zoo")
        named = (Path(folder) / "x.zoo").read_bytes()
        codec.compress_file(paths[1], Path(folder) / "x.zoo", append=True)
        return {"named": named, "appended": (Path(folder) / "x.zoo").read_bytes()}


class Fuzz:
    """Restores damaged files, and keeps count.

    Args:
        codec: that restores.
        files: sound ones, by kind.
        repaired: whether checksums are right in spite of the damage.
    """

    def __init__(self, codec: Codec, files: dict[str, bytes], *, repaired: bool = False):
        self.codec, self.repaired = codec, repaired
        self.files = {kind: data for kind, data in files.items() if kind != "compact" or not repaired}
        self.exact, self.honest_bytes, self.honest_seconds = {}, {}, {}
        for kind, data in self.files.items():
            self._restored(data)  # the interpreters' own memory, once
            self.exact[kind], self.honest_seconds[kind], self.honest_bytes[kind] = self._restored(data)
        if BY_MODEL in self.files:  # a byte of a stored chunk says that it is the model's
            least = self.honest_bytes[BY_MODEL]
            self.honest_bytes = {kind: max(size, least) for kind, size in self.honest_bytes.items()}
        self.counts: Counter = Counter()
        self.failures: list[dict] = []
        self.slowest, self.largest = 0.0, 0.0

    def damaged(self, kind: str, rng: np.random.Generator) -> bytes:
        """A file damaged in one of its ways."""
        data = self.files[kind]
        if self.repaired:
            return forged(data, rng)
        if rng.random() < 0.1:
            return data[: int(rng.integers(10))] + rng.bytes(int(rng.integers(400)))
        other = self.files[str(rng.choice(list(self.files)))]
        return mutate(data, rng, other)

    def check(self, kind: str, data: bytes) -> None:
        """Restores a file, and notes what came of it."""
        result, seconds, peak = self._restored(data)
        ratio = peak / max(LEAST_BYTES, self.honest_bytes[kind])
        self.slowest, self.largest = max(self.slowest, seconds), max(self.largest, ratio)
        outcome, wrong = self._judged(result, data)
        self.counts[f"{kind}: {outcome}"] += 1
        if wrong or seconds > SECONDS or ratio > TIMES_HONEST:
            found = {"kind": kind, "outcome": outcome, "message": str(result)[:200] if outcome != "exact" else ""}
            self.failures.append(found | {"seconds": seconds, "times_honest_memory": ratio, "bytes": data.hex()})

    def _judged(self, result, data: bytes) -> tuple[str, bool]:
        """What came of a file, and whether it is wrong."""
        if isinstance(result, CodecError):
            return "CodecError", len(str(result).splitlines()) != 1
        if isinstance(result, ValueError) and "restore them into a folder" in str(result):
            return "several", not self.repaired
        if isinstance(result, Exception):
            return type(result).__name__, True
        if any(_equal(exact, result) for exact in self.exact.values()):
            return "exact", False
        if not self.repaired:
            return "other data", True
        restored = []
        for pattern in PATTERNS:
            with filled_memory(pattern):
                restored.append(self._restored(data)[0])
        return ("other data", False) if _equal(*restored) else ("unwritten memory", True)

    def _restored(self, data: bytes):
        """What comes of a file (an array or the error), the processor's seconds, and the peak of memory."""
        tracemalloc.reset_peak()
        before, started = tracemalloc.get_traced_memory()[0], time.process_time()
        try:
            result = self.codec.decompress(data, max_bytes=MAX_BYTES)
        except Exception as error:  # whatever it is, it is the finding
            result = error
        seconds = time.process_time() - started
        return result, seconds, tracemalloc.get_traced_memory()[1] - before


def _equal(one, other) -> bool:
    if isinstance(one, bytes) or isinstance(other, bytes):
        return one == other if isinstance(one, bytes) and isinstance(other, bytes) else False
    return one.shape == other.shape and np.array_equal(one, other)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=24_000, help="damaged ones, of all codecs together")
    parser.add_argument(
        "--models", nargs="+", default=["compressor", "conv_ae", "hierarchical_vae", "signal_ae", "summarizer"]
    )
    parser.add_argument("--repaired", action="store_true", help="with checksums that are right")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()

    rows = []
    tracemalloc.start()
    with progress() as bar:
        task = bar.add_task("damaging", total=options.files, status="files")
        for model in options.models:
            artifact = artifacts.find(model)
            codec = Codec(artifact)
            fuzz = Fuzz(codec, sound_files(codec, samples.load().images), repaired=options.repaired)
            rng = np.random.default_rng(options.seed)
            kinds = list(fuzz.files)
            for index in range(options.files // len(options.models)):
                kind = kinds[index % len(kinds)]
                fuzz.check(kind, fuzz.damaged(kind, rng))
                bar.update(task, advance=1)
            row = {
                "model": artifact.name,
                "files": sum(fuzz.counts.values()),
                "outcomes": dict(sorted(fuzz.counts.items())),
                "failures": fuzz.failures,
                "slowest_seconds": fuzz.slowest,
                "slowest_honest_seconds": max(fuzz.honest_seconds.values()),
                "largest_times_honest_memory": fuzz.largest,
            }
            rows.append(row)
            result = {"seed": options.seed, "repaired": options.repaired, "models": rows}
            options.output.write_text(json.dumps(result, indent=2) + "\n")
            print(
                f"{row['model']}: {row['files']:,} files, {len(fuzz.failures)} failures; slowest {fuzz.slowest:.3f} s, "
                f"most memory {fuzz.largest:.2f} times the honest",
                flush=True,
            )
    sys.exit(1 if any(row["failures"] for row in rows) else 0)


if __name__ == "__main__":
    main()
