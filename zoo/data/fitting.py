"""How pictures of any size and colour meet the size and the channels of a model's input."""

import dataclasses
import zlib

import numpy as np

from zoo.io import pictures

FITS = {
    "crop": "centre-cropped to",
    "pad": "padded to",
    "resize": "stretched to",
    "tile": "cut into tiles of",
    "random-crop": "cropped at random to",
}
CROPS = 64  # of a picture at random, at most


def with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """uint8 pictures ``(n, h, w, 1)`` or ``(n, h, w, 3)`` with 1 channel (ITU-R 601 luma) or 3."""
    if images.shape[-1] == channels:
        return images
    if channels == 3:
        return np.repeat(images, 3, axis=-1)
    return np.rint(images @ np.array([[0.299], [0.587], [0.114]])).astype(np.uint8)


@dataclasses.dataclass(frozen=True)
class Cut:
    """What is made of pictures: ``shape`` of each, ``fit``, and the seed of random crops."""

    shape: tuple[int, int, int]
    fit: str
    seed: int

    def __call__(self, source: pictures.Source) -> np.ndarray:
        """The examples of all pictures of a source, uint8 ``(n, *shape)``."""
        height, width, channels = self.shape
        own = source.shape[:2]
        if self.fit == "tile" and (own[0] < height or own[1] < width):
            raise ValueError(f"{source.name} is smaller than one tile of {height}×{width}: use --fit pad or crop.")
        if self.fit in ("crop", "pad"):
            source = pictures.fitted(source, self.fit, (height, width))
        elif self.fit == "resize":
            source = _scaled(source, (height, width))
        elif self.fit == "random-crop" and (own[0] < height or own[1] < width):
            scale = max(height / own[0], width / own[1])
            source = _scaled(source, (max(height, round(scale * own[0])), max(width, round(scale * own[1]))))
        images = with_channels(source.read(0, source.count), channels)
        if images.shape[1:3] == (height, width):
            return images
        return self._crops(images, source.name) if self.fit == "random-crop" else self._tiles(images)

    def _tiles(self, images: np.ndarray) -> np.ndarray:
        height, width, channels = self.shape
        rows, columns = images.shape[1] // height, images.shape[2] // width
        whole = images[:, : rows * height, : columns * width]
        tiles = whole.reshape(-1, rows, height, columns, width, channels).swapaxes(2, 3)
        return tiles.reshape(-1, height, width, channels)

    def _crops(self, images: np.ndarray, name: str) -> np.ndarray:
        height, width, _ = self.shape
        down, right = images.shape[1] - height, images.shape[2] - width
        number = min(CROPS, (images.shape[1] // height) * (images.shape[2] // width))
        rng = np.random.default_rng([self.seed, zlib.crc32(name.encode())])
        places = zip(rng.integers(0, down + 1, number), rng.integers(0, right + 1, number), strict=True)
        return np.concatenate([images[:, y : y + height, x : x + width] for y, x in places])


def _scaled(source: pictures.Source, size: tuple[int, int]) -> pictures.Source:
    """The source with its pictures stretched to a size."""
    from PIL import Image

    def read(start: int, stop: int) -> np.ndarray:
        images = [Image.fromarray(p[..., 0] if p.shape[-1] == 1 else p) for p in source.read(start, stop)]
        scaled = [np.asarray(image.resize(size[::-1], Image.Resampling.LANCZOS)) for image in images]
        return np.stack(scaled).reshape(-1, *size, source.shape[2])

    return dataclasses.replace(source, shape=(*size, source.shape[2]), read=read)
