"""Images on grids and in rows; every other picture is laid out by these."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from zoo.plots.style import DPI, GAP, MARGIN, box, new_figure, saved, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def mosaic(images: np.ndarray, columns: int | None = None, *, gap: int = 0, background: float = 0) -> np.ndarray:
    """Lays images out on a grid, row by row.

    Args:
        images: ``(n, height, width)`` or ``(n, height, width, channels)``, grey or of three channels, any dtype.
        columns: of the grid; None for the smallest one that makes it no taller than wide.
        gap: pixels between neighbours.
        background: value of the gaps and of empty cells.

    Returns:
        ``(rows * (height + gap) - gap, columns * (width + gap) - gap)``, of the same dtype; of three channels with a
        last axis for them.

    Raises:
        ValueError: if the images have another shape, or there are none.
    """
    images = pixels(images)
    number, height, width, *channels = images.shape
    columns = columns or int(np.ceil(np.sqrt(number)))
    rows = -(-number // columns)
    cells = np.full((rows * columns, height + gap, width + gap, *channels), background, images.dtype)
    cells[:number, :height, :width] = images
    picture = cells.reshape(rows, columns, height + gap, width + gap, *channels).swapaxes(1, 2)
    picture = picture.reshape(rows * (height + gap), columns * (width + gap), *channels)
    return picture[: picture.shape[0] - gap, : picture.shape[1] - gap]


def image_grid(
    images: np.ndarray,
    target: "str | os.PathLike | Axes | None" = None,
    *,
    columns: int | None = None,
    title: str | None = None,
    scale: int = 2,
) -> "Figure":
    """Draws images on one grid.

    Args:
        images: as of ``mosaic``, uint8 or float in [0, 1].
        target: a path to save to, or axes of the caller's to draw into.
        columns: of the grid; None for a grid that is about square.
        title: above the grid.
        scale: screen pixels an image pixel, where a figure of its own is drawn.

    Raises:
        ValueError: if the images have another shape or dtype, or the path cannot be written.
    """
    picture = mosaic(shown(images), columns, gap=1, background=1.0)
    if not (target is None or isinstance(target, (str, os.PathLike))):
        show(target, picture)
        target.set_title(title or "")
        return target.figure  # pyright: ignore[reportReturnType] - of a figure within one, that
    return draw_grid(picture, target, title, scale)


def image_rows(
    rows: Mapping[str, np.ndarray],
    path: str | os.PathLike | None = None,
    *,
    title: str | None = None,
    columns: Sequence[str] | None = None,
    scale: int = 3,
) -> "Figure":
    """Draws one labelled row of images for each entry, so that a column is one image's story.

    Args:
        rows: label → images as of ``mosaic``, uint8 or float in [0, 1]; all of one number and size, but one row may
            be grey and another in colour.
        path: to save to.
        title: above the rows.
        columns: n headings.
        scale: screen pixels an image pixel.

    Raises:
        ValueError: if there are no rows, their shapes differ, or the path cannot be written.
    """
    return _labelled(list(rows.items()), path, title, columns, scale)


def reconstructions(
    images: np.ndarray,
    restored: np.ndarray,
    path: str | os.PathLike | None = None,
    *,
    inputs: np.ndarray | None = None,
    title: str | None = None,
    scale: int = 3,
) -> "Figure":
    """Draws images above what a model makes of them, with the PSNR of each, and in colour where they differ.

    Args:
        images: as of ``mosaic``, uint8 or float in [0, 1].
        restored: what the model returned for them, of the same shape.
        path: to save to.
        inputs: what the model was given instead of the images, such as noisy ones; a row of their own.
        title: above the rows.
        scale: screen pixels an image pixel.

    Raises:
        ValueError: if the shapes differ, or the path cannot be written.
    """
    import matplotlib

    originals, found = shown(images), shown(restored)
    if originals.shape != found.shape:
        raise ValueError(f"restored must have the shape of images, {originals.shape}: received {found.shape}.")
    squared = np.mean((originals - found) ** 2, axis=tuple(range(1, originals.ndim)))
    with np.errstate(divide="ignore"):
        decibels = -10 * np.log10(squared)
    error = np.abs(originals - found).reshape(*originals.shape[:3], -1).mean(axis=-1)
    most = error.max()
    rows = {"original": originals}
    if inputs is not None:
        rows["input"] = inputs
    rows["restored"] = found
    rows[f"error, 0 to {most:.2g}"] = matplotlib.colormaps["cividis"](error / (most or 1))[..., :3]
    headings = [f"{value:.1f} dB" if np.isfinite(value) else "equal" for value in decibels]
    return image_rows(rows, path, title=title, columns=headings, scale=scale)


def traversals(
    rows: np.ndarray,
    path: str | os.PathLike | None = None,
    *,
    labels: Sequence[str] | None = None,
    values: Sequence[float] | None = None,
    title: str | None = None,
    scale: int = 2,
) -> "Figure":
    """Draws what becomes of an image as one number of its code after the other takes other values.

    Args:
        rows: ``(n, steps, height, width)`` or ``(n, steps, height, width, channels)``: a row a number of the code.
        path: to save to.
        labels: n, of the rows; None for none.
        values: that the numbers take, as headings; None for none.
        title: above the rows.
        scale: screen pixels an image pixel.

    Raises:
        ValueError: if the rows have another shape, there are not as many labels or values as they need, or the path
            cannot be written.
    """
    rows = np.asarray(rows)
    if rows.ndim not in (4, 5) or not rows.size:
        raise ValueError(f"rows must be (n, steps, height, width[, channels]), n ≥ 1: received {rows.shape}.")
    for name, given, expected in (("labels", labels, len(rows)), ("values", values, rows.shape[1])):
        if given is not None and len(given) != expected:
            raise ValueError(f"{name} must be {expected}, as rows are {rows.shape}: received {len(given)}.")
    headings = None if values is None else [f"{value:.2g}".replace("-", "−") for value in values]
    names = [""] * len(rows) if labels is None else labels
    return _labelled(list(zip(names, rows, strict=True)), path, title, headings, scale)


def unit(images: np.ndarray) -> np.ndarray:
    """``images`` in float64; uint8 is divided by 255."""
    return images / 255.0 if images.dtype == np.uint8 else images.astype(np.float64)


def eight_bit(images: np.ndarray) -> np.ndarray:
    """Images in [0, 1] as the nearest uint8; what is uint8 already stays as it is."""
    return images if images.dtype == np.uint8 else np.rint(255 * np.clip(images, 0.0, 1.0)).astype(np.uint8)


def pixels(images: np.ndarray) -> np.ndarray:
    """``images`` as ``(n, height, width)``, or ``(n, height, width, 3)``.

    Raises:
        ValueError: if they have another shape, or there are none.
    """
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if not (images.ndim == 3 or (images.ndim == 4 and images.shape[-1] == 3)) or not images.size:
        raise ValueError(
            f"images must be (n, height, width) or (n, height, width, 1 or 3), n ≥ 1: received {images.shape}."
        )
    return images


def shown(images: np.ndarray) -> np.ndarray:
    """``pixels`` as floats in [0, 1], which floating-point images are clipped to.

    Raises:
        ValueError: if they have another shape or dtype.
    """
    images = pixels(images)
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise ValueError(f"images must be uint8 or float in [0, 1]: received {images.dtype}.")
    return np.clip(unit(images), 0.0, 1.0)


def show(axes: "Axes", picture: np.ndarray, **scale) -> None:
    """Draws a picture without ticks or frame: grey from 0 to 1, unless ``scale`` says which colours mean what."""
    axes.imshow(picture, interpolation="nearest", aspect="equal", **scale or {"cmap": "gray", "vmin": 0, "vmax": 1})
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(False)


def draw_grid(picture: np.ndarray, path, title: str | None, scale: int, **colours) -> "Figure":
    """A figure of one picture and its title."""
    with style():
        height, width = (scale * side / DPI for side in picture.shape[:2])
        figure = new_figure(width + 2 * MARGIN, height + MARGIN + (0.42 if title else MARGIN))
        axes = figure.add_axes(box(figure, MARGIN, MARGIN, width, height))
        show(axes, picture, **colours)
        if title:
            axes.set_title(title, pad=8)
        return saved(figure, path)


def extent(strips: Sequence[tuple[str, np.ndarray]], scale: int) -> tuple[float, float, float]:
    """In inches, what the labels of rows take to the left, and the width and height of the rows."""
    height, width = (scale * side / DPI for side in strips[0][1].shape[:2])
    labels = 0.085 * max(len(line) for label, _ in strips for line in label.split("\n"))
    return MARGIN + labels, width, len(strips) * (height + GAP) - GAP


def draw_rows(
    figure: "Figure", strips: Sequence[tuple[str, np.ndarray]], left: float, top: float, scale: int
) -> "Axes":
    """Draws labelled rows below ``top`` and from ``left`` on, in inches; returns the axes of the first."""
    all_axes = []
    for index, (label, strip) in enumerate(strips):
        height, width = (scale * side / DPI for side in strip.shape[:2])
        bottom = figure.get_figheight() - top - (index + 1) * height - index * GAP
        axes = figure.add_axes(box(figure, left, bottom, width, height))
        show(axes, strip)
        axes.set_ylabel(label, rotation=0, ha="right", va="center", labelpad=6)
        all_axes.append(axes)
    return all_axes[0]


def strips_of(rows: Sequence[tuple[str, np.ndarray]]) -> list[tuple[str, np.ndarray]]:
    """Each label with its images beside each other.

    Raises:
        ValueError: if there are no rows, or their shapes differ.
    """
    pictures = [(label, shown(images)) for label, images in rows]
    shapes = {images.shape[:3] for _, images in pictures}
    if len(shapes) != 1:
        raise ValueError(f"rows must hold images of one shape: received {sorted(shapes)}.")
    return [(label, mosaic(images, len(images), gap=2, background=1.0)) for label, images in pictures]


def _labelled(rows: Sequence[tuple[str, np.ndarray]], path, title, columns, scale: int) -> "Figure":
    strips = strips_of(rows)
    column_width = (strips[0][1].shape[1] + 2) // len(rows[0][1])
    with style():
        left, width, height = extent(strips, scale)
        top = MARGIN + (0.24 if title else 0) + (0.2 if columns else 0)
        figure = new_figure(left + width + MARGIN, top + height + MARGIN)
        first = draw_rows(figure, strips, left, top, scale)
        for column, heading in enumerate(columns or ()):
            first.text(
                column_width * column + (column_width - 2) / 2, -3, heading,
                ha="center", va="bottom", size="small",
            )  # fmt: skip
        if title:
            place = (left / figure.get_figwidth(), 1 - 0.1 / figure.get_figheight())
            figure.text(*place, title, ha="left", va="top", size="large", weight="bold")
        return saved(figure, path)
