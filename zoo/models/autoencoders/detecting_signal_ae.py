"""Autoencoder of normal stretches of a signal, such as heartbeats, with a short code.

Sakurada & Yairi 2014, "Anomaly Detection Using Autoencoders with Nonlinear Dimensionality Reduction", for the error of
an autoencoder of normal signals; Denouden et al. 2018, "Improving Reconstruction Autoencoder Out-of-distribution
Detection with Mahalanobis Distance", for the distance of its code. Differs from the former in convolutions along time,
and in noise that is added in training and not restored.
"""

import keras
from keras import layers

from zoo.models.audio import conv1d
from zoo.models.base import Autoencoder

STRIDE = 16  # samples for each position before the code


@keras.saving.register_keras_serializable("zoo")
class DetectingSignalAE(Autoencoder):
    """Convolutions along time down to a short code, and back.

        x (b, 256, 1) → noise, in training only
        → conv/4 (b, 64, 16) → conv/4 (b, 16, 32) → conv (b, 16, 32) → conv 1 (b, 16, 8) → z (b, 8)
        → (b, 16, 8) → conv (b, 16, 32) → sub-pixel (b, 64, 16) → sub-pixel (b, 256, 1)

    Args:
        example_shape: shape ``(length, channels)`` of a stretch, in [−1, 1]; the length is a multiple of 16.
        filters: channels at a quarter of the rate; twice as many at a 16th.
        latent_dim: length of the code.
        full_scale: what 1 stands for in the unit of the data, which a stretch's median is taken from first.
        usual: whether the data is what stretches differ by from their source's median stretch, in units of its peak.
        noise: standard deviation of the noise.
        seed: of the noise.

    Raises:
        ValueError: for sizes below 1, a length that is no multiple of 16, noise below 0, or a scale not above 0.
    """

    axes = 2
    value_range = (-1, 1)
    margin = 1.0  # of recordings in floating point, which may go beyond
    weight_steps = 16

    def __init__(
        self,
        *,
        example_shape=(256, 1),
        filters=16,
        latent_dim=8,
        full_scale=1.0,
        usual=False,
        noise=0.02,
        seed=None,
        **kwargs,
    ):
        super().__init__(example_shape=example_shape, **kwargs)
        length, channels = self.example_shape
        if length % STRIDE:
            raise ValueError(f"example_shape must have a length divisible by {STRIDE}: received {self.example_shape}.")
        for name, value in (("filters", filters), ("latent_dim", latent_dim)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be an integer ≥ 1: received {value!r}.")
        if noise < 0 or not full_scale > 0:
            raise ValueError(f"noise must be 0 or more, and full_scale above 0: received {noise!r} and {full_scale!r}.")
        self.filters, self.latent_dim, self.noise_level, self.seed = filters, latent_dim, noise, seed
        self.full_scale, self.usual = float(full_scale), bool(usual)
        self.noise = layers.GaussianNoise(noise, seed=seed, dtype="float32", name="noise")
        narrow = (length // STRIDE, max(1, filters // 2))
        self.encoder = keras.Sequential(
            [
                keras.Input(self.example_shape, name="x"),
                conv1d(filters, 8, 4),
                conv1d(2 * filters, 8, 4),
                conv1d(2 * filters, 3),
                conv1d(narrow[1], 1),
                layers.Flatten(data_format="channels_last"),
                layers.Dense(latent_dim, dtype="float32", name="z"),
            ],
            name="encoder",
        )
        self.decoder = keras.Sequential(
            [
                keras.Input((latent_dim,), name="z"),
                layers.Dense(narrow[0] * narrow[1], "relu", kernel_initializer="he_normal"),
                layers.Reshape(narrow),
                conv1d(2 * filters, 3),
                conv1d(4 * filters, 3),
                layers.Reshape((4 * narrow[0], filters)),
                layers.Conv1D(4 * channels, 3, padding="same", dtype="float32", data_format="channels_last"),
                layers.Reshape(self.example_shape, dtype="float32", name="reconstruction"),
            ],
            name="decoder",
        )

    def build(self, input_shape=None):
        """Nothing: both halves know their inputs."""

    def call(self, x, training=False):
        x = self._checked(x)
        seen = self.noise(x, training=training) if training else x
        return self.decoder(self.encoder(seen, training=training), training=training)

    def get_config(self):
        names = ("filters", "latent_dim", "full_scale", "usual", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}, "noise": self.noise_level}
