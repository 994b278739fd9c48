"""Maps of codes; ``zoo.maps`` makes those that a browser zooms."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from zoo.plots.style import MARKERS, PALETTE, new_figure, saved, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    with style():
        figure = new_figure(5.4, 5.0, layout="constrained")
        axes = figure.subplots()
        for index, label in enumerate(dict.fromkeys(sorted(of_label))):
            members = points[of_label == label]
            axes.plot(
                members[:, 0], members[:, 1], MARKERS[index % len(MARKERS)], color=PALETTE[index % len(PALETTE)],
                markersize=1.6, markeredgewidth=0, alpha=0.6,
            )  # fmt: skip
        for label in dict.fromkeys(of_label) if labels is not None else ():
            place = np.median(points[of_label == label], axis=0)
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1}
            axes.text(
                float(place[0]), float(place[1]), label, ha="center", va="center", size="small", weight="bold", bbox=box
            )
        axes.set(xticks=[], yticks=[], title=title or "")
        axes.set_aspect("equal", adjustable="datalim")  # the frame is filled, whatever shape the map has
        axes.spines[:].set_visible(False)
        return saved(figure, path)
