"""Tables: CSV files with or without a heading, NumPy arrays, and those that scikit-learn brings along."""

import csv
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data import columns
from zoo.data.sets import LICENCES, load_images

# Of scikit-learn → (its target as a column, licence).
BUNDLED = {
    "breast_cancer": ("diagnosis", "CC BY 4.0 (Wolberg, Mangasarian, Street & Street, UCI)"),
    "iris": ("species", "CC BY 4.0 (Fisher, UCI)"),
    "wine": ("cultivar", "CC BY 4.0 (Aeberhard & Forina, UCI)"),
}


def load_cells(source: Any, *, array: str | None = None) -> np.ndarray:
    """Reads a table of numbers and categories with gaps, a row an example.

    Args:
        source: a file of text with a heading, as of ``load_table``, whose columns of numbers alone are numbers, and
            others categories; a ``.npy`` or ``.npz`` array ``(n, columns)``; ``breast_cancer``, ``iris`` or ``wine`` of
            scikit-learn; or what ``zoo.data.columns.as_table`` takes, such as a DataFrame. What is empty is missing.
        array: name of the array of a ``.npz`` file that has several.

    Returns:
        A structured array ``(n,)`` with a field for each column: float64, NaN where a number is missing, or text, empty
        where a category is.

    Raises:
        ValueError: if the file cannot be read or is no table, or as ``as_table``.
    """
    if not isinstance(source, (str, os.PathLike)):
        return columns.as_table(source)
    if source in BUNDLED:
        return _bundled(str(source))
    path = Path(source)
    if path.suffix.lower() in (".npy", ".npz"):
        return columns.as_table(_array(path, array), str(path))
    if not path.is_file():
        known = ", ".join(BUNDLED)
        raise ValueError(f"{path} is no file: expected a table, .csv, .npy or .npz, or one of {known}.")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [[cell.strip() for cell in row] for _, row in _lines(path, file)]
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (UnicodeDecodeError, csv.Error):
        raise ValueError(f"{path} is no table: expected text in UTF-8 with commas.") from None
    headed = not any(map(_is_number, rows[0]))
    names = rows[0] if headed else [str(place) for place in range(len(rows[0]))]
    if not rows[headed:]:
        raise ValueError(f"{path} holds a heading and no rows.")
    return columns.from_texts(rows[headed:], names, str(path))


def _bundled(name: str) -> np.ndarray:
    """One of scikit-learn's tables, with its target as a column of categories."""
    from sklearn import datasets

    found = getattr(datasets, f"load_{name}")()
    target = np.asarray(found.target_names)[found.target]
    numbers = dict(zip(map(str, found.feature_names), found.data.T, strict=True))
    return columns.as_table({**numbers, BUNDLED[name][0]: target})


def _array(path: Path, name: str | None) -> np.ndarray:
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return content
        with content as arrays:
            if name is None and len(arrays.files) != 1:
                raise ValueError(f"it holds {', '.join(arrays.files) or 'nothing'}: say which with --array")
            return arrays[name or arrays.files[0]]
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} holds no table: {' '.join(str(error).split())}.") from None


def load_table(
    path: str | os.PathLike, *, label: str | None = None, optional: bool = False, least: int = 2
) -> tuple[np.ndarray, list[str], np.ndarray | None]:
    """Reads a table of numbers, a row an example.

    Args:
        path: an ``.npy`` array ``(n, ...)``, whose other axes are flattened, or a text file of values between commas,
            semicolons or tabs. Its first line is the heading if no value of it is a number, or one is the label's name;
            without a heading, columns are named by their places, from 0. Columns of an array are named by their
            indices, ``3`` or ``3,14``.
        label: name of a column of a text file that is set apart, and may hold words; upper and lower case are one.
        optional: whether that column may be missing.
        least: rows that there must be.

    Returns:
        The numbers, float64 ``(n, columns)``; the columns' names; and the labels ``(n,)`` as text, if asked for.

    Raises:
        ValueError: if the file cannot be read, holds fewer rows, rows of different lengths, a value that is not a
            finite number, or no such column.
    """
    return _read(Path(path), label, optional, least)[:3]


def _read(path: Path, label: str | None, optional: bool, least: int):
    """As ``load_table``, and the label's place among the columns of the file; None without a label."""
    place = None
    try:
        if path.suffix.lower() == ".npy":
            numbers, names, lines, labels = _from_array(path, label)
        else:
            with open(path, newline="", encoding="utf-8-sig") as file:
                numbers, names, lines, labels, place = _from_text(path, file, label, optional)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (UnicodeDecodeError, csv.Error):
        raise ValueError(f"{path} is no table: expected a .npy array, or text in UTF-8 with commas.") from None
    _check(path, numbers, names, lines, least)
    return numbers, names, labels, place


def load_columns(source: str, *, label: str | None = None) -> tuple[np.ndarray, list[str], list[int], tuple[int, ...]]:
    """Columns of a table, or pixels of the training images of a tensorflow-datasets set.

    Args:
        source: a file, as for ``load_table``, or a name such as ``mnist``.
        label: as for ``load_table``.

    Returns:
        The numbers, ``(n, columns)``; the columns' names; their places, from 0, in the file or the flattened example,
        where the label's column counts too; and the shape of an example.

    Raises:
        ValueError: if the data cannot be had, or is refused by ``load_table``.
    """
    if Path(source).suffix or Path(source).is_file():
        values, names, _, place = _read(Path(source), label, False, 2)
        shape = np.load(source, mmap_mode="r").shape[1:] if Path(source).suffix.lower() == ".npy" else (len(names),)
        places = [at for at in range(len(names) + (place is not None)) if at != place]
        return values, names, places, shape
    if label is not None:
        raise ValueError(f"label must be left out, as images have no named columns: received {label!r}.")
    if Path(source).is_dir() and source not in LICENCES:
        raise ValueError(f"{source} is a folder: expected a .csv or .npy file, or a name of tensorflow-datasets.")
    images = load_images(source, "train")
    names = _names(images.shape[1:])
    return images.reshape(len(images), -1) / 255.0, names, list(range(len(names))), images.shape[1:]


def _names(shape: tuple[int, ...]) -> list[str]:
    """Names of the places of an array, without the one channel of grey images."""
    axes = shape[:-1] if len(shape) == 3 and shape[-1] == 1 else shape
    return [",".join(map(str, place)) for place in np.ndindex(*axes)]


def _from_array(path: Path, label: str | None):
    if label is not None:
        raise ValueError(f"label must be left out, as {path} has no named columns: received {label!r}.")
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError):
        raise ValueError(f"{path} is no .npy array of numbers.") from None
    if array.ndim < 2 or array.dtype.kind not in "biuf":
        raise ValueError(f"{path} must hold numbers (n, …): received {array.dtype} {array.shape}.")
    names = _names(array.shape[1:])
    return array.reshape(len(array), -1).astype(np.float64), names, range(len(array)), None


def _lines(path: Path, file) -> list[tuple[int, list[str]]]:
    """Numbers and cells of the lines of a file, of which all have equally many."""
    start = file.read(4096)
    file.seek(0)
    delimiter = max(",;\t", key=start.partition("\n")[0].count)
    rows = [(line, row) for line, row in enumerate(csv.reader(file, delimiter=delimiter), 1) if row]
    if not rows:
        raise ValueError(f"{path} is empty.")
    width = len(rows[0][1])
    for line, row in rows:
        if len(row) != width:
            raise ValueError(f"{path}, row {line}: {len(row)} values, where the first row has {width}.")
    return rows


def _from_text(path: Path, file, label: str | None, optional: bool):
    rows = _lines(path, file)
    width = len(rows[0][1])
    first = [name.strip() for name in rows[0][1]]
    place = next((at for at, name in enumerate(first) if label and name.lower() == label.lower()), None)
    headed = place is not None or not any(map(_is_number, first))
    names = first if headed else [str(place) for place in range(width)]
    rows, labels = rows[headed:], None
    if label is not None and place is None and not optional:
        raise ValueError(f"{path} has no column {label!r}: it has {', '.join(names[:20])}.")
    if place is not None:
        names.pop(place)
        labels = np.array([row.pop(place).strip() for _, row in rows])
    numbers = np.empty((len(rows), len(names)))
    for at, (line, row) in enumerate(rows):
        try:
            numbers[at] = [value.strip() or "nan" for value in row]
        except ValueError:
            column, value = next((n, v) for n, v in zip(names, row, strict=True) if v.strip() and not _is_number(v))
            raise ValueError(
                f"{path}, row {line}: column {column!r} holds {value!r}, which is no number: leave that column out, or "
                "set it apart as label."
            ) from None
    return numbers, names, [line for line, _ in rows], labels, place


def _check(path: Path, numbers: np.ndarray, names: list[str], lines: Sequence[int], least: int) -> None:
    if len(numbers) < least or not names:
        raise ValueError(f"{path} must hold {least} or more rows of numbers: received {numbers.shape}.")
    places = np.argwhere(~np.isfinite(numbers))
    if len(places):
        row, column = places[0]
        raise ValueError(
            f"{path}, row {lines[row]}: column {names[column]!r} is empty, NaN or infinite, one of {len(places)} such "
            "values: fill them in, or leave their rows or columns out."
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
