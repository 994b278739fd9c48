"""Pictures of any size as tiles of the model's size, each channel on its own."""

from collections.abc import Iterable, Iterator

import numpy as np


def split(pictures: np.ndarray, tile: tuple[int, int]) -> np.ndarray:
    """Cuts pictures into tiles; the last row and column are filled by repeating the edge.

    Args:
        pictures: ``(n, height, width, channels)``.
        tile: ``(tile_height, tile_width)``.

    Returns:
        ``(n × channels × rows × columns, tile_height, tile_width, 1)``, in that nesting.
    """
    n, height, width, channels = pictures.shape
    rows, columns = -(-height // tile[0]), -(-width // tile[1])
    margins = (0, rows * tile[0] - height), (0, columns * tile[1] - width)
    if margins != ((0, 0), (0, 0)):
        pictures = np.pad(pictures, ((0, 0), *margins, (0, 0)), mode="edge")
    cut = pictures.reshape(n, rows, tile[0], columns, tile[1], channels)
    return cut.transpose(0, 5, 1, 3, 2, 4).reshape(-1, *tile, 1)


def join(tiles: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Puts the tiles of ``split`` together again.

    Args:
        tiles: ``(m, tile_height, tile_width, 1)``.
        shape: ``(height, width, channels)`` of one picture.

    Returns:
        ``(n, height, width, channels)``.
    """
    height, width, channels = shape
    tile = tiles.shape[1:3]
    rows, columns = -(-height // tile[0]), -(-width // tile[1])
    whole = tiles.reshape(-1, channels, rows, columns, *tile).transpose(0, 2, 4, 3, 5, 1)
    return whole.reshape(-1, rows * tile[0], columns * tile[1], channels)[:, :height, :width]


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
