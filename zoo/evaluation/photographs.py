"""Ways of storing photographs, one file a picture: the codec's models and today's formats, measured alike."""

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from zoo.codec import Codec
from zoo.evaluation.image_formats import PHOTOGRAPHS, decode, encode
from zoo.evaluation.metrics import mean_squared_error, psnr
from zoo.extras import MissingPackage

# Some 22 to 38 dB of most photographs.
QUALITIES = {
    "JPEG": (4, 8, 13, 20, 32, 50, 72, 88),
    "WebP": (0, 2, 8, 20, 40, 65, 80, 90),
    "JPEG 2000": (5, 10, 17, 28, 45, 70, 105, 150),
    "AVIF": (0, 6, 14, 23, 33, 44, 55, 66),
    "JPEG XL": (2, 10, 20, 30, 45, 60, 75, 88),
}
OURS = 8  # qualities of the codec's own, evenly from its lowest to its highest
FINEST = 1 / 16  # of the codec's qualities, where one is looked for


@dataclasses.dataclass(frozen=True)
class Way:
    """One way of storing a picture, uint8 ``(height, width, 3)``.

    Attributes:
        name: of the format or of the model.
        qualities: to measure, in rising order; ``(None,)`` where nothing is lost.
        steps: the ends and the step of those that may be looked for; None where nothing is lost.
        encode: a picture at a quality, to bytes.
        decode: the bytes to the picture.
        settings: what else was chosen, in words.
    """

    name: str
    qualities: tuple
    steps: tuple[float, float, float] | None
    encode: Callable[[np.ndarray, Any], bytes]
    decode: Callable[[bytes], np.ndarray]
    settings: str


def ways_of(codecs: Sequence[Codec]) -> tuple[list[Way], list[str]]:
    """The codecs, the formats, and the formats whose package is missing."""
    ways, absent = [], []
    for codec in codecs:
        qualities, steps = (None,), None
        if codec.qualities:
            low, _, high = codec.qualities
            qualities, steps = tuple(np.linspace(low, high, OURS).tolist()), (low, high, FINEST)

        def compressed(picture, quality, codec=codec):
            return codec.compress(picture, **({} if quality is None else {"quality": quality}))

        ways.append(Way(codec.name, qualities, steps, compressed, codec.decompress, "one thread"))
    for image_format in PHOTOGRAPHS.values():
        levels = image_format.qualities
        steps = (levels[0], levels[-1], 1) if levels else None

        def encoded(picture, quality, name=image_format.name):
            return encode(picture, name, quality)

        def decoded(data):
            return decode(data, colour=True)

        try:
            encoded(np.zeros((8, 8, 3), np.uint8), levels[0] if levels else None)
        except MissingPackage:
            absent.append(image_format.name)
            continue
        settings = ", ".join(f"{key} {value}" for key, value in image_format.options.items())
        qualities = QUALITIES.get(image_format.name, (None,))
        ways.append(Way(image_format.name, qualities, steps, encoded, decoded, settings))
    return ways, absent


def measured(way: Way, picture: np.ndarray, quality: Any) -> tuple[dict[str, float], np.ndarray]:
    """``bits_per_pixel``, ``psnr`` of RGB in dB, ``encode_seconds``, ``decode_seconds``; the restored picture."""
    started = time.perf_counter()
    data = way.encode(picture, quality)
    encoded = time.perf_counter()
    restored = way.decode(data)
    seconds = {"encode_seconds": encoded - started, "decode_seconds": time.perf_counter() - encoded}
    error = mean_squared_error(picture[None], restored.reshape(picture.shape)[None])
    rate = 8 * len(data) / picture[..., 0].size
    return {"bits_per_pixel": rate, "psnr": psnr(error), **seconds}, restored.reshape(picture.shape)


def at_rate(way: Way, picture: np.ndarray, rate: float) -> tuple[dict[str, float], np.ndarray]:
    """The highest quality that takes at most ``rate`` bits a pixel, or the lowest there is, by bisection.

    Returns:
        ``quality``, ``bits_per_pixel`` and ``psnr``, and the restored picture.
    """
    low, high, step = way.steps or (0, 0, 1)
    first, last = 0, round((high - low) / step)
    kind = type(way.qualities[0])
    while first < last:
        middle = (first + last + 1) // 2
        size = len(way.encode(picture, kind(low + middle * step)))
        first, last = (middle, last) if 8 * size <= rate * picture[..., 0].size else (first, middle - 1)
    found, restored = measured(way, picture, kind(low + first * step))
    return {"quality": low + first * step, **{k: found[k] for k in ("bits_per_pixel", "psnr")}}, restored


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Keeps this thread, and those it starts, on one processor core, where the system can; so all have the same."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
