"""Files of pictures, by Pillow: what is in them, their pixels, and PNG files to write."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from zoo import extras
from zoo.io.sources import Source, Take

_GREY_MODES = ("1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N")
_ORIENTATION = 0x0112  # EXIF
HEIF = (".heic", ".heif")  # of phones, by the extra heic
BAND = 1024  # rows that are copied at once


def open_picture(path: Path, take: Take) -> Source:
    with _picture(path) as image:
        # A camera's MPO is a JPEG with previews behind it.
        count = getattr(image, "n_frames", 1) if take.frames and image.format != "MPO" else 1
        kept, lost = _changes(image, take)
        modes, refused = [], None
        for number in range(count):
            if number:
                image.seek(number)
            modes.append(_mode(image, take))
            refused = refused or _refusal(image, take)
        image.seek(0)
        profile = image.info.get("icc_profile", b"") if take.exact else b""
    if refused:
        raise ValueError(f"{path} has {refused}.")
    if len({size for *_, size in modes}) > 1:
        raise ValueError(f"{path} holds pictures of different sizes: save each as a file of its own.")
    colour, alpha, deep = (any(mode[place] for mode in modes) for place in range(3))
    if take.exact and lost:
        raise ValueError(f"{path} would not be kept exactly ({', '.join(lost)}): convert it, or leave out --lossless.")
    shape = (*modes[0][3], (3 if colour else 1) + alpha)
    target = "I;16" if deep and not colour and not alpha else ("RGB" if colour else "L") + "A" * alpha

    def read(start: int, stop: int) -> np.ndarray:
        pictures = []
        with _picture(path) as image:
            for number in range(start, stop):
                if number:
                    image.seek(number)
                array = _pixels(image, target, take)
                if array.shape != shape:
                    raise ValueError(f"{path} changed while it was read: it was {shape}, now {array.shape}.")
                pictures.append(array)
        return np.stack(pictures) if len(pictures) > 1 else pictures[0][None]

    return Source("", count, shape, 4, read, (*lost, *kept), 16 if target == "I;16" else 8, profile)


def _mode(image, take: Take) -> tuple[bool, bool, bool, tuple[int, int]]:
    """Of a frame: whether it has colours, an alpha channel to keep, and 16 bits to keep; and its height and width."""
    width, height = image.size
    if image.getexif().get(_ORIENTATION, 1) >= 5:
        width, height = height, width
    alpha = take.alpha == "keep" and _has_alpha(image) and not _is_opaque(image)
    return image.mode not in _GREY_MODES, alpha, _keeps_16_bits(image, take), (height, width)


def _refusal(image, take: Take) -> str | None:
    """What a frame has that cannot be taken, and what to do."""
    if image.mode in ("I", "F"):
        return "32 bits a sample: convert it to 8 or 16, or give a .npy array in [0, 1]"
    if take.alpha == "refuse" and _has_alpha(image) and not _is_opaque(image):
        return "transparency, which this model does not keep: flatten it, or use --lossless"
    return None


def _keeps_16_bits(image, take: Take) -> bool:
    return take.depth == 16 and image.mode.startswith("I;16")


def _has_alpha(image) -> bool:
    return "A" in image.mode or "a" in image.mode or "transparency" in image.info


def _is_opaque(image) -> bool:
    return image.convert("RGBA").getchannel("A").getextrema() == (255, 255)


def _changes(image, take: Take) -> tuple[list[str], list[str]]:
    """What of a picture is left out: beside its pixels, such as a colour profile; and of the pixels themselves."""
    kept, lost = [], []
    deep = image.mode.startswith("I;16") or any(_has_16_bits(tile[0], tile[3]) for tile in image.tile)
    if deep and not _keeps_16_bits(image, take):
        lost.append("16 bits made 8")
    if image.info.get("icc_profile") and not take.exact:
        space = _colour_space(image)
        if space != "sRGB":
            kept.append("colour profile left out" if space is None else "colour profile converted to sRGB")
    if _has_alpha(image):
        if (take.exact or take.alpha != "drop") and _is_opaque(image):
            kept.append("opaque alpha channel left out")
        elif take.alpha == "drop":
            lost.append("transparency left out")
    if (frames := getattr(image, "n_frames", 1)) > 1:
        if image.format == "MPO":
            kept.append(f"the first of {frames} frames or pages")
        elif not take.frames:
            lost.append(f"the first of {frames} frames or pages")
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        lost.append(f"{image.mode} made RGB")
    return kept, lost


def _colour_space(image) -> str | None:
    """The mode of Pillow that a picture's colour profile is of, or ``sRGB``; None where it cannot be used."""
    try:
        from PIL import ImageCms

        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        if "sRGB" in ImageCms.getProfileDescription(profile):
            return "sRGB"
        space = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}.get(profile.profile.xcolor_space.strip())  # type: ignore
    except Exception:  # damaged ones make LittleCMS and Pillow raise various things, a Pillow without it ImportError
        return None
    return (
        space if space and not image.mode.startswith("I;16") and (space == "CMYK") == (image.mode == "CMYK") else None
    )


def _in_srgb(image):
    """A picture in sRGB, by its colour profile where that can be used."""
    space = _colour_space(image) if image.info.get("icc_profile") else None
    if space in (None, "sRGB"):
        return image
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    return ImageCms.profileToProfile(image.convert(space), profile, ImageCms.createProfile("sRGB"), outputMode="RGB")


def _has_16_bits(decoder: str, args) -> bool:
    """Whether Pillow halves samples as it decodes: colour of 16 bits has no mode of its own."""
    args = args if isinstance(args, tuple) else (args,)
    if decoder.startswith("ppm"):
        return args[-1] > 255  # the largest sample
    return any(isinstance(arg, str) and "16" in arg for arg in args)


def _pixels(image, target: str, take: Take) -> np.ndarray:
    """A frame ``(h, w, c)``, upright, in one of Pillow's modes."""
    from PIL import ImageOps

    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.uint16)
        if target == "I;16":
            return levels[..., None]
        grey = np.rint(levels / 257).astype(np.uint8)[..., None]
        return np.repeat(grey, 3, axis=2) if target == "RGB" else grey
    if not take.exact:
        image = _in_srgb(image) or image
    image = image if image.mode == target else image.convert(target)
    pixels = np.empty((image.height, image.width, len(image.getbands())), np.uint8)
    for top in range(0, image.height, BAND):  # as a whole, Pillow would hold two copies more
        band = np.asarray(image.crop((0, top, image.width, min(top + BAND, image.height))))
        pixels[top : top + BAND] = band.reshape(-1, image.width, pixels.shape[2])
    return pixels


@contextlib.contextmanager
def _picture(path: Path) -> Iterator:
    """Opens a picture; whatever Pillow raises in the block becomes a ``ValueError``."""
    from PIL import Image, UnidentifiedImageError

    if path.suffix.lower() in HEIF:
        with extras.needed(f"{path} is HEIC, which"):
            import pillow_heif

            pillow_heif.register_heif_opener()
    try:
        with Image.open(path) as image:
            yield image
    except Image.DecompressionBombError:
        raise ValueError(
            f"{path} has too many pixels: if you trust it, give --max-pixels, or set PIL.Image.MAX_IMAGE_PIXELS."
        ) from None
    except UnidentifiedImageError:
        raise ValueError(f"{path} is not a picture: expected a file that Pillow opens, or .npy.") from None
    except Exception as error:  # a damaged picture makes Pillow's plugins raise almost anything
        if isinstance(error, OSError) and error.strerror:
            raise ValueError(f"{path} cannot be read: {error.strerror}.") from None
        raise ValueError(f"{path} is a damaged picture: {error}.") from None


def write_png(picture: np.ndarray, file: BinaryIO, profile: bytes = b"") -> None:
    """Writes a picture, uint8 ``(h, w, 1 to 4)`` or uint16 ``(h, w, 1)``, with its colour profile if it has one.

    Raises:
        ValueError: if a PNG cannot hold it.
    """
    from PIL import Image

    check_png(picture.shape[-1], 8 * picture.dtype.itemsize)
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    image.save(file, "PNG", icc_profile=profile or None)


def check_png(channels: int, depth: int) -> None:
    """Refuses, with a ``ValueError``, pictures that ``write_png`` cannot write."""
    if channels > 4 or (depth == 16 and channels > 1):
        raise ValueError(
            f"Pictures of {channels} channels of {depth} bits do not go into PNG files: give a name in .npy."
        )
