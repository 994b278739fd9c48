"""Generative adversarial network, fully connected.

Goodfellow et al. 2014, "Generative Adversarial Nets". Differs from the paper in leaky rectifiers instead of maxout, in
batch normalisation of the generator, and in Adam.
"""

import math

import keras
from keras import layers

from zoo.layers import BatchNormalization, Dropout, LeakyReLU
from zoo.models.adversarial import AdversarialModel


@keras.saving.register_keras_serializable("zoo")
class GAN(AdversarialModel):
    """Two perceptrons; of images, or of points.

        noise (b, 64) → [dense → batch norm → relu] 256, 512 → dense → sigmoid 784 → (b, 28, 28, 1)
        x (b, 28, 28, 1) → flatten, 2x − 1 → [dense → leaky relu → dropout] 512, 256 → score (b, 1)

    ``compile(loss="minimax")`` plays the paper's first game, ``non_saturating``, the default, its second.

    Args:
        image_shape: shape ``(height, width, channels)`` of one image.
        example_shape: ``(numbers,)`` of points, in the place of ``image_shape``: no sigmoid ends the generator, and
            the discriminator takes them as they are.
        hidden_units: widths of the generator; the discriminator's are the same in reverse.
        normalized: whether the generator normalises its layers over the batch.
        dropout: of the discriminator's layers.
        latent_dim, num_classes, gradient_penalty_weight, r1_weight, clip, seed: see ``AdversarialModel``; the classes
            are none.
    """

    def __init__(self, *, hidden_units=(256, 512), normalized=True, dropout=0.3, **kwargs):
        super().__init__(**kwargs)
        if self.num_classes:
            raise ValueError(f"num_classes must be 0, as a GAN takes no labels; see CGAN: received {self.num_classes}.")
        if not hidden_units or not all(isinstance(n, int) and n > 0 for n in hidden_units):
            raise ValueError(f"hidden_units must be positive integers: received {hidden_units!r}.")
        self.hidden_units, self.normalized, self.dropout = tuple(hidden_units), normalized, dropout
        points = len(self.example_shape) == 1

        noise = keras.Input((self.latent_dim,), name="noise")
        y = noise
        for units in self.hidden_units:
            y = layers.Dense(units, kernel_initializer="he_normal")(y)
            y = layers.ReLU()(BatchNormalization(momentum=0.9)(y) if normalized else y)
        y = layers.Dense(math.prod(self.example_shape), None if points else "sigmoid", dtype="float32")(y)
        self.generator = keras.Model(noise, layers.Reshape(self.example_shape, dtype="float32")(y), name="generator")

        x = keras.Input(self.example_shape, name="x")
        h = layers.Flatten(data_format="channels_last")(x)
        if not points:
            h = layers.Rescaling(2.0, -1.0)(h)
        for units in reversed(self.hidden_units):
            h = LeakyReLU(0.2)(layers.Dense(units, kernel_initializer="he_normal")(h))
            h = Dropout(dropout)(h)
        self.discriminator = keras.Model(x, layers.Dense(1, dtype="float32", name="score")(h), name="discriminator")

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "normalized": self.normalized,
            "dropout": self.dropout,
        }
