"""What a choice of features is worth."""

import numpy as np
from sklearn.linear_model import LinearRegression

from zoo.evaluation.metrics import mean_squared_error


def linear_read_out(fitting: np.ndarray, testing: np.ndarray, selected: np.ndarray) -> float:
    """Mean squared error of all features, read linearly off the selected ones.

    Args:
        fitting: ``(n, features)``, which least squares with an intercept are fitted to.
        testing: ``(m, features)``, which are measured on.
        selected: indices of the selected features.

    Returns:
        The error over all features of ``testing``, the selected ones, whose error is about 0, included.
    """
    read_out = LinearRegression().fit(fitting[:, selected], fitting)
    return mean_squared_error(testing, read_out.predict(testing[:, selected]))


def top_variance(examples: np.ndarray, k: int) -> np.ndarray:
    """Indices ``(k,)`` of the features that vary most over examples ``(n, features)``, most first."""
    return np.argsort(-examples.var(axis=0), kind="stable")[:k]
