"""Missing cells filled in by tabular_ae and by scikit-learn's imputers: ``python benchmarks/imputation.py``.

All of them learn from the training split and fill in the same hidden fifth of the test split's cells. Categories go to
scikit-learn's imputers as indices, standardised as numbers are, and what these give is rounded to the next index.
"""

import json
import time
from typing import Annotated

import numpy as np
import typer
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - IterativeImputer is nowhere else
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

import zoo
from zoo import data, modalities
from zoo.modalities.table import hidden_cells


def main(
    name: Annotated[str, typer.Argument(help="A model of tables.")] = "tabular_ae",
    output: Annotated[str | None, typer.Option("-o", help="File for the figures, JSON.")] = None,
) -> None:
    model, card = zoo.load(name), zoo.info(name)
    modality = modalities.of(model)
    source, seed = data.source_of(card["data"]), card["data"]["seed"]
    data_set = modality.prepared(model, modality.load(source, model.example_shape, seed=seed))
    train, test = data_set.train, data_set.test
    hidden, centre, scale = hidden_cells(test), np.nanmean(train, axis=0), np.nanstd(train, axis=0)
    gaps, standard = np.where(hidden, np.nan, test), (train - centre) / scale

    def filled(imputer):
        found = imputer.fit(standard).transform((gaps - centre) / scale) * scale + centre
        for at, column in enumerate(model.columns):
            if "categories" in column:
                found[:, at] = np.rint(found[:, at]).clip(0, len(column["categories"]) - 1)
        return found

    figures = {}
    for label, fill in {
        name: lambda: np.asarray(model.decode(model.encode(gaps))),
        "means": lambda: filled(SimpleImputer()),
        "5 nearest rows": lambda: filled(KNNImputer()),
        "chained regressions": lambda: filled(IterativeImputer(max_iter=50, random_state=0)),
    }.items():
        start = time.process_time()
        error = fill() - test
        seconds = time.process_time() - start
        words = np.array(["categories" in column for column in model.columns])
        numbers = (error / np.where(words, 1, [column.get("scale", 1) for column in model.columns]))[:, ~words]
        figures[label] = {
            "imputed_rmse": float(np.sqrt(np.mean(numbers[hidden[:, ~words]] ** 2))),
            "imputed_accuracy": float((error[:, words][hidden[:, words]] == 0).mean()) if words.any() else None,
            "seconds": seconds,
        }
    print(json.dumps(figures, indent=2))
    if output:
        with open(output, "w") as file:
            json.dump(figures, file, indent=2)


if __name__ == "__main__":
    typer.run(main)
