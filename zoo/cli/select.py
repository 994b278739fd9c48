"""``zoo select``."""

from pathlib import Path
from typing import Annotated

import typer


def select(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="A table (.csv, .npy) or a tensorflow-datasets name of images.", show_default=False
        ),
    ],
    k: Annotated[int, typer.Option("-k", "--number", help="Columns to choose.", show_default=False)],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.json", help="Their places and names.", show_default=False)
    ],
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Of images: which pixels, over the mean image.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="A column of a CSV file to leave out.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the rows; default: about 5,000 steps.")] = None,
    seed: Annotated[int, typer.Option(help="Of the training, and of the rows held out.")] = 0,
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Choose the columns of a table, or pixels of images, from which all others are best guessed.

    No labels are used. Beside the error of reading all columns, brought into [0, 1], linearly off those chosen, on a
    tenth of the rows that is held out, stands that of as many columns of the highest variance. A column's place counts
    from 0, all columns of the file included.
    """
    from zoo.cli.console import emit, progress, start_tensorflow

    start_tensorflow(threads)
    import json
    import warnings

    import keras
    import numpy as np
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split

    from zoo import artifacts, evaluation, plots
    from zoo.data import load_columns
    from zoo.sklearn import ConcreteSelector

    values, names, places, shape = load_columns(data, label=label)
    if not 1 <= k < len(names):
        raise ValueError(f"k must be from 1 to {len(names) - 1}, as {data} has {len(names)} columns: received {k}.")
    if len(values) < 20:
        raise ValueError(f"{data} must hold at least 20 rows, a tenth of which is held out: received {len(values)}.")
    if plot is not None and not (len(shape) == 2 or len(shape) == 3 and shape[-1] == 1):
        raise ValueError(f"plot must be left out, as {data} holds no grey images: its rows are {shape}.")
    fitting, held_out = train_test_split(values, test_size=0.1, random_state=seed)
    selector = ConcreteSelector(k, max_iter=epochs, random_state=seed)
    with progress() as bar, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the certainty is printed
        task = bar.add_task("choosing", total=None, status="steps")
        advance = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: bar.advance(task))
        advance.on_train_begin = lambda logs: bar.update(task, total=advance.params["epochs"] * advance.params["steps"])
        selector.fit(fitting, callbacks=[advance])

    fitting, held_out = ((rows - selector.data_min_) / selector.data_range_ for rows in (fitting, held_out))
    chosen = selector.get_support(indices=True)
    highest = evaluation.top_variance(fitting, k)
    result = {
        "data": data,
        "rows": len(values),
        "columns": len(names),
        "chosen": [{"place": places[at], "name": names[at]} for at in chosen],
        "read_out_mse": evaluation.linear_read_out(fitting, held_out, chosen),
        "top_variance_read_out_mse": evaluation.linear_read_out(fitting, held_out, highest),
        "mean_mse": float(np.mean((held_out - fitting.mean(axis=0)) ** 2)),
        "certainty": selector.certainty_,
    }
    with artifacts.atomic_write(output) as file:
        file.write((json.dumps(result, indent=2) + "\n").encode())
    if plot is not None:
        plots.chosen_pixels(fitting.mean(axis=0).reshape(shape), chosen, plot)
    emit(result if as_json else {**result, "chosen": [column["name"] for column in result["chosen"]]}, as_json)
