"""Losses as the literature writes them: summed over what one example has, averaged over the batch."""

from zoo.losses.divergence import free_bits, gaussian_entropy, gaussian_kl
from zoo.losses.reconstruction import BinaryCrossentropy, SquaredError

__all__ = ["BinaryCrossentropy", "SquaredError", "free_bits", "gaussian_entropy", "gaussian_kl"]
