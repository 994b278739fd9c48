"""The reparameterised Gaussian sample of a variational autoencoder."""

from typing import Any

import keras
from keras import ops

from zoo import backend
from zoo.backend import Tensor


@keras.saving.register_keras_serializable("zoo")
class GaussianSampling(keras.layers.Layer):
    """Draws ``z = mean + exp(log_var / 2) · ε``, ``ε ~ N(0, I)``, in training; returns the mean at inference.

    The gradient passes to mean and variance (the reparameterisation trick). At inference, hence in what is
    exported, nothing is random. Works in float32 at least, as the exponential of a half-precision log variance
    is coarse.

    Args:
        samples: draws for each example, an integer ≥ 1.
        seed: seed of the layer's own generator.

    Call arguments:
        inputs: ``(mean, log_var)``, both ``(batch, latent_dim)``.
        training: whether to draw.

    Returns:
        In training ``(samples·batch, latent_dim)``, the batch's first draws first; at inference the mean,
        ``(batch, latent_dim)``.

    References:
        Kingma & Welling 2014, "Auto-Encoding Variational Bayes", §2.4.

    Examples:
        >>> import numpy as np
        >>> from zoo import layers
        >>> sampling = layers.GaussianSampling(samples=3, seed=0)
        >>> mean, log_var = np.ones((2, 4), "float32"), np.zeros((2, 4), "float32")
        >>> np.asarray(sampling([mean, log_var])).tolist() == mean.tolist()  # at inference nothing is drawn
        True
        >>> tuple(sampling([mean, log_var], training=True).shape)
        (6, 4)
    """

    def __init__(self, samples: int = 1, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(samples, int) or samples < 1:
            raise ValueError(f"samples must be an integer ≥ 1: received {samples!r}.")
        self.samples, self.seed = samples, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        mean, log_var = inputs
        return self.draw(mean, log_var, self.samples) if training else mean

    def draw(self, mean: Tensor, log_var: Tensor, samples: int) -> Tensor:
        """``samples`` draws for each example, in training or not: ``(samples·batch, latent_dim)``."""
        noise = backend.per_example(
            lambda shape: keras.random.normal(shape, dtype=mean.dtype, seed=self.seed_generator),
            (samples, *ops.shape(mean)),
            axis=1,
        )
        z = mean + ops.exp(0.5 * log_var) * noise
        return ops.reshape(z, (-1, mean.shape[-1]))

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "samples": self.samples, "seed": self.seed}
