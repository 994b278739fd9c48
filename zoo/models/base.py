"""What every model of the zoo promises."""

import keras
import numpy as np
from keras import ops

from zoo import losses


class Reconstructing:
    """The two halves that an autoencoder is made of, and what they do together."""

    encoder: keras.Model
    decoder: keras.Model
    value_range = (0, 1)  # of one value; signals have another

    def encode(self, x):
        """The code ``z`` of examples ``x`` in ``value_range``, ``(batch, *image_shape)``."""
        return self.encoder(self._checked(x), training=False)

    def decode(self, z):
        """The reconstruction, ``(batch, *image_shape)``, of codes ``z``."""
        return self.decoder(z, training=False)

    def call(self, x, training=False):
        return self.decoder(self.encoder(self._checked(x), training=training), training=training)

    def _checked(self, x):
        return checked_examples(x, self.image_shape, self.compute_dtype, self.value_range)


class Autoencoder(Reconstructing, keras.Model):
    """A model of two halves that is trained to return its input.

        x (batch, *input_shape) → encoder → z (batch, *code) → decoder → reconstruction (batch, *input_shape)

    A subclass creates ``self.encoder`` and ``self.decoder`` in its constructor, after calling this one's,
    and adds its own terms to the loss by ``add_loss`` in a layer. ``fit(x)`` needs no target: the input is
    the target. Losses go through ``compute_loss``, so ``evaluate``, ``val_loss`` and all of Keras' callbacks
    work as they are.

    Args:
        image_shape: shape ``(height, width, channels)`` of one example; of a signal ``(length, channels)``.
    """

    axes = 3  # of one example

    def __init__(self, *, image_shape=(28, 28, 1), **kwargs):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        if len(self.image_shape) != self.axes or not all(isinstance(n, int) and n > 0 for n in self.image_shape):
            number = {1: "one", 2: "two", 3: "three"}[self.axes]
            raise ValueError(f"image_shape must be {number} positive integers: received {image_shape!r}.")

    def build(self, input_shape=None):
        batched = (None, *self.image_shape)
        self.encoder.build(batched)
        self.decoder.build(self.encoder.compute_output_shape(batched))

    def compile(self, optimizer="adam", loss=None, *, metrics=None, **kwargs):
        """As ``keras.Model.compile``; the loss defaults to the model's own."""
        if isinstance(metrics, (list, tuple)):
            metrics = [made_metric(metric) for metric in metrics]
        super().compile(optimizer=optimizer, loss=loss or self.default_loss(), metrics=metrics, **kwargs)

    def default_loss(self) -> keras.losses.Loss | None:
        """The squared error summed per example; None of a model whose layers add all of its loss."""
        return losses.SquaredError()

    def fit(self, x=None, y=None, batch_size=None, *args, **kwargs):
        """As ``keras.Model.fit``; arrays are looked through first, so that no NaN spoils the weights.

        Raises:
            ValueError: if ``x`` or the validation data is empty, or holds NaN or infinity.
        """
        check_examples("x", x, batch_size)
        validation_data = kwargs.get("validation_data")
        if isinstance(validation_data, (tuple, list)) and len(validation_data):
            check_examples("validation_data", validation_data[0], kwargs.get("validation_batch_size") or batch_size)
        build_optimizer(self)
        return super().fit(x, y, batch_size, *args, **kwargs)

    def compile_from_config(self, config):
        # Keras restores a model's own compile() only if the model says how; without this, a reloaded model
        # would silently lose its optimizer.
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, x if y is None else y, y_pred, sample_weight, training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, x if y is None else y, y_pred, sample_weight)

    def get_config(self):
        return {**super().get_config(), "image_shape": self.image_shape}


def build_optimizer(model):
    """Makes the variables of a compiled model and of its optimizer, if it has none yet.

    TensorFlow traces a step twice that makes variables on its way, which is most of the wait for a first step.
    """
    if getattr(model, "optimizer", None) is None or model.optimizer.built:
        return
    with model.distribute_strategy.scope():
        if not model.built:
            model.build()
        model.optimizer.build(model.trainable_variables)


def made_metric(metric):
    """The metric of a name, as Keras makes it, but at once, as ``build_optimizer`` does; others as they are."""
    if not isinstance(metric, str) or metric in ("accuracy", "acc", "crossentropy", "ce"):  # each the name of several
        return metric
    made = keras.metrics.get(metric)
    made.name = metric
    return made


def checked_examples(x, image_shape, dtype, value_range=(0, 1)):
    """``x`` as a tensor of ``dtype``.

    Raises:
        ValueError: if it is not ``(batch, *image_shape)``, or not floating-point.
    """
    if tuple(x.shape[1:]) != image_shape:
        raise ValueError(
            f"x must have the shape (batch, {', '.join(map(str, image_shape))}): received {tuple(x.shape)}."
        )
    if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(x.dtype)):
        low, high = value_range
        how = "8-bit images by 255" if low == 0 else "16-bit samples by 32768"
        raise ValueError(f"x must be floating-point in [{low}, {high}]: received {x.dtype}; divide {how}.")
    return ops.convert_to_tensor(x, dtype=dtype)


def check_examples(name, examples, batch_size):
    """Looks an array ``(n, ...)`` through before it is trained on; other sources of data pass.

    Raises:
        ValueError: if it is empty, or holds NaN or infinity.
    """
    if not isinstance(examples, np.ndarray):
        return
    if not len(examples):
        raise ValueError(f"{name} must hold at least one example: received the shape {examples.shape}.")
    finite = np.isfinite(examples).reshape(len(examples), -1).all(axis=1)
    if not finite.all():
        index = int(finite.argmin())
        raise ValueError(
            f"{name} must be finite: received NaN or infinity in example {index}, which is in step "
            f"{index // (batch_size or 32) + 1} where the order is not shuffled."
        )
