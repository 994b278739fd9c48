"""Noise as a camera makes it, for training denoisers of photographs."""

from typing import Any

import keras
from keras import ops

from zoo import backend
from zoo.backend import Tensor


@keras.saving.register_keras_serializable("zoo")
class CameraNoise(keras.layers.Layer):
    """Adds noise to its input in training, and leaves it alone at inference.

    Every example draws its own level: ``x + sqrt(σ² + s²·x) · n``, n standard normal, clipped to [0, 1] and rounded to
    8 bits. σ is uniform between its bounds, the same for all brightness (read-out noise); ``s`` is 0 in most examples
    and in the rest uniform between its bounds (photons, whose number varies by its square root). An example whose
    channels are all equal, a grey picture in colour, gets the same noise in all of them.

    Args:
        gaussian: bounds ``(low, high)`` of σ.
        shot: bounds of s, the deviation that white has.
        shot_frequency: fraction of the examples with noise of photons.
        seed: of the layer's own generator.

    Call arguments:
        x: ``(batch, ..., channels)`` in [0, 1].
        training: whether to add noise.

    Raises:
        ValueError: if bounds are not 0 ≤ low ≤ high, or ``shot_frequency`` is not in [0, 1].

    References:
        Foi et al. 2008, "Practical Poissonian-Gaussian Noise Modeling and Fitting for Single-Image Raw-Data", eq. 1–3.

    Examples:
        >>> import numpy as np
        >>> from zoo import layers
        >>> noise = layers.CameraNoise(gaussian=(0.1, 0.1), shot_frequency=0.0, seed=0)
        >>> x = np.full((1, 100, 100, 1), 0.5, "float32")
        >>> round(float(np.std(noise(x, training=True))), 1)
        0.1
        >>> float(np.std(noise(x)))
        0.0
    """

    def __init__(
        self,
        *,
        gaussian: tuple[float, float] = (0.0, 75 / 255),
        shot: tuple[float, float] = (0.0, 0.3),
        shot_frequency: float = 0.25,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, bounds in (("gaussian", gaussian), ("shot", shot)):
            if not (len(bounds) == 2 and 0 <= bounds[0] <= bounds[1]):
                raise ValueError(f"{name} must be bounds 0 ≤ low ≤ high: received {bounds!r}.")
        if not 0 <= shot_frequency <= 1:
            raise ValueError(f"shot_frequency must be between 0 and 1: received {shot_frequency!r}.")
        self.gaussian, self.shot = tuple(gaussian), tuple(shot)
        self.shot_frequency, self.seed = shot_frequency, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, x: Tensor, training: bool | None = False) -> Tensor:
        if not training:
            return x
        one = (ops.shape(x)[0],) + (1,) * (len(x.shape) - 1)
        sigma, shot = (self._uniform(one, bounds, x.dtype) for bounds in (self.gaussian, self.shot))
        shot = ops.where(self._uniform(one, (0.0, 1.0), x.dtype) < self.shot_frequency, shot, ops.zeros_like(shot))
        noise = self._drawn(keras.random.normal, ops.shape(x), x.dtype)
        grey = ops.all(ops.equal(x, x[..., :1]), axis=tuple(range(1, len(x.shape))), keepdims=True)
        noise = ops.where(grey, noise[..., :1], noise)
        noisy = x + ops.sqrt(ops.square(sigma) + ops.square(shot) * x) * noise
        return ops.round(255.0 * ops.clip(noisy, 0.0, 1.0)) / 255.0

    def _uniform(self, shape, bounds, dtype):
        low, high = bounds
        return low + (high - low) * self._drawn(keras.random.uniform, shape, dtype)

    def _drawn(self, distribution, shape, dtype):
        return backend.per_example(lambda s: distribution(s, dtype=dtype, seed=self.seed_generator), shape)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "gaussian": self.gaussian,
            "shot": self.shot,
            "shot_frequency": self.shot_frequency,
            "seed": self.seed,
        }
