"""Hyper-parameters by search: depth, width, length of the code, pretraining."""

import dataclasses
import inspect
import json
import os
from collections.abc import Callable
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

    The constructor decides what is searched: ``latent_dim``; of dense stacks the depth and the width of the first
    layer, which halves from layer to layer; the filters of convolutional models; and whether a stack is pretrained
    layer by layer. The test split is not used. A stopped search continues in the same folder, and is deterministic.

    Args:
        name: ``architecture`` or ``architecture.tag``, or the folder of a trained model: its architecture is searched
            for its data and its pictures' shape.
        output: folder for ``trials.json``, ``error_by_code.png``, ``search.json``, the search's settings, and more.
        trials: how many combinations.
        epochs: passes over the training split for each; pretraining comes on top of them, one pass a layer.
        images: how many training images, for a quick search; None for all.
        seed: of the search and of each training.
        data_source: as of ``zoo.training.train``; None for the tag's own data, or the folder's.
        size, colour, fit: of the pictures, as of ``zoo.training.train``.
        progress: a started ``rich.progress.Progress`` to report to.
        failed: gets a line for each file that cannot be read, and the others are the data; None to raise instead.

    Returns:
        A row for each trial, the best first: its hyper-parameters, ``parameters`` and ``validation_mse``.

    Raises:
        ValueError: for an unknown name, a number below 1, a model without hyper-parameters, or another search's folder.
    """
    with extras.needed("Tuning"):
        import keras_tuner  # noqa: F401 - said before any work
    _check(trials=trials, epochs=epochs, images=1 if images is None else images)
    name, shape, trained_on = _known(name)
    spec, tag = registry.spec_of(name), name.partition(".")[2]
    space = _Space(name, training.sized(name, size, colour, {} if size or colour is not None else shape))
    recipe = dataclasses.replace(spec.recipes[tag], seed=seed, epochs=epochs)
    if data_source is None:
        data_source = data.source_of(trained_on) if trained_on else registry.data_of(name)
    data_set = _loaded(spec, recipe, data_source, space, fit, failed)
    examples, held_out = data.unit(data_set.train[:images]), data.unit(data_set.validation)

    def error(hyperparameters) -> float:
        return _error(name, space, hyperparameters, recipe, examples, held_out)

    identity = {"model": name, "epochs": epochs, "images": images, "seed": seed, "data": data_set.fingerprint}
    tuner = _searched(error, Path(output), identity, trials, progress)
    rows = [_row(name, space, trial) for trial in tuner.oracle.get_best_trials(trials)]
    _write(rows, Path(output), title=f"{name}, {epochs} epochs")
    return rows


def _searched(error: Callable[[Any], float], folder: Path, identity: dict[str, Any], trials: int, progress: Any):
    """KerasTuner's random search in a folder, which it goes on with where it was stopped, once it has ended."""
    import keras_tuner

    task = progress and progress.add_task(f"tuning {identity['model']}", total=trials, status="")

    class Search(keras_tuner.RandomSearch):
        def run_trial(self, trial, *args, **options):
            found = error(trial.hyperparameters)
            if progress:
                progress.advance(task)
            return found

    try:
        folder.mkdir(parents=True, exist_ok=True)
        _claim(folder / "search.json", identity)
        tuner = Search(
            objective=keras_tuner.Objective("default_objective", "min"),
            max_trials=trials,
            seed=identity["seed"] + 1,  # KerasTuner takes 0 for no seed
            directory=folder,
            project_name="search",
            max_consecutive_failed_trials=1,
        )
    except OSError as problem:
        raise ValueError(f"Cannot write to {folder}: {problem.strerror}.") from None
    if progress:
        progress.update(task, completed=len(tuner.oracle.trials))
    tuner.search(verbose=0)
    return tuner


def _write(rows: list[dict[str, Any]], folder: Path, title: str) -> None:
    with writing.atomic_write(folder / "trials.json") as file:
        file.write((json.dumps(rows, indent=2) + "\n").encode())
    points = [(row["latent_dim"], row["validation_mse"]) for row in rows]
    plots.error_by_code(points, folder / "error_by_code.png", title=title)


def _loaded(spec: registry.Spec, recipe, source, space: "_Space", fit: str, failed: list[str] | None) -> data.DataSet:
    options = {"fit": fit, "seed": recipe.seed, "failed": failed}
    data_set = modalities.get(spec.modality).load(source, space.example_shape, **options)
    return training.families.changed(recipe, data_set)


def _check(**numbers: int) -> None:
    for argument, value in numbers.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{argument} must be an integer ≥ 1: received {value!r}.")


def _known(name: str) -> tuple[str, dict[str, Any], dict[str, Any] | None]:
    """The ``architecture.tag`` of a name or folder; of a folder also the argument that is its shape, and its data."""
    if not registry.is_folder(name):
        return ".".join(registry.loading.resolve(name)), {}, None
    card = registry.info(name)
    name = ".".join(registry.loading.resolve(".".join(filter(None, (card["architecture"], card["tag"])))))
    argument = "image_shape" if registry.spec_of(name).modality == "image" else "example_shape"
    return name, {argument: tuple(card["input_shape"])}, card["data"]


def _error(name: str, space: "_Space", hyperparameters, recipe, examples: np.ndarray, held_out: np.ndarray) -> float:
    """The squared error on the validation split after a training with some hyper-parameters."""
    keras.utils.set_random_seed(recipe.seed)
    model = registry.create(name, **space.overrides(hyperparameters))
    if space.pretrained(hyperparameters):
        training.pretrain_greedily(model, examples, epochs=1, seed=recipe.seed, verbose=0)
    batch_size = min(recipe.batch_size, len(examples))
    optimizer = training.optimizer(recipe, -(-len(examples) // batch_size))
    model.compile(optimizer, metrics=["mse"], jit_compile=recipe.jit_compile)
    options = {"batch_size": batch_size, "epochs": recipe.epochs, "verbose": 0}
    return model.fit(examples, validation_data=(held_out,), **options).history["val_mse"][-1]


def _row(name: str, space: "_Space", trial) -> dict[str, Any]:
    overrides = space.overrides(trial.hyperparameters)
    return {
        **{key: list(value) if isinstance(value, tuple) else value for key, value in overrides.items()},
        **({"pretrained": space.pretrained(trial.hyperparameters)} if space.stacked else {}),
        "parameters": registry.create(name, **overrides).count_params(),
        "validation_mse": float(trial.score),
    }


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
