"""Rate and distortion of image formats on small images and on photographs, to compare a codec with.

Each format gets its strongest reasonable settings: in Pillow optimised Huffman tables (JPEG), the
slowest search (WebP), monochrome coding tuned for PSNR at speed 4 (AVIF; ``AVIF, speed 0`` is the slowest
search, in ten times the time), the best filter (PNG); in imagecodecs, where it is installed, the slowest
search of JPEG XL, as a bare codestream.
Every byte of a file is counted, headers included. A set of images is stored either one file each
(``files``) or as one large picture of them all (``mosaic``), where the headers hardly count.

Of photographs in colour (``PHOTOGRAPHS``) the settings are those that give the fewest bytes at equal PSNR of RGB: 4:2:0
for JPEG; for AVIF 4:4:4, tuned for PSNR, at speed 6; the 9/7 wavelet and the colour transform for JPEG 2000; effort 7
for JPEG XL. All of them code on one thread.
"""

import dataclasses
import io
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from PIL import Image

from zoo import extras
from zoo.evaluation.metrics import mean_squared_error, psnr
from zoo.plots.pictures import mosaic, pixels

LAYOUTS = ("mosaic", "files")


@dataclasses.dataclass(frozen=True)
class ImageFormat:
    """An image format: its name here, its qualities in rising order, how it is saved, and its name in Pillow.

    A lossless format has no qualities. JPEG XL is none of Pillow's.
    """

    name: str
    qualities: range
    options: dict[str, Any]
    pillow: str | None


FORMATS = {
    image_format.name: image_format
    for image_format in (
        ImageFormat("JPEG", range(1, 101), {"optimize": True}, "JPEG"),
        ImageFormat("WebP", range(0, 101), {"method": 6}, "WebP"),
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
            "AVIF",
        ),
        ImageFormat("PNG", range(0), {"optimize": True}, "PNG"),
    )
}
# With those that need imagecodecs, more time, or another way of saving.
ALL_FORMATS = FORMATS | {
    image_format.name: image_format
    for image_format in (
        ImageFormat("JPEG XL", range(0, 100), {"effort": 9}, None),
        dataclasses.replace(FORMATS["AVIF"], name="AVIF, speed 0", options={**FORMATS["AVIF"].options, "speed": 0}),
        ImageFormat("WebP lossless", range(0), {"lossless": True, "method": 6, "quality": 100}, "WebP"),
        ImageFormat("JPEG XL lossless", range(0), {"effort": 9, "lossless": True}, None),
    )
}
_ON_ONE_THREAD = {"max_threads": 1, "autotiling": False}
# Of photographs. JPEG 2000's qualities are hundredths of a bit a pixel: its search for dB takes a third more bytes.
PHOTOGRAPHS = {
    image_format.name: image_format
    for image_format in (
        ImageFormat("JPEG", range(1, 101), {"optimize": True, "subsampling": "4:2:0"}, "JPEG"),
        ImageFormat("WebP", range(0, 101), {"method": 6}, "WebP"),
        ImageFormat("JPEG 2000", range(2, 1201), {"irreversible": True, "mct": 1, "no_jp2": True}, "JPEG2000"),
        ImageFormat(
            "AVIF",
            range(0, 101),
            {"codec": "aom", "speed": 6, "subsampling": "4:4:4", "advanced": {"tune": "psnr"}, **_ON_ONE_THREAD},
            "AVIF",
        ),
        ImageFormat("JPEG XL", range(0, 100), {"effort": 7, "numthreads": 1}, None),
        ImageFormat("PNG", range(0), {"optimize": True}, "PNG"),
        ImageFormat("WebP lossless", range(0), {"lossless": True, "method": 6, "quality": 100}, "WebP"),
        ImageFormat("JPEG XL lossless", range(0), {"effort": 7, "lossless": True, "numthreads": 1}, None),
    )
}
_JPEG_XL = b"\xff\x0a"  # of a bare codestream


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What a format made of a set of images.

    Attributes:
        format: a name of ``ALL_FORMATS``, or of a model.
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
    """Encodes one image.

    Args:
        image: uint8, grey ``(height, width)`` or in colour ``(height, width, 3)``.
        image_format: a name of ``ALL_FORMATS``, of an image in colour of ``PHOTOGRAPHS``.
        quality: one of the format's qualities; None for a lossless format.

    Raises:
        ValueError: for an unknown format, one that needs imagecodecs where that is missing, a quality it does not have,
            or another shape or dtype.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or not (image.ndim == 2 or image.ndim == 3 and image.shape[2] == 3):
        raise ValueError(
            f"image must be uint8 (height, width) or (height, width, 3): received {image.dtype} {image.shape}."
        )
    chosen = _format(image_format, ALL_FORMATS if image.ndim == 2 else PHOTOGRAPHS)
    if quality not in (chosen.qualities or (None,)):
        allowed = chosen.qualities
        expected = f"{allowed[0]} to {allowed[-1]}" if allowed else "None, as it is lossless"
        raise ValueError(f"quality of {image_format} must be {expected}: received {quality!r}.")
    if chosen.pillow is None:
        distance = {} if quality is None else {"distance": _distance(quality)}
        return _imagecodecs().jpegxl_encode(image, usecontainer=False, **chosen.options, **distance)
    options = dict(chosen.options)
    if quality is not None:
        options |= rated(quality) if chosen.pillow == "JPEG2000" else {"quality": quality}
    file = io.BytesIO()
    Image.fromarray(image).save(file, chosen.pillow, **options)
    return file.getvalue()


def rated(quality: int) -> dict[str, Any]:
    """Pillow's options for JPEG 2000 in colour, of hundredths of a bit a pixel."""
    return {"quality_mode": "rates", "quality_layers": [2400 / quality]}


def decode(data: bytes, *, colour: bool = False) -> np.ndarray:
    """Decodes one image: grey, uint8 ``(height, width)``, or in colour, ``(height, width, 3)``."""
    if data.startswith(_JPEG_XL):
        return _imagecodecs().jpegxl_decode(data)
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB" if colour else "L"))


def _imagecodecs():
    with extras.needed("JPEG XL"):
        import imagecodecs
    return imagecodecs


def _distance(quality: int) -> float:
    """JPEG XL's Butteraugli distance of a quality like JPEG's, as its own encoder (cjxl) has it."""
    return 0.1 + (100 - quality) * 0.09 if quality >= 30 else 53 / 3000 * quality**2 - 23 / 20 * quality + 25


def code(images: np.ndarray, codec, layout: str, *, compact: bool = False) -> tuple[Measurement, np.ndarray]:
    """Compresses and restores a set of images by a ``zoo.Codec``.

    Args:
        images: uint8 ``(n, height, width, channels)``.
        codec: with ``name``, ``compress`` and ``decompress``.
        layout: ``mosaic`` for all in one file, ``files`` for one each.
        compact: whether those are compact images.

    Returns:
        The measurement, of the codec's name as its format, and the restored images.
    """
    started = time.perf_counter()
    batches = [images] if layout == "mosaic" else np.split(images, len(images))
    options = {"compact": True} if compact else {}
    files = [codec.compress(batch, **options) for batch in batches]
    restored = np.concatenate([codec.decompress(file).reshape(-1, *images.shape[1:]) for file in files])
    seconds = time.perf_counter() - started
    size = sum(map(len, files))
    error = mean_squared_error(images, restored)
    rate = 8 * size / images[..., 0].size
    return Measurement(codec.name, layout, None, size, rate, psnr(error), seconds), restored


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
        images: uint8 ``(n, height, width)``, ``(n, height, width, 1)`` or, in colour, ``(n, height, width, 3)``.
        image_format: a name of ``ALL_FORMATS``; in colour of ``PHOTOGRAPHS``.
        quality: one of the format's qualities; None for a lossless format.
        layout: ``mosaic`` or ``files``.
        threads: that share the files; None for one a core.

    Returns:
        The number of bytes of all files, and the restored images, shaped as they came.
    """
    plain = _plain(images)
    colour = plain.ndim == 4
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}: received {layout!r}.")
    if layout == "mosaic":
        data = encode(mosaic(plain), image_format, quality)
        return len(data), _split(decode(data, colour=colour), plain.shape).reshape(images.shape)

    def one(image: np.ndarray) -> tuple[int, np.ndarray]:
        data = encode(image, image_format, quality)
        return len(data), decode(data, colour=colour)

    # Pillow's encoders release the interpreter's lock.
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        sizes, restored = zip(*pool.map(one, plain), strict=True)
    return sum(sizes), np.stack(restored).reshape(images.shape)


class RateDistortion:
    """Searches a format's qualities for a rate or a PSNR; every quality is measured at most once.

    Both are taken to grow with quality, which holds but for a fraction of a percent here and there.

    Args:
        images: uint8 ``(n, height, width)``, ``(n, height, width, 1)`` or, in colour, ``(n, height, width, 3)``.
        image_format: a name of ``ALL_FORMATS``; in colour of ``PHOTOGRAPHS``.
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
        colour = _plain(images).ndim == 4
        if layout not in LAYOUTS:
            raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}: received {layout!r}.")
        self.images, self.layout, self.threads = images, layout, threads
        self.format = _format(image_format, PHOTOGRAPHS if colour else ALL_FORMATS)
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
                bits_per_pixel=8 * size / math.prod(self.images.shape[:3]),
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


def _format(name: str, formats: dict[str, ImageFormat] = ALL_FORMATS) -> ImageFormat:
    if name not in formats:
        raise ValueError(f"format must be one of {', '.join(formats)}: received {name!r}.")
    return formats[name]


def _plain(images: np.ndarray) -> np.ndarray:
    """``images`` as ``(n, height, width)``, or in colour as ``(n, height, width, 3)``."""
    found = pixels(images) if images.ndim in (3, 4) else images
    if found.dtype != np.uint8 or found.ndim not in (3, 4):
        raise ValueError(
            "images must be uint8 (n, height, width), (n, height, width, 1) or (n, height, width, 3): received "
            f"{images.dtype} {images.shape}."
        )
    return found


def _split(picture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Undoes ``mosaic``: the images of a picture, of this shape, grey or in colour."""
    number, height, width, *channels = shape
    rows, columns = picture.shape[0] // height, picture.shape[1] // width
    cells = picture.reshape(rows, height, columns, width, *channels).swapaxes(1, 2)
    return cells.reshape(-1, height, width, *channels)[:number]
