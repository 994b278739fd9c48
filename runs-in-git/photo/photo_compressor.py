"""The codec's autoencoder of photographs: any size, colour, one network for every quality.

Ballé et al. 2018, "Variational Image Compression with a Scale Hyperprior", with the channel-wise contexts of Minnen &
Singh 2020 and He et al. 2022 (ELIC) in place of a hyperprior. Differs from them in what starts both halves, a linear
transform of 16 × 16 patches from their principal components, beside which small networks learn the rest (Li et al. 2025,
AuxT); in a learned step per channel and quality on the latents (Cui et al. 2021, "Asymmetric Gained Deep Image
Compression"); and in contexts of a few integer sums, so that every machine decodes the same symbols.
"""

import math

import keras
import numpy as np
from keras import layers, ops

from zoo.layers import ResidualBlock2D
from zoo.layers.latent_context import LatentContext, logistic_bits
from zoo.layers.patch_transform import PatchAnalysis, PatchSynthesis
from zoo.models.base import Autoencoder

PATCH = 16  # pixels, in each direction, to one place of the latents
LEVELS = 255.0


@keras.saving.register_keras_serializable("zoo")
class PhotoCompressor(Autoencoder):
    """A linear transform and a small network each way, and contexts for the latents between.

        x (b, h, w, 3) → 16×16 linear (b, h/16, w/16, 192), from principal components
                       + convolutions of strides 4, 2, 2 (b, h/16, w/16, 192)   → y, in units of a channel's deviation
        y / step(quality) → round → contexts: mean and scale of each, group after group; rate
        × step(quality) → 16×16 linear (b, h, w, 3)
                        + residual blocks, sub-pixel convolutions (b, h, w, 3)  → reconstruction

    ``fit`` draws a quality for each example. It minimises bits a pixel + λ(quality) · squared error in levels, divided
    by √λ, which gives all qualities gradients of about one size.

    Args:
        image_shape: shape ``(height, width, 3)`` of the training crops; multiples of 16. Weights fit every size.
        latent_channels: of the latents.
        groups: channels of each group of the latents, in the order of decoding (``zoo.layers.LatentContext``).
        context_filters: hidden channels of each group's contexts.
        encoder_filters: channels of the encoder's network at 1/4, 1/8 and 1/16 of the resolution.
        decoder_filters: channels of the decoder's network at 1/16, 1/8 and 1/4 of the resolution.
        decoder_blocks: residual blocks at each of them.
        qualities: number of qualities; fractions between them are interpolated.
        distortion_weights: λ of the lowest and the highest quality.
        steps: initial quantisation steps, in levels, of the lowest and the highest quality.
        quality: that ``call`` and ``predict`` use, from 1 to ``qualities``.
        seed: of the draws in training.
    """

    def __init__(
        self,
        *,
        image_shape=(128, 128, 3),
        latent_channels=192,
        groups=(4, 12, 32, 64, 80),
        context_filters=(48, 64, 96, 96, 96),
        encoder_filters=(32, 64, 96),
        decoder_filters=(192, 128, 64),
        decoder_blocks=(2, 2, 1),
        qualities=8,
        distortion_weights=(0.0004, 0.02),
        steps=(190.0, 22.0),
        quality=4.0,
        seed=None,
        **kwargs,
    ):
        # The networks have the number format of the policy; sums of levels and of bits keep float32.
        super().__init__(image_shape=image_shape, autocast=False, **kwargs)
        if any(n % PATCH for n in self.image_shape[:2]) or self.image_shape[2] != 3:
            raise ValueError(f"image_shape must be (height, width, 3), multiples of {PATCH}: received {image_shape!r}.")
        if sum(groups) != latent_channels:
            raise ValueError(f"groups must sum to latent_channels, {latent_channels}: received {groups!r}.")
        self.latent_channels, self.groups, self.context_filters = latent_channels, tuple(groups), tuple(context_filters)
        self.encoder_filters, self.decoder_filters = tuple(encoder_filters), tuple(decoder_filters)
        self.decoder_blocks, self.qualities = tuple(decoder_blocks), qualities
        self.distortion_weights, self.steps = tuple(distortion_weights), tuple(steps)
        self.quality, self.seed = quality, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

        self.analysis = PatchAnalysis(latent_channels, PATCH, dtype="float32", name="analysis")
        self.synthesis = PatchSynthesis(latent_channels, PATCH, dtype="float32", name="synthesis")
        self.encoder_network = self._encoder_network()
        self.decoder_network = self._decoder_network()
        self.context = LatentContext(groups, context_filters, qualities=qualities, name="context")

    def _encoder_network(self):
        fine, middle, coarse = self.encoder_filters
        x = keras.Input((None, None, 3), name="x")
        y = _conv(fine)(ops.space_to_depth(x, 4))
        y = ResidualBlock2D(middle, activation=None)(_conv(middle, strides=2)(y))
        y = layers.Conv2D(self.latent_channels, 1, kernel_initializer="zeros", name="y")(_conv(coarse, strides=2)(y))
        return keras.Model(x, y, name="encoder_network")

    def _decoder_network(self):
        y = keras.Input((None, None, self.latent_channels), name="y")
        bias = keras.Input((1, 1, self.decoder_filters[0]), name="quality")
        x = ops.relu(layers.Conv2D(self.decoder_filters[0], 3, padding="same", name="first")(y) + bias)
        for index, (filters, blocks) in enumerate(zip(self.decoder_filters, self.decoder_blocks, strict=True)):
            if index:
                x = ops.depth_to_space(layers.Conv2D(4 * filters, 1, name=f"up_{index}")(x), 2)
            for _ in range(blocks):
                x = ResidualBlock2D(filters, activation=None)(x)
        x = layers.Conv2D(48, 3, padding="same", kernel_initializer="zeros", name="last")(x)
        return keras.Model([y, bias], ops.depth_to_space(x, 4), name="decoder_network")

    def build(self, input_shape=None):
        self.analysis.build((None, None, None, 3))
        self.synthesis.build((None, None, None, self.latent_channels))
        self.context.build((None, None, None, self.latent_channels))
        channels = (self.latent_channels,)
        self.deviations = self.add_weight(shape=channels, initializer="ones", trainable=False, name="deviations")
        by_quality = (self.qualities, *channels)
        self.log_steps = self.add_weight(shape=by_quality, initializer="zeros", name="log_steps")
        self.log_gains = self.add_weight(shape=by_quality, initializer="zeros", name="log_gains")
        shape = (self.qualities, self.decoder_filters[0])
        self.decoder_biases = self.add_weight(shape=shape, initializer="zeros", name="decoder_biases")
        logs = np.linspace(*np.log(self.steps), self.qualities, dtype="float32")[:, None]
        self.log_steps.assign(np.repeat(logs, self.latent_channels, axis=1))

    def adapt(self, patches):
        """Starts both transforms as the principal components of patches ``(n, 16, 16, 3)`` in [0, 1]."""
        x = np.reshape(patches, (len(patches), -1)).astype("float32") * LEVELS - 128.0
        variances, vectors = np.linalg.eigh(x.T.astype("float64") @ x / len(x))
        basis = vectors.T[::-1][: self.latent_channels]
        deviations = np.sqrt(variances[::-1][: self.latent_channels])
        self.analysis.set_basis(basis)
        self.synthesis.set_basis(basis)
        self.deviations.assign(deviations)
        # A logistic distribution's deviation is 1.8 times its scale.
        self.context.set_scales(np.log(deviations) - ops.convert_to_numpy(self.log_steps) - math.log(1.8))

    def mixture(self, quality):
        """Weights of the neighbouring qualities, ``(batch, qualities)``, of qualities ``(batch,)`` from 1 on."""
        positions = ops.arange(1, self.qualities + 1, dtype="float32")
        return ops.relu(1.0 - ops.abs(quality[:, None] - positions))

    def latents(self, x):
        """Latents of pictures ``(batch, height, width, 3)`` in units of a level, ``(batch, h/16, w/16, channels)``."""
        x = ops.cast(x, "float32")
        learned = ops.cast(self.encoder_network(2.0 * x - 1.0), "float32")
        return self.analysis(LEVELS * x - 128.0) + learned * self.deviations

    def restored(self, y, mixture):
        """Pictures from latents ``(batch, h/16, w/16, channels)`` in units of a level."""
        bias = ops.matmul(mixture, self.decoder_biases)[:, None, None]
        learned = ops.cast(self.decoder_network([y / self.deviations, bias]), "float32")
        return (self.synthesis(y) + 64.0 * learned + 128.0) / LEVELS

    def coded(self, x, quality, training=False):
        """What coding pictures at qualities ``(batch,)`` gives.

        Returns:
            The reconstruction, shaped as ``x``, and the bits of each example, ``(batch,)``.
        """
        mixture = self.mixture(quality)
        step = ops.exp(ops.matmul(mixture, self.log_steps))[:, None, None]
        gain = ops.exp(ops.matmul(mixture, self.log_gains))[:, None, None]
        y = self.latents(x) / step
        rounded = y + ops.stop_gradient(ops.round(y) - y)
        means, log_scales = self.context(rounded, mixture)
        noise = keras.random.uniform(ops.shape(y), -0.5, 0.5, seed=self.seed_generator) if training else 0.0
        bits = logistic_bits(y + noise if training else rounded, means, log_scales)
        return self.restored(rounded * step * gain, mixture), ops.sum(bits, axis=(1, 2, 3))

    def call(self, x, training=False):
        if not training:
            return ops.clip(self.coded(x, ops.full(ops.shape(x)[:1], self.quality))[0], 0.0, 1.0)
        quality = keras.random.uniform(ops.shape(x)[:1], 1.0, float(self.qualities), seed=self.seed_generator)
        reconstruction, bits = self.coded(x, quality, training=True)
        self.add_loss(self._loss(x, reconstruction, bits, quality))
        return reconstruction

    def _loss(self, x, reconstruction, bits, quality):
        low, high = np.log(self.distortion_weights)
        weight = ops.exp(low + (high - low) * (quality - 1.0) / (self.qualities - 1))
        error = LEVELS**2 * ops.mean(ops.square(ops.cast(x, "float32") - reconstruction), axis=(1, 2, 3))
        rate = bits / ops.cast(ops.shape(x)[1] * ops.shape(x)[2], "float32")
        return 0.05 * ops.mean((rate + weight * error) / ops.sqrt(weight))

    def default_loss(self):
        return None

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if training:  # `call` has added it
            return sum(self.losses)
        losses = []
        for quality in range(1, self.qualities + 1):
            quality = ops.full(ops.shape(x)[:1], float(quality))
            losses.append(self._loss(x, *self.coded(x, quality), quality))
        return sum(losses) / len(losses)

    def get_config(self):
        names = (
            "latent_channels groups context_filters encoder_filters decoder_filters decoder_blocks qualities "
            "distortion_weights steps quality seed"
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names.split()}}


def _conv(filters, strides=1):
    return layers.Conv2D(filters, 3, strides, padding="same", activation="relu", kernel_initializer="he_normal")
