"""What a compressed picture is worth beside a common image format."""

import io
import math

import numpy as np


def png_bytes(picture: np.ndarray) -> int:
    """The size of a picture, uint8 ``(h, w, c)``, as a PNG."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(file, "PNG", optimize=True)
    return len(file.getvalue())


def beside_jpeg(picture: np.ndarray, restored: np.ndarray, size: int) -> tuple[float, float] | None:
    """How many times the bytes of a JPEG that is as good ``size`` is.

    Args:
        picture, restored: uint8 ``(h, w, c)``.
        size: bytes that ``restored`` was made of.

    Returns:
        The ratio, and the PSNR in dB; None where no JPEG is as good, or nothing was lost.
    """
    from PIL import Image

    def error(other: np.ndarray) -> float:
        return float(np.square(picture.astype(np.float32) - other.reshape(picture.shape)).mean())

    wanted, low, high, found = error(restored), 1, 95, None
    if not wanted:
        return None
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    while low <= high:  # the lowest quality that is good enough
        quality, file = (low + high) // 2, io.BytesIO()
        image.save(file, "JPEG", quality=quality, optimize=True)
        if error(np.asarray(Image.open(file))) <= wanted:
            found, high = len(file.getvalue()), quality - 1
        else:
            low = quality + 1
    return found and (size / found, 10 * math.log10(255**2 / wanted))
