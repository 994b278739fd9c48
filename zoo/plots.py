"""Pictures and charts in one style, for reports, model cards and notebooks.

Each function returns a ``matplotlib.figure.Figure`` and, given a path, saves it there as well. The
colours are Okabe and Ito's (2008), which colour-blind readers tell apart; marker shapes say the
same again. Matplotlib is imported on first use and drawn off screen: no window, no global state.
"""

import contextlib
import functools
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo import artifacts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito 2008, "Color Universal Design"; the sky's blue replaces the dark one on dark ground.
VERMILION, BLUE, SKY, GREEN, YELLOW = "#D55E00", "#0072B2", "#56B4E9", "#009E73", "#F0E442"
PALETTE = (BLUE, VERMILION, GREEN, "#E69F00", SKY, "#CC79A7", YELLOW, "#222222")  # theirs, for many kinds of points
_MARKERS = "osD^vP"
_DPI = 144
_MARGIN, _GAP = 0.12, 0.06  # inches around a figure, and between its rows


def mosaic(images: np.ndarray, columns: int | None = None, *, gap: int = 0, background: float = 0) -> np.ndarray:
    """Lays images out on a grid, row by row.

    Args:
        images: ``(n, height, width)`` or ``(n, height, width, 1)``, any dtype.
        columns: of the grid; None for the smallest one that makes it no taller than wide.
        gap: pixels between neighbours.
        background: value of the gaps and of empty cells.

    Returns:
        ``(rows * (height + gap) - gap, columns * (width + gap) - gap)``, of the same dtype.

    Raises:
        ValueError: if the images have another shape, or there are none.
    """
    images = _grey(images)
    number, height, width = images.shape
    columns = columns or int(np.ceil(np.sqrt(number)))
    rows = -(-number // columns)
    cells = np.full((rows * columns, height + gap, width + gap), background, images.dtype)
    cells[:number, :height, :width] = images
    picture = cells.reshape(rows, columns, height + gap, width + gap).swapaxes(1, 2)
    picture = picture.reshape(rows * (height + gap), columns * (width + gap))
    return picture[: picture.shape[0] - gap, : picture.shape[1] - gap]


def image_grid(
    images: np.ndarray,
    target: "str | os.PathLike | Axes | None" = None,
    *,
    columns: int | None = None,
    title: str | None = None,
    scale: int = 2,
) -> "Figure":
    """Draws grey images on one grid.

    Args:
        images: ``(n, height, width)`` or ``(n, height, width, 1)``, uint8 or float in [0, 1].
        target: a path to save to, or axes of the caller's to draw into.
        columns: of the grid; None for a grid that is about square.
        title: above the grid.
        scale: screen pixels an image pixel, where a figure of its own is drawn.

    Raises:
        ValueError: if the images have another shape or dtype, or the path cannot be written.
    """
    picture = mosaic(_unit(images), columns, gap=1, background=1.0)
    if hasattr(target, "imshow"):
        _show(target, picture)
        target.set_title(title or "")
        return target.figure
    with _style():
        height, width = (scale * side / _DPI for side in picture.shape)
        margin = 0.12
        top = 0.42 if title else margin
        figure = _figure(width + 2 * margin, height + margin + top)
        axes = figure.add_axes(_box(figure, margin, margin, width, height))
        _show(axes, picture)
        if title:
            axes.set_title(title, pad=8)
        return _saved(figure, target)


def image_rows(
    rows: Mapping[str, np.ndarray],
    path: str | os.PathLike | None = None,
    *,
    title: str | None = None,
    columns: Sequence[str] | None = None,
    scale: int = 3,
) -> "Figure":
    """Draws one labelled row of grey images for each entry, so that a column is one image's story.

    Args:
        rows: label → ``(n, height, width)`` or ``(n, height, width, 1)``, uint8 or float in [0, 1];
            all of one shape.
        path: to save to.
        title: above the rows.
        columns: n headings.
        scale: screen pixels an image pixel.

    Raises:
        ValueError: if there are no rows, their shapes differ, or the path cannot be written.
    """
    pictures = {label: _unit(images) for label, images in rows.items()}
    shapes = {images.shape for images in pictures.values()}
    if len(shapes) != 1:
        raise ValueError(f"rows must hold images of one shape: received {sorted(shapes)}.")
    number, _, column_width = shapes.pop()
    with _style():
        strips = {label: mosaic(images, number, gap=2, background=1.0) for label, images in pictures.items()}
        left, width, height = _extent(strips, scale)
        top = _MARGIN + (0.24 if title else 0) + (0.2 if columns else 0)
        figure = _figure(left + width + _MARGIN, top + height + _MARGIN)
        first = _draw_rows(figure, strips, left, top, scale)
        for column, heading in enumerate(columns or ()):
            first.text(
                (column_width + 2) * column + column_width / 2, -3, heading,
                ha="center", va="bottom", size="small",
            )  # fmt: skip
        if title:
            place = (left / figure.get_figwidth(), 1 - 0.1 / figure.get_figheight())
            figure.text(*place, title, ha="left", va="top", size="large", weight="bold")
        return _saved(figure, path)


def spectrograms(
    rows: Mapping[str, np.ndarray],
    path: str | os.PathLike | None = None,
    *,
    rate: int,
    title: str | None = None,
) -> "Figure":
    """Draws signals as spectrograms, one above the other, in dB below the strongest of the first one.

    Args:
        rows: label → samples ``(n,)``, of one length.
        path: to save to.
        rate: in Hz.
        title: above them.

    Raises:
        ValueError: if there are no rows, their lengths differ, or the path cannot be written.
    """
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    lengths = {len(samples) for samples in rows.values()}
    if len(lengths) != 1:
        raise ValueError(f"rows must hold signals of one length: received {sorted(lengths)}.")
    number, size = lengths.pop(), 256
    transform = ShortTimeFFT(hann(size, sym=False), size // 4, rate)
    power = {label: np.abs(transform.stft(np.asarray(samples, np.float64))) ** 2 for label, samples in rows.items()}
    top = max(float(next(iter(power.values())).max()), 1e-300)
    with _style():
        figure = _figure(7.2, 0.4 + 1.5 * len(rows), layout="constrained")
        grid = np.ravel(figure.subplots(len(rows), 1, sharex=True))
        for axes, (label, values) in zip(grid, power.items(), strict=True):
            decibel = 10 * np.log10(np.maximum(values / top, 1e-6))
            image = axes.imshow(
                decibel, origin="lower", aspect="auto", cmap="cividis", vmin=-60, vmax=0,
                extent=(*transform.extent(number)[:2], 0, rate / 2000),
            )  # fmt: skip
            axes.set(title=label, ylabel="kHz", xlim=(0, number / rate))
            axes.grid(False)
        grid[-1].set_xlabel("seconds")
        figure.colorbar(image, ax=list(grid), label="dB", shrink=0.8)
        if title:
            figure.suptitle(title, weight="bold")
        _saved(figure, path)
        if path is not None and Path(path).suffix.lower() == ".png":
            _with_palette(path)
        return figure


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

    grey = _unit(np.asarray(mean)[None])[0]
    picture = np.repeat(0.6 * grey[..., None] / (grey.max() or 1.0), 3, axis=-1)
    picture.reshape(-1, 3)[np.asarray(chosen)] = to_rgb(VERMILION)
    with _style():
        pictures = {label: _unit(images) for label, images in (rows or {}).items()}
        strips = {label: mosaic(images, len(images), gap=2, background=1.0) for label, images in pictures.items()}
        left, width, height = _extent(strips, scale) if strips else (_MARGIN, 0, 4 * scale * len(picture) / _DPI)
        side = height * picture.shape[1] / picture.shape[0]
        figure = _figure(_MARGIN + side + left + width + _MARGIN * bool(strips), height + 2 * _MARGIN)
        axes = figure.add_axes(_box(figure, _MARGIN, _MARGIN, side, height))
        _show(axes, picture)
        if strips:
            _draw_rows(figure, strips, _MARGIN + side + left, _MARGIN, scale)
        return _saved(figure, path)


def curves(
    history: Mapping[str, Sequence[float]],
    path: str | os.PathLike | None = None,
    *,
    title: str | None = None,
) -> "Figure":
    """Draws a training history, one panel a metric, validation beside training.

    Args:
        history: of Keras: metric → one value an epoch; ``val_loss`` shares the panel of ``loss``.
        path: to save to.
        title: above the panels.

    Raises:
        ValueError: if the history is empty, or the path cannot be written.
    """
    metrics = list(dict.fromkeys(name.removeprefix("val_") for name in history))
    if not metrics:
        raise ValueError("history must hold at least one metric: received none.")
    with _style():
        figure = _figure(3.6 * len(metrics), 2.9, layout="constrained")
        for axes, metric in zip(np.ravel(figure.subplots(1, len(metrics))), metrics, strict=True):
            for name, label, colour, marker in (
                (metric, "training", BLUE, "o"),
                (f"val_{metric}", "validation", VERMILION, "s"),
            ):
                if name in history:
                    epochs = np.arange(1, len(history[name]) + 1)
                    every = max(1, len(epochs) // 8)
                    axes.plot(
                        epochs, history[name], color=colour, marker=marker, markevery=every,
                        label=label,
                    )  # fmt: skip
            axes.set(title=metric.replace("_", " "), xlabel="epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.legend()
        if title:
            figure.suptitle(title, weight="bold")
        return _saved(figure, path)


def error_by_code(
    points: Sequence[tuple[int, float]],
    path: str | os.PathLike | None = None,
    *,
    title: str | None = None,
) -> "Figure":
    """Draws the error of many models against the length of their codes, with a line through the best of each length.

    Args:
        points: ``(length of the code, mean squared error)``, one a model.
        path: to save to.
        title: above the axes.

    Raises:
        ValueError: if there are no points, or the path cannot be written.
    """
    if not points:
        raise ValueError("points must hold at least one model: received none.")
    lengths, errors = np.transpose(points)
    best = {length: errors[lengths == length].min() for length in np.unique(lengths)}
    with _style():
        figure = _figure(5.4, 3.6, layout="constrained")
        axes = figure.subplots()
        axes.plot(lengths, errors, "o", color=BLUE, alpha=0.6, label="a model")
        axes.plot(list(best), list(best.values()), "-*", color=VERMILION, markersize=11, label="the best of its length")
        axes.set_xscale("log", base=2)
        axes.set_xticks(list(best), [f"{length:g}" for length in best])
        axes.set_xticks([], minor=True)
        axes.set(xlabel="numbers in the code", ylabel="validation MSE", ylim=(0, None), title=title or "")
        axes.legend()
        return _saved(figure, path)


def code_map(
    points: np.ndarray,
    path: str | os.PathLike | None = None,
    *,
    labels: Sequence[str] | None = None,
    title: str | None = None,
) -> "Figure":
    """Draws codes of two numbers as points, in a colour and a shape for each label, which stands at their median.

    Args:
        points: ``(n, 2)``.
        path: to save to.
        labels: n.
        title: above the map.

    Raises:
        ValueError: if the points have another shape, or the path cannot be written.
    """
    points = np.asarray(points)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(f"points must be (n, 2), n ≥ 1: received {points.shape}.")
    of_label = np.asarray(labels if labels is not None else [""] * len(points))
    with _style():
        figure = _figure(5.4, 5.0, layout="constrained")
        axes = figure.subplots()
        for index, label in enumerate(dict.fromkeys(sorted(of_label))):
            members = points[of_label == label]
            axes.plot(
                *members.T, _MARKERS[index % len(_MARKERS)], color=PALETTE[index % len(PALETTE)],
                markersize=1.6, markeredgewidth=0, alpha=0.6,
            )  # fmt: skip
        for label in dict.fromkeys(of_label) if labels is not None else ():
            place = np.median(points[of_label == label], axis=0)
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1}
            axes.text(*place, label, ha="center", va="center", size="small", weight="bold", bbox=box)
        axes.set(xticks=[], yticks=[], title=title or "")
        axes.set_aspect("equal", adjustable="datalim")  # the frame is filled, whatever shape the map has
        axes.spines[:].set_visible(False)
        return _saved(figure, path)


def rate_distortion(
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]],
    path: str | os.PathLike | None = None,
    *,
    psnr_range: tuple[float, float],
    dark: bool = False,
) -> "Figure":
    """Draws PSNR against rate, one panel a way of storing the images; up and to the left is better.

    Args:
        panels: heading → series → points ``(bits per pixel, dB)``. The first series, usually one
            point, is the codec in question and stands out.
        path: to save to.
        psnr_range: of the vertical axis, dB.
        dark: whether the figure is for dark ground.

    Raises:
        ValueError: if the path cannot be written.
    """
    with _style(dark):
        figure = _figure(8.6, 3.9, layout="constrained")
        grid = np.ravel(figure.subplots(1, len(panels), sharey=True))
        ink = grid[0].xaxis.label.get_color()
        colours = [VERMILION, SKY if dark else BLUE, GREEN, ink, YELLOW]
        for axes, (heading, series) in zip(grid, panels.items(), strict=True):
            for index, (label, points) in enumerate(series.items()):
                rates, decibels = np.transpose(sorted(points))
                first = index == 0
                axes.plot(
                    rates, decibels, label=label, color=colours[index % len(colours)],
                    marker="*" if first else _MARKERS[(index - 1) % len(_MARKERS)],
                    markersize=17 if first else 5, zorder=3 if first else 2,
                    markeredgecolor=axes.get_facecolor() if first else "none",
                )  # fmt: skip
            axes.set_title(heading, loc="left")
            axes.set_xscale("log")
            axes.set(xlabel="bits per pixel", ylim=psnr_range)
            _log_ticks(axes, psnr_range)
        grid[0].set_ylabel("PSNR, dB")
        grid[0].legend(loc="upper left", borderaxespad=0.2)
        return _saved(figure, path)


def to_bytes(figure: "Figure", file_format: str) -> bytes:
    """The figure as the bytes of a ``png`` or ``svg`` file; equal figures give equal bytes."""
    import matplotlib

    file = io.BytesIO()
    # SVG otherwise carries the date and random identifiers.
    metadata = {"Date": None} if file_format == "svg" else None
    with matplotlib.rc_context({"svg.hashsalt": "zoo"}):
        figure.savefig(file, format=file_format, dpi=_DPI, metadata=metadata)
    return file.getvalue()


@contextlib.contextmanager
def _style(dark: bool = False) -> Iterator[None]:
    import matplotlib

    ink, faint = ("#e6e6e6", "#4a4d52") if dark else ("#222222", "#d9d9d9")
    settings = {
        "axes.axisbelow": True,
        "axes.edgecolor": faint,
        "axes.facecolor": "#17191c" if dark else "white",
        "axes.grid": True,
        "axes.labelcolor": ink,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": "medium",
        "axes.titleweight": "bold",
        "figure.facecolor": "#17191c" if dark else "white",
        "font.family": "DejaVu Sans",
        "font.size": 9.5,
        "grid.color": faint,
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "lines.linewidth": 1.8,
        "lines.markersize": 4.5,
        "text.color": ink,
        "xtick.color": ink,
        "xtick.major.size": 0,
        "ytick.color": ink,
        "ytick.major.size": 0,
    }
    with matplotlib.rc_context(settings):
        yield


def _figure(width: float, height: float, **options) -> "Figure":
    """A figure of ``width`` × ``height`` inches that belongs to no window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, **options)
    FigureCanvasAgg(figure)
    # A notebook shows only pyplot's figures by itself.
    figure._repr_png_ = functools.partial(to_bytes, figure, "png")
    return figure


def _extent(strips: Mapping[str, np.ndarray], scale: int) -> tuple[float, float, float]:
    """In inches, what the labels of rows take to the left, and the width and height of the rows."""
    height, width = (scale * side / _DPI for side in next(iter(strips.values())).shape)
    labels = 0.085 * max(len(line) for label in strips for line in label.split("\n"))
    return _MARGIN + labels, width, len(strips) * (height + _GAP) - _GAP


def _draw_rows(figure: "Figure", strips: Mapping[str, np.ndarray], left: float, top: float, scale: int) -> "Axes":
    """Draws labelled rows below ``top`` and from ``left`` on, in inches; returns the axes of the first."""
    all_axes = []
    for index, (label, strip) in enumerate(strips.items()):
        height, width = (scale * side / _DPI for side in strip.shape)
        bottom = figure.get_figheight() - top - (index + 1) * height - index * _GAP
        axes = figure.add_axes(_box(figure, left, bottom, width, height))
        _show(axes, strip)
        axes.set_ylabel(label, rotation=0, ha="right", va="center", labelpad=6)
        all_axes.append(axes)
    return all_axes[0]


def _box(figure: "Figure", left: float, bottom: float, width: float, height: float) -> list[float]:
    """A rectangle in inches as fractions of the figure."""
    across, up = figure.get_figwidth(), figure.get_figheight()
    return [left / across, bottom / up, width / across, height / up]


def _show(axes: "Axes", picture: np.ndarray) -> None:
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="equal")
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(False)


def _log_ticks(axes: "Axes", psnr_range: tuple[float, float]) -> None:
    """Plain numbers on the rate axis, fewer where it is long, and limits that fit what the PSNR range leaves."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    points = np.concatenate([line.get_xydata() for line in axes.lines])
    rates = points[(points[:, 1] >= psnr_range[0]) & (points[:, 1] <= psnr_range[1]), 0]
    low, high = rates.min() / 1.25, rates.max() * 1.25
    steps = (1, 1.5, 2, 3, 5, 7) if high < 10 * low else (1, 2, 5)
    ticks = [m * 10.0**e for e in range(-4, 4) for m in steps]
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator([t for t in ticks if low <= t <= high]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _grey(images: np.ndarray) -> np.ndarray:
    """``images`` as ``(n, height, width)``."""
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim != 3 or not images.size:
        raise ValueError(f"images must be (n, height, width) or (n, height, width, 1), n ≥ 1: received {images.shape}.")
    return images


def _unit(images: np.ndarray) -> np.ndarray:
    """Grey images as floats in [0, 1]."""
    images = _grey(images)
    if images.dtype == np.uint8:
        return images / 255.0
    if images.dtype.kind != "f":
        raise ValueError(f"images must be uint8 or float in [0, 1]: received {images.dtype}.")
    return np.clip(images, 0.0, 1.0)


def _saved(figure: "Figure", path: str | os.PathLike | None) -> "Figure":
    if path is not None:
        path = Path(path)
        data = to_bytes(figure, path.suffix.lstrip(".").lower() or "png")
        with artifacts.atomic_write(path) as file:
            file.write(data)
    return figure


def _with_palette(path: str | os.PathLike) -> None:
    """A third of the bytes for a PNG whose many colours are those of one scale."""
    from PIL import Image

    with Image.open(path) as image:
        image.convert("RGB").quantize(128, Image.Quantize.MAXCOVERAGE).save(path, "PNG", optimize=True)
