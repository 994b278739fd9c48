"""Likelihoods of 8-bit pixels."""

import math

from keras import ops

from zoo.backend import Tensor

LOG_SCALE_BOUNDS = (-7.0, 1.0)  # of a pixel in [0, 1]: a quarter of a level, and wider than all levels
LEVELS = 256
FLOOR = 2.0**-16  # that every level gets on top, as in integer frequencies: no pixel is impossible


def discretized_logistic_mixture(x: Tensor, means: Tensor, log_scales: Tensor, logits: Tensor) -> Tensor:
    """Log likelihood in nats of 8-bit pixels under mixtures of logistic distributions, each integrated over a level.

    ``P(v) = (ε + Σ_k w_k [σ((v + ½ − m_k) / s_k) − σ((v − ½ − m_k) / s_k)]) / (1 + 256 ε)``, with ε = 2⁻¹⁶; the lowest
    level takes all that is below it, the highest all that is above, and the 256 levels share 1. Computed from
    logarithms, so that it has a gradient wherever the pixel lies.

    Args:
        x: pixels in [0, 1], multiples of 1/255, ``(..., 1)``.
        means, log_scales: of each component, in the units of ``x``, ``(..., components)``.
        logits: of the components' weights, ``(..., components)``.

    Returns:
        ``(...)``.

    References:
        Salimans et al. 2017, "PixelCNN++", §2.1.
    """
    inverse = ops.exp(-ops.clip(log_scales, *LOG_SCALE_BOUNDS))
    upper, lower = ((x - means + half / 255.0) * inverse for half in (0.5, -0.5))
    # σ(a) − σ(b) = σ(a) σ(−b) (1 − exp(b − a)), whose last factor does not depend on the pixel.
    bottom, top = x < 0.5 / 255.0, x > 254.5 / 255.0
    log_mass = ops.where(top, 0.0, -ops.softplus(-upper)) + ops.where(bottom, 0.0, -ops.softplus(lower))
    log_mass = log_mass + ops.where(ops.logical_or(bottom, top), 0.0, ops.log(-ops.expm1(-inverse / 255.0)))
    log_likelihood = ops.logsumexp(ops.log_softmax(logits) + log_mass, axis=-1)
    return ops.logaddexp(log_likelihood, math.log(FLOOR)) - math.log1p(LEVELS * FLOOR)
