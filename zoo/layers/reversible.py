"""Tied weights: one kernel, used forwards and transposed."""

from typing import Any

import keras
from keras import ops

from zoo.backend import Tensor


class _Reversible(keras.layers.Layer):
    """What both layers share: two biases, one kernel or two, and the check that an input fits the kernel."""

    sizes: tuple[int, int]  # last axis of the input and of the output

    def __init__(
        self,
        *,
        tied: bool = True,
        kernel_initializer: str = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tied = tied
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def _build(self, shape, reverse_shape):
        self.kernel = self.add_weight(shape=shape, initializer=self.kernel_initializer, name="kernel")
        self.bias = self.add_weight(shape=self.sizes[1:], initializer=self.bias_initializer, name="bias")
        self.reverse_bias = self.add_weight(shape=self.sizes[:1], initializer="zeros", name="reverse_bias")
        if not self.tied:
            initializer = self.kernel_initializer.clone()  # unseeded, the same object would draw the same numbers
            self.reverse_kernel = self.add_weight(shape=reverse_shape, initializer=initializer, name="reverse_kernel")

    def _check(self, shape, reverse):
        expected = self.sizes[1 if reverse else 0]
        if shape[-1] != expected:
            raise ValueError(
                f"x must have a last axis of {expected}, as the kernel has {'in reverse' if reverse else 'forwards'}: "
                f"received {tuple(shape)}."
            )

    def compute_output_spec(self, x: Tensor, reverse: bool = False) -> Any:  # Keras' own would not hand on `reverse`
        return keras.KerasTensor(self.compute_output_shape(x.shape, reverse), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "tied": self.tied,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }


@keras.saving.register_keras_serializable("zoo")
class ReversibleDense(_Reversible):
    """A dense layer that also runs in reverse: ``x·K + b`` forwards, ``z·Kᵀ + b′`` in reverse.

    Tied weights as one layer that is called twice, where two layers would have one hold the other: so the tie
    survives configs, saving and cloning, the kernel is one variable, and its gradient is the sum of both uses. Both
    widths are arguments, because a first call in reverse could not tell the other one.

    Args:
        input_units: width of the input.
        units: width of the output.
        tied: False gives the reverse a kernel of its own, for comparison.
        kernel_initializer: of the kernel. The default has one variance for both directions.
        bias_initializer: of the bias forwards; the one in reverse starts at 0.

    Call arguments:
        x: ``(..., input_units)``, or ``(..., units)`` in reverse.
        reverse: whether to apply the transpose.

    Returns:
        ``(..., units)``, or ``(..., input_units)`` in reverse.

    Raises:
        ValueError: if a width is not a positive integer, or an input's last axis does not fit the kernel.

    References:
        Vincent et al. 2010, "Stacked Denoising Autoencoders", §2.2: tied weights.
    """

    def __init__(self, input_units: int, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        _check_positive(input_units=input_units, units=units)
        self.input_units, self.units = self.sizes = input_units, units

    def build(self, input_shape: tuple[Any, ...] | None = None) -> None:
        self._build(self.sizes, self.sizes[::-1])

    def call(self, x: Tensor, reverse: bool = False) -> Tensor:
        self._check(x.shape, reverse)
        if not reverse:
            return ops.matmul(x, self.kernel) + self.bias
        kernel = ops.transpose(self.kernel) if self.tied else self.reverse_kernel
        return ops.matmul(x, kernel) + self.reverse_bias

    def compute_output_shape(self, input_shape: tuple[Any, ...], reverse: bool = False) -> tuple[Any, ...]:
        self._check(input_shape, reverse)
        return (*input_shape[:-1], self.sizes[0 if reverse else 1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "input_units": self.input_units, "units": self.units}


@keras.saving.register_keras_serializable("zoo")
class ReversibleConv2D(_Reversible):
    """A strided convolution that also runs in reverse, as its adjoint: the transposed convolution by the same kernel.

    Without the biases, ``⟨conv(x), y⟩ = ⟨x, conv(y, reverse=True)⟩`` for all x and y. Padding is "same". See
    ``ReversibleDense``.

    Args:
        input_filters: channels of the input.
        filters: channels of the output.
        kernel_size: height and width of the kernel.
        strides: factor by which height and width shrink, and grow in reverse.
        tied: False gives the reverse a kernel of its own, for comparison.
        kernel_initializer: of the kernel.
        bias_initializer: of the bias forwards; the one in reverse starts at 0.

    Call arguments:
        x: ``(batch, height, width, input_filters)``, height and width multiples of the strides;
            ``(batch, height/strides, width/strides, filters)`` in reverse.
        reverse: whether to apply the transpose.

    Returns:
        ``(batch, height/strides, width/strides, filters)``, or in reverse ``(batch, height, width, input_filters)``.

    Raises:
        ValueError: if a size is not a positive integer, or an input's shape does not fit.

    References:
        Masci et al. 2011, "Stacked Convolutional Auto-Encoders", §3: weights shared between both directions.
    """

    def __init__(self, input_filters: int, filters: int, kernel_size: int, strides: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        _check_positive(input_filters=input_filters, filters=filters, kernel_size=kernel_size, strides=strides)
        self.input_filters, self.filters = self.sizes = input_filters, filters
        self.kernel_size, self.strides = kernel_size, strides

    def build(self, input_shape: tuple[Any, ...] | None = None) -> None:
        shape = (self.kernel_size, self.kernel_size, *self.sizes)
        self._build(shape, shape)  # a transposed convolution's kernel has the output's channels first

    def call(self, x: Tensor, reverse: bool = False) -> Tensor:
        self._check(x.shape, reverse)
        if not reverse:
            return ops.conv(x, self.kernel, self.strides, "same", "channels_last") + self.bias
        kernel = self.kernel if self.tied else self.reverse_kernel
        options = {"padding": "same", "data_format": "channels_last"}
        return ops.conv_transpose(x, kernel, self.strides, **options) + self.reverse_bias

    def compute_output_shape(self, input_shape: tuple[Any, ...], reverse: bool = False) -> tuple[Any, ...]:
        self._check(input_shape, reverse)
        batch, *image, _ = input_shape
        if reverse:
            grown = [None if size is None else size * self.strides for size in image]
            return (batch, *grown, self.input_filters)
        return (batch, *[None if size is None else size // self.strides for size in image], self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "input_filters": self.input_filters,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
        }

    def _check(self, shape, reverse):
        super()._check(shape, reverse)
        if not reverse and any(size is not None and size % self.strides for size in shape[1:3]):
            raise ValueError(
                f"x must have a height and width divisible by strides={self.strides}, or the reverse could not restore "
                f"them: received {tuple(shape)}."
            )


def _check_positive(**sizes):
    for argument, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"{argument} must be an integer ≥ 1: received {size!r}.")
