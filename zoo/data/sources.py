"""Examples for a model's input from what a user has: pictures, folders, arrays, tables, sets of tensorflow-datasets.

There is one reader, ``stream``, which holds a few examples at a time; ``load_examples`` and ``zoo.data.load`` collect
what it gives.
"""

import contextlib
import dataclasses
import glob
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from zoo.data.fitting import FITS, Cut
from zoo.data.sets import is_set, label_order, named_labels, set_examples, shape_of
from zoo.data.tables import load_table
from zoo.io import files, pictures
from zoo.io.parallel import in_order

TABLES = (".npy", ".npz", ".csv")
ROWS = 1024  # of an array that are read at once


@dataclasses.dataclass(frozen=True)
class Examples:
    """Images, and what is known of each.

    Attributes:
        images: ``(n, height, width, channels)``: of ``load_examples`` float32 in [0, 1]; of ``stream`` uint8, or
            float32 in [0, 1] where an array of the model's shape holds such.
        names: n, of the file, or of the array with an index; tiles and crops of a picture share its name.
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


def unit(examples: np.ndarray) -> np.ndarray:
    """Examples as a model takes them: uint8 images in [0, 1], int16 samples in [−1, 1]; others as they are."""
    if examples.dtype == np.int32:  # pieces of texts
        return examples
    steps = {np.dtype(np.uint8): 255, np.dtype(np.int16): 32768}.get(examples.dtype, 1)
    return np.asarray(examples).astype(np.float32) / np.float32(steps)


def stream(
    source: str | os.PathLike | np.ndarray,
    *,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    fit: str = "crop",
    split: str = "test",
    array: str | None = None,
    shuffle: bool = False,
    seed: int = 0,
    failed: list[str] | None = None,
) -> Iterator[Examples]:
    """Reads a source a few examples at a time, in bounded memory; pictures are decoded in parallel, in their order.

    Args:
        source: a picture that Pillow opens; a folder of them, looked through recursively, whose subfolders are labels;
            a pattern such as ``photos/**/*.jpg``; an array, ``.npy`` or ``.npz``, of ``(n, h, w, c)``, ``(n, h, w)`` or
            ``(n, h · w · c)``, uint8 or float in [0, 1]; a ``.csv`` table of a row an example, with a column for each
            pixel, in 0 … 255 or in [0, 1], and, where a header names one so, a column ``label``; a name of
            tensorflow-datasets, with images of any size, perhaps after ``tfds:``.
        image_shape: ``(height, width, channels)`` that the model takes; colours become grey (ITU-R 601 luma), and grey
            RGB.
        fit: how a picture of another size meets that shape: ``crop`` scales it and crops the centre, ``pad`` scales it
            and pads with black, ``resize`` stretches it, ``tile`` cuts it, at its own resolution, into as many whole
            tiles as fit, and ``random-crop`` cuts as many pieces, at most 64, at random places.
        split: of tensorflow-datasets, and of the arrays ``x_train``, ``x_test`` of a ``.npz`` file.
        array: name of the array of a ``.npz`` file that has several.
        shuffle: whether files and rows come in a random order, not in their own; of tensorflow-datasets, in theirs.
        seed: of that order, and of random crops, which are the same whatever else there is.
        failed: gets a line for each file that cannot be read, and the others are returned; None to raise instead.

    Raises:
        ValueError: if nothing could be read, ``fit`` is unknown, or the model takes no pictures.
    """
    if fit not in FITS:
        raise ValueError(f"fit must be {', '.join(FITS)}: received {fit!r}.")
    if len(image_shape) != 3:
        raise ValueError(f"The model takes signals {tuple(image_shape)}: expected one of pictures, such as map_ae.")
    cut = Cut(tuple(image_shape), fit, seed)
    order = np.random.default_rng(seed).permutation if shuffle else np.arange
    if isinstance(source, np.ndarray):
        return _of_array(source, "array", "array", None, cut, order)
    item = os.fspath(source)
    path = Path(item)
    if files.is_special(path):
        raise ValueError(f"{path} is a device, a pipe or a socket: give a file.")
    if is_set(item):
        return _of_set(item, split, cut)
    kind = path.suffix.lower()
    if kind not in TABLES or path.is_dir() or glob.has_magic(item):
        return _of_pictures(item, cut, order, failed)
    return _of_csv(path, cut, order) if kind == ".csv" else _of_arrays(path, array, split, cut, order)


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
        inputs: each as ``source`` of ``stream``, which tells of the other arguments.

    Raises:
        ValueError: if nothing could be read, ``fit`` is unknown, or the model takes no pictures.
    """
    parts: list[Examples] = []
    failures: list[str] = []
    options = {"image_shape": image_shape, "fit": fit, "split": split, "array": array, "failed": failures}
    for item in inputs:
        try:
            parts += [dataclasses.replace(part, images=unit(part.images)) for part in stream(item, **options)]
        except ValueError as error:
            if fit not in FITS or len(image_shape) != 3:
                raise
            failures.append(str(error))
    names = [name for part in parts for name in part.names]
    if not names:
        raise ValueError(failures[0] if failures else "data must name at least one input: received none.")
    labels = [label for part in parts for label in part.labels or [""] * len(part.names)]
    images = np.concatenate([part.images for part in parts])
    return Examples(images, names, labels if any(labels) else None, tuple(failures))


def load_pictures(
    inputs: Iterable[str | os.PathLike],
    *,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    fit: str = "crop",
    failed: list[str] | None = None,
) -> np.ndarray:
    """Reads pictures of any size and colour into one array, uint8 ``(n, height, width, channels)``.

    Args:
        inputs, image_shape, fit, failed: see ``stream``.

    Raises:
        ValueError: if a file is no picture, a folder holds none, ``fit`` is unknown, or a picture is smaller
            than one tile.
    """
    parts = [stream(item, image_shape=image_shape, fit=fit, failed=failed) for item in inputs]
    images = [pictures.to_uint8(part.images) for chunks in parts for part in chunks]
    return np.concatenate([np.empty((0, *image_shape), np.uint8), *images])


def _of_pictures(item: str, cut: Cut, order: Callable, failed: list[str] | None) -> Iterator[Examples]:
    """The examples of a picture, a folder or a pattern, a picture's at a time."""
    names = files.Names()
    found = [(path, names.unique(label, 1)) for path, label in paths(item, failed)]

    def read(index: int) -> Examples | str:
        path, name = found[index]
        try:
            (source,) = pictures.open_sources([path], "tile")
            images = cut(dataclasses.replace(source, name=name))
        except ValueError as error:
            return str(error)
        folder = name.rpartition("/")[0]
        return Examples(images, [name] * len(images), [folder] * len(images) if folder else None)

    def parts() -> Iterator[Examples]:
        for part in in_parallel(read, order(len(found))):
            if not isinstance(part, str):
                yield part
            elif failed is None:
                raise ValueError(part)
            else:
                failed.append(part)

    return parts()


def paths(item: str, failed: list[str] | None) -> Iterable[tuple[Path, str]]:
    """The files that a path or a pattern stands for, with the paths that their names are made of."""
    if not glob.has_magic(item) or os.path.exists(item):
        return files.expand([item], pictures.EXTENSIONS, "pictures", failed)
    found = sorted(filter(os.path.isfile, glob.iglob(item, recursive=True)))
    if not found:
        raise ValueError(f"{item} matches no file: expected a pattern such as photos/**/*.jpg.")
    root = Path(re.split(r"[*?\[]", item)[0] + "x").parent
    return [(Path(path), os.path.relpath(path, root)) for path in found]


def in_parallel(read: Callable[[int], "Examples | str"], indices: np.ndarray) -> Iterator["Examples | str"]:
    """What ``read`` makes of each index, in their order, a few ahead of what is taken."""
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return in_order(lambda index: read(int(index)), indices, workers, ahead=4 * workers)


def _of_set(name: str, split: str, cut: Cut) -> Iterator[Examples]:
    shape_of(name, split)  # raises here, and not at the first example
    names = label_order(name)

    def parts() -> Iterator[Examples]:
        for index, (image, label) in enumerate(set_examples(name, split)):
            images = cut(pictures.from_array(image, f"{name}[{index}]", f"{name}[{index}]"))
            labels = None if label is None else named_labels(names, [label])
            yield Examples(images, [f"{name}[{index}]"] * len(images), labels and labels * len(images))

    return parts()


def _of_arrays(path: Path, array: str | None, split: str, cut: Cut, order: Callable) -> Iterator[Examples]:
    labels, wrong = None, "holds no arrays of numbers in one shape"
    with _reading(path, wrong):
        content = np.load(path, mmap_mode="r" if path.suffix.lower() == ".npy" else None, allow_pickle=False)
    if not isinstance(content, np.ndarray):
        name = _chosen(path, content.files, array, split)
        beside = {"images": "labels", "x": "y"}.get(name, re.sub("^x_", "y_", name))
        with _reading(path, wrong), content as arrays:
            content = arrays[name]
            labels = arrays[beside] if beside != name and beside in arrays.files else None
    return _of_array(content, str(path), path.name, labels, cut, order)


def _chosen(path: Path, names: list[str], array: str | None, split: str) -> str:
    """The name of the array that holds the images."""
    if array is not None and array not in names:
        raise ValueError(f"{path} has no array {array!r}: it holds {', '.join(names)}.")
    candidates = [array] if array else names if len(names) == 1 else ["images", f"x_{split}", "x"]
    for name in candidates:
        if name in names:
            return name
    raise ValueError(f"{path} holds {', '.join(names) or 'nothing'}: say which with --array.")


def array_names(source: str | os.PathLike | np.ndarray) -> list[str]:
    """Names of the arrays of a ``.npz`` file; none of another source, or of a file that is none."""
    if isinstance(source, np.ndarray) or not os.fspath(source).lower().endswith(".npz"):
        return []
    with contextlib.suppress(OSError, ValueError, zipfile.BadZipFile), np.load(source, allow_pickle=False) as arrays:
        return list(arrays.files)
    return []


def _of_csv(path: Path, cut: Cut, order: Callable) -> Iterator[Examples]:
    values, names, labels = load_table(path, label="label", optional=True, least=1)
    if len(names) != np.prod(cut.shape):
        hint = "" if labels is not None else " A column of labels needs a heading, which calls it label."
        raise ValueError(f"{path} has {len(names)} columns of pixels: the model takes {int(np.prod(cut.shape))}.{hint}")
    if values.max() > 1 and (values == np.rint(values)).all():
        values /= 255
    return _of_array(values.astype(np.float32), str(path), path.name, labels, cut, order)


@contextlib.contextmanager
def _reading(path: Path, wrong: str) -> Iterator[None]:
    """What goes wrong in the block is said of the file in one line."""
    try:
        yield
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} {wrong}: {' '.join(str(error).split())}") from None


def _of_array(array: np.ndarray, name: str, label: str, labels, cut: Cut, order: Callable) -> Iterator[Examples]:
    """An array of the user's, ``ROWS`` examples at a time.

    Args:
        name: for messages.
        label: the first part of the examples' names.
        labels: ``(n,)``; left out where they are not as many.
    """
    height, width, channels = cut.shape
    if array.ndim == 2 and array.shape[1] == height * width * channels:
        array = array.reshape(-1, *cut.shape)
    elif array.ndim == 3 and array.shape[-1] not in (1, 3):
        array = array[..., None]
    if array.ndim not in (3, 4) or not array.size:
        raise ValueError(
            f"{name} must hold examples (n, {height * width * channels}), (n, h, w) or (n, h, w, c): "
            f"received {array.shape}."
        )
    array = array[None] if array.ndim == 3 else array
    exact = array.shape[1:] == cut.shape and array.dtype.kind == "f"
    if exact:
        _in_range(array, name)
    else:
        pictures.from_array(array, name)  # raises here, and not at the first example
    known = labels is not None and labels.shape == (len(array),)

    def parts() -> Iterator[Examples]:
        indices = order(len(array))
        for start in range(0, len(array), ROWS):
            chosen = indices[start : start + ROWS]
            rows = np.array(array[chosen])
            # A random crop is of an example's own draw, and so of its name.
            groups = [rows] if cut.fit != "random-crop" or exact else rows[:, None]
            images = [
                row.astype(np.float32) if exact else cut(pictures.from_array(row, name, f"{label}[{chosen[at]}]"))
                for at, row in enumerate(groups)
            ]
            images = np.concatenate(images)
            owners = np.repeat(chosen, len(images) // len(chosen))
            found = [str(labels[index]) for index in owners] if known else None
            yield Examples(images, [f"{label}[{index}]" for index in owners], found)

    return parts()


def _in_range(values: np.ndarray, name: str) -> None:
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= 1):  # NaN fails both
        found = f"numbers from {low:.4g} to {high:.4g}" if np.isfinite([low, high]).all() else "NaN or infinity"
        raise ValueError(f"{name} must be 8-bit pixels, or numbers in [0, 1]: received {found}.")
