"""Callbacks that tell how an adversarial training is doing: who is winning, what is missing, what it draws."""

import dataclasses
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from zoo import plots
from zoo.evaluation import modes


class TrainingWarning(UserWarning):
    """What an alarm of this module warns by."""


@dataclasses.dataclass(frozen=True)
class Alarm:
    """What an alarm saw.

    Attributes:
        kind: ``missing modes``, ``cycling`` or ``discriminator too strong``.
        epoch: counted from 1.
        evidence: in words, with the figures.
    """

    kind: str
    epoch: int
    evidence: str


class _Alarming(keras.callbacks.Callback):
    """Keeps alarms, warns by each kind of them once, and may end the training."""

    def __init__(self, stop: bool):
        super().__init__()
        self.stop, self.alarms = stop, []

    def raise_alarm(self, kind: str, epoch: int, evidence: str) -> None:
        first = all(alarm.kind != kind for alarm in self.alarms)
        self.alarms.append(Alarm(kind, epoch + 1, evidence))
        if first:
            warnings.warn(f"epoch {epoch + 1}: {kind}: {evidence}", TrainingWarning, stacklevel=2)
        if self.stop:
            self.model.stop_training = True


class CollapseAlarm(_Alarming):
    """Says when a generator drops modes of the data, or runs from one to the next.

    After every epoch it draws samples and counts them by mode. A mode counts as captured with at least a share of
    ``least`` of what an even spread would give it.

    - *missing modes*: not all modes are captured, and for ``patience`` epochs no more than before;
    - *cycling*: over the last ``patience`` epochs, modes that had been captured were lost at least ``patience`` times,
      and others or the same won as often: the generator hops. Growth wins many and loses few.

    Args:
        modes_of: function of samples to the mode of each, ``(n,)`` integers from 0; negative for no mode. A
            classifier's labels for images, the nearest centre for a mixture.
        modes: how many there are.
        n: samples an epoch.
        least: share of an even spread, 0 to 1.
        patience: epochs.
        every: epochs from one look to the next; ``patience`` counts looks.
        seed: of the noise, the same at every look.
        stop: whether an alarm ends the training.

    Attributes:
        alarms: all of them so far.
        counts: samples by mode, a row for every look.

    Raises:
        ValueError: if an argument is out of its range.
    """

    def __init__(
        self,
        modes_of: Callable[[np.ndarray], np.ndarray],
        modes: int,
        *,
        n: int = 2000,
        least: float = 0.1,
        patience: int = 10,
        every: int = 1,
        seed: int = 0,
        stop: bool = False,
    ):
        super().__init__(stop)
        for name, value, lowest in (("modes", modes, 2), ("n", n, 1), ("patience", patience, 2), ("every", every, 1)):
            if not isinstance(value, int) or value < lowest:
                raise ValueError(f"{name} must be an integer ≥ {lowest}: received {value!r}.")
        if not 0 < least <= 1:
            raise ValueError(f"least must be above 0 and at most 1: received {least!r}.")
        self.modes_of, self.modes, self.n, self.least = modes_of, modes, n, least
        self.patience, self.every, self.seed = patience, every, seed
        self.counts: list[np.ndarray] = []

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        samples = self.model.generate(self.n, seed=self.seed)
        finite = np.isfinite(samples).reshape(len(samples), -1).all(axis=1)  # a generator that has diverged has no mode
        found = np.asarray(self.modes_of(samples[finite])) if finite.any() else np.array([], int)
        self.counts.append(np.bincount(found[found >= 0], minlength=self.modes)[: self.modes])
        captured = np.stack(self.counts) >= max(1, self.least * self.n / self.modes)
        if logs is not None:
            logs["modes"] = int(captured[-1].sum())
        if len(captured) <= self.patience:
            return
        numbers, window = captured.sum(axis=1), captured[-self.patience - 1 :]
        if numbers[-1] < self.modes and numbers[-self.patience :].max() <= numbers[: -self.patience].max():
            missing = np.flatnonzero(~captured[-1])
            self.raise_alarm(
                "missing modes",
                epoch,
                f"{numbers[-1]} of {self.modes} captured, no more than {numbers.max()} in the last {self.patience} "
                f"looks; without: {_listed(missing)}.",
            )
        lost, won = window[:-1] & ~window[1:], ~window[:-1] & window[1:]
        if min(lost.sum(), won.sum()) >= self.patience:
            self.raise_alarm(
                "cycling",
                epoch,
                f"in the last {self.patience} looks modes were lost {lost.sum()} times and won {won.sum()} times, "
                f"never more than {window.sum(axis=1).max()} of {self.modes} at once; lost: "
                f"{_listed(np.flatnonzero(lost.any(axis=0)))}.",
            )


class Diversity(keras.callbacks.Callback):
    """Adds ``diversity`` and ``duplicate_rate`` of new samples to the figures of every epoch.

    Args:
        real: examples to compare with, in [0, 1] where they are images.
        n: samples an epoch, at least 2.
        seed: of their noise.

    Raises:
        ValueError: if there are fewer than two real examples, or ``n`` is below 2.
    """

    def __init__(self, real: np.ndarray, *, n: int = 500, seed: int = 0):
        super().__init__()
        if len(real) < 2:
            raise ValueError(f"real must hold at least two examples: received the shape {real.shape}.")
        if not isinstance(n, int) or n < 2:
            raise ValueError(f"n must be an integer ≥ 2: received {n!r}.")
        self.n, self.seed, self.real_distance = n, seed, modes.mean_distance(real)

    def on_epoch_end(self, epoch, logs=None):
        samples = self.model.generate(self.n, seed=self.seed)
        logs["diversity"] = modes.mean_distance(samples) / self.real_distance
        logs["duplicate_rate"] = modes.duplicate_rate(samples)


class BalanceAlarm(_Alarming):
    """Says when the discriminator has won: it tells nearly all examples apart, and the generator learns nothing more.

    Args:
        accuracy: of real and of fake examples, above which both together count as won.
        patience: epochs in a row.
        stop: whether an alarm ends the training.

    Raises:
        ValueError: if an argument is out of its range, or, at the start of training, the model's scores have no
            threshold: a critic cannot be too good.
    """

    def __init__(self, *, accuracy: float = 0.97, patience: int = 3, stop: bool = False):
        super().__init__(stop)
        if not 0.5 < accuracy < 1:
            raise ValueError(f"accuracy must be between 0.5 and 1: received {accuracy!r}.")
        if not isinstance(patience, int) or patience < 1:
            raise ValueError(f"patience must be an integer ≥ 1: received {patience!r}.")
        self.accuracy, self.patience, self.epochs = accuracy, patience, 0

    def on_train_begin(self, logs=None):
        _check_accuracies(self.model, "BalanceAlarm")

    def on_epoch_end(self, epoch, logs=None):
        real, fake = logs["real_accuracy"], logs["fake_accuracy"]
        self.epochs = self.epochs + 1 if min(real, fake) > self.accuracy else 0
        if self.epochs >= self.patience:
            self.raise_alarm(
                "discriminator too strong",
                epoch,
                f"it tells {100 * real:.1f} % of real and {100 * fake:.1f} % of generated examples right, for "
                f"{self.epochs} epochs; the generator's gradient has norm {logs['generator_gradient_norm']:.3g}. Lower "
                "its learning rate or steps, smooth its labels, or give it dropout or r1_weight.",
            )


class BalanceSteps(keras.callbacks.Callback):
    """Adapts k, the discriminator's steps for each of the generator's, after every epoch.

    One more while it is right less often than ``low``, one less while it is right more often than ``high``.

    Args:
        low, high: mean of its accuracies on real and on generated examples.
        most: largest k; every batch has to hold as many examples.

    Raises:
        ValueError: if an argument is out of its range, or, at the start of training, the model's scores have no
            threshold.
    """

    def __init__(self, *, low: float = 0.6, high: float = 0.85, most: int = 5):
        super().__init__()
        if not 0 < low < high < 1:
            raise ValueError(f"low and high must be ascending, between 0 and 1: received {low!r} and {high!r}.")
        if not isinstance(most, int) or most < 1:
            raise ValueError(f"most must be an integer ≥ 1: received {most!r}.")
        self.low, self.high, self.most = low, high, most

    def on_train_begin(self, logs=None):
        _check_accuracies(self.model, "BalanceSteps")

    def on_epoch_end(self, epoch, logs=None):
        accuracy, steps = (logs["real_accuracy"] + logs["fake_accuracy"]) / 2, self.model.discriminator_steps
        logs["discriminator_steps"] = steps
        changed = (
            min(steps + 1, self.most) if accuracy < self.low else max(steps - 1, 1) if accuracy > self.high else steps
        )
        if changed != steps:
            self.model.discriminator_steps = changed
            self.model.make_train_function(force=True)  # k is part of the compiled step


class SampleGrid(keras.callbacks.Callback):
    """Draws the same noise after every epoch: a picture each, ``epoch_001.png``, and at the end ``samples.gif``.

    Args:
        folder: for the pictures; made if need be.
        n: samples.
        every: epochs from one picture to the next.
        seed: of the noise.
        milliseconds: that the film shows each picture for.
    """

    def __init__(
        self, folder: str | os.PathLike, *, n: int = 64, every: int = 1, seed: int = 0, milliseconds: int = 250
    ):
        super().__init__()
        self.folder, self.n, self.every, self.seed = Path(folder), n, every, seed
        self.milliseconds, self.frames = milliseconds, []

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        images = self.model.generate(self.n, seed=self.seed)
        self.folder.mkdir(parents=True, exist_ok=True)
        plots.image_grid(images, self.folder / f"epoch_{epoch + 1:03}.png", title=f"epoch {epoch + 1}")
        self.frames.append(np.asarray(images))

    def on_train_end(self, logs=None):
        if self.frames:
            path = self.folder / "samples.gif"
            plots.animation(self.frames, path, scale=2, milliseconds=self.milliseconds)


def _check_accuracies(model, who: str) -> None:
    if model.adversarial_loss.threshold is None:
        raise ValueError(
            f"{who} needs a loss with a threshold between real and fake, such as non_saturating: received "
            f"{type(model.adversarial_loss).__name__}, whose critic gets better without harm."
        )


def _listed(modes: np.ndarray) -> str:
    return ", ".join(map(str, modes[:10])) + (f" and {len(modes) - 10} more" if len(modes) > 10 else "")
