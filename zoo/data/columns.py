"""Tables of numbers and categories with gaps: what each column is, its cells as numbers, and back.

In memory a table is a structured array with a field for each column: float64, NaN where a number is missing, or text,
empty where a category is.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

MAX_CATEGORIES, MAX_CHARACTERS = 256, 256  # of a column, of a category: what has more is a name or a note
SMALLEST_SCALE, LARGEST = 1e-6, 1e30  # of a standard deviation: of its mean, and at all
Column = Mapping[str, Any]


def as_table(source: Any, name: str = "table") -> np.ndarray:
    """A table ``(n,)`` with named fields, of what a user has.

    Args:
        source: a DataFrame, a mapping of columns by their names, a structured array, or an array ``(n, columns)``,
            whose columns are named by their places, from 0. Numbers are numbers; text and Booleans are categories.
            None, NaN and empty text are missing.
        name: for messages.

    Raises:
        ValueError: if it is none of these, has no rows, two columns of one name, or a column that mixes numbers and
            text, or holds dates or infinity.
    """
    if isinstance(source, np.ndarray) and source.dtype.names:
        found = {key: source[key] for key in source.dtype.names}
    elif isinstance(source, np.ndarray):
        if source.ndim != 2:
            raise ValueError(f"{name} must be an array (n, columns): received the shape {source.shape}.")
        found = {str(at): source[:, at] for at in range(source.shape[1])}
    elif isinstance(source, Mapping) or hasattr(source, "columns"):
        keys = [*source] if isinstance(source, Mapping) else [*source.columns]
        found = {str(key): _array(source[key]) for key in dict.fromkeys(keys)}
        _check_names([str(key) for key in keys], name)
    else:
        raise ValueError(
            f"{name} must be a DataFrame, columns by their names, or an array: received {type(source).__name__}."
        )
    return table_of({key: _cells(values, key, name) for key, values in found.items()}, name)


def from_texts(rows: Iterable[Sequence[str]], names: Sequence[str], source: str) -> np.ndarray:
    """A table of a file's text: columns of numbers alone are numbers, others categories.

    Args:
        rows: cells, as many as names.
        names: of the columns.
        source: the file's name, for messages.

    Raises:
        ValueError: as ``as_table``.
    """
    _check_names(names, source)
    columns = {}
    for column, cells in zip(names, zip(*rows, strict=True), strict=True):
        texts = [cell.strip() for cell in cells]
        numbers = [_number(text) for text in texts]
        columns[column] = _texts(texts, column, source) if None in numbers else _finite(numbers, column, source)
    return table_of(columns, source)


def table_of(columns: Mapping[str, np.ndarray], name: str = "table") -> np.ndarray:
    """The structured array of columns that are float64 or text already."""
    lengths = {len(values) for values in columns.values()}
    if not columns or lengths == {0}:
        raise ValueError(f"{name} must hold at least one row and one column: received none.")
    if len(lengths) > 1:
        raise ValueError(f"{name} must have columns of one length: received {sorted(lengths)}.")
    table = np.empty(lengths.pop(), [(key, values.dtype) for key, values in columns.items()])
    for key, values in columns.items():
        table[key] = values
    return table


def described(train: np.ndarray, table: np.ndarray, name: str = "table") -> list[dict[str, Any]]:
    """What a model must know of each column before it is made.

    Args:
        train: the rows whose means and standard deviations count.
        table: all rows, whose categories do, so that none is unknown later.
        name: for messages.

    Returns:
        Of a column of numbers ``name``, ``mean`` and ``scale``; of one of categories ``name`` and ``categories``.

    Raises:
        ValueError: for fewer than two rows, or a column that holds one value alone, none, or too many categories.
    """
    if len(train) < 2:
        raise ValueError(f"{name} must have at least 2 rows to learn from: received {len(train)}.")
    return [_described(column, train[column], table[column], name) for column in table.dtype.names or ()]


def _described(column: str, train: np.ndarray, values: np.ndarray, name: str) -> dict[str, Any]:
    if values.dtype.kind == "U":
        categories = sorted({*values.tolist()} - {""})
        words = [text for text in values.tolist() if _number(text) is None]
        if 0 < len(words) < np.count_nonzero(values != "") / 2:
            raise ValueError(
                f"{name}: column {column!r} holds {words[0]!r}, which is no number, as most of its others are: correct "
                "it, or leave it empty."
            )
        if len(categories) > MAX_CATEGORIES:
            raise ValueError(
                f"{name}: column {column!r} has {len(categories):,} different texts, where a category has at most "
                f"{MAX_CATEGORIES}: leave the column out."
            )
        different, known = len(categories), {"categories": categories}
    else:
        numbers = train[~np.isnan(train)]
        different = len(np.unique(numbers))
        known = {"mean": float(numbers.mean()), "scale": float(numbers.std())} if different else {}
    if different < 2:
        found = "the same value in every row" if different else "no values"
        raise ValueError(f"{name}: column {column!r} has {found} to learn from: leave the column out.")
    if "scale" in known and not SMALLEST_SCALE * abs(known["mean"]) < known["scale"] < LARGEST:
        raise ValueError(
            f"{name}: column {column!r} has numbers about {known['mean']:.6g} that differ by {known['scale']:.3g}, "
            "which float32 does not hold: subtract a constant, or use another unit."
        )
    return {"name": column, **known}


def to_numbers(table: np.ndarray, columns: Sequence[Column], name: str = "table") -> np.ndarray:
    """Cells as a model takes them: numbers, of categories the index, NaN where one is missing.

    Args:
        table: as ``as_table`` makes it; columns in any order, and further ones are left out.
        columns: as ``described`` found them.
        name: for messages.

    Returns:
        float32 ``(n, columns)``.

    Raises:
        ValueError: if a column is missing, holds an unknown category, or text in the place of a number.
    """
    names = table.dtype.names or ()
    if missing := [column["name"] for column in columns if column["name"] not in names]:
        raise ValueError(f"{name} has no column {missing[0]!r}: it has {', '.join(names[:20])}.")
    rows = np.empty((len(table), len(columns)), np.float32)
    for at, column in enumerate(columns):
        values = table[column["name"]]
        rows[:, at] = _indices(values, column, name) if "categories" in column else _numbers(values, column, name)
    return checked_numbers(rows, columns, name)


def checked_numbers(rows: np.ndarray, columns: Sequence[Column], name: str = "x") -> np.ndarray:
    """An array that holds cells as ``to_numbers`` makes them, float32.

    Raises:
        ValueError: for another number of columns, no rows, infinity, or an index that is none.
    """
    if rows.ndim != 2 or rows.shape[1] != len(columns) or not len(rows) or rows.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} must be numbers (n, {len(columns)}), n ≥ 1, or a table with names: received {rows.dtype} "
            f"{rows.shape}."
        )
    rows = rows.astype(np.float32)
    for at, column in enumerate(columns):
        _finite(rows[:, at], column["name"], name)
        if "categories" in column:
            number, known = len(column["categories"]), rows[~np.isnan(rows[:, at]), at]
            if not np.isin(known, range(number)).all():
                wrong = known[~np.isin(known, range(number))][0]
                raise ValueError(
                    f"{name}: column {column['name']!r} must hold indices of its {number} categories, from 0: received "
                    f"{wrong:g}."
                )
    return rows


def from_numbers(rows: np.ndarray, columns: Sequence[Column]) -> np.ndarray:
    """The table ``(n,)`` of what a model has as numbers ``(n, columns)``."""
    found = {}
    for values, column in zip(np.asarray(rows, np.float64).T, columns, strict=True):
        if "categories" in column:
            texts = np.array([*column["categories"], ""])
            found[column["name"]] = texts[np.where(np.isnan(values), len(texts) - 1, values).astype(int)]
        else:
            found[column["name"]] = values
    return table_of(found)


def _array(values: Any) -> np.ndarray:
    """A column as an array; what has no dtype keeps each cell's own type."""
    return np.asarray(values) if hasattr(values, "dtype") else np.array([*values], object)


def _cells(values: np.ndarray, column: str, name: str) -> np.ndarray:
    """A column's values as float64, or as text."""
    values = np.asarray(values)
    if values.ndim != 1:
        raise ValueError(f"{name}: column {column!r} must hold one cell a row: received the shape {values.shape}.")
    if values.dtype.kind in "iuf":
        return _finite(values.astype(np.float64), column, name)
    if values.dtype.kind in "mM":
        raise ValueError(f"{name}: column {column!r} holds dates: expected numbers, such as days, or categories.")
    cells = [None if _is_missing(cell) else cell for cell in values.tolist()]
    numbers = [isinstance(cell, (int, float)) and not isinstance(cell, bool) for cell in cells if cell is not None]
    if all(numbers):  # a column of nothing too
        return _finite([np.nan if cell is None else float(cell) for cell in cells], column, name)
    if any(numbers):
        raise ValueError(f"{name}: column {column!r} mixes numbers and text: expected one of them.")
    return _texts(["" if cell is None else str(cell).strip() for cell in cells], column, name)


def _texts(texts: list[str], column: str, name: str) -> np.ndarray:
    if (longest := max(map(len, texts), default=0)) > MAX_CHARACTERS:
        raise ValueError(
            f"{name}: column {column!r} holds texts of up to {longest:,} characters, where a category has at most "
            f"{MAX_CHARACTERS}: leave the column out."
        )
    return np.array(texts)


def _is_missing(cell: Any) -> bool:
    """None, NaN, and what pandas has for them."""
    return cell is None or type(cell).__name__ in ("NAType", "NaTType") or (isinstance(cell, float) and cell != cell)


def _number(text: str) -> float | None:
    """The number that a text is, NaN of an empty one; None of other text."""
    try:
        return float(text or "nan")
    except ValueError:
        return None


def _finite(values: Any, column: str, name: str) -> np.ndarray:
    numbers = np.asarray(values, np.float64)
    if np.isinf(numbers).any():
        raise ValueError(f"{name}: column {column!r} holds infinity: leave a cell empty whose value is missing.")
    return numbers


def _numbers(values: np.ndarray, column: Column, name: str) -> np.ndarray:
    if values.dtype.kind != "U":
        return values
    numbers = [_number(text) for text in values.tolist()]
    if None in numbers:
        text = str(values[numbers.index(None)])
        raise ValueError(f"{name}: column {column['name']!r} holds {text!r}, which is no number.")
    return np.asarray(numbers, np.float64)


def _indices(values: np.ndarray, column: Column, name: str) -> np.ndarray:
    categories = column["categories"]
    indices = {text: at for at, text in enumerate(categories)} | {"": np.nan}
    texts = _as_texts(values)
    if unknown := sorted({*texts} - {*indices}):
        some = ", ".join(map(repr, categories[:10])) + (", …" if len(categories) > 10 else "")
        raise ValueError(
            f"{name}: column {column['name']!r} holds the unknown category {unknown[0]!r}: expected "
            f"{some}, or nothing where it is missing."
        )
    return np.array([indices[text] for text in texts], np.float64)


def _as_texts(values: np.ndarray) -> list[str]:
    """Categories that a file or a frame has as numbers, as in ``1`` for ``"1"``, as text."""
    if values.dtype.kind == "U":
        return values.tolist()
    return ["" if value != value else f"{value:.15g}" for value in values.tolist()]


def _check_names(names: Sequence[str], source: str) -> None:
    for at, name in enumerate(names):
        if not name:
            raise ValueError(f"{source}: column {at} has no name: name it in the first line.")
        if name in names[:at]:
            raise ValueError(f"{source} has two columns {name!r}: give them different names.")
