"""From a recipe to a trained model."""

import dataclasses
import os
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo import artifacts, data, registry
from zoo.training.callbacks import Checkpoint, CommandLineProgress

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
    progress=None,
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
        progress: a started ``rich.progress.Progress`` to report to.
        changes: fields of ``zoo.registry.Recipe`` that take the place of the recipe's, such as ``epochs``.

    Raises:
        ValueError: for an unknown name or field, data that cannot be had, an output folder that is in use or
            cannot be written, or a loss that is not finite (the last good checkpoint stays).
    """
    architecture, tag = registry.loading.resolve(name)
    recipe = dataclasses.replace(registry.CATALOG[architecture].recipes[tag], **changes)
    _check(recipe)
    output = _prepared(Path(output), resume)

    previous_policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.dtype_policy)
    try:
        keras.utils.set_random_seed(recipe.seed)
        overrides = dict(overrides or {})
        # A name of its own, where Keras would number the models of a process: it is part of the run's identity.
        model = registry.create(f"{architecture}.{tag}", **{"name": architecture, **overrides})
    finally:
        keras.config.set_dtype_policy(previous_policy)
    source = data_source or tag
    data_set = data.load(source, image_shape=model.image_shape, fit=fit, seed=recipe.seed)

    batch_size = min(recipe.batch_size, len(data_set.train))
    steps = len(data_set.train) // batch_size
    model.compile(_optimizer(recipe, steps), metrics=["mse"], jit_compile=recipe.jit_compile)
    model.optimizer.build(model.trainable_variables)

    identity = {
        "model": f"{architecture}.{tag}",
        "config": model.get_config(),
        "recipe": dataclasses.asdict(recipe),
        "data": data_set.fingerprint,
    }
    checkpoint = Checkpoint(output / CHECKPOINT, identity)
    done = checkpoint.restore(model) if resume and checkpoint.path.exists() else 0
    if done < recipe.epochs:
        batches, _ = data.training_batches(
            data_set.train, batch_size, epochs=recipe.epochs, initial_epoch=done, seed=recipe.seed
        )
        stop = _StopAtNonFinite()
        callbacks = [stop, _Clock(checkpoint), checkpoint]
        if progress is not None:
            callbacks.append(CommandLineProgress(progress, recipe.epochs, steps, done))
        model.fit(
            batches,
            steps_per_epoch=steps,
            initial_epoch=done,
            epochs=recipe.epochs,
            validation_data=(data_set.validation.astype(np.float32) / 255.0,),
            validation_batch_size=500,
            verbose=0,
            shuffle=False,  # the pipeline has shuffled
            callbacks=callbacks,
        )
    record = {
        "recipe": dataclasses.asdict(recipe),
        "seed": recipe.seed,
        "epochs": recipe.epochs,
        "batch_size": batch_size,
        "seconds": round(checkpoint.seconds, 1),
        "validation_mse": checkpoint.history["val_mse"][-1],
    }
    return Training(_for_shipping(model), f"{architecture}.{tag}", data_set, fit, checkpoint.history, record)


def _check(recipe: registry.Recipe) -> None:
    for field in ("epochs", "batch_size"):
        value = getattr(recipe, field)
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{field} must be an integer ≥ 1: received {value!r}.")
    if not recipe.learning_rate > 0:
        raise ValueError(f"learning_rate must be above 0: received {recipe.learning_rate!r}.")


def _prepared(output: Path, resume: bool) -> Path:
    """The output folder, made if need be; refuses one whose contents would be lost."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"Cannot write to {output}: {error.strerror}.") from None
    if (output / artifacts.MANIFEST).exists():
        raise ValueError(f"{output} holds a trained model already: give another --output.")
    if (output / CHECKPOINT).exists() and not resume:
        raise ValueError(f"{output} holds an unfinished training: add --resume, or give another --output.")
    if not os.access(output, os.W_OK):
        raise ValueError(f"Cannot write to {output}: permission denied.")
    return output


def _optimizer(recipe: registry.Recipe, steps: int) -> keras.optimizers.Optimizer:
    warmup = min(steps, recipe.epochs * steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        recipe.learning_rate * 0.02,
        recipe.epochs * steps - warmup,
        alpha=0.001,
        warmup_target=recipe.learning_rate,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def _for_shipping(model: keras.Model) -> keras.Model:
    """The same model in float32, compiled for gentle fine-tuning, with no optimizer state to carry about."""
    config = model.get_config()
    config["dtype"] = "float32"
    clean = type(model).from_config(config)
    clean.build()
    clean.set_weights(model.get_weights())
    clean.compile(keras.optimizers.Adam(1e-4), metrics=["mse"])
    return clean


class _StopAtNonFinite(keras.callbacks.Callback):
    """Ends the run at the first loss that is not finite; the last epoch's checkpoint stays as it was."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is not None and not np.isfinite(loss):
            raise ValueError(
                f"The loss is {loss} at epoch {self.epoch + 1}, step {batch + 1}: lower the learning rate, or look "
                "for values outside [0, 1] in the data. The last checkpoint is kept."
            )


class _Clock(keras.callbacks.Callback):
    """Adds an epoch's wall time to the checkpoint's count, over all the runs it took."""

    def __init__(self, checkpoint: Checkpoint):
        super().__init__()
        self.checkpoint = checkpoint

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        self.checkpoint.seconds += time.monotonic() - self.started
