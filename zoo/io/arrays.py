"""Tensors as arrays, whatever backend of Keras they are of, none of which is imported for it."""

from typing import Any

import numpy as np


def as_array(values: Any, dtype: Any = None) -> np.ndarray:
    """The numbers of a tensor or of an array; of PyTorch's, without their gradient and from their device."""
    detach = getattr(values, "detach", None)
    return np.asarray(values if detach is None else detach().cpu(), dtype)
