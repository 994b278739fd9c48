"""The user's own files as pictures: opened one after the other, read when they are needed, and written."""

import dataclasses
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from zoo.io.decoding import HEIF, check_png, open_picture, write_png
from zoo.io.files import Names, expand
from zoo.io.sources import PIXELS, Source, Take

__all__ = [
    "EXTENSIONS", "FITS", "PIXELS", "Source", "Take", "Transform", "check_png", "fitted", "from_array", "open_sources",
    "to_uint8", "transformed", "write_png",
]  # fmt: skip
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


def from_array(array: np.ndarray, name: str = "array", label: str = "array", *, take: Take = PIXELS) -> Source:
    """An array ``(h, w)``, ``(h, w, c)`` or ``(n, h, w, c)`` as a source.

    The channels are 1 or 3; with ``Take.channels``, 1 to 4, or any number in an array of four axes.

    Raises:
        ValueError: if it has another shape or dtype, is empty, or is of float where it must be kept exactly.
    """
    shape, allowed = array.shape, {1, 3} if not take.channels else {1, 2, 3, 4}
    wanted = f"(h, w), (h, w, c) or (n, h, w, c) with c {'1 or 3' if not take.channels else '1 to 4'}"
    some = len(shape) == 4 and take.channels
    if not 2 <= len(shape) <= 4 or (len(shape) > 2 and shape[-1] not in allowed and not some):
        hint = " Give the channels an axis: array[..., None]." if len(shape) == 3 else ""
        raise ValueError(f"{name} must have a shape {wanted}: received {shape}.{hint}")
    if not array.size:
        raise ValueError(f"{name} holds no pixels: received the shape {shape}, expected {wanted}.")
    deep = array.dtype == np.uint16 and take.depth == 16
    if array.dtype != np.uint8 and not deep and array.dtype.kind != "f":
        raise ValueError(f"{name} must be uint8, or float in [0, 1]: received {array.dtype}.")
    if take.exact and array.dtype.kind == "f":
        raise ValueError(f"{name} holds {array.dtype}: without loss, give uint8, or leave out --lossless.")
    full = {2: (1, *shape, 1), 3: (1, *shape), 4: shape}[len(shape)]
    pictures = array.reshape(full)
    return Source(
        label,
        full[0],
        full[1:],
        len(shape),
        lambda start, stop: pictures[start:stop] if deep else to_uint8(pictures[start:stop], name),
        (f"{array.dtype} made 8 bits",) if array.dtype.kind == "f" else (),
        16 if deep else 8,
    )


def open_sources(
    inputs: Iterable[str | os.PathLike],
    fit: str = "tile",
    tile: tuple[int, int] = (28, 28),
    taken: Iterable[tuple[int, str]] = (),
    failed: list[str] | None = None,
    *,
    take: Take = PIXELS,
) -> list[Source]:
    """Sources of files: pictures that Pillow opens, ``.npy`` arrays, and folders of pictures.

    Grey pictures stay grey, all others become RGB, upright as their EXIF data say, and in sRGB where they have a colour
    profile. ``take`` says what becomes of transparency, 16 bits and further frames; ``Source.changes`` says what was
    left out or changed. Only sizes are read here, and whether a channel of transparency says anything.

    Args:
        inputs: paths.
        fit: ``tile`` keeps every picture as it is; ``crop`` and ``pad`` scale it to one tile,
            cutting off what protrudes or filling with black.
        tile: ``(height, width)`` for those two.
        taken: ``(count, name)`` of inputs whose names no other may get.
        failed: gets a line for each input that cannot be opened and each file of a folder that is no picture by its
            name, and the others are returned; None to raise for the former and leave out the latter.
        take: what of each picture.

    Raises:
        ValueError: if an input is missing, unreadable or no picture, or a folder holds none.
    """
    if fit not in FITS:
        raise ValueError(f"fit must be {', '.join(FITS)}: received {fit!r}.")
    if take.exact and fit != "tile":
        raise ValueError(f"fit={fit!r} scales pictures: without loss, leave it out.")
    names, sources = Names(taken), []
    for path, label in expand(inputs, EXTENSIONS, "pictures", failed):
        try:
            sources.append(_open(path, label, names, fit, tile, take))
        except ValueError as error:
            if failed is None:
                raise
            failed.append(str(error))
    return sources


def _open(path: Path, label: str, names: Names, fit: str, tile: tuple[int, int], take: Take) -> Source:
    source = (_open_array if path.suffix.lower() == ".npy" else open_picture)(path, take)
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


def _open_array(path: Path, take: Take) -> Source:
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
        return from_array(array, str(path), take=take)

    states = {}
    # Each batch is copied out of a map of its own: one map would keep in memory all that was read through it.
    return dataclasses.replace(mapped(), read=lambda start, stop: np.array(mapped().read(start, stop)))


def _resize(pictures: np.ndarray, fit: str, tile: tuple[int, int]) -> np.ndarray:
    from PIL import Image, ImageOps

    resize = ImageOps.fit if fit == "crop" else ImageOps.pad
    channels = pictures.shape[-1]
    images = (Image.fromarray(p[..., 0] if channels == 1 else p) for p in pictures)
    resized = [np.asarray(resize(image, (tile[1], tile[0]), Image.Resampling.LANCZOS)) for image in images]
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
            if result.shape != pictures.shape or result.dtype != pictures.dtype:
                raise ValueError(
                    f"transform must keep {pictures.dtype} {pictures.shape}: received {result.dtype} {result.shape}."
                )
            return result

        return transformed

    return [dataclasses.replace(source, read=read(source)) for source in sources]
