"""A learned vector for each position of a sequence."""

from typing import Any

import keras
from keras import ops

from zoo.backend import Tensor


@keras.saving.register_keras_serializable("zoo")
class PositionEmbedding(keras.layers.Layer):
    """Scales a sequence and adds to each position a vector that is learned for it.

    Args:
        length: number of positions, at most; a shorter sequence has the first of them.
        units: of each vector.
        scale: of what the vectors are added to.

    Call arguments:
        x: ``(batch, length, units)``.

    References:
        Gehring et al. 2017, "Convolutional Sequence to Sequence Learning", §3.1.
    """

    def __init__(self, length: int, units: int, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.length, self.units, self.scale = length, units, scale

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.table = self.add_weight(shape=(self.length, self.units), initializer="random_normal", name="table")

    def call(self, x: Tensor) -> Tensor:
        return self.scale * x + ops.cast(self.table[: ops.shape(x)[1]], x.dtype)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "length": self.length, "units": self.units, "scale": self.scale}
