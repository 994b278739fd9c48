"""The leaky rectifier of critics whose slope is penalised."""

from typing import Any

import keras

from zoo import backend
from zoo.backend import Tensor


@keras.saving.register_keras_serializable("zoo")
class LeakyReLU(keras.layers.Layer):
    """Keras' leaky rectifier with a cheaper second derivative: ``x`` where positive, else ``negative_slope · x``.

    A gradient penalty is differentiated through the first derivative, which is constant on either side of zero. For
    Keras' layer, TensorFlow carries the resulting zeros back through the products of all layers below; here nothing
    is carried: of the twelve products that a critic's step takes at an inner layer, two fall away. Values and first
    derivatives are the same, but at exactly zero, where the slope is ``negative_slope``.

    Args:
        negative_slope: 0 ≤ slope < 1.

    Raises:
        ValueError: if the slope is out of its range.

    References:
        Maas, Hannun & Ng 2013, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", eq. 2.
    """

    def __init__(self, negative_slope: float = 0.2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= negative_slope < 1:
            raise ValueError(f"negative_slope must be at least 0 and below 1: received {negative_slope!r}.")
        self.negative_slope = negative_slope

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        return backend.leaky_relu(x, self.negative_slope)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "negative_slope": self.negative_slope}
