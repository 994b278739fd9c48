"""Noise as a camera makes it, for training denoisers of photographs."""

import keras
from keras import ops

from zoo import backend


@keras.saving.register_keras_serializable("zoo")
class CameraNoise(keras.layers.Layer):
    """Adds noise to its input in training, and leaves it alone at inference.

    Every example draws its own level: ``x + sqrt(σ² + s²·x) · n``, n standard normal, clipped to [0, 1] and rounded to 8
    bits. σ is uniform between its bounds, the same for all brightness (read-out noise); ``s`` is 0 in most examples and
    in the rest uniform between its bounds (photons, whose number varies by its square root).

    Args:
        gaussian: bounds ``(low, high)`` of σ.
        shot: bounds of s, the deviation that white has.
        shot_frequency: fraction of the examples with noise of photons.
        seed: of the layer's own generator.

    Call arguments:
        x: ``(batch, ...)`` in [0, 1].
        training: whether to add noise.

    Raises:
        ValueError: if bounds are not 0 ≤ low ≤ high, or ``shot_frequency`` is not in [0, 1].

    References:
        Foi et al. 2008, "Practical Poissonian-Gaussian Noise Modeling and Fitting for Single-Image Raw-Data", eq. 1–3.
    """

    def __init__(self, *, gaussian=(0.0, 75 / 255), shot=(0.0, 0.3), shot_frequency=0.25, seed=None, **kwargs):
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

    def call(self, x, training=False):
        if not training:
            return x
        per_example = (ops.shape(x)[0],) + (1,) * (len(x.shape) - 1)
        sigma = self._uniform(per_example, self.gaussian, x.dtype)
        shot = self._uniform(per_example, self.shot, x.dtype)
        shot = shot * ops.cast(self._uniform(per_example, (0.0, 1.0), x.dtype) < self.shot_frequency, x.dtype)
        noise = backend.per_example(
            lambda shape: keras.random.normal(shape, dtype=x.dtype, seed=self.seed_generator), ops.shape(x)
        )
        # A grey picture in several channels stays grey.
        axes = tuple(range(1, len(x.shape)))
        grey = ops.cast(ops.all(ops.equal(x, x[..., :1]), axis=axes, keepdims=True), x.dtype)
        noise = grey * noise[..., :1] + (1.0 - grey) * noise
        noisy = x + ops.sqrt(ops.square(sigma) + ops.square(shot) * x) * noise
        return ops.round(255.0 * ops.clip(noisy, 0.0, 1.0)) / 255.0

    def _uniform(self, shape, bounds, dtype):
        return backend.per_example(
            lambda s: keras.random.uniform(s, *bounds, dtype=dtype, seed=self.seed_generator), shape
        )

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "gaussian": self.gaussian,
            "shot": self.shot,
            "shot_frequency": self.shot_frequency,
            "seed": self.seed,
        }
