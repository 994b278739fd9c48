"""Convolutions of many channels that train faster on a processor."""

from typing import Any

import keras
from keras import layers, ops

from zoo import backend
from zoo.backend import Tensor

_Mixin: Any = object  # for type checkers: what it calls is of the layer that it is mixed into


class _SpelledOut(_Mixin):
    """In training, ``zoo.backend``'s convolutions in place of Keras'; the same function, config and saved files."""

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        if not training or not self._plain(inputs):
            return super().call(inputs)
        y = self._convolved(inputs)
        if self.use_bias:
            y = y + self.bias
        return y if self.activation is None else self.activation(y)

    def _plain(self, inputs):
        """Whether this is a convolution that ``zoo.backend`` has, and is quicker at, of an image of known size."""
        if min(inputs.shape[-1], self.filters) < backend.MANY_CHANNELS:
            return False
        square = len({*self.strides}) == len({*self.kernel_size}) == 1
        whole = self.data_format == "channels_last" and {*self.dilation_rate} == {1}
        return square and whole and getattr(self, "groups", 1) == 1 and None not in inputs.shape[1:]


@keras.saving.register_keras_serializable("zoo")
class Conv2D(_SpelledOut, layers.Conv2D):
    """Keras' convolution, whose gradients a processor is quicker at where its channels are 128 and more.

    Arguments, weights, configs and results are ``keras.layers.Conv2D``'s, and so is all that is not in training.
    ``zoo.backend.conv2d`` says what is quicker and when it is taken.

    Call arguments:
        inputs: ``(batch, height, width, channels)``.

    Returns:
        ``(batch, new height, new width, filters)``.
    """

    def _convolved(self, inputs):
        if self.padding == "same":
            sides = [_same(n, k, self.strides[0]) for n, k in zip(inputs.shape[1:3], self.kernel_size, strict=True)]
            inputs = ops.pad(inputs, ((0, 0), *sides, (0, 0)))
        return backend.conv2d(inputs, ops.cast(self.kernel, inputs.dtype), self.strides[0])


@keras.saving.register_keras_serializable("zoo")
class Conv2DTranspose(_SpelledOut, layers.Conv2DTranspose):
    """Keras' transposed convolution, quicker on a processor where its channels are 128 and more.

    Arguments, weights, configs and results are ``keras.layers.Conv2DTranspose``'s, and so is all that is not in
    training; with ``output_padding`` it is Keras' own throughout. ``zoo.backend.conv2d_transpose`` says what is quicker
    and when it is taken.

    Call arguments:
        inputs: ``(batch, height, width, channels)``.

    Returns:
        ``(batch, new height, new width, filters)``.
    """

    def _plain(self, inputs):
        return self.output_padding is None and super()._plain(inputs)

    def _convolved(self, inputs):
        strides = self.strides[0]
        y = backend.conv2d_transpose(inputs, ops.cast(self.kernel, inputs.dtype), strides)
        height, width = self.compute_output_shape(inputs.shape)[1:3]
        # Kernels smaller than the stride leave a border that nothing reaches.
        missing = [(0, max(0, whole - part)) for whole, part in zip((height, width), y.shape[1:3], strict=True)]
        y = ops.pad(y, ((0, 0), *missing, (0, 0)))
        top, left = (0, 0)
        if self.padding == "same":
            top, left = (max(k - strides, 0) // 2 for k in self.kernel_size)
        return y[:, top : top + height, left : left + width]


def _same(size: int, kernel: int, strides: int) -> tuple[int, int]:
    """Zeros before and after, of the padding ``same``."""
    whole = max((-(-size // strides) - 1) * strides + kernel - size, 0)
    return whole // 2, whole - whole // 2
