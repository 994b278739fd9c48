"""Training with pictures of the user's own: their size, and what the recipe of a GAN cannot know of few of them."""

import dataclasses
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from zoo import registry
from zoo.data import DataSet
from zoo.layers import differentiable_augmentation
from zoo.registry import AdversarialRecipe, Recipe
from zoo.training.diagnosis import CollapseAlarm

STEPS = 10_000  # of the generator
RATE = 2e-4  # of a residual one; its discriminator's is twice that
FEW, VERY_FEW = 20_000, 5_000  # pictures
SMALL_BATCH = 32  # of very few
PLAIN_SIDE = 32  # pixels, from which on plain networks fall short
LOOKS = 50  # of an alarm, and pictures of a preview
CLUSTERS = 8
THUMBNAIL = 4  # pixels of each side that clusters are found in


def sized(
    name: str,
    size: int | str | tuple[int, int] | None,
    colour: bool | None,
    overrides: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Arguments of a model's constructor, with the shape of pictures of a size and a number of channels.

    Args:
        name: of the catalogue.
        size, colour: as of ``train``.
        overrides: the other arguments.

    Raises:
        ValueError: for a size of another form, a model that takes no pictures, or a shape that was given too.
    """
    overrides = dict(overrides or {})
    if size is None and colour is None:
        return overrides
    if registry.spec_of(name).modality not in ("image", "photo") or "image_shape" in overrides:
        reason = "image_shape was given too" if "image_shape" in overrides else f"{name} takes no pictures"
        raise ValueError(f"size and colour must be left out: {reason}.")
    height, width, channels = registry.create(name).image_shape
    if size is not None:
        height, width = _two(size)
    channels = channels if colour is None else 3 if colour else 1
    return {**overrides, "image_shape": (height, width, channels)}


def _two(size: int | str | tuple[int, int]) -> tuple[int, int]:
    """Height and width of a size, in any way of giving it."""
    parts = size.split("x") if isinstance(size, str) else size if isinstance(size, (tuple, list)) else [size]
    sides = [int(part) if isinstance(part, str) and part.isdecimal() else part for part in parts]
    sides = 2 * sides if len(sides) == 1 else sides
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise ValueError(f"size must be a number such as 64, or height and width such as 96x64: received {size!r}.")
    return sides[0], sides[1]


def adapted(
    recipe: Recipe, model: keras.Model, data_set: DataSet, overrides: Mapping[str, Any], given: set[str]
) -> tuple[Recipe, dict[str, Any], str]:
    """Recipe and constructor's arguments for data that a recipe was not made for, and what was chosen, in words.

    Of a GAN of images: residual networks for colours and for larger pictures; the discriminator's augmentation for
    fewer than 20,000 of them; and epochs, of small batches for fewer than 5,000, that make 10,000 steps. What the user
    has chosen stays.

    Args:
        recipe, model: of the catalogue.
        data_set: the user's own.
        overrides: the user's arguments of the constructor.
        given: fields of the recipe that the user has chosen.
    """
    chosen, number = dict(overrides), len(data_set.train)
    if not isinstance(recipe, AdversarialRecipe) or len(model.example_shape) != 3:
        return recipe, chosen, ""
    changes: dict[str, Any] = {}
    said, takes = [], _arguments(type(model))
    height, width, channels = model.example_shape
    large = channels > 1 or min(height, width) >= PLAIN_SIDE
    if "network" in takes and "network" not in chosen and large and min(height, width) % 8 == 0:
        chosen["network"] = "residual"
        if "learning_rate" not in given:
            changes |= {"learning_rate": RATE, "discriminator_learning_rate": 2 * RATE}
        said.append("residual networks")
    if model.sees_images and "augmentation" not in chosen and number < FEW:
        chosen["augmentation"] = differentiable_augmentation.KINDS
        said.append("augmentation of what the discriminator sees")
    if "batch_size" not in given and number < VERY_FEW:
        changes["batch_size"] = min(recipe.batch_size, SMALL_BATCH * model.default_discriminator_steps)
    if "epochs" not in given and number < FEW:
        steps = max(1, number // min(number, changes.get("batch_size", recipe.batch_size)))
        changes["epochs"] = -(-STEPS // steps)
        said.append(f"{changes['epochs']:,} epochs of {steps} steps")
    return dataclasses.replace(recipe, **changes), chosen, ", ".join(said)


def _arguments(model_class: type) -> set[str]:
    """Of a model's constructor and of those of the classes that it extends."""
    classes = [c for c in model_class.__mro__ if not c.__module__.startswith("keras.")]
    return {name for c in classes for name in inspect.signature(c.__init__).parameters}


def collapse_alarm(data_set: DataSet, epochs: int, seed: int) -> CollapseAlarm | None:
    """Ends a training whose generator draws but half of the kinds of pictures that there are; None for too few.

    Kinds are clusters of the training pictures' thumbnails.
    """
    number = min(CLUSTERS, len(data_set.train) // 8)
    if number < 2:
        return None
    modes_of, number = clusters(data_set.train, number, seed)
    every = max(1, epochs // LOOKS)
    return None if number < 2 else Collapse(modes_of, number, n=256, least=0.02, patience=10, every=every, seed=seed)


class Collapse(CollapseAlarm):
    """Ends a training only for modes that were lost, or never found, by the half: the rest is for the eye."""

    def raise_alarm(self, kind, epoch, evidence):
        captured = self.counts[-1] >= max(1, self.least * self.n / self.modes)
        self.stop = kind == "missing modes" and captured.sum() <= self.modes // 2
        super().raise_alarm(kind, epoch, evidence)


def clusters(images: np.ndarray, number: int, seed: int = 0) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """A function of images to the cluster that each is nearest to, found by k-means among some of ``images``.

    Args:
        images: uint8 ``(n, height, width, channels)``.
        number: of clusters, at most, and at least 2.
        seed: of the choice of images and of the first centres.

    Returns:
        ``(function, number)``; fewer clusters where images are alike.
    """
    from scipy.cluster.vq import kmeans2, vq

    rng = np.random.default_rng(seed)
    some = np.sort(rng.permutation(len(images))[:4000])
    points = _thumbnails(np.asarray(images[some]) / np.float32(255))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "One of the clusters is empty")  # and is left out below
        centres, found = kmeans2(points, min(number, len(np.unique(points, axis=0))), minit="++", rng=rng)
    centres = centres[np.unique(found)]
    return lambda samples: vq(_thumbnails(np.asarray(samples)), centres)[0], len(centres)


def _thumbnails(images: np.ndarray) -> np.ndarray:
    """Images in [0, 1] as means of 4 × 4 parts, ``(n, 16 · channels)``."""
    height, width, _ = images.shape[1:]
    rows, columns = (np.linspace(0, size, THUMBNAIL + 1).astype(int)[:-1] for size in (height, width))
    sums = np.add.reduceat(np.add.reduceat(images, rows, axis=1), columns, axis=2)
    ones = np.add.reduceat(np.add.reduceat(np.ones((1, height, width, 1)), rows, axis=1), columns, axis=2)
    return (sums / ones).reshape(len(images), -1).astype(np.float64)
