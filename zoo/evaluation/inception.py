"""Fréchet distances by Inception's features, as an option: the network is downloaded, and slow on a processor.

The weights are Keras' own of ImageNet, not those of the 2015 graph that published FIDs are computed with: figures by
one compare with each other, not with the literature's.
"""

import keras
import numpy as np

from zoo.evaluation.distances import frechet_distance
from zoo.io.arrays import as_array

INCEPTION_SIZE = 299


def inception_features(images: np.ndarray, *, batch_size: int = 50) -> np.ndarray:
    """What InceptionV3 makes of images before its last layer, float32 ``(n, 2048)``.

    Args:
        images: ``(n, height, width, 1 or 3)``, uint8, or float in [0, 1]; grey is all three colours.
        batch_size: images at once; each becomes 299 × 299 pixels.

    Raises:
        ValueError: for images of another shape, or weights that are not at hand and cannot be downloaded.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not len(images):
        raise ValueError(f"images must have the shape (n, height, width, 1 or 3), n ≥ 1: received {images.shape}.")
    try:
        network = keras.applications.InceptionV3(include_top=False, pooling="avg", weights="imagenet")
    except Exception as error:  # whatever the download raises: offline, proxy, checksum, disk
        raise ValueError(
            f"InceptionV3's weights could not be downloaded ({type(error).__name__}): go online once, or use the zoo's "
            "own classifiers, which need no download."
        ) from None
    scale = 255.0 if images.dtype == np.uint8 else 1.0
    features = []
    for start in range(0, len(images), batch_size):
        part = images[start : start + batch_size].astype(np.float32) / scale
        part = keras.ops.image.resize(np.broadcast_to(part, (*part.shape[:3], 3)), (INCEPTION_SIZE, INCEPTION_SIZE))
        features.append(as_array(network(2 * part - 1, training=False)))
    return np.concatenate(features)


def inception_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """The Fréchet distance between two sets of images by ``inception_features``; give equally many of each."""
    return frechet_distance(inception_features(real), inception_features(fake))
