"""The codec's autoencoder: a small encoder for a microcontroller, a code of whole steps, and a larger decoder.

Ballé, Laparra & Simoncelli 2017, "End-to-end Optimized Image Compression", and Ballé et al. 2018, "Variational Image
Compression with a Scale Hyperprior". Differs from the former in a short vector code (a small image is one tile) and in
residual blocks with ReLU instead of generalised divisive normalisation, which LiteRT Micro lacks; from the latter in
what adapts the prior to an image: the index of one of a few static tables, so that no network has to decide a symbol.
"""

import keras
from keras import layers

from zoo import deprecations
from zoo.layers import EntropyBottleneck, ResidualBlock2D
from zoo.models.inputs import check_divisible
from zoo.models.quantized import QuantizedAutoencoder, conv, sub_pixel_decoder


@keras.saving.register_keras_serializable("zoo")
class Compressor(QuantizedAutoencoder):
    """Trained for rate and distortion together: squared error + ``rate_weight`` · bits, summed over an image.

        x (b, 28, 28, 1) → conv/2 (b, 14, 14, 32), residual block → conv/2 (b, 7, 7, 64), residual blocks
        → conv 1×1 (b, 7, 7, 16) → z (b, 64)
        → bottleneck: round(z / step) · step, by the best of a few priors; rate in bits added to the loss
        → dense (b, 7, 7, 32) → conv, residual blocks (b, 7, 7, 80) → sub-pixel (b, 14, 14, 40), conv
        → sub-pixel (b, 28, 28, 1)

    Args:
        image_shape: shape ``(height, width, channels)``; height and width are multiples of 4.
        rate_weight: weight of one bit against a squared error of 1: the quality.
        latent_dim: length of the code; training leaves unused numbers constant, which cost nothing.
        step: quantisation step of the code.
        num_priors: learned priors of the latent code, of which every image takes the one that suits it best.
        filters: channels at a quarter of the resolution in the encoder; half as many at half of it.
        decoder_filters: the same in the decoder.
        encoder_blocks: residual blocks ``(at half of the resolution, at a quarter of it)``.
        decoder_blocks: residual blocks at a quarter of the resolution.
        initial_bias: of the output, before its sigmoid; −2 starts mostly dark images at 0.12.

    Raises:
        ValueError: if the image's sizes are not multiples of 4.
    """

    @deprecations.renamed_arguments(tables="num_priors")
    def __init__(
        self,
        *,
        image_shape=(28, 28, 1),
        rate_weight=0.01,
        latent_dim=64,
        step=0.125,
        num_priors=16,
        filters=64,
        decoder_filters=80,
        encoder_blocks=(1, 2),
        decoder_blocks=3,
        initial_bias=0.0,
        **kwargs,
    ):
        super().__init__(image_shape=image_shape, **kwargs)
        check_divisible(self.image_shape, 4)
        self.rate_weight, self.latent_dim, self.step, self.num_priors = rate_weight, latent_dim, step, num_priors
        self.filters, self.decoder_filters = filters, decoder_filters
        self.encoder_blocks, self.decoder_blocks = tuple(encoder_blocks), decoder_blocks
        self.initial_bias = initial_bias

        self.encoder = keras.Sequential(
            [
                conv(filters // 2, 4, strides=2),
                *[ResidualBlock2D(filters // 2) for _ in range(self.encoder_blocks[0])],
                conv(filters, 4, strides=2),
                *[ResidualBlock2D(filters) for _ in range(self.encoder_blocks[1])],
                conv(filters // 4, 1),
                layers.Flatten(data_format="channels_last"),
                layers.Dense(latent_dim, dtype="float32", name="z"),
            ],
            name="encoder",
        )
        self.bottleneck = EntropyBottleneck(
            rate_weight=rate_weight, step=step, num_priors=num_priors, name="bottleneck"
        )
        self.decoder = sub_pixel_decoder(self.image_shape, 32, decoder_filters, decoder_blocks, initial_bias)

    def get_config(self):
        return {
            **super().get_config(),
            "rate_weight": self.rate_weight,
            "latent_dim": self.latent_dim,
            "step": self.step,
            "num_priors": self.num_priors,
            "filters": self.filters,
            "decoder_filters": self.decoder_filters,
            "encoder_blocks": self.encoder_blocks,
            "decoder_blocks": self.decoder_blocks,
            "initial_bias": self.initial_bias,
        }
