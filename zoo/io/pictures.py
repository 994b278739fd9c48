"""The user's own files as 8-bit pictures: opened one after the other, read when they are needed, and written."""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from zoo.io.files import Names, expand

HEIF = (".heic", ".heif")  # of phones, by the extra heic
EXTENSIONS = (
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".avif",
    ".bmp",
    ".gif",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    *HEIF,
)
FITS = ("tile", "crop", "pad")

Transform = Callable[[np.ndarray], np.ndarray]
"""What becomes of pictures, uint8 ``(n, h, w, c)``, before they are compressed: the same shape and dtype."""

_GREY_MODES = ("1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N")
_ORIENTATION = 0x0112  # EXIF


@dataclasses.dataclass(frozen=True)
class Source:
    """One input: ``count`` pictures of one shape, not yet read.

    Attributes:
        name: without extension, unique among the inputs.
        count: number of pictures.
        shape: ``(height, width, channels)`` of each.
        axes: number of axes of the array that the input holds.
        read: ``read(start, stop)`` gives pictures as uint8 ``(stop - start, height, width,
            channels)``.
        changes: what the file holds and these pictures do not, such as ``16 bits made 8``; empty for nothing.
    """

    name: str
    count: int
    shape: tuple[int, int, int]
    axes: int
    read: Callable[[int, int], np.ndarray]
    changes: tuple[str, ...] = ()

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """All pictures in their order, at most ``size`` at a time."""
        for start in range(0, self.count, size):
            yield self.read(start, min(start + size, self.count))


def to_uint8(array: np.ndarray, name: str = "images") -> np.ndarray:
    """Pixels as uint8: those already are returned as they are, floats in [0, 1] are rounded to
    255ths.

    Raises:
        ValueError: if the array is neither, or holds numbers outside [0, 1].
    """
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind != "f":
        raise ValueError(f"{name} must be uint8, or float in [0, 1]: received {array.dtype}.")
    if array.size and not (array.min() >= 0 and array.max() <= 1):  # NaN fails both
        raise ValueError(f"{name} must be in [0, 1]: received numbers from {array.min():.4g} to {array.max():.4g}.")
    return np.rint(array * 255).astype(np.uint8)


def from_array(array: np.ndarray, name: str = "array", label: str = "array", *, exact: bool = False) -> Source:
    """An array ``(h, w)``, ``(h, w, c)`` or ``(n, h, w, c)``, c 1 or 3, as a source.

    Raises:
        ValueError: if it has another shape or dtype, is empty, or is of float where it must be kept ``exact``.
    """
    shape = array.shape
    wanted = "(h, w), (h, w, c) or (n, h, w, c) with c 1 or 3"
    if not 2 <= len(shape) <= 4 or (len(shape) > 2 and shape[-1] not in (1, 3)):
        hint = " Give the channels an axis: array[..., None]." if len(shape) == 3 else ""
        raise ValueError(f"{name} must have a shape {wanted}: received {shape}.{hint}")
    if not array.size:
        raise ValueError(f"{name} holds no pixels: received the shape {shape}, expected {wanted}.")
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise ValueError(f"{name} must be uint8, or float in [0, 1]: received {array.dtype}.")
    if exact and array.dtype != np.uint8:
        raise ValueError(f"{name} holds {array.dtype}: without loss, give uint8, or leave out --lossless.")
    full = {2: (1, *shape, 1), 3: (1, *shape), 4: shape}[len(shape)]
    pictures = array.reshape(full)
    return Source(
        label,
        full[0],
        full[1:],
        len(shape),
        lambda start, stop: to_uint8(pictures[start:stop], name),
        () if array.dtype == np.uint8 else (f"{array.dtype} made 8 bits",),
    )


def open_sources(
    inputs: Iterable[str | os.PathLike],
    fit: str = "tile",
    tile: tuple[int, int] = (28, 28),
    taken: Iterable[tuple[int, str]] = (),
    failed: list[str] | None = None,
    *,
    exact: bool = False,
) -> list[Source]:
    """Sources of files: pictures that Pillow opens, ``.npy`` arrays, and folders of pictures.

    Grey pictures stay grey, all others become RGB; transparency is ignored, 16 bits become 8, and
    of an animation or of several pages the first one counts: ``Source.changes`` says so. Only sizes are read here.

    Args:
        inputs: paths.
        fit: ``tile`` keeps every picture as it is; ``crop`` and ``pad`` scale it to one tile,
            cutting off what protrudes or filling with black.
        tile: ``(height, width)`` for those two.
        taken: ``(count, name)`` of inputs whose names no other may get.
        failed: gets a line for each input that cannot be opened and each file of a folder that is no picture by its
            name, and the others are returned; None to raise for the former and leave out the latter.

        exact: whether a picture that would be changed is refused.

    Raises:
        ValueError: if an input is missing, unreadable or no picture, or a folder holds none.
    """
    if fit not in FITS:
        raise ValueError(f"fit must be {', '.join(FITS)}: received {fit!r}.")
    if exact and fit != "tile":
        raise ValueError(f"fit={fit!r} scales pictures: without loss, leave it out.")
    names, sources = Names(taken), []
    for path, label in expand(inputs, EXTENSIONS, "pictures", failed):
        try:
            sources.append(_open(path, label, names, fit, tile, exact))
        except ValueError as error:
            if failed is None:
                raise
            failed.append(str(error))
    return sources


def _open(path: Path, label: str, names: Names, fit: str, tile: tuple[int, int], exact: bool) -> Source:
    source = (_open_array if path.suffix.lower() == ".npy" else _open_picture)(path, exact)
    return fitted(dataclasses.replace(source, name=names.unique(label, source.count)), fit, tile)


def fitted(source: Source, fit: str, tile: tuple[int, int]) -> Source:
    """The source with its pictures as ``open_sources`` fits them to one tile."""
    if fit == "tile" or source.shape[:2] == tile:
        return source
    return dataclasses.replace(
        source,
        shape=(*tile, source.shape[2]),
        read=lambda start, stop: _resize(source.read(start, stop), fit, tile),
    )


def _open_array(path: Path, exact: bool) -> Source:
    def mapped() -> Source:
        try:
            array, state = np.load(path, mmap_mode="r", allow_pickle=False), os.stat(path)
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror or error}.") from None
        except (ValueError, EOFError) as error:
            raise ValueError(f"{path} is no .npy array of numbers: {' '.join(str(error).split())}") from None
        found = state.st_ino, state.st_size, state.st_mtime_ns
        if found != states.setdefault(path, found):
            raise ValueError(f"{path} changed while it was read.")
        return from_array(array, str(path), exact=exact)

    states = {}
    # Each batch is copied out of a map of its own: one map would keep in memory all that was read through it.
    return dataclasses.replace(mapped(), read=lambda start, stop: np.array(mapped().read(start, stop)))


def _open_picture(path: Path, exact: bool) -> Source:
    with _picture(path) as image:
        mode, (width, height), (kept, lost) = image.mode, image.size, _changes(image, exact)
        if image.getexif().get(_ORIENTATION, 1) >= 5:
            width, height = height, width
    if mode in ("I", "F"):
        raise ValueError(f"{path} has 32 bits a sample: convert it to 8 or 16, or give a .npy array in [0, 1].")
    if exact and lost:
        raise ValueError(f"{path} would not be kept exactly ({', '.join(lost)}): convert it, or leave out --lossless.")
    shape = (height, width, 1 if mode in _GREY_MODES else 3)

    def read(start: int, stop: int) -> np.ndarray:
        array = _read_picture(path)
        if array.shape != shape:
            raise ValueError(f"{path} changed while it was read: it was {shape}, now {array.shape}.")
        return array[None]

    return Source("", 1, shape, 4, read, (*lost, *kept))


def _changes(image, exact: bool) -> tuple[list[str], list[str]]:
    """What of a picture is left out: beside its pixels, such as a colour profile; and of the pixels themselves."""
    kept, lost = [], []
    if image.mode.startswith("I;16") or any(_has_16_bits(tile[0], tile[3]) for tile in image.tile):
        lost.append("16 bits made 8")
    if image.info.get("icc_profile"):
        kept.append("colour profile left out")
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        opaque = exact and image.convert("RGBA").getchannel("A").getextrema() == (255, 255)
        kept.append("opaque alpha channel left out") if opaque else lost.append("transparency left out")
    if (frames := getattr(image, "n_frames", 1)) > 1:
        # A camera's MPO is a JPEG with previews behind it.
        (kept if image.format == "MPO" else lost).append(f"the first of {frames} frames or pages")
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        lost.append(f"{image.mode} made RGB")
    return kept, lost


def _has_16_bits(decoder: str, args) -> bool:
    """Whether Pillow halves samples as it decodes: colour of 16 bits has no mode of its own."""
    args = args if isinstance(args, tuple) else (args,)
    if decoder.startswith("ppm"):
        return args[-1] > 255  # the largest sample
    return any(isinstance(arg, str) and "16" in arg for arg in args)


def _read_picture(path: Path) -> np.ndarray:
    from PIL import ImageOps

    with _picture(path) as image:
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I;16"):
            return np.rint(np.asarray(image, np.float64)[..., None] / 257).astype(np.uint8)
        grey = image.mode in _GREY_MODES
        array = np.asarray(image.convert("L" if grey else "RGB"))
        return array.reshape(image.height, image.width, -1)


@contextlib.contextmanager
def _picture(path: Path) -> Iterator:
    """Opens a picture; whatever Pillow raises in the block becomes a ``ValueError``."""
    from PIL import Image, UnidentifiedImageError

    if path.suffix.lower() in HEIF:
        _register_heif(path)
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


def _register_heif(path: Path) -> None:
    """Teaches Pillow to read HEIC."""
    try:
        import pillow_heif
    except ImportError:
        raise ValueError(f"{path} is HEIC, which needs pillow-heif: pip install 'zoo[heic]'.") from None
    pillow_heif.register_heif_opener()


def _resize(pictures: np.ndarray, fit: str, tile: tuple[int, int]) -> np.ndarray:
    from PIL import Image, ImageOps

    resize = ImageOps.fit if fit == "crop" else ImageOps.pad
    channels = pictures.shape[-1]
    images = (Image.fromarray(p[..., 0] if channels == 1 else p) for p in pictures)
    resized = [np.asarray(resize(image, tile[::-1], Image.Resampling.LANCZOS)) for image in images]
    return np.stack(resized).reshape(-1, *tile, channels)


def transformed(sources: list[Source], transform: Transform | None) -> list[Source]:
    """Sources whose pictures go through a function first.

    Reading raises a ``ValueError`` where it does not keep their shape and dtype.
    """
    if transform is None:
        return sources

    def read(source: Source) -> Callable[[int, int], np.ndarray]:
        def transformed(start: int, stop: int) -> np.ndarray:
            pictures = source.read(start, stop)
            result = np.asarray(transform(pictures))
            if result.shape != pictures.shape or result.dtype != np.uint8:
                raise ValueError(
                    f"transform must keep uint8 {pictures.shape}: received {result.dtype} {result.shape} of it."
                )
            return result

        return transformed

    return [dataclasses.replace(source, read=read(source)) for source in sources]


def write_png(picture: np.ndarray, file: BinaryIO) -> None:
    from PIL import Image

    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(file, "PNG")
