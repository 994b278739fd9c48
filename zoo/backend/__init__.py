"""What ``keras.ops`` lacks, or does slowly, by the backend that Keras runs on; the others are not imported.

``zoo.backend.api`` says what there is. Below training, this is the one place that knows TensorFlow, JAX or PyTorch.
"""

from typing import TYPE_CHECKING

import keras

from zoo.backend import api

NAMES = ("tensorflow", "jax", "torch")

if TYPE_CHECKING or keras.backend.backend() == "tensorflow":
    from zoo.backend.tensorflow import *  # noqa: F403
elif keras.backend.backend() == "jax":
    from zoo.backend.jax import *  # noqa: F403
elif keras.backend.backend() == "torch":
    from zoo.backend.torch import *  # noqa: F403
else:
    raise ValueError(f"KERAS_BACKEND must be {', '.join(NAMES)}: received {keras.backend.backend()!r}.")

__all__ = [*api.__all__]
