"""From a recipe to a trained model."""

import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo import artifacts, backend, data, modalities, registry
from zoo.io import writing
from zoo.registry import needs
from zoo.training import distribution, families, own_data
from zoo.training.callbacks import Checkpoint, CommandLineProgress, StopAtNonFinite
from zoo.training.diagnosis import SampleGrid
from zoo.training.weights import load_weights, rounded

CHECKPOINT = "checkpoint.npz"
CHECKPOINTS = 200  # of a training, at least, where it has as many epochs


@dataclasses.dataclass(frozen=True)
class Training:
    """A finished training: the model, compiled for fine-tuning, its data, and the record for its card."""

    model: keras.Model
    name: str
    data: data.DataSet
    fit: str
    history: dict[str, list[float]]
    record: dict[str, Any]


def train(
    name: str,
    *,
    data_source: str | os.PathLike | np.ndarray | None = None,
    size: int | str | tuple[int, int] | None = None,
    colour: bool | None = None,
    fit: str = "crop",
    output: str | os.PathLike,
    resume: bool = False,
    overrides: dict[str, Any] | None = None,
    initial_weights: str | os.PathLike | None = None,
    strategy: Any = None,
    preview: bool = False,
    progress=None,
    failed: list[str] | None = None,
    **changes: Any,
) -> Training:
    """Trains a model of the catalogue by its recipe, checkpointed after every epoch.

    The weights kept are the last ones: the schedule ends near zero, so the last epoch is the best, and no
    choice is made on the test split.

    Args:
        name: ``architecture`` or ``architecture.tag``.
        data_source: a folder of pictures, a name of tensorflow-datasets, or what else ``zoo.data.stream`` takes; of a
            model of tables what ``zoo.data.load_cells`` takes; None for the tag's own data.
        size: of the model's pictures: ``64``, ``(96, 64)``, height before width, or ``"96x64"``; None for its own.
        colour: whether they have three channels, or one; None for its own number.
        fit: how a picture of another size meets that size, see ``zoo.data.stream``.
        output: folder for the checkpoint; ``zoo.packaging.write_artifact`` makes it a loadable model.
        resume: goes on from the folder's checkpoint, if there is one.
        overrides: arguments of the model's constructor.
        initial_weights: what the model starts from, see ``zoo.training.weights``; None for drawn ones.
        strategy: of ``tf.distribute``, which shares every batch out among devices or machines
            (``zoo.training.distribution.start``); None for one device. The weights are those of one device.
        preview: whether a model that generates draws samples while it is trained, and a film of them at the end, in
            the output's folder ``preview``.
        progress: a started ``rich.progress.Progress`` to report to.
        failed: gets a line for each file that cannot be read, and the others are trained on; None to raise instead.
        changes: fields of ``zoo.registry.Recipe`` that take the place of the recipe's, such as ``epochs``.

    Raises:
        ValueError: for an unknown name or field, a size that the model cannot take, data that cannot be had or that the
            finished model could not be packaged with, an output folder that is in use or cannot be written, a batch
            that replicas cannot share out evenly, a worker that is gone, or a loss that is not finite (the last good
            checkpoint stays). A folder that was made for a training that failed before its first checkpoint is removed.
    """
    architecture, tag = registry.loading.resolve(name)
    recipe = _changed(registry.CATALOG[architecture].recipes[tag], changes)
    _check(recipe)
    needs.check(name, data_source)
    overrides = own_data.sized(f"{architecture}.{tag}", size, colour, overrides)
    with (
        _removed_if_empty(Path(output)),
        _prepared(Path(output), resume, alone=distribution.is_chief(strategy)) as folder,
    ):
        source = {"source": data_source, "fit": fit, "failed": failed, "initial_weights": initial_weights}
        source["given"] = {*changes}
        run = prepare(f"{architecture}.{tag}", recipe, folder, resume, source, overrides, strategy, progress)
        if preview:
            run.watchers.append(_sample_grid(run, folder))
        if not run.done:
            pretrain(run)
        if run.done < run.recipe.epochs:
            _fit(run)
        return finish(run, fit)


@dataclasses.dataclass
class Run:
    """A training at work: what its steps share. ``zoo.training.families`` has what differs from recipe to recipe."""

    name: str
    recipe: registry.Recipe
    strategy: Any
    progress: Any
    model: keras.Model
    data_set: data.DataSet
    labels: Mapping[str, np.ndarray] | None
    checkpoint: Checkpoint
    done: int = 0
    watchers: list[keras.callbacks.Callback] = dataclasses.field(default_factory=list)

    @property
    def batch_size(self) -> int:
        return min(self.recipe.batch_size, len(self.data_set.train))

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return len(self.data_set.train) // self.batch_size

    @property
    def jit_compile(self) -> bool:
        """Whether XLA compiles the steps: what replicas tell one another it has no part in, nor in determinism."""
        alone = self.strategy.num_replicas_in_sync == 1
        return backend.jit_compile(self.recipe.jit_compile and alone and not backend.deterministic())

    def batches(self, examples: np.ndarray, epochs: int, **options: Any):
        """The distributed pipeline of batches of examples."""

        def pipeline(replicas, own):
            settings = {"epochs": epochs, "seed": self.recipe.seed, "replicas": replicas, "own": own, **options}
            return data.training_batches(examples, self.batch_size, **settings)[0]

        return distribution.distributed(self.strategy, pipeline)

    def callbacks(self, epochs: int, steps: int, done: int = 0) -> list[keras.callbacks.Callback]:
        """What reports an epoch's progress."""
        return [] if self.progress is None else [CommandLineProgress(self.progress, epochs, steps, done)]

    @contextlib.contextmanager
    def timed(self) -> Iterator[None]:
        """Adds the block's time to that of the training."""
        started = time.monotonic()
        yield
        self.checkpoint.seconds += time.monotonic() - started


def prepare(name: str, recipe, output: Path, resume: bool, source, overrides, strategy, progress) -> Run:
    """The model with its first weights, or those of a checkpoint, compiled, and its data."""
    architecture, tag = registry.loading.resolve(name)
    spec = registry.spec_of(name)
    modality = modalities.get(spec.modality)
    strategy = strategy or backend.strategy_of()
    chosen = spec.data_of(tag) if source["source"] is None else source["source"]
    overrides = {**modality.arguments(chosen, seed=recipe.seed), **overrides}
    with strategy.scope():
        model = _fresh_model(architecture, tag, recipe, overrides)
    modality = modality.of(model)
    modality.check(model)
    options = {"fit": source["fit"], "seed": recipe.seed, "failed": source["failed"]}
    data_set = modality.load(chosen, model.example_shape, **options)
    data_set = families.changed(recipe, modality.adapted(model, data_set))
    recipe, arguments, said = recipe, overrides, ""
    if own := not (isinstance(chosen, str) and chosen == spec.data_of(tag)):
        recipe, arguments, said = own_data.adapted(recipe, model, data_set, overrides, source.get("given", set()))
    if model.labelled and data_set.classes and len(data_set.classes) != model.num_classes:
        arguments = {"num_classes": len(data_set.classes), **arguments}
    if arguments != overrides:
        with strategy.scope():
            model = _fresh_model(architecture, tag, recipe, arguments)
    if progress is not None and distribution.is_chief(strategy):
        for line in filter(None, (data_set.summary and f"{data_set.name}: {data_set.summary}.", said and f"{said}.")):
            progress.console.print(line[0].upper() + line[1:] if line is said else line)
    labels = _labels(model, data_set) if model.labelled else None
    started = {}
    if source.get("initial_weights"):
        started = {"initial_weights": load_weights(model, source["initial_weights"])}
    identity = {
        "model": f"{architecture}.{tag}",
        "config": model.get_config(),
        "recipe": recipe.settings(),
        "data": data_set.fingerprint,
        **started,
        **({} if keras.backend.backend() == "tensorflow" else {"backend": keras.backend.backend()}),
    }
    every = max(1, recipe.epochs // CHECKPOINTS)
    checkpoint = Checkpoint(output / CHECKPOINT, identity, every=every, writes=distribution.is_chief(strategy))
    run = Run(f"{architecture}.{tag}", recipe, strategy, progress, model, data_set, labels, checkpoint)
    if own and isinstance(recipe, registry.AdversarialRecipe) and len(model.example_shape) == 3:
        run.watchers += filter(None, [own_data.collapse_alarm(data_set, recipe.epochs, recipe.seed)])
    with strategy.scope():
        families.compile_model(recipe, run)
    run.done = checkpoint.restore(model) if resume and checkpoint.path.exists() else 0
    distribution.check_agreed(strategy, run.done, output)
    return run


def pretrain(run: Run) -> None:
    """What comes before the first epoch."""
    with run.timed(), run.strategy.scope(), distribution.watched(run.strategy):
        families.pretrain(run.recipe, run)


def _fit(run: Run) -> None:
    """The epochs that are left."""
    recipe, model, data_set = run.recipe, run.model, run.data_set
    with run.timed():
        options = families.batch_options(recipe, run)
    labels = run.labels
    batches = run.batches(
        data_set.train,
        recipe.epochs,
        initial_epoch=run.done,
        labels=labels and labels["train"],
        parts=getattr(model, "batch_parts", 1),
        **options,
    )
    size = recipe.validation_batch_size or run.batch_size
    targets = [labels["validation"]] if labels else []
    several = run.strategy.num_replicas_in_sync > 1
    if data.is_mapped(data_set.validation) and not several:
        validation = {"validation_data": data.ordered_batches(data_set.validation, size, *targets)}
    else:
        arrays = families.validation(recipe, run, *targets)
        validation = {"validation_data": arrays, "validation_batch_size": size}
        if several:
            chosen = distribution.for_every_replica(run.strategy, arrays, size)
            validation = dict(zip(("validation_data", "validation_steps"), chosen, strict=True))
    reporting = run.callbacks(recipe.epochs, run.steps, run.done)
    with distribution.watched(run.strategy):
        model.fit(
            batches,
            steps_per_epoch=run.steps,
            initial_epoch=run.done,
            epochs=recipe.epochs,
            **validation,
            verbose=0,
            shuffle=False,  # the pipeline has shuffled
            callbacks=[
                *families.callbacks(recipe),
                StopAtNonFinite(),
                _Clock(run.checkpoint),
                run.checkpoint,
                *run.watchers,
                *reporting,
            ],
        )


def _sample_grid(run: Run, folder: Path) -> SampleGrid:
    """What draws samples into a folder while a model is trained.

    Raises:
        ValueError: of a model that generates nothing.
    """
    if not hasattr(run.model, "generate"):
        raise ValueError(f"preview must be left out: {run.name} generates nothing; a GAN or a VAE does.")
    return SampleGrid(folder / "preview", every=max(1, run.recipe.epochs // own_data.LOOKS), seed=run.recipe.seed)


def finish(run: Run, fit: str) -> Training:
    """The model as it ships, and the record for its card."""
    recipe, model, checkpoint = run.recipe, run.model, run.checkpoint
    families.settle(recipe, run)
    record = {
        "recipe": {**recipe.settings(), "data": run.data_set.name},
        "seed": recipe.seed,
        "epochs": max(map(len, checkpoint.history.values()), default=recipe.epochs),  # fewer where an alarm ended it
        "batch_size": run.batch_size,
        "seconds": round(checkpoint.seconds, 1),
        "jit_compile": bool(model.jit_compile),
        "deterministic": backend.deterministic(),
        **{f"validation_{metric}": checkpoint.history[f"val_{metric}"][-1] for metric in model.default_metrics},
    }
    return Training(_for_shipping(model), run.name, run.data_set, fit, checkpoint.history, record)


def _fresh_model(architecture: str, tag: str, recipe: registry.Recipe, overrides) -> keras.Model:
    """The model with a recipe's first weights and its number format."""
    previous_policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.dtype_policy)
    try:
        keras.utils.set_random_seed(recipe.seed)
        # A name of its own, where Keras would number the models of a process: it is part of the run's identity.
        return registry.create(f"{architecture}.{tag}", **{"name": architecture, **(overrides or {})})
    finally:
        keras.config.set_dtype_policy(previous_policy)


def _changed(recipe: registry.Recipe, changes: dict[str, Any]) -> registry.Recipe:
    known = [field.name for field in dataclasses.fields(recipe)]
    if unknown := sorted({*changes} - {*known}):
        raise ValueError(f"The recipe has no field {', '.join(unknown)}: it has {', '.join(known)}.")
    return families.in_ratio(dataclasses.replace(recipe, **changes), recipe, changes)


def _check(recipe: registry.Recipe) -> None:
    """Refuses numbers out of their range: epochs of pretraining and counts may be 0."""
    for field, value in dataclasses.asdict(recipe).items():
        if field.endswith(("epochs", "batch_size", "neighbours", "steps")):
            least = 1 if field in ("epochs", "batch_size", "steps") else 0
            if not isinstance(value, int) or value < least:
                raise ValueError(f"{field} must be an integer ≥ {least}: received {value!r}.")
        elif field.endswith("learning_rate") and value is not None and not value > 0:
            raise ValueError(f"{field} must be above 0: received {value!r}.")
    if recipe.dtype_policy.endswith("_float16") and not backend.accelerators():
        raise ValueError(
            f"dtype_policy must be float32 or mixed_bfloat16 on a processor, which is slow at float16: received "
            f"{recipe.dtype_policy!r}."
        )


def _labels(model: keras.Model, data_set: data.DataSet) -> Mapping[str, np.ndarray]:
    """The labels that a model is trained with; refuses data that has none, or more classes than the model."""
    if data_set.labels is None:
        raise ValueError(f"{model.name} learns from labels, which {data_set.source} lacks: give a labelled data set.")
    largest = max(int(labels.max()) for labels in data_set.labels.values())
    if largest >= model.num_classes:
        raise ValueError(
            f"{data_set.source} has labels up to {largest}: {model.name} expects them below its num_classes, "
            f"{model.num_classes}. Build it with more classes."
        )
    return data_set.labels


@contextlib.contextmanager
def _removed_if_empty(output: Path) -> Iterator[None]:
    """Removes a folder, and its parents, that the block made, if it fails and has left nothing in them."""
    missing = [folder for folder in (output, *output.parents) if not folder.exists()]
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # that of a folder which is not empty, too
            for folder in missing:
                folder.rmdir()
        raise


@contextlib.contextmanager
def _prepared(output: Path, resume: bool, alone: bool) -> Iterator[Path]:
    """The output folder, made if need be; refuses one whose contents would be lost.

    No other training writes to it meanwhile, unless this one is not ``alone``: a worker beside the chief.
    """
    writing.make_folder(output)
    with writing.locked(output) if alone else contextlib.nullcontext():
        if (output / artifacts.MANIFEST).exists():
            raise ValueError(f"{output} holds a trained model already: give another --output.")
        if (output / CHECKPOINT).exists() and not resume:
            raise ValueError(f"{output} holds an unfinished training: add --resume, or give another --output.")
        yield output


def _for_shipping(model: keras.Model) -> keras.Model:
    """The same model in float32, compiled for gentle fine-tuning, with no optimizer state to carry about.

    Its weights are rounded before anything is measured, to a bfloat16's 8 significant bits or to whole steps (a model's
    ``weight_steps``): that moves no figure by more than a seed would, and their files compress to a third or a fifth.
    """
    config = model.get_config()
    config["dtype"] = "float32"
    clean = type(model).from_config(config)
    clean.build()
    clean.copy_assets(model)
    with model.averaged():
        clean.set_weights(rounded(model.get_weights(), model.weight_steps))
    clean.compile_defaults(keras.optimizers.Adam(1e-4))
    return clean


class _Clock(keras.callbacks.Callback):
    """Adds an epoch's wall time to the checkpoint's count, over all the runs it took."""

    def __init__(self, checkpoint: Checkpoint):
        super().__init__()
        self.checkpoint = checkpoint

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        self.checkpoint.seconds += time.monotonic() - self.started
