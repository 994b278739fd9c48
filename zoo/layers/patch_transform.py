"""A learned linear transform of square patches, and the way back."""

from typing import Any

import keras
from keras import ops

from zoo.backend import Tensor

SCALE = 8.0  # an orthonormal kernel's entries are 1 / sqrt(3 · 16²) = 0.036; stored times this, Adam's steps suit them


class _PatchTransform(keras.layers.Layer):
    """Both directions: an orthonormal kernel ``(filters, patch_size² · channels)``, stored times ``SCALE``."""

    def __init__(self, filters: int, patch_size: int = 16, *, channels: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name, value in (("filters", filters), ("patch_size", patch_size), ("channels", channels)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be an integer ≥ 1: received {value!r}.")
        if filters > patch_size**2 * channels:
            raise ValueError(f"filters must be at most {patch_size**2 * channels}: received {filters}.")
        self.filters, self.patch_size, self.channels = filters, patch_size, channels

    def build(self, input_shape: tuple[Any, ...]) -> None:
        shape = (self.filters, self.patch_size**2 * self.channels)
        self.kernel = self.add_weight(shape=shape, initializer=_scaled_orthogonal, name="kernel")

    def set_basis(self, basis: Any) -> None:
        """Starts the transform from orthonormal rows ``(filters, patch_size² · channels)``, as a PCA gives them.

        A patch's numbers are ordered by row, column, channel.
        """
        self.kernel.assign(SCALE * basis)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "patch_size": self.patch_size,
            "channels": self.channels,
        }


def _scaled_orthogonal(shape: tuple[int, ...], dtype: Any = None) -> Tensor:
    return SCALE * keras.initializers.Orthogonal()(shape, dtype)


@keras.saving.register_keras_serializable("zoo")
class PatchAnalysis(_PatchTransform):
    """Coefficients of every patch: a convolution whose stride is its kernel's size.

    Args:
        filters: coefficients of a patch.
        patch_size: height and width of a patch, in pixels.
        channels: of the image.

    Call arguments:
        x: ``(batch, height, width, channels)``; height and width are multiples of ``patch_size``.

    Returns:
        ``(batch, height / patch_size, width / patch_size, filters)``.

    Raises:
        ValueError: if an argument is no integer from 1 on, or there are more filters than numbers in a patch.

    References:
        Started from principal components it is the Karhunen–Loève transform of patches, the best linear transform
        coding (Goyal 2001, "Theoretical Foundations of Transform Coding"), beside which a network learns the rest:
        Li et al. 2025, "On Disentangled Training for Nonlinear Transform in Learned Image Compression" (AuxT).
    """

    def call(self, x: Tensor) -> Tensor:
        return ops.matmul(
            ops.space_to_depth(x, self.patch_size, data_format="channels_last"), ops.transpose(self.kernel) / SCALE
        )

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        batch, height, width, _ = input_shape
        size = [None if n is None else n // self.patch_size for n in (height, width)]
        return (batch, *size, self.filters)


@keras.saving.register_keras_serializable("zoo")
class PatchSynthesis(_PatchTransform):
    """Patches of coefficients, side by side: the transpose of ``PatchAnalysis``.

    Args:
        filters, patch_size, channels: as there.

    Call arguments:
        y: ``(batch, rows, columns, filters)``.

    Returns:
        ``(batch, rows · patch_size, columns · patch_size, channels)``.
    """

    def call(self, y: Tensor) -> Tensor:
        return ops.depth_to_space(ops.matmul(y, self.kernel / SCALE), self.patch_size, data_format="channels_last")

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        batch, height, width, _ = input_shape
        size = [None if n is None else n * self.patch_size for n in (height, width)]
        return (batch, *size, self.channels)


@keras.saving.register_keras_serializable("zoo")
class Whitening(keras.layers.Layer):
    """Divides each coefficient by its standard deviation, which ``set_deviations`` tells.

    Call arguments:
        y: ``(..., channels)``; the output has the same shape.
    """

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.deviations = self.add_weight(
            shape=(input_shape[-1],), initializer="ones", trainable=False, name="deviations"
        )

    def set_deviations(self, deviations: Any) -> None:
        """Sets the standard deviations, ``(channels,)``, all above 0."""
        self.deviations.assign(deviations)

    def call(self, y: Tensor) -> Tensor:
        return y / self.deviations

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return input_shape
