"""Denoising autoencoder.

Vincent et al. 2010, "Stacked Denoising Autoencoders". Differs from the paper in that one convolutional network
learns all kinds and levels of corruption at once, without being told which it sees.
"""

import keras
from keras import layers

from zoo.layers import Corruption, ResidualBlock2D, SpatialMixing, SubPixelConv2D
from zoo.models.base import Autoencoder
from zoo.models.blocks import conv
from zoo.models.inputs import check_divisible

CORRUPTION_ARGUMENTS = ("gaussian", "masking", "salt_and_pepper", "frequencies", "seed")


@keras.saving.register_keras_serializable("zoo")
class DenoisingAE(Autoencoder):
    """Residual encoder and decoder around a code of half as many numbers as the image has pixels.

        x (b, 28, 28, 1) → corruption, in training only
        → conv/2 (b, 14, 14, 32) → conv/2 (b, 7, 7, 64) → mixing and residual blocks ─┬→ conv 3×3 ─────┬→
                                                                                      └→ dense, dense ─┘
        z (b, 7, 7, 8) ─┬→ conv 3×3 ─────┬→ mixing and residual blocks (b, 7, 7, 64)
                        └→ dense, dense ─┘
        → sub-pixel (b, 14, 14, 32) → conv → sub-pixel (b, 28, 28, 1)

    The dense branches and the mixing see the whole image: what is left of a garment or a digit under heavy
    noise helps everywhere. Nothing but the code goes from the encoder to the decoder.

    Args:
        image_shape: shape ``(height, width, channels)``; height and width are multiples of 4.
        filters: channels at a quarter of the resolution.
        blocks: residual blocks of each half.
        latent_channels: channels of the code, at a quarter of the resolution; below 16·channels, so that the
            code is smaller than the image.
        global_units: width of the dense branches.
        gaussian, masking, salt_and_pepper, frequencies, seed: of the corruption, see ``zoo.layers.Corruption``.
        initial_bias: of the output, before its sigmoid. All pixels of mostly dark images pull an output that starts
            at 1/2 down at once, which may saturate it at 0, where no gradient brings it back; −2 starts at 0.12.
    """

    def __init__(
        self,
        *,
        image_shape=(28, 28, 1),
        filters=64,
        blocks=3,
        latent_channels=8,
        global_units=256,
        gaussian=(0.0, 0.7),
        masking=(0.0, 0.7),
        salt_and_pepper=(0.0, 0.5),
        frequencies=(2.0, 1.0, 1.0),
        seed=None,
        initial_bias=0.0,
        **kwargs,
    ):
        super().__init__(image_shape=image_shape, **kwargs)
        height, width, channels = self.image_shape
        check_divisible(self.image_shape, 4)
        if not 1 <= latent_channels < 16 * channels:
            raise ValueError(
                f"latent_channels must be between 1 and {16 * channels - 1}, for a code smaller than the image: "
                f"received {latent_channels!r}."
            )
        self.filters, self.blocks = filters, blocks
        self.latent_channels, self.global_units = latent_channels, global_units
        self.initial_bias = initial_bias
        self.corruption = Corruption(
            gaussian=gaussian,
            masking=masking,
            salt_and_pepper=salt_and_pepper,
            frequencies=frequencies,
            seed=seed,
            dtype="float32",
            name="corruption",
        )
        quarter = (height // 4, width // 4)
        self.encoder = self._encoder(quarter)
        self.decoder = self._decoder(quarter, channels)

    def _encoder(self, quarter):
        inputs = keras.Input(self.image_shape, name="x")
        x = conv(self.filters // 2, 4, strides=2)(inputs)
        x = conv(self.filters, 4, strides=2)(x)
        x = self._stack(x)
        local = layers.Conv2D(self.latent_channels, 3, padding="same", data_format="channels_last")(x)
        whole = layers.Flatten(data_format="channels_last")(conv(self.filters // 4, 1)(x))
        whole = layers.Dense(self.global_units, "relu", kernel_initializer="he_normal")(whole)
        whole = layers.Dense(quarter[0] * quarter[1] * self.latent_channels, kernel_initializer="zeros")(whole)
        whole = layers.Reshape((*quarter, self.latent_channels))(whole)
        return keras.Model(inputs, layers.Add(name="z")([local, whole]), name="encoder")

    def _decoder(self, quarter, channels):
        inputs = keras.Input((*quarter, self.latent_channels), name="z")
        local = layers.Conv2D(self.filters, 3, padding="same", data_format="channels_last")(inputs)
        whole = layers.Dense(self.global_units, "relu", kernel_initializer="he_normal")(
            layers.Flatten(data_format="channels_last")(inputs)
        )
        narrow = (*quarter, self.filters // 4)
        whole = layers.Dense(narrow[0] * narrow[1] * narrow[2], "relu", kernel_initializer="he_normal")(whole)
        whole = layers.Conv2D(self.filters, 1, kernel_initializer="zeros", data_format="channels_last")(
            layers.Reshape(narrow)(whole)
        )
        x = self._stack(layers.ReLU()(layers.Add()([local, whole])))
        x = SubPixelConv2D(self.filters // 2, activation="relu")(x)
        x = conv(self.filters // 2)(x)
        x = SubPixelConv2D(
            channels,
            activation="sigmoid",
            bias_initializer=keras.initializers.Constant(self.initial_bias),
            dtype="float32",
            name="reconstruction",
        )(x)
        return keras.Model(inputs, x, name="decoder")

    def _stack(self, x):
        for _ in range(self.blocks):
            x = ResidualBlock2D(self.filters)(SpatialMixing()(x))
        return x

    def call(self, x, training=False):
        corrupted = self.corruption(self._checked(x), training=training)
        return self.decoder(self.encoder(corrupted, training=training), training=training)

    def get_config(self):
        corruption = self.corruption.get_config()
        return {
            **super().get_config(),
            "filters": self.filters,
            "blocks": self.blocks,
            "latent_channels": self.latent_channels,
            "global_units": self.global_units,
            "initial_bias": self.initial_bias,
            **{key: corruption[key] for key in CORRUPTION_ARGUMENTS},
        }
