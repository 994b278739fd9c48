"""The likelihood of images under a variational autoencoder."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo import backend, data
from zoo.io.arrays import as_array

# Decoder passes at once: enough to fill the processor, few enough for its cache.
DRAWS_AT_ONCE = 200
IMPORTANCE_SAMPLES = 1000  # what is published, of whole test splits; 50 are within about a nat of it


def measure_likelihood(
    model, images: np.ndarray, *, importance_samples: int = IMPORTANCE_SAMPLES, advance=None
) -> dict[str, Any]:
    """What a model says of the likelihood of images; the draws are the same at every call.

    Args:
        model: of the zoo.
        images: uint8 ``(n, height, width, channels)``.
        importance_samples: draws for each image that a likelihood is bounded with.
        advance: called with the number of images done, for a progress bar.

    Returns:
        Of a variational autoencoder, in nats an image, ``negative_elbo``, and, where the images are binary, so that it
        is one, ``negative_log_likelihood``, the importance-weighted bound, with its ``standard_error`` over the
        ``likelihood_images``, and the number format that it was computed in. Of a hierarchical one
        ``negative_elbo_bits_per_pixel``, what bits-back coding takes, in colour ``negative_elbo_bits_per_dimension``,
        which are those of a pixel by its three channels. Of a model without a likelihood nothing.
    """
    clean = data.unit(images)
    if hasattr(model, "log_likelihood_bound"):
        batches = np.split(clean, range(500, len(clean), 500))
        with _same_draws(model):
            nats = np.concatenate([as_array(model.log_likelihood_bound(batch)) for batch in batches])
        unit = "pixel" if clean.shape[-1] == 1 else "dimension"
        return {f"negative_elbo_bits_per_{unit}": -float(nats.mean()) / (math.log(2.0) * clean[0].size)}
    if not hasattr(model, "log_weights"):
        return {}
    binary = bool(np.isin(images, (0, 255)).all())
    with _same_draws(model):
        bounds = log_likelihood(model, clean, importance_samples if binary else 1, advance=advance)
    figures: dict[str, Any] = {"negative_elbo": -float(bounds["elbo"].mean())}
    if binary:
        likelihood = bounds["log_likelihood"]
        figures["negative_log_likelihood"] = -float(likelihood.mean())
        figures["standard_error"] = float(likelihood.std() / np.sqrt(len(likelihood)))
        figures["importance_samples"] = importance_samples
        figures["likelihood_images"] = len(likelihood)
        figures["likelihood_dtype_policy"] = model.dtype_policy.name
    return figures


def likelihood_of(model: Any, x: np.ndarray) -> np.ndarray | None:
    """The negative evidence lower bound of each example ``(n, ...)``, in nats; None of a model without a likelihood.

    One draw each, the same at every call.
    """
    if not hasattr(model, "log_likelihood_bound") and not hasattr(model, "log_weights"):
        return None
    with _same_draws(model):
        if hasattr(model, "log_likelihood_bound"):
            return -as_array(model.log_likelihood_bound(x), np.float64)
        return -as_array(model.log_weights(ops.convert_to_tensor(x), 1), np.float64).mean(axis=0)


@contextlib.contextmanager
def _same_draws(model: keras.Model, seed: int = 0) -> Iterator[None]:
    """Lets the model's own generators start from ``seed``, so that a figure repeats; afterwards they go on as before.

    They are made with the model: ``keras.utils.set_random_seed`` comes too late for them.
    """
    states = [variable for variable in model.variables if variable.path.endswith("seed_generator_state")]
    before = [as_array(state) for state in states]
    try:
        for state in states:
            state.assign([seed, 0])
        yield
    finally:
        for state, value in zip(states, before, strict=True):
            state.assign(value)


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
            parts.append(as_array(log_weights(x, min(draws, left)), np.float64))
            left -= min(draws, left)
        weights = np.concatenate(parts)
        top = weights.max(axis=0)
        elbo[start : start + len(x)] = weights.mean(axis=0)
        bound[start : start + len(x)] = top + np.log(np.exp(weights - top).sum(axis=0)) - math.log(importance_samples)
        if advance is not None:
            advance(len(x))
    return {"elbo": elbo, "log_likelihood": bound}
