"""Reconstruction losses."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("zoo")
class SquaredError(keras.losses.Loss):
    """Squared error summed over an example, ``Σᵢ (xᵢ − x̂ᵢ)²``, averaged over the batch.

    The sum keeps the weight that theory gives it against other per-example terms (a KL divergence, a
    rate in bits); Keras' mean squared error would divide it by the number of pixels.

    Call arguments:
        y_true, y_pred: tensors ``(batch, ...)`` of one shape.

    Raises:
        ValueError: if the shapes differ.
    """

    def __init__(self, *, reduction="sum_over_batch_size", name="squared_error", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true, y_pred):
        if y_true.shape[1:] != y_pred.shape[1:]:
            raise ValueError(
                f"y_true and y_pred must have one shape: received {tuple(y_true.shape)} and {tuple(y_pred.shape)}."
            )
        return ops.sum(ops.square(y_true - y_pred), axis=tuple(range(1, len(y_pred.shape))))
