"""Chunks that a model does not suit: as they are, or by a general codec, whichever is smaller.

``RAW`` is the content itself, ``XZ`` a raw LZMA2 stream of it, ``WEBP`` lossless WebP of sheets of tiles.
"""

import functools
import io
import lzma
import math

import numpy as np

from zoo.codec.format.container import RAW, WEBP, XZ
from zoo.codec.format.fields import CodecError

_DICTIONARY = 1 << 22  # more than the content of a chunk
MAX_SIDE = 16383  # of a WebP picture
_RIFF = 8  # bytes before those that a RIFF file's own length counts


def pack(content: bytes, sheets: list[np.ndarray] | None) -> tuple[int, bytes]:
    """The coding that takes the fewest bytes, and these.

    Args:
        content: of a chunk.
        sheets: its tiles as pictures (``sheet``); None where they are none.
    """
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": _DICTIONARY, "pb": 0}]
    found = [(RAW, content), (XZ, lzma.compress(content, lzma.FORMAT_RAW, filters=filters))]
    if sheets is not None and _has_webp():
        found.append((WEBP, b"".join(map(_webp, sheets))))
    return min(found, key=lambda pair: len(pair[1]))


def content(coding: int, data: bytes, size: int) -> bytes:
    """The content, of ``size`` bytes, of a chunk that is coded as ``RAW`` or ``XZ``.

    Raises:
        CodecError: if it is another.
    """
    if coding == XZ:
        decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": _DICTIONARY}])
        try:
            found = decoder.decompress(data, size + 1)
        except lzma.LZMAError:
            raise CodecError("its bytes are no LZMA2 stream") from None
        if decoder.unused_data or not decoder.eof:
            raise CodecError(f"its LZMA2 stream does not end with {size} bytes")
        data = found
    if len(data) != size:
        raise CodecError(f"it holds {len(data)} bytes where its tiles have {size}")
    return data


def pictures(data: bytes, shapes: list[tuple[int, int, int]]) -> list[np.ndarray]:
    """The pictures, uint8 ``(h, w, c)`` of these shapes, of a chunk that is coded as ``WEBP``.

    Raises:
        CodecError: if it holds others, or Pillow lacks WebP.
    """
    if not _has_webp():
        raise CodecError("it needs Pillow with WebP, which this one lacks: pip install --upgrade pillow")
    found = []
    for shape in shapes:
        length = _RIFF + int.from_bytes(data[4:8], "little")
        found.append(_picture(data[:length], shape))
        data = data[length:]
    if data:
        raise CodecError(f"{len(data)} bytes follow its last picture")
    return found


def _picture(data: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    from PIL import Image

    height, width, channels = shape
    # The plain lossless layout alone, whose size stands in its first bytes: it is compared before anything is decoded.
    if len(data) < 25 or data[:4] != b"RIFF" or data[8:16] != b"WEBPVP8L" or data[20] != 0x2F:
        raise CodecError("its bytes are no lossless WebP picture")
    bits = int.from_bytes(data[21:25], "little")
    if (bits >> 14 & 0x3FFF, bits & 0x3FFF) != (height - 1, width - 1):
        raise CodecError(f"its WebP picture is not of {width} × {height} pixels")
    try:
        with Image.open(io.BytesIO(data), formats=["WEBP"]) as image:
            pixels = np.asarray(image.convert("RGB"))
    except Exception:  # Pillow raises almost anything of damaged bytes
        raise CodecError("its WebP picture is damaged") from None
    if pixels.shape != (height, width, 3):
        raise CodecError(f"its WebP picture is not of {width} × {height} pixels")
    return pixels[..., :channels]


def _webp(sheet: np.ndarray) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(sheet[..., 0] if sheet.shape[-1] == 1 else sheet).save(file, "WEBP", lossless=True, method=4)
    return file.getvalue()


@functools.cache
def _has_webp() -> bool:
    from PIL import features

    return features.check("webp")


def sheet_layout(count: int, columns: int, phase: int, tile: tuple[int, int]) -> tuple[int, int] | None:
    """Rows and columns of tiles of the sheet that ``count`` of them lie on, after ``phase`` empty places.

    The columns are a picture's, or so many times as many that the sheet is not too tall; None if it is too large.
    """
    most = MAX_SIDE // tile[0]
    rows = math.ceil((phase + count) / columns)
    if most and rows > most:
        columns *= math.ceil(rows / most)
        rows = math.ceil((phase + count) / columns)
    return (rows, columns) if rows * tile[0] <= MAX_SIDE and columns * tile[1] <= MAX_SIDE else None


def sheet(tiles: np.ndarray, layout: tuple[int, int], phase: int) -> np.ndarray:
    """Tiles ``(n, h, w, c)`` as one picture ``(rows × h, columns × w, c)``, row by row after ``phase`` empty places."""
    (rows, columns), (_, height, width, channels) = layout, tiles.shape
    places = np.zeros((rows * columns, height, width, channels), np.uint8)
    places[phase : phase + len(tiles)] = tiles
    grid = places.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * height, columns * width, channels)


def tiles_of_sheet(picture: np.ndarray, layout: tuple[int, int], phase: int, count: int) -> np.ndarray:
    """The tiles ``(count, h, w, c)`` that ``sheet`` made a picture of."""
    (rows, columns), (height, width, channels) = layout, picture.shape
    grid = picture.reshape(rows, height // rows, columns, width // columns, channels).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * columns, height // rows, width // columns, channels)[phase : phase + count]
