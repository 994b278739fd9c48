"""Reconstruction losses."""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.backend import Tensor
from zoo.codec.frames import crossfade

# "sum" would weigh the reconstruction by the batch size against the terms that a model adds: a VAE out of
# balance, without a word.
REDUCTIONS = ("sum_over_batch_size", "mean_with_sample_weight", "none", None)


class _SummedPerExample(keras.losses.Loss):
    """Sums a loss over an example's values, in float32 at least, and averages over the batch."""

    def __init__(self, *, reduction: str = "sum_over_batch_size", name: str | None = None, dtype: Any = None) -> None:
        if reduction not in REDUCTIONS:
            raise ValueError(
                f"reduction must be sum_over_batch_size, mean_with_sample_weight or none, which keep a "
                f"reconstruction's weight against a KL divergence or a rate: received {reduction!r}."
            )
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None) -> Tensor:
        if sample_weight is not None and any(size != 1 for size in np.shape(sample_weight)[1:]):
            raise ValueError(
                f"sample_weight must be one number an example, (n,): received the shape {np.shape(sample_weight)}."
            )
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        if y_true.shape[1:] != y_pred.shape[1:]:
            raise ValueError(
                f"y_true and y_pred must have one shape: received {tuple(y_true.shape)} and {tuple(y_pred.shape)}."
            )
        # In 16 bits a saturated sigmoid is 0 or 1, whose logarithm is infinite, and sums of an image overflow.
        dtype = keras.backend.result_type(y_pred.dtype, "float32")
        values = self.values(ops.cast(y_true, dtype), ops.cast(y_pred, dtype))
        return ops.sum(values, axis=tuple(range(1, len(y_pred.shape))))


@keras.saving.register_keras_serializable("zoo")
class SquaredError(_SummedPerExample):
    """Squared error summed over an example, ``Σᵢ (xᵢ − x̂ᵢ)²``, averaged over the batch.

    The sum keeps the weight that theory gives it against other per-example terms (a KL divergence, a
    rate in bits); Keras' mean squared error would divide it by the number of pixels.

    Args:
        reduction: over the batch, ``sum_over_batch_size``, ``mean_with_sample_weight`` or ``none``.

    Call arguments:
        y_true, y_pred: tensors ``(batch, ...)`` of one shape.

    Raises:
        ValueError: if the shapes differ, or ``reduction`` would weigh the loss by the batch size.

    Examples:
        >>> import numpy as np
        >>> from zoo import losses
        >>> float(losses.SquaredError()(np.zeros((2, 3)), np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 1.0]])))  # (5 + 1) / 2
        3.0
    """

    def __init__(
        self, *, reduction: str = "sum_over_batch_size", name: str | None = "squared_error", dtype: Any = None
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of every value."""
        return ops.square(y_true - y_pred)


@keras.saving.register_keras_serializable("zoo")
class WindowedSquaredError(SquaredError):
    """Squared error of frames of a signal as it is heard: ``Σₜ (eₜ − α eₜ₋₁)²`` of the error ``eₜ = wₜ (xₜ − x̂ₜ)``.

    Where two frames overlap they are faded into each other by ``wₜ``, a raised cosine (``zoo.codec.frames``), and a
    frame need not be exact where it is hardly heard. The first difference weighs high frequencies, of which speech has
    little energy and hearing needs much, as pre-emphasis does (Rabiner & Schafer 1978, "Digital Processing of Speech
    Signals", §8.1).

    Args:
        overlap: values at both ends that a frame shares with its neighbours.
        emphasis: ``α``, from 0 for the plain error to below 1.
        reduction: as of ``SquaredError``.

    Call arguments:
        y_true, y_pred: tensors ``(batch, time, ...)`` of one shape, ``time`` at least twice the overlap.
    """

    def __init__(
        self,
        *,
        overlap: int,
        emphasis: float = 0.0,
        reduction: str = "sum_over_batch_size",
        name: str | None = "windowed_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if not 0 <= emphasis < 1:
            raise ValueError(f"emphasis must be from 0 to below 1: received {emphasis!r}.")
        self.overlap, self.emphasis = overlap, emphasis

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of every value."""
        window = crossfade(y_true.shape[1], self.overlap).reshape(-1, *(1,) * (len(y_true.shape) - 2))
        error = (y_true - y_pred) * ops.convert_to_tensor(window, y_pred.dtype)
        before = ops.pad(error[:, :-1], [[0, 0], [1, 0], *[[0, 0]] * (len(y_true.shape) - 2)])
        return ops.square(error - self.emphasis * before)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "overlap": self.overlap, "emphasis": self.emphasis}


@keras.saving.register_keras_serializable("zoo")
class LogSquaredError(_SummedPerExample):
    """Logarithm of an example's mean squared error, ``ln(ε + Σᵢ (xᵢ − x̂ᵢ)² / n)``, averaged over the batch.

    Its gradient weighs every example by how well it is done already, so that one network learns from pictures with
    little and with much noise alike; 10 / ln 10 times its negative is the mean PSNR of values in [0, 1].

    Args:
        epsilon: ``ε``, which bounds the weight of an example that is done perfectly.
        reduction: over the batch, ``sum_over_batch_size``, ``mean_with_sample_weight`` or ``none``.

    Call arguments:
        y_true, y_pred: tensors ``(batch, ...)`` of one shape.

    Raises:
        ValueError: if the shapes differ, or ``reduction`` would weigh the loss by the batch size.

    Examples:
        >>> import numpy as np
        >>> from zoo import losses
        >>> round(float(losses.LogSquaredError(epsilon=0.0)(np.zeros((1, 4)), np.full((1, 4), 0.1))), 4)  # ln 0.01
        -4.6052
    """

    def __init__(
        self,
        *,
        epsilon: float = 1e-6,
        reduction: str = "sum_over_batch_size",
        name: str | None = "log_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.epsilon = epsilon

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        total = super().call(y_true, y_pred)
        number = ops.prod(ops.stack([ops.cast(size, total.dtype) for size in ops.shape(y_pred)[1:]]))
        return ops.log(total / number + self.epsilon)

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The squared error of every value."""
        return ops.square(y_true - y_pred)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("zoo")
class BinaryCrossentropy(_SummedPerExample):
    """Cross-entropy of values in [0, 1], ``−Σᵢ xᵢ log x̂ᵢ + (1 − xᵢ) log(1 − x̂ᵢ)``, in nats, averaged over the batch.

    For binary ``x`` it is the negative log likelihood of independent Bernoulli pixels; for grey ones, its mean over
    images binarised at random.

    Args:
        from_logits: whether ``y_pred`` is log odds rather than probabilities: exact where a sigmoid would saturate.
        reduction: over the batch, ``sum_over_batch_size``, ``mean_with_sample_weight`` or ``none``.

    Call arguments:
        y_true, y_pred: tensors ``(batch, ...)`` of one shape.

    Raises:
        ValueError: if the shapes differ, or ``reduction`` would weigh the loss by the batch size.

    Examples:
        >>> import numpy as np
        >>> from zoo import losses
        >>> guess = np.full((1, 4), 0.5)
        >>> round(float(losses.BinaryCrossentropy()(np.array([[0.0, 1.0, 1.0, 0.0]]), guess)), 4)  # 4 ln 2
        2.7726
    """

    def __init__(
        self,
        *,
        from_logits: bool = False,
        reduction: str = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.from_logits = from_logits

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of every value."""
        if self.from_logits:
            return ops.softplus(y_pred) - y_true * y_pred
        epsilon = keras.config.epsilon()
        y_pred = ops.clip(y_pred, epsilon, 1 - epsilon)
        return -y_true * ops.log(y_pred) - (1 - y_true) * ops.log1p(-y_pred)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "from_logits": self.from_logits}
