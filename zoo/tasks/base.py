"""What all tasks have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import modalities
from zoo.modalities import Modality
from zoo.registry import Spec

if TYPE_CHECKING:
    import keras

    from zoo.data import DataSet


class Task:
    """One thing that models do. Of a model that does several, every task adds its figures, golden arrays and commands.

    Heavy libraries are imported in the methods: a name of a task costs nothing.

    Attributes:
        name: in the catalogue.
        title: for people.
    """

    name: str
    title: str

    def measure(
        self, model: "keras.Model", modality: Modality, data_set: "DataSet", split: str, **options: Any
    ) -> dict[str, Any]:
        """Name of a figure → figure, of a model on a split.

        Args:
            model: of the zoo.
            modality: of its examples.
            data_set: whose ``split``, ``train``, ``validation`` or ``test``, is measured on.
            options: ``importance_samples`` and ``advance`` of ``zoo.evaluation.measure_likelihood``.
        """
        return {}

    def missing(self, model: "keras.Model", modality: Modality, data_set: "DataSet", split: str) -> Mapping[str, str]:
        """Name of a figure that ``measure`` leaves out where the data does not suffice → why."""
        return {}

    def golden(self, model: "keras.Model", modality: Modality, examples: np.ndarray) -> dict[str, np.ndarray]:
        """Inputs, and what a model must make of them."""
        return {}

    def preview(
        self, model: "keras.Model", modality: Modality, data_set: "DataSet", card: Mapping[str, Any], path: Path
    ) -> None:
        """Writes the picture that shows what a model made for this task does."""
        modality.preview(model, data_set, card, path)

    def shown(self, spec: Spec) -> str:
        """What the preview shows, in words."""
        rows = modalities.get(spec.modality).shown
        return f"{rows}; below, generated images" if "generate" in spec.tasks else rows

    def python(self, name: str, spec: Spec, modality: Modality) -> list[str]:
        """Lines of Python that use ``model``, and of pictures ``images``, of sounds ``sound``."""
        return []

    def commands(self, name: str, spec: Spec, modality: Modality, metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
        """(command, what it does) of every command of the task that takes the model."""
        return []
