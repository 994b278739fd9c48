"""Which few columns of a table, or pixels of images, tell most of all others."""

import json
import os
import warnings
from typing import Any

import numpy as np

from zoo import evaluation, plots
from zoo.io import writing


def select(
    data: str | os.PathLike,
    k: int,
    *,
    output: str | os.PathLike | None = None,
    plot: str | os.PathLike | None = None,
    label: str | None = None,
    epochs: int | None = None,
    seed: int = 0,
    progress: Any = None,
) -> dict[str, Any]:
    """Chooses the columns of a table, or pixels of images, from which all others are best predicted: ``zoo select``.

    No labels are used. ``zoo.sklearn.ConcreteSelector`` does the same within a pipeline of scikit-learn.

    Args:
        data: a table (``.csv``, ``.npy``), or a name of tensorflow-datasets with images.
        k: columns to choose.
        output: JSON file for the result; None for none.
        plot: of images, a picture of which pixels, over the mean image; None for none.
        label: a column of a CSV file to leave out.
        epochs: passes over the rows; None for about 5,000 steps.
        seed: of the training, and of the tenth of the rows that is held out.
        progress: a started ``rich.progress.Progress`` to report to.

    Returns:
        ``chosen``: of each column its ``place``, from 0 with all columns of the file, and its ``name``;
        ``read_out_mse``: the error of reading all columns, brought into [0, 1], linearly off those chosen, on rows held
        out; ``top_variance_read_out_mse``: the same of as many columns of the highest variance; ``mean_mse``: of the
        columns' means; and ``certainty``.

    Raises:
        ValueError: for data that cannot be read or is too little, ``k`` out of its range, or ``plot`` of a table.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split

    from zoo.data import load_columns
    from zoo.sklearn import ConcreteSelector

    values, names, places, shape = load_columns(os.fspath(data), label=label)
    _check(data, k, values, names, plot, shape)
    fitting, held_out = train_test_split(values, test_size=0.1, random_state=seed)
    selector = ConcreteSelector(k, max_iter=epochs, random_state=seed)
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # the certainty is among the figures
        selector.fit(fitting, callbacks=_reporting(progress))
    fitting, held_out = ((rows - selector.data_min_) / selector.data_range_ for rows in (fitting, held_out))
    chosen = selector.get_support(indices=True)
    result = {
        "data": os.fspath(data),
        "rows": len(values),
        "columns": len(names),
        "chosen": [{"place": places[at], "name": names[at]} for at in chosen],
        **_errors(fitting, held_out, chosen),
        "certainty": selector.certainty_,
    }
    _write(result, output)
    if plot is not None:
        plots.chosen_pixels(fitting.mean(axis=0).reshape(shape), chosen, plot)
    return result


def _write(result: dict[str, Any], output: str | os.PathLike | None) -> None:
    if output is None:
        return
    with writing.atomic_write(output) as file:
        file.write((json.dumps(result, indent=2) + "\n").encode())


def _errors(fitting: np.ndarray, held_out: np.ndarray, chosen: np.ndarray) -> dict[str, float]:
    """Of reading all columns off those chosen, off as many of the highest variance, and of the columns' means."""
    baseline = evaluation.top_variance(fitting, len(chosen))
    return {
        "read_out_mse": evaluation.linear_read_out(fitting, held_out, chosen),
        "top_variance_read_out_mse": evaluation.linear_read_out(fitting, held_out, baseline),
        "mean_mse": float(np.mean((held_out - fitting.mean(axis=0)) ** 2)),
    }


def _check(data, k: int, values: np.ndarray, names: list[str], plot, shape: tuple[int, ...]) -> None:
    if not 1 <= k < len(names):
        raise ValueError(f"k must be from 1 to {len(names) - 1}, as {data} has {len(names)} columns: received {k}.")
    if len(values) < 20:
        raise ValueError(f"{data} must hold at least 20 rows, a tenth of which is held out: received {len(values)}.")
    if plot is not None and not (len(shape) == 2 or len(shape) == 3 and shape[-1] == 1):
        raise ValueError(f"plot must be left out, as {data} holds no grey images: its rows are {shape}.")


def _reporting(progress) -> list:
    """Keras' callbacks that report each step."""
    if progress is None:
        return []
    import keras

    task = progress.add_task("choosing", total=None, status="steps")
    advance = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: progress.advance(task))
    advance.on_train_begin = lambda logs: progress.update(
        task, total=advance.params["epochs"] * advance.params["steps"]
    )
    return [advance]
