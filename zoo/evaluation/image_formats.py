"""Rate and distortion of JPEG, WebP, AVIF and PNG on small grey images, to compare a codec with.

Each format gets its strongest reasonable settings in Pillow: optimised Huffman tables (JPEG), the
slowest search (WebP), monochrome coding tuned for PSNR at speed 4 (AVIF), the best filter (PNG).
Every byte of a file is counted, headers included. A set of images is stored either one file each
(``files``) or as one large picture of them all (``mosaic``), where the headers hardly count.
"""

import dataclasses
import io
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from PIL import Image

from zoo.evaluation.metrics import mean_squared_error, psnr
from zoo.plots import mosaic

LAYOUTS = ("mosaic", "files")


@dataclasses.dataclass(frozen=True)
class ImageFormat:
    """An image format: its name in Pillow, its qualities in rising order, and how it is saved.

    A lossless format has no qualities.
    """

    name: str
    qualities: range
    options: dict[str, Any]


FORMATS = {
    image_format.name: image_format
    for image_format in (
        ImageFormat("JPEG", range(1, 101), {"optimize": True}),
        ImageFormat("WebP", range(0, 101), {"method": 6}),
        ImageFormat(
            "AVIF",
            range(0, 101),
            {
                "codec": "aom",
                "speed": 4,
                "subsampling": "4:0:0",
                # PSNR is what is compared; libavif's own default prefers looks.
                "advanced": {"tune": "psnr"},
                # One thread and one tile: the same bytes on every machine, and the fewest.
                "max_threads": 1,
                "autotiling": False,
            },
        ),
        ImageFormat("PNG", range(0), {"optimize": True}),
    )
}


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What a format made of a set of images.

    Attributes:
        format: a name of ``FORMATS``.
        layout: one of ``LAYOUTS``.
        quality: the format's own quality setting; None for a lossless format.
        bytes: of all files together.
        bits_per_pixel: 8 · bytes / pixels of the images.
        psnr: dB, from the mean squared error pooled over all pixels; infinite if lossless.
        seconds: wall time to encode and decode.
    """

    format: str
    layout: str
    quality: int | None
    bytes: int
    bits_per_pixel: float
    psnr: float
    seconds: float


def encode(image: np.ndarray, image_format: str, quality: int | None = None) -> bytes:
    """Encodes one grey image.

    Args:
        image: uint8 ``(height, width)``.
        image_format: a name of ``FORMATS``.
        quality: one of the format's qualities; None for a lossless format.

    Raises:
        ValueError: for an unknown format, a quality it does not have, or another shape or dtype.
    """
    chosen = _format(image_format)
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 2:
        raise ValueError(f"image must be uint8 (height, width): received {image.dtype} {image.shape}.")
    if quality not in (chosen.qualities or (None,)):
        allowed = chosen.qualities
        expected = f"{allowed[0]} to {allowed[-1]}" if allowed else "None, as it is lossless"
        raise ValueError(f"quality of {image_format} must be {expected}: received {quality!r}.")
    options = chosen.options if quality is None else {**chosen.options, "quality": quality}
    file = io.BytesIO()
    Image.fromarray(image).save(file, chosen.name, **options)
    return file.getvalue()


def decode(data: bytes) -> np.ndarray:
    """Decodes one image as grey, uint8 ``(height, width)``."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("L"))


def round_trip(
    images: np.ndarray,
    image_format: str,
    quality: int | None = None,
    *,
    layout: str = "mosaic",
    threads: int | None = None,
) -> tuple[int, np.ndarray]:
    """Encodes and decodes a set of images.

    Args:
        images: uint8 ``(n, height, width)`` or ``(n, height, width, 1)``.
        image_format: a name of ``FORMATS``.
        quality: one of the format's qualities; None for a lossless format.
        layout: ``mosaic`` or ``files``.
        threads: that share the files; None for one a core.

    Returns:
        The number of bytes of all files, and the restored images, shaped as they came.
    """
    grey = _grey(images)
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}: received {layout!r}.")
    if layout == "mosaic":
        data = encode(mosaic(grey), image_format, quality)
        return len(data), _split(decode(data), grey.shape).reshape(images.shape)

    def one(image: np.ndarray) -> tuple[int, np.ndarray]:
        data = encode(image, image_format, quality)
        return len(data), decode(data)

    # Pillow's encoders release the interpreter's lock.
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        sizes, restored = zip(*pool.map(one, grey), strict=True)
    return sum(sizes), np.stack(restored).reshape(images.shape)


class RateDistortion:
    """Searches a format's qualities for a rate or a PSNR; every quality is measured at most once.

    Both are taken to grow with quality, which holds but for a fraction of a percent here and there.

    Args:
        images: uint8 ``(n, height, width)`` or ``(n, height, width, 1)``.
        image_format: a name of ``FORMATS``.
        layout: ``mosaic`` or ``files``.
        threads: that share the files; None for one a core.

    Raises:
        ValueError: for an unknown format or layout, or images of another shape or dtype.
    """

    def __init__(
        self,
        images: np.ndarray,
        image_format: str,
        layout: str = "mosaic",
        *,
        threads: int | None = None,
    ):
        _grey(images)
        if layout not in LAYOUTS:
            raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}: received {layout!r}.")
        self.images, self.layout, self.threads = images, layout, threads
        self.format = _format(image_format)
        self._measured: dict[int | None, Measurement] = {}

    @property
    def measurements(self) -> list[Measurement]:
        """Everything measured so far, by rising rate."""
        return sorted(self._measured.values(), key=lambda m: m.bytes)

    def measure(self, quality: int | None = None) -> Measurement:
        """Measures one quality."""
        if quality not in self._measured:
            started = time.perf_counter()
            size, restored = round_trip(
                self.images, self.format.name, quality, layout=self.layout, threads=self.threads
            )
            seconds = time.perf_counter() - started
            self._measured[quality] = Measurement(
                format=self.format.name,
                layout=self.layout,
                quality=quality,
                bytes=size,
                bits_per_pixel=8 * size / self.images.size,
                psnr=psnr(mean_squared_error(self.images, restored)),
                seconds=seconds,
            )
        return self._measured[quality]

    def at_rate(self, bits_per_pixel: float) -> Measurement:
        """The lowest quality that spends at least ``bits_per_pixel``: the format is not given less.

        Where even the highest quality spends less, that one.
        """
        return self.measure(self._first(lambda m: m.bits_per_pixel >= bits_per_pixel))

    def at_psnr(self, decibels: float) -> Measurement:
        """The quality whose PSNR is nearest to ``decibels``."""
        above = self._first(lambda m: m.psnr >= decibels)
        candidates = [q for q in (above, above - 1) if q in self.format.qualities]
        return min(map(self.measure, candidates), key=lambda m: abs(m.psnr - decibels))

    def _first(self, reached: Callable[[Measurement], bool]) -> int:
        """The lowest quality at which ``reached`` holds, or the highest there is, by bisection."""
        if not self.format.qualities:
            raise ValueError(f"{self.format.name} is lossless: it has one rate, and no quality.")
        low, high = self.format.qualities[0], self.format.qualities[-1]
        while low < high:
            middle = (low + high) // 2
            if reached(self.measure(middle)):
                high = middle
            else:
                low = middle + 1
        return low


def _format(name: str) -> ImageFormat:
    if name not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}: received {name!r}.")
    return FORMATS[name]


def _grey(images: np.ndarray) -> np.ndarray:
    """``images`` as ``(n, height, width)``."""
    shape = images.shape
    grey = len(shape) == 3 or (len(shape) == 4 and shape[-1] == 1)
    if images.dtype != np.uint8 or not grey or not images.size:
        raise ValueError(
            f"images must be uint8 (n, height, width) or (n, height, width, 1), n ≥ 1: received {images.dtype} {shape}."
        )
    return images.reshape(shape[:3])


def _split(picture: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Undoes ``mosaic``: the images ``(n, height, width)`` of a picture."""
    number, height, width = shape
    rows, columns = picture.shape[0] // height, picture.shape[1] // width
    cells = picture.reshape(rows, height, columns, width).swapaxes(1, 2)
    return cells.reshape(-1, height, width)[:number]
