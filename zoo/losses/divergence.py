"""Divergences between a code's posterior and its prior, in nats."""

import math

from keras import ops

from zoo import backend
from zoo.backend import Tensor


def gaussian_kl(mean: Tensor, log_var: Tensor, prior_mean: Tensor = 0.0, prior_log_var: Tensor = None) -> Tensor:
    """``KL(N(mean, exp(log_var)) ‖ N(prior_mean, exp(prior_log_var)))`` of every number of a code, in closed form.

    Args:
        mean, log_var: ``(batch, ...)``.
        prior_mean, prior_log_var: of the same shape; the standard normal distribution by default.

    Returns:
        ``(batch, ...)`` nats; their sum over all axes but the first is the divergence of the code.

    References:
        Kingma & Welling 2014, "Auto-Encoding Variational Bayes", appendix B.

    Examples:
        >>> import numpy as np
        >>> from zoo import losses
        >>> np.asarray(losses.gaussian_kl(np.array([[0.0, 1.0, -2.0]]), np.zeros((1, 3)))).tolist()  # ½ mean²
        [[0.0, 0.5, 2.0]]
    """
    if prior_log_var is None:
        return 0.5 * (ops.square(mean - prior_mean) + ops.exp(log_var) - 1.0 - log_var)
    share = (ops.square(mean - prior_mean) + ops.exp(log_var)) * ops.exp(-prior_log_var)
    return 0.5 * (share - 1.0 + prior_log_var - log_var)


def free_bits(kl: Tensor, minimum: float) -> Tensor:
    """The divergence of a code in which every number may carry ``minimum`` nats without being charged.

    Args:
        kl: ``(batch, latent_dim)`` nats, as from ``gaussian_kl``.
        minimum: nats for each number of the code, λ ≥ 0; at 0 this is the mean divergence.

    Returns:
        ``Σⱼ max(λ, mean over the batch of klⱼ)``, a scalar.

    References:
        Kingma et al. 2016, "Improving Variational Inference with Inverse Autoregressive Flow", eq. 15.

    Examples:
        >>> import numpy as np
        >>> from zoo import losses
        >>> float(losses.free_bits(np.array([[0.25, 3.0], [0.25, 1.0]]), minimum=0.5))  # 0.5 + (3 + 1) / 2
        2.5
    """
    if minimum < 0:
        raise ValueError(f"minimum must be at least 0 nats: received {minimum!r}.")
    return backend.with_gradient_at_mean_over_replicas(
        lambda mean: ops.sum(ops.maximum(mean, minimum)), ops.mean(kl, axis=0)
    )


def gaussian_entropy(log_var: Tensor) -> Tensor:
    """Entropy of ``N(·, exp(log_var))``, independent in each number: ``(batch,)`` nats for ``(batch, latent_dim)``."""
    return 0.5 * ops.sum(log_var + (1.0 + math.log(2 * math.pi)), axis=-1)
