"""Measuring models on the official test splits."""

from zoo.evaluation.evaluate import evaluate, measure
from zoo.evaluation.metrics import mean_squared_error, psnr

__all__ = ["evaluate", "mean_squared_error", "measure", "psnr"]
