"""The shape of a row of the catalogue."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a model is trained: with the data and the seed, all that ``zoo train`` needs to make it again.

    Attributes:
        epochs: passes over the training split.
        data: name of the data set; None where the tag is its name.
        batch_size: examples a step.
        learning_rate: peak of the cosine schedule, which warms up over the first epoch and ends near zero; of an
            adversarial model without the warm-up, and of both players.
        discriminator_learning_rate: of the discriminator, where it is another one.
        weight_decay: of AdamW, on kernels; an adversarial model has its paper's optimizers, without.
        dtype_policy: of Keras; ``mixed_bfloat16`` is faster for convolutions where the processor has it.
        jit_compile: whether XLA may compile the step: measured per model, it speeds dense nets and slows convolutions.
            ``zoo train`` computes deterministically, and so without it; a card says what ran.
        binarized: whether each image is made binary beforehand, by one seeded draw (``DataSet.binarized``).
        pretraining_epochs: passes over the training split for each layer of a stack, before all are trained together;
            of a summariser over documents alone, before their summaries.
        decoder_epochs: passes over the training split, after all else, in which the decoder of a quantised code learns
            from the int8 encoder's codes.
        neighbours: k of the graph of the training split's k nearest neighbours, of which one is drawn with each image;
            0 for none.
        ema_momentum: of the moving average of an adversarial model's generator, which is what ships; 0 for none.
        seed: of initial weights, order of the data, corruption and noise.
    """

    epochs: int
    data: str | None = None
    batch_size: int = 128
    learning_rate: float = 2e-3
    discriminator_learning_rate: float | None = None
    weight_decay: float = 0.0
    dtype_policy: str = "float32"
    jit_compile: bool = False
    binarized: bool = False
    pretraining_epochs: int = 0
    decoder_epochs: int = 0
    neighbours: int = 0
    ema_momentum: float = 0.0
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Kind:
    """What the models of one kind have in common, for training and for what ships with them.

    Attributes:
        metrics: that Keras measures beside the loss; a card records each on the validation split.
        labelled: whether labels are the targets.
        encodes: whether there is an encoder, and so a code, an int8 encoder and images to calibrate it with.
        adversarial: whether it is an ``AdversarialModel``: two players, each with an optimizer of its own.
        textual: whether its examples are texts, which its own tokenizer makes integers of.
    """

    metrics: tuple[str, ...] = ()
    labelled: bool = False
    encodes: bool = False
    adversarial: bool = False
    textual: bool = False


KINDS = {
    "autoencoder": Kind(metrics=("mse",), encodes=True),
    "text": Kind(textual=True),
    "gan": Kind(adversarial=True),
    "conditional_gan": Kind(adversarial=True, labelled=True),
    "adversarial_autoencoder": Kind(adversarial=True, encodes=True),
    "classifier": Kind(metrics=("accuracy",), labelled=True),
}


@dataclasses.dataclass(frozen=True)
class Spec:
    """One architecture.

    Attributes:
        class_path: ``module:Class``, imported only when a model is made.
        summary: one line.
        paper: where it comes from.
        recipes: tag (the data set's name, or one of several qualities for it) → recipe; the first is the default tag.
        config: tag → arguments of the constructor; the tag ``""`` holds those of every tag.
        codec: whether its quantised code can be entropy-coded, so that ``zoo.Codec`` takes it.
        kind: a name of ``KINDS``.
    """

    class_path: str
    summary: str
    paper: str
    recipes: Mapping[str, Recipe]
    config: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    codec: bool = False
    kind: str = "autoencoder"

    @property
    def traits(self) -> Kind:
        """What its kind has in common."""
        return KINDS[self.kind]

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(self.recipes)

    def data_of(self, tag: str) -> str:
        """Name of the data set that a tag is trained on."""
        return self.recipes[tag].data or tag

    def config_of(self, tag: str) -> dict[str, Any]:
        """Arguments of the constructor for a tag."""
        return {**self.config.get("", {}), **self.config.get(tag, {})}
