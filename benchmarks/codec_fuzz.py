"""Damages compressed files in their thousands: each must give a CodecError, or the exact data, soon, in little memory.

    python benchmarks/codec_fuzz.py -o fuzz.json

Containers of one and of several chunks, grey and colour, with names, appended to each other, without loss, and compact
images: flipped, overwritten, cut, extended, doubled, spliced with each other, or random from the start. Exit status 1
if one of them gives another error or other data, takes more than a second, or more than ten times the memory that
restoring the sound file takes.
"""

import argparse
import json
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np

from zoo import artifacts
from zoo.cli.console import progress
from zoo.codec import Codec, CodecError

SECONDS = 1.0
TIMES_HONEST = 10
LEAST_BYTES = 1 << 20  # of honest memory: below, Python's own counts
TILES_PER_CHUNK = 16  # few, so that few images make several chunks


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


def sound_files(codec: Codec, images: np.ndarray) -> dict[str, bytes]:
    """Kind → a file of a codec."""
    codec.coder.tiles_per_chunk = TILES_PER_CHUNK
    made = {"one chunk": codec.compress(images[:10]), "several chunks": codec.compress(images[:50])}
    made["colour"] = codec.compress(np.tile(images[:3].transpose(3, 1, 2, 0)[0], (2, 2, 1)))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.npy" for name in ("first", "second")]
        for path, part in zip(paths, (images[:20], images[20:30]), strict=True):
            np.save(path, part)
        codec.compress_file(paths[0], Path(folder) / "named.zoo")
        made["named"] = (Path(folder) / "named.zoo").read_bytes()
        codec.compress_file(paths[1], Path(folder) / "named.zoo", append=True)
        made["appended"] = (Path(folder) / "named.zoo").read_bytes()
    if not codec.lossless:
        made["compact"] = codec.compress(images[0], compact=True)
    return made


class Fuzz:
    """Restores damaged files, and keeps count.

    Args:
        codec: that restores.
        files: sound ones, by kind.
    """

    def __init__(self, codec: Codec, files: dict[str, bytes]):
        self.codec, self.files = codec, files
        self.exact, self.honest_bytes = {}, {}
        for kind, data in files.items():
            codec.decompress(data)  # the interpreters' own memory, once
            self.exact[kind], _, self.honest_bytes[kind] = self._restored(data)
        self.counts: Counter = Counter()
        self.failures: list[dict] = []
        self.slowest, self.largest = 0.0, 0.0

    def damaged(self, kind: str, rng: np.random.Generator) -> bytes:
        """A file damaged in one of its ways."""
        data = self.files[kind]
        if rng.random() < 0.1:
            return data[: int(rng.integers(10))] + rng.bytes(int(rng.integers(400)))
        other = self.files[str(rng.choice(list(self.files)))]
        return mutate(data, rng, other)

    def check(self, kind: str, data: bytes) -> None:
        """Restores a file, and notes what came of it."""
        array, seconds, peak = self._restored(data)
        ratio = peak / max(LEAST_BYTES, self.honest_bytes[kind])
        self.slowest, self.largest = max(self.slowest, seconds), max(self.largest, ratio)
        if isinstance(array, CodecError):
            outcome, wrong = "CodecError", len(str(array).splitlines()) != 1
        elif isinstance(array, Exception):
            outcome, wrong = type(array).__name__, True
        else:
            same = [e.shape == array.shape and np.array_equal(e, array) for e in self.exact.values()]
            outcome, wrong = ("exact", False) if any(same) else ("other data", True)
        self.counts[f"{kind}: {outcome}"] += 1
        if wrong or seconds > SECONDS or ratio > TIMES_HONEST:
            found = {"kind": kind, "outcome": outcome, "message": str(array)[:200] if outcome != "exact" else ""}
            self.failures.append(found | {"seconds": seconds, "times_honest_memory": ratio, "bytes": data.hex()})

    def _restored(self, data: bytes):
        """What comes of a file (an array or the error), the seconds, and the peak of memory."""
        tracemalloc.reset_peak()
        before, started = tracemalloc.get_traced_memory()[0], time.perf_counter()
        try:
            result = self.codec.decompress(data)
        except Exception as error:  # whatever it is, it is the finding
            result = error
        seconds = time.perf_counter() - started
        return result, seconds, tracemalloc.get_traced_memory()[1] - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=24_000, help="damaged ones, of all codecs together")
    parser.add_argument("--models", nargs="+", default=["compressor", "hierarchical_vae"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()

    rows = []
    tracemalloc.start()
    with progress() as bar:
        task = bar.add_task("damaging", total=options.files, status="files")
        for model in options.models:
            artifact = artifacts.find(model)
            images = np.load(artifact.file("calibration.npz"))["images"]
            codec = Codec(artifact)
            fuzz = Fuzz(codec, sound_files(codec, images))
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
                "largest_times_honest_memory": fuzz.largest,
            }
            rows.append(row)
            print(
                f"{row['model']}: {row['files']:,} files, {len(fuzz.failures)} failures; slowest {fuzz.slowest:.3f} s, "
                f"most memory {fuzz.largest:.2f} times the honest",
                flush=True,
            )
    options.output.write_text(json.dumps({"seed": options.seed, "models": rows}, indent=2) + "\n")
    sys.exit(1 if any(row["failures"] for row in rows) else 0)


if __name__ == "__main__":
    main()
