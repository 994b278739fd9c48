"""Losses as the literature writes them: summed over what one example has, averaged over the batch."""

from zoo.losses.reconstruction import SquaredError

__all__ = ["SquaredError"]
