"""The user's own examples for a model's input: pictures, folders, arrays, tables, and sets of tensorflow-datasets."""

import contextlib
import dataclasses
import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from zoo.data.images import LICENCES, label_names, load_split, unit, with_channels
from zoo.data.tables import load_table
from zoo.io import pictures
from zoo.io.files import is_special

FITS = ("crop", "pad")
TABLES = (".npy", ".npz", ".csv")
_SET = re.compile(r"[a-z]\w*(/\w[\w.]*)?")  # a name of tensorflow-datasets, perhaps with its configuration


@dataclasses.dataclass(frozen=True)
class Examples:
    """Images, and what is known of each.

    Attributes:
        images: float32 ``(n, height, width, channels)`` in [0, 1].
        names: n, of the file, or of the array with an index.
        labels: n, empty where an example has none; None where none has.
        failures: a line for each file that could not be read, and is not among the images.
    """

    images: np.ndarray
    names: list[str]
    labels: list[str] | None = None
    failures: tuple[str, ...] = ()

    def rows(self, indices: np.ndarray) -> "Examples":
        """Some of the examples."""
        labels = None if self.labels is None else [self.labels[index] for index in indices]
        return Examples(self.images[indices], [self.names[index] for index in indices], labels, self.failures)


def load_examples(
    inputs: Iterable[str | os.PathLike],
    *,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    fit: str = "crop",
    split: str = "test",
    array: str | None = None,
) -> Examples:
    """Reads all examples of any number of inputs, in their order; files that cannot be read are left out and listed.

    Args:
        inputs: pictures that Pillow opens; folders of them, looked through recursively, whose subfolders are labels;
            ``.npy`` and ``.npz`` arrays ``(n, h, w, c)``, ``(n, h, w)`` or ``(n, h · w · c)``, uint8 or float in
            [0, 1]; ``.csv`` tables of a row an example, with a column for each pixel, in 0 … 255 or in [0, 1], and,
            where a header names one so, a column ``label``; names of tensorflow-datasets.
        image_shape: ``(height, width, channels)`` that the model takes; colours become grey, and grey RGB.
        fit: how a picture of another size meets that shape: ``crop`` scales and crops the centre, ``pad`` scales and
            pads with black.
        split: of tensorflow-datasets, and of the arrays ``x_train``, ``x_test`` of a ``.npz`` file.
        array: name of the array of a ``.npz`` file that has several.

    Raises:
        ValueError: if nothing could be read, ``fit`` is unknown, or the model takes no pictures.
    """
    if fit not in FITS:
        raise ValueError(f"fit must be {' or '.join(FITS)}: received {fit!r}.")
    if len(image_shape) != 3:
        raise ValueError(f"The model takes signals {tuple(image_shape)}: expected one of pictures, such as map_ae.")
    parts, failures = [], []
    for item in map(os.fspath, inputs):
        path = Path(item)
        try:
            if is_special(path):
                raise ValueError(f"{path} is a device, a pipe or a socket: give a file.")
            if item in LICENCES or (not path.exists() and _SET.fullmatch(item)):
                part = _from_tfds(item, split, image_shape, fit)
            elif path.suffix.lower() == ".csv":
                part = _from_csv(path, image_shape)
            elif path.suffix.lower() in TABLES and not path.is_dir():
                part = _from_arrays(path, array, split, image_shape, fit)
            else:
                part = _from_pictures(path, image_shape, fit, failures)
            parts.append(part)
        except ValueError as error:
            failures.append(str(error))
    names = [name for part in parts for name in part.names]
    if not names:
        raise ValueError(failures[0] if failures else "data must name at least one input: received none.")
    labels = [label for part in parts for label in part.labels or [""] * len(part.names)]
    images = np.concatenate([part.images for part in parts])
    return Examples(images, names, labels if any(labels) else None, tuple(failures))


def _from_pictures(path: Path, image_shape, fit: str, failed: list[str]) -> Examples:
    images, names = [np.empty((0, *image_shape), np.float32)], []
    for source in pictures.open_sources([path], fit, image_shape[:2], failed=failed):
        try:
            images.append(_read(source, image_shape))
            names.append(source.name)
        except ValueError as error:  # its size could be read, its pixels not
            failed.append(str(error))
    folders = [name.rpartition("/")[0] for name in names]
    return Examples(np.concatenate(images), names, folders if any(folders) else None)


def _from_tfds(name: str, split: str, image_shape, fit: str) -> Examples:
    images, labels = load_split(name, split)
    return Examples(
        _fitted(images, name, image_shape, fit),
        [f"{name}[{index}]" for index in range(len(images))],
        None if labels is None else label_names(name, labels),
    )


def _from_arrays(path: Path, array: str | None, split: str, image_shape, fit: str) -> Examples:
    labels, wrong = None, "holds no arrays of numbers in one shape"
    with _reading(path, wrong):
        content = np.load(path, allow_pickle=False)
    if not isinstance(content, np.ndarray):
        name = _chosen(path, content.files, array, split)
        beside = {"images": "labels", "x": "y"}.get(name, re.sub("^x_", "y_", name))
        with _reading(path, wrong), content as arrays:
            content = arrays[name]
            labels = arrays[beside] if beside != name and beside in arrays.files else None
    images = _fitted(content, str(path), image_shape, fit)
    known = labels is not None and labels.shape == (len(images),)
    names = [f"{path.name}[{index}]" for index in range(len(images))]
    return Examples(images, names, [str(label) for label in labels] if known else None)


def _chosen(path: Path, names: list[str], array: str | None, split: str) -> str:
    """The name of the array that holds the images."""
    if array is not None and array not in names:
        raise ValueError(f"{path} has no array {array!r}: it holds {', '.join(names)}.")
    candidates = [array] if array else names if len(names) == 1 else ["images", f"x_{split}", "x"]
    for name in candidates:
        if name in names:
            return name
    raise ValueError(f"{path} holds {', '.join(names) or 'nothing'}: say which with --array.")


def _from_csv(path: Path, image_shape) -> Examples:
    values, names, labels = load_table(path, label="label", optional=True, least=1)
    if len(names) != np.prod(image_shape):
        hint = "" if labels is not None else " A column of labels needs a heading, which calls it label."
        raise ValueError(
            f"{path} has {len(names)} columns of pixels: the model takes {int(np.prod(image_shape))}.{hint}"
        )
    if values.max() > 1 and (values == np.rint(values)).all():
        values /= 255
    return Examples(
        _in_range(values.astype(np.float32), str(path)).reshape(-1, *image_shape),
        [f"{path.name}[{index}]" for index in range(len(values))],
        None if labels is None else labels.tolist(),
    )


@contextlib.contextmanager
def _reading(path: Path, wrong: str) -> Iterator[None]:
    """What goes wrong in the block is said of the file in one line."""
    try:
        yield
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} {wrong}: {' '.join(str(error).split())}") from None


def _fitted(array: np.ndarray, name: str, image_shape, fit: str) -> np.ndarray:
    """An array of the user's as images of the model's shape."""
    height, width, channels = image_shape
    if array.ndim == 2 and array.shape[1] == height * width * channels:
        array = array.reshape(-1, *image_shape)
    elif array.ndim == 3 and array.shape[-1] not in (1, 3):
        array = array[..., None]
    if array.ndim not in (3, 4) or not array.size:
        raise ValueError(
            f"{name} must hold examples (n, {height * width * channels}), (n, h, w) or (n, h, w, c): "
            f"received {array.shape}."
        )
    if array.shape[1:] == tuple(image_shape) and array.dtype.kind == "f":
        return _in_range(array.astype(np.float32), name)
    source = pictures.from_array(array, name)
    return _read(pictures.fitted(source, fit, (height, width)), image_shape)


def _in_range(values: np.ndarray, name: str) -> np.ndarray:
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= 1):  # NaN fails both
        found = f"numbers from {low:.4g} to {high:.4g}" if np.isfinite([low, high]).all() else "NaN or infinity"
        raise ValueError(f"{name} must be 8-bit pixels, or numbers in [0, 1]: received {found}.")
    return values


def _read(source: pictures.Source, image_shape) -> np.ndarray:
    batches = (with_channels(batch, image_shape[-1]) for batch in source.batches(1024))
    return np.concatenate([unit(batch) for batch in batches])
