"""What makes a Keras model of two players: an optimizer for each, what ``fit`` takes, and what a file keeps."""

import contextlib

import keras
import numpy as np
from keras import ops

from zoo import backend, losses, optimizers
from zoo.models.base import Guarded, Reconstructing
from zoo.models.inputs import at_hand, refuse
from zoo.optimizers import OptimizerPair, compile_settings, portable


class TwoPlayers(Guarded, keras.Model):
    """A model whose generator and discriminator learn by turns, see ``AdversarialModel``, which says how.

    A subclass has ``example_shape``, ``latent_dim`` and ``num_classes``, and a ``_learn(x, labels)`` that makes a step
    of both players.
    """

    generator: keras.Model
    discriminator: keras.Model
    # What ``compile`` takes where it is not told.
    default_loss = "non_saturating"
    default_discriminator_steps = 1
    _trained = ()  # ids of the variables that the step of ``fit`` moves

    def compile_defaults(self, optimizer=None):
        self.compile()

    def parts(self):
        """Name → network of what can be exported; the model is its generator, as that is what ``call`` runs."""
        return {"model": self.generator, "generator": self.generator, "discriminator": self.discriminator}

    @contextlib.contextmanager
    def averaged(self):
        """Inside, the generator has the moving average of its weights, where its optimizer keeps one."""
        optimizer = getattr(self, "generator_optimizer", None)
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        if optimizer is None or not optimizer.use_ema or not int(optimizer.iterations):
            yield
            return
        variables = _built_for(optimizer)
        before = [ops.convert_to_numpy(v) for v in variables]
        optimizer.finalize_variable_values(variables)
        try:
            yield
        finally:
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)

    def compile(
        self,
        generator_optimizer=None,
        discriminator_optimizer=None,
        loss=None,
        discriminator_steps=None,
        **kwargs,
    ):
        """Chooses how the two players learn.

        Args:
            generator_optimizer, discriminator_optimizer: as Keras takes them; None for the paper's
                (``default_optimizer``). Learning rates vary by a ``keras.optimizers.schedules`` schedule.
            loss: ``minimax``, ``non_saturating``, ``least_squares``, ``hinge``, ``wasserstein``, or a
                ``zoo.losses.AdversarialLoss``; None for the paper's.
            discriminator_steps: k ≥ 1, its updates for each one of the generator; None for the paper's.
            kwargs: ``jit_compile`` (False by default: on a processor, XLA slows convolutions down; JAX always compiles
                its steps), ``steps_per_execution``, ``run_eagerly``, ``auto_scale_loss`` of ``keras.Model.compile``.

        Raises:
            ValueError: for an unknown loss, or k below 1.
        """
        if discriminator_steps is None:
            discriminator_steps = self.default_discriminator_steps
        if not isinstance(discriminator_steps, int) or discriminator_steps < 1:
            raise ValueError(f"discriminator_steps must be an integer ≥ 1: received {discriminator_steps!r}.")
        self.adversarial_loss = losses.adversarial_loss(self.default_loss if loss is None else loss)
        self.discriminator_steps = discriminator_steps
        if not self.built:
            self.build()
        auto_scale_loss = kwargs.pop("auto_scale_loss", True)
        kwargs["jit_compile"] = backend.jit_compile(kwargs.get("jit_compile", False))
        # Of the two optimizers, of which Keras knows none, each is scaled below.
        super().compile(optimizer=None, auto_scale_loss=False, **kwargs)
        self.generator_optimizer, self.discriminator_optimizer = (
            self._optimizer(optimizer, auto_scale_loss) for optimizer in (generator_optimizer, discriminator_optimizer)
        )
        self.generator_optimizer.build(self.generator_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)
        self._compile_settings = {**kwargs, "auto_scale_loss": auto_scale_loss}

    def default_optimizer(self, learning_rate=2e-4) -> keras.optimizers.Optimizer:
        """Of one player, as the paper has it."""
        return optimizers.Adam(learning_rate, beta_1=0.5)

    def _optimizer(self, optimizer, auto_scale_loss):
        optimizer = self.default_optimizer() if optimizer is None else keras.optimizers.get(optimizer)
        scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if auto_scale_loss and self.dtype_policy.name == "mixed_float16" and not scaled:
            return keras.optimizers.LossScaleOptimizer(optimizer)
        return optimizer

    @property
    def optimizers(self) -> tuple[keras.optimizers.Optimizer, ...]:
        return self.generator_optimizer, self.discriminator_optimizer

    @property
    def optimizer(self) -> OptimizerPair | None:
        """Both, for Keras' callbacks; None before ``compile``.

        No ``keras.optimizers.Optimizer``: at the end of ``fit``, Keras would hand one both players' weights.
        """
        return OptimizerPair(*self.optimizers) if hasattr(self, "generator_optimizer") else None

    @optimizer.setter
    def optimizer(self, value):
        if value is not None:
            raise AttributeError("A model of two players has two optimizers: give compile both.")

    @property
    def value_range(self):
        # Points, and what else is no image, may be anywhere.
        return (0, 1) if len(self.example_shape) == 3 else None

    @property
    def labelled(self):
        return self.num_classes > 0

    @property
    def refused(self):
        reasons = dict.fromkeys(("sample_weight", "class_weight"), "neither player's loss is one example's alone")
        if not self.num_classes:
            reasons["y"] = "the model was built without classes, and its targets are real and generated"
        return reasons

    def fit(self, x=None, y=None, batch_size=None, *args, **kwargs):
        """As ``keras.Model.fit``, of real examples ``x`` in [0, 1] and, of a conditional model, labels ``y``.

        Raises:
            ValueError: if examples are none, not finite, outside [0, 1] (of images), or their labels out of range; if a
                batch has fewer examples than the discriminator has steps; or for targets or weights that the model does
                not count.
        """
        if (examples := at_hand(x)) is not None:
            number = int(len(examples) * (1.0 - kwargs.get("validation_split", 0.0)))  # as Keras rounds
            last = number % (batch_size or 32) or min(number, batch_size or 32)
            if 0 < last < self.discriminator_steps:
                raise ValueError(self._small_batch(last))
            if self.num_classes and y is not None:
                check_labels("y", np.asarray(y), self.num_classes)
        return super().fit(x, y, batch_size, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        """As ``keras.Model.predict``, of noise; of an autoencoder of examples, which are looked at as by ``fit``."""
        if isinstance(self, Reconstructing):
            return super().predict(x, *args, **kwargs)
        return keras.Model.predict(self, x, *args, **kwargs)

    def predict_on_batch(self, x):
        """As ``keras.Model.predict_on_batch``, of what ``predict`` takes."""
        if isinstance(self, Reconstructing):
            return super().predict_on_batch(x)
        return keras.Model.predict_on_batch(self, x)

    def input_signature(self):
        if isinstance(self, Reconstructing):
            return super().input_signature()
        noise = keras.InputSpec(dtype=self.input_dtype, shape=(None, self.latent_dim), name="noise")
        return [[noise, keras.InputSpec(dtype="int32", shape=(None,), name="label")] if self.num_classes else noise]

    def get_compile_config(self):
        if not self.compiled:
            return {}
        config = {
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
            "loss": self.adversarial_loss,
            "discriminator_steps": self.discriminator_steps,
            **self._compile_settings,
        }
        return portable({key: keras.saving.serialize_keras_object(value) for key, value in config.items()})

    def compile_from_config(self, config):
        # Builds both optimizers too, so that a file's state of theirs finds its place.
        self.compile(**compile_settings(config))

    def build(self, input_shape=None):
        self.built = True

    def make_train_function(self, force=False):
        """As Keras', again where ``trainable`` of a part has changed; of XLA is only what follows a batch's checks.

        Raises:
            ValueError: if a part has been unfrozen since ``compile``, whose optimizers do not know its variables.
        """
        players = {"generator": self.generator_variables, "discriminator": self.discriminator.trainable_variables}
        for (player, variables), optimizer in zip(players.items(), self.optimizers, strict=True):
            known = {id(variable) for variable in _built_for(optimizer)}
            if not all(id(variable) in known for variable in variables):
                raise ValueError(f"The {player} was frozen, in whole or in part, at compile: call compile again.")
        trained = tuple(id(variable) for variables in players.values() for variable in variables)
        if self.train_function is not None and not force and trained == self._trained:
            return
        self._trained, xla = trained, self.jit_compile
        alone = backend.XLA_DROPS_CHECKS and backend.strategy_of(self).num_replicas_in_sync == 1
        self._step = backend.compiled(self._learn, jit_compile=True) if xla and alone else self._learn
        if alone:
            self.jit_compile = False  # XLA drops the checks of what it compiles
        super().make_train_function(force=True)
        self.jit_compile = xla

    def _unpack(self, data):
        x, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        refuse(self.refused, y=labels, sample_weight=sample_weight)
        if tuple(x.shape[1:]) != self.example_shape:
            raise ValueError(
                f"x must have the shape (batch, {', '.join(map(str, self.example_shape))}): received {tuple(x.shape)}."
            )
        if self.num_classes and labels is None:
            raise ValueError(f"y must hold the labels, 0 to {self.num_classes - 1}: received none.")
        x = ops.convert_to_tensor(x, dtype=self.compute_dtype)
        return x, None if labels is None else ops.cast(labels, "int32")

    def _large_enough(self, x):
        """The batch, where it has an example for each step of the discriminator."""
        steps, number = self.discriminator_steps, x.shape[0]
        if number is None:
            return backend.guarded(x, ops.shape(x)[0], steps, self._small_batch())
        if number < steps:
            raise ValueError(self._small_batch(number))
        return x

    def _small_batch(self, received: int | None = None) -> str:
        return (
            f"batch_size must be at least discriminator_steps, {self.discriminator_steps}, in every batch: received "
            f"{'fewer' if received is None else received} examples; raise it, or drop the last, incomplete batch."
        )

    # --- saving ---

    def save_own_variables(self, store):
        super().save_own_variables(store)
        # Keras' files leave these out, and training resumed from one would draw the same noise again.
        for index, state in enumerate(self._seed_states()):
            store[f"seed_{index}"] = ops.convert_to_numpy(state)

    def load_own_variables(self, store):
        states = {name: store[name] for name in list(store.keys()) if name.startswith("seed_")}
        super().load_own_variables({name: store[name] for name in store.keys() if name not in states})
        for index, state in enumerate(self._seed_states()):
            state.assign(states[f"seed_{index}"])

    def _seed_states(self) -> list:
        weights = {id(weight) for weight in self.weights}
        return [variable for variable in self.variables if id(variable) not in weights]


def _built_for(optimizer) -> list:
    """The variables that an optimizer was built for."""
    return getattr(optimizer, "inner_optimizer", optimizer)._trainable_variables


def check_labels(name, labels, num_classes):
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"{name} must be integers from 0 to {num_classes - 1}: received {labels.dtype} from {labels.min()} to "
            f"{labels.max()}."
        )
