"""Sparse activations."""

from typing import Any

import keras
from keras import ops

from zoo import backend
from zoo.backend import Tensor

EPSILON = 1e-7


@keras.saving.register_keras_serializable("zoo")
class L1Activity(keras.regularizers.Regularizer):
    """The sum of absolute activations of an example, ``weight · Σ |a|``, averaged over the batch.

    Keras divides what an activity regulariser returns by the batch size, which makes the average of this sum. Unlike
    ``keras.regularizers.L1``, it sums in float32, so that activations in 16 bits cannot overflow it.

    Args:
        weight: factor of the penalty, at least 0.

    Call arguments:
        activations: ``(batch, ...)``.

    Raises:
        ValueError: if ``weight`` is negative.
    """

    def __init__(self, weight: float = 0.01) -> None:
        _check_weight(weight)
        self.weight = weight

    def __call__(self, activations: Tensor) -> Tensor:
        return self.weight * ops.sum(ops.abs(ops.cast(activations, "float32")))

    def get_config(self) -> dict[str, Any]:
        return {"weight": self.weight}


@keras.saving.register_keras_serializable("zoo")
class KLSparsity(keras.regularizers.Regularizer):
    """Holds the mean activation ρ̂ of every unit, plus 1e-7, near a small target ρ: ``weight · Σ KL(ρ ‖ ρ̂)``.

        KL(ρ ‖ ρ̂) = ρ log(ρ / ρ̂) + (1 − ρ) log((1 − ρ) / (1 − ρ̂))

    ρ̂ is the mean of one unit, that is of one number of the layer's output, over the batch. Unlike an L1 penalty it
    asks each unit to be active in a few examples, and so punishes a unit that never is. Keras divides what an activity
    regulariser returns by the batch size; the penalty is multiplied by it here, so that the model's loss grows by
    exactly the sum above.

    Under ``tf.distribute`` the gradient is that of ρ̂ over the batches of all replicas, so that training takes the
    steps of one device; the loss that is reported is the average of the replicas' own penalties.

    Args:
        target: ρ, between 0 and 1.
        weight: factor of the penalty, at least 0.

    Call arguments:
        activations: ``(batch, ...)`` in [0, 1], such as a sigmoid's.

    Raises:
        ValueError: if ``target`` is not inside (0, 1), or ``weight`` is negative.

    References:
        Ng 2011, "Sparse autoencoder", CS294A lecture notes, §3; Lee et al. 2008, "Sparse Deep Belief Net Model for
        Visual Area V2".

    Examples:
        >>> import numpy as np
        >>> from zoo import regularizers
        >>> penalty = regularizers.KLSparsity(target=0.1)
        >>> float(penalty(np.full((4, 3), 0.1, "float32"))) < 1e-6 < float(penalty(np.full((4, 3), 0.5, "float32")))
        True
    """

    def __init__(self, target: float = 0.05, weight: float = 1.0) -> None:
        if not 0 < target < 1:
            raise ValueError(f"target must be between 0 and 1: received {target!r}.")
        _check_weight(weight)
        self.target, self.weight = target, weight

    def __call__(self, activations: Tensor) -> Tensor:
        activations = ops.cast(activations, "float32")  # a bfloat16 mean has two digits
        penalty = backend.with_gradient_at_mean_over_replicas(self._divergence, ops.mean(activations, axis=0))
        return self.weight * penalty * ops.cast(ops.shape(activations)[0], "float32")

    def _divergence(self, mean):
        # The logarithm of a dead unit has no value; a bound on its mean would leave it without a gradient, and dead.
        rho, on, off = self.target, mean + EPSILON, 1 - mean + EPSILON
        return ops.sum(rho * ops.log(rho / on) + (1 - rho) * ops.log((1 - rho) / off))

    def get_config(self) -> dict[str, Any]:
        return {"target": self.target, "weight": self.weight}


def _check_weight(weight: float) -> None:
    if not weight >= 0:
        raise ValueError(f"weight must be at least 0: received {weight!r}.")
