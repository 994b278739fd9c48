"""Convolutional autoencoder, trained for rate and distortion together.

Ballé et al. 2017, "End-to-end Optimized Image Compression". Differs from the paper in its short vector code
(a whole small image is one tile, so a factorised prior per latent number serves), in residual blocks and
ReLU instead of generalised divisive normalisation (which LiteRT Micro lacks), and in rounding with a
straight-through gradient for the decoder.
"""

import keras
from keras import layers

from zoo.layers import EntropyBottleneck, ResidualBlock2D
from zoo.models.inputs import check_divisible
from zoo.models.quantized import QuantizedAutoencoder, conv, sub_pixel_decoder


@keras.saving.register_keras_serializable("zoo")
class ConvAE(QuantizedAutoencoder):
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
        check_divisible(self.image_shape, 4)
        self.filters, self.decoder_filters, self.latent_dim = filters, decoder_filters, latent_dim
        self.encoder_blocks, self.decoder_blocks = encoder_blocks, decoder_blocks
        self.rate_weight, self.step, self.initial_bias = rate_weight, step, initial_bias

        self.encoder = keras.Sequential(
            [
                conv(filters // 2, 4, strides=2),
                conv(filters, 4, strides=2),
                *[ResidualBlock2D(filters) for _ in range(encoder_blocks)],
                conv(filters // 2),
                layers.Flatten(data_format="channels_last"),
                layers.Dense(latent_dim, dtype="float32", name="z"),
            ],
            name="encoder",
        )
        self.bottleneck = EntropyBottleneck(rate_weight=rate_weight, step=step, name="bottleneck")
        self.decoder = sub_pixel_decoder(
            self.image_shape, decoder_filters // 2, decoder_filters, decoder_blocks, initial_bias
        )

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
