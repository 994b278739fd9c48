"""Hyper-parameters by search: depth, width, length of the code, pretraining."""

import dataclasses
import inspect
import json
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo import data, extras, modalities, plots, registry, training
from zoo.io import writing

LATENT_DIMS = (2, 4, 8, 16, 32, 64)
WIDTHS = (64, 128, 256, 512)
DEPTHS = (1, 2, 3)
FILTERS = (16, 32, 64)


def tune(
    name: str,
    *,
    output: str | os.PathLike,
    trials: int = 20,
    epochs: int = 5,
    images: int | None = None,
    seed: int = 0,
    data_source: str | os.PathLike | np.ndarray | None = None,
    size: int | str | tuple[int, int] | None = None,
    colour: bool | None = None,
    fit: str = "crop",
    progress: Any = None,
    failed: list[str] | None = None,
) -> list[dict[str, Any]]:
    """Searches an architecture's hyper-parameters at random, and compares them on the validation split.

    What is searched follows from what the constructor takes: the length of the code; for dense stacks the depth, and
    the width of the first layer, which halves from layer to layer; the filters of convolutional models; and, for a
    stack that can be pretrained layer by layer, whether it is. The test split is not touched. A search that was
    stopped goes on in the same folder, and the same seed makes the same search.

    Args:
        name: ``architecture`` or ``architecture.tag``, or the folder of a trained model: its architecture is searched
            for its data and its pictures' shape.
        output: folder for ``trials.json``, ``error_by_code.png``, ``search.json``, which says what was searched, and
            KerasTuner's own records.
        trials: how many combinations.
        epochs: passes over the training split for each; pretraining comes on top of them, one pass a layer.
        images: how many training images, for a quick search; None for all.
        seed: of the search and of each training.
        data_source: as of ``zoo.training.train``; None for the tag's own data, or the folder's.
        size, colour, fit: of the pictures, as of ``zoo.training.train``.
        progress: a started ``rich.progress.Progress`` to report to.
        failed: gets a line for each file of a folder that cannot be read, and the others are the data; None to raise
            instead.

    Returns:
        A row for each trial, the best first: its hyper-parameters, ``parameters`` and ``validation_mse``.

    Raises:
        ValueError: for an unknown name, a number below 1, a model with nothing to search, or a folder that holds
            another search.
    """
    with extras.needed("Tuning"):
        import keras_tuner
    for argument, value in (("trials", trials), ("epochs", epochs), ("images", images if images is not None else 1)):
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{argument} must be an integer ≥ 1: received {value!r}.")
    overrides = {}
    if registry.is_folder(name):
        card = registry.info(name)
        data_source = data.source_of(card["data"]) if data_source is None else data_source
        overrides = {} if size or colour is not None else {"image_shape": tuple(card["input_shape"])}
        name = ".".join(filter(None, (card["architecture"], card["tag"])))
    architecture, tag = registry.loading.resolve(name)
    spec = registry.CATALOG[architecture]
    name, recipe = f"{architecture}.{tag}", spec.recipes[tag]
    space = _Space(name, training.sized(name, size, colour, overrides))
    modality = modalities.get(spec.modality)
    source = spec.data_of(tag) if data_source is None else data_source
    data_set = modality.load(source, space.example_shape, fit=fit, seed=seed, failed=failed)
    data_set = training.families.changed(dataclasses.replace(recipe, seed=seed), data_set)
    examples = data.unit(data_set.train[:images])
    held_out = data.unit(data_set.validation)
    task = progress and progress.add_task(f"tuning {name}", total=trials, status="")

    class Search(keras_tuner.RandomSearch):
        def run_trial(self, trial, *args, **options):
            keras.utils.set_random_seed(seed)
            model = registry.create(name, **space.overrides(trial.hyperparameters))
            if space.pretrained(trial.hyperparameters):
                training.pretrain_greedily(model, examples, epochs=1, seed=seed, verbose=0)
            batch_size = min(recipe.batch_size, len(examples))
            changed = dataclasses.replace(recipe, epochs=epochs)
            optimizer = training.optimizer(changed, -(-len(examples) // batch_size))
            model.compile(optimizer, metrics=["mse"], jit_compile=recipe.jit_compile)
            options = {"batch_size": batch_size, "epochs": epochs, "verbose": 0}
            history = model.fit(examples, validation_data=(held_out,), **options).history
            if progress:
                progress.advance(task)
            return history["val_mse"][-1]

    folder = Path(output)
    identity = {"model": name, "epochs": epochs, "images": images, "seed": seed, "data": data_set.fingerprint}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _claim(folder / "search.json", identity)
        tuner = Search(
            objective=keras_tuner.Objective("default_objective", "min"),
            max_trials=trials,
            seed=seed + 1,  # KerasTuner takes 0 for no seed
            directory=folder,
            project_name="search",
            max_consecutive_failed_trials=1,
        )
    except OSError as error:
        raise ValueError(f"Cannot write to {folder}: {error.strerror}.") from None
    if progress:
        progress.update(task, completed=len(tuner.oracle.trials))
    tuner.search(verbose=0)

    rows = []
    for trial in tuner.oracle.get_best_trials(trials):
        overrides = space.overrides(trial.hyperparameters)
        rows.append(
            {
                **{key: list(value) if isinstance(value, tuple) else value for key, value in overrides.items()},
                **({"pretrained": space.pretrained(trial.hyperparameters)} if space.stacked else {}),
                "parameters": registry.create(name, **overrides).count_params(),
                "validation_mse": float(trial.score),
            }
        )
    with writing.atomic_write(folder / "trials.json") as file:
        file.write((json.dumps(rows, indent=2) + "\n").encode())
    plots.error_by_code(
        [(row["latent_dim"], row["validation_mse"]) for row in rows],
        folder / "error_by_code.png",
        title=f"{name}, {epochs} epochs",
    )
    return rows


def _claim(path: Path, identity: dict[str, Any]) -> None:
    """Writes down what is searched in a folder; refuses one that holds another search, whose results would be taken."""
    if path.exists():
        training.callbacks.check_same_run(path, identity, json.loads(path.read_text()))
        return
    if (path.parent / "search").exists():
        raise ValueError(f"{path.parent} holds a search that does not say what it is: give another --output.")
    with writing.atomic_write(path) as file:
        file.write((json.dumps(identity, indent=2) + "\n").encode())


class _Space:
    """What there is to search of one model, found from its constructor's arguments."""

    def __init__(self, name: str, given: dict[str, Any]):
        model = registry.create(name, **given)
        self.given, self.example_shape = given, model.example_shape
        known = inspect.signature(type(model)).parameters
        self.latent = "latent_dim" in known
        self.dense, self.stacked = "hidden_units" in known, hasattr(model, "stages")
        self.convolutional = isinstance(getattr(model, "filters", None), int)
        if not self.latent or "mse" not in model.default_metrics:
            missing = "latent_dim to search" if not self.latent else "squared error to choose by"
            raise ValueError(f"{name} has no {missing}: try dense_ae, stacked_ae, tied_ae or conv_ae.")

    def overrides(self, hyperparameters) -> dict[str, Any]:
        """Arguments of the constructor, drawn by the tuner."""
        chosen = {**self.given, "latent_dim": hyperparameters.Choice("latent_dim", LATENT_DIMS)}
        if self.dense:
            depth = hyperparameters.Choice("depth", DEPTHS)
            width = hyperparameters.Choice("width", WIDTHS)
            chosen["hidden_units"] = tuple(width // 2**level for level in range(depth))
        if self.convolutional:
            chosen["filters"] = hyperparameters.Choice("filters", FILTERS)
        return chosen

    def pretrained(self, hyperparameters) -> bool:
        return self.stacked and hyperparameters.Boolean("pretrained")
