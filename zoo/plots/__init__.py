"""Pictures and charts in one style, for reports, model cards and notebooks.

Each function returns a ``matplotlib.figure.Figure`` and, given a path, saves it there as well; ``animation`` writes a
GIF. The colours are those that colour-blind readers tell apart. Matplotlib is imported on first use and drawn off
screen: no window, no global state.
"""

from zoo.plots.audio import spectrograms
from zoo.plots.charts import curves, error_by_code, lines, rate_distortion, scores, speeds
from zoo.plots.films import animation
from zoo.plots.maps import code_map
from zoo.plots.pictures import image_grid, image_rows, mosaic, reconstructions, traversals
from zoo.plots.prose import texts
from zoo.plots.style import BLUE, GREEN, PALETTE, SKY, VERMILION, YELLOW, to_bytes
from zoo.plots.tables import cells
from zoo.plots.weights import chosen_pixels, filters, matrices

__all__ = [
    "BLUE",
    "GREEN",
    "PALETTE",
    "SKY",
    "VERMILION",
    "YELLOW",
    "animation",
    "cells",
    "chosen_pixels",
    "code_map",
    "curves",
    "error_by_code",
    "filters",
    "image_grid",
    "image_rows",
    "lines",
    "matrices",
    "mosaic",
    "rate_distortion",
    "reconstructions",
    "spectrograms",
    "scores",
    "speeds",
    "texts",
    "to_bytes",
    "traversals",
]
