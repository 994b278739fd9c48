"""The shape of a row of the catalogue."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a model is trained: with the data and the seed, all that ``zoo train`` needs to make it again.

    Attributes:
        epochs: passes over the training split.
        batch_size: examples a step.
        learning_rate: peak of the cosine schedule, which warms up over the first epoch and ends near zero.
        weight_decay: of AdamW, on kernels.
        dtype_policy: of Keras; ``mixed_bfloat16`` is faster for convolutions where the processor has it.
        jit_compile: whether XLA compiles the step: measured per model, it speeds dense nets and slows convolutions.
        binarized: whether each image is made binary beforehand, by one seeded draw (``DataSet.binarized``).
        pretraining_epochs: passes over the training split for each layer of a stack, before all are trained together.
        seed: of initial weights, order of the data, corruption and noise.
    """

    epochs: int
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    dtype_policy: str = "float32"
    jit_compile: bool = False
    binarized: bool = False
    pretraining_epochs: int = 0
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Spec:
    """One architecture.

    Attributes:
        class_path: ``module:Class``, imported only when a model is made.
        summary: one line.
        paper: where it comes from.
        recipes: tag (the data set's name) → recipe; the first is the default tag.
        config: tag → arguments of the constructor; the tag ``""`` holds those of every tag.
        codec: whether its quantised code can be entropy-coded, so that ``zoo.Codec`` takes it.
    """

    class_path: str
    summary: str
    paper: str
    recipes: Mapping[str, Recipe]
    config: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    codec: bool = False

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(self.recipes)

    def config_of(self, tag: str) -> dict[str, Any]:
        """Arguments of the constructor for a tag."""
        return {**self.config.get("", {}), **self.config.get(tag, {})}
