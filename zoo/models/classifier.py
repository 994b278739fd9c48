"""A small convolutional classifier: the feature network that generated images are measured with.

He et al. 2016, "Deep Residual Learning for Image Recognition". Differs from the paper in residual blocks that start as
the identity instead of batch normalisation in each of them.
"""

import functools

import keras
from keras import layers, ops

from zoo import backend
from zoo.layers import BatchNormalization, Dropout, ResidualBlock2D
from zoo.models.base import Guarded
from zoo.models.inputs import check_divisible
from zoo.optimizers import compile_settings

NORMALIZATIONS = ("batch", None)


@keras.saving.register_keras_serializable("zoo")
class Classifier(Guarded, keras.Model):
    """Residual convolutions, the mean over all positions, one wide layer of features, and the classes' log odds.

        x (b, 28, 28, 1), in training shifted and flipped → conv (b, 28, 28, 32) → max pooling (b, 14, 14, 32)
        → conv (b, 14, 14, 32), residual blocks → conv/2 (b, 7, 7, 64), residual blocks
        → mean and largest over positions (b, 128) → features (b, 128) → logits (b, 10)

    ``fit`` takes labels: integers ``(batch,)``. ``loss`` is their cross-entropy in nats.

    Args:
        image_shape: shape ``(height, width, channels)``; multiples of 4, or of 2 to the power of how many ``filters``
            there are.
        num_classes: how many classes there are.
        filters: channels at half of the resolution, at a quarter of it, and so on.
        stem_filters: channels of a further first convolution, at the whole resolution; 0 for none.
        blocks: residual blocks at each of them.
        normalization: of the first convolution at each resolution: ``batch``, which trains larger nets in fewer epochs,
            or None. Features never depend on what else is in a batch, as moving statistics normalise them.
        feature_dim: length of the penultimate layer.
        dropout: fraction of each block's channels, and twice that of the features, dropped in training.
        max_shift: pixels by which training images are moved, up to, in each direction; what is uncovered is black.
        flip: whether half of the training images are mirrored, left to right.
        seed: of shifts and flips.

    Raises:
        ValueError: if an argument is out of its range.
    """

    def __init__(
        self,
        *,
        image_shape=(28, 28, 1),
        num_classes=10,
        filters=(32, 64),
        blocks=(1, 2),
        stem_filters=0,
        normalization=None,
        feature_dim=128,
        dropout=0.1,
        max_shift=2,
        flip=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._take_shape(image_shape, None, axes=3)
        self.filters, self.blocks = tuple(filters), tuple(blocks)
        self.stem_filters, self.normalization = stem_filters, normalization
        for name, value, least in (("num_classes", num_classes, 2), ("feature_dim", feature_dim, 1)):
            if not isinstance(value, int) or value < least:
                raise ValueError(f"{name} must be an integer ≥ {least}: received {value!r}.")
        for name, row, least in (("filters", self.filters, 1), ("blocks", self.blocks, 0)):
            if not row or not all(isinstance(n, int) and n >= least for n in row):
                raise ValueError(f"{name} must be integers ≥ {least}, at least one: received {row!r}.")
        if len(self.filters) != len(self.blocks):
            raise ValueError(f"blocks must be as many as filters, {len(self.filters)}: received {self.blocks!r}.")
        if not isinstance(stem_filters, int) or stem_filters < 0:
            raise ValueError(f"stem_filters must be an integer ≥ 0: received {stem_filters!r}.")
        if normalization not in NORMALIZATIONS:
            raise ValueError(f"normalization must be batch or None: received {normalization!r}.")
        check_divisible(self.image_shape, 2 ** len(self.filters))
        if not 0 <= dropout < 0.5:
            raise ValueError(f"dropout must be at least 0 and below 0.5: received {dropout!r}.")
        if not isinstance(max_shift, int) or not 0 <= max_shift < min(self.image_shape[:2]):
            raise ValueError(f"max_shift must be an integer from 0 to below the image's size: received {max_shift!r}.")
        self.num_classes, self.feature_dim, self.dropout = num_classes, feature_dim, dropout
        self.max_shift, self.flip, self.seed = max_shift, flip, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

        inputs = keras.Input(self.image_shape, name="x")
        x = self._conv(stem_filters)(inputs) if stem_filters else inputs
        x = self._conv(self.filters[0], pool=True)(x)
        for stage, (channels, number) in enumerate(zip(self.filters, self.blocks, strict=True)):
            x = self._conv(channels, strides=2 if stage else 1)(x)
            for _ in range(number):
                x = ResidualBlock2D(channels, dropout=dropout)(x)
        x = layers.Concatenate()(
            [
                layers.GlobalAveragePooling2D(data_format="channels_last")(x),
                layers.GlobalMaxPooling2D(data_format="channels_last")(x),
            ]
        )
        features = layers.Dense(feature_dim, "relu", kernel_initializer="he_normal", name="features")(x)
        self.feature_network = keras.Model(inputs, features, name="feature_network")
        self.drop = Dropout(2 * dropout, name="drop")
        self.head = layers.Dense(num_classes, dtype="float32", name="logits")

    labelled = True
    default_metrics = ("accuracy",)

    def build(self, input_shape=None):
        self.feature_network.build((None, *self.image_shape))
        self.head.build((None, self.feature_dim))

    def features(self, x):
        """The penultimate layer, ``(batch, feature_dim)``, of images ``x`` in [0, 1], ``(batch, *image_shape)``."""
        return self.feature_network(self._checked(x), training=False)

    def call(self, x, training=False):
        x = self._checked(x)
        if training:
            x = self._augmented(x)
        return self.head(self.drop(self.feature_network(x, training=training), training=training))

    def compile(self, optimizer="adam", loss=None, **kwargs):
        """As ``keras.Model.compile``; the loss defaults to the cross-entropy of integer labels."""
        loss = loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        super().compile(optimizer=optimizer, loss=loss, **kwargs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if y is None:
            raise ValueError(f"y must hold the labels, integers from 0 to {self.num_classes - 1}: received none.")
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compile_from_config(self, config):
        # See ``Autoencoder``: without this, a reloaded model would silently lose its optimizer.
        self.compile(**compile_settings(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def get_config(self):
        return {
            **super().get_config(),
            "image_shape": self.image_shape,
            "num_classes": self.num_classes,
            "filters": self.filters,
            "blocks": self.blocks,
            "stem_filters": self.stem_filters,
            "normalization": self.normalization,
            "feature_dim": self.feature_dim,
            "dropout": self.dropout,
            "max_shift": self.max_shift,
            "flip": self.flip,
            "seed": self.seed,
        }

    def _conv(self, filters, strides=1, pool=False):
        """A convolution, pooled to half of its resolution, normalised and rectified."""
        options = {"padding": "same", "kernel_initializer": "he_normal", "data_format": "channels_last"}
        steps = [layers.Conv2D(filters, 3, strides, use_bias=self.normalization is None, **options)]
        if pool:  # first, as what follows it then has a quarter of the work
            steps.append(layers.MaxPooling2D(2, data_format="channels_last"))
        if self.normalization == "batch":
            steps.append(BatchNormalization(momentum=0.9))
        return lambda x: functools.reduce(lambda y, layer: layer(y), [*steps, layers.ReLU()], x)

    def _augmented(self, x):
        """Images moved by whole pixels, each by its own draw, and mirrored by one.

        A move is a product with a shifted identity for each axis: Keras' own layers resample, which takes longer than
        the network.
        """
        height, width, _ = self.image_shape
        batch = ops.shape(x)[0]
        if self.max_shift:
            rows, columns = (self._moves(batch, size, x.dtype) for size in (height, width))
            x = ops.einsum("bij,bjkc->bikc", rows, x)
            x = ops.einsum("bik,bjkc->bjic", columns, x)
        if self.flip:
            draw = backend.per_example(lambda s: keras.random.uniform(s, seed=self.seed_generator), (batch, 1, 1, 1))
            x = ops.where(draw < 0.5, ops.flip(x, axis=2), x)
        return x

    def _moves(self, batch, size, dtype):
        """Matrices ``(batch, size, size)`` that move rows of pixels, black coming in from the edge."""
        bounds = (-self.max_shift, self.max_shift + 1)
        steps = backend.per_example(
            lambda shape: keras.random.randint(shape, *bounds, seed=self.seed_generator), (batch, 1)
        )
        # One-hot, where not every backend's `one_hot` takes what has moved out.
        return ops.cast(ops.equal((ops.arange(size)[None] + steps)[..., None], ops.arange(size)), dtype)
