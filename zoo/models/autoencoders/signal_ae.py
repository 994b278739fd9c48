"""Speech, or another signal, as a short code of whole steps: the codec's model of signals.

Ballé, Laparra & Simoncelli 2017, "End-to-end Optimized Image Compression", along time; Kankanahalli 2018, "End-to-End
Optimized Speech Coding with Deep Neural Networks", for speech. Differs from the latter in a code with learned priors
and an entropy coder instead of bins of one size, in longer frames, and in an encoder of int8 that fits a
microcontroller.
"""

import keras

from zoo import deprecations, losses
from zoo.codec.frames import HEADROOM, LEVELS
from zoo.layers import EntropyBottleneck
from zoo.models import principal_signals
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
        filters: channels of the encoder at a 4th, 16th and 32nd of the rate; none, without ``encoder_blocks`` either,
            for a linear encoder: one convolution of 64 samples, which int8 rounds only once.
        decoder_filters: of the decoder, from a 4th to a 32nd.
        encoder_blocks, decoder_blocks: residual blocks, in the same order.
        sample_rate: of the signals, in Hz.
        headroom: steps of 1.5 dB that a frame's level is above what its samples need at most (``zoo.codec.frames``):
            the more, the more evenly the error of a signal is spread over its loud and quiet frames.
        unit: of what is measured, such as ``mV``; empty for sound, whose full scale is its unit.
        resolution: 16-bit steps a unit; 0 for sound.

    Raises:
        ValueError: if the length is no multiple of 32, the overlap exceeds half of it, the rate or the headroom is out
            of range, or a unit comes without a resolution.
    """

    axes = 2
    value_range = (-1, 1)
    margin = 1.0  # of recordings in floating point, which may go beyond

    coder = "frames"

    @property
    def modality(self):
        """What its examples are, a name of ``zoo.modalities``."""
        return "signal" if self.unit else "audio"

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
        sample_rate=8000,
        headroom=HEADROOM,
        unit="",
        resolution=0,
        **kwargs,
    ):
        super().__init__(example_shape=example_shape, **kwargs)
        length = checked_length(self.example_shape)
        if not 0 <= overlap <= length // 2:
            raise ValueError(f"overlap must be from 0 to half of the length, {length // 2}: received {overlap!r}.")
        for name, value, low, high in (("sample_rate", sample_rate, 1, 1_000_000), ("headroom", headroom, 0, LEVELS)):
            if not isinstance(value, int) or not low <= value <= high:
                raise ValueError(f"{name} must be an integer from {low} to {high:,}: received {value!r}.")
        if bool(unit) != bool(resolution) or resolution < 0 or not unit.isascii():
            raise ValueError(
                f"unit must be ASCII and come with a resolution above 0, or neither be given: received {unit!r} and "
                f"{resolution!r}."
            )
        self.sample_rate, self.headroom, self.unit, self.resolution = sample_rate, headroom, unit, resolution
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

    def adapt(self, frames):
        """A linear encoder starts as the principal components of frames ``(n, length, 1)``, others as they are drawn.

        The steps of the components suit the rate weight.
        """
        if self.filters:
            return
        step = principal_signals.step_for(self.rate_weight)
        principal_signals.start(self.encoder, self.decoder, self.bottleneck, frames[..., 0], step)

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
            "sample_rate": self.sample_rate,
            "headroom": self.headroom,
            "unit": self.unit,
            "resolution": self.resolution,
        }
