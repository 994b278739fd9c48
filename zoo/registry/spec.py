"""The shape of a row of the catalogue."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is trained: with the data and the seed, all that ``zoo train`` needs to make it again.

    Each family of models has a subclass with what it alone reads; ``zoo.training`` knows how each is trained.

    Attributes:
        epochs: passes over the training split.
        data: name of the data set; None where the tag is its name.
        batch_size: examples a step.
        learning_rate: peak of the cosine schedule.
        dtype_policy: of Keras; ``mixed_bfloat16`` is faster for convolutions where the processor has it.
        jit_compile: whether XLA may compile the step: measured per model, it speeds dense nets and slows convolutions.
            ``zoo train`` computes deterministically, and so without it; a card says what ran.
        seed: of initial weights, order of the data, corruption and noise.
        shipped: whether the weights are in the wheel; else they come from ``ZOO_SOURCE``, and the wheel has their
            digests.
    """

    validation_batch_size: ClassVar[int | None] = 500  # None for ``batch_size``

    epochs: int
    data: str | None = None
    batch_size: int = 128
    learning_rate: float = 2e-3
    dtype_policy: str = "float32"
    jit_compile: bool = False
    seed: int = 0
    shipped: bool = True

    def settings(self) -> dict[str, Any]:
        """Name → value of all that a training depends on."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "shipped"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class LossRecipe(Recipe):
    """Of a model with one loss, which AdamW minimises; the schedule warms up over an epoch and ends near zero.

    Attributes:
        weight_decay: of AdamW, on kernels.
    """

    weight_decay: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutoencoderRecipe(LossRecipe):
    """Of an autoencoder.

    Attributes:
        binarized: whether each image is made binary beforehand, by one seeded draw (``DataSet.binarized``).
        layer_epochs: passes over the training split for each layer of a stack, before all are trained together.
        decoder_epochs: passes over the training split, after all else, in which the decoder of a quantised code learns
            from the int8 encoder's codes.
        neighbours: k of the graph of the training split's k nearest neighbours, of which one is drawn with each image;
            0 for none.
    """

    binarized: bool = False
    layer_epochs: int = 0
    decoder_epochs: int = 0
    neighbours: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectorRecipe(AutoencoderRecipe):
    """Of an autoencoder that learns what is normal, for ``zoo.Detector``.

    Attributes:
        normal: the class, by its name in the data set, whose examples alone are trained on and held out; None where all
            are normal, as of data without that class.
    """

    normal: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class CropRecipe(Recipe):
    """Of a model of photographs of any size: crops drawn anew in every epoch, and an average of the weights ships.

    Adam minimises its losses. Crops are of the model's ``image_shape``; ``zoo.data.Crops`` says how they are drawn.

    Attributes:
        steps: of an epoch.
        warmup_steps: in which the learning rate rises from nothing; the schedule is a cosine over all epochs.
        floor: fraction of the learning rate at which it ends.
        clipnorm: of the gradient's norm, over all weights.
        ema_momentum: of the moving average of the weights, which is validated and ships.
        shrink, pages, grey, jpeg: of the crops.
        noise: standard deviations, of 255, of the white noise that crops for validation get, one after the other; none
            of a model that is no denoiser.
    """

    validation_batch_size = 32

    steps: int = 1000
    warmup_steps: int = 200
    floor: float = 0.01
    clipnorm: float = 1.0
    ema_momentum: float = 0.998
    shrink: tuple[float, float] = (1.0, 2.0)
    pages: float = 0.06
    grey: float = 0.0
    jpeg: float = 0.0
    noise: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextRecipe(LossRecipe):
    """Of a model of texts.

    Attributes:
        gap_epochs: passes over documents alone, before their summaries, in which sentences that were taken out are
            written again.
    """

    validation_batch_size = None  # every number of the output is of a vocabulary

    gap_epochs: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdversarialRecipe(Recipe):
    """Of a generator and a discriminator, each with its paper's optimizer and a schedule without warm-up.

    Attributes:
        discriminator_learning_rate: of the discriminator; None for ``learning_rate``.
        ema_momentum: of the moving average of the generator, which is what ships; 0 for none.
    """

    discriminator_learning_rate: float | None = None
    ema_momentum: float = 0.0


@dataclasses.dataclass(frozen=True)
class Spec:
    """One architecture.

    Attributes:
        class_path: ``module:Class``, imported only when a model is made.
        summary: one line.
        paper: where it comes from.
        recipes: tag (the data set's name, or one of several qualities for it) → recipe; the first is the default tag.
        config: tag → arguments of the constructor; the tag ``""`` holds those of every tag.
        modality: what its examples are, a name of ``zoo.modalities``.
        modalities, summaries: the same, and the line, of tags that differ.
        tasks: what it does, names of ``zoo.tasks``, first what it is made for.
        labelled: whether labels are its targets.
    """

    class_path: str
    summary: str
    paper: str
    recipes: Mapping[str, Recipe]
    config: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    modality: str = "image"
    modalities: Mapping[str, str] = dataclasses.field(default_factory=dict)
    summaries: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tasks: tuple[str, ...] = ("reconstruct",)
    labelled: bool = False

    @property
    def task(self) -> str:
        """What it is made for."""
        return self.tasks[0]

    @property
    def compresses(self) -> bool:
        """Whether ``zoo.Codec`` takes it."""
        return "compress" in self.tasks

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(self.recipes)

    def of_tag(self, tag: str) -> "Spec":
        """The row as it is of one tag."""
        return dataclasses.replace(
            self,
            modality=self.modalities.get(tag, self.modality),
            summary=self.summaries.get(tag, self.summary),
        )

    def data_of(self, tag: str) -> str:
        """Name of the data set that a tag is trained on."""
        return self.recipes[tag].data or tag

    def config_of(self, tag: str) -> dict[str, Any]:
        """Arguments of the constructor for a tag."""
        return {**self.config.get("", {}), **self.config.get(tag, {})}
