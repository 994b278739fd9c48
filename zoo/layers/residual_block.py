"""A residual block."""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from zoo.backend import Tensor
from zoo.layers.dropout import SpatialDropout1D, SpatialDropout2D


class _ResidualBlock(keras.layers.Layer):
    """What the blocks of one and of two dimensions share; a subclass names its layers."""

    convolution: Callable[..., keras.layers.Layer]
    spatial_dropout: Callable[..., keras.layers.Layer]

    def __init__(
        self,
        filters: int,
        *,
        kernel_size: int = 3,
        dropout: float = 0.0,
        activation: str | Callable[..., Any] | None = "relu",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.kernel_size = filters, kernel_size
        self.activation = keras.activations.get(activation)
        self.dropout = self.spatial_dropout(dropout, dtype=self.dtype_policy, name="dropout")
        options = {"padding": "same", "data_format": "channels_last", "dtype": self.dtype_policy}
        self.inner = self.convolution(filters, kernel_size, activation="relu", name="inner", **options)
        self.outer = self.convolution(filters, kernel_size, kernel_initializer="zeros", name="outer", **options)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        if input_shape[-1] != self.filters:
            raise ValueError(
                f"filters must equal the input's channels: expected {input_shape[-1]}, received {self.filters}."
            )
        self.inner.build(input_shape)
        self.outer.build(input_shape)

    def call(self, x: Tensor, training: bool | None = False) -> Tensor:
        return self.activation(x + self.outer(self.dropout(self.inner(x), training=training)))

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "dropout": self.dropout.rate,
            "activation": keras.activations.serialize(self.activation),
        }


@keras.saving.register_keras_serializable("zoo")
class ResidualBlock2D(_ResidualBlock):
    """Two convolutions around a shortcut: ``activation(x + conv(relu(conv(x))))``.

    Without batch normalisation, which would leak the batch into an image's code and need folding for
    int8. The second kernel starts at zero, so that every block starts as the identity and a deep stack
    trains as easily as a shallow one.

    Args:
        filters: channels of the input and of the output.
        kernel_size: size of both kernels.
        dropout: fraction of the channels between the two convolutions dropped in training.
        activation: of the sum; None for a residual stream that stays linear.

    Call arguments:
        x: ``(batch, height, width, filters)``; the output has the same shape.

    References:
        He et al. 2016, "Deep Residual Learning for Image Recognition"; the zero start is Goyal et al. 2017, §5.1.
    """

    convolution = layers.Conv2D
    # Keras has no types: whose arguments these are is not seen.
    spatial_dropout = functools.partial(SpatialDropout2D, data_format="channels_last")  # pyright: ignore[reportCallIssue]


@keras.saving.register_keras_serializable("zoo")
class ResidualBlock1D(_ResidualBlock):
    """``ResidualBlock2D`` along time.

    Args:
        filters, kernel_size, dropout, activation: as there.

    Call arguments:
        x: ``(batch, time, filters)``; the output has the same shape.
    """

    convolution, spatial_dropout = layers.Conv1D, SpatialDropout1D
