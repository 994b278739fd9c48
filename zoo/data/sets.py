"""Sets of tensorflow-datasets: at hand, or downloaded."""

import itertools
import os
import re
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

import keras
import numpy as np

LICENCES = {
    "mnist": "CC BY-SA 3.0 (LeCun, Cortes, Burges)",
    "fashion_mnist": "MIT (Zalando SE)",
    "spoken_digit": "CC BY-SA 4.0 (Jackson et al., Free Spoken Digit Dataset)",
    "cifar10": "not stated (Krizhevsky 2009, from Tiny Images): a few of its pictures illustrate",
    "flowers": "CC BY 2.0, of each picture (NOTICE, credits.txt)",
    "mitbih": "ODC-BY 1.0 (Moody & Mark 2001, MIT-BIH Arrhythmia Database, PhysioNet)",
    "docstrings": "of the packages, permissive (BSD, MIT, Apache-2.0 and the like)",
    "glosses": "WordNet 3.0 license (Princeton University)",
}
PREFIX = "tfds:"  # before a name that could be another's
_SET = re.compile(r"[a-z]\w*(/\w[\w.+-]*)?(:\d[\d.]*)?")  # perhaps with its configuration and version


class DataUnavailable(ValueError):
    """A data set that cannot be had: the reader's to mend, so that a notebook shows the one line and no traceback."""

    def _render_traceback_(self) -> list[str]:  # IPython asks for it
        return [f"ValueError: {self}"]


def is_set(source: str) -> bool:
    """Whether a source is meant as a name of tensorflow-datasets.

    The zoo's own data sets win over files of the same name, which ``./`` before the name still reaches.
    """
    if source in LICENCES or source.startswith(PREFIX):
        return True
    return _SET.fullmatch(source) is not None and not Path(source).exists()


def prepared(name: str):
    """tensorflow-datasets' builder of a set, downloaded if need be.

    Args:
        name: of the set, perhaps after ``tfds:``.

    Raises:
        ValueError: ``DataUnavailable``, if the set is unknown, or is neither at hand nor can be downloaded.
    """
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name.removeprefix(PREFIX))
        if not builder.data_path.exists():
            if keras.backend.backend() != "tensorflow":  # which alone writes the other files
                builder = tfds.builder(name.removeprefix(PREFIX), file_format="array_record")
            _check_online(builder)
            builder.download_and_prepare()
        return builder
    except tfds.core.registered.DatasetNotFoundError:
        raise DataUnavailable(
            f"Unknown data {name!r}: expected a folder of pictures, or a name of tensorflow-datasets."
        ) from None
    except Exception as error:  # whatever the download raises: offline, proxy, checksum, disk
        folder = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
        raise DataUnavailable(
            f"{name} is not in {folder} and could not be downloaded ({type(error).__name__}): "
            "go online, or set TFDS_DATA_DIR to a folder that holds it."
        ) from None


def load_rows(name: str, split: str, features: tuple[str, ...]) -> list[dict]:
    """The examples of a split of a tensorflow-datasets set, in their order.

    Args:
        name, split: of the set.
        features: that it must have.

    Raises:
        ValueError: if it has not, is unknown, or is neither at hand nor can be downloaded.
    """
    builder = prepared(name)
    if missing := [feature for feature in features if feature not in builder.info.features]:
        raise ValueError(f"{name} has no {', '.join(missing)}: it has {', '.join(builder.info.features)}.")
    if builder.info.splits and split not in builder.info.splits:
        raise ValueError(f"{name} has no split {split!r}: it has {', '.join(builder.info.splits)}.")
    return list(_rows(builder, split))


def load_images(name: str, split: str) -> np.ndarray:
    """The images of a split of a tensorflow-datasets set, uint8 ``(n, height, width, channels)``, in their order.

    Raises:
        ValueError: if the set is unknown, has no images, or is neither at hand nor can be downloaded.
    """
    return load_split(name, split)[0]


def label_names(name: str, labels: np.ndarray) -> list[str]:
    """What labels ``(n,)`` of a tensorflow-datasets set stand for; empty of negative ones, which stand for none."""
    return named_labels(label_order(name), labels)


def named_labels(names: list[str] | None, labels: Iterable[int]) -> list[str]:
    """What labels stand for, by the names of all classes; None for numbers."""
    return [str(label) if names is None else names[label] if label >= 0 else "" for label in labels]


def label_order(name: str) -> list[str] | None:
    """The names of a set's classes, in the order of its labels; None where these are numbers, or there are none."""
    features = prepared(name).info.features
    return getattr(features["label"], "names", None) if "label" in features else None


def load_split(name: str, split: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Images of a split, as ``load_images``, and, where the set has them, labels ``(n,)``."""
    shape_of(name, split)
    builder, image = prepared(name), image_of(name)
    try:
        if keras.backend.backend() == "tensorflow":
            import tensorflow_datasets as tfds

            rows = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
        else:
            examples = list(_rows(builder, split))
            rows = {key: np.stack([row[key] for row in examples]) for key in (image, "label") if key in examples[0]}
    except Exception as error:  # of TensorFlow, whose errors are no ValueError
        raise ValueError(f"{name} holds no images of one size ({type(error).__name__}): use zoo.data.load.") from None
    return np.asarray(rows[image]), np.asarray(rows["label"]) if "label" in rows else None


def shape_of(name: str, split: str | None = None) -> tuple[int | None, ...]:
    """The shape of a set's images, with None for what differs from one to the other.

    Args:
        name: of the set.
        split: that it must have.

    Raises:
        ValueError: if the set has no images or no such split, is unknown, or is neither at hand nor can be downloaded.
    """
    info = prepared(name).info
    image = image_of(name)
    if split is not None and split not in info.splits:
        raise ValueError(f"{name} has no images in a split {split!r}: it has {', '.join(info.splits)}.")
    return tuple(info.features[image].shape)


def image_of(name: str) -> str:
    """What a set calls its pictures: ``image``, or ``hr``, of high resolution, as in ``div2k``.

    Raises:
        ValueError: if it has none.
    """
    features = prepared(name).info.features
    for feature in ("image", "hr"):
        if feature in features:
            return feature
    raise ValueError(f"{name} has no pictures: it has {', '.join(features)}.")


def set_examples(name: str, split: str) -> Iterator[tuple[np.ndarray, int | None]]:
    """Images of a split in their order, ``(height, width, channels)`` of any size, and labels, if there are any.

    Raises:
        ValueError: as ``shape_of``.
    """
    shape_of(name, split)
    image = image_of(name)
    for row in _rows(prepared(name), split):
        yield row[image], row.get("label")


def _rows(builder, split: str) -> Iterator[dict]:
    """The examples of a split in their order; without TensorFlow from the files that it would read."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow_datasets as tfds

        yield from tfds.as_numpy(builder.as_dataset(split=split))
    elif builder.info.file_format.value == "array_record":
        yield from builder.as_data_source(split=split)
    else:
        for part in builder.info.splits[split].file_instructions:
            stop = None if part.take < 0 else part.skip + part.take
            for record in itertools.islice(_records(part.filename), part.skip, stop):
                yield builder.info.features.deserialize_example_np(record)


def _records(path: str) -> Iterator[bytes]:
    """The records of a TFRecord file: each is its length in 8 bytes, their checksum in 4, the data and its checksum."""
    with open(path, "rb") as file:
        while head := file.read(12):
            yield file.read(int.from_bytes(head[:8], "little"))
            file.read(4)


def _check_online(builder) -> None:
    """Fails at once where the data's host has no address: the download would retry for minutes."""
    hosts = {urllib.parse.urlsplit(url).hostname for url in builder.url_infos}
    if hosts and not urllib.request.getproxies():
        socket.getaddrinfo(min(hosts), None)
