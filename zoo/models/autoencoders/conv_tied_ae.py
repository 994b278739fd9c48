"""Convolutional autoencoder with tied weights: the decoder is the encoder's adjoint.

Masci et al. 2011, "Stacked Convolutional Auto-Encoders for Hierarchical Feature Extraction", §3; tied weights are
Vincent et al. 2010, §2.2. Differs from the papers in strided convolutions (whose adjoint is a transposed convolution)
instead of pooling, in the dense code on top, in its smooth activation, and in that all layers train end to end,
without layer-wise pretraining.
"""

import keras
from keras import layers

from zoo.layers.reversible import ReversibleConv2D, ReversibleDense
from zoo.models.base import Autoencoder
from zoo.models.inputs import check_divisible


@keras.saving.register_keras_serializable("zoo")
class ConvTiedAE(Autoencoder):
    """Strided convolutions and a dense layer down to a short code, and the same layers in reverse back to the image.

        x (b, 28, 28, 1) ─conv/2→ (b, 14, 14, 32) ─conv/2→ (b, 7, 7, 48) ─dense→ z (b, 32)
        z ─denseᵀ→ (b, 7, 7, 48) ─conv/2ᵀ→ (b, 14, 14, 32) ─conv/2ᵀ→ reconstruction (b, 28, 28, 1)

    Args:
        image_shape: shape ``(height, width, channels)``; height and width are divisible by 2 for every convolution.
        filters: channels after each convolution, each of which halves height and width.
        kernel_size: height and width of the convolutions' kernels.
        latent_dim: length of the code.
        activation: of the hidden layers; the code is linear and the output is a sigmoid.
        tied: False gives the decoder kernels of its own, of the same shapes: the untied twin, of twice the weights.
    """

    def __init__(
        self,
        *,
        image_shape=(28, 28, 1),
        filters=(32, 48),
        kernel_size=4,
        latent_dim=32,
        activation="silu",
        tied=True,
        **kwargs,
    ):
        super().__init__(image_shape=image_shape, **kwargs)
        if latent_dim < 1 or any(channels < 1 for channels in filters):
            raise ValueError(f"latent_dim and filters must be positive: received {latent_dim!r} and {filters!r}.")
        factor = 2 ** len(filters)
        height, width, channels = self.image_shape
        check_divisible(self.image_shape, factor)
        self.filters, self.kernel_size, self.latent_dim, self.tied = tuple(filters), kernel_size, latent_dim, tied
        self.activation = keras.activations.get(activation)

        depths = (channels, *self.filters)
        convs = [
            ReversibleConv2D(a, b, kernel_size, strides=2, tied=tied)
            for a, b in zip(depths[:-1], depths[1:], strict=True)
        ]
        grid = (height // factor, width // factor, depths[-1])
        code = ReversibleDense(grid[0] * grid[1] * grid[2], latent_dim, tied=tied, dtype="float32", name="z")

        x = y = keras.Input(self.image_shape, name="x")
        for conv in convs:
            y = layers.Activation(self.activation)(conv(y))
        self.encoder = keras.Model(x, code(layers.Flatten(data_format="channels_last")(y)), name="encoder")

        z = keras.Input((latent_dim,), name="code")
        y = layers.Reshape(grid)(code(z, reverse=True))
        for conv in reversed(convs):
            y = conv(layers.Activation(self.activation)(y), reverse=True)
        y = layers.Activation("sigmoid", dtype="float32", name="reconstruction")(y)
        self.decoder = keras.Model(z, y, name="decoder")

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "latent_dim": self.latent_dim,
            "activation": keras.activations.serialize(self.activation),
            "tied": self.tied,
        }
