"""Measuring models on the official test splits."""

import importlib

from zoo.evaluation.metrics import mean_squared_error, psnr

# These need Keras; the metrics and the image formats do not.
_LAZY = ("code_numbers", "evaluate", "flat_code", "measure", "measure_code", "measure_codec")

__all__ = [
    "code_numbers",
    "evaluate",
    "flat_code",
    "mean_squared_error",
    "measure",
    "measure_code",
    "measure_codec",
    "psnr",
]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module("zoo.evaluation.card"), name)
    raise AttributeError(f"module 'zoo.evaluation' has no attribute {name!r}")
