"""Pictures of any size as tiles of the model's size, each channel on its own or all of them in one."""

from collections.abc import Iterable, Iterator

import numpy as np

from zoo.codec.format.header import Section


def split(pictures: np.ndarray, tile: tuple[int, ...]) -> np.ndarray:
    """Cuts pictures into tiles; the last row and column are filled by repeating the edge.

    Args:
        pictures: ``(n, height, width, channels)``.
        tile: ``(tile_height, tile_width)``; ``(tile_height, tile_width, channels)`` for tiles of all channels.

    Returns:
        ``(n × channels × rows × columns, tile_height, tile_width, 1)``, in that nesting; of all channels
        ``(n × rows × columns, tile_height, tile_width, channels)``.
    """
    n, height, width, channels = pictures.shape
    each = channels_of(tile)
    rows, columns = -(-height // tile[0]), -(-width // tile[1])
    margins = (0, rows * tile[0] - height), (0, columns * tile[1] - width)
    if margins != ((0, 0), (0, 0)):
        pictures = np.pad(pictures, ((0, 0), *margins, (0, 0)), mode="edge")
    cut = pictures.reshape(n, rows, tile[0], columns, tile[1], channels // each, each)
    return cut.transpose(0, 5, 1, 3, 2, 4, 6).reshape(-1, *tile[:2], each)


def channels_of(tile: tuple[int, ...]) -> int:
    """Of a tile ``(height, width)``, 1, or ``(height, width, channels)``."""
    return tile[2] if len(tile) == 3 else 1


def join(tiles: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Puts the tiles of ``split`` together again.

    Args:
        tiles: ``(m, tile_height, tile_width, 1)``, or of all channels.
        shape: ``(height, width, channels)`` of one picture.

    Returns:
        ``(n, height, width, channels)``.
    """
    height, width, channels = shape
    tile, each = tiles.shape[1:3], tiles.shape[3]
    rows, columns = -(-height // tile[0]), -(-width // tile[1])
    whole = tiles.reshape(-1, channels // each, rows, columns, *tile, each).transpose(0, 2, 4, 3, 5, 1, 6)
    return whole.reshape(-1, rows * tile[0], columns * tile[1], channels)[:, :height, :width]


def pieces(picture: np.ndarray, tile: tuple[int, ...]) -> Iterator[np.ndarray]:
    """What ``split`` gives of one large picture ``(height, width, channels)``, a row of tiles at a time."""
    height, _, channels = picture.shape
    each = channels_of(tile)
    for channel in range(0, channels, each):
        for start in range(0, height, tile[0]):
            yield split(picture[None, start : start + tile[0], :, channel : channel + each], tile)


def extents(parts: Iterable[tuple[Section, int, int]], tile: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """How much of each tile lies in its picture: heights and widths, int64 ``(tiles,)``.

    Args:
        parts: ``Header.parts`` of the tiles.
        tile: ``(height, width)``, also of all channels.
    """
    heights, widths = [], []
    for section, first, count in parts:
        rows, columns = -(-section.height // tile[0]), -(-section.width // tile[1])
        # The place in the picture's plane; `first` may be more than NumPy's integers hold.
        places = (first % (rows * columns) + np.arange(count)) % (rows * columns)
        heights.append(np.minimum(tile[0], section.height - places // columns * tile[0]))
        widths.append(np.minimum(tile[1], section.width - places % columns * tile[1]))
    return np.concatenate(heights), np.concatenate(widths)


def inside(parts: Iterable[tuple[Section, int, int]], tile: tuple[int, ...]) -> np.ndarray:
    """Which samples of each tile lie in its picture: bool, shaped as the tiles."""
    heights, widths = extents(parts, tile)
    rows, columns = (np.arange(side) < ends[:, None] for side, ends in zip(tile[:2], (heights, widths), strict=True))
    return np.repeat((rows[:, :, None] & columns[:, None, :])[..., None], channels_of(tile), axis=-1)


class Rows:
    """Reads a stream of arrays, cut anyhow along their first axis, in pieces of any length."""

    def __init__(self, arrays: Iterable[np.ndarray]):
        self._arrays = iter(arrays)
        self._rest: list[np.ndarray] = []

    def take(self, count: int) -> np.ndarray | None:
        """The next ``count`` rows; fewer at the end of the stream, and None after it."""
        have = sum(map(len, self._rest))
        while have < count and (array := next(self._arrays, None)) is not None:
            self._rest.append(array)
            have += len(array)
        if not have:
            return None
        rows = self._rest[0] if len(self._rest) == 1 else np.concatenate(self._rest)
        self._rest = [rows[count:]] if len(rows) > count else []
        return rows[:count]

    def pieces(self, count: int) -> Iterator[np.ndarray]:
        """All that is left, ``count`` rows at a time."""
        while (rows := self.take(count)) is not None:
            yield rows
