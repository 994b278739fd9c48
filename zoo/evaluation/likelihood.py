"""The likelihood of images under a variational autoencoder."""

import math

import numpy as np
from keras import ops

from zoo import backend

# Decoder passes at once: enough to fill the processor, few enough for its cache.
DRAWS_AT_ONCE = 200


def log_likelihood(model, images: np.ndarray, importance_samples: int, *, advance=None) -> dict[str, np.ndarray]:
    """Bounds of ``log p(x)`` of every image, by importance sampling from the posterior.

    The importance-weighted bound ``log 1/k Σ p(x, zᵢ) / q(zᵢ|x)`` lies below ``log p(x)`` in expectation, and rises to
    it as ``importance_samples`` grows, so that its negative is never better than the model is.

    Args:
        model: a ``zoo.models.VariationalAutoencoder``.
        images: float32 ``(n, height, width, channels)``; the figure is a likelihood where the values are 0 and 1.
        importance_samples: draws for each image, k ≥ 1.
        advance: called with the number of images done, for a progress bar.

    Returns:
        ``elbo`` and ``log_likelihood``, float64 ``(n,)`` in nats: the mean of the log weights over all draws, and the
        importance-weighted bound.

    References:
        Burda, Grosse & Salakhutdinov 2016, "Importance Weighted Autoencoders", eq. 8.
    """
    if not isinstance(importance_samples, int) or importance_samples < 1:
        raise ValueError(f"importance_samples must be an integer ≥ 1: received {importance_samples!r}.")
    draws = min(importance_samples, DRAWS_AT_ONCE)
    batch_size = max(1, DRAWS_AT_ONCE // draws)
    log_weights = backend.compiled(model.log_weights)  # in two thirds of the time
    elbo, bound = np.empty(len(images)), np.empty(len(images))
    for start in range(0, len(images), batch_size):
        x = ops.convert_to_tensor(images[start : start + batch_size])
        parts, left = [], importance_samples
        while left:
            parts.append(np.asarray(log_weights(x, min(draws, left)), np.float64))
            left -= min(draws, left)
        weights = np.concatenate(parts)
        top = weights.max(axis=0)
        elbo[start : start + len(x)] = weights.mean(axis=0)
        bound[start : start + len(x)] = top + np.log(np.exp(weights - top).sum(axis=0)) - math.log(importance_samples)
        if advance is not None:
            advance(len(x))
    return {"elbo": elbo, "log_likelihood": bound}
