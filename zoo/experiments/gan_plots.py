"""The figures of the experiments on GANs, in the style of ``zoo.plots``, whose general ones serve other results too."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.plots.pictures import mosaic, show
from zoo.plots.style import BLUE, GREEN, VERMILION, new_figure, saved, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#222222"
# Colour and marker, of series in their order.
SERIES = ((BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), (INK, "D"))
LABELS = {
    "minimax": "minimax, log(1 − σ(D))",
    "non_saturating": "non-saturating, −log σ(D)",
    "wasserstein": "critic, −D, gradient penalty",
    "forward_kl": "KL(p ‖ q)",
    "reverse_kl": "KL(q ‖ p)",
    "jensen_shannon": "Jensen-Shannon",
}
# Of counts: white for none.
HEAT = "Blues"


def generator_gradients(result: Mapping[str, Any], path: str | os.PathLike | None = None) -> "Figure":
    """Draws the result of the experiment of that name: median over the seeds as a line, their range as a band."""
    with style():
        figure = new_figure(9.4, 3.9, layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
        steps = np.array(result["steps"])
        for (name, norms), (colour, marker) in zip(result["norms"].items(), SERIES, strict=False):
            _band(left, steps, np.array(norms), colour, marker, LABELS[name], logarithmic=True)
        left.set_yscale("log")
        left.set(title="gradient that reaches the generator", ylabel="norm, all weights")
        left.legend(loc="lower left")
        _band(right, steps, 100 * np.array(result["accuracy"]), INK, "D", None)
        right.set(title="the discriminator's accuracy", ylabel="%", ylim=(None, 102))
        for axes in (left, right):
            axes.set_xscale("symlog", base=2, linthresh=1, linscale=0.5)
            ticks = [0, *(4**i for i in range(int(np.log2(max(steps[-1], 2))) // 2 + 1))]
            axes.set_xticks(ticks, [str(tick) for tick in ticks])
            axes.set_xticks([], minor=True)
            axes.set(xlabel="steps of the discriminator alone", xlim=(-0.1, steps[-1] * 1.3))
        return saved(figure, path)


def fit_one_gaussian(result: Mapping[str, Any], path: str | os.PathLike | None = None) -> "Figure":
    """Draws the result of the experiment of that name: a panel for each divergence, other local minima dotted."""
    with style():
        figure = new_figure(9.4, 5.2, layout="constrained")
        x, target = np.array(result["x"]), np.array(result["target"])
        shown = target > 1e-4 * target.max()
        low, high = x[shown][[0, -1]]
        for axes, (name, fit) in zip(
            np.ravel(figure.subplots(2, 2, sharex=True, sharey=True)), result["fits"].items(), strict=True
        ):
            axes.fill_between(x, target, color="#c9c9c9", linewidth=0, label="p, the mixture")
            for index, (mean, sigma, _) in enumerate(fit["minima"][1:]):
                density = np.exp(-0.5 * ((x - mean) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
                axes.plot(x, density, ":", color=VERMILION, linewidth=1.3, label="" if index else "other local minima")
            axes.plot(x, fit["density"], color=BLUE, label="q, one Gaussian")
            unit, mean = "" if name == "wasserstein" else " nats", f"{fit['mean']:.2f}".replace("-0.00", "0.00")
            mean = mean.replace("-", "−")
            label = LABELS[name] if name != "wasserstein" else "Wasserstein-1"
            axes.set_title(f"{label} = {fit['value']:.3f}{unit}: mean {mean}, σ {fit['sigma']:.2f}", loc="left")
            axes.set_xlim(low - 0.5, high + 0.5)
        for axes in figure.axes[::2]:
            axes.set_ylabel("density")
        for axes in figure.axes[2:]:
            axes.set_xlabel("x")
        most = max(figure.axes, key=lambda axes: len(axes.get_legend_handles_labels()[1]))
        figure.legend(*most.get_legend_handles_labels(), loc="outside lower center", ncols=3)
        return saved(figure, path)


def separating_distributions(result: Mapping[str, Any], path: str | os.PathLike | None = None) -> "Figure":
    """Draws the result of the experiment of that name: the divergences, and their slopes."""
    with style():
        figure = new_figure(9.4, 3.7, layout="constrained")
        values, slopes = figure.subplots(1, 2)
        theta = np.array(result["distances"])
        series = (
            ("gaussians", "wasserstein", "Wasserstein-1: both pairs", BLUE, "-"),
            ("gaussians", "jensen_shannon", "Jensen-Shannon: Gaussians", VERMILION, "--"),
            ("lines", "jensen_shannon", "Jensen-Shannon: parallel lines", GREEN, "-."),
        )
        for pair, name, label, colour, line in series:
            values.plot(theta, result[pair][name], line, color=colour, label=label)
            slopes.plot(theta, _positive(result[pair][f"{name}_slope"]), line, color=colour, label=label)
        values.axhline(np.log(2), color=INK, linewidth=0.8, linestyle=":", zorder=1)
        values.text(theta[-1], np.log(2) * 0.97, "log 2", ha="right", va="top", color=INK)
        values.set(title="divergence", ylabel="nats; the distance in units of θ", ylim=(0, 2.0))
        values.set_xlim(0, min(theta[-1], 8 * result["sigma"]))
        slopes.set(title="slope by θ: what a generator would follow", ylabel="slope", ylim=(1e-12, 10), yscale="log")
        slopes.text(0.04, 0.06, "of parallel lines: 0 at every θ", transform=slopes.transAxes, color=GREEN)
        values.texts[0].set_position((values.get_xlim()[1], np.log(2) * 0.97))
        for axes in (values, slopes):
            axes.set_xlabel(f"distance θ (σ = {result['sigma']:g})")
        values.legend(loc="upper right", bbox_to_anchor=(1.0, 0.9))
        return saved(figure, path)


def modes_over_time(result: Mapping[str, Any], path: str | os.PathLike | None = None) -> "Figure":
    """Draws the result of the experiment of that name, a row for each kind of GAN.

    From left to right: captured modes, and the share of high quality, of every seed; samples by mode over time, of the
    first seed, where a mode that is lost ends a stripe; and the last samples of that seed.
    """
    from matplotlib.colors import PowerNorm

    runs, steps = result["models"], np.array(result["steps"])
    with style():
        figure = new_figure(11.5, 0.6 + 2.75 * len(runs), layout="constrained")
        grid = figure.subplots(len(runs), 3, width_ratios=(1.25, 1.6, 1), squeeze=False)
        centres = np.array(result["centres"])
        extent = 1.25 * np.abs(centres).max()
        for row, (name, seeds) in enumerate(runs.items()):
            over, strip, scatter = grid[row]
            for index, run in enumerate(seeds):
                first = index == 0
                look = {"linewidth": 1.8 if first else 1.0, "alpha": 1.0 if first else 0.6}
                over.plot(
                    steps, 100 * np.array(run["modes"]) / result["of"], color=BLUE,
                    label=f"modes captured, of {result['of']}" if first else None, **look,
                )  # fmt: skip
                over.plot(
                    steps, 100 * np.array(run["high_quality"]), "--", color=VERMILION,
                    label="samples of high quality" if first else None, **look,
                )  # fmt: skip
            over.set(ylabel=f"{name}\n%", ylim=(0, 103), xlim=(0, steps[-1]))
            first = seeds[0]
            share = 100 * np.array(first["counts"]) / result["drawn"]
            even = 100 / result["of"]
            scale = PowerNorm(0.5, 0, 2 * even)  # by the root, so that a mode that is hardly captured shows
            picture = strip.pcolormesh(steps, np.arange(result["of"]), share.T, cmap=HEAT, norm=scale)
            strip.set(ylabel="mode")
            strip.yaxis.get_major_locator().set_params(integer=True)
            strip.grid(False)
            figure.colorbar(picture, ax=strip, label="% of samples", extend="max", pad=0.01)
            _scatter(scatter, centres, first["samples"], extent)
            scatter.set_title(f"{first['modes'][-1]} of {result['of']}", loc="right", weight="normal")
        grid[0, 0].set_title("every seed; the first one bold")
        grid[0, 1].set_title("samples by mode, first seed")
        grid[0, 2].set_title("last samples", loc="left")
        for axes in grid[-1, :2]:
            axes.set_xlabel("steps of the generator")
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower left", ncols=2)
        return saved(figure, path)


def clipping_capacity(result: Mapping[str, Any], path: str | os.PathLike | None = None) -> "Figure":
    """Draws the result of the experiment of that name.

    Above: surfaces of the critics with the smallest constant, the best one by what it finds of the distance, the
    largest one, and the one with gradient penalty. Below: slopes, and what is found of the distance, against c;
    gradients by layer; weights.
    """
    clipped = [critic for critic in result["critics"] if critic["clip"]]
    (penalised,) = (critic for critic in result["critics"] if not critic["clip"])
    best = max(clipped[1:-1] or clipped, key=lambda critic: critic["share"])
    shown = list({id(critic): critic for critic in (clipped[0], best, clipped[-1], penalised)}.values())
    with style():
        figure = new_figure(11.5, 6.4, layout="constrained")
        above, below = figure.subplots(2, 4)
        extent, real = result["extent"], np.array(result["real"])
        for axes in above[len(shown) :]:
            axes.set_visible(False)
        for axes, critic in zip(above, shown, strict=False):
            surface = np.array(critic["surface"])
            across = np.linspace(-extent, extent, len(surface))
            if np.ptp(surface):
                axes.contourf(across, across, surface, 14, cmap="cividis")
            axes.plot(*real.T, ".", color="white", markeredgecolor=INK, markeredgewidth=0.4, markersize=3.5)
            axes.set(xticks=[], yticks=[], aspect="equal", xlim=(-extent, extent), ylim=(-extent, extent))
            axes.grid(False)
            scores = f"{surface.min():.2g} … {surface.max():.2g}" if np.ptp(surface) else f"all {surface.min():.2g}"
            axes.set_title(f"{_critic(critic)}\nscores {scores.replace('-', '−')}", weight="normal")
        slopes, share, gradients, weights = below
        constants = [critic["clip"] for critic in clipped]
        slopes.plot(
            constants, _positive([critic["mean_slope"] for critic in clipped]), "o-", color=BLUE, label="clipped"
        )
        slopes.axhline(penalised["mean_slope"], color=VERMILION, linestyle="--", label="gradient penalty")
        slopes.set(title="mean slope", xlabel="clipping constant c", xscale="log", yscale="log")
        slopes.legend(loc="lower right")
        share.plot(constants, [100 * critic["share"] for critic in clipped], "o-", color=BLUE)
        share.axhline(100 * penalised["share"], color=VERMILION, linestyle="--")
        share.set(title="found of the distance, %", xlabel="clipping constant c", xscale="log", ylim=(0, 100))
        for critic, (colour, marker) in zip(
            shown, (SERIES[0], SERIES[2], SERIES[3], SERIES[1])[-len(shown) :], strict=True
        ):
            colour, marker = SERIES[1] if critic is penalised else (colour, marker)
            norms = critic["gradient_norms"]
            gradients.plot(
                np.arange(1, len(norms) + 1), _positive(norms), color=colour, marker=marker, label=_critic(critic)
            )
            edges = np.array(critic["weights"]["edges"])
            share_of = 100 * np.array(critic["weights"]["counts"]) / sum(critic["weights"]["counts"])
            line = "--" if critic is penalised else "-"
            weights.plot((edges[1:] + edges[:-1]) / 2 / edges[-1], _positive(share_of), line, color=colour)
        gradients.set(title="gradient by layer", xlabel="hidden layer, from the input", yscale="log")
        gradients.xaxis.get_major_locator().set_params(integer=True)
        weights.set(title="weights, %", xlabel="weight / bound (c, or the largest)", yscale="log")
        figure.legend(*gradients.get_legend_handles_labels(), loc="outside lower right", ncols=4)
        return saved(figure, path)


def discriminator_steps(result: Sequence[Mapping[str, Any]], path: str | os.PathLike | None = None) -> "Figure":
    """Draws the result of the experiment of that name: the mean over the seeds as a line, every seed as a point."""
    panels = (
        ("modes", "modes captured", 1),
        ("high_quality", "samples of high quality, %", 100),
        ("earth_mover_distance", "earth mover distance", 1),
        ("seconds", "seconds of training", 1),
    )
    ks = sorted({row["k"] for row in result})
    with style():
        figure = new_figure(11.5, 3.4, layout="constrained")
        for axes, (key, title, factor) in zip(figure.subplots(1, len(panels)), panels, strict=True):
            for equal, (colour, marker) in zip(("generator steps", "discriminator steps"), SERIES, strict=False):
                rows = [row for row in result if row["equal"] == equal and row[key] is not None]
                axes.plot(
                    [row["k"] for row in rows], [factor * row[key] for row in rows], marker, color=colour, alpha=0.35,
                    markeredgecolor="none",
                )  # fmt: skip
                means = [[factor * row[key] for row in rows if row["k"] == k] for k in ks]
                axes.plot(
                    ks, [np.mean(m) if m else np.nan for m in means], color=colour, marker=marker,
                    linestyle="-" if equal == "generator steps" else "--", label=f"equal {equal}",
                )  # fmt: skip
            axes.set(title=title, xlabel="k", ylim=(0, None))
            axes.xaxis.get_major_locator().set_params(integer=True)
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        return saved(figure, path)


def benchmark_modes(result: Mapping[str, Any], path: str | os.PathLike | None = None) -> "Figure":
    """Draws the result of ``benchmark_modes``: modes over time, and what each seed makes at the end."""
    seeds = result["seeds"]
    with style():
        across = 1 + len(seeds)
        columns = min(across, 4)
        rows = -(-across // columns)
        figure = new_figure(2.9 * columns, 0.3 + 2.9 * rows, layout="constrained")
        over, *others = np.ravel(figure.subplots(rows, columns, squeeze=False))
        for index, run in enumerate(seeds):
            colour, marker = SERIES[index % len(SERIES)]
            over.plot(
                result["steps"], run["modes_over_time"], color=colour, marker=marker, alpha=0.8,
                label=f"seed {run['seed']}", linestyle=("-", "--", ":")[index // len(SERIES) % 3],
            )  # fmt: skip
        over.axhline(result["of"], color=INK, linewidth=0.8, linestyle=":")
        over.set(title=f"modes, of {result['of']}", xlabel="steps of the generator", ylim=(0, 1.06 * result["of"]))
        over.legend(loc="best")
        for axes in others[len(seeds) :]:
            axes.set_visible(False)
        for axes, run in zip(others, seeds, strict=False):
            found = f"{run['modes']} modes"
            if "centres" in result:
                centres = np.array(result["centres"])
                _scatter(axes, centres, run["examples"], 1.25 * np.abs(centres).max())
                found += f", {100 * run['high_quality']:.1f} % good"
            else:
                images = np.array(run["examples"], np.uint8)
                side = int(np.sqrt(len(images)))
                show(axes, mosaic(images[: side * side], side))
            axes.set_title(f"seed {run['seed']}: {found}", weight="normal")
        figure.suptitle(f"{result['model']} on {result['data']}", weight="bold")
        return saved(figure, path)


def opinions(
    panels: Mapping[str, np.ndarray],
    path: str | os.PathLike | None = None,
    *,
    extent: float,
    points: Mapping[str, np.ndarray] | None = None,
) -> "Figure":
    """Draws what discriminators of points take for real, a panel each, with points on top.

    Args:
        panels: heading → probabilities of being real ``(side, side)``, a row for each y, over the square from −extent
            to extent.
        path: to save to.
        extent: of the square.
        points: label → ``(n, 2)``, the same in every panel.

    Raises:
        ValueError: if there are no panels, or the path cannot be written.
    """
    if not panels:
        raise ValueError("panels must hold at least one discriminator: received none.")
    with style():
        figure = new_figure(3.4 * len(panels) + 1.0, 3.9, layout="constrained")
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (heading, surface) in zip(grid, panels.items(), strict=True):
            picture = axes.imshow(
                surface, origin="lower", cmap="cividis", vmin=0, vmax=1, extent=(-extent, extent, -extent, extent)
            )
            for (label, members), (_, marker), colour in zip(
                (points or {}).items(), SERIES, ("white", VERMILION, GREEN, INK), strict=False
            ):
                axes.plot(
                    *np.asarray(members).T, marker, color=colour, markeredgecolor=INK, markeredgewidth=0.4,
                    markersize=3.2, linestyle="none", label=label,
                )  # fmt: skip
            axes.set(title=heading, xticks=[], yticks=[], xlim=(-extent, extent), ylim=(-extent, extent))
            axes.grid(False)
        figure.colorbar(picture, ax=list(grid), label="probability of being real", shrink=0.8)
        if points:
            figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(points))
        return saved(figure, path)


def _band(axes: "Axes", x, values: np.ndarray, colour, marker, label, logarithmic: bool = False) -> None:
    """Median of rows as a line, their range as a band."""
    values = np.where(values > 0, values, np.nan) if logarithmic else values
    with np.errstate(all="ignore"):
        axes.fill_between(x, np.nanmin(values, 0), np.nanmax(values, 0), color=colour, alpha=0.18, linewidth=0)
        axes.plot(x, np.nanmedian(values, 0), color=colour, marker=marker, label=label)


def _scatter(axes: "Axes", centres: np.ndarray, samples, extent: float) -> None:
    samples = np.array(samples).reshape(-1, 2)
    axes.plot(*centres.T, "+", color=VERMILION, markersize=9, markeredgewidth=0.9)
    axes.plot(*samples.T, ".", color=BLUE, markersize=1.6, alpha=0.5)
    axes.set(xlim=(-extent, extent), ylim=(-extent, extent), xticks=[], yticks=[], aspect="equal")
    axes.grid(False)


def _critic(critic: Mapping[str, Any]) -> str:
    return f"c = {critic['clip']:g}" if critic["clip"] else "gradient penalty"


def _positive(values) -> np.ndarray:
    """For a logarithmic axis, which has no place for zeros."""
    values = np.array(values, float)
    return np.where(values > 0, values, np.nan)
