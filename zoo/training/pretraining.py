"""Greedy layer-wise pretraining."""

import keras
import numpy as np
from keras import ops

from zoo import backend, losses
from zoo.data import training_batches
from zoo.models.inputs import Bounds, check_examples
from zoo.training.callbacks import CommandLineProgress, StopAtNonFinite
from zoo.training.distribution import distributed


def pretrain_greedily(
    model: keras.Model,
    data: np.ndarray,
    *,
    epochs: int,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    corruption: keras.layers.Layer | None = None,
    fine_tuning_epochs: int = 0,
    seed: int = 0,
    jit_compile: bool | str = "auto",
    verbose: int | str = "auto",
    progress=None,
) -> list[dict[str, list[float]]]:
    """Trains a stack layer by layer: the first as an autoencoder of the data, the next of the first's latent codes, ….

    Every stage minimises the squared error summed per example, by Adam with its own cosine schedule. The weights are
    trained in place, without the model's own optimizer. In the scope of a ``tf.distribute`` strategy its replicas share
    every batch.

    Args:
        model: a model whose method ``stages()`` returns, outermost first, pairs of lists of its own layers, those that
            encode and those that decode, as ``zoo.models.StackedAE`` does.
        data: ``(n, *input_shape)``, floating-point in [0, 1] or uint8.
        epochs, batch_size: passes over the data for each stage; examples a step. An incomplete last batch is dropped.
        learning_rate: peak of each stage's schedule, which ends at zero.
        corruption: layer that corrupts the input of every stage in training, such as ``zoo.layers.Corruption``, while
            the target stays clean. Codes of linear or rectified layers do not stay in [0, 1]: mask those.
        fine_tuning_epochs: epochs of ``model.fit`` on the whole afterwards, by Adam if the model is not compiled.
        seed: of the order of the data.
        jit_compile: whether XLA compiles the steps of the stages.
        verbose, progress: as in Keras' ``fit``, or a started ``rich.progress.Progress``, which gets a bar a stage.

    Returns:
        The history of each stage, ``{"loss": […]}``, and last that of the fine-tuning, if there is any.

    Raises:
        ValueError: for a model without stages, data that is empty, not finite or of another shape or type, a number out
            of range, or at the first step whose loss is not finite.

    References:
        Bengio et al. 2006, "Greedy Layer-Wise Training of Deep Networks"; Vincent et al. 2010, "Stacked Denoising
        Autoencoders", for ``corruption``.
    """
    _check_numbers(epochs, batch_size, fine_tuning_epochs, learning_rate)
    _check(model, data := np.asarray(data))
    batch_size = min(batch_size, len(data))
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * (len(data) // batch_size))
    options = {"batch_size": batch_size, "seed": seed, "verbose": verbose, "progress": progress}
    histories, codes, stages = [], data, model.stages()
    for number, (encode, decode) in enumerate(stages, start=1):
        pair = _pair(model, corruption, encode, decode)
        pair.compile(keras.optimizers.Adam(schedule), losses.SquaredError(), jit_compile=jit_compile)
        histories.append(_fit(pair, codes, epochs, f"layer {number}/{len(stages)}", with_target=True, **options))
        codes = _encoded(keras.Sequential(encode), codes) if number < len(stages) else codes
    if fine_tuning_epochs:
        if not model.compiled:
            model.compile(keras.optimizers.Adam(learning_rate), jit_compile=jit_compile)
        histories.append(_fit(model, data, fine_tuning_epochs, "fine-tuning", with_target=False, **options))
    return histories


def _pair(model: keras.Model, corruption: keras.layers.Layer | None, encode: list, decode: list) -> keras.Model:
    """A stage as a model of its own."""
    pair = keras.Sequential([layer for layer in (corruption, *encode, *decode) if layer is not None])
    pair.dtype_policy = model.dtype_policy  # float16 needs its loss scaled
    return pair


def _fit(part, examples: np.ndarray, epochs: int, title: str, *, with_target, batch_size, seed, verbose, progress):
    """Trains a stage, or the whole, and returns its history."""
    steps = len(examples) // batch_size

    def batches(replicas, own):
        options = {"epochs": epochs, "seed": seed, "replicas": replicas, "own": own, "as_targets": with_target}
        return training_batches(examples, batch_size, **options)[0]

    callbacks = [StopAtNonFinite(title)]
    if progress is not None:
        callbacks.append(_StageProgress(progress, epochs, steps, title))
    elif verbose:
        print(title)
    return part.fit(
        distributed(backend.strategy_of(), batches),
        steps_per_epoch=steps,
        epochs=epochs,
        shuffle=False,  # the pipeline has shuffled
        verbose=0 if progress is not None else verbose,
        callbacks=callbacks,
    ).history


def _check_numbers(epochs: int, batch_size: int, fine_tuning_epochs: int, learning_rate: float) -> None:
    for name, value, least in (
        ("epochs", epochs, 1),
        ("batch_size", batch_size, 1),
        ("fine_tuning_epochs", fine_tuning_epochs, 0),
    ):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} must be an integer ≥ {least}: received {value!r}.")
    if not learning_rate > 0:
        raise ValueError(f"learning_rate must be above 0: received {learning_rate!r}.")


def _check(model: keras.Model, data: np.ndarray) -> None:
    """Builds the model too, which says so if the shape is another."""
    if not callable(getattr(model, "stages", None)):
        raise ValueError(f"model must have a method stages(), as StackedAE has: received {type(model).__name__}.")
    _check_data(data)
    model(_unit(data[:1]))


def _check_data(data: np.ndarray) -> None:
    if not len(data):
        raise ValueError(f"data must hold at least one example: received the shape {data.shape}.")
    if data.dtype == np.uint8:
        return
    if not np.issubdtype(data.dtype, np.floating):
        raise ValueError(f"data must be floating-point in [0, 1] or uint8: received {data.dtype}.")
    check_examples("data", data, None, Bounds("data"))


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.float32(255) if x.dtype == np.uint8 else x.astype(np.float32)


def _encoded(encoder: keras.Model, examples: np.ndarray) -> np.ndarray:
    """The codes, float32, of all examples in their order."""
    chunks = np.array_split(examples, -(-len(examples) // 1000))
    return np.concatenate([ops.convert_to_numpy(ops.cast(encoder(_unit(chunk)), "float32")) for chunk in chunks])


class _StageProgress(CommandLineProgress):
    """A bar for one stage, which it names."""

    def __init__(self, progress, epochs: int, steps: int, title: str):
        super().__init__(progress, epochs, steps)
        self.title = title

    def on_train_begin(self, logs=None):
        if not self.progress.console.is_terminal:
            self.progress.console.print(self.title, highlight=False)

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        self.progress.update(self.task, description=f"{self.title}, epoch {epoch + 1}/{self.epochs}")
