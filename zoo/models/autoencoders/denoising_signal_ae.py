"""Denoising autoencoder of speech.

Vincent et al. 2010, "Stacked Denoising Autoencoders", along time; Lu et al. 2013, "Speech Enhancement Based on Deep
Denoising Autoencoder". Differs from the latter in that it works on samples instead of spectra, by convolutions, and in
that one network learns all levels of noise, without being told which it hears.
"""

import keras

from zoo import deprecations
from zoo.layers import SignalNoise
from zoo.models.audio import STRIDE, audio_decoder, audio_encoder, checked_length
from zoo.models.base import Autoencoder

NOISE_ARGUMENTS = ("decibels", "colours", "seed")


@keras.saving.register_keras_serializable("zoo")
class DenoisingSignalAE(Autoencoder):
    """Frames of a signal through a code of fewer numbers than they have samples, noise left out.

        x (b, 576, 1) → noise, in training only
        → conv/4 (b, 144, 32), residual block → conv/4 (b, 36, 64), residual blocks
        → conv/2 (b, 18, 128), residual block → conv 1 (b, 18, 24) → z (b, 432)
        → conv (b, 18, 128), residual blocks → sub-pixel (b, 36, 96), residual blocks
        → sub-pixel (b, 144, 48), residual block → sub-pixel (b, 576, 1)

    Args:
        example_shape: shape ``(length, channels)`` of a frame, in [−1, 1]; the length is a multiple of 32.
        latent_channels: numbers of the code for each 32 samples, below 32 · channels.
        filters, decoder_filters: channels of the halves at a 4th, 16th and 32nd of the rate.
        encoder_blocks, decoder_blocks: residual blocks, in the same order.
        decibels, colours, seed: of the noise, see ``zoo.layers.SignalNoise``.
        sample_rate: of the signals, in Hz.

    Raises:
        ValueError: if the length is no multiple of 32, or the code is not smaller than the frame.
    """

    axes = 2
    value_range = (-1, 1)
    margin = 1.0  # of recordings in floating point, which may go beyond

    @deprecations.renamed_arguments(image_shape="example_shape")
    def __init__(
        self,
        *,
        example_shape=(576, 1),
        latent_channels=24,
        filters=(32, 64, 128),
        decoder_filters=(48, 96, 128),
        encoder_blocks=(1, 2, 1),
        decoder_blocks=(1, 2, 2),
        decibels=(-40.0, -12.0),
        colours=(0.0, 0.95),
        seed=None,
        sample_rate=8000,
        **kwargs,
    ):
        super().__init__(example_shape=example_shape, **kwargs)
        checked_length(self.example_shape)
        if not 1 <= latent_channels < STRIDE * self.example_shape[1]:
            raise ValueError(
                f"latent_channels must be from 1 to {STRIDE * self.example_shape[1] - 1}: received {latent_channels!r}."
            )
        self.latent_channels, self.sample_rate = latent_channels, sample_rate
        self.filters, self.decoder_filters = tuple(filters), tuple(decoder_filters)
        self.encoder_blocks, self.decoder_blocks = tuple(encoder_blocks), tuple(decoder_blocks)
        self.noise = SignalNoise(decibels=decibels, colours=colours, seed=seed, name="noise")
        self.encoder = audio_encoder(self.example_shape, latent_channels, self.filters, self.encoder_blocks)
        self.decoder = audio_decoder(self.example_shape, latent_channels, self.decoder_filters, self.decoder_blocks)

    def call(self, x, training=False):
        noisy = self.noise(self._checked(x), training=training)
        return self.decoder(self.encoder(noisy, training=training), training=training)

    def get_config(self):
        noise = self.noise.get_config()
        return {
            **super().get_config(),
            "latent_channels": self.latent_channels,
            "filters": self.filters,
            "decoder_filters": self.decoder_filters,
            "encoder_blocks": self.encoder_blocks,
            "decoder_blocks": self.decoder_blocks,
            **{key: noise[key] for key in NOISE_ARGUMENTS},
            "sample_rate": self.sample_rate,
        }
