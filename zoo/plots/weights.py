"""What a model's weights look like, and which inputs it keeps."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from zoo.plots.pictures import draw_grid, draw_rows, extent, mosaic, show, shown, strips_of
from zoo.plots.style import DPI, MARGIN, SIGNED, VERMILION, box, new_figure, saved, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def filters(
    kernels: np.ndarray,
    path: str | os.PathLike | None = None,
    *,
    image_shape: tuple[int, ...] | None = None,
    columns: int | None = None,
    title: str | None = None,
    scale: int = 3,
) -> "Figure":
    """Draws what each unit of a layer weighs its inputs by: blue below 0, white at 0, vermilion above.

    Each filter has a scale of its own, from −1 to 1 times its largest weight.

    Args:
        kernels: of a dense layer ``(inputs, units)``; of a convolution ``(height, width, inputs, filters)``, drawn as a
            row a filter where it has more inputs than one.
        path: to save to.
        image_shape: ``(height, width)`` or ``(height, width, 1)`` of a dense layer's inputs.
        columns: of the grid, where there is one input; None for a grid that is about square.
        title: above the grid.
        scale: screen pixels a weight.

    Raises:
        ValueError: if the kernels or the image's shape are others, or the path cannot be written.
    """
    from matplotlib.colors import LinearSegmentedColormap

    weights = np.asarray(kernels, np.float64)
    if weights.ndim == 2 and weights.size:
        if not image_shape or len(image_shape) < 2 or np.prod(image_shape) != len(weights):
            raise ValueError(
                f"image_shape must be the height and width of {len(weights)} inputs, as kernels are {weights.shape}: "
                f"received {image_shape}."
            )
        weights = weights.T.reshape(-1, 1, *image_shape[:2])
    elif weights.ndim == 4 and weights.size:
        weights = weights.transpose(3, 2, 0, 1)
    else:
        raise ValueError(
            f"kernels must be (inputs, units) or (height, width, inputs, filters): received {weights.shape}."
        )
    most = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    scaled = weights / np.where(most > 0, most, 1.0)
    inputs = scaled.shape[1]
    colours = LinearSegmentedColormap.from_list("signed", SIGNED).with_extremes(bad="#d9d9d9")  # between filters
    picture = mosaic(
        scaled.reshape(-1, *scaled.shape[2:]), columns if inputs == 1 else inputs, gap=1, background=np.nan
    )
    return draw_grid(picture, path, title, scale, cmap=colours, vmin=-1, vmax=1)


def chosen_pixels(
    mean: np.ndarray,
    chosen: np.ndarray,
    path: str | os.PathLike | None = None,
    *,
    rows: Mapping[str, np.ndarray] | None = None,
    scale: int = 3,
) -> "Figure":
    """Draws which pixels are chosen, in colour over a mean image, and labelled rows of images beside it.

    Args:
        mean: grey ``(height, width)`` or ``(height, width, 1)``, uint8 or float in [0, 1]; drawn in dark greys.
        chosen: indices of pixels of the flattened image.
        path: to save to.
        rows: as of ``image_rows``, two or more; None for the mean image alone.
        scale: screen pixels a pixel of ``rows``.

    Raises:
        ValueError: if the mean is no grey image, or the path cannot be written.
    """
    from matplotlib.colors import to_rgb

    grey = shown(np.asarray(mean)[None])[0]
    if grey.ndim != 2:
        raise ValueError(f"mean must be grey, (height, width) or (height, width, 1): received {np.shape(mean)}.")
    picture = np.repeat(0.6 * grey[..., None] / (grey.max() or 1.0), 3, axis=-1)
    picture.reshape(-1, 3)[np.asarray(chosen)] = to_rgb(VERMILION)
    with style():
        strips = strips_of(list(rows.items())) if rows else []
        left, width, height = extent(strips, scale) if strips else (MARGIN, 0, 4 * scale * len(picture) / DPI)
        side = height * picture.shape[1] / picture.shape[0]
        figure = new_figure(MARGIN + side + left + width + MARGIN * bool(strips), height + 2 * MARGIN)
        axes = figure.add_axes(box(figure, MARGIN, MARGIN, side, height))
        show(axes, picture)
        if strips:
            draw_rows(figure, strips, MARGIN + side + left, MARGIN, scale)
        return saved(figure, path)


def matrices(
    values: Mapping[str, np.ndarray],
    path: str | os.PathLike | None = None,
    *,
    columns: int | None = None,
    number_format: str = "g",
) -> "Figure":
    """Draws small matrices with their numbers in their cells, which are the darker the larger a magnitude is.

    Args:
        values: label → ``(rows, columns)``; a shade stands for the same magnitude in all of them.
        path: to save to.
        columns: matrices side by side; None for all.
        number_format: of the numbers, as of ``format``; zeros are faint.

    Raises:
        ValueError: if there are none, one is not a matrix, or the path cannot be written.
    """
    arrays = {label: np.asarray(matrix, np.float64) for label, matrix in values.items()}
    if not arrays or any(matrix.ndim != 2 or not matrix.size for matrix in arrays.values()):
        raise ValueError(f"values must hold matrices: received {[matrix.shape for matrix in arrays.values()]}.")
    cell, gap, head = 0.3, 0.3, 0.3  # inches
    columns = columns or len(arrays)
    # Of every matrix its label, itself, and what it takes with its label.
    boxes = [
        (label, matrix, max(0.085 * len(label), cell * matrix.shape[1]), head + cell * matrix.shape[0])
        for label, matrix in arrays.items()
    ]
    rows = [boxes[start : start + columns] for start in range(0, len(boxes), columns)]
    across = max(sum(width + gap for *_, width, _ in row) for row in rows) - gap
    down = sum(max(height for *_, height in row) + gap for row in rows) - gap
    top = max(np.abs(matrix).max() for matrix in arrays.values()) or 1.0
    with style():
        figure = new_figure(across + 2 * MARGIN, down + 2 * MARGIN)
        y = figure.get_figheight() - MARGIN
        for row in rows:
            x = MARGIN
            for label, matrix, width, height in row:
                place = box(figure, x, y - height, cell * matrix.shape[1], cell * matrix.shape[0])
                axes = figure.add_axes(place)
                _numbered(axes, matrix, top, number_format)
                axes.text(-0.5, -0.68, label, ha="left", va="bottom", weight="bold")
                x += width + gap
            y -= max(height for *_, height in row) + gap
        return saved(figure, path)


def _numbered(axes: "Axes", matrix: np.ndarray, top: float, number_format: str) -> None:
    axes.imshow(np.abs(matrix), cmap="Blues", vmin=0, vmax=1.6 * top, aspect="auto")  # dark cells end where ink is read
    for (row, column), number in np.ndenumerate(matrix):
        text = f"{number:{number_format}}".replace("-", "−")
        axes.text(column, row, text, ha="center", va="center", size="small", alpha=1 if number else 0.3)
    axes.set_xticks(np.arange(matrix.shape[1] + 1) - 0.5, [])
    axes.set_yticks(np.arange(matrix.shape[0] + 1) - 0.5, [])
    axes.set_axisbelow(False)
    axes.spines[:].set_visible(False)
