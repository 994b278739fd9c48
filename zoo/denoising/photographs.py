"""Photographs of any size by a network that sees a bounded part of them: in tiles with what lies around, no seam."""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import registry
from zoo.codec.litert import Network
from zoo.io.arrays import as_array

if TYPE_CHECKING:
    import keras

FILE = "model.tflite"
STRIDE = 8  # pixels: sides that the network takes are multiples of it
WHOLE = 1 << 20  # pixels of a picture that is not cut
TILE = 864  # of what is, so that a tile and its halo are as large

Piece = Callable[[np.ndarray], np.ndarray]


class PhotoDenoising:
    """A denoiser of photographs, ready to be used: on LiteRT, or, of a model at hand, on Keras.

    Args:
        model: its name or folder, which needs no TensorFlow, or the model itself.
        threads: of LiteRT; None for as many as there are.

    Raises:
        ValueError: if the model is no denoiser of photographs.
    """

    def __init__(self, model: "str | os.PathLike | keras.Model", *, threads: int | None = None) -> None:
        self.halo, self._run = _on_litert(model, threads) if isinstance(model, (str, os.PathLike)) else _on_keras(model)

    def __call__(
        self,
        picture: np.ndarray,
        *,
        strength: float = 1.0,
        tile: int | None = None,
        advance: Callable[[int], None] | None = None,
    ) -> np.ndarray:
        """A picture without noise.

        The network computes each pixel from those within its halo; a tile is computed with its halo around, so that
        nothing depends on where a tile ends. At its right and lower edge a picture is continued by its mirror image.

        Args:
            picture: ``(h, w, c)``, c 1 or 3 and perhaps alpha beside, which is kept; uint8, uint16, or float in [0, 1].
                Grey is three equal channels to the network.
            strength: how much of the noise that is found is taken out: 1 for all, less for a blend with the picture,
                above 1 for more than is found, which is too smooth.
            tile: pixels of a tile's sides, a multiple of 8; None for no tiles up to 1 megapixel and 864 above.
            advance: called with the number of tiles done.

        Returns:
            The same shape and dtype.

        Raises:
            ValueError: if ``strength`` or ``tile`` is out of range.
        """
        check_strength(strength)
        if tile is not None and (tile < STRIDE or tile % STRIDE):
            raise ValueError(f"tile must be a multiple of {STRIDE}: received {tile!r}.")
        height, width, channels = picture.shape
        colours = channels - (channels in (2, 4))
        result = picture.copy()
        seen = picture[..., :colours]
        grey = all((seen[part] == seen[part][..., :1]).all() for part in tiles(height, width, tile))
        for rows, columns in tiles(height, width, tile):
            around = tuple(_around(span, side, self.halo) for span, side in ((rows, height), (columns, width)))
            piece = _levels(seen[np.ix_(*(places for places, _ in around))])
            found = self._run(np.broadcast_to(piece, (*piece.shape[:2], 3)))
            found = found.mean(axis=-1, keepdims=True) if grey else found
            inside = tuple(
                slice(at, at + span.stop - span.start) for (_, at), span in zip(around, (rows, columns), strict=True)
            )
            piece, found = piece[inside], found[inside]
            mixed = np.clip(piece + np.float32(strength) * (found - piece), 0, 1)
            result[rows, columns, :colours] = _as(mixed, picture.dtype)
            if advance is not None:
                advance(1)
        return result


def check_strength(strength: float) -> None:
    """Raises ValueError for a strength out of range."""
    if not 0 <= strength <= 2:
        raise ValueError(f"strength must be from 0 to 2: received {strength!r}.")


def tiles(height: int, width: int, tile: int | None = None) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the tiles of a picture: itself if it is small."""
    cut = height * width > WHOLE if tile is None else True
    step = 2 * (tile or TILE,) if cut else (height, width)
    for top in range(0, height, step[0]):
        for left in range(0, width, step[1]):
            yield slice(top, min(top + step[0], height)), slice(left, min(left + step[1], width))


def _around(span: slice, side: int, halo: int) -> tuple[np.ndarray, int]:
    """Places along an axis that a tile is computed from, in whole strides, and where among them it begins."""
    start = max(0, span.start - halo)
    stop = min(side, span.stop + halo)
    places = np.arange(start, start - (start - stop) // STRIDE * STRIDE)
    period = max(1, 2 * side - 2)  # 0 … side − 1 … 0 …, the edges once
    places = places % period
    return np.where(places < side, places, period - places), span.start - start


def _levels(piece: np.ndarray) -> np.ndarray:
    steps = np.iinfo(piece.dtype).max if piece.dtype.kind == "u" else 1
    return piece.astype(np.float32) / np.float32(steps)


def _as(levels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return np.rint(levels * np.iinfo(dtype).max).astype(dtype) if dtype.kind == "u" else levels.astype(dtype)


def _on_litert(name: str | os.PathLike, threads: int | None) -> tuple[int, Piece]:
    artifact = registry.artifact_of(name)
    if not (artifact.has(FILE) and "tile" in artifact.card):
        raise ValueError(
            f"model must be a denoiser of photographs, such as photo_denoiser: received {artifact.name!r}."
        )
    halo = artifact.card["tile"]["halo"]
    if not isinstance(halo, int) or not 0 <= halo <= 4096 or halo % STRIDE:
        raise ValueError(f"The halo on the card of {artifact.name} must be a multiple of {STRIDE}: found {halo!r}.")
    network = Network(artifact.file(FILE), threads=threads)
    return halo, lambda piece: network.of_any_size(piece[None])[0]


def _on_keras(model: Any) -> tuple[int, Piece]:
    if not registry.does(model, "denoise", "photo"):
        raise ValueError(f"model must be a denoiser of photographs, such as photo_denoiser: received {model.name!r}.")
    return model.halo, lambda piece: as_array(model(piece[None]))[0]


def of_photographs(model: "str | os.PathLike | keras.Model") -> bool:
    """Whether a model is a denoiser of photographs; false of one that does not exist."""
    if not isinstance(model, (str, os.PathLike)):
        return registry.does(model, "denoise", "photo")
    try:
        spec = registry.spec_of(registry.artifact_of(model).card["architecture"])
    except (ValueError, KeyError):
        return False
    return spec.task == "denoise" and spec.modality == "photo"
