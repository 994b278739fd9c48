"""Many vectors in one: each bound to its position, and summed."""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.backend import Tensor


@keras.saving.register_keras_serializable("zoo")
class PositionBinding(keras.layers.Layer):
    """Binds the vectors of a sequence to their positions by random signs and sums them, or reads all from a sum.

        bound = Σₜ xₜ ⊙ kₜ        and in reverse        x̂ₜ = bound ⊙ kₜ = xₜ + Σₛ≠ₜ xₛ ⊙ kₛ ⊙ kₜ

    The keys kₜ of −1 and 1 are fixed. As they are nearly orthogonal, what a position reads of the others is noise
    without bias, which grows with their number and shrinks with ``features``.

    Args:
        length: number of positions.
        features: of each vector.
        seed: of the keys.

    Call arguments:
        x: ``(batch, length, features)``; in reverse ``(batch, features)``.
        mask: which positions are summed, ``(batch, length)``; None for all.
        reverse: whether to read instead.

    References:
        Plate 1995, "Holographic Reduced Representations"; Gayler 1998, "Multiplicative Binding, Representation
        Operators & Analogy", for signs.
    """

    def __init__(self, length: int, features: int, seed: Any = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.length, self.features, self.seed = length, features, seed
        signs = np.random.default_rng(seed).integers(0, 2, (length, features)) * 2 - 1
        self._signs = signs.astype(np.float32)
        self.built = True

    def call(self, x: Tensor, mask: Tensor = None, reverse: bool = False) -> Tensor:
        keys = ops.cast(self._signs, x.dtype)
        if reverse:
            return x[:, None, :] * keys
        if mask is not None:
            x = x * ops.cast(mask, x.dtype)[..., None]
        return ops.sum(x * keys, axis=1)

    def compute_output_shape(
        self, x_shape: tuple[Any, ...], mask_shape: tuple[Any, ...] | None = None
    ) -> tuple[Any, ...]:
        if len(x_shape) == 2:  # in reverse
            return (x_shape[0], self.length, self.features)
        return (x_shape[0], self.features)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "length": self.length, "features": self.features, "seed": self.seed}
