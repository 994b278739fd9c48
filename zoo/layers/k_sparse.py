"""Activations of which an example keeps only the largest."""

from typing import Any

import keras
from keras import ops

from zoo.backend import Tensor


@keras.saving.register_keras_serializable("zoo")
class KSparse(keras.layers.Layer):
    """Keeps the ``k`` largest activations of each example and sets the others to zero.

    Exactly ``k`` are kept: of equal ones, those that come first. The gradient passes through the kept alone.

    Args:
        k: activations kept, an integer ≥ 1 and at most the input's last axis.

    Call arguments:
        x: ``(..., units)``; the output has the same shape.

    Raises:
        ValueError: if ``k`` is not such an integer.

    References:
        Makhzani & Frey 2013, "k-Sparse Autoencoders", algorithm 1.

    Examples:
        >>> import numpy as np
        >>> from zoo import layers
        >>> np.asarray(layers.KSparse(2)(np.array([[1.0, 5.0, 2.0, 5.0]], "float32"))).tolist()
        [[0.0, 5.0, 0.0, 5.0]]
    """

    def __init__(self, k: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(k, int) or isinstance(k, bool) or k < 1:
            raise ValueError(f"k must be an integer ≥ 1: received {k!r}.")
        self.k = k

    def build(self, input_shape: tuple[Any, ...]) -> None:
        if self.k > input_shape[-1]:
            raise ValueError(f"k must be at most the number of units, {input_shape[-1]}: received {self.k}.")

    def call(self, x: Tensor) -> Tensor:
        largest, positions = ops.top_k(x, self.k)
        # The last of the k, and where it is: `top_k` lists equal values by their position, so of those equal to the
        # last it took those up to that position. Comparisons, where scattering ones to `positions` would not be builtin
        # operators of LiteRT.
        threshold, last = largest[..., -1:], positions[..., -1:]
        tied = ops.logical_and(ops.equal(x, threshold), ops.arange(x.shape[-1], dtype="int32") <= last)
        return ops.where(ops.logical_or(x > threshold, tied), x, ops.zeros_like(x))

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k": self.k}
