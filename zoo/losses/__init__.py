"""Losses as the literature writes them: summed over what one example has, averaged over the batch."""

from zoo.losses.adversarial import (
    ADVERSARIAL_LOSSES,
    AdversarialLoss,
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    Wasserstein,
    adversarial_loss,
    gradient_penalty,
    r1_penalty,
)
from zoo.losses.divergence import free_bits, gaussian_entropy, gaussian_kl
from zoo.losses.likelihood import discretized_logistic_mixture
from zoo.losses.neighbours import neighbour_cross_entropy, squared_distances
from zoo.losses.reconstruction import BinaryCrossentropy, LogSquaredError, SquaredError, WindowedSquaredError

__all__ = [
    "ADVERSARIAL_LOSSES",
    "AdversarialLoss",
    "BinaryCrossentropy",
    "Hinge",
    "LeastSquares",
    "LogSquaredError",
    "Minimax",
    "NonSaturating",
    "SquaredError",
    "Wasserstein",
    "WindowedSquaredError",
    "adversarial_loss",
    "discretized_logistic_mixture",
    "free_bits",
    "gaussian_entropy",
    "gaussian_kl",
    "gradient_penalty",
    "neighbour_cross_entropy",
    "r1_penalty",
    "squared_distances",
]
