"""Fully connected autoencoder.

Hinton & Salakhutdinov 2006, "Reducing the Dimensionality of Data with Neural Networks". Differs from the
paper in its smooth activation (SiLU for the logistic function), which trains from scratch without the
paper's layer-wise pretraining, and in its width, chosen for about a million weights.
"""

import keras
from keras import layers

from zoo.models.base import Autoencoder


@keras.saving.register_keras_serializable("zoo")
class DenseAE(Autoencoder):
    """Dense layers down to a short code and, mirrored, back to the image.

        x (b, 28, 28, 1) → flatten 784 → 512 → 256 → z (b, 32) → 256 → 512 → 784 → (b, 28, 28, 1)

    Args:
        image_shape: shape ``(height, width, channels)`` of one example.
        hidden_units: widths of the encoder's hidden layers; the decoder mirrors them.
        latent_dim: length of the code.
        activation: of the hidden layers; the code is linear and the output is a sigmoid.
    """

    def __init__(self, *, image_shape=(28, 28, 1), hidden_units=(512, 256), latent_dim=32, activation="silu", **kwargs):
        super().__init__(image_shape=image_shape, **kwargs)
        if latent_dim < 1 or any(units < 1 for units in hidden_units):
            raise ValueError(
                f"latent_dim and hidden_units must be positive: received {latent_dim!r} and {hidden_units!r}."
            )
        self.hidden_units, self.latent_dim = tuple(hidden_units), latent_dim
        self.activation = keras.activations.get(activation)

        def hidden(widths):
            return [layers.Dense(units, self.activation, kernel_initializer="he_uniform") for units in widths]

        height, width, channels = self.image_shape
        self.encoder = keras.Sequential(
            [
                layers.Flatten(data_format="channels_last"),
                *hidden(self.hidden_units),
                layers.Dense(latent_dim, dtype="float32", name="z"),
            ],
            name="encoder",
        )
        self.decoder = keras.Sequential(
            [
                *hidden(reversed(self.hidden_units)),
                layers.Dense(height * width * channels, "sigmoid", dtype="float32"),
                layers.Reshape(self.image_shape, dtype="float32", name="reconstruction"),
            ],
            name="decoder",
        )

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "latent_dim": self.latent_dim,
            "activation": keras.activations.serialize(self.activation),
        }
