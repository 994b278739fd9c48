"""Deconvolution: four ways to upsample by a learned kernel, one interface."""

from typing import Any

import keras
from keras import ops

from zoo.backend import Tensor
from zoo.layers.convolution import Conv2D, Conv2DTranspose
from zoo.layers.sub_pixel import SubPixelConv2D

METHODS = ("transposed", "zero_inserted", "sub_pixel", "resize")


@keras.saving.register_keras_serializable("zoo")
class Deconvolution2D(keras.layers.Layer):
    """Upsamples by a learned kernel, in one of four ways.

    - ``transposed``: transposed convolution, the adjoint of a strided one.
    - ``zero_inserted``: ``strides − 1`` zeros between the pixels, then a plain convolution. The same function as
      ``transposed`` of the same weights, which the two exchange by ``get_weights`` and ``set_weights``; it multiplies
      the zeros too, and needs no transposed convolution of the runtime.
    - ``sub_pixel``: a convolution at the low resolution whose channels become the pixels between.
    - ``resize``: the nearest pixel, then a convolution at the high resolution; every output pixel overlaps as many
      inputs as its neighbours, hence no checkerboard.

    Args:
        filters: channels of the output.
        kernel_size: height and width of the kernel: at the low resolution for ``sub_pixel``, else at the high one.
        strides: factor by which height and width grow, an integer ≥ 2.
        method: one of the four.
        activation: activation of the output.

    Call arguments:
        x: ``(batch, height, width, channels)``.

    Returns:
        ``(batch, height·strides, width·strides, filters)``.

    Raises:
        ValueError: if a size is not an integer or too small, or the method is unknown.

    References:
        Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning", §4: transposed and zero-inserted;
        Shi et al. 2016, "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel CNN";
        Odena et al. 2016, "Deconvolution and Checkerboard Artifacts": resizing.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        strides: int = 2,
        method: str = "transposed",
        activation: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for argument, size in (("filters", filters), ("kernel_size", kernel_size), ("strides", strides)):
            least = 2 if argument == "strides" else 1
            if not isinstance(size, int) or size < least:
                raise ValueError(f"{argument} must be an integer ≥ {least}: received {size!r}.")
        if method not in METHODS:
            raise ValueError(f"method must be {', '.join(METHODS)}: received {method!r}.")
        self.filters, self.kernel_size, self.strides, self.method = filters, kernel_size, strides, method
        self.activation = keras.activations.get(activation)
        child = {"dtype": self.dtype_policy, "name": "conv"}
        if method == "sub_pixel":
            self.conv = SubPixelConv2D(filters, kernel_size, upsampling=strides, **child)
        elif method == "resize":
            self.conv = Conv2D(filters, kernel_size, padding="same", data_format="channels_last", **child)
        else:
            child["data_format"] = "channels_last"
            self.conv = Conv2DTranspose(filters, kernel_size, strides, padding="same", **child)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.conv.build(input_shape)

    def call(self, x: Tensor, training: bool | None = False) -> Tensor:
        if self.method == "resize":
            x = ops.depth_to_space(ops.concatenate([x] * self.strides**2, axis=-1), self.strides)
        y = self._zero_inserted(x) if self.method == "zero_inserted" else self.conv(x, training=training)
        return self.activation(y)

    def _zero_inserted(self, x):
        # Zeros as channels, then channels into space: two LiteRT builtins, where six axes would need a transpose.
        zeros = x.shape[-1] * (self.strides**2 - 1)
        x = ops.depth_to_space(ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, zeros))), self.strides)
        # The strided convolution pads max(size − strides, 0) in all, the smaller half first; its adjoint reads the
        # kernel backwards, so what it pads before, its adjoint pads after.
        after = max(self.kernel_size - self.strides, 0) // 2
        sides = (self.kernel_size - 1 - after, after)
        kernel = ops.transpose(ops.flip(self.conv.kernel, (0, 1)), (0, 1, 3, 2))
        x = ops.pad(x, ((0, 0), sides, sides, (0, 0)))
        return ops.conv(x, kernel, padding="valid", data_format="channels_last") + self.conv.bias

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        batch, *image, _ = input_shape
        return (batch, *[None if size is None else size * self.strides for size in image], self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "method": self.method,
            "activation": keras.activations.serialize(self.activation),
        }
