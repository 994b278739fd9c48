"""Stacked autoencoder, for greedy layer-wise pretraining.

Bengio et al. 2006, "Greedy Layer-Wise Training of Deep Networks"; Hinton & Salakhutdinov 2006, "Reducing the
Dimensionality of Data with Neural Networks". Differs from the latter in the layers' pretraining, as autoencoders
instead of restricted Boltzmann machines, and in its widths, chosen for about 0.4 million weights.
"""

import keras
from keras import layers

from zoo.models.base import Autoencoder


@keras.saving.register_keras_serializable("zoo")
class StackedAE(Autoencoder):
    """A deep stack of sigmoid layers that ``zoo.training.pretrain_greedily`` can train one layer at a time.

        x (b, 28, 28, 1) → flatten 784 → 192 → 128 → 64 → z (b, 32) → 64 → 128 → 192 → 784 → (b, 28, 28, 1)

    Args:
        image_shape: shape ``(height, width, channels)`` of one example.
        hidden_units: widths of the encoder's hidden layers; the decoder mirrors them.
        latent_dim: length of the code.
        activation: of the hidden layers; the output is a sigmoid.
        code_activation: of the code.

    Raises:
        ValueError: if a width is not positive.
    """

    def __init__(
        self,
        *,
        image_shape=(28, 28, 1),
        hidden_units=(192, 128, 64),
        latent_dim=32,
        activation="sigmoid",
        code_activation="linear",
        **kwargs,
    ):
        super().__init__(image_shape=image_shape, **kwargs)
        if latent_dim < 1 or any(units < 1 for units in hidden_units):
            raise ValueError(
                f"latent_dim and hidden_units must be positive: received {latent_dim!r} and {hidden_units!r}."
            )
        self.hidden_units, self.latent_dim = tuple(hidden_units), latent_dim
        self.activation = keras.activations.get(activation)
        self.code_activation = keras.activations.get(code_activation)

        height, width, channels = self.image_shape
        self.encoder = keras.Sequential(
            [
                layers.Flatten(data_format="channels_last"),
                *(layers.Dense(units, self.activation) for units in self.hidden_units),
                layers.Dense(latent_dim, self.code_activation, dtype="float32", name="z"),
            ],
            name="encoder",
        )
        self.decoder = keras.Sequential(
            [
                *(layers.Dense(units, self.activation) for units in reversed(self.hidden_units)),
                layers.Dense(height * width * channels, "sigmoid", dtype="float32"),
                layers.Reshape(self.image_shape, dtype="float32", name="reconstruction"),
            ],
            name="decoder",
        )

    def stages(self) -> list[tuple[list[keras.layers.Layer], list[keras.layers.Layer]]]:
        """The layers of every stage of the stack, from the outermost: those that encode and those that decode again.

        Stage i encodes what stage i − 1 made of its input, and its decoder returns that. The layers are the
        model's own.
        """
        flatten, *down = self.encoder.layers
        *up, last, reshape = self.decoder.layers
        inner = [([encode], [decode]) for encode, decode in zip(down[1:], reversed(up), strict=True)]
        return [([flatten, down[0]], [last, reshape]), *inner]

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "latent_dim": self.latent_dim,
            "activation": keras.activations.serialize(self.activation),
            "code_activation": keras.activations.serialize(self.code_activation),
        }
