"""Convolutional variational autoencoder.

Kingma & Welling 2014, "Auto-Encoding Variational Bayes", with the residual convolutions of Kingma et al. 2016,
"Improving Variational Inference with Inverse Autoregressive Flow". Differs from the latter in one vector code instead
of a hierarchy, and in a flow as the prior instead of the posterior, so that encoding and decoding stay as they are.
"""

import keras
from keras import layers

from zoo.layers import Dropout, ResidualBlock2D, SubPixelConv2D
from zoo.models.blocks import conv
from zoo.models.inputs import check_divisible
from zoo.models.variational import VariationalAutoencoder


@keras.saving.register_keras_serializable("zoo")
class ConvVAE(VariationalAutoencoder):
    """Residual convolutions around a short Gaussian code.

        x (b, 28, 28, 1) → conv/2 (b, 14, 14, 32), residual blocks → conv/2 (b, 7, 7, 64), residual blocks
        → conv 1×1 (b, 7, 7, 16) → flatten ─┬→ z_mean (b, 32)
                                            └→ z_log_var (b, 32)
        z (b, 32) → dense (b, 7, 7, 16) → conv 1×1 (b, 7, 7, 64), residual blocks
        → sub-pixel (b, 14, 14, 32), residual blocks → sub-pixel (b, 28, 28, 1)

    Args:
        image_shape: shape ``(height, width, channels)``; height and width are multiples of 4.
        filters: channels at a quarter of the resolution; half as many at half of it.
        encoder_blocks, decoder_blocks: residual blocks ``(at half of the resolution, at a quarter of it)``.
        latent_dim: length of the code.
        dropout: fraction of each block's channels, and of the values on both sides of the code, dropped in training.
        initial_bias: of the log odds; −2 starts mostly dark images at 0.12.
        samples, beta, free_bits, warmup_steps, prior_couplings, prior_units, seed: of the bound and the prior, see
            ``zoo.models.VariationalAutoencoder``.
    """

    def __init__(
        self,
        *,
        image_shape=(28, 28, 1),
        filters=64,
        encoder_blocks=(1, 2),
        decoder_blocks=(2, 3),
        latent_dim=32,
        dropout=0.0,
        initial_bias=0.0,
        samples=1,
        beta=1.0,
        free_bits=0.0,
        warmup_steps=0,
        prior_couplings=0,
        prior_units=128,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            image_shape=image_shape,
            latent_dim=latent_dim,
            samples=samples,
            beta=beta,
            free_bits=free_bits,
            warmup_steps=warmup_steps,
            prior_couplings=prior_couplings,
            prior_units=prior_units,
            seed=seed,
            **kwargs,
        )
        height, width, channels = self.image_shape
        check_divisible(self.image_shape, 4)
        if not isinstance(filters, int) or filters < 4 or filters % 4:
            raise ValueError(f"filters must be a positive multiple of 4: received {filters!r}.")
        self.filters, self.dropout, self.initial_bias = filters, dropout, initial_bias
        self.encoder_blocks, self.decoder_blocks = tuple(encoder_blocks), tuple(decoder_blocks)

        inputs = keras.Input(self.image_shape, name="x")
        x = conv(filters // 2, 4, strides=2)(inputs)
        x = _blocks(x, filters // 2, self.encoder_blocks[0], dropout)
        x = conv(filters, 4, strides=2)(x)
        x = _blocks(x, filters, self.encoder_blocks[1], dropout)
        features = Dropout(dropout)(layers.Flatten(data_format="channels_last")(conv(filters // 4, 1)(x)))

        z = keras.Input((latent_dim,), name="z")
        narrow = (height // 4, width // 4, filters // 4)
        x = layers.Dense(narrow[0] * narrow[1] * narrow[2], "relu", kernel_initializer="he_normal")(z)
        x = conv(filters, 1)(layers.Reshape(narrow)(Dropout(dropout)(x)))
        x = _blocks(x, filters, self.decoder_blocks[1], dropout)
        x = SubPixelConv2D(filters // 2, activation="relu")(x)
        x = _blocks(x, filters // 2, self.decoder_blocks[0], dropout)
        bias = keras.initializers.Constant(initial_bias)
        logits = SubPixelConv2D(channels, bias_initializer=bias, dtype="float32")(x)
        self._assemble(inputs, features, keras.Model(z, logits, name="logits"))

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "encoder_blocks": self.encoder_blocks,
            "decoder_blocks": self.decoder_blocks,
            "dropout": self.dropout,
            "initial_bias": self.initial_bias,
        }


def _blocks(x, filters, number, dropout):
    for _ in range(number):
        x = ResidualBlock2D(filters, dropout=dropout)(x)
    return x
