"""How often a classifier is right."""

import keras
import numpy as np

from zoo import data


def measure_classifier(model, images: np.ndarray, labels: np.ndarray | None) -> dict[str, float]:
    """How often a classifier is right.

    Args:
        model: a ``Classifier``.
        images: uint8 ``(n, height, width, channels)``.
        labels: integers ``(n,)``.

    Returns:
        ``accuracy``, and ``cross_entropy`` in nats an image.

    Raises:
        ValueError: if there are no labels.
    """
    if labels is None:
        raise ValueError("labels must be given, as a classifier is measured by them: use a labelled data set.")
    logits = model.predict(data.unit(images), batch_size=500, verbose=0)
    nats = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    return {"accuracy": float((logits.argmax(axis=1) == labels).mean()), "cross_entropy": float(np.mean(nats))}
