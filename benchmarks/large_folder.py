"""Training on a folder of many pictures: memory at its peak, and steps a second beside arrays in memory.

    python benchmarks/large_folder.py -o large-folder.json

Makes the pictures first. Each way trains in a process of its own, in turns; the peak is of the resident memory of a
process that reads the folder and trains from it, by ``zoo.training.train``.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def make(folder: Path, number: int, size: int) -> None:
    """Writes JPEG pictures of smooth noise, 1,000 a subfolder, each ``size`` × ``size`` in colour."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for index in range(number):
        if index % 1000 == 0:
            (folder / f"{index // 1000:04}").mkdir()
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        coarse.resize((size, size), Image.Resampling.BICUBIC).save(folder / f"{index // 1000:04}" / f"{index}.jpg")


def peak() -> int:
    """The most memory that this process had, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def trained(pipe, model: str, folder: str, size: int) -> None:
    """Sends the peak of a training of one epoch, and how long reading the folder took."""
    from zoo import data, training

    load, seconds = data.load, []

    def timed(*args, **options):
        started = time.monotonic()
        loaded = load(*args, **options)
        seconds.append(time.monotonic() - started)
        return loaded

    data.load = timed
    with tempfile.TemporaryDirectory() as output:
        options = {"epochs": 1, "overrides": {"image_shape": (size, size, 3)}}
        result = training.train(model, data_source=folder, output=output, **options)
    pipe.send({"peak_bytes": peak(), "reading_seconds": seconds[0], "training_images": len(result.data.train)})


def stepped(pipe, model: str, folder: str, size: int, mapped: bool, steps: int, turns: int) -> None:
    """Sends steps a second of each of several turns, of examples that are mapped or in memory."""
    from zoo import data, registry
    from zoo.data import packed

    packed.IN_MEMORY = 0 if mapped else 1 << 62
    images = data.load(folder, image_shape=(size, size, 3)).train
    network = registry.create(model, image_shape=(size, size, 3))
    network.compile()
    batches, of_epoch = data.training_batches(images, 128, epochs=100)
    batches = batches.repeat()
    network.fit(batches, steps_per_epoch=20, epochs=1, verbose=0)  # traces the graph
    for _ in range(turns):
        pipe.recv()
        started = time.monotonic()
        network.fit(batches, steps_per_epoch=steps, epochs=1, verbose=0)
        pipe.send(steps / (time.monotonic() - started))


def process(target, *args):
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    child = context.Process(target=target, args=(there, *args))
    child.start()
    there.close()
    return here, child


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=32, help="height and width of a picture")
    parser.add_argument("--model", default="dense_ae")
    parser.add_argument("--steps", type=int, default=100, help="of a turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("-o", "--output", type=Path, default=Path("large-folder.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(f"making {options.pictures:,} pictures", file=sys.stderr)
        make(Path(folder), options.pictures, options.size)
        what = (options.model, folder, options.size)
        pipe, child = process(trained, *what)
        result = {**vars(options), "output": None, **pipe.recv()}
        child.join()
        ways = {
            way: process(stepped, *what, way == "folder", options.steps, options.turns) for way in ("folder", "memory")
        }
        rates: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(options.turns):
            for way, (pipe, _) in ways.items():
                pipe.send(True)
                rates[way].append(pipe.recv())
        for _, child in ways.values():
            child.join()
    result |= {f"{way}_steps_per_second": statistics.median(found) for way, found in rates.items()}
    result["ratio"] = statistics.median(a / b for a, b in zip(rates["folder"], rates["memory"], strict=True))
    result["turns_steps_per_second"] = rates
    del result["output"]
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
