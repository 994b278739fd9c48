"""Convolutional autoencoder, trained for rate and distortion together.

Ballé et al. 2017, "End-to-end Optimized Image Compression". Differs from the paper in its short vector code
(a whole small image is one tile, so a factorised prior per latent number serves), in residual blocks and
ReLU instead of generalised divisive normalisation (which LiteRT Micro lacks), and in rounding with a
straight-through gradient for the decoder.
"""

import keras
from keras import layers

from zoo.layers import EntropyBottleneck, ResidualBlock2D, SubPixelConv2D
from zoo.models.base import Autoencoder


@keras.saving.register_keras_serializable("zoo")
class ConvAE(Autoencoder):
    """A small strided encoder, a quantised code with a learned prior, and a larger sub-pixel decoder.

        x (b, 28, 28, 1) → conv/2 (b, 14, 14, 32) → conv/2 (b, 7, 7, 64) → conv (b, 7, 7, 32) → z (b, 64)
        → bottleneck: round(z / step) · step, rate in bits added to the loss
        → dense (b, 7, 7, 32) → conv, residual blocks (b, 7, 7, 64) → sub-pixel (b, 14, 14, 32) → (b, 28, 28, 1)

    Args:
        image_shape: shape ``(height, width, channels)``; height and width are multiples of 4.
        filters: channels at a quarter of the resolution, in the encoder.
        decoder_filters: the same in the decoder.
        encoder_blocks, decoder_blocks: residual blocks of each half.
        latent_dim: length of the code.
        rate_weight: weight of one bit against a squared error of 1, summed over the pixels.
        step: quantisation step of the code.
        initial_bias: of the output, before its sigmoid. All pixels of mostly dark images pull an output that starts
            at 1/2 down at once, which may saturate it at 0, where no gradient brings it back; −2 starts at 0.12.
    """

    def __init__(
        self,
        *,
        image_shape=(28, 28, 1),
        filters=64,
        decoder_filters=64,
        encoder_blocks=0,
        decoder_blocks=2,
        latent_dim=64,
        rate_weight=0.01,
        step=0.125,
        initial_bias=0.0,
        **kwargs,
    ):
        super().__init__(image_shape=image_shape, **kwargs)
        height, width, channels = self.image_shape
        if height % 4 or width % 4:
            raise ValueError(f"image_shape must have a height and width divisible by 4: received {image_shape!r}.")
        self.filters, self.decoder_filters, self.latent_dim = filters, decoder_filters, latent_dim
        self.encoder_blocks, self.decoder_blocks = encoder_blocks, decoder_blocks
        self.rate_weight, self.step, self.initial_bias = rate_weight, step, initial_bias

        def conv(units, size=3, strides=1):
            return layers.Conv2D(
                units, size, strides, padding="same", activation="relu", kernel_initializer="he_normal"
            )

        self.encoder = keras.Sequential(
            [
                conv(filters // 2, 4, strides=2),
                conv(filters, 4, strides=2),
                *[ResidualBlock2D(filters) for _ in range(encoder_blocks)],
                conv(filters // 2),
                layers.Flatten(),
                layers.Dense(latent_dim, dtype="float32", name="z"),
            ],
            name="encoder",
        )
        self.bottleneck = EntropyBottleneck(rate_weight=rate_weight, step=step, name="bottleneck")
        quarter = (height // 4, width // 4, decoder_filters // 2)
        self.decoder = keras.Sequential(
            [
                layers.Dense(quarter[0] * quarter[1] * quarter[2], "relu", kernel_initializer="he_normal"),
                layers.Reshape(quarter),
                conv(decoder_filters),
                *[ResidualBlock2D(decoder_filters) for _ in range(decoder_blocks)],
                SubPixelConv2D(decoder_filters // 2, activation="relu"),
                conv(decoder_filters // 2),
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

    def build(self, input_shape=None):
        super().build(input_shape)
        self.bottleneck.build((None, self.latent_dim))

    def call(self, x, training=False):
        z = self.bottleneck(self.encoder(self._checked(x), training=training), training=training)
        return self.decoder(z, training=training)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "decoder_filters": self.decoder_filters,
            "encoder_blocks": self.encoder_blocks,
            "decoder_blocks": self.decoder_blocks,
            "latent_dim": self.latent_dim,
            "rate_weight": self.rate_weight,
            "step": self.step,
            "initial_bias": self.initial_bias,
        }
