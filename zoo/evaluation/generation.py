"""How good generated images are, by the features of a classifier of the zoo that was trained on the same data.

Every figure goes with the name and the digest of that classifier: another network's features give other figures. What
they can reach is measured as well, by real images against real ones.
"""

import functools
import os
from collections.abc import Callable
from typing import Any, cast

import keras
import numpy as np

from zoo import artifacts, data, models, registry
from zoo.evaluation.distances import frechet_distance, precision_recall, sliced_wasserstein_distance
from zoo.evaluation.modes import duplicate_rate, mean_distance
from zoo.io.arrays import as_array

NEIGHBOURS = 5
LEAST_SAMPLES = NEIGHBOURS + 1
SAMPLES = 10_000  # of a card's figures
# Of images that a model makes at once: few enough for its activations to stay small.
IMAGES_AT_ONCE = 500


def measure_samples(
    samples_of: Callable[[int, int], np.ndarray | tuple[np.ndarray, np.ndarray]],
    data_set: data.DataSet,
    *,
    classifier: str | os.PathLike,
    n: int = SAMPLES,
    seeds: int = 5,
    advance: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Compares ``n`` generated images with ``n`` of the test split.

    Args:
        samples_of: (n, seed) → images ``(n, height, width, channels)``, uint8, or float in [0, 1]; of a conditional
            model with them the classes ``(n,)`` that were asked for.
        data_set: the real images.
        classifier: whose penultimate layer the features are: a name as for ``zoo.load``, or a folder.
        n: images of each side.
        seeds: how often ``n`` images are drawn, with the seeds 0, 1, ….
        advance: called with 1 after every draw that is measured, for a progress bar.

    Returns:
        ``features``: the classifier's name and digest; ``images`` and ``seeds``; ``mean``, ``min`` and ``max`` over the
        draws of ``frechet_distance`` (squared), ``precision`` and ``recall`` (of the 5 nearest neighbours),
        ``sliced_wasserstein`` between pixels, ``diversity`` (mean distance between two images over that of real
        ones) and ``duplicate_rate``; ``real``, the same of ``n`` training images, which is what a perfect generator
        would reach; and ``classes``, the share of the samples that the classifier takes for each class, over all draws.
        Of a conditional model also ``conditional_accuracy``, the share that it takes for the class asked for, and
        ``asked``, the share of each class in what was asked for.

    Raises:
        ValueError: if ``n`` is more than there are images of a split, ``seeds`` below 1, the classifier none, or the
            samples are not images in [0, 1] of the data's shape.
    """
    splits = {split: getattr(data_set, split) for split in ("train", "test")}
    _check_numbers(n, seeds, min(map(len, splits.values())))
    artifact, network = _classifier(classifier, data_set)
    rng = np.random.default_rng(0)
    floor, real = (
        _unit("the data", images[np.sort(rng.permutation(len(images))[:n])], (n, *images.shape[1:]))
        for images in splits.values()
    )
    compared = functools.partial(_compared, real, _features(network, real), mean_distance(real))
    draws, (classes, wanted) = [], np.zeros((2, network.num_classes))
    for seed in range(seeds):
        figures, found, asked = _draw(samples_of(n, seed), network, real.shape, compared)
        draws.append(figures)
        classes += np.bincount(found, minlength=network.num_classes)
        if asked is not None:
            wanted += np.bincount(asked, minlength=network.num_classes)
        if advance is not None:
            advance(1)
    return {
        "features": f"{artifact.name} sha256 {artifact.manifest['model.keras']['sha256'][:16]}",
        "images": n,
        "seeds": seeds,
        **{key: _spread([draw[key] for draw in draws]) for key in draws[0]},
        "real": compared(floor, _features(network, floor)),
        "classes": (classes / classes.sum()).round(6).tolist(),
        **({"asked": (wanted / wanted.sum()).round(6).tolist()} if wanted.any() else {}),
    }


def _check_numbers(n: int, seeds: int, most: int) -> None:
    if not isinstance(n, int) or not NEIGHBOURS < n <= most:
        raise ValueError(f"n must be an integer from {LEAST_SAMPLES} to {most}, the images of a split: received {n!r}.")
    if not isinstance(seeds, int) or seeds < 1:
        raise ValueError(f"seeds must be an integer ≥ 1: received {seeds!r}.")


def _classifier(name: str | os.PathLike, data_set: data.DataSet) -> tuple[artifacts.Artifact, models.Classifier]:
    """A classifier of the images of a data set, and where it lies."""
    artifact, network = registry.artifact_of(name), registry.load(name)
    if not registry.does(network, "classify", "image"):
        raise ValueError(f"classifier must be a classifier, such as classifier.mnist: received {artifact.name}.")
    network, shape = cast(models.Classifier, network), data_set.test.shape[1:]
    if network.image_shape != shape:
        raise ValueError(
            f"classifier must take the data's images, {shape}: {artifact.name} takes {network.image_shape}."
        )
    return artifact, network


def _draw(drawn, network: models.Classifier, shape: tuple[int, ...], compared: Callable[..., dict[str, float]]):
    """The figures of one draw, the classes that the classifier sees, and those that were asked for or None."""
    images, asked = drawn if isinstance(drawn, tuple) else (drawn, None)
    images = _unit("samples_of", images, shape)
    features = _features(network, images)
    figures, found = compared(images, features), as_array(network.head(features)).argmax(axis=1)
    if asked is not None:
        figures["conditional_accuracy"] = float((found == asked).mean())
    return figures, found, asked


def _compared(
    real: np.ndarray, real_features: np.ndarray, real_distance: float, images: np.ndarray, features: np.ndarray
) -> dict[str, float]:
    """The figures of images beside real ones, ``real_distance`` apart on average."""
    return {
        "frechet_distance": frechet_distance(real_features, features),
        **precision_recall(real_features, features, NEIGHBOURS),
        "sliced_wasserstein": sliced_wasserstein_distance(real, images),
        "diversity": mean_distance(images) / real_distance,
        "duplicate_rate": duplicate_rate(images),
    }


def samples_from(model: keras.Model) -> Callable[[int, int], np.ndarray | tuple[np.ndarray, np.ndarray]]:
    """``samples_of`` of a model that has ``generate(n, seed=…)``, a part at a time; where it has classes, in turn."""
    num_classes = getattr(model, "num_classes", 0)

    def samples_of(n: int, seed: int):
        sizes = [min(IMAGES_AT_ONCE, n - start) for start in range(0, n, IMAGES_AT_ONCE)]
        part_seeds = np.random.SeedSequence(seed).generate_state(len(sizes)) >> 1  # Keras takes 31 bits
        parts, asked = [], []
        for size, part_seed in zip(sizes, part_seeds, strict=True):
            asked.append(np.arange(size) % max(num_classes, 1))
            labels = {"labels": asked[-1]} if num_classes else {}
            parts.append(as_array(model.generate(size, seed=int(part_seed), **labels)))
        images = np.concatenate(parts)
        return (images, np.concatenate(asked)) if num_classes else images

    return samples_of


def _features(network, images: np.ndarray) -> np.ndarray:
    return network.feature_network.predict(images, batch_size=500, verbose=0)


def _spread(values: list[float]) -> dict[str, float]:
    return {"mean": float(np.mean(values)), "min": min(values), "max": max(values)}


def _unit(source: str, images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Images as float32 in [0, 1]; uint8 is divided by 255."""
    images = np.asarray(images)
    if images.shape != shape:
        raise ValueError(f"{source} must give images of the shape {shape}: received {images.shape}.")
    if images.dtype == np.uint8:
        return images / np.float32(255)
    images = images.astype(np.float32)
    if not (images.min() >= 0 and images.max() <= 1):  # false for NaN too
        raise ValueError(f"{source} must give images in [0, 1]: received {images.min():.3g} to {images.max():.3g}.")
    return images
