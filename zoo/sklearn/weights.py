"""What the inputs of a trained encoder weigh in its code."""

from typing import Any

import keras
import numpy as np


def feature_importances(model: Any, *, spread: np.ndarray | None = None) -> np.ndarray:
    """Ranks inputs by the connection weights of an encoder of dense layers, after Garson.

    Of each unit's incoming weights, in absolute value, every source has a share; shares are multiplied along the paths
    from an input to a number of the code, summed over the paths, and averaged over the code. Biases and signs do not
    count: a ranking to compare with, not an explanation.

    Args:
        model: an ``Autoencoder`` whose encoder is a chain of dense layers, such as ``DenseAE``.
        spread: standard deviation of each input, ``(inputs,)``, by which first weights are multiplied: then they count
            as they would of standardised inputs, and an input that never varies weighs nothing. None for equal ones.

    Returns:
        ``(inputs,)``, 1 in all.

    Raises:
        ValueError: if the encoder is no chain of dense layers, or ``spread`` has another length.

    References:
        Garson 1991, "Interpreting Neural-Network Connection Weights"; Gevrey, Dimopoulos & Lek 2003, "Review and
        Comparison of Methods to Study the Contribution of Variables in Artificial Neural Network Models", §2.3.
    """
    kernels = [
        np.abs(keras.ops.convert_to_numpy(layer.kernel)) for layer in model.encoder.layers if hasattr(layer, "kernel")
    ]
    inputs = int(np.prod(model.image_shape))
    widths = [inputs, *(kernel.shape[-1] for kernel in kernels)]
    if not kernels or [kernel.shape for kernel in kernels] != list(zip(widths, widths[1:], strict=False)):
        raise ValueError(f"model must have an encoder of dense layers, such as dense_ae's: received {model.name!r}.")
    if spread is not None:
        if np.shape(spread) != (inputs,):
            raise ValueError(f"spread must have the shape ({inputs},): received {np.shape(spread)}.")
        kernels[0] = kernels[0] * np.asarray(spread)[:, None]
    importances = np.ones(widths[-1]) / widths[-1]
    for kernel in reversed(kernels):
        total = kernel.sum(axis=0)
        importances = kernel / np.where(total > 0, total, 1.0) @ importances
    return importances / max(importances.sum(), np.finfo(float).tiny)
