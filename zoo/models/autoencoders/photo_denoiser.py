"""Denoiser of photographs: any size, colour or grey, white noise and a camera's, without being told it.

Ronneberger, Fischer & Brox 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation", as a denoiser:
Zhang et al. 2021, "Plug-and-Play Image Restoration with Deep Denoiser Prior" (DRUNet). Differs from the former in
strided and sub-pixel convolutions, residual blocks, and sums in place of concatenations; from the latter in its size,
in starting at half of the resolution, and in being blind to the noise's level.
"""

import keras
from keras import layers, ops

from zoo import losses
from zoo.layers import CameraNoise, ResidualBlock2D
from zoo.models.base import Autoencoder
from zoo.models.inputs import check_divisible

STRIDE = 8  # pixels, in each direction, to one place of the coarsest features
NOISE_ARGUMENTS = ("gaussian", "shot", "shot_frequency", "seed")


@keras.saving.register_keras_serializable("zoo")
class PhotoDenoiser(Autoencoder):
    """Encoder and decoder at three scales, with a skip connection at each, and the noise subtracted at the end.

        x (b, h, w, 3) → camera noise, in training only
        → 2×2 pixels to channels, conv, block (b, h/2, w/2, 64) ────────────────────────┐ half
          → conv/2, block (b, h/4, w/4, 96) ─────────────────────────┐ quarter          │
            → conv/2, blocks z (b, h/8, w/8, 160) → sub-pixel, sum → blocks → sub-pixel, sum → blocks
        → conv, channels to 2×2 pixels, added to x → clean (b, h, w, 3)

    No bottleneck: ``encode`` gives ``[z, quarter, half, x]``, and all of them go to the decoder, which holds more
    numbers than the picture has. What keeps such a model from copying its input is the noise alone. The loss is the
    logarithm of each example's squared error, so that examples of all levels weigh the same. Output is not clipped to
    [0, 1].

    Args:
        image_shape: shape ``(height, width, 3)`` of the training crops; multiples of 8. Weights fit every such size,
            and so do ``call``, ``encode`` and ``predict``.
        filters: channels at 1/2, 1/4 and 1/8 of the resolution.
        encoder_blocks, decoder_blocks: residual blocks at each of them; the decoder has none at 1/8.
        gaussian, shot, shot_frequency, seed: of the noise, see ``zoo.layers.CameraNoise``.
    """

    stride = STRIDE

    def __init__(
        self,
        *,
        image_shape=(96, 96, 3),
        filters=(64, 96, 160),
        encoder_blocks=(1, 1, 2),
        decoder_blocks=(2, 2),
        gaussian=(0.0, 75 / 255),
        shot=(0.0, 0.3),
        shot_frequency=0.25,
        seed=None,
        **kwargs,
    ):
        super().__init__(image_shape=image_shape, **kwargs)
        if self.image_shape[2] != 3:
            raise ValueError(f"image_shape must be (height, width, 3): received {image_shape!r}; grey is three equal.")
        check_divisible(self.image_shape, STRIDE)
        self.filters, self.encoder_blocks, self.decoder_blocks = map(tuple, (filters, encoder_blocks, decoder_blocks))
        self.noise = CameraNoise(
            gaussian=gaussian, shot=shot, shot_frequency=shot_frequency, seed=seed, dtype="float32", name="noise"
        )
        self.encoder, self.decoder = self._encoder(), self._decoder()

    @property
    def halo(self):
        """Pixels beyond a tile that its output depends on: the receptive field, in whole strides."""
        half = 2 + 2 * (self.encoder_blocks[0] + self.decoder_blocks[0])  # a convolution at both ends, two in a block
        quarter = 2 * (self.encoder_blocks[1] + self.decoder_blocks[1])
        eighth = 2 * self.encoder_blocks[2]
        return -(-(2 * half + 4 * quarter + 8 * eighth + STRIDE) // STRIDE) * STRIDE

    def _encoder(self):
        x = keras.Input((None, None, 3), dtype="float32", name="x")
        y = layers.Conv2D(self.filters[0], 3, padding="same", activation="relu", data_format="channels_last")(
            ops.space_to_depth(2.0 * x - 1.0, 2, data_format="channels_last")
        )
        skips = [x]
        for index, (filters, blocks) in enumerate(zip(self.filters, self.encoder_blocks, strict=True)):
            if index:
                options = {"activation": "relu", "data_format": "channels_last", "name": f"down_{index}"}
                y = layers.Conv2D(filters, 2, 2, **options)(y)
            for _ in range(blocks):
                y = ResidualBlock2D(filters, activation=None)(y)
            skips.append(y)
        return keras.Model(x, skips[::-1], name="encoder")

    def _decoder(self):
        inputs = [keras.Input((None, None, filters)) for filters in self.filters[::-1]]
        x = keras.Input((None, None, 3), dtype="float32", name="x")
        y, *skips = inputs
        for index, skip in reversed([*enumerate(skips[::-1])]):
            filters = self.filters[index]
            up = layers.Conv2D(4 * filters, 1, data_format="channels_last", name=f"up_{index}")(y)
            y = skip + ops.depth_to_space(up, 2, data_format="channels_last")
            for _ in range(self.decoder_blocks[index]):
                y = ResidualBlock2D(filters, activation=None)(y)
        options = {"kernel_initializer": "zeros", "data_format": "channels_last", "name": "noise"}
        noise = layers.Conv2D(12, 3, padding="same", **options)(y)
        noise = ops.cast(ops.depth_to_space(noise, 2, data_format="channels_last"), "float32")
        return keras.Model([*inputs, x], x + noise, name="decoder")

    def build(self, input_shape=None):
        self.built = True  # both halves are functional

    def call(self, x, training=False):
        noisy = self.noise(self._checked(x), training=training)
        return self.decoder(self.encoder(noisy, training=training), training=training)

    def parts(self):
        return {"model": self}  # the halves alone, with all their skips, are of no use

    def default_loss(self):
        return losses.LogSquaredError()

    def get_config(self):
        noise = self.noise.get_config()
        return {
            **super().get_config(),
            "filters": self.filters,
            "encoder_blocks": self.encoder_blocks,
            "decoder_blocks": self.decoder_blocks,
            **{key: noise[key] for key in NOISE_ARGUMENTS},
        }
