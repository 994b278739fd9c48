"""Fully connected autoencoder with tied weights: the decoder is the encoder's kernels, transposed.

Vincent et al. 2010, "Stacked Denoising Autoencoders", §2.2, and Hinton & Salakhutdinov 2006, "Reducing the
Dimensionality of Data with Neural Networks", whose unrolled network starts from tied weights. Differs from the papers
in that the weights stay tied while the whole net trains end to end, without layer-wise pretraining, in its smooth
activation (SiLU, bounded, for the logistic function) and in that nothing is corrupted.
"""

import keras
from keras import layers

from zoo.layers.bounded_silu import bounded_silu
from zoo.layers.reversible import ReversibleDense
from zoo.models.base import Autoencoder


@keras.saving.register_keras_serializable("zoo")
class TiedAE(Autoencoder):
    """Dense layers down to a short code, and the same layers in reverse back to the image.

        x (b, 28, 28, 1) → flatten 784 ─K₁→ 512 ─K₂→ z (b, 32) ─K₂ᵀ→ 512 ─K₁ᵀ→ 784 → (b, 28, 28, 1)

    Args:
        image_shape: shape ``(height, width, channels)`` of one example.
        hidden_units: widths of the encoder's hidden layers; the decoder runs them in reverse. The narrower they are,
            the more the tie costs.
        latent_dim: length of the code.
        activation: of the hidden layers; the code is linear and the output is a sigmoid.
        tied: False gives the decoder kernels of its own, of the same shapes: the untied twin, of twice the weights.
    """

    def __init__(
        self,
        *,
        image_shape=(28, 28, 1),
        hidden_units=(512,),
        latent_dim=32,
        activation=bounded_silu,
        tied=True,
        **kwargs,
    ):
        super().__init__(image_shape=image_shape, **kwargs)
        if latent_dim < 1 or any(units < 1 for units in hidden_units):
            raise ValueError(
                f"latent_dim and hidden_units must be positive: received {latent_dim!r} and {hidden_units!r}."
            )
        self.hidden_units, self.latent_dim, self.tied = tuple(hidden_units), latent_dim, tied
        self.activation = keras.activations.get(activation)

        height, width, channels = self.image_shape
        widths = (height * width * channels, *self.hidden_units)
        hidden = [ReversibleDense(a, b, tied=tied) for a, b in zip(widths[:-1], widths[1:], strict=True)]
        code = ReversibleDense(widths[-1], latent_dim, tied=tied, dtype="float32", name="z")

        x = keras.Input(self.image_shape, name="x")
        y = layers.Flatten(data_format="channels_last")(x)
        for layer in hidden:
            y = layers.Activation(self.activation)(layer(y))
        self.encoder = keras.Model(x, code(y), name="encoder")

        z = keras.Input((latent_dim,), name="code")
        y = code(z, reverse=True)
        for layer in reversed(hidden):
            y = layer(layers.Activation(self.activation)(y), reverse=True)
        y = layers.Activation("sigmoid", dtype="float32")(y)
        y = layers.Reshape(self.image_shape, dtype="float32", name="reconstruction")(y)
        self.decoder = keras.Model(z, y, name="decoder")

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "latent_dim": self.latent_dim,
            "activation": keras.activations.serialize(self.activation),
            "tied": self.tied,
        }
