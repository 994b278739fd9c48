"""The codec's autoencoder of photographs: any size, colour, one network for every quality.

Ballé et al. 2018, "Variational Image Compression with a Scale Hyperprior", with the channel-wise contexts of Minnen &
Singh 2020 and He et al. 2022 (ELIC) in place of a hyperprior. Differs from them in what starts both halves, a linear
transform of 16 × 16 patches from their principal components, beside which small networks learn the rest (Li et al.
2025, AuxT); in a learned step per channel and quality on the latents (Cui et al. 2021, "Asymmetric Gained Deep Image
Compression"); and in contexts of a few integer sums, so that every machine decodes the same symbols.
"""

import math

import keras
import numpy as np
from keras import layers, ops

from zoo import backend
from zoo.codec.coders.latents import PATCH
from zoo.layers import LatentContext, PatchAnalysis, PatchSynthesis, ResidualBlock2D, Whitening
from zoo.layers.latent_context import logistic_bits
from zoo.models.base import Autoencoder, in_batches
from zoo.models.blocks import conv
from zoo.models.inputs import check_divisible, mean

LAST = "channels_last"
LEVELS, MIDDLE = 255.0, 128.0  # the transforms work on levels about the middle one
ENCODER_UNIT, DECODER_UNIT = 16.0, 64.0  # levels, in which the networks' outputs count; of about 1 they train best
LOSS_SCALE = 0.05  # which gives gradients a norm of about 1, at which they are clipped


@keras.saving.register_keras_serializable("zoo")
class PhotoCompressor(Autoencoder):
    """A linear transform and a small network each way, and contexts for the latents between.

        x (b, h, w, 3) → 16×16 linear (b, h/16, w/16, 192), from principal components
                       + convolutions of strides 4, 2, 2 (b, h/16, w/16, 192)   → z, in levels
        z / step(quality) → round → contexts: mean and scale of each, group after group; rate
        × step(quality) → 16×16 linear (b, h, w, 3)
                        + residual blocks, sub-pixel convolutions (b, h, w, 3)  → reconstruction

    ``fit`` draws a quality for each example. It minimises bits a pixel + λ(quality) · squared error in levels, divided
    by √λ, which gives all qualities gradients of about one size. ``adapt`` starts the transforms, before ``fit``.
    ``encode`` gives latents ``(b, h/16, w/16, latent_channels)``, which no quality has rounded yet; ``decode`` takes
    them as they are.

    Args:
        image_shape: shape ``(height, width, 3)`` of the training crops; multiples of 16. Weights fit every such size.
        latent_channels: of the latents.
        groups: channels of each group of the latents, in the order of decoding (``zoo.layers.LatentContext``).
        context_filters: hidden channels of each group's contexts.
        encoder_filters: channels of the encoder's network at 1/4, 1/8 and 1/16 of the resolution.
        decoder_filters: channels of the decoder's network at 1/16, 1/8 and 1/4 of the resolution.
        decoder_blocks: residual blocks at each of them.
        qualities: number of qualities; fractions between them are interpolated.
        distortion_weights: λ of the lowest and the highest quality.
        steps: initial quantisation steps, in levels, of the lowest and the highest quality.
        quality: that ``call``, ``predict`` and ``decode`` use, from 1 to ``qualities``.
        seed: of the draws in training.

    Raises:
        ValueError: if the image's sizes are not multiples of 16, it has not 3 channels, or the groups do not sum to
            ``latent_channels``.
    """

    coder = "latents"
    stride = PATCH

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
        check_divisible(self.image_shape, PATCH)
        if self.image_shape[2] != 3:
            raise ValueError(
                f"image_shape must be (height, width, 3), as the model is of colour: received {image_shape!r}."
            )
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
        self.whitening = Whitening(dtype="float32", name="whitening")
        # Tables of the qualities, times their weights (``mixture``).
        self.log_steps, self.log_gains = (_table(latent_channels, name) for name in ("log_steps", "log_gains"))
        self.decoder_bias = _table(self.decoder_filters[0], "decoder_bias")
        self.correction, self.refinement = self._correction(), self._refinement()
        self.context = LatentContext(groups, context_filters, qualities=qualities, name="context")

        x = keras.Input((None, None, 3), dtype="float32", name="x")
        learned = ENCODER_UNIT * ops.cast(self.correction(x), "float32")
        self.encoder = keras.Model(x, self.analysis(LEVELS * x - MIDDLE) + learned, name="encoder")
        z = keras.Input((None, None, latent_channels), dtype="float32", name="z")
        bias = keras.Input((1, 1, self.decoder_filters[0]), dtype="float32", name="quality")
        learned = DECODER_UNIT * ops.cast(self.refinement([self.whitening(z), bias]), "float32")
        self.decoder = keras.Model([z, bias], (self.synthesis(z) + learned + MIDDLE) / LEVELS, name="decoder")

    def _correction(self):
        fine, middle, coarse = self.encoder_filters
        x = keras.Input((None, None, 3), dtype="float32", name="x")
        y = conv(fine)(ops.space_to_depth(2.0 * x - 1.0, 4, data_format=LAST))
        y = ResidualBlock2D(middle, activation=None)(conv(middle, strides=2)(y))
        y = layers.Conv2D(self.latent_channels, 1, kernel_initializer="zeros", data_format=LAST, name="y")(
            conv(coarse, strides=2)(y)
        )
        return keras.Model(x, y, name="correction")

    def _refinement(self):
        y = keras.Input((None, None, self.latent_channels), dtype="float32", name="y")
        bias = keras.Input((1, 1, self.decoder_filters[0]), dtype="float32", name="quality")
        first = layers.Conv2D(self.decoder_filters[0], 3, padding="same", data_format=LAST, name="first")(y)
        x = ops.relu(first + ops.cast(bias, first.dtype))
        for index, (filters, blocks) in enumerate(zip(self.decoder_filters, self.decoder_blocks, strict=True)):
            if index:
                x = ops.depth_to_space(
                    layers.Conv2D(4 * filters, 1, data_format=LAST, name=f"up_{index}")(x), 2, data_format=LAST
                )
            for _ in range(blocks):
                x = ResidualBlock2D(filters, activation=None)(x)
        x = layers.Conv2D(48, 3, padding="same", kernel_initializer="zeros", data_format=LAST, name="last")(x)
        return keras.Model([y, bias], ops.depth_to_space(x, 4, data_format=LAST), name="refinement")

    def build(self, input_shape=None):
        self.context.build((None, None, None, self.latent_channels))
        logs = np.linspace(*np.log(self.steps), self.qualities, dtype="float32")
        for table in (self.log_steps, self.log_gains, self.decoder_bias):
            table.build((None, self.qualities))
        self.log_steps.kernel.assign(np.repeat(logs[:, None], self.latent_channels, axis=1))

    def adapt(self, patches):
        """Starts both transforms as the principal components of patches ``(n, 16, 16, 3)`` in [0, 1]."""
        x = np.reshape(patches, (len(patches), -1)).astype("float64") * LEVELS - MIDDLE
        variances, vectors = np.linalg.eigh(x.T @ x / len(x))
        basis = vectors.T[::-1][: self.latent_channels]
        deviations = np.sqrt(np.maximum(variances[::-1][: self.latent_channels], 1.0))
        self.analysis.set_basis(basis)
        self.synthesis.set_basis(basis)
        self.whitening.set_deviations(deviations)
        # A logistic distribution's deviation is 1.8 times its scale.
        self.context.set_scales(np.log(deviations) - ops.convert_to_numpy(self.log_steps.kernel) - math.log(1.8))

    def mixture(self, quality):
        """Weights of the neighbouring qualities, ``(batch, qualities)``, of qualities ``(batch,)`` from 1 on."""
        positions = ops.arange(1, self.qualities + 1, dtype="float32")
        return ops.relu(1.0 - ops.abs(quality[:, None] - positions))

    def device_encoder(self):
        """The encoder's network for a tile of ``image_shape``; the codec adds the linear transform, exactly."""
        x = keras.Input(self.image_shape, name="x")
        return keras.Model(x, self.correction(x), name="encoder")

    def parts(self):
        return {"encoder": self.device_encoder(), "decoder": self.tile_decoder(), "model": self}

    def tile_decoder(self):
        """The decoder for a tile of ``image_shape``: latents, and the vector of a quality, to pixels."""
        rows, columns = (n // PATCH for n in self.image_shape[:2])
        z = keras.Input((rows, columns, self.latent_channels), name="z")
        bias = keras.Input((1, 1, self.decoder_filters[0]), name="quality")
        return keras.Model([z, bias], self.decoder([z, bias]), name="decoder")

    def decode(self, z):
        """Pictures ``(batch, height, width, 3)`` of latents ``(batch, height/16, width/16, latent_channels)``."""
        z = ops.convert_to_tensor(z, dtype="float32")
        bias = self.decoder_bias(self.mixture(ops.full((1,), self.quality)))[:, None, None]
        restore = lambda part: self.decoder([part, ops.repeat(bias, ops.shape(part)[0], axis=0)], training=False)  # noqa: E731
        return ops.clip(in_batches(restore, z), 0.0, 1.0)

    def coded(self, x, quality, training=False):
        """What coding pictures at qualities ``(batch,)`` gives.

        Returns:
            The reconstruction, shaped as ``x``, not clipped, and the bits of each example, ``(batch,)``.
        """
        return self.coded_latents(self.encoder(ops.cast(x, "float32"), training=training), quality, training)

    def coded_latents(self, z, quality, training=False):
        """The same of latents, as ``encode`` gives them."""
        mixture = self.mixture(quality)
        step = ops.exp(self.log_steps(mixture))[:, None, None]
        gain = ops.exp(self.log_gains(mixture))[:, None, None]
        y = z / step
        rounded = y + ops.stop_gradient(ops.round(y) - y)
        means, log_scales = self.context(rounded, mixture)
        seen = rounded
        if training:  # the rate's gradient is that of noise as large as rounding's error
            seen = y + backend.per_example(
                lambda shape: keras.random.uniform(shape, -0.5, 0.5, seed=self.seed_generator), ops.shape(y)
            )
        bits = ops.sum(logistic_bits(seen, means, log_scales), axis=(1, 2, 3))
        return self.decoder([rounded * step * gain, self.decoder_bias(mixture)[:, None, None]], training=training), bits

    def call(self, x, training=False):
        x = self._checked(x)
        if not training:
            return ops.clip(self.coded(x, ops.full(ops.shape(x)[:1], self.quality))[0], 0.0, 1.0)
        quality = backend.per_example(
            lambda shape: keras.random.uniform(shape, 1.0, float(self.qualities), seed=self.seed_generator),
            ops.shape(x)[:1],
        )
        reconstruction, bits = self.coded(x, quality, training=True)
        self.add_loss(mean(self._costs(self._target(x), reconstruction, bits, quality), self._sample_weight()))
        return reconstruction

    def _costs(self, x, reconstruction, bits, quality):
        """Rate and distortion of each example, ``(batch,)``."""
        low, high = np.log(self.distortion_weights)
        weight = ops.exp(low + (high - low) * (quality - 1.0) / (self.qualities - 1))
        error = LEVELS**2 * ops.mean(ops.square(ops.cast(x, "float32") - reconstruction), axis=(1, 2, 3))
        rate = bits / ops.cast(ops.shape(x)[1] * ops.shape(x)[2], "float32")
        return LOSS_SCALE * (rate + weight * error) / ops.sqrt(weight)

    def default_loss(self):
        return None

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if training:  # `call` has added it
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        x = self._checked(x)
        target = x if y is None else self._checked(y, "y")
        costs = []
        for number in range(1, self.qualities + 1):  # all of them, so that it is the same figure every time
            quality = ops.full(ops.shape(x)[:1], float(number))
            costs.append(mean(self._costs(target, *self.coded(x, quality), quality), sample_weight))
        return backend.share_of_loss(sum(costs) / len(costs))

    def get_config(self):
        names = (
            "latent_channels groups context_filters encoder_filters decoder_filters decoder_blocks qualities "
            "distortion_weights steps quality seed"
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names.split()}}


def _table(channels, name):
    return layers.Dense(channels, use_bias=False, kernel_initializer="zeros", dtype="float32", name=name)
