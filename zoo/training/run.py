"""From a recipe to a trained model."""

import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import ml_dtypes
import numpy as np
import tensorflow as tf

from zoo import artifacts, backend, data, registry
from zoo.training import distribution
from zoo.training.callbacks import Checkpoint, CommandLineProgress, StopAtNonFinite
from zoo.training.pretraining import pretrain_greedily

CHECKPOINT = "checkpoint.npz"


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
    data_source: str | None = None,
    fit: str = "crop",
    output: str | os.PathLike,
    resume: bool = False,
    overrides: dict[str, Any] | None = None,
    strategy: tf.distribute.Strategy | None = None,
    progress=None,
    failed: list[str] | None = None,
    **changes: Any,
) -> Training:
    """Trains a model of the catalogue by its recipe, checkpointed after every epoch.

    The weights kept are the last ones: the schedule ends near zero, so the last epoch is the best, and no
    choice is made on the test split.

    Args:
        name: ``architecture`` or ``architecture.tag``.
        data_source: a name of tensorflow-datasets or a folder of pictures; None for the tag's own data.
        fit: how a picture of another size meets the model's input: ``crop``, ``pad`` or ``tile``.
        output: folder for the checkpoint; ``zoo.exporting.write_artifact`` makes it a loadable model.
        resume: goes on from the folder's checkpoint, if there is one.
        overrides: arguments of the model's constructor.
        strategy: of ``tf.distribute``, which shares every batch out among devices or machines
            (``zoo.training.distribution.start``); None for one device. The weights are those of one device.
        progress: a started ``rich.progress.Progress`` to report to.
        failed: gets a line for each file of a folder that cannot be read, and the model is trained on the others; None
            to raise instead.
        changes: fields of ``zoo.registry.Recipe`` that take the place of the recipe's, such as ``epochs``.

    Raises:
        ValueError: for an unknown name or field, data that cannot be had or that the finished model could not be
            packaged with, an output folder that is in use or cannot be written, a batch that replicas cannot share out
            evenly, a worker that is gone, or a loss that is not finite (the last good checkpoint stays). A folder that
            was made for a training which failed before its first checkpoint is removed.
    """
    architecture, tag = registry.loading.resolve(name)
    recipe = _changed(registry.CATALOG[architecture].recipes[tag], changes)
    _check(recipe)
    with (
        _removed_if_empty(Path(output)),
        _prepared(Path(output), resume, alone=distribution.is_chief(strategy)) as folder,
    ):
        source = {"source": data_source, "fit": fit, "failed": failed}
        return _trained(architecture, tag, recipe, folder, resume, source, overrides, strategy, progress)


def _trained(architecture, tag, recipe, output, resume, source, overrides, strategy, progress) -> Training:
    """``train``, of a checked recipe, in a folder that is there."""
    spec = registry.CATALOG[architecture]
    strategy = strategy or tf.distribute.get_strategy()
    several = strategy.num_replicas_in_sync > 1
    with strategy.scope():
        model = _fresh_model(architecture, tag, recipe, overrides)
    _check_packaging(model, spec)
    data_set = data.load(
        source["source"] or spec.data_of(tag),
        image_shape=model.image_shape,
        fit=source["fit"],
        seed=recipe.seed,
        failed=source["failed"],
    )
    if data_set.texts is not None:
        _check_texts(model, data_set)
        model.tokenizer.adapt(model.texts_of(data_set.texts["train"]))
        data_set = data_set.tokenized(model.tokens)
    if recipe.binarized:
        data_set = data_set.binarized(recipe.seed)
    labels = _labels(model, data_set) if spec.traits.labelled else None

    batch_size = min(recipe.batch_size, len(data_set.train))
    steps = len(data_set.train) // batch_size
    metrics = [*spec.traits.metrics]
    jit_compile = _jit_compile(recipe, strategy)
    with strategy.scope():
        if spec.traits.adversarial:
            _compile_adversarial(model, recipe, steps, jit_compile)
        else:
            at_once = 1 if several else steps_at_once(steps)
            settings = {"metrics": metrics, "jit_compile": jit_compile, "steps_per_execution": at_once}
            model.compile(optimizer(recipe, steps), **settings)
            model.optimizer.build(model.trainable_variables)

    identity = {
        "model": f"{architecture}.{tag}",
        "config": model.get_config(),
        "recipe": dataclasses.asdict(recipe),
        "data": data_set.fingerprint,
    }
    checkpoint = Checkpoint(output / CHECKPOINT, identity, writes=distribution.is_chief(strategy))
    done = checkpoint.restore(model) if resume and checkpoint.path.exists() else 0
    distribution.check_agreed(strategy, done, output)
    if recipe.pretraining_epochs and not done:
        started = time.monotonic()
        with strategy.scope(), distribution.watched(strategy):
            if spec.traits.textual:
                _learn_to_fill_gaps(model, data_set.texts["train"], recipe, batch_size, progress)
                model.compile(optimizer(recipe, steps), jit_compile=jit_compile)
                model.optimizer.build(model.trainable_variables)
            else:
                pretrain_greedily(
                    model,
                    data_set.train,
                    epochs=recipe.pretraining_epochs,
                    batch_size=batch_size,
                    learning_rate=recipe.learning_rate,
                    seed=recipe.seed,
                    jit_compile=jit_compile,
                    verbose=0,
                    progress=progress,
                )
        checkpoint.seconds += time.monotonic() - started
    if done < recipe.epochs:
        started = time.monotonic()
        neighbours = _neighbours(data_set.train, recipe.neighbours, progress)
        checkpoint.seconds += time.monotonic() - started

        def batches(replicas, own):
            return data.training_batches(
                data_set.train,
                batch_size,
                epochs=recipe.epochs,
                initial_epoch=done,
                seed=recipe.seed,
                labels=labels and labels["train"],
                neighbours=neighbours,
                replicas=replicas,
                own=own,
                parts=getattr(model, "batch_parts", 1),
            )[0]

        # Of texts every number of the output is of a vocabulary.
        validation_batch_size = batch_size if spec.traits.textual else 500
        validation = {
            "validation_data": (data.unit(data_set.validation), *([labels["validation"]] if labels else [])),
            "validation_batch_size": validation_batch_size,
        }
        if several:
            chosen = distribution.for_every_replica(strategy, validation["validation_data"], validation_batch_size)
            validation = dict(zip(("validation_data", "validation_steps"), chosen, strict=True))
        callbacks = [StopAtNonFinite(), _Clock(checkpoint), checkpoint]
        if progress is not None:
            callbacks.append(CommandLineProgress(progress, recipe.epochs, steps, done))
        with distribution.watched(strategy):
            model.fit(
                distribution.distributed(strategy, batches),
                steps_per_epoch=steps,
                initial_epoch=done,
                epochs=recipe.epochs,
                **validation,
                verbose=0,
                shuffle=False,  # the pipeline has shuffled
                callbacks=callbacks,
            )
    record = {
        "recipe": {**dataclasses.asdict(recipe), "data": data_set.name},
        "seed": recipe.seed,
        "epochs": recipe.epochs,
        "batch_size": batch_size,
        "seconds": round(checkpoint.seconds, 1),
        "jit_compile": bool(model.jit_compile),
        "deterministic": backend.deterministic(),
        **{f"validation_{metric}": checkpoint.history[f"val_{metric}"][-1] for metric in metrics},
    }
    shipped = _for_shipping(model, spec.traits)
    return Training(shipped, f"{architecture}.{tag}", data_set, source["fit"], checkpoint.history, record)


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


def _jit_compile(recipe: registry.Recipe, strategy: tf.distribute.Strategy) -> bool:
    """Whether XLA compiles the steps: what replicas tell one another it has no part in, nor in determinism."""
    return recipe.jit_compile and strategy.num_replicas_in_sync == 1 and not backend.deterministic()


def _changed(recipe: registry.Recipe, changes: dict[str, Any]) -> registry.Recipe:
    changed = dataclasses.replace(recipe, **changes)
    if "discriminator_learning_rate" in changes or recipe.discriminator_learning_rate is None:
        return changed
    # Another learning rate is for both players, in the ratio that the recipe has.
    ratio = recipe.discriminator_learning_rate / recipe.learning_rate
    return dataclasses.replace(changed, discriminator_learning_rate=ratio * changed.learning_rate)


def _check(recipe: registry.Recipe) -> None:
    limits = {"epochs": 1, "batch_size": 1, "pretraining_epochs": 0, "decoder_epochs": 0, "neighbours": 0}
    for field, least in limits.items():
        value = getattr(recipe, field)
        if not isinstance(value, int) or value < least:
            raise ValueError(f"{field} must be an integer ≥ {least}: received {value!r}.")
    for field in ("learning_rate", "discriminator_learning_rate"):
        value = getattr(recipe, field)
        if value is not None and not value > 0:
            raise ValueError(f"{field} must be above 0: received {value!r}.")


def _check_packaging(model: keras.Model, spec: registry.Spec) -> None:
    """Refuses, before it is trained, a model that could not be made an artefact afterwards."""
    if spec.codec and len(model.image_shape) == 3 and model.image_shape[-1] != 1:
        raise ValueError(
            f"image_shape of {model.name} must be (height, width, 1), as its codec takes colours channel by channel: "
            f"received {model.image_shape}."
        )


def _check_texts(model: keras.Model, data_set: data.DataSet) -> None:
    """Refuses sentences for a model of pairs, and pairs for one of sentences."""
    of_pairs = hasattr(model, "summarize")
    if isinstance(data_set.texts["train"][0], data.text.Pair) != of_pairs:
        expected = "documents with their summaries: docstrings" if of_pairs else "a text file with a sentence a line"
        raise ValueError(f"{model.name} cannot be trained on {data_set.name}: expected {expected}.")


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


def _neighbours(images: np.ndarray, number: int, progress) -> np.ndarray | None:
    """The graph of the nearest neighbours, of a small data set with as many as there are."""
    if not number:
        return None
    task = progress and progress.add_task("finding nearest neighbours", total=None, status="")
    found = data.nearest_neighbours(images, min(number, len(images) - 1))
    if progress:
        progress.remove_task(task)
    return found


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
    artifacts.make_folder(output)
    with artifacts.locked(output) if alone else contextlib.nullcontext():
        if (output / artifacts.MANIFEST).exists():
            raise ValueError(f"{output} holds a trained model already: give another --output.")
        if (output / CHECKPOINT).exists() and not resume:
            raise ValueError(f"{output} holds an unfinished training: add --resume, or give another --output.")
        yield output


def _learn_to_fill_gaps(model: keras.Model, pairs: list, recipe: registry.Recipe, batch_size: int, progress) -> None:
    """Trains a summariser on documents alone: to write a sentence that was taken out (``data.text.gap_sentences``)."""
    rows = model.tokens(data.text.gap_sentences(pairs), prose=pairs)
    steps = len(rows) // batch_size
    recipe = dataclasses.replace(recipe, epochs=recipe.pretraining_epochs)
    strategy = tf.distribute.get_strategy()
    model.compile(optimizer(recipe, steps), jit_compile=_jit_compile(recipe, strategy))

    def batches(replicas, own):
        options = {"epochs": recipe.epochs, "seed": recipe.seed, "replicas": replicas, "own": own}
        return data.training_batches(rows, batch_size, **options)[0]

    callbacks = [StopAtNonFinite("pretraining")]
    if progress is not None:
        callbacks.append(CommandLineProgress(progress, recipe.epochs, steps))
    model.fit(
        distribution.distributed(strategy, batches),
        steps_per_epoch=steps,
        epochs=recipe.epochs,
        verbose=0,
        shuffle=False,
        callbacks=callbacks,
    )


def optimizer(recipe: registry.Recipe, steps: int) -> keras.optimizers.Optimizer:
    """AdamW of a recipe, with its cosine schedule over ``recipe.epochs`` of ``steps`` steps each."""
    warmup = min(steps, recipe.epochs * steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        recipe.learning_rate * 0.02,
        recipe.epochs * steps - warmup,
        alpha=0.001,
        warmup_target=recipe.learning_rate,
        warmup_steps=warmup,
    )
    result = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
    result.exclude_from_weight_decay(var_names=["bias"])
    return result


def steps_at_once(steps: int) -> int:
    """Steps that one call of the runtime makes, of an epoch of ``steps``: up to 32, such that none is left over.

    Between two calls Keras goes through its callbacks, which takes as long as a good part of a small net's step.
    """
    return max(number for number in range(1, 33) if steps % number == 0)


def _compile_adversarial(model: keras.Model, recipe: registry.Recipe, steps: int, jit_compile: bool) -> None:
    """Gives both players their paper's optimizer, with a cosine schedule over the steps that each of them takes."""

    def player(rate, steps, ema_momentum=0.0):
        schedule = keras.optimizers.schedules.CosineDecay(rate, recipe.epochs * steps, alpha=0.01)
        result = model.default_optimizer(schedule)
        if not ema_momentum:
            return result
        return type(result).from_config({**result.get_config(), "use_ema": True, "ema_momentum": ema_momentum})

    model.compile(
        player(recipe.learning_rate, steps, recipe.ema_momentum),
        player(recipe.discriminator_learning_rate or recipe.learning_rate, steps * model.default_discriminator_steps),
        jit_compile=jit_compile,
    )


def _for_shipping(model: keras.Model, traits: registry.Kind) -> keras.Model:
    """The same model in float32, compiled for gentle fine-tuning, with no optimizer state to carry about.

    Its weights are rounded before anything is measured, to a bfloat16's 8 significant bits, those of a model of texts
    to whole steps: that moves no figure by more than a seed would, and their files compress to a third or a fifth.
    """
    config = model.get_config()
    config["dtype"] = "float32"
    clean = type(model).from_config(config)
    clean.build()
    if traits.textual:
        clean.tokenizer.take(model.tokenizer.pieces)
    with model.averaged() if traits.adversarial else contextlib.nullcontext():
        clean.set_weights(rounded(model.get_weights(), 8 if traits.textual else None))
    if traits.adversarial:
        clean.compile()
    else:
        clean.compile(keras.optimizers.Adam(1e-4), metrics=[*traits.metrics])
    return clean


def rounded(weights: list[np.ndarray], steps: int | None = None) -> list[np.ndarray]:
    """Weights as shipped models have them: float32 of 8 significant bits; integers as they are.

    Args:
        weights: of a model.
        steps: of matrices, in a standard deviation, at least: whole steps of a power of two instead, of which 8 add
            noise of 0.05 standard deviations. None for 8 significant bits throughout.
    """
    if steps:
        weights = [_in_steps(w, steps) if w.ndim > 1 and w.dtype.kind == "f" and w.std() else w for w in weights]
    return [w.astype(ml_dtypes.bfloat16).astype(np.float32) if w.dtype.kind == "f" else w for w in weights]


def _in_steps(weights: np.ndarray, steps: int) -> np.ndarray:
    step = 2.0 ** np.floor(np.log2(weights.std() / steps) + 0.5)
    return (np.rint(weights / step) * step).astype(np.float32)


class _Clock(keras.callbacks.Callback):
    """Adds an epoch's wall time to the checkpoint's count, over all the runs it took."""

    def __init__(self, checkpoint: Checkpoint):
        super().__init__()
        self.checkpoint = checkpoint

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        self.checkpoint.seconds += time.monotonic() - self.started
