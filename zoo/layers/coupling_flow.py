"""A learned prior: a stack of affine couplings."""

import math
from typing import Any

import keras
from keras import layers, ops

from zoo.backend import Tensor


@keras.saving.register_keras_serializable("zoo")
class CouplingFlow(keras.layers.Layer):
    """An invertible network between codes ``z`` and standard normal noise ``ε``.

    Each coupling scales and shifts one half of the code by a function of the other half, then the halves change
    positions; so the determinant of the Jacobian is a product, and the inverse costs as much as the forward pass.
    As the prior of a variational autoencoder it takes the shape that the codes have, where N(0, I) would ask
    them to be what they are not. It starts as the identity.

    Args:
        couplings: how many, an integer ≥ 1.
        hidden_units: width of the two hidden layers of each coupling's network.

    Call arguments:
        z: ``(batch, latent_dim)``, ``latent_dim`` even.

    Returns:
        ``ε`` ``(batch, latent_dim)`` and the logarithm of the Jacobian's determinant ``log|∂ε/∂z|``, ``(batch,)``.

    References:
        Dinh et al. 2017, "Density estimation using Real NVP", eqs. 4–8; Chen et al. 2017, "Variational Lossy
        Autoencoder", §3.2: a flow as the prior.
    """

    # Bounds the logarithm of a scale: early in training an unbounded one overflows.
    LOG_SCALE_BOUND = 2.0

    def __init__(self, couplings: int = 6, hidden_units: int = 128, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        for name, value in (("couplings", couplings), ("hidden_units", hidden_units)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be an integer ≥ 1: received {value!r}.")
        self.couplings, self.hidden_units = couplings, hidden_units
        self.networks = []

    def build(self, input_shape: tuple[Any, ...]) -> None:
        latent_dim = input_shape[-1]
        if latent_dim % 2:
            raise ValueError(f"latent_dim must be even for coupling layers: received {latent_dim}.")
        for _ in range(self.couplings):
            hidden = [layers.Dense(self.hidden_units, "silu", dtype=self.dtype_policy) for _ in range(2)]
            last = layers.Dense(latent_dim, kernel_initializer="zeros", dtype=self.dtype_policy)
            self.networks.append(keras.Sequential([*hidden, last]))
            self.networks[-1].build((None, latent_dim // 2))

    def call(self, z: Tensor) -> Tensor:
        log_determinant = 0.0
        kept, changed = ops.split(z, 2, axis=-1)
        for network in self.networks:
            log_scale, shift = self._scale_and_shift(network, kept)
            changed = changed * ops.exp(log_scale) + shift
            log_determinant += ops.sum(log_scale, axis=-1)
            kept, changed = changed, kept
        return ops.concatenate([kept, changed], axis=-1), log_determinant

    def inverse(self, noise: Tensor) -> Tensor:
        """The code ``z`` of noise ``ε``, ``(batch, latent_dim)``."""
        kept, changed = ops.split(noise, 2, axis=-1)
        for network in reversed(self.networks):
            kept, changed = changed, kept
            log_scale, shift = self._scale_and_shift(network, kept)
            changed = (changed - shift) * ops.exp(-log_scale)
        return ops.concatenate([kept, changed], axis=-1)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density of ``z`` in nats, ``(batch,)``: that of its noise, and the change of volume."""
        noise, log_determinant = self(z)
        return -0.5 * ops.sum(ops.square(noise) + math.log(2 * math.pi), axis=-1) + log_determinant

    def _scale_and_shift(self, network, kept):
        log_scale, shift = ops.split(network(kept), 2, axis=-1)
        return self.LOG_SCALE_BOUND * ops.tanh(log_scale / self.LOG_SCALE_BOUND), shift

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return input_shape, input_shape[:1]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "couplings": self.couplings, "hidden_units": self.hidden_units}
