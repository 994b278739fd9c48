"""Mixing across positions."""

from typing import Any

import keras
from keras import layers, ops

from zoo.backend import Tensor


@keras.saving.register_keras_serializable("zoo")
class SpatialMixing(keras.layers.Layer):
    """Adds to every position a learned combination of all positions, the same for every channel.

    One dense layer over the flattened grid lets each position see the whole image at once, which stacked
    3×3 kernels do only after many layers. Starts as the identity.

    Call arguments:
        x: ``(batch, height, width, channels)`` of a fixed size; the output has the same shape.

    References:
        Tolstikhin et al. 2021, "MLP-Mixer", §2: token mixing, here with a single linear layer.
    """

    def build(self, input_shape: tuple[Any, ...]) -> None:
        _, height, width, channels = input_shape
        if height is None or width is None:
            raise ValueError(f"SpatialMixing needs a fixed height and width: received {tuple(input_shape)}.")
        self.grid = (height, width, channels)
        self.dense = layers.Dense(height * width, kernel_initializer="zeros", dtype=self.dtype_policy, name="dense")
        self.dense.build((None, channels, height * width))

    def call(self, x: Tensor) -> Tensor:
        height, width, channels = self.grid
        positions = ops.transpose(ops.reshape(x, (-1, height * width, channels)), (0, 2, 1))
        mixed = ops.transpose(self.dense(positions), (0, 2, 1))
        return x + ops.reshape(mixed, (-1, height, width, channels))

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return input_shape
