"""What differs in training from family to family: each function is chosen by the class of the recipe.

A new family is a subclass of ``zoo.registry.Recipe``, and a registration with each function whose default does not fit.
"""

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from zoo import backend, data
from zoo.data import DataSet
from zoo.registry import (
    AdversarialRecipe,
    AutoencoderRecipe,
    CropRecipe,
    DetectorRecipe,
    LossRecipe,
    Recipe,
    TextRecipe,
)
from zoo.sklearn.normality import LEAST
from zoo.training.callbacks import StopAtNonFinite
from zoo.training.pretraining import pretrain_greedily

if TYPE_CHECKING:
    from zoo.training.run import Run


@functools.singledispatch
def changed(recipe: Recipe, data_set: DataSet) -> DataSet:
    """The data set as a recipe has it."""
    return data_set


@changed.register
def _(recipe: AutoencoderRecipe, data_set):
    return data_set.binarized(recipe.seed) if recipe.binarized else data_set


@changed.register
def _(recipe: DetectorRecipe, data_set):
    found = data_set.with_normal(recipe.normal)
    if (number := len(found.train) + len(found.validation)) < LEAST:
        raise ValueError(
            f"{found.name} must hold at least {LEAST} normal examples beside those for testing, to fit a "
            f"detector: received {number}."
        )
    return found


@changed.register
def _(recipe: CropRecipe, data_set):
    """Crops as the recipe draws them; the weights' seed is the crops' too."""
    if not isinstance(data_set.train, data.Crops):  # but examples of the crops' shape
        return data_set
    options = {name: getattr(recipe, name) for name in ("shrink", "pages", "grey", "jpeg", "seed")}
    number = recipe.steps * recipe.batch_size
    return dataclasses.replace(data_set, train=data_set.train.changed(number=number, **options))


@functools.singledispatch
def validation(recipe: Recipe, run: "Run", *targets: np.ndarray) -> tuple[np.ndarray, ...]:
    """Arrays that every epoch is validated on."""
    return (data.unit(run.data_set.validation), *targets)


@validation.register
def _(recipe: CropRecipe, run, *targets):
    """Of a denoiser pairs with a noise that is the same in every epoch."""
    clean = data.unit(run.data_set.validation)
    if not recipe.noise:
        return (clean,)
    levels = np.resize(np.float32(recipe.noise), len(clean))[:, None, None, None]
    noise = np.random.default_rng(recipe.seed).standard_normal(clean.shape, dtype=np.float32)
    return np.rint(255 * np.clip(clean + levels / 255 * noise, 0, 1)) / np.float32(255), clean


@functools.singledispatch
def callbacks(recipe: Recipe) -> list[keras.callbacks.Callback]:
    """What a recipe adds to every epoch."""
    return []


@callbacks.register
def _(recipe: CropRecipe):
    return [keras.callbacks.SwapEMAWeights()]  # for validation


@functools.singledispatch
def settle(recipe: Recipe, run: "Run") -> None:
    """Gives the model the weights that ship, once it is trained."""


@settle.register
def _(recipe: CropRecipe, run):
    """The moving average, also where no epoch was left."""
    run.model.optimizer.finalize_variable_values(run.model.trainable_variables)


@functools.singledispatch
def in_ratio(recipe: Recipe, original: Recipe, changes: dict[str, Any]) -> Recipe:
    """A changed recipe, whose other fields follow where a change to one is meant for both."""
    return recipe


@in_ratio.register
def _(recipe: AdversarialRecipe, original, changes):
    """Another learning rate is for both players, in the ratio that the recipe has."""
    if "discriminator_learning_rate" in changes or original.discriminator_learning_rate is None:
        return recipe
    ratio = original.discriminator_learning_rate / original.learning_rate
    return dataclasses.replace(recipe, discriminator_learning_rate=ratio * recipe.learning_rate)


@functools.singledispatch
def compile_model(recipe: Recipe, run: "Run") -> None:
    """Gives the model its optimizers."""
    raise NotImplementedError(type(recipe))


@compile_model.register
def _(recipe: LossRecipe, run):
    alone = backend.SEVERAL_STEPS and run.strategy.num_replicas_in_sync == 1
    at_once = steps_at_once(run.steps) if alone else 1
    settings = {"metrics": [*run.model.default_metrics], "jit_compile": run.jit_compile, "steps_per_execution": at_once}
    run.model.compile(optimizer(recipe, run.steps), **settings)
    run.model.optimizer.build(run.model.trainable_variables)


@compile_model.register
def _(recipe: CropRecipe, run):
    """Adam with a cosine schedule, clipped gradients and a moving average of the weights."""
    total = recipe.epochs * run.steps
    warmup = min(recipe.warmup_steps, total // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, total - warmup, alpha=recipe.floor, warmup_target=recipe.learning_rate, warmup_steps=warmup
    )
    rate = schedule if warmup else keras.optimizers.schedules.CosineDecay(recipe.learning_rate, total, recipe.floor)
    adam = keras.optimizers.Adam(
        rate, beta_2=0.99, global_clipnorm=recipe.clipnorm, use_ema=True, ema_momentum=recipe.ema_momentum
    )
    run.model.compile(adam, metrics=[*run.model.default_metrics], jit_compile=run.jit_compile)
    run.model.optimizer.build(run.model.trainable_variables)


@compile_model.register
def _(recipe: AdversarialRecipe, run):
    """Both players' paper's optimizers, with a cosine schedule over the steps that each of them takes."""
    model = run.model

    def player(rate, steps, ema_momentum=0.0):
        schedule = keras.optimizers.schedules.CosineDecay(rate, recipe.epochs * steps, alpha=0.01)
        result = model.default_optimizer(schedule)
        if not ema_momentum:
            return result
        return type(result).from_config({**result.get_config(), "use_ema": True, "ema_momentum": ema_momentum})

    steps = run.steps * model.default_discriminator_steps
    model.compile(
        player(recipe.learning_rate, run.steps, recipe.ema_momentum),
        player(recipe.discriminator_learning_rate or recipe.learning_rate, steps),
        jit_compile=run.jit_compile,
    )


@functools.singledispatch
def pretrain(recipe: Recipe, run: "Run") -> None:
    """What a model learns before its first epoch."""


@pretrain.register
def _(recipe: AutoencoderRecipe, run):
    """A stack, layer by layer."""
    if recipe.layer_epochs:
        pretrain_greedily(
            run.model,
            run.data_set.train,
            epochs=recipe.layer_epochs,
            batch_size=run.batch_size,
            learning_rate=recipe.learning_rate,
            seed=recipe.seed,
            jit_compile=run.jit_compile,
            verbose=0,
            progress=run.progress,
        )


@pretrain.register
def _(recipe: TextRecipe, run):
    """Documents alone: to write a sentence that was taken out (``data.text.gap_sentences``)."""
    if not recipe.gap_epochs:
        return
    model, pairs = run.model, run.data_set.texts["train"]
    rows = model.tokens(data.text.gap_sentences(pairs), prose=pairs)
    steps = len(rows) // run.batch_size
    model.compile(optimizer(dataclasses.replace(recipe, epochs=recipe.gap_epochs), steps), jit_compile=run.jit_compile)
    model.fit(
        run.batches(rows, recipe.gap_epochs),
        steps_per_epoch=steps,
        epochs=recipe.gap_epochs,
        verbose=0,
        shuffle=False,
        callbacks=[StopAtNonFinite("pretraining"), *run.callbacks(recipe.gap_epochs, steps)],
    )
    model.compile(optimizer(recipe, run.steps), jit_compile=run.jit_compile)
    model.optimizer.build(model.trainable_variables)


@functools.singledispatch
def batch_options(recipe: Recipe, run: "Run") -> dict[str, Any]:
    """Further options of ``data.training_batches``."""
    return {}


@batch_options.register
def _(recipe: AutoencoderRecipe, run):
    """The graph of the nearest neighbours, of a small data set with as many as there are."""
    if not recipe.neighbours:
        return {}
    task = run.progress and run.progress.add_task("finding nearest neighbours", total=None, status="")
    images = run.data_set.train
    found = data.nearest_neighbours(images, min(recipe.neighbours, len(images) - 1))
    if run.progress:
        run.progress.remove_task(task)
    return {"neighbours": found}


def optimizer(recipe: LossRecipe, steps: int) -> keras.optimizers.Optimizer:
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
