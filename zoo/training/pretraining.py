"""Greedy layer-wise pretraining."""

import keras
import numpy as np
import tensorflow as tf

from zoo import losses
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
    """Trains a stack one layer at a time: the first as an autoencoder of the data, the next of the first's codes, ….

    Every stage minimises the squared error summed per example, by Adam with a cosine schedule of its own. The model's
    weights are trained in place and its optimizer is left alone, so that ``model.fit``, or ``fine_tuning_epochs``,
    trains the whole from there. In the scope of a strategy of ``tf.distribute`` its replicas share every batch.

    Args:
        model: a model whose method ``stages()`` returns, from the outermost, pairs of lists of its own layers: those
            that encode and those that decode again, as ``zoo.models.StackedAE`` does.
        data: ``(n, *input_shape)``, floating-point in [0, 1] or uint8.
        epochs: passes over the data for each stage.
        batch_size: examples a step; a last batch that is not full is left out, of other examples each epoch.
        learning_rate: peak of each stage's schedule, which ends at zero.
        corruption: layer that corrupts the input of every stage in training, such as ``zoo.layers.Corruption``, while
            the target stays clean. Codes of linear or rectified layers do not stay in [0, 1]: mask those.
        fine_tuning_epochs: epochs of ``model.fit`` on the whole afterwards; a model that is not compiled is, with
            Adam at ``learning_rate``.
        seed: of the order of the data.
        jit_compile: whether XLA compiles the steps of the stages.
        verbose: as in Keras' ``fit``, where there is no ``progress``.
        progress: a started ``rich.progress.Progress``, which gets a bar for each stage.

    Returns:
        The history of each stage, ``{"loss": […]}``, and last that of the fine-tuning, if there is any.

    Raises:
        ValueError: if the model has no stages; if the data is empty, has another shape or type, or is not finite; if
            a number is out of range; or at the first step whose loss is not finite.

    References:
        Bengio et al. 2006, "Greedy Layer-Wise Training of Deep Networks"; with ``corruption``, Vincent et al. 2010,
        "Stacked Denoising Autoencoders".
    """
    for name, value, least in (
        ("epochs", epochs, 1),
        ("batch_size", batch_size, 1),
        ("fine_tuning_epochs", fine_tuning_epochs, 0),
    ):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} must be an integer ≥ {least}: received {value!r}.")
    if not learning_rate > 0:
        raise ValueError(f"learning_rate must be above 0: received {learning_rate!r}.")
    if not callable(getattr(model, "stages", None)):
        raise ValueError(f"model must have a method stages(), as StackedAE has: received {type(model).__name__}.")
    data = np.asarray(data)
    _check(data)
    model(_unit(tf.constant(data[:1])))  # builds it, and says so if the shape is another
    batch_size = min(batch_size, len(data))
    steps = len(data) // batch_size

    def fit(part, examples, epochs, title, with_target):
        def batches(replicas, own):
            shares, _ = training_batches(examples, batch_size, epochs=epochs, seed=seed, replicas=replicas, own=own)
            return shares.map(lambda x: (x, x)) if with_target else shares

        callbacks = [StopAtNonFinite(title)]
        if progress is not None:
            callbacks.append(_StageProgress(progress, epochs, steps, title))
        elif verbose:
            print(title)
        return part.fit(
            distributed(tf.distribute.get_strategy(), batches),
            steps_per_epoch=steps,
            epochs=epochs,
            shuffle=False,  # the pipeline has shuffled
            verbose=0 if progress is not None else verbose,
            callbacks=callbacks,
        ).history

    histories, codes, stages = [], data, model.stages()
    for number, (encode, decode) in enumerate(stages, start=1):
        pair = keras.Sequential([*([] if corruption is None else [corruption]), *encode, *decode])
        pair.dtype_policy = model.dtype_policy  # float16 needs its loss scaled
        schedule = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * steps)
        pair.compile(keras.optimizers.Adam(schedule), losses.SquaredError(), jit_compile=jit_compile)
        histories.append(fit(pair, codes, epochs, f"layer {number}/{len(stages)}", with_target=True))
        if number < len(stages):
            codes = _encoded(keras.Sequential(encode), codes)
    if fine_tuning_epochs:
        if not model.compiled:
            model.compile(keras.optimizers.Adam(learning_rate), jit_compile=jit_compile)
        histories.append(fit(model, data, fine_tuning_epochs, "fine-tuning", with_target=False))
    return histories


def _check(data: np.ndarray) -> None:
    if not len(data):
        raise ValueError(f"data must hold at least one example: received the shape {data.shape}.")
    if data.dtype == np.uint8:
        return
    if not np.issubdtype(data.dtype, np.floating):
        raise ValueError(f"data must be floating-point in [0, 1] or uint8: received {data.dtype}.")
    check_examples("data", data, None, Bounds("data"))


def _unit(x: tf.Tensor) -> tf.Tensor:
    return tf.cast(x, tf.float32) / 255.0 if x.dtype == tf.uint8 else tf.cast(x, tf.float32)


def _encoded(encoder: keras.Model, examples: np.ndarray) -> np.ndarray:
    """The codes, float32, of all examples in their order."""
    chunks = np.array_split(examples, -(-len(examples) // 1000))
    return np.concatenate([tf.cast(encoder(_unit(tf.constant(chunk))), tf.float32) for chunk in chunks])


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
