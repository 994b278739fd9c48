"""SiLU that leaves int8 its steps."""

import keras
from keras import ops

from zoo.backend import Tensor

BOUND = 10.0  # SiLU(−10) = −0.00045


@keras.saving.register_keras_serializable("zoo")
def bounded_silu(x: Tensor) -> Tensor:
    """SiLU of ``max(x, −10)`` (Elfwing, Uchibe & Doya 2018, https://arxiv.org/abs/1702.03118).

    A unit that is off may lie at −100, where SiLU is flat, and int8 would spread its 256 steps down to there. The bound
    is a rectifier of the biased sum, which the converter fuses into the layer before: its range is what matters.
    """
    return ops.silu(ops.relu(x + BOUND) - BOUND)
