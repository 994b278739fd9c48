"""Deep convolutional GAN.

Radford, Metz & Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks". Differs from the paper in fewer scales, for images of 28 × 28; in sub-pixel convolutions, which leave no
checkerboard, for transposed ones; and in images in [0, 1], hence a sigmoid for the tanh.
"""

import keras
from keras import layers

from zoo.layers import BatchNormalization, Dropout, LeakyReLU, SpectralNormalization, SubPixelConv2D
from zoo.models.adversarial import AdversarialModel
from zoo.models.gans import residual
from zoo.models.gans.residual import CONVOLUTION
from zoo.models.inputs import check_divisible

NORMALIZATIONS = ("batch", "spectral", None)
NETWORKS = ("plain", "residual")


@keras.saving.register_keras_serializable("zoo")
class DCGAN(AdversarialModel):
    """Convolutions all the way.

        noise (b, 64) → dense (b, 7, 7, 64) → [batch norm, relu] → conv (b, 7, 7, 64) → [batch norm, relu]
        → sub-pixel (b, 14, 14, 32) → [batch norm, relu] → sub-pixel → sigmoid (b, 28, 28, 1)
        x (b, 28, 28, 1) → 2x − 1 → conv/2 (b, 14, 14, 32) → leaky relu → conv/2 (b, 7, 7, 64)
        → [normalised, leaky relu] → conv/2 (b, 4, 4, 128) → [normalised, leaky relu] → dense → score (b, 1)

    The discriminator's last convolution sees nearly all of the image, without which shapes come apart.

    With ``num_classes`` both players see the label: as a vector joined to what the dense layers make of the noise, and
    as an image of its own beside the example (Mirza & Osindero 2014).

    ``network="residual"`` is for colour and larger images: residual networks that halve and double until 4 × 4 pixels
    or so are left, drawn in ``zoo.models.gans.residual``. A label there scales and shifts what the generator's batch
    norms give, and chooses a vector that the discriminator's features are multiplied by.

    Args:
        image_shape: ``(height, width, channels)``; height and width are multiples of 4.
        filters: channels at half of the resolution; twice as many at a quarter of it, four times at an eighth.
        network: of both players, ``plain`` or ``residual``.
        hidden_units: widths of dense layers that the generator's noise goes through first, each normalised over the
            batch: with more layers it changes faster from one kind of image to another, and fewer lie in between.
        normalization: of the discriminator: ``batch``, ``spectral`` or None.
        score_scale: what the discriminator's score, and so its slope, is multiplied by. Spectral normalisation alone
            does not bound that slope by 1: a kernel's largest singular value is 1 as a matrix, and the convolution by
            it may still stretch an image, in the trained ``sngan`` by 1.4 to 1.9 a layer.
        dropout: of the discriminator's features.
        latent_dim, num_classes, gradient_penalty_weight, r1_weight, clip, seed: see ``AdversarialModel``.

    Raises:
        ValueError: for an image that two halvings do not divide, widths below 1, or an unknown normalisation.
    """

    default_normalization = "batch"
    default_score_scale = 1.0

    def __init__(
        self,
        *,
        filters=32,
        network="plain",
        hidden_units=(),
        normalization="default",
        score_scale=None,
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if len(self.image_shape) != 3:
            raise ValueError(f"image_shape must be (height, width, channels): received {self.image_shape!r}.")
        check_divisible(self.image_shape, 4)
        if not isinstance(filters, int) or filters < 1:
            raise ValueError(f"filters must be an integer ≥ 1: received {filters!r}.")
        if not all(isinstance(n, int) and n > 0 for n in hidden_units):
            raise ValueError(f"hidden_units must be positive integers, or none: received {hidden_units!r}.")
        if normalization == "default":
            normalization = self.default_normalization
            if network == "residual" and normalization == "batch":
                normalization = "spectral"
        if normalization not in NORMALIZATIONS:
            raise ValueError(f"normalization must be batch, spectral or None: received {normalization!r}.")
        if network not in NETWORKS:
            raise ValueError(f"network must be plain or residual: received {network!r}.")
        if network == "residual" and normalization == "batch":
            raise ValueError("normalization must be spectral or None, as a residual discriminator has no batch norm.")
        self.filters, self.network, self.hidden_units = filters, network, tuple(hidden_units)
        score_scale = self.default_score_scale if score_scale is None else score_scale
        if not score_scale > 0:
            raise ValueError(f"score_scale must be above 0: received {score_scale!r}.")
        self.normalization, self.score_scale, self.dropout = normalization, score_scale, dropout
        self.generator, self.discriminator = self._generator(), self._discriminator()

    def _generator(self):
        noise, label = self._inputs((self.latent_dim,), "noise")
        z = noise
        for units in self.hidden_units:
            z = layers.ReLU()(BatchNormalization(momentum=0.9)(layers.Dense(units, use_bias=False)(z)))
        if self.network == "residual":
            options = {"image_shape": self.image_shape, "filters": self.filters, "num_classes": self.num_classes}
            y = residual.generator_features(z, label, **options)
        else:
            y = self._plain_images(z, label)
        y = layers.Activation("sigmoid", dtype="float32", name="fake")(y)
        return keras.Model(noise if label is None else [noise, label], y, name="generator")

    def _plain_images(self, z, label):
        height, width, channels = self.image_shape
        if label is not None:  # after the dense layers, where it would drown the noise
            z = layers.Concatenate()([z, layers.Embedding(self.num_classes, self.latent_dim)(label)])
        y = layers.Dense(height // 4 * (width // 4) * 2 * self.filters, use_bias=False)(z)
        y = layers.ReLU()(BatchNormalization(momentum=0.9)(y))
        y = layers.Reshape((height // 4, width // 4, 2 * self.filters))(y)
        y = layers.Conv2D(2 * self.filters, 3, use_bias=False, **CONVOLUTION)(y)
        y = layers.ReLU()(BatchNormalization(momentum=0.9)(y))
        y = SubPixelConv2D(self.filters)(y)
        y = layers.ReLU()(BatchNormalization(momentum=0.9)(y))
        return SubPixelConv2D(channels, dtype="float32")(y)

    def _discriminator(self):
        x, label = self._inputs(self.image_shape, "x")
        h = layers.Rescaling(2.0, -1.0)(x)
        if self.network == "residual":
            options = {"num_classes": self.num_classes, "dropout": self.dropout, "normalized": self._normalized}
            score = residual.discriminator_score(h, label, filters=self.filters, **options)
        else:
            score = self._plain_score(h, label)
        if self.score_scale != 1:
            score = layers.Rescaling(self.score_scale, dtype="float32")(score)
        return keras.Model(x if label is None else [x, label], score, name="discriminator")

    def _plain_score(self, h, label):
        if label is not None:
            height, width, _ = self.image_shape
            plane = layers.Embedding(self.num_classes, height * width)(label)
            h = layers.Concatenate()([h, layers.Reshape((height, width, 1))(plane)])
        h = LeakyReLU(0.2)(self._normalized(layers.Conv2D(self.filters, 4, 2, **CONVOLUTION))(h))
        for filters, size in ((2 * self.filters, 4), (4 * self.filters, 3)):
            h = self._normalized(layers.Conv2D(filters, size, 2, **CONVOLUTION))(h)
            if self.normalization == "batch":
                h = BatchNormalization(momentum=0.9)(h)
            h = LeakyReLU(0.2)(h)
        h = Dropout(self.dropout)(layers.Flatten("channels_last", name="features")(h))
        return self._normalized(layers.Dense(1, dtype="float32", name="score"))(h)

    def _inputs(self, shape, name):
        example = keras.Input(shape, name=name)
        return example, keras.Input((), dtype="int32", name="label") if self.num_classes else None

    def _normalized(self, layer):
        if self.normalization != "spectral":
            return layer
        # The layer computes in its own precision, but Keras writes the divided kernel back at every step: in half of
        # it, rounding would swallow what was just learned.
        return SpectralNormalization(layer, dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "network": self.network,
            "hidden_units": self.hidden_units,
            "normalization": self.normalization,
            "score_scale": self.score_scale,
            "dropout": self.dropout,
        }
