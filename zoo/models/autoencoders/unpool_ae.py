"""Autoencoder whose decoder unpools where the encoder pooled.

Zhao et al. 2016, "Stacked What-Where Auto-encoders", after Zeiler & Fergus 2014. Differs from the papers in a
dense code of the pooled values ("what"), in few pooled channels, as the switches of each ("where") are part of the
code, and in a loss on the reconstruction alone.
"""

import math

import keras
from keras import layers

from zoo.layers.pooling import MaxPoolWithSwitches2D, MaxUnpool2D
from zoo.models.base import Autoencoder
from zoo.models.blocks import conv
from zoo.models.inputs import check_divisible

POOL = 2


@keras.saving.register_keras_serializable("zoo")
class UnpoolAE(Autoencoder):
    """Two max poolings that keep their switches, a dense code, and two unpoolings by those switches.

        x (b, 28, 28, 1) → conv, conv (b, 28, 28, 2) → pool ─────────────────────→ switches_1 (b, 14, 14, 2)
                         → conv, conv (b, 14, 14, 4) → pool ─────────────────────→ switches_2 (b, 7, 7, 4)
                         → conv (b, 7, 7, 32) → dense ───────────────────────────→ z (b, 32)
        z → dense (b, 7, 7, 32) → conv (b, 7, 7, 4) → unpool by switches_2 (b, 14, 14, 4)
                         → conv, conv (b, 14, 14, 2) → unpool by switches_1 (b, 28, 28, 2)
                         → conv, conv (b, 28, 28, 1)

    The code is the tuple ``(z, switches_1, switches_2)``. Its switches, int32 in 0…3, count: ``code_numbers`` is the
    length of z and the number of switches (32 + 392 + 196 = 620 for 784 pixels), ``code_bits`` is 32 bits for each
    number of z and log₂ 4 for each switch (32·32 + 588·2 = 2200).

    Args:
        image_shape: shape ``(height, width, channels)``; height and width are multiples of 4.
        filters: channels of the convolutions at the full and at half of the resolution.
        pooled_channels: channels that are pooled at the full and at half of the resolution.
        latent_dim: length of z.
        initial_bias: of the output, before its sigmoid. All pixels of mostly dark images pull an output that starts
            at 1/2 down at once, which may saturate it at 0, where no gradient brings it back; −2 starts at 0.12.
    """

    def __init__(
        self,
        *,
        image_shape=(28, 28, 1),
        filters=(16, 32),
        pooled_channels=(2, 4),
        latent_dim=32,
        initial_bias=0.0,
        **kwargs,
    ):
        super().__init__(image_shape=image_shape, **kwargs)
        height, width, channels = self.image_shape
        check_divisible(self.image_shape, POOL**2)
        for name, pair in (("filters", filters), ("pooled_channels", pooled_channels)):
            if len(pair) != 2 or not all(isinstance(n, int) and n > 0 for n in pair):
                raise ValueError(f"{name} must be two positive integers: received {pair!r}.")
        if not isinstance(latent_dim, int) or latent_dim < 1:
            raise ValueError(f"latent_dim must be a positive integer: received {latent_dim!r}.")
        self.filters, self.pooled_channels = tuple(filters), tuple(pooled_channels)
        self.latent_dim, self.initial_bias = latent_dim, initial_bias
        if self.code_numbers >= height * width * channels:
            raise ValueError(
                f"latent_dim and pooled_channels must make a code smaller than the image, {height * width * channels}: "
                f"received a code of {self.code_numbers} numbers."
            )
        half, quarter = ((height // size, width // size) for size in (POOL, POOL**2))

        x = inputs = keras.Input(self.image_shape, name="x")
        switches = []
        for units, pooled in zip(self.filters, self.pooled_channels, strict=True):
            x = layers.Conv2D(pooled, 3, padding="same", data_format="channels_last")(conv(units)(x))
            x, where = MaxPoolWithSwitches2D(POOL, name=f"switches_{len(switches) + 1}")(x)
            switches.append(where)
        x = layers.Flatten(data_format="channels_last")(conv(self.filters[1])(x))
        z = layers.Dense(latent_dim, dtype="float32", name="z")(x)
        self.encoder = keras.Model(inputs, (z, *switches), name="encoder")

        inputs = (
            keras.Input((latent_dim,), name="z"),
            keras.Input((*half, self.pooled_channels[0]), dtype="int32", name="switches_1"),
            keras.Input((*quarter, self.pooled_channels[1]), dtype="int32", name="switches_2"),
        )
        x = layers.Dense(quarter[0] * quarter[1] * self.filters[1], "relu", kernel_initializer="he_normal")(inputs[0])
        x = layers.Reshape((*quarter, self.filters[1]))(x)
        for units, pooled, where in zip(self.filters[::-1], self.pooled_channels[::-1], inputs[:0:-1], strict=True):
            x = layers.Conv2D(pooled, 3, padding="same", data_format="channels_last")(x)
            x = conv(units)(MaxUnpool2D(POOL)([x, where]))
        x = layers.Conv2D(
            channels,
            3,
            padding="same",
            activation="sigmoid",
            bias_initializer=keras.initializers.Constant(initial_bias),
            dtype="float32",
            name="reconstruction",
            data_format="channels_last",
        )(x)
        self.decoder = keras.Model(inputs, x, name="decoder")

    @property
    def code_numbers(self) -> int:
        """How many numbers the code of one image holds, switches included."""
        return self.latent_dim + self._switch_count

    @property
    def code_bits(self) -> int:
        """How many bits the code of one image takes: 32 for each number of z, log₂ of the window for each switch."""
        return 32 * self.latent_dim + math.ceil(math.log2(POOL**2) * self._switch_count)

    @property
    def _switch_count(self) -> int:
        height, width, _ = self.image_shape
        return sum(
            height * width * pooled // POOL ** (2 * level) for level, pooled in enumerate(self.pooled_channels, 1)
        )

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "pooled_channels": self.pooled_channels,
            "latent_dim": self.latent_dim,
            "initial_bias": self.initial_bias,
        }
