"""The published protocols for counting the modes that a GAN captures."""

import dataclasses
import math
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from zoo import data, evaluation, models, registry
from zoo.experiments.divergences import check_counts
from zoo.experiments.modes import Settings, coverage, distance_to, plain, point_model
from zoo.experiments.toy import fit_steps, looks_at
from zoo.training import CollapseAlarm, TrainingWarning

MIXTURES: dict[str, Callable[[], data.Mixture]] = {"grid": data.grid, "ring": data.ring}
CLASSIFIER = "classifier.mnist"
PACGAN_SAMPLES = 2500
_POINTS = {
    "gan": Settings("non_saturating", betas=(0.5, 0.9)),
    "wgan": Settings("wasserstein", clip=0.1, optimizer="rmsprop", learning_rate=5e-4, discriminator_steps=5),
    "wgan_gp": Settings(
        "wasserstein",
        batch_size=256,
        units=(192,) * 5,  # between two modes a generator has to be steep, and slopes multiply over its layers
        discriminator_learning_rate=2e-3,  # a critic as fast as its generator follows too late, and modes come and go
        gradient_penalty_weight=0.2,
        ema=0.995,
    ),
}
# The game as first published, with the nets and the budget of the best.
_POINTS["minimax"] = dataclasses.replace(_POINTS["wgan_gp"], loss="minimax", gradient_penalty_weight=0.0)
_IMAGE = Settings(
    "wasserstein", steps=5000, discriminator_steps=2, batch_size=64, units=(32, 256), latent_dim=64, ema=0.998
)
_IMAGES = {
    "gan": dataclasses.replace(_IMAGE, loss="non_saturating", discriminator_steps=1, betas=(0.5, 0.999)),
    "wgan": dataclasses.replace(_IMAGE, optimizer="rmsprop", learning_rate=2e-4, decay=False, clip=0.01),
    "wgan_gp": dataclasses.replace(_IMAGE, gradient_penalty_weight=10.0),
}
# What ``benchmark_modes`` trains by where it is not told.
SETTINGS: dict[str, dict[str, Settings]] = {
    "grid": _POINTS,
    "ring": {name: dataclasses.replace(settings, steps=4000) for name, settings in _POINTS.items()},
    "stacked_mnist": _IMAGES,
}


def benchmark_modes(
    data_name: str = "grid",
    model: str = "wgan_gp",
    *,
    seeds: int | None = None,
    settings: Settings | None = None,
    samples: int | None = None,
    looks: int | None = None,
    progress: Any = None,
    **changes: Any,
) -> dict[str, Any]:
    """The published protocols: modes captured, of 25 on a grid, of 8 on a ring, of 1,000 of stacked MNIST.

    Of points: samples of the generator as trained, one of which is of high quality within 3 σ of the nearest centre. A
    mode is captured with 20 of high quality among 10,000; by PacGAN's protocol, which finds more, with one among 2,500.
    Of stacked MNIST: 26,000 images, whose three digits the zoo's own classifier reads; a mode counts that was seen
    once. Of points, a ``training.CollapseAlarm`` watches at every look.

    Args:
        data_name: ``grid``, ``ring`` or ``stacked_mnist``.
        model: ``gan`` (non-saturating; DCGAN's nets for images), ``wgan`` or ``wgan_gp``; of points also ``minimax``.
        seeds: trainings; None for 5, of images 3.
        settings: how it is trained; None for ``SETTINGS``.
        samples: None for the protocol's number.
        looks: how often modes are counted on the way; None for 40, of images 10.
        progress: a started ``rich.progress.Progress`` to report to.
        changes: values of ``Settings`` in place of those, such as ``steps=500``.

    Returns:
        ``data``, ``model``, ``settings``, ``samples``, ``of`` how many modes, ``steps`` looked at; ``seeds``: for each
        ``seed``, ``modes``, ``pacgan_modes`` and ``high_quality`` (of points), ``kl`` from an even spread in nats,
        ``earth_mover_distance`` (of points), ``seconds`` of training, ``modes_over_time``, ``alarms`` (of points: the
        first of each kind, with ``kind``, ``step`` and ``evidence``) and some ``examples``; and, of the mixture's own
        points or the real images, the same figures as ``real``, the best that one can expect.

    Raises:
        ValueError: for unknown names, a setting that there is not, or a number below 1.

    References:
        Srivastava et al. 2017, "VEEGAN", §4; Lin et al. 2018, "PacGAN: The power of two samples in generative
        adversarial networks", §4.
    """
    chosen = settings_of(data_name, model, settings, **changes)
    points = data_name in MIXTURES
    seeds, samples = (5 if points else 3) if seeds is None else seeds, samples or (10_000 if points else 26_000)
    looks = (40 if points else 10) if looks is None else looks
    check_counts(seeds=(seeds, 1), samples=(samples, 1), looks=(looks, 1))
    protocol, at = _Points(MIXTURES[data_name]()) if points else _Stacked(), looks_at(chosen.steps, looks)[1:]
    task = progress and progress.add_task(f"{model} on {data_name}", total=seeds * len(at), status="")

    def report(seed: int, modes: int) -> None:
        if progress:
            progress.update(task, advance=1, status=f"seed {seed}: {modes} modes")

    rows = [_trained(protocol, model, chosen, seed, samples, at, report) for seed in range(seeds)]
    found = {"data": data_name, "model": model, "settings": dataclasses.asdict(chosen), "samples": samples}
    found |= {"of": protocol.of, **protocol.about(), "steps": at, "seeds": rows}
    real = protocol.draw(samples, 2**32)  # of no training
    return {**found, "real": {**protocol.captured(real), **protocol.farther(real, seeds)}}


def _trained(
    protocol, model: str, chosen: Settings, seed: int, samples: int, at: list[int], report: Callable[[int, int], None]
) -> dict[str, Any]:
    """The row of one training: ``report`` is called with the seed and the number of modes at every look."""
    over_time: list[int] = []
    gan = protocol.model(model, chosen, seed)
    chosen.compile(gan)
    alarm = protocol.alarm(gan, seed)

    def look(step, seconds):
        every = alarm is not None or step == chosen.steps  # images take long to draw
        if alarm is not None:
            with warnings.catch_warnings(action="ignore", category=TrainingWarning):  # the result says it
                alarm.on_epoch_end(len(over_time))
        drawn = gan.generate(samples if every else max(1, samples // 10), seed=seed)
        over_time.append(protocol.captured(drawn)["modes"])
        report(seed, over_time[-1])

    options = {"batch_size": chosen.batch_size, "seed": seed, "at": at, "look": look}
    seconds = fit_steps(gan, protocol.draw, chosen.steps, **options)
    drawn = gan.generate(samples, seed=seed)
    row = {"seed": seed, **protocol.captured(drawn), **protocol.farther(drawn, seed)}
    row |= {"seconds": seconds, "modes_over_time": over_time}
    if alarm is not None:
        first: dict[str, Any] = {}
        for one in alarm.alarms:
            first.setdefault(one.kind, {"kind": one.kind, "step": at[one.epoch - 1], "evidence": one.evidence})
        row["alarms"] = [*first.values()]
    return {**row, "examples": protocol.examples(drawn)}


def settings_of(data_name: str, model: str, settings: Settings | None = None, **changes: Any) -> Settings:
    """What ``benchmark_modes`` trains by.

    Raises:
        ValueError: for data or a model that it does not know, a setting that there is not, or a number below 1.
    """
    if data_name not in SETTINGS:
        raise ValueError(f"data must be {', '.join(SETTINGS)}: received {data_name!r}.")
    if model not in SETTINGS[data_name]:
        raise ValueError(f"model must be {', '.join(SETTINGS[data_name])}: received {model!r}.")
    names = [field.name for field in dataclasses.fields(Settings)]
    if unknown := sorted(set(changes) - set(names)):
        raise ValueError(f"Settings have no {', '.join(unknown)}: they are {', '.join(names)}.")
    chosen = dataclasses.replace(settings or SETTINGS[data_name][model], **changes)
    check_counts(steps=(chosen.steps, 1), batch_size=(chosen.batch_size, 1), units=(min(chosen.units), 1))
    return chosen


class _Points:
    """Of a mixture in the plane: what is trained on, and how samples are measured."""

    def __init__(self, mixture: data.Mixture):
        self.mixture, self.of, self.draw = mixture, len(mixture.centres), mixture.sample

    def model(self, name: str, settings: Settings, seed: int) -> models.AdversarialModel:
        return point_model(settings, seed)

    def about(self) -> dict[str, Any]:
        """What a result says of the data."""
        return {"centres": self.mixture.centres.tolist()}

    def alarm(self, gan: models.AdversarialModel, seed: int) -> CollapseAlarm | None:
        alarm = CollapseAlarm(self.mixture.modes_of, self.of, seed=seed)
        alarm.set_model(gan)
        return alarm

    def captured(self, points: np.ndarray) -> dict[str, Any]:
        found = coverage(points, self.mixture)
        found.pop("of")
        return {**found, "kl": found["kl"] if math.isfinite(found["kl"]) else None}

    def farther(self, points: np.ndarray, seed: int) -> dict[str, Any]:
        """What is of the last samples alone."""
        return {
            "pacgan_modes": coverage(points[:PACGAN_SAMPLES], self.mixture, least=1)["modes"],
            "earth_mover_distance": distance_to(points, self.mixture, seed),
        }

    def examples(self, points: np.ndarray) -> list:
        return plain(points[:2000])


class _Stacked:
    """The same of three digits in three channels."""

    of = 1000

    def __init__(self):
        self.source = data.load("mnist")
        self.classifier = registry.load(CLASSIFIER)

    def draw(self, n: int, seed: int) -> np.ndarray:
        return data.stacked(self.source.train, n, seed=seed).astype(np.float32) / 255

    def model(self, name: str, settings: Settings, seed: int) -> models.AdversarialModel:
        classes = {"gan": models.DCGAN, "wgan": models.WGAN, "wgan_gp": models.WGANGP}
        keras.utils.set_random_seed(seed)
        options = {"clip": settings.clip} if name == "wgan" else {}
        options |= {"gradient_penalty_weight": settings.gradient_penalty_weight} if name == "wgan_gp" else {}
        return classes[name](
            image_shape=(28, 28, 3),
            filters=settings.units[0],
            hidden_units=settings.units[1:],
            latent_dim=settings.latent_dim,
            r1_weight=settings.r1_weight,
            seed=seed,
            **options,
        )

    def about(self) -> dict[str, Any]:
        return {}

    def alarm(self, gan: models.AdversarialModel, seed: int) -> None:
        """None: of a thousand modes, a look's samples miss some by chance."""

    def classify(self, images: np.ndarray) -> np.ndarray:
        return self.classifier.predict(images, batch_size=1000, verbose=0).argmax(axis=-1)

    def captured(self, images: np.ndarray) -> dict[str, Any]:
        found = evaluation.stacked_mnist_coverage(images, self.classify)
        return {"modes": found["modes"], "kl": found["kl"]}

    def farther(self, images: np.ndarray, seed: int) -> dict[str, Any]:
        return {}

    def examples(self, images: np.ndarray) -> list:
        return np.rint(255 * images[:36]).astype(int).tolist()
