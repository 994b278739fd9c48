"""Autoencoder of normal images: it puts what was turned about upright again, which it can of normal ones alone.

Huang et al. 2019, "Attribute Restoration Framework for Anomaly Detection" (ARNet), for an autoencoder that restores the
orientation which its input has lost, and so learns what an image shows instead of copying it. Differs from the paper in
a short code through a dense bottleneck, in no skips, and in that the code's distance from those of normal images counts
beside the error (Denouden et al. 2018, "Improving Reconstruction Autoencoder Out-of-distribution Detection with
Mahalanobis Distance").
"""

import keras
from keras import layers, ops

from zoo import backend
from zoo.layers import SubPixelConv2D
from zoo.models.base import Autoencoder
from zoo.models.blocks import conv
from zoo.models.inputs import check_divisible

QUARTERS = 4  # of a turn


@keras.saving.register_keras_serializable("zoo")
class DetectingAE(Autoencoder):
    """Convolutions down to a short code, and from there to the upright image.

        x (b, 28, 28, 1) → turned by 0°, 90°, 180° or 270°, in training at random
        → conv/2 (b, 14, 14, 16) → conv/2 (b, 7, 7, 32) → conv (b, 7, 7, 32) → conv 1×1 (b, 7, 7, 8) → z (b, 64)
        → (b, 7, 7, 8) → conv (b, 7, 7, 32) → sub-pixel (b, 14, 14, 16) → sub-pixel (b, 28, 28, 1)

    ``views`` are an image in all orientations, of which a detector (``zoo.Detector``) takes the codes and errors.

    Args:
        image_shape: shape ``(height, width, channels)``; height and width are multiples of 4, and the same where
            images are turned.
        filters: channels at half of the resolution; twice as many at a quarter.
        latent_dim: length of the code.
        turned: whether images are turned in training, and looked at in all orientations; else upright alone.
        seed: of the turns.

    Raises:
        ValueError: for sizes below 1, or turned images that are not square.
    """

    weight_steps = 16

    def __init__(self, *, image_shape=(28, 28, 1), filters=16, latent_dim=64, turned=True, seed=None, **kwargs):
        super().__init__(image_shape=image_shape, **kwargs)
        check_divisible(self.image_shape, 4)
        height, width, channels = self.image_shape
        for name, value in (("filters", filters), ("latent_dim", latent_dim)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be an integer ≥ 1: received {value!r}.")
        if turned and height != width:
            raise ValueError(
                f"image_shape must be square for images to be turned: received {self.image_shape}; turned=False takes "
                "any."
            )
        self.filters, self.latent_dim, self.turned, self.seed = filters, latent_dim, turned, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        narrow = (height // 4, width // 4, max(1, filters // 2))
        self.encoder = keras.Sequential(
            [
                keras.Input(self.image_shape, name="x"),
                conv(filters, 4, 2),
                conv(2 * filters, 4, 2),
                conv(2 * filters, 3),
                conv(narrow[2], 1),
                layers.Flatten(data_format="channels_last"),
                layers.Dense(latent_dim, dtype="float32", name="z"),
            ],
            name="encoder",
        )
        self.decoder = keras.Sequential(
            [
                keras.Input((latent_dim,), name="z"),
                layers.Dense(narrow[0] * narrow[1] * narrow[2], "relu", kernel_initializer="he_normal"),
                layers.Reshape(narrow),
                conv(2 * filters, 3),
                SubPixelConv2D(filters, activation="relu"),
                SubPixelConv2D(channels, activation="sigmoid", dtype="float32", name="reconstruction"),
            ],
            name="decoder",
        )

    def build(self, input_shape=None):
        """Nothing: both halves know their inputs."""

    def views(self, x):
        """Images ``(b, height, width, channels)`` in each orientation that a detector looks at, a list of such."""
        if not self.turned:
            return [x]
        across = ops.transpose(x, (0, 2, 1, 3))
        return [x, ops.flip(across, 1), ops.flip(x, (1, 2)), ops.flip(across, 2)]

    def call(self, x, training=False):
        x = self._checked(x)
        if training and self.turned:
            turns = backend.per_example(self._drawn, (ops.shape(x)[0], 1, 1, 1))
            x = sum(ops.where(ops.equal(turns, at), view, 0) for at, view in enumerate(self.views(x)))
        return self.decoder(self.encoder(x, training=training), training=training)

    def _drawn(self, shape):
        return ops.floor(keras.random.uniform(shape, 0, QUARTERS, seed=self.seed_generator))

    def get_config(self):
        names = ("filters", "latent_dim", "turned", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
