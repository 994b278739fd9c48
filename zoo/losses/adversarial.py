"""Losses of generative adversarial networks: what each player minimises, from the discriminator's scores.

A score is any real number, higher for what looks real. Where a loss speaks of the probability of being real, it is
σ(score): the sigmoid belongs to the loss, where it neither saturates in floating point nor gets in the way of a critic.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from zoo import backend
from zoo.backend import Tensor

# Below the square root of a gradient's norm, whose derivative at zero would be infinite.
EPSILON = 1e-12


class AdversarialLoss:
    """What both players minimise, averaged over the batch.

    Attributes:
        threshold: score above which an example counts as taken for real; None where the scores have no zero.
    """

    threshold: float | None = 0.0

    def discriminator(self, real_scores: Tensor, fake_scores: Tensor) -> None:
        """The discriminator's loss, a scalar, of scores ``(batch, 1)`` of real and of generated examples."""
        raise NotImplementedError

    def generator(self, fake_scores: Tensor) -> None:
        """The generator's loss, a scalar, of the scores ``(batch, 1)`` of its examples."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)


class _Probabilistic(AdversarialLoss):
    """The cross-entropy of telling real from generated.

    Args:
        label_smoothing: ε, for targets of 1 − ε instead of 1 for real examples; those of generated ones stay 0, as
            smoothing both would reward the generator for staying where it is (Salimans et al. 2016, §3.4).

    Raises:
        ValueError: if ``label_smoothing`` is outside [0, 1/2).
    """

    def __init__(self, *, label_smoothing: float = 0.0) -> None:
        if not 0 <= label_smoothing < 0.5:
            raise ValueError(f"label_smoothing must be at least 0 and below 0.5: received {label_smoothing!r}.")
        self.label_smoothing = label_smoothing

    def discriminator(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        real = ops.softplus(-real_scores) + self.label_smoothing * real_scores
        return ops.mean(real) + ops.mean(ops.softplus(fake_scores))

    def get_config(self) -> dict[str, Any]:
        return {"label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable("zoo")
class Minimax(_Probabilistic):
    """The game of Goodfellow et al. 2014, eq. 1: both players move the same cross-entropy, in opposite directions.

    The generator minimises ``E log(1 − σ(fake))``, whose gradient vanishes as the discriminator wins.
    """

    def generator(self, fake_scores: Tensor) -> Tensor:
        return -ops.mean(ops.softplus(fake_scores))


@keras.saving.register_keras_serializable("zoo")
class NonSaturating(_Probabilistic):
    """The generator minimises ``−E log σ(fake)`` (Goodfellow et al. 2014, §3), whose gradient grows as it loses.

    Examples:
        >>> import numpy as np
        >>> from zoo import losses
        >>> loss, undecided = losses.NonSaturating(), np.zeros((4, 1), "float32")
        >>> round(float(loss.discriminator(undecided, undecided)), 4), round(float(loss.generator(undecided)), 4)
        (1.3863, 0.6931)
    """

    def generator(self, fake_scores: Tensor) -> Tensor:
        return ops.mean(ops.softplus(-fake_scores))


@keras.saving.register_keras_serializable("zoo")
class LeastSquares(AdversarialLoss):
    """Scores are drawn to 1 for real and 0 for generated; the generator draws its own to 1 (Mao et al. 2017, eq. 9)."""

    threshold = 0.5

    def discriminator(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        return 0.5 * (ops.mean(ops.square(real_scores - 1)) + ops.mean(ops.square(fake_scores)))

    def generator(self, fake_scores: Tensor) -> Tensor:
        return 0.5 * ops.mean(ops.square(fake_scores - 1))


@keras.saving.register_keras_serializable("zoo")
class Hinge(AdversarialLoss):
    """The discriminator wants a margin of 1 on either side of 0 (Miyato et al. 2018, eqs. 16 and 17)."""

    def discriminator(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        return ops.mean(ops.relu(1 - real_scores)) + ops.mean(ops.relu(1 + fake_scores))

    def generator(self, fake_scores: Tensor) -> Tensor:
        return -ops.mean(fake_scores)


@keras.saving.register_keras_serializable("zoo")
class Wasserstein(AdversarialLoss):
    """The critic's scores are as far apart as its Lipschitz bound allows (Arjovsky et al. 2017, eq. 3).

    The negated loss of a trained critic estimates the Wasserstein-1 distance, in units of the bound.

    Examples:
        >>> import numpy as np
        >>> from zoo import losses
        >>> real, fake = np.array([[3.0], [5.0]], "float32"), np.array([[1.0], [2.0]], "float32")
        >>> float(losses.Wasserstein().discriminator(real, fake)), float(losses.Wasserstein().generator(fake))
        (-2.5, -1.5)
    """

    threshold = None

    def discriminator(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        return ops.mean(fake_scores) - ops.mean(real_scores)

    def generator(self, fake_scores: Tensor) -> Tensor:
        return -ops.mean(fake_scores)


ADVERSARIAL_LOSSES = {
    "minimax": Minimax,
    "non_saturating": NonSaturating,
    "least_squares": LeastSquares,
    "hinge": Hinge,
    "wasserstein": Wasserstein,
}


def adversarial_loss(loss: str | AdversarialLoss) -> AdversarialLoss:
    """A loss by its name, or as it is.

    Raises:
        ValueError: for an unknown name or another type.
    """
    if isinstance(loss, AdversarialLoss):
        return loss
    if not isinstance(loss, str) or loss not in ADVERSARIAL_LOSSES:
        raise ValueError(f"loss must be {', '.join(ADVERSARIAL_LOSSES)}, or an AdversarialLoss: received {loss!r}.")
    return ADVERSARIAL_LOSSES[loss]()


def gradient_penalty(critic: Callable[[Any], Any], real: Tensor, fake: Tensor, *, seed: Any = None) -> Tensor:
    """Mean of ``(‖∇ critic(x̂)‖ − 1)²`` at random points x̂ between pairs of a real and a generated example.

    Args:
        critic: function of examples ``(batch, ...)`` to scores ``(batch, 1)``.
        real, fake: examples of one shape.
        seed: integer or ``keras.random.SeedGenerator`` of the points, uniform on each line.

    References:
        Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", algorithm 1.
    """
    shape = (ops.shape(real)[0],) + (1,) * (len(real.shape) - 1)
    epsilon = backend.per_example(lambda s: keras.random.uniform(s, seed=seed), shape)
    epsilon = ops.cast(epsilon, real.dtype)
    slope = _slope(critic, fake + epsilon * (real - fake))
    return ops.mean(ops.square(ops.sqrt(_squared_norm(slope) + EPSILON) - 1))


def r1_penalty(discriminator: Callable[[Any], Any], real: Tensor) -> Tensor:
    """Half the mean squared norm of the scores' gradient at real examples (Mescheder et al. 2018, eq. 9).

    Args:
        discriminator: function of examples ``(batch, ...)`` to scores ``(batch, 1)``.
        real: examples.
    """
    return 0.5 * ops.mean(_squared_norm(_slope(discriminator, real)))


def _slope(function, x):
    # An example's score depends on the example alone, so that the sum's gradient is that of each score.
    return backend.gradient(lambda x: ops.sum(ops.cast(function(x), "float32")), x)


def _squared_norm(slope):
    # In float32: squares of half-precision gradients would underflow.
    slope = ops.cast(slope, "float32")
    return ops.sum(ops.square(slope), axis=tuple(range(1, len(slope.shape))))
