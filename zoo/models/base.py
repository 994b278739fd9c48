"""What every model of the zoo promises."""

import contextlib
import contextvars
import functools
import inspect
from collections.abc import Mapping

import keras
from keras import ops

from zoo import backend, deprecations, losses
from zoo.models.inputs import MARGIN, at_hand, bounds_of, checked_examples, checked_source, refuse
from zoo.optimizers import compile_settings, portable

# Examples that encode and decode compute at once: few enough for what a network holds in between to stay small.
BATCH = 500
# Of the step that runs: the model that trains, its targets, its weights, and the state that Keras gave the step, if it
# gives one. Replicas are threads, each with its own.
_STEP = contextvars.ContextVar("step", default=(None, None, None, ()))


class OwnPolicy:
    """A model whose layers take its own dtype policy, where Keras would give them the global one.

    ``Model(dtype="mixed_float16")`` is then what it says, also where it comes from a file or a config.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = _under_own_policy(cls.__init__)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """As ``keras.Model.from_config``; reads what was saved by arguments' old names too."""
        return super().from_config(deprecations.current_arguments(cls.__init__, config, quiet=True), custom_objects)


def _under_own_policy(init):
    @functools.wraps(init)
    def wrapped(self, *args, dtype=None, **kwargs):
        if dtype is None:
            return init(self, *args, **kwargs)
        before, own = keras.config.dtype_policy(), keras.dtype_policies.get(dtype)
        keras.config.set_dtype_policy(own)  # of this thread alone
        try:
            init(self, *args, dtype=own, **kwargs)
        finally:
            keras.config.set_dtype_policy(before)

    wrapped.__signature__ = inspect.signature(init)  # which Keras looks for here
    return wrapped


class Checking(OwnPolicy):
    """A model whose examples are floating-point ``(batch, *example_shape)`` in ``value_range``."""

    value_range: tuple[float, float] | None = (0, 1)  # None: any, such as integers
    margin = MARGIN  # how far beyond it values may lie
    stride: int | None = None  # of a model of pictures of any height and width that are multiples of it

    example_shape: tuple[int, ...]
    # Of the constructor: `image_shape`, or `example_shape` where examples are no images.
    shape_argument = "image_shape"

    @property
    def image_shape(self) -> tuple[int, ...]:
        """``example_shape``, by the name that it has where examples are images."""
        return self.example_shape

    def _take_shape(self, image_shape, example_shape, axes=None):
        """Sets ``example_shape`` from the one of two arguments that is given; raises ValueError for no shape."""
        self.shape_argument = "image_shape" if example_shape is None else "example_shape"
        shape = self.example_shape = tuple(image_shape if example_shape is None else example_shape)
        if len(shape) != (axes or len(shape) or 1) or not all(isinstance(n, int) and n > 0 for n in shape):
            number = {None: "", 1: "one ", 2: "two ", 3: "three "}[axes]
            raise ValueError(f"{self.shape_argument} must be {number}positive integers: received {shape!r}.")

    def _checked(self, x, name="x"):
        dtype = self.compute_dtype if self.stride is None else "float32"  # which holds sums of levels exactly
        of_step = _STEP.get()[0] is self  # whose data has been looked through
        return checked_examples(x, self.example_shape, dtype, bounds_of(self, name), name, self.stride, not of_step)


class Guarded(Checking):
    """A Keras model that looks at its examples, and at what else it is given, before it computes with them.

    Examples are floating-point ``(batch, *example_shape)`` in ``value_range``: 8-bit values, NaN and other shapes are
    refused, as are targets, weights of examples and of classes that a model cannot count (``refused``). Arrays are
    looked through as ``fit``, ``evaluate``, ``predict``, ``encode`` and the model itself get them; batches of
    ``tf.data``, ``keras.utils.PyDataset`` and generators as they are drawn, outside of XLA, which would leave a check
    out. Tensors inside a graph of the user's own, and datasets that a ``tf.distribute`` strategy has shared out, are
    looked at for shape and type alone.
    """

    labelled = False  # whether targets are labels; else they are examples
    default_metrics: tuple[str, ...] = ()  # that Keras measures beside the loss

    # Shipped matrices have so many whole steps in a standard deviation, at least; None for 8 significant bits.
    weight_steps: int | None = None

    def copy_assets(self, model):
        """Takes over what another model of the class knows beside its weights, such as a vocabulary."""

    def compile_defaults(self, optimizer="adam"):
        """Compiles with the model's own loss and metrics; adversarial models have optimizers of their own."""
        self.compile(optimizer, metrics=[*self.default_metrics])

    def averaged(self):
        """Inside, the model has the weights that it is used with; see ``AdversarialModel``, where they are others."""
        return contextlib.nullcontext()

    def parts(self) -> dict[str, keras.Model]:
        """Name → network of what can be exported, the default first."""
        return {"model": self}

    @property
    def refused(self) -> Mapping[str, str]:
        """What ``fit`` and ``evaluate`` do not take: ``y``, ``sample_weight`` or ``class_weight`` → why."""
        return {}

    def fit(self, x=None, y=None, batch_size=None, *args, **kwargs):
        """As ``keras.Model.fit``.

        Raises:
            ValueError: if ``x``, ``y`` or the validation data is empty, holds NaN, infinity or values of another range,
                or has another shape; or for an argument that the model does not count.
        """
        given = inspect.signature(super().fit).bind(x, y, batch_size, *args, **kwargs).arguments
        refuse(self.refused, class_weight=given.get("class_weight"))
        given["x"], given["y"], given["sample_weight"] = self._looked_through(
            x, y, given.get("sample_weight"), batch_size=batch_size or 32
        )
        validation = given.get("validation_data")
        if isinstance(validation, (tuple, list)) and validation:
            step = given.get("validation_batch_size") or batch_size or 32
            names = ("validation_data", "validation_data[1]")
            given["validation_data"] = self._looked_through(*validation, names=names, batch_size=step)
        elif validation is not None:
            given["validation_data"] = self._looked_through(validation)[0]
        build_optimizer(self)
        with backend.plain_errors():
            return super().fit(**given)

    def evaluate(self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, **kwargs):
        """As ``keras.Model.evaluate``; raises as ``fit``."""
        if not kwargs.get("_use_cached_eval_dataset"):  # which `fit` has looked through
            x, y, sample_weight = self._looked_through(x, y, sample_weight)
        with backend.plain_errors():
            return super().evaluate(x, y, batch_size, verbose, sample_weight, **kwargs)

    def predict(self, x, *args, **kwargs):
        """As ``keras.Model.predict``; raises as ``fit``."""
        with backend.plain_errors():
            return super().predict(self._looked_through(x)[0], *args, **kwargs)

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, **kwargs):
        """As ``keras.Model.train_on_batch``; raises as ``fit``."""
        refuse(self.refused, class_weight=class_weight)
        x, y, sample_weight = self._looked_through(x, y, sample_weight)
        return super().train_on_batch(x, y, sample_weight, class_weight, **kwargs)

    def test_on_batch(self, x, y=None, sample_weight=None, **kwargs):
        """As ``keras.Model.test_on_batch``; raises as ``fit``."""
        return super().test_on_batch(*self._looked_through(x, y, sample_weight), **kwargs)

    def predict_on_batch(self, x):
        """As ``keras.Model.predict_on_batch``; raises as ``fit``."""
        return super().predict_on_batch(self._looked_through(x)[0])

    def export(self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **kwargs):
        """As ``keras.Model.export``, of a model that was never called too; ``zoo.export`` writes a part of it."""
        signature = input_signature or self.input_signature()
        return super().export(filepath, format, verbose=verbose, input_signature=signature, **kwargs)

    def input_signature(self) -> list[keras.InputSpec]:
        """What ``call`` takes, with any number of examples."""
        dtype = "int32" if self.value_range is None else self.input_dtype
        shape = self.example_shape if self.stride is None else (None, None, self.example_shape[-1])
        return [keras.InputSpec(dtype=dtype, shape=(None, *shape), name="x")]

    def get_compile_config(self):
        return portable(super().get_compile_config())

    def build_from_config(self, config):
        self.build()  # a file may not know the shape

    def _post_build(self):
        super()._post_build()
        # Keras records the arguments of `build`; without a shape among them, it would not know the input.
        if not self._build_shapes_dict:
            shapes = keras.tree.map_structure(lambda spec: spec.shape, self.input_signature()[0])
            self._build_shapes_dict = {"input_shape": shapes}

    def _looked_through(self, x, y=None, sample_weight=None, *, names=("x", "y"), batch_size=None):
        """Data as Keras is to have it."""
        refuse(self.refused, y=y, sample_weight=sample_weight)
        bounds = [bounds_of(self, name) for name in (names[:1] if self.labelled else names)]
        x = checked_source(x, bounds, batch_size)
        if y is not None and len(bounds) > 1:
            y = checked_source(y, bounds[1:], batch_size)
        if sample_weight is not None and y is None and not self.labelled and at_hand(x) is not None:
            y = x  # Keras would leave weights out that come without targets
        return x, y, sample_weight


class Reconstructing(Checking):
    """The two halves that an autoencoder is made of, and what they do together."""

    encoder: keras.Model
    decoder: keras.Model

    def device_encoder(self) -> keras.Model:
        """What becomes the int8 encoder of an artefact; no property, as Keras saves those that are models."""
        return self.encoder

    def encode(self, x):
        """The code ``z`` of examples ``x`` in ``value_range``, ``(batch, *example_shape)``."""
        return in_batches(lambda part: self.encoder(part, training=False), self._checked(x))

    def decode(self, z):
        """The reconstruction, ``(batch, *example_shape)``, of codes ``z``."""
        return in_batches(lambda part: self.decoder(part, training=False), z)

    def call(self, x, training=False):
        return self.decoder(self.encoder(self._checked(x), training=training), training=training)

    def parts(self):
        return {"encoder": self.encoder, "decoder": self.decoder, "model": self}


class SelfSupervised(Guarded, keras.Model):
    """A model whose examples are their own targets: what autoencoders and models of texts have in common.

    A subclass creates its networks in its constructor, after calling this one's, and has ``encode`` and ``call``, and a
    loss: ``default_loss``, ``compute_loss`` or what its layers add. ``fit(x)`` needs no target. Losses go through
    ``compute_loss``, so ``evaluate``, ``val_loss`` and all of Keras' callbacks work as they are.

    Args:
        image_shape: shape ``(height, width, channels)`` of one image.
        example_shape: the same of a model of anything else: ``(length, channels)`` of audio; takes its place.
    """

    axes = 3  # of one example

    def __init__(self, *, image_shape=(28, 28, 1), example_shape=None, **kwargs):
        super().__init__(**kwargs)
        self._take_shape(image_shape, example_shape, self.axes)

    @property
    def refused(self):
        return {"class_weight": "an autoencoder has no classes"}

    def build(self, input_shape=None):
        """Nothing, of networks that know their inputs."""

    def compile(self, optimizer="adam", loss=None, *, metrics=None, **kwargs):
        """As ``keras.Model.compile``; the loss defaults to the model's own."""
        if isinstance(metrics, (list, tuple)):
            # None of none, or Keras would call the model on shapes alone, to build them.
            metrics = [made_metric(metric) for metric in metrics] or None
        super().compile(optimizer=optimizer, loss=loss or self.default_loss(), metrics=metrics, **kwargs)

    def default_loss(self) -> keras.losses.Loss | None:
        """What Keras computes of targets and outputs; None of a model that has all of its loss by itself."""
        return None

    def compile_from_config(self, config):
        # Keras restores a model's own compile() only if the model says how; without this, a reloaded model
        # would silently lose its optimizer.
        self.compile(**compile_settings(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def train_step(self, *args):
        with self._told(*args):
            return super().train_step(*args)

    def test_step(self, *args):
        with self._told(*args):
            return super().test_step(*args)

    @contextlib.contextmanager
    def _told(self, *args):
        """Inside, ``call`` knows the targets and weights of the step, for losses that a layer adds."""
        *state, data = args
        _, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        refuse(self.refused, y=y, sample_weight=sample_weight)
        token = _STEP.set((self, y, sample_weight, state))
        try:
            yield
        finally:
            _STEP.reset(token)

    def get_config(self):
        return {**super().get_config(), self.shape_argument: self.example_shape}


class Autoencoder(Reconstructing, SelfSupervised):
    """A model of two halves that is trained to return its input.

        x (batch, *input_shape) → encoder → z (batch, *code) → decoder → reconstruction (batch, *input_shape)

    A subclass creates ``self.encoder`` and ``self.decoder`` in its constructor, and adds its own terms to the loss by
    ``add_loss`` in a layer. The input is the target; ``fit(noisy, clean)`` has ``clean`` restored.

    ``sample_weight``, one number an example, counts as Keras counts it: the loss is ``Σ wᵢ · lossᵢ / batch``, of all
    terms that are an example's own. Models with other terms say in ``refused`` that they take none.

    Args:
        image_shape: see ``SelfSupervised``.
    """

    default_metrics = ("mse",)

    @property
    def refused(self):
        return {"class_weight": "an autoencoder has no classes; weigh examples by sample_weight"}

    def build(self, input_shape=None):
        batched = (None, *self.example_shape)
        self.encoder.build(batched)
        self.decoder.build(self.encoder.compute_output_shape(batched))

    def default_loss(self) -> keras.losses.Loss | None:
        """The squared error summed per example; None of a model whose layers add all of its loss."""
        return losses.SquaredError()

    def _target(self, x):
        """The target of the step that runs, the input where there is none or no step."""
        model, y, *_ = _STEP.get()
        return x if model is not self or y is None else self._checked(y, "y")

    def _sample_weight(self):
        """The weights of the step that runs, None where there are none."""
        model, _, weights, _ = _STEP.get()
        return weights if model is self else None

    def _iterations(self):
        """Steps that the optimizer has made, at the beginning of the one that runs."""
        model, *_, state = _STEP.get()
        with backend.state_of(self, *(state if model is self else ())):
            return ops.convert_to_tensor(self.optimizer.iterations)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, self._own(x, y), y_pred, sample_weight, training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, self._own(x, y), y_pred, sample_weight)

    def _own(self, x, y):
        """What is to be restored: the input, where no target is given."""
        if y is None:
            return x
        checked_examples(y, self.example_shape, None, bounds_of(self, "y"), "y", self.stride)
        return y


def in_batches(function, x):
    """What ``function`` makes of ``x``, ``(n, ...)`` or several such in a structure, at most ``BATCH`` at a time.

    In a graph that does not know ``n``, all at once.
    """
    number = keras.tree.flatten(x)[0].shape[0]
    if number is None or number <= BATCH:
        return function(x)
    starts = range(0, number, BATCH)
    parts = [function(keras.tree.map_structure(lambda v, at=at: v[at : at + BATCH], x)) for at in starts]
    return keras.tree.map_structure(lambda *values: ops.concatenate(values), *parts)


def build_optimizer(model):
    """Makes the variables of a compiled model and of its optimizer, if it has none yet.

    TensorFlow traces a step twice that makes variables on its way, which is most of the wait for a first step.
    """
    if getattr(model, "optimizer", None) is None or model.optimizer.built:
        return
    with backend.strategy_of(model).scope():
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
