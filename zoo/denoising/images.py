"""Pictures in tiles that overlap."""

import os
from collections.abc import Callable

import numpy as np

from zoo import models, registry
from zoo.io import pictures


def denoise(
    images: np.ndarray,
    model: "str | os.PathLike | models.DenoisingAE" = "denoising_ae",
    *,
    overlap: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Removes noise from pictures of any size, channel by channel.

    A picture is cut into tiles of the model's size which overlap, and each pixel is the mean of what the tiles say of
    it, weighted by how far it lies from their edges: so no seam shows, and the mean of several guesses is better than
    one.

    Args:
        images: ``(h, w)``, ``(h, w, c)`` or ``(n, h, w, c)``, c 1 or 3; uint8, or float in [0, 1].
        model: a denoiser with one channel: its name, its folder, or the model itself.
        overlap: pixels that neighbouring tiles share, from 0 to the tile's size less one; None for half a tile.
        advance: called with the number of tiles done, for a progress bar.

    Returns:
        The denoised pictures, of the same shape and dtype.

    Raises:
        ValueError: for an array of another kind, a model that is no denoiser, or an overlap out of its range.
    """
    source = pictures.from_array(np.asarray(images))
    model = registry.loaded(model)
    if not registry.does(model, "denoise", "image") or model.image_shape[-1] != 1:
        raise ValueError(f"model must be a denoising autoencoder of grey images: received {model.name!r}.")
    size = model.image_shape[:2]
    overlap = _half(size) if overlap is None else overlap
    if not isinstance(overlap, int) or not 0 <= overlap < min(size):
        raise ValueError(f"overlap must be an integer from 0 to {min(size) - 1}: received {overlap!r}.")
    restored = [_one(picture[0], model, overlap, advance) for picture in source.batches(1)]
    result = np.stack(restored).reshape(np.shape(images))
    return np.rint(255 * result).astype(np.uint8) if np.asarray(images).dtype == np.uint8 else result


def tile_count(shape: tuple[int, int, int], size: tuple[int, int], overlap: int | None = None) -> int:
    """Tiles of ``size`` that ``denoise`` cuts one picture ``(h, w, c)`` into, for a progress bar."""
    overlap = _half(size) if overlap is None else overlap
    rows, columns = (len(_starts(n, s, overlap)) for n, s in zip(shape[:2], size, strict=True))
    return rows * columns * shape[2]


def _one(picture: np.ndarray, model, overlap: int, advance) -> np.ndarray:
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
        found = np.asarray(model.predict_on_batch(tiles)).reshape(-1, channels, *size).transpose(0, 2, 3, 1)
        for left, tile in zip(columns, found, strict=True):
            place = slice(top, top + size[0]), slice(left, left + size[1])
            total[place] += window * tile
            weight[place] += window
        if advance is not None:
            advance(len(tiles))
    return (total / weight)[:height, :width]


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
