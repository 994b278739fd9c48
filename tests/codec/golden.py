"""Writes golden containers of shipped models: ``python tests/codec/golden.py NAME…``.

Each is written once, with the model's first tables, and never again: that it can be read is what is promised.
"""

import io
import sys
from pathlib import Path

import numpy as np

from zoo.artifacts import find
from zoo.codec import Codec
from zoo.codec.coders.base import Strip
from zoo.codec.format.container import read_all
from zoo.demo import samples

FOLDER = Path(__file__).parent / "golden"


TEXT = (
    "Compute the mean of an array along an axis.\n\nThe mean is the sum of the elements along the axis, divided by "
    "their number. NaN is returned for slices that are empty: naïve façade, 漢字.\n"
)


def write(name: str) -> None:
    codec = Codec(name)
    if codec.what == "texts":
        save(name, codec, {"container": np.frombuffer(codec.compress(TEXT), np.uint8), "text": np.array(TEXT)})
        return
    if codec.what in ("sounds", "signals"):
        write_sound(name, codec)
        return
    if not codec.tile[1]:
        picture = photograph()  # of which the container may hold a WebP picture, so that the words stand beside it
        container, words = codec.compress(picture), codec.coder.pack(Strip(picture))
        arrays = {"container": np.frombuffer(container, np.uint8), "restored": codec.decompress(container)}
        more = {} if codec.lossless else {"latents": codec.coder.unpack(words, 1, np.array(picture.shape))[0]}
        save(name, codec, arrays | {"words": words} | more)
        return
    images = pictures(codec)
    data, packet = codec.compress(images), b"" if codec.lossless else codec.compress(images[0], compact=True)
    arrays = {"container": np.frombuffer(data, np.uint8), "restored": codec.decompress(data)}
    if not codec.lossless:
        arrays |= {"compact": np.frombuffer(packet, np.uint8), "symbols": codec.encode(images)}
    save(name, codec, arrays)


def pictures(codec: Codec) -> np.ndarray:
    """What a codec of tiles is shown, uint8 ``(n, height, width, channels)``."""
    return photograph()[None] if codec.channels > 1 else samples.load().images[:6]


def photograph() -> np.ndarray:
    """Something like one, in colour: slopes with noise of a camera, by integers alone, uint8 ``(70, 90, 3)``."""
    rows, columns = np.arange(70)[:, None], np.arange(90)[None]
    noise = np.random.Generator(np.random.PCG64(0)).integers(0, 5, (4, 70, 90, 3), np.uint8).sum(axis=0, dtype=np.uint8)
    light = (rows * columns // 40 + np.where((rows - 30) ** 2 + (columns - 40) ** 2 < 400, 60, 0)).astype(np.uint8)
    return np.stack([light // 2 + 60, light // 2 + 40, light // 3 + 50], axis=-1) + noise


def write_sound(name: str, codec: Codec) -> None:
    """Of sounds: two seconds of the training frames that come with the model."""
    with np.load(find(name).file("calibration.npz")) as file:
        samples = file["images"][:28].ravel()
    data = codec.compress(samples)
    readers, _ = read_all(io.BytesIO(data), "golden")
    ((words, count, *_),) = readers[0].chunks(codec._stream.limits(readers[0].header))
    symbols, levels = codec.tables.decode_with_levels(words, count)
    arrays = {"container": np.frombuffer(data, np.uint8), "restored": codec.decompress(data)}
    save(name, codec, arrays | {"symbols": symbols, "levels": levels})


def save(name: str, codec: Codec, arrays: dict[str, np.ndarray]) -> None:
    FOLDER.mkdir(exist_ok=True)
    with open(FOLDER / f"{name}-{codec.fingerprint.hex()}.npz", "xb") as file:
        np.savez_compressed(file, **arrays)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write(name)
