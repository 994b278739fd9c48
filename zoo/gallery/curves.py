"""The curves of a training, as lines for an SVG whose colours are the page's."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 300, 150  # of the plot itself, in units of the drawing


@dataclasses.dataclass(frozen=True)
class Panel:
    """One metric: training and validation over the epochs.

    Attributes:
        title: the metric.
        lines: (label, points as SVG writes them, number of epochs, first value, last value).
        ticks: (height in the drawing, value) of the vertical axis.
        epochs: of the horizontal axis.
    """

    title: str
    lines: list[tuple[str, str, float, float]]
    ticks: list[tuple[float, str]]
    epochs: int


def panels(history: Mapping[str, Sequence[float]]) -> list[Panel]:
    """A panel for each metric of a Keras history, ``val_`` beside training; values that are not finite are left out."""
    metrics = dict.fromkeys(name.removeprefix("val_") for name in history)
    found = (_panel(metric, history) for metric in metrics)
    return [panel for panel in found if panel]


def _panel(metric: str, history: Mapping[str, Sequence[float]]) -> Panel | None:
    series = {}
    for name, label in ((metric, "training"), (f"val_{metric}", "validation")):
        values = [(epoch, value) for epoch, value in enumerate(history.get(name, ())) if math.isfinite(value)]
        if values:
            series[label] = values
    if not series:
        return None
    epochs = max(epoch for values in series.values() for epoch, _ in values) + 1
    everything = [value for values in series.values() for _, value in values]
    ticks = _ticks(min(everything), max(everything))
    low, high = min(ticks[0], *everything), max(ticks[-1], *everything)

    def height(value: float) -> float:
        return round(HEIGHT * (high - value) / (high - low), 2)

    lines = []
    for label, values in series.items():
        points = " ".join(f"{WIDTH * epoch / max(1, epochs - 1):.1f},{height(value)}" for epoch, value in values)
        lines.append((label, points, values[0][1], values[-1][1]))
    return Panel(metric.replace("_", " "), lines, [(height(tick), f"{tick:g}") for tick in ticks], epochs)


def _ticks(low: float, high: float) -> list[float]:
    """Two to five round numbers between which all values lie, or nearly."""
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    rough = (high - low) / 3
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]
