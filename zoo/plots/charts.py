"""Charts of numbers: training curves, error by the length of a code, rate and distortion."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from zoo.plots.style import BLUE, GREEN, MARKERS, PALETTE, SKY, VERMILION, YELLOW, new_figure, saved, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
    with style():
        figure = new_figure(3.6 * len(metrics), 2.9, layout="constrained")
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
        return saved(figure, path)


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
    with style():
        figure = new_figure(5.4, 3.6, layout="constrained")
        axes = figure.subplots()
        axes.plot(lengths, errors, "o", color=BLUE, alpha=0.6, label="a model")
        axes.plot(list(best), list(best.values()), "-*", color=VERMILION, markersize=11, label="the best of its length")
        axes.set_xscale("log", base=2)
        axes.set_xticks(list(best), [f"{length:g}" for length in best])
        axes.set_xticks([], minor=True)
        axes.set(xlabel="numbers in the code", ylabel="validation MSE", ylim=(0, None), title=title or "")
        axes.legend()
        return saved(figure, path)


def rate_distortion(
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]],
    path: str | os.PathLike | None = None,
    *,
    psnr_range: tuple[float, float],
    dark: bool = False,
) -> "Figure":
    """Draws PSNR against rate, one panel a way of storing the images; up and to the left is better.

    Args:
        panels: heading → series → points ``(bits per pixel, dB)``. The first series is the codec in question and
            stands out.
        path: to save to.
        psnr_range: of the vertical axis, dB.
        dark: whether the figure is for dark ground.

    Raises:
        ValueError: if the path cannot be written.
    """
    with style(dark):
        figure = new_figure(8.6, 3.9, layout="constrained")
        grid = np.ravel(figure.subplots(1, len(panels), sharey=True))
        ink = grid[0].xaxis.label.get_color()
        colours = [VERMILION, SKY if dark else BLUE, GREEN, ink, YELLOW, PALETTE[5]]
        for axes, (heading, series) in zip(grid, panels.items(), strict=True):
            for index, (label, points) in enumerate(series.items()):
                rates, decibels = np.transpose(sorted(points))
                first = index == 0
                axes.plot(
                    rates, decibels, label=label, color=colours[index % len(colours)],
                    marker="*" if first else MARKERS[(index - 1) % len(MARKERS)],
                    markersize=5 if not first else 17 if len(points) < 5 else 11, zorder=3 if first else 2,
                    markeredgecolor=axes.get_facecolor() if first else "none",
                )  # fmt: skip
            axes.set_title(heading, loc="left")
            axes.set_xscale("log")
            axes.set(xlabel="bits per pixel", ylim=psnr_range)
            _log_ticks(axes, psnr_range)
        grid[0].set_ylabel("PSNR, dB")
        grid[0].legend(loc="upper left", borderaxespad=0.2)
        return saved(figure, path)


def lines(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    path: str | os.PathLike | None = None,
    *,
    x_label: str,
    y_label: str,
    title: str | None = None,
    log_x: bool = False,
    log_y: bool = False,
) -> "Figure":
    """Draws series as lines on common axes, in a colour and with a marker of its own each.

    Args:
        series: label → values along the horizontal and along the vertical axis, equally many.
        path: to save to.
        x_label, y_label: of the axes, with units.
        title: above the axes.
        log_x, log_y: whether an axis is logarithmic; what is not positive then has no place on it.

    Raises:
        ValueError: if there are no series, a series' two parts differ in length, or the path cannot be written.
    """
    if not series:
        raise ValueError("series must hold at least one line: received none.")
    for label, (x, y) in series.items():
        if len(x) != len(y):
            raise ValueError(f"series must have a value for each position: {label!r} has {len(x)} and {len(y)}.")
    with style():
        figure = new_figure(6.4, 3.8, layout="constrained")
        axes = figure.subplots()
        for index, (label, (x, y)) in enumerate(series.items()):
            axes.plot(
                x, y, color=PALETTE[index % len(PALETTE)], marker=MARKERS[index % len(MARKERS)],
                markevery=max(1, len(x) // 12), label=label,
            )  # fmt: skip
        axes.set(xlabel=x_label, ylabel=y_label, title=title or "")
        if log_x:
            axes.set_xscale("log")
        elif all(float(value).is_integer() for x, _ in series.values() for value in x):
            axes.xaxis.get_major_locator().set_params(integer=True)  # pyright: ignore[reportCallIssue] - of MaxNLocator
        if log_y:
            axes.set_yscale("log")
        if any(series):
            axes.legend()
        return saved(figure, path)


def scores(
    groups: Mapping[str, Sequence[float]],
    path: str | os.PathLike | None = None,
    *,
    threshold: float,
    title: str | None = None,
) -> "Figure":
    """Draws how the scores of groups of examples are distributed, as shares, and the threshold.

    Args:
        groups: label → scores.
        path: to save to.
        threshold: beyond which an example does not fit.
        title: above the axes.

    Raises:
        ValueError: if there are no groups, one is empty, or the path cannot be written.
    """
    if not groups or not all(map(len, groups.values())):
        raise ValueError("groups must hold at least one group of scores, and none that is empty.")
    everything = np.concatenate([np.asarray(values, float) for values in groups.values()])
    # What lies far out shares the last bin: it would press all others into a few.
    high = max(np.quantile(everything, 0.98), threshold + (threshold - everything.min()))
    bins = np.linspace(everything.min(), max(high, everything.min() + 1e-9), 51)
    with style():
        figure = new_figure(6.4, 3.6, layout="constrained")
        axes = figure.subplots()
        for index, (label, values) in enumerate(groups.items()):
            values = np.minimum(np.asarray(values, float), bins[-1])
            axes.hist(
                values, bins, weights=np.full(len(values), 100 / len(values)), alpha=0.6,
                color=(BLUE, VERMILION, GREEN)[index % 3], label=f"{label} ({len(values):,})",
            )  # fmt: skip
        axes.axvline(threshold, color=axes.xaxis.label.get_color(), linestyle="--", label="threshold")
        axes.set(xlabel="score: the higher, the less it fits", ylabel="share, %", title=title or "")
        axes.legend()
        return saved(figure, path)


def speeds(panels: Mapping[str, Sequence[Mapping]], path: str | os.PathLike | None = None) -> "Figure":
    """Draws images a second as bars, one panel a net, the fastest on top; what is chosen stands out.

    Args:
        panels: net → rows of ``zoo.experiments.benchmark_training``.
        path: to save to.

    Raises:
        ValueError: if there are no panels, or the path cannot be written.
    """
    if not panels:
        raise ValueError("panels must hold at least one net: received none.")
    with style():
        sizes = [len(rows) for rows in panels.values()]
        figure = new_figure(7.4, 0.6 * len(panels) + 0.3 * sum(sizes), layout="constrained")
        grid = np.ravel(figure.subplots(len(panels), 1, height_ratios=sizes))
        for axes, (name, rows) in zip(grid, panels.items(), strict=True):
            rows = sorted(rows, key=lambda row: row["images_a_second"])
            labels = [
                row["software"]
                + (", XLA" if row["jit_compile"] else "")
                + (f", {row['steps_per_execution']} steps at once" if row["steps_per_execution"] > 1 else "")
                for row in rows
            ]
            values = [row["images_a_second"] for row in rows]
            colours = [VERMILION if row["chosen"] else BLUE for row in rows]
            bars = axes.barh(range(len(rows)), values, color=colours, height=0.7)
            axes.bar_label(bars, [f"{value:,.0f}" for value in values], padding=3)
            axes.set_yticks(range(len(rows)), labels)
            axes.set_title(name, loc="left")
            axes.set_xlim(0, 1.15 * values[-1])
            axes.grid(visible=False)
        grid[-1].set_xlabel("images a second")
        return saved(figure, path)


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
