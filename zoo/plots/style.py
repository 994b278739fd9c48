"""The one style of every figure: colours, fonts, and how a figure is made and saved.

The colours are Okabe and Ito's (2008), which colour-blind readers tell apart; marker shapes say the same again. Scales
are cividis, or run from blue over white to vermilion where a value has a sign. Matplotlib is imported on first use and
drawn off screen: no window, no global state.
"""

import contextlib
import functools
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.io import writing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe & Ito 2008, "Color Universal Design"; the sky's blue replaces the dark one on dark ground.
VERMILION, BLUE, SKY, GREEN, YELLOW = "#D55E00", "#0072B2", "#56B4E9", "#009E73", "#F0E442"
PALETTE = (BLUE, VERMILION, GREEN, "#E69F00", SKY, "#CC79A7", YELLOW, "#222222")  # theirs, for many kinds of points
MARKERS = "osD^vP"
SIGNED = (BLUE, "#ffffff", VERMILION)  # of values below 0, of 0, and of values above
DPI = 144
MARGIN, GAP = 0.12, 0.06  # inches around a figure, and between its rows


def to_bytes(figure: "Figure", file_format: str) -> bytes:
    """The figure as the bytes of a ``png`` or ``svg`` file; equal figures give equal bytes."""
    import matplotlib

    file = io.BytesIO()
    # SVG otherwise carries the date and random identifiers.
    metadata = {"Date": None} if file_format == "svg" else None
    with matplotlib.rc_context({"svg.hashsalt": "zoo"}):
        figure.savefig(file, format=file_format, dpi=DPI, metadata=metadata)
    return file.getvalue()


@contextlib.contextmanager
def style(dark: bool = False) -> Iterator[None]:
    """The settings that everything within is drawn with; ``dark`` for dark ground."""
    import matplotlib

    ink, faint = ("#e6e6e6", "#4a4d52") if dark else ("#222222", "#d9d9d9")
    settings: dict[Any, Any] = {
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


def new_figure(width: float, height: float, **options) -> "Figure":
    """A figure of ``width`` × ``height`` inches that belongs to no window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, **options)
    FigureCanvasAgg(figure)
    # A notebook shows only pyplot's figures by itself.
    vars(figure)["_repr_png_"] = functools.partial(to_bytes, figure, "png")
    return figure


def box(figure: "Figure", left: float, bottom: float, width: float, height: float) -> tuple[float, float, float, float]:
    """A rectangle in inches as fractions of the figure."""
    across, up = figure.get_figwidth(), figure.get_figheight()
    return left / across, bottom / up, width / across, height / up


def saved(figure: "Figure", path: str | os.PathLike | None) -> "Figure":
    """The figure, once it is in the file of that path, if there is one."""
    if path is not None:
        path = Path(path)
        data = to_bytes(figure, path.suffix.lstrip(".").lower() or "png")
        with writing.atomic_write(path) as file:
            file.write(data)
    return figure


def with_palette(path: str | os.PathLike) -> None:
    """A third of the bytes for a PNG whose many colours are those of one scale."""
    from PIL import Image

    with Image.open(path) as image:
        image.convert("RGB").quantize(128, Image.Quantize.MAXCOVERAGE).save(path, "PNG", optimize=True)
