"""Tables: rows of numbers and categories with gaps, to a model float32 ``(n, columns)``, NaN for what is missing."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from zoo.io.arrays import as_array
from zoo.modalities.base import Modality

HELD_OUT = 10  # of so many rows one is validated on, and one measured on
HIDDEN = 0.2  # share of the known cells that imputation is measured on
DRAWN_COLUMNS = 40  # of a preview, at most


class Table(Modality):
    """Rows of a table."""

    name, example = "table", "row"
    float_parts = ("model",)  # a table's own units are of all sizes; the encoder's features are not
    sample, folder, any_size = "table.csv", "table.csv", "numbers and categories, with gaps"
    drawn = 16
    python_of_latents = ("z = model.encode(table)", "complete = model.impute(table)")
    shown = "Rows of the test split: their cells, the same with a fifth of them hidden, and filled in"

    def arguments(self, source, *, seed=0):
        """The columns: means and scales of the training split, categories of all rows."""
        from zoo.data import columns, load_cells

        table = load_cells(source)
        name = str(source) if isinstance(source, (str, Path)) else "table"
        return {"columns": columns.described(table[_places(len(table), seed)["train"]], table, name)}

    def load(self, source, shape, *, fit="crop", seed=0, failed=None):
        """Cells, not yet numbers: ``prepared`` makes them that."""
        from zoo.data import DataSet, load_cells
        from zoo.data.tables import BUNDLED

        table, known = load_cells(source), isinstance(source, str) and source in BUNDLED
        train, validation, test = (table[rows] for rows in _places(len(table), seed).values())
        names = table.dtype.names or ()
        words = sum(table.dtype[name].kind == "U" for name in names)
        numbers = len(names) - words
        summary = f"{len(table):,} rows, {numbers} columns of numbers, {words} of categories"
        name, place, licence = "array", "./array", "the user's own"
        if known:
            name, place, licence = source, source, BUNDLED[source][1]
        elif isinstance(source, (str, Path)):
            name, place = Path(source).name, str(Path(source).resolve())
        return DataSet(name, place, train, validation, test, licence, summary=summary)

    def prepared(self, model, data_set):
        splits = ("train", "validation", "test")
        return dataclasses.replace(data_set, **{split: model.rows(getattr(data_set, split)) for split in splits})

    def encoder_inputs(self, model, examples):
        return as_array(model.features(np.asarray(examples, np.float32)))

    def decoder_error(self, model, examples, outputs):
        """Of standardised numbers, and of categories as 0 and 1, over all known cells."""
        rows = as_array(model.cells(outputs))
        return float(np.mean(np.concatenate([e.ravel() ** 2 for e in _errors(model, examples, rows).values()])))

    def input_range(self, model):
        return "numbers in the columns' own units, indices of categories, NaN where a cell is missing; float32"

    def read(self, model, inputs, **options):
        from zoo.data import Examples, load_cells

        parts: list[np.ndarray] = []
        names: list[str] = []
        labels: list[str] = []
        failures: list[str] = []
        words = [column["name"] for column in model.columns if "categories" in column]
        for source in inputs:
            try:
                table = load_cells(source, array=options.get("array"))
                parts.append(model.rows(table))
            except ValueError as error:
                failures.append(str(error) if str(source) in str(error) else f"{source}: {error}")
                continue
            names += [f"{Path(source).name}[{row}]" for row in range(len(table))]
            labels += table[words[0]].tolist() if words else []
        if not parts:
            raise ValueError(failures[0])
        return Examples(np.concatenate(parts), names, labels or None, tuple(failures))

    def given(self, model, examples):
        return model.rows(examples)

    def checked(self, model, examples, name):
        return model.rows(examples)

    def thumbnails(self, examples):
        return None

    def measure_reconstruction(self, model, data_set, split):
        """How near reconstructions are to the cells that are known, and imputations to known cells that are hidden.

        Returns:
            ``numeric_rmse`` of standardised numbers and ``category_accuracy``, of all known cells; the same as
            ``imputed_rmse`` and ``imputed_accuracy`` of a fifth of these, hidden at random, and as ``mean_rmse`` and
            ``mode_accuracy`` of filling those with the training split's means and most frequent categories.
        """
        rows, train = getattr(data_set, split), data_set.train
        hidden = hidden_cells(rows)
        usual = np.array([_usual(train[:, at], "categories" in column) for at, column in enumerate(model.columns)])
        only_hidden = np.where(hidden, rows, np.nan)
        restored, imputed = (
            as_array(model.decode(model.encode(x))) for x in (rows, np.where(hidden, np.nan, rows).astype(np.float32))
        )
        figures = {}
        for names, target, found in (
            (("numeric_rmse", "category_accuracy"), rows, restored),
            (("imputed_rmse", "imputed_accuracy"), only_hidden, imputed),
            (("mean_rmse", "mode_accuracy"), only_hidden, np.broadcast_to(usual, rows.shape)),
        ):
            errors = _errors(model, target, found)
            if errors["numbers"].size:
                figures[names[0]] = float(np.sqrt(np.mean(errors["numbers"] ** 2)))
            if errors["categories"].size:
                figures[names[1]] = float(1 - np.mean(errors["categories"]))
        return figures

    def preview(self, model, data_set, card, path):
        rows = data_set.test[: self.drawn]
        hidden = hidden_cells(rows)
        gaps = np.where(hidden, np.nan, rows).astype(np.float32)
        filled = np.where(hidden, as_array(model.decode(model.encode(gaps))), rows)
        self.draw(
            {"cells": _shades(model, rows), "hidden": _shades(model, gaps), "filled in": _shades(model, filled)}, path
        )

    def draw(self, rows, path):
        from zoo import plots

        plots.cells({label: shades[:, :DRAWN_COLUMNS] for label, shades in rows.items()}, path)

    def python(self, name, examples):
        return [
            "from sklearn.datasets import load_breast_cancer",
            "",
            "import zoo",
            "",
            f'model = zoo.load("{name}")',
            "found = load_breast_cancer()  # yours: a DataFrame, columns by their names, or an array (n, columns)",
            "table = dict(zip(found.feature_names, found.data.T))",
            'table["diagnosis"] = [None] * len(found.data)  # missing',
        ]

    def commands_of_latents(self, name):
        return [(f"zoo embed {name} table.csv -o codes.npy --plot map.html", "codes of your own rows, and a map")]


def _places(number: int, seed: int) -> dict[str, np.ndarray]:
    """Split → indices of its rows.

    Raises:
        ValueError: if there are too few.
    """
    held_out = number // HELD_OUT
    if not held_out:
        raise ValueError(f"a table must have at least {HELD_OUT} rows, for three splits: received {number}.")
    order = np.random.default_rng(seed).permutation(number)
    test, validation, train = np.split(order, [held_out, 2 * held_out])
    return {"train": train, "validation": validation, "test": test}


def hidden_cells(rows: np.ndarray) -> np.ndarray:
    """Which known cells of ``(n, columns)`` are hidden to be filled in: the same ones in every run."""
    return (np.random.default_rng(0).random(rows.shape) < HIDDEN) & ~np.isnan(rows)


def _usual(values: np.ndarray, category: bool) -> float:
    """The mean of a column's known numbers, or its most frequent category."""
    known = values[~np.isnan(values)]
    return float(np.bincount(known.astype(int)).argmax() if category else known.mean())


def _errors(model: Any, target: np.ndarray, found: np.ndarray) -> dict[str, np.ndarray]:
    """Of known cells: errors of standardised numbers, and 1 of a wrong category, 0 of a right one."""
    numbers, categories = [], []
    for at, column in enumerate(model.columns):
        known = ~np.isnan(target[:, at])
        error = (found[:, at] - target[:, at])[known]
        if "categories" in column:
            categories.append((error != 0).astype(float))
        else:
            numbers.append(error / column["scale"])
    empty = np.empty(0)
    return {"numbers": np.concatenate([empty, *numbers]), "categories": np.concatenate([empty, *categories])}


def _shades(model: Any, rows: np.ndarray) -> np.ndarray:
    """Cells in standard deviations, categories evenly spread from −2 to 2."""
    shades = [
        4 * values / (len(column["categories"]) - 1) - 2
        if "categories" in column
        else (values - column["mean"]) / column["scale"]
        for values, column in zip(rows.T, model.columns, strict=True)
    ]
    return np.stack(shades, axis=1)
