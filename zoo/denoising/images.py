"""Pictures in tiles that overlap."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from zoo import registry
from zoo.denoising.photographs import PhotoDenoising, of_photographs
from zoo.io import pictures
from zoo.io.arrays import as_array

if TYPE_CHECKING:
    import keras

PHOTOGRAPHS, SMALL, SMALL_SIDE = "photo_denoiser", "denoising_ae", 28
TAKE = pictures.Take(alpha="keep", channels=True, depth=16)  # of photographs


def denoise(
    images: np.ndarray,
    model: "str | os.PathLike | keras.Model | None" = None,
    *,
    overlap: int | None = None,
    strength: float = 1.0,
    advance: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Removes noise from pictures of any size.

    A denoiser of photographs takes colours together, in tiles with so much around them that no seam can be. One of
    small grey pictures goes channel by channel: a picture is cut into tiles of the model's size which overlap, and each
    pixel is the mean of what the tiles say of it, weighted by how far it lies from their edges: so no seam shows, and
    the mean of several guesses is better than one.

    Args:
        images: ``(h, w)``, ``(h, w, c)`` or ``(n, h, w, c)``, c 1 or 3; uint8, or float in [0, 1]. For photographs also
            uint16, and alpha as last of 2 or 4 channels, which is kept.
        model: a denoiser: its name, its folder, or the model itself; None for ``photo_denoiser``, of grey pictures of
            at most 28 × 28 ``denoising_ae``.
        overlap: of a model of small pictures, pixels that neighbouring tiles share, from 0 to the tile's size less one;
            None for half a tile.
        strength: how much of the noise found is taken out: 1 for all of it, less for a blend with the picture, up to 2
            for more.
        advance: called with the number of tiles done, for a progress bar.

    Returns:
        The denoised pictures, of the same shape and dtype.

    Raises:
        ValueError: for an array of another kind, a model that is no denoiser, or an argument out of its range.
    """
    images = np.asarray(images)
    source = pictures.from_array(images, take=TAKE)
    model = chosen_model(source.shape) if model is None else model
    if of_photographs(model):
        if overlap is not None:
            raise ValueError("overlap must be left out: what tiles of photographs share, the network sees.")
        run = PhotoDenoising(model)
        full = images.reshape(source.count, *source.shape)
        if images.dtype.kind == "f":
            pictures.to_uint8(full)  # raises where a number lies outside [0, 1]
        return np.stack([run(one, strength=strength, advance=advance) for one in full]).reshape(images.shape)
    source = pictures.from_array(images)
    model = registry.loaded(model)
    if not registry.does(model, "denoise", "image") or model.image_shape[-1] != 1:
        raise ValueError(f"model must be a denoising autoencoder of pictures: received {model.name!r}.")
    size = model.image_shape[:2]
    overlap = _half(size) if overlap is None else overlap
    if not isinstance(overlap, int) or not 0 <= overlap < min(size):
        raise ValueError(f"overlap must be an integer from 0 to {min(size) - 1}: received {overlap!r}.")
    restored = [_one(picture[0], model, overlap, strength, advance) for picture in source.batches(1)]
    result = np.stack(restored).reshape(np.shape(images))
    return np.rint(255 * result).astype(np.uint8) if images.dtype == np.uint8 else result


def chosen_model(shape: tuple[int, int, int]) -> str:
    """The shipped denoiser for pictures ``(h, w, c)``: what is in colour or larger than a garment is a photograph."""
    return SMALL if shape[2] == 1 and max(shape[:2]) <= SMALL_SIDE else PHOTOGRAPHS


def tile_count(shape: tuple[int, int, int], size: tuple[int, int], overlap: int | None = None) -> int:
    """Tiles of ``size`` that ``denoise`` cuts one picture ``(h, w, c)`` into, for a progress bar."""
    overlap = _half(size) if overlap is None else overlap
    rows, columns = (len(_starts(n, s, overlap)) for n, s in zip(shape[:2], size, strict=True))
    return rows * columns * shape[2]


def _one(picture: np.ndarray, model, overlap: int, strength: float, advance) -> np.ndarray:
    """One picture ``(h, w, c)`` as float32 in [0, 1]."""
    height, width, channels = picture.shape
    size = model.image_shape[:2]
    margins = [(0, max(0, s - n)) for n, s in zip((height, width), size, strict=True)]
    padded = np.pad(picture / np.float32(255), (*margins, (0, 0)), mode="symmetric")
    window = np.multiply.outer(*(_window(s, overlap) for s in size))[..., None]
    total = np.zeros(padded.shape, np.float32)
    weight = np.zeros((*padded.shape[:2], 1), np.float32)
    columns = _starts(padded.shape[1], size[1], overlap)
    for top in _starts(padded.shape[0], size[0], overlap):
        strip = padded[top : top + size[0]]
        tiles = np.stack([strip[:, left : left + size[1]] for left in columns])
        tiles = tiles.transpose(0, 3, 1, 2).reshape(-1, *size, 1)
        found = as_array(model.predict_on_batch(tiles)).reshape(-1, channels, *size).transpose(0, 2, 3, 1)
        for left, tile in zip(columns, found, strict=True):
            place = slice(top, top + size[0]), slice(left, left + size[1])
            total[place] += window * tile
            weight[place] += window
        if advance is not None:
            advance(len(tiles))
    found, seen = (total / weight)[:height, :width], padded[:height, :width]
    return found if strength == 1 else np.clip(seen + np.float32(strength) * (found - seen), 0, 1)


def _half(size: tuple[int, int]) -> int:
    return min(size) // 2


def _starts(length: int, size: int, overlap: int) -> list[int]:
    """Where tiles start along an axis; the last one ends where the axis does."""
    last = max(0, length - size)
    return [*range(0, last, size - overlap), last]


def _window(size: int, overlap: int) -> np.ndarray:
    """Weights along a tile: rising over the overlap, flat between, falling, above 0 throughout."""
    distance = np.minimum(np.arange(1, size + 1), np.arange(size, 0, -1))
    return np.minimum(distance / (overlap + 1), 1.0).astype(np.float32)
