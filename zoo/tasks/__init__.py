"""What models do: one file a task, each with the figures, golden arrays, preview and commands of its models.

A row of the catalogue names a model's tasks, first what it is made for. ``zoo.modalities`` says what examples are.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import modalities, registry
from zoo.tasks.base import Task
from zoo.tasks.classify import Classify
from zoo.tasks.compress import Compress
from zoo.tasks.denoise import Denoise
from zoo.tasks.detect import Detect
from zoo.tasks.generate import Generate
from zoo.tasks.map import Map
from zoo.tasks.reconstruct import Reconstruct
from zoo.tasks.select import Select
from zoo.tasks.summarize import Summarize

if TYPE_CHECKING:
    import keras

    from zoo.data import DataSet

TASKS: dict[str, Task] = {
    task.name: task
    for task in (Compress(), Denoise(), Detect(), Generate(), Reconstruct(), Map(), Select(), Classify(), Summarize())
}

__all__ = ["TASKS", "Task", "golden", "measure_split", "of"]


def of(spec: registry.Spec) -> list[Task]:
    """The tasks of an architecture, in the order of ``TASKS``."""
    return [task for name, task in TASKS.items() if name in spec.tasks]


def measure_split(model: "keras.Model", data_set: "DataSet", *, split: str = "test", **options: Any) -> dict[str, Any]:
    """All figures of a model on a split: those of its tasks.

    Args:
        model: of the zoo.
        data_set: whose ``split`` is measured on.
        split: ``test`` (a card's figures), ``validation`` (for choices) or ``train``.
        options: of ``Task.measure``.

    Returns:
        Name of a figure → figure. What the data does not suffice for is under ``not_measured``, with the reason.
    """
    spec, modality = registry.spec_of_model(model), modalities.of(model)
    figures: dict[str, Any] = {}
    missing: dict[str, str] = {}
    for task in of(spec):
        figures |= task.measure(model, modality, data_set, split, **options)
        missing |= task.missing(model, modality, data_set, split)
    missing = {name: reason for name, reason in missing.items() if name not in figures}
    return {**figures, "not_measured": missing} if missing else figures


def golden(model: "keras.Model", examples: np.ndarray) -> dict[str, np.ndarray]:
    """Examples as a data set has them, other inputs of a model, and what it must make of them."""
    arrays: dict[str, np.ndarray] = {}
    for task in of(registry.spec_of_model(model)):
        arrays |= task.golden(model, modalities.of(model), examples)
    return arrays
