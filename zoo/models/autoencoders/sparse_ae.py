"""Sparse overcomplete autoencoder.

Ng 2011, "Sparse autoencoder", CS294A lecture notes; with ``k``, Makhzani & Frey 2013, "k-Sparse Autoencoders". Differs
from the notes in its code, longer than the input, and in its tied weights, which halve the model.
"""

import math

import keras
from keras import layers

from zoo.layers.k_sparse import KSparse
from zoo.layers.reversible import ReversibleDense
from zoo.models.base import Autoencoder
from zoo.regularizers import KLSparsity


@keras.saving.register_keras_serializable("zoo")
class SparseAE(Autoencoder):
    """A code longer than the input, of which each example uses little.

        x (b, 28, 28, 1) → flatten 784 → z = σ(x·K + b) (b, 1176) → z·Kᵀ + b′ → sigmoid 784 → (b, 28, 28, 1)

    The loss is the squared error summed over an image plus ``sparsity_weight · Σ KL(ρ ‖ ρ̂)`` over the units of the
    code, where ρ̂ is a unit's mean activation over the batch.

    Args:
        image_shape: shape ``(height, width, channels)`` of one example.
        hidden_units: length of the code.
        sparsity_target: ρ, the mean activation that every unit is held to, between 0 and 1.
        sparsity_weight: factor of the penalty; 0 for a plain autoencoder.
        initial_activation: of the units before training, between 0 and 1. All of more than a thousand units at 1/2 move
            the output so far in one step that pixels of mostly dark images may saturate at 0, where no gradient brings
            them back; start those at ρ.
        k: instead of the penalty, keep the k largest activations of each example; the penalty is then off.

    Raises:
        ValueError: for a width below 1, ρ outside (0, 1), a negative weight, or k outside 1 … ``hidden_units``.
    """

    def __init__(
        self,
        *,
        image_shape=(28, 28, 1),
        hidden_units=1176,
        sparsity_target=0.05,
        sparsity_weight=0.1,
        initial_activation=0.5,
        k=None,
        **kwargs,
    ):
        super().__init__(image_shape=image_shape, **kwargs)
        if not 0 < sparsity_target < 1:
            raise ValueError(f"sparsity_target must be between 0 and 1: received {sparsity_target!r}.")
        if not sparsity_weight >= 0:
            raise ValueError(f"sparsity_weight must be at least 0: received {sparsity_weight!r}.")
        if k is not None and k > hidden_units:
            raise ValueError(f"k must be at most hidden_units, {hidden_units}: received {k!r}.")
        if not 0 < initial_activation < 1:
            raise ValueError(f"initial_activation must be between 0 and 1: received {initial_activation!r}.")
        self.hidden_units, self.k, self.initial_activation = hidden_units, k, initial_activation
        self.sparsity_target, self.sparsity_weight = sparsity_target, sparsity_weight
        height, width, channels = self.image_shape
        bias = keras.initializers.Constant(math.log(initial_activation / (1 - initial_activation)))
        tied = ReversibleDense(height * width * channels, hidden_units, bias_initializer=bias, name="tied")
        penalty = KLSparsity(sparsity_target, sparsity_weight) if k is None else None

        x = keras.Input(self.image_shape)
        z = layers.Activation("sigmoid", activity_regularizer=penalty, dtype="float32", name="z")(
            tied(layers.Flatten(data_format="channels_last")(x))
        )
        if k is not None:
            z = KSparse(k, dtype="float32", name="k_sparse")(z)
        self.encoder = keras.Model(x, z, name="encoder")

        z = keras.Input((hidden_units,))
        y = layers.Activation("sigmoid", dtype="float32")(tied(z, reverse=True))
        y = layers.Reshape(self.image_shape, dtype="float32", name="reconstruction")(y)
        self.decoder = keras.Model(z, y, name="decoder")

    @property
    def refused(self):
        if self.k is not None or not self.sparsity_weight:
            return super().refused
        reason = "the penalty is of the units' mean activations over the batch; build the model with k, or without"
        return {**super().refused, "sample_weight": reason}

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "sparsity_target": self.sparsity_target,
            "sparsity_weight": self.sparsity_weight,
            "initial_activation": self.initial_activation,
            "k": self.k,
        }
