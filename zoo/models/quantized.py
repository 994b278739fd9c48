"""What autoencoders with a quantised code share: the bottleneck between the halves, and the decoder."""

import keras
from keras import layers, ops

from zoo.layers import EntropyBottleneck, ResidualBlock2D, SubPixelConv2D
from zoo.models.base import Autoencoder
from zoo.models.blocks import conv


class QuantizedAutoencoder(Autoencoder):
    """An autoencoder whose decoder sees whole steps of the code, and whose loss counts the bits that they take.

        x → encoder → z (b, latent_dim) → bottleneck: round(z / step) · step → decoder → reconstruction

    A subclass creates ``encoder``, ``bottleneck`` and ``decoder``, and sets ``latent_dim`` and ``step``.
    """

    coder = "tiles"  # of ``zoo.codec``, that codes its latents
    bottleneck: EntropyBottleneck
    latent_dim: int
    step: float

    def build(self, input_shape=None):
        super().build(input_shape)
        self.bottleneck.build((None, self.latent_dim))

    def call(self, x, training=False):
        z = self.encoder(self._checked(x), training=training)
        z = self.bottleneck(z, training=training, sample_weight=self._sample_weight())
        return self.decoder(z, training=training)

    def bits(self, x):
        """What images ``(batch, *image_shape)`` take by the learned prior, in bits, ``(batch,)``."""
        return self.bottleneck.rate(ops.round(self.encode(x) / self.step))


def sub_pixel_decoder(image_shape, narrow_filters, filters, blocks, initial_bias):
    """A decoder of vectors: dense, residual blocks at a quarter of the resolution, two sub-pixel convolutions.

    Args:
        image_shape: ``(height, width, channels)``, multiples of 4 but for the channels.
        narrow_filters: channels that the dense layer makes.
        filters: channels of the blocks; half as many at half of the resolution.
        blocks: residual blocks.
        initial_bias: of the output, before its sigmoid.
    """
    height, width, channels = image_shape
    narrow = (height // 4, width // 4, narrow_filters)
    return keras.Sequential(
        [
            layers.Dense(narrow[0] * narrow[1] * narrow[2], "relu", kernel_initializer="he_normal"),
            layers.Reshape(narrow),
            conv(filters),
            *[ResidualBlock2D(filters) for _ in range(blocks)],
            SubPixelConv2D(filters // 2, activation="relu"),
            conv(filters // 2),
            SubPixelConv2D(
                channels,
                activation="sigmoid",
                bias_initializer=keras.initializers.Constant(initial_bias),
                dtype="float32",
                name="reconstruction",
            ),
        ],
        name="decoder",
    )
