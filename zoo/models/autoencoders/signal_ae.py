"""Speech as a short code of whole steps: the codec's model of signals.

Ballé, Laparra & Simoncelli 2017, "End-to-end Optimized Image Compression", along time; Kankanahalli 2018, "End-to-End
Optimized Speech Coding with Deep Neural Networks", for speech. Differs from the latter in a code with learned priors
and an entropy coder instead of bins of one size, in longer frames, and in an encoder of int8 that fits a
microcontroller.
"""

import keras

from zoo import deprecations, losses
from zoo.layers import EntropyBottleneck
from zoo.models.audio import STRIDE, audio_decoder, audio_encoder, checked_length
from zoo.models.quantized import QuantizedAutoencoder


@keras.saving.register_keras_serializable("zoo")
class SignalAE(QuantizedAutoencoder):
    """Frames of a signal, trained for rate and distortion together.

        x (b, 576, 1) → conv/4 (b, 144, 32), residual block → conv/4 (b, 36, 64), residual blocks
        → conv/2 (b, 18, 96), residual block → conv 1 (b, 18, 10) → z (b, 180)
        → bottleneck: round(z / step) · step, by the best of a few priors; rate in bits added to the loss
        → conv (b, 18, 160), residual blocks → sub-pixel (b, 36, 96), residual blocks → sub-pixel (b, 144, 48),
        residual block → sub-pixel (b, 576, 1)

    A longer signal is cut into such frames, which overlap a little and are faded into each other
    (``zoo.codec.frames``); the squared error is weighted by that.

    Args:
        example_shape: shape ``(length, channels)`` of a frame, in [−1, 1]; the length is a multiple of 32.
        overlap: samples that a frame shares with each of its neighbours.
        emphasis: of the error's high frequencies in the loss, from 0 to below 1 (``losses.WindowedSquaredError``).
        rate_weight: weight of one bit against a squared error of 1: the quality.
        latent_channels: numbers of the code for each 32 samples; training leaves unused ones constant.
        step: quantisation step of the code.
        num_priors: learned priors of the latent code, of which every frame takes the one that suits it best.
        filters: channels of the encoder at a 4th, 16th and 32nd of the rate.
        decoder_filters: of the decoder, from a 4th to a 32nd.
        encoder_blocks, decoder_blocks: residual blocks, in the same order.

    Raises:
        ValueError: if the length is no multiple of 32, or the overlap exceeds half of it.
    """

    axes = 2
    value_range = (-1, 1)
    margin = 1.0  # of recordings in floating point, which may go beyond

    coder = "frames"

    @deprecations.renamed_arguments(image_shape="example_shape", tables="num_priors")
    def __init__(
        self,
        *,
        example_shape=(576, 1),
        overlap=64,
        emphasis=0.7,
        rate_weight=0.002,
        latent_channels=10,
        step=0.25,
        num_priors=32,
        filters=(32, 64, 96),
        decoder_filters=(48, 96, 160),
        encoder_blocks=(1, 2, 1),
        decoder_blocks=(1, 2, 3),
        **kwargs,
    ):
        super().__init__(example_shape=example_shape, **kwargs)
        length = checked_length(self.example_shape)
        if not 0 <= overlap <= length // 2:
            raise ValueError(f"overlap must be from 0 to half of the length, {length // 2}: received {overlap!r}.")
        self.overlap, self.emphasis, self.rate_weight = overlap, emphasis, rate_weight
        self.latent_channels, self.step, self.num_priors = latent_channels, step, num_priors
        self.filters, self.decoder_filters = tuple(filters), tuple(decoder_filters)
        self.encoder_blocks, self.decoder_blocks = tuple(encoder_blocks), tuple(decoder_blocks)
        self.latent_dim = length // STRIDE * latent_channels

        self.encoder = audio_encoder(self.example_shape, latent_channels, self.filters, self.encoder_blocks)
        self.bottleneck = EntropyBottleneck(
            rate_weight=rate_weight, step=step, num_priors=num_priors, name="bottleneck"
        )
        self.decoder = audio_decoder(self.example_shape, latent_channels, self.decoder_filters, self.decoder_blocks)

    def default_loss(self):
        """The squared error weighted as frames are heard."""
        return losses.WindowedSquaredError(overlap=self.overlap, emphasis=self.emphasis)

    def get_config(self):
        return {
            **super().get_config(),
            "overlap": self.overlap,
            "emphasis": self.emphasis,
            "rate_weight": self.rate_weight,
            "latent_channels": self.latent_channels,
            "step": self.step,
            "num_priors": self.num_priors,
            "filters": self.filters,
            "decoder_filters": self.decoder_filters,
            "encoder_blocks": self.encoder_blocks,
            "decoder_blocks": self.decoder_blocks,
        }
