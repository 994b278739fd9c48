"""What is claimed of GANs, as experiments: a file of figures and a plot for each."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from zoo import data
from zoo.experiments import gan_plots
from zoo.experiments.critics import clipping_capacity, generator_gradients
from zoo.experiments.divergences import check_counts, fit_one_gaussian, separating_distributions
from zoo.experiments.modes import discriminator_steps, modes_over_time
from zoo.experiments.output import made, write
from zoo.experiments.protocols import benchmark_modes, settings_of


@dataclasses.dataclass(frozen=True)
class Experiment:
    """An experiment, its figure, and what there is to say of its result.

    Attributes:
        run: function of keywords, ``progress`` among them, to JSON-able results.
        plot: function of the results and a path.
        rows: function of the results to what is printed, a few rows of figures.
        quick: arguments for a run of a minute or two, which shows the same in less detail.
        seeded: whether it takes ``seeds``.
    """

    run: Callable[..., Any]
    plot: Callable[..., Any]
    rows: Callable[[Any], list[dict[str, Any]]]
    quick: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    seeded: bool = False


def benchmark_gans(
    output: str | os.PathLike,
    *,
    only: Iterable[str] = (),
    quick: bool = False,
    seeds: int | None = None,
    progress: Any = None,
) -> dict[str, list[dict[str, Any]]]:
    """Runs the experiments on GANs, and writes ``NAME.json`` and ``NAME.png`` of each into a folder.

    Args:
        output: the folder; made if need be.
        only: names of ``EXPERIMENTS``; none for all.
        quick: less training, fewer seeds, and nine wide modes instead of 25: minutes instead of hours.
        seeds: of the experiments that train GANs; None for their own number.
        progress: a started ``rich.progress.Progress`` to report to.

    Returns:
        The main figures of each experiment, as rows; all of them are in the files.

    Raises:
        ValueError: for an unknown name, seeds below 1, or a folder that cannot be written.
    """
    names = list(only) or list(EXPERIMENTS)
    if unknown := [name for name in names if name not in EXPERIMENTS]:
        raise ValueError(f"only must be of {', '.join(EXPERIMENTS)}: received {', '.join(unknown)}.")
    if seeds is not None:
        check_counts(seeds=(seeds, 1))
    folder = made(output)
    figures = {}
    for name in dict.fromkeys(names):
        experiment = EXPERIMENTS[name]
        arguments = dict(experiment.quick) if quick else {}
        arguments |= {"seeds": seeds} if seeds is not None and experiment.seeded else {}
        result = experiment.run(**arguments, progress=progress)
        write(result, folder / f"{name}.json")
        experiment.plot(result, folder / f"{name}.png")
        figures[name] = experiment.rows(result)
    return figures


def write_modes(
    output: str | os.PathLike,
    data_name: str,
    model: str,
    *,
    seeds: int | None = None,
    progress: Any = None,
    **changes: Any,
) -> dict[str, Any]:
    """Runs ``benchmark_modes``, and writes ``MODEL_DATA.json`` and ``.png`` into a folder.

    Args:
        output: the folder; made if need be.
        data_name, model, seeds, progress, changes: of ``benchmark_modes``, whose result is returned.

    Raises:
        ValueError: as ``benchmark_modes``, or for a folder that cannot be written.
    """
    settings_of(data_name, model, **changes)  # complains before there is a folder
    if seeds is not None:
        check_counts(seeds=(seeds, 1))
    folder = made(output)
    result = benchmark_modes(data_name, model, seeds=seeds, progress=progress, **changes)
    write(result, folder / f"{model}_{data_name}.json")
    gan_plots.benchmark_modes(result, folder / f"{model}_{data_name}.png")
    return result


def _gradient_rows(result):
    import numpy as np

    return [
        {
            "loss": name,
            "norm before": float(np.median([seed[0] for seed in norms])),
            f"norm after {result['steps'][-1]} steps": float(np.median([seed[-1] for seed in norms])),
        }
        for name, norms in result["norms"].items()
    ]


def _fit_rows(result):
    return [
        {"divergence": name, **{key: fit[key] for key in ("mean", "sigma", "value")}}
        for name, fit in result["fits"].items()
    ]


def _separation_rows(result):
    picked = [0, len(result["distances"]) // 2, -1]
    return [
        {"distance": result["distances"][i], **{key: values[i] for key, values in result["gaussians"].items()}}
        for i in picked
    ]


def _modes_rows(result):
    return [
        {
            "model": name,
            "seed": run["seed"],
            "modes": run["modes"][-1],
            "of": result["of"],
            "most modes": max(run["modes"]),
            "high quality": run["high_quality"][-1],
            "seconds": run["seconds"],
        }
        for name, runs in result["models"].items()
        for run in runs
    ]


def _clipping_rows(result):
    keys = ("estimate", "mean_slope", "largest_slope", "share", "at_bound")
    return [
        {
            "critic": f"c = {critic['clip']:g}" if critic["clip"] else "gradient penalty",
            **{key: critic[key] for key in keys},
            "gradient, first over last layer": critic["gradient_norms"][0] / (critic["gradient_norms"][-1] or 1),
        }
        for critic in result["critics"]
    ]


# Nine wide modes, which small nets learn in a minute or fail at; the 25 narrow ones take most of an hour.
_NINE = {"mixture": data.grid(3, sigma=0.1), "units": (64, 64, 64), "batch_size": 128, "seeds": 1}

EXPERIMENTS = {
    "generator_gradients": Experiment(
        generator_gradients, gan_plots.generator_gradients, _gradient_rows, {"steps": 256, "seeds": 2}, seeded=True
    ),
    "fit_one_gaussian": Experiment(fit_one_gaussian, gan_plots.fit_one_gaussian, _fit_rows),
    "separating_distributions": Experiment(
        separating_distributions, gan_plots.separating_distributions, _separation_rows
    ),
    "modes_over_time": Experiment(
        modes_over_time,
        gan_plots.modes_over_time,
        _modes_rows,
        {"steps": 1500, "looks": 30, **_NINE},
        seeded=True,
    ),
    "clipping_capacity": Experiment(
        clipping_capacity,
        gan_plots.clipping_capacity,
        _clipping_rows,
        {"steps": 200, "constants": (0.001, 0.01, 0.1, 1.0)},
    ),
    "discriminator_steps": Experiment(
        discriminator_steps,
        gan_plots.discriminator_steps,
        lambda rows: rows,
        {"steps": 1200, "ks": (1, 2, 5), "samples": 2000, **_NINE},
        seeded=True,
    ),
}
