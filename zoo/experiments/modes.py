"""How many modes of a known distribution a GAN captures: over time, by loss, by the discriminator's steps."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from zoo import data, evaluation, models, optimizers
from zoo.experiments.divergences import check_counts
from zoo.experiments.toy import fit_steps, looks_at, point_gan

# Points that the exact distance between two samples is taken of.
EARTH_MOVER_POINTS = 2000


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a GAN is trained in these experiments.

    Attributes:
        loss: by name.
        steps: of the generator.
        discriminator_steps: k.
        batch_size: examples for each step of the discriminator.
        units: widths of both perceptrons; of convolutional nets the filters, then the generator's dense layers.
        latent_dim: length of the noise.
        optimizer: ``adam`` or ``rmsprop``, of both players.
        learning_rate: of both players.
        discriminator_learning_rate: of the discriminator, where it is another one.
        decay: whether they fall to a tenth by half a cosine.
        betas: of Adam.
        gradient_penalty_weight, r1_weight, clip: see ``zoo.models.AdversarialModel``.
        ema: momentum of the average of the generator's weights that draws the samples; None for the weights themselves.
    """

    loss: str
    steps: int = 8000
    discriminator_steps: int = 2
    batch_size: int = 256
    units: tuple[int, ...] = (128, 128, 128)
    latent_dim: int = 2
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    discriminator_learning_rate: float | None = None
    decay: bool = True
    betas: tuple[float, float] = (0.0, 0.9)
    gradient_penalty_weight: float = 0.0
    r1_weight: float = 0.0
    clip: float | None = None
    ema: float | None = 0.999

    def compile(self, model: models.AdversarialModel) -> None:
        model.compile(
            self._optimizer(self.learning_rate, self.steps, self.ema),
            self._optimizer(
                self.discriminator_learning_rate or self.learning_rate, self.steps * self.discriminator_steps, None
            ),
            self.loss,
            self.discriminator_steps,
        )

    def _optimizer(self, rate: float, steps: int, ema: float | None) -> keras.optimizers.Optimizer:
        if self.decay:
            rate = keras.optimizers.schedules.CosineDecay(rate, steps, alpha=0.1)
        average = {"use_ema": True, "ema_momentum": ema} if ema else {}
        if self.optimizer == "rmsprop":
            return keras.optimizers.RMSprop(rate, **average)
        return optimizers.Adam(rate, beta_1=self.betas[0], beta_2=self.betas[1], **average)


# What ``modes_over_time`` compares: the same nets, budget and learning rates, and no average to hide what happens.
_EQUAL = {"decay": False, "ema": None, "units": (192,) * 5, "discriminator_learning_rate": 2e-3}
OVER_TIME = {
    "minimax GAN": Settings("minimax", **_EQUAL),
    "WGAN, clipped": Settings("wasserstein", clip=0.1, optimizer="rmsprop", **_EQUAL),
    "WGAN-GP": Settings("wasserstein", gradient_penalty_weight=0.2, **_EQUAL),
}


def modes_over_time(
    *,
    mixture: data.Mixture | None = None,
    settings: dict[str, Settings] = OVER_TIME,
    steps: int = 4000,
    seeds: int = 5,
    looks: int = 50,
    samples: int = 2500,
    units: Sequence[int] | None = None,
    batch_size: int | None = None,
    progress: Any = None,
) -> dict[str, Any]:
    """Which modes of a grid of 25 each kind of GAN captures, while it trains.

    Args:
        mixture: the real points; None for the grid of 25.
        settings: name → how it is trained.
        steps: of the generator, in place of the settings'.
        seeds: trainings of each.
        looks: how often samples are drawn, after step 0.
        samples: at each look, of one noise.
        units, batch_size: in place of the settings'.
        progress: a started ``rich.progress.Progress`` to report to.

    Returns:
        ``steps`` looked at, ``of`` how many modes, ``centres``, ``drawn`` samples at each look, ``least``, those of
        high quality that make a mode a captured one (a fifth of an even spread, at least 1), and ``models``: name → a
        dictionary for each seed: ``seed``, and by look ``modes``, ``high_quality`` and ``counts``, as of
        ``evaluation.mode_coverage``; ``seconds``; and ``samples``, up to 2,000 of the last look.

    Raises:
        ValueError: if a number is below 1.
    """
    check_counts(steps=(steps, 1), seeds=(seeds, 1), looks=(looks, 1), samples=(samples, 1))
    mixture = mixture or data.grid()
    least, at = max(1, samples // (5 * len(mixture.centres))), looks_at(steps, looks)
    changes = {"steps": steps, **_given(units, batch_size)}
    task = progress and progress.add_task("modes over time", total=len(settings) * seeds * len(at), status="")
    runs: dict[str, list[dict[str, Any]]] = {}
    for name, chosen in settings.items():
        runs[name] = []
        for seed in range(seeds):
            if progress:
                progress.update(task, description=f"{name}, seed {seed}")
            run: dict[str, Any] = {"seed": seed, "modes": [], "high_quality": [], "counts": []}

            def look(step, points, run=run):
                found = coverage(points, mixture, least=least)
                for key in ("modes", "high_quality", "counts"):
                    run[key].append(found[key])
                if progress:
                    progress.advance(task)

            chosen = dataclasses.replace(chosen, **changes)
            model, run["seconds"] = _train_points(chosen, mixture, seed, at=at, look=look, samples=samples)
            run["samples"] = plain(model.generate(min(samples, 2000), seed=seed))
            runs[name].append(run)
    centres = mixture.centres.tolist()
    return {"steps": at, "of": len(centres), "centres": centres, "drawn": samples, "least": least, "models": runs}


def discriminator_steps(
    *,
    mixture: data.Mixture | None = None,
    settings: Settings = OVER_TIME["WGAN-GP"],
    ks: Sequence[int] = range(1, 11),
    steps: int = 2000,
    seeds: int = 2,
    samples: int = 10_000,
    units: Sequence[int] | None = None,
    batch_size: int | None = None,
    progress: Any = None,
) -> list[dict[str, Any]]:
    """What k steps of the discriminator for each of the generator buy, and what they cost.

    Compared twice: after ``steps`` of the generator, for which a larger k takes k times as many of the discriminator;
    and after ``steps`` of the discriminator, of which the generator then had but ``steps / k``. Both are looks at one
    training, whose learning rate does not depend on how long it takes.

    Args:
        mixture: the real points; None for the grid of 25.
        settings: how the models are trained, but for k.
        ks: values of k.
        steps: the budget.
        seeds: trainings of each k.
        samples: that modes are counted among.
        units, batch_size: in place of the settings'.
        progress: a started ``rich.progress.Progress`` to report to.

    Returns:
        A row for every k, seed and budget: ``k``, ``seed``, ``equal`` (``generator steps`` or ``discriminator steps``),
        ``generator_steps``, ``modes``, ``high_quality``, ``earth_mover_distance`` between 2,000 samples and as many
        points of the mixture, and ``seconds`` of training up to there, but for the first step, which compiles.

    Raises:
        ValueError: if a number is below 1, or k above the steps.
    """
    check_counts(steps=(steps, 1), seeds=(seeds, 1), samples=(samples, 1))
    if not len(ks) or not all(isinstance(k, int) and 1 <= k <= steps for k in ks):
        raise ValueError(f"ks must be integers from 1 to steps, {steps}: received {list(ks)!r}.")
    mixture = mixture or data.grid()
    changes = {"steps": steps, "decay": False, **_given(units, batch_size)}
    task = progress and progress.add_task("discriminator steps", total=len(ks) * seeds, status="")
    rows = []
    for k in ks:
        chosen = dataclasses.replace(settings, discriminator_steps=k, **changes)
        budgets = {"generator steps": steps, "discriminator steps": max(1, steps // k)}
        for seed in range(seeds):
            seen: dict[int, dict[str, Any]] = {}

            def look(step, points, seconds, seen=seen, seed=seed):
                found = coverage(points, mixture)
                seen[step] = {"generator_steps": step, **{key: found[key] for key in ("modes", "high_quality")}}
                seen[step] |= {"earth_mover_distance": distance_to(points, mixture, seed), "seconds": seconds}

            _train_points(chosen, mixture, seed, at=budgets.values(), look=look, samples=samples, timed=True)
            rows += [{"k": k, "seed": seed, "equal": equal, **seen[step]} for equal, step in budgets.items()]
            if progress:
                progress.update(task, description=f"k = {k}, seed {seed}", advance=1)
    return rows


def _given(units: Sequence[int] | None, batch_size: int | None) -> dict[str, Any]:
    """The settings that a caller replaces."""
    return {
        **({"units": tuple(units)} if units else {}),
        **({"batch_size": batch_size} if batch_size is not None else {}),
    }


def coverage(points: np.ndarray, mixture: data.Mixture, least: int = 20) -> dict[str, Any]:
    """``evaluation.mode_coverage``, for which a generator that has diverged captures nothing instead of failing."""
    if np.isfinite(points).all():
        return evaluation.mode_coverage(points, mixture, least=least)
    modes = len(mixture.centres)
    return {"modes": 0, "of": modes, "high_quality": 0.0, "counts": [0] * modes, "kl": math.inf}


def point_model(settings: Settings, seed: int) -> models.GAN:
    """Perceptrons by the settings, not compiled."""
    return point_gan(
        seed=seed,
        hidden_units=settings.units,
        latent_dim=settings.latent_dim,
        gradient_penalty_weight=settings.gradient_penalty_weight,
        r1_weight=settings.r1_weight,
        clip=settings.clip,
    )


def _train_points(settings: Settings, mixture, seed: int, *, at, look, samples: int, timed: bool = False):
    """A model of points trained by the settings, and the seconds; ``look(step, samples[, seconds])`` on the way."""
    model = point_model(settings, seed)
    settings.compile(model)

    def draw_and_look(step, seconds):
        points = model.generate(samples, seed=seed)
        look(step, points, *([seconds] if timed else []))

    options = {"batch_size": settings.batch_size, "seed": seed, "at": at, "look": draw_and_look}
    return model, fit_steps(model, mixture.sample, settings.steps, **options)


def distance_to(points: np.ndarray, mixture: data.Mixture, seed: int) -> float | None:
    """Of at most 2,000 points, to as many of the mixture; None of a generator that has diverged."""
    points = points[:EARTH_MOVER_POINTS]
    if not np.isfinite(points).all():
        return None
    return evaluation.earth_mover_distance(points, mixture.sample(len(points), seed=seed + 10**6))


def plain(points: np.ndarray) -> list[list[float]]:
    """Four digits, for a file of a moderate size; none that is not finite."""
    return [[float(f"{value:.4g}") for value in point] for point in points if np.isfinite(point).all()]
