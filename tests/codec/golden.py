"""Writes golden containers of shipped models: ``python tests/codec/golden.py NAME…``.

Each is written once, with the model's first tables, and never again: that it can be read is what is promised.
"""

import sys
from pathlib import Path

import numpy as np

from zoo.codec import Codec
from zoo.demo import samples

FOLDER = Path(__file__).parent / "golden"


def write(name: str) -> None:
    images = samples.load().images[:6]
    codec = Codec(name)
    data, packet = codec.compress(images), b"" if codec.lossless else codec.compress(images[0], compact=True)
    arrays = {"container": np.frombuffer(data, np.uint8), "restored": codec.decompress(data)}
    if not codec.lossless:
        arrays |= {"compact": np.frombuffer(packet, np.uint8), "symbols": codec.encode(images)}
    FOLDER.mkdir(exist_ok=True)
    with open(FOLDER / f"{name}-{codec.fingerprint.hex()}.npz", "xb") as file:
        np.savez_compressed(file, **arrays)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write(name)
