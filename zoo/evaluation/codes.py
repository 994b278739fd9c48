"""What latent codes are worth."""

import numpy as np

from zoo import data
from zoo.io.arrays import as_array

NEIGHBOURS = 5
KNN = f"knn{NEIGHBOURS}_accuracy"


def measure_code(model, data_set: "data.DataSet", *, split: str = "test") -> dict[str, float]:
    """How far a code, learned without labels, tells the classes apart.

    Args:
        model: an ``Autoencoder``.
        data_set: with labels; without, or of one class in the training split, nothing is measured.
        split: whose images are classified, by the majority of their nearest codes of the training split.

    Returns:
        ``knn5_accuracy``: of the 5 nearest neighbours in Euclidean distance.
    """
    from sklearn.neighbors import KNeighborsClassifier

    if data_set.labels is None or len(np.unique(data_set.labels["train"])) < 2:
        return {}
    classifier = KNeighborsClassifier(NEIGHBOURS, algorithm="brute")
    classifier.fit(latent_codes(model, data_set.train), data_set.labels["train"])
    found = classifier.predict(latent_codes(model, getattr(data_set, split)))
    return {KNN: float((found == data_set.labels[split]).mean())}


def code_numbers(model) -> int:
    """How many numbers a model's code has, the switches of an unpooling model included."""
    shapes = model.encoder.output_shape
    shapes = shapes if isinstance(shapes[0], tuple) else [shapes]
    return int(sum(np.prod(shape[1:]) for shape in shapes))


def flat_code(code) -> np.ndarray:
    """A code as one array, ``(n, …)``; parts of different shapes are joined, ``(n, numbers)``."""
    if not isinstance(code, (list, tuple)):
        return as_array(code)
    return np.concatenate([as_array(part).reshape(len(part), -1) for part in code], axis=1)


def latent_codes(model, images: np.ndarray) -> np.ndarray:
    """Codes ``(n, numbers)``; of a code in several parts the first, ``z``."""
    codes = model.encoder.predict(data.unit(images), batch_size=500, verbose=0)
    codes = codes[0] if isinstance(codes, (list, tuple)) else codes
    return codes.reshape(len(images), -1)
