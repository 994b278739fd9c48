"""How fast a hundred thousand images are compressed, beside the bare encoder, and in how much memory.

    python benchmarks/codec_throughput.py -o throughput.json

The images are those of the data set, both splits, again and again, in an .npy file. The bare encoder is the LiteRT file
in the interpreter, one image after the other, with nothing done about its codes. One thread; the two take turns in one
process, so compare them within a run. Peak memory is that of a process which compresses as many images, and of another
with a tenth of them (on Linux).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from zoo import artifacts
from zoo.codec import Codec
from zoo.codec.litert import Network, as_int8


def write_images(path: Path, data_source: str, count: int) -> None:
    """``count`` images in an .npy file, uint8 ``(count, 28, 28, 1)``."""
    from zoo import data

    loaded = data.load(data_source, image_shape=(28, 28, 1), fit="crop", seed=0)
    images = np.concatenate([loaded.train, loaded.validation, loaded.test])
    np.save(path, images[np.arange(count) % len(images)])


def compressed_per_second(model: str, path: Path, output: Path) -> float:
    codec = Codec(model)
    codec.encode(np.zeros((1, *codec.tile, 1), np.uint8))  # opens the interpreter
    started = time.perf_counter()
    pictures = codec.compress_file(path, output).pictures
    return pictures / (time.perf_counter() - started)


def encoded_per_second(model: str, path: Path) -> float:
    network, images = Network(artifacts.find(model).file("encoder.tflite")), np.load(path, mmap_mode="r")
    network(as_int8(images[:1]))
    started = time.perf_counter()
    for start in range(0, len(images), 2048):
        network(as_int8(np.array(images[start : start + 2048])))
    return len(images) / (time.perf_counter() - started)


def peak_bytes(model: str, path: Path) -> int:
    """Of a process of its own that compresses a file."""
    command = [sys.executable, __file__, "--only-compress", str(path), "--model", model, "-o", f"{path}.zoo"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="compressor")
    parser.add_argument("--data", default="fashion_mnist")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only-compress", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    if options.only_compress:
        Codec(options.model).compress_file(options.only_compress, options.output)
        # Not by getrusage, whose peak a process inherits from the one that started it.
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        print(1024 * int(status["VmHWM"].split()[0]))
        return
    with tempfile.TemporaryDirectory() as room:
        large, small = Path(room) / "large.npy", Path(room) / "small.npy"
        write_images(large, options.data, options.images)
        write_images(small, options.data, options.images // 10)
        output = Path(room) / "x.zoo"
        rates = [
            (compressed_per_second(options.model, large, output), encoded_per_second(options.model, large))
            for _ in range(options.repeats)
        ]
        peaks = [peak_bytes(options.model, path) for path in (large, small)]
    result = {
        "model": artifacts.find(options.model).name,
        "images": options.images,
        "compressed_per_second": median(compressed for compressed, _ in rates),
        "encoded_per_second": median(encoded for _, encoded in rates),
        "share_percent": 100 * median(compressed / encoded for compressed, encoded in rates),
        "peak_bytes": peaks[0],
        "peak_bytes_of_a_tenth": peaks[1],
    }
    print(json.dumps(result, indent=2))
    options.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
