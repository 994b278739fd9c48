"""Corruption of the input, for denoising autoencoders."""

from typing import Any

import keras
from keras import ops

from zoo import backend
from zoo.backend import Tensor

KINDS = ("gaussian", "masking", "salt_and_pepper")


@keras.saving.register_keras_serializable("zoo")
class Corruption(keras.layers.Layer):
    """Corrupts its input in training, and leaves it alone at inference.

    Every example draws one kind, and its own level, uniform between the two bounds of that kind; so one
    network learns all kinds and levels at once. A kind is off where its bounds are None.

    Args:
        gaussian: bounds ``(low, high)`` of the standard deviation σ of additive noise; the sum is clipped to [0, 1].
        masking: bounds of the fraction of values set to 0.
        salt_and_pepper: bounds of the fraction of values replaced, half by 0 and half by 1.
        frequencies: relative frequency of the three kinds, in this order; those that are off do not count.
        seed: seed of the layer's own generator.

    Call arguments:
        x: ``(batch, ...)`` in [0, 1].
        training: whether to corrupt.

    Raises:
        ValueError: if every kind is off, or bounds are not 0 ≤ low ≤ high (≤ 1 for the fractions).

    References:
        Vincent et al. 2010, "Stacked Denoising Autoencoders", §3.3: the three kinds.

    Examples:
        >>> import numpy as np
        >>> from zoo import layers
        >>> corruption = layers.Corruption(masking=(0.5, 0.5), seed=0)
        >>> x = np.ones((1, 1000), "float32")
        >>> bool(400 < np.sum(corruption(x, training=True)) < 600)  # half of them set to 0
        True
        >>> float(np.sum(corruption(x)))
        1000.0
    """

    def __init__(
        self,
        *,
        gaussian: tuple[float, float] | None = None,
        masking: tuple[float, float] | None = None,
        salt_and_pepper: tuple[float, float] | None = None,
        frequencies: tuple[float, float, float] = (1.0, 1.0, 1.0),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bounds = dict(zip(KINDS, (gaussian, masking, salt_and_pepper), strict=True))
        self.frequencies, self.seed = tuple(frequencies), seed
        for kind, bounds in self.bounds.items():
            top = float("inf") if kind == "gaussian" else 1.0
            if bounds is not None and not (len(bounds) == 2 and 0 <= bounds[0] <= bounds[1] <= top):
                raise ValueError(f"{kind} must be bounds 0 ≤ low ≤ high ≤ {top}: received {bounds!r}.")
        if all(bounds is None for bounds in self.bounds.values()):
            raise ValueError(f"Corruption needs the bounds of at least one kind: {', '.join(KINDS)}.")
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, x: Tensor, training: bool | None = False) -> Tensor:
        if not training:
            return x
        per_example = (ops.shape(x)[0],) + (1,) * (len(x.shape) - 1)
        choice, level = (self._drawn(keras.random.uniform, per_example, x.dtype) for _ in range(2))
        noise = self._drawn(keras.random.uniform, ops.shape(x), x.dtype)
        active = {kind: weight for kind, weight in zip(KINDS, self.frequencies, strict=True) if self.bounds[kind]}
        total, below, result = sum(active.values()), 0.0, x
        for kind, weight in active.items():
            low, high = self.bounds[kind]  # pyright: ignore - one whose bounds are set
            corrupted = getattr(self, f"_{kind}")(x, low + (high - low) * level, noise)
            result = ops.where(choice >= below / total, corrupted, result)
            below += weight
        return result

    def _drawn(self, distribution, shape, dtype):
        return backend.per_example(lambda s: distribution(s, dtype=dtype, seed=self.seed_generator), shape)

    def _gaussian(self, x, sigma, noise):
        return ops.clip(x + sigma * self._drawn(keras.random.normal, ops.shape(x), x.dtype), 0.0, 1.0)

    def _masking(self, x, fraction, noise):
        return ops.where(noise < fraction, ops.zeros_like(x), x)

    def _salt_and_pepper(self, x, fraction, noise):
        pepper = ops.where(noise < fraction / 2, ops.zeros_like(x), x)
        return ops.where(noise > 1 - fraction / 2, ops.ones_like(x), pepper)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.bounds, "frequencies": self.frequencies, "seed": self.seed}
