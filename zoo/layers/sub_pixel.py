"""Sub-pixel convolution."""

from typing import Any

import keras
from keras import layers, ops

from zoo.backend import Tensor


@keras.saving.register_keras_serializable("zoo")
class SubPixelConv2D(keras.layers.Layer):
    """Upsamples by a convolution at the low resolution whose channels become the pixels between.

    Equal in expressive power to a transposed convolution of kernel ``kernel_size·upsampling``, without
    its zero multiplications and with an even overlap, hence no checkerboard.

    Args:
        filters: channels of the output.
        kernel_size: size of the kernel, at the low resolution.
        upsampling: factor by which height and width grow, an integer ≥ 1.
        activation: activation of the output.
        bias_initializer: initial bias of the output.

    Call arguments:
        x: ``(batch, height, width, channels)``.

    Returns:
        ``(batch, height·upsampling, width·upsampling, filters)``.

    References:
        Shi et al. 2016, "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel CNN".
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        *,
        upsampling: int = 2,
        activation: Any = None,
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(upsampling, int) or upsampling < 1:
            raise ValueError(f"upsampling must be an integer ≥ 1: received {upsampling!r}.")
        self.filters, self.kernel_size, self.upsampling = filters, kernel_size, upsampling
        self.activation = keras.activations.get(activation)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.conv = layers.Conv2D(
            filters * upsampling**2,
            kernel_size,
            padding="same",
            bias_initializer=self.bias_initializer,
            dtype=self.dtype_policy,
            name="conv",
            data_format="channels_last",
        )

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.conv.build(input_shape)

    def call(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        if self.upsampling > 1:  # there are no blocks of one pixel to move
            y = ops.depth_to_space(y, self.upsampling)
        return self.activation(y)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        batch, height, width, _ = input_shape
        grown = [None if size is None else size * self.upsampling for size in (height, width)]
        return (batch, *grown, self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "upsampling": self.upsampling,
            "activation": keras.activations.serialize(self.activation),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
