"""Which examples lie next to which."""

import numpy as np


def nearest_neighbours(examples: np.ndarray, number: int) -> np.ndarray:
    """The exact nearest other examples of each, in Euclidean distance, by scikit-learn.

    Args:
        examples: ``(n, ...)``, compared as vectors in float32.
        number: of neighbours, below n.

    Returns:
        Indices, int32 ``(n, number)``, the nearest first; an example is not its own neighbour, but its twin may be.

    Raises:
        ValueError: if ``number`` is below 1, or there are not as many others.
    """
    from sklearn.neighbors import NearestNeighbors

    if not isinstance(number, int) or not 1 <= number < len(examples):
        raise ValueError(f"number must be an integer from 1 to {len(examples) - 1}: received {number!r}.")
    vectors = examples.reshape(len(examples), -1).astype(np.float32)
    fitted = NearestNeighbors(n_neighbors=number, algorithm="brute").fit(vectors)
    return fitted.kneighbors(return_distance=False).astype(np.int32)  # without an argument: of all others
