"""Data sets, split for training: by name from tensorflow-datasets, or of the user's own pictures and arrays."""

import dataclasses
import glob
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.fitting import FITS
from zoo.data.packed import ROWS, Pack, gathered
from zoo.data.sets import (
    LICENCES,
    PREFIX,
    is_set,
    label_names,
    label_order,
    load_split,
    named_labels,
    prepared,
    shape_of,
)
from zoo.data.sources import Examples, array_names, stream
from zoo.io import pictures

# What a card names its data by: a set, or files in the working directory.
_SOURCE = re.compile(r"(tfds:)?[A-Za-z]\w*(/[\w.:+-]+)?|\./(?!\.\.?$)[^/\\]+")


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A data set, split: choices are made on ``validation``, and ``test`` only measures.

    Attributes:
        name: of tensorflow-datasets, or of the folder.
        source: what it was loaded by: the name, or the folder's path.
        train, validation, test: images, uint8 ``(n, height, width, channels)``, frames of signals, int16
            ``(n, length, 1)``, pieces of texts, int32 ``(n, length)``, or rows of a table, float32 ``(n, columns)``.
        licence: of the data.
        labels: split → integer labels ``(n,)``, where the data has any; autoencoders are not trained with them.
        texts: split → what ``tokenized`` makes the arrays of, where the data is texts: strings, or pairs of them.
        classes: what labels of the user's own stand for, from 0: the names of subfolders, or what a table says.
        summary: what the data is and what was done to it, in a line; empty where there is nothing to say.
        credits: of each training example whose author and licence are known, what a manifest says of it.
    """

    name: str
    source: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    licence: str
    labels: Mapping[str, np.ndarray] | None = None
    texts: Mapping[str, list] | None = None
    classes: tuple[str, ...] | None = None
    summary: str = ""
    credits: tuple[Mapping[str, str], ...] = ()

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all pixels in their order, 16 hexadecimal digits."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            if hasattr(split, "digest"):  # crops that are yet to be drawn
                digest.update(split.digest())
                continue
            digest.update(repr(split.shape).encode())
            for start in range(0, len(split), ROWS):
                digest.update(np.ascontiguousarray(gathered(split, slice(start, start + ROWS))))
        return digest.hexdigest()[:16]

    def names_of(self, split: str) -> list[str] | None:
        """What the labels of a split stand for, empty of negative ones, which stand for none; None without labels."""
        if self.labels is None:
            return None
        if self.classes is None:
            return label_names(self.source, self.labels[split])
        return named_labels(list(self.classes), self.labels[split])

    def texts_of(self, split: str) -> list:
        """The texts of a split, of data that is texts."""
        return (self.texts or {})[split]

    def tokenized(self, tokens: Callable[[list], np.ndarray]) -> "DataSet":
        """The same texts as integers.

        Args:
            tokens: makes int32 ``(n, length)`` of n texts.
        """
        return dataclasses.replace(self, **{split: tokens(texts) for split, texts in self.texts.items()})

    def with_normal(self, normal: str | None) -> "DataSet":
        """The same, of which one class alone is trained on and held out; the test split keeps all.

        Args:
            normal: the name of the class; None, or one that the data has not, for all examples as they are.
        """
        if normal is None or normal not in (self.classes or ()):
            return self
        kept = {split: self.labels[split] == self.classes.index(normal) for split in ("train", "validation")}
        labels = {**self.labels, **{split: self.labels[split][rows] for split, rows in kept.items()}}
        examples = {split: getattr(self, split)[rows] for split, rows in kept.items()}
        return dataclasses.replace(self, name=f"{self.name}, {normal} alone", labels=labels, **examples)

    def binarized(self, seed: int) -> "DataSet":
        """The same images with every pixel 0 or 255, 255 with the probability that its grey value stands for.

        One draw for each image, the same in every epoch: what log likelihoods of binary images are compared on.
        Drawing anew in every epoch would augment the data, and its figures are lower.

        References:
            Salakhutdinov & Murray 2008, "On the Quantitative Analysis of Deep Belief Networks", §5.
        """
        rng = np.random.default_rng(seed)
        drawn = {
            split: np.where(255 * rng.random(images.shape, dtype=np.float32) < images, 255, 0).astype(np.uint8)
            for split, images in (("train", self.train), ("validation", self.validation), ("test", self.test))
        }
        return dataclasses.replace(self, name=f"{self.name}, binarized", **drawn)


def load(
    source: str | os.PathLike | np.ndarray,
    *,
    image_shape=(28, 28, 1),
    fit: str = "crop",
    seed: int = 0,
    failed: list[str] | None = None,
) -> DataSet:
    """Loads a data set and holds a part of its training split out for validation.

    From tensorflow-datasets, 5,000 images of the training split are held out, at most a tenth, and the test split is
    the official one; so it is of a ``.npz`` file that has both ``x_train`` and ``x_test``. Of anything else a tenth is
    held out for validation and a tenth for testing, of random crops by whole pictures. What takes more than 256 MB is
    kept in a file of the temporary folder and mapped, so that any number of pictures needs little memory.

    Args:
        source: a name such as ``fashion_mnist``, a folder of pictures, or what else ``zoo.data.stream`` takes; the
            zoo's own data sets win over folders of the same name, which ``./`` before the name still reaches.
        image_shape: ``(height, width, channels)`` that the model takes.
        fit: how a picture of another size meets that shape, see ``zoo.data.stream``.
        seed: of the random split, and of random crops.
        failed: gets a line for each file that cannot be read, and the others are the data; None to raise instead.

    Raises:
        ValueError: if the data cannot be had, or is too little for three splits.
    """
    rng = np.random.default_rng(seed)
    options = {"image_shape": tuple(image_shape), "fit": fit, "seed": seed, "failed": failed}
    if not isinstance(source, np.ndarray) and is_set(os.fspath(source)):
        return _load_set(os.fspath(source), rng, options)
    if {"x_train", "x_test"} <= {*array_names(source)}:
        train, test = (_Read(stream(source, split=split, **options), image_shape) for split in ("train", "test"))
        return _official(_own(source), train, test, rng, options)
    found = _Read(stream(source, **options), image_shape)
    number = len(found.owners) if fit == "tile" else found.pictures
    held_out = number // 10
    if held_out < 1:
        name = "array" if isinstance(source, np.ndarray) else source
        unread = f", and {len(failed)} that cannot be read, the first: {failed[0]}" if failed else ""
        raise ValueError(f"{name} holds {number} pictures: at least 10 are needed{unread}.")
    owners = np.arange(number) if fit == "tile" else found.owners
    order = rng.permutation(number)
    test, validation, train = np.split(order, [held_out, 2 * held_out])
    if len(owners) != number:  # several crops a picture
        ends = np.searchsorted(owners, np.arange(number + 1))
        test, validation, train = (
            np.concatenate([np.arange(ends[at], ends[at + 1]) for at in part]) for part in (test, validation, train)
        )
    positions = {"train": train, "validation": validation, "test": test}
    labels, classes = _classes(found)
    return DataSet(
        *_own(source),
        *found.pack.arranged(*positions.values()),
        "the user's own",
        labels and {split: labels[0][at] for split, at in positions.items()},
        classes=classes,
        summary=_summary(found.pictures, len(found.owners), options),
    )


class _Read:
    """All examples of a stream: packed, with the number of the picture that each is of, and their labels."""

    def __init__(self, parts: Iterable[Examples], image_shape):
        self.pack = Pack(image_shape)
        self.labels: list[str] = []
        owners, self.pictures = [], 0
        previous = None
        for part in parts:
            self.pack.add(pictures.to_uint8(part.images))
            self.labels += part.labels or [""] * len(part.names)
            for name in part.names:
                self.pictures += name != previous
                previous = name
                owners.append(self.pictures - 1)
        self.owners = np.asarray(owners, np.int64)


def _load_set(name: str, rng: np.random.Generator, options: Mapping[str, Any]) -> DataSet:
    """A set of tensorflow-datasets, of images of any size."""
    shape = shape_of(name)
    splits = prepared(name).info.splits
    held = next((split for split in ("test", "validation") if split in splits), None)
    if "train" not in splits or held is None:
        raise ValueError(f"{name} has the splits {', '.join(splits)}: expected train, and test or validation.")
    if shape == options["image_shape"]:
        (train, train_labels), (test, test_labels) = (load_split(name, split) for split in ("train", held))
        kept, held_out = _held_out(len(train), rng)
        labels = None
        if train_labels is not None:
            labels = {"train": train_labels[kept], "validation": train_labels[held_out], "test": test_labels}
        licence = LICENCES.get(name.removeprefix(PREFIX), "see tensorflow-datasets")
        height, width, channels = options["image_shape"]
        summary = f"{len(train) + len(test):,} pictures of {height} × {width}, {_colour(channels)}"
        classes = tuple(label_order(name) or ()) or None
        named = (name.removeprefix(PREFIX), name)
        splits = (train[kept], train[held_out], test)
        return DataSet(*named, *splits, licence, labels, classes=classes, summary=summary)
    train, test = (_Read(stream(name, split=split, **options), options["image_shape"]) for split in ("train", held))
    return _official((name.removeprefix(PREFIX), name), train, test, rng, options)


def _official(named: tuple[str, str], train: _Read, test: _Read, rng, options: Mapping[str, Any]) -> DataSet:
    """A data set whose test split is given."""
    name, source = named
    kept, held_out = _held_out(train.pictures, rng)
    if not len(held_out) or not test.pictures:
        raise ValueError(f"{name} holds {train.pictures} pictures for training: at least 10 are needed.")
    inside = np.isin(train.owners, held_out)
    positions = {"train": np.flatnonzero(~inside), "validation": np.flatnonzero(inside)}
    labels, classes = _classes(train, test, names=label_order(source) if is_set(source) else None)
    if labels is not None:
        labels = {**{split: labels[0][at] for split, at in positions.items()}, "test": labels[1]}
    own = not is_set(source)
    return DataSet(
        name,
        source,
        *train.pack.arranged(*positions.values()),
        *test.pack.arranged(np.arange(test.pack.count)),
        "the user's own" if own else LICENCES.get(name, "see tensorflow-datasets"),
        labels,
        classes=classes,
        summary=_summary(train.pictures + test.pictures, train.pack.count + test.pack.count, options),
    )


def _held_out(number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Which examples of a training split are trained on, and which are validated on."""
    order = rng.permutation(number)
    held_out = min(5000, number // 10)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def _classes(*parts: _Read, names: list[str] | None = None) -> tuple[list[np.ndarray] | None, tuple[str, ...] | None]:
    """Labels of each part as numbers of classes, and the classes' names; None unless all have one, of two or more.

    Args:
        names: of all classes in their order; None to find and sort them.
    """
    found = {label for part in parts for label in part.labels}
    names = sorted(found, key=_natural) if names is None or not found <= {*names} else names
    if len(names) < 2 or "" in names:
        return None, None
    numbers = {name: number for number, name in enumerate(names)}
    return [np.array([numbers[label] for label in part.labels]) for part in parts], tuple(names)


def _natural(name: str) -> tuple:
    """Sorts numbers by their values."""
    return (0, int(name), "") if name.isdecimal() else (1, 0, name)


def _own(source: str | os.PathLike | np.ndarray) -> tuple[str, str]:
    """Name and source of data of the user's own."""
    if isinstance(source, np.ndarray):
        return "array", "./array"
    path = Path(source).resolve()
    return path.name, str(path)


def _summary(number: int, examples: int, options: Mapping[str, Any]) -> str:
    height, width, channels = options["image_shape"]
    several = f" {examples:,}" if examples != number else ""
    done = FITS[options["fit"]].replace("cut into", f"cut into{several}")
    if options["fit"] == "random-crop" and several:
        done = f"{several.strip()} random crops of"
    return f"{number:,} pictures, {done} {height} × {width}, {_colour(channels)}"


def _colour(channels: int) -> str:
    return {1: "grey", 3: "colour"}.get(channels, f"{channels} channels")


def source_of(trained_on: Mapping[str, Any], name_or_folder: str | None = None) -> str:
    """What ``load`` takes for the data that a model was trained on, or for other data.

    Args:
        trained_on: ``data`` of its card.
        name_or_folder: the other data; None for the model's own.

    Raises:
        ValueError: if the model was trained on files of the user's own that are not in the working directory, as a
            card does not say where they lie; one that does is a stranger's, or an old one, and not followed.
    """
    if name_or_folder:
        return name_or_folder
    source = str(trained_on["source"])
    if not _SOURCE.fullmatch(source) or (_is_own(source) and not (Path(source).exists() or glob.glob(source))):
        raise ValueError(
            f"The model was trained on {source}, which is not in the working directory: go where it lies, or name data "
            "(zoo evaluate --data)."
        )
    return source


def check_same(data_set: DataSet, trained_on: Mapping[str, Any]) -> None:
    """Refuses files in the working directory that are called like those which a card names, and are others.

    Args:
        data_set: of ``source_of``, made ready as it was for training.
        trained_on: ``data`` of the card.

    Raises:
        ValueError: if they differ.
    """
    source = trained_on["source"]
    if _is_own(source) and data_set.fingerprint != trained_on["fingerprint"]:
        raise ValueError(f"{source} is not what the model was trained on, or it has changed: name its data (--data).")


def _is_own(source: str) -> bool:
    return source.startswith("./")
