"""Adam in one kernel, the optimizers of two players as one, and how files compile models."""

from collections.abc import Mapping
from typing import Any

import keras

from zoo import backend
from zoo.backend import Tensor


@keras.saving.register_keras_serializable("zoo")
class Adam(keras.optimizers.Adam):
    """Keras' Adam by TensorFlow's fused kernel: the same updates, up to rounding, in one pass over memory.

    Keras spells a step out in some ten operations for each variable, each of which reads and writes all its weights: of
    small dense nets, a good part of a training step. State, arguments and saved files are Keras' own. ``amsgrad``,
    sparse gradients and several replicas of ``tf.distribute`` go Keras' way.

    References:
        Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization", ICLR, §2, the order of computation at its end.
    """

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        if self.amsgrad or not backend.fusible(grads):
            return super()._backend_update_step(grads, trainable_variables, learning_rate)
        indices = [self._get_variable_index(variable) for variable in trainable_variables]
        return backend.fused_adam_step(
            trainable_variables,
            [self._momentums[index] for index in indices],
            [self._velocities[index] for index in indices],
            grads,
            learning_rate=learning_rate,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            step=self.iterations + 1,
        )


class OptimizerPair:
    """Both players' optimizers as the one that Keras' callbacks ask a model for.

    ReduceLROnPlateau and LearningRateScheduler move the learning rate of each, TensorBoard and CSVLogger write both.

    Attributes:
        optimizers: the generator's, and the discriminator's.
        built: always, as ``AdversarialModel.compile`` builds them.
    """

    built = True

    def __init__(self, generator: keras.optimizers.Optimizer, discriminator: keras.optimizers.Optimizer) -> None:
        self.optimizers = [generator, discriminator]

    @property
    def iterations(self) -> Tensor:
        """Steps of the generator."""
        return self.optimizers[0].iterations

    @property
    def variables(self) -> list:
        return [variable for optimizer in self.optimizers for variable in optimizer.variables]

    @property
    def learning_rate(self) -> Tensor:
        """The generator's; setting it moves both, in the ratio that they have."""
        return self.optimizers[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        generator, discriminator = self.optimizers
        discriminator.learning_rate = value * discriminator.learning_rate / generator.learning_rate
        generator.learning_rate = value


def portable(config: Any) -> Any:
    """A configuration as every backend reads it: PyTorch's optimizers go by Keras' own names."""
    if isinstance(config, (list, tuple)):
        return type(config)(map(portable, config))
    if not isinstance(config, Mapping):
        return config
    config = {key: portable(value) for key, value in config.items()}
    if str(config.get("module")).startswith("keras.src.backend.torch.optimizers."):
        config |= {"module": "keras.optimizers", "registered_name": None}
    return config


def compile_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What ``compile`` takes, of a file's configuration, which another backend may have written."""
    settings = keras.saving.deserialize_keras_object(config)
    if "jit_compile" in settings:
        settings["jit_compile"] = backend.jit_compile(settings["jit_compile"])
    if not backend.SEVERAL_STEPS:
        settings.pop("steps_per_execution", None)
    return settings
