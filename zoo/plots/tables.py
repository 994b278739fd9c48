"""Rows of a table as shades."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from zoo.plots.style import MARGIN, SIGNED, box, new_figure, saved, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL, GAP, HEAD = 0.09, 0.2, 0.25  # inches
EXTREME = 3.0  # standard deviations that have the full colour


def cells(values: Mapping[str, np.ndarray], path: str | os.PathLike | None = None) -> "Figure":
    """Draws tables side by side, a shade for each cell: blue below the mean, vermilion above; grey is missing.

    Args:
        values: label → cells in standard deviations ``(rows, columns)``, NaN where one is missing.
        path: to save to.

    Raises:
        ValueError: if there are none, one is no matrix, or the path cannot be written.
    """
    from matplotlib.colors import LinearSegmentedColormap

    if not values or any(np.ndim(matrix) != 2 or not np.size(matrix) for matrix in values.values()):
        raise ValueError(f"values must hold matrices: received {[np.shape(matrix) for matrix in values.values()]}.")
    shapes = [np.shape(matrix) for matrix in values.values()]
    across = sum(columns for _, columns in shapes) * CELL + GAP * (len(shapes) - 1)
    down = HEAD + max(rows for rows, _ in shapes) * CELL
    colours = LinearSegmentedColormap.from_list("signed", SIGNED).with_extremes(bad="#b0b0b0")
    with style():
        figure, x = new_figure(across + 2 * MARGIN, down + 2 * MARGIN), MARGIN
        for label, matrix in values.items():
            rows, columns = np.shape(matrix)
            place = box(figure, x, MARGIN + down - HEAD - rows * CELL, columns * CELL, rows * CELL)
            axes = figure.add_axes(place)
            axes.imshow(matrix, cmap=colours, vmin=-EXTREME, vmax=EXTREME, aspect="auto", interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.set_title(label, loc="left")
            x += columns * CELL + GAP
        return saved(figure, path)
