"""Contractive autoencoder.

Rifai et al. 2011, "Contractive Auto-Encoders: Explicit Invariance During Feature Extraction". Differs from the
paper in its decoder, whose kernel is its own instead of the transposed encoder's, and in the squared error for the
cross-entropy.
"""

import keras
from keras import layers, ops

from zoo.models.base import Autoencoder
from zoo.models.inputs import mean


@keras.saving.register_keras_serializable("zoo")
class ContractiveAE(Autoencoder):
    """One hidden layer whose code hardly moves with the input, except where reconstruction needs it to.

        x (b, 28, 28, 1) → flatten 784 → z = σ(x·W + b) (b, 256) → 784 → (b, 28, 28, 1)

    The loss is the squared error summed over an image plus ``contraction_weight · ‖∂z/∂x‖²_F``.

    Args:
        image_shape: shape ``(height, width, channels)`` of one example.
        hidden_units: length of the code.
        contraction_weight: λ, factor of the squared norm of the encoder's Jacobian; 0 for a plain autoencoder.

    Raises:
        ValueError: if ``hidden_units`` is below 1 or ``contraction_weight`` negative.
    """

    def __init__(self, *, image_shape=(28, 28, 1), hidden_units=256, contraction_weight=0.1, **kwargs):
        super().__init__(image_shape=image_shape, **kwargs)
        if not isinstance(hidden_units, int) or hidden_units < 1:
            raise ValueError(f"hidden_units must be an integer ≥ 1: received {hidden_units!r}.")
        if not contraction_weight >= 0:
            raise ValueError(f"contraction_weight must be at least 0: received {contraction_weight!r}.")
        self.hidden_units, self.contraction_weight = hidden_units, contraction_weight
        height, width, channels = self.image_shape
        self.encoder = keras.Sequential(
            [
                layers.Flatten(data_format="channels_last"),
                layers.Dense(hidden_units, "sigmoid", dtype="float32", name="z"),
            ],
            name="encoder",
        )
        self.decoder = keras.Sequential(
            [
                layers.Dense(height * width * channels, "sigmoid", dtype="float32"),
                layers.Reshape(self.image_shape, dtype="float32", name="reconstruction"),
            ],
            name="decoder",
        )

    def call(self, x, training=False):
        z = self.encoder(self._checked(x), training=training)
        self.add_loss(self.contraction_weight * mean(self.contraction(z), self._sample_weight()))
        return self.decoder(z, training=training)

    def contraction(self, z):
        """‖∂z/∂x‖²_F of each example, ``(batch,)``, from its code ``z``, ``(batch, hidden_units)``.

        The Jacobian of a sigmoid layer is ``diag(z·(1 − z))·Wᵀ``, so its squared norm is
        ``Σⱼ (zⱼ(1 − zⱼ))² Σᵢ Wᵢⱼ²`` (section 3 of the paper): as cheap as the layer itself.
        """
        kernel = ops.cast(self.encoder.layers[-1].kernel, "float32")  # Keras reads it in 16 bits under mixed precision
        gains = ops.sum(ops.square(kernel), axis=0)
        return ops.sum(ops.square(z * (1 - z)) * gains, axis=-1)

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "contraction_weight": self.contraction_weight,
        }
