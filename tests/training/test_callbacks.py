"""Keras' own callbacks, and the zoo's for TensorBoard, all at once on every model of the catalogue."""

import csv

import keras
import numpy as np
import pytest
import small
from keras import callbacks

from zoo import models, training
from zoo.registry import CATALOG

RATE = 1e-3
COUNT = 8


def made(name: str) -> keras.Model:
    """A small model, compiled anew, so that its learning rate is a number that callbacks may move."""
    keras.utils.set_random_seed(0)
    model = small.SMALL[name]()
    model.build()
    if isinstance(model, models.AdversarialModel):
        kind = type(model.default_optimizer())
        model.compile(kind(RATE, name="generator"), kind(2 * RATE, name="discriminator"), jit_compile=False)
    else:
        model.compile(keras.optimizers.Adam(RATE), jit_compile=False)
    return model


def fit(name: str, model: keras.Model, epochs: int, *chosen: callbacks.Callback) -> dict[str, list[float]]:
    x, y = small.examples(name, COUNT), small.targets(name, COUNT)
    data = {"x": x, "y": y, "validation_data": (x,) if y is None else (x, y)}
    return model.fit(**data, batch_size=COUNT, epochs=epochs, verbose=0, callbacks=list(chosen)).history


def optimizers_of(model: keras.Model) -> list[keras.optimizers.Optimizer]:
    return list(getattr(model, "optimizers", None) or [model.optimizer])


def rates(model: keras.Model) -> list[float]:
    return [float(optimizer.learning_rate) for optimizer in optimizers_of(model)]


class Interrupt(callbacks.Callback):
    """What a power cut is to ``fit``: nothing of it is caught."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


class Restored(callbacks.Callback):
    """What training goes on from."""

    first = None

    def on_epoch_begin(self, epoch, logs=None):
        if self.first is None:
            self.first, self.weights = epoch, self.model.get_weights()
            self.iterations = [int(optimizer.iterations) for optimizer in optimizers_of(self.model)]


def tensorboard_of(name: str, model: keras.Model, folder) -> tuple[list[callbacks.Callback], object]:
    """Pictures and codes, of a model that has them, and the examples that the codes are of."""
    chosen, examples = [], None
    if hasattr(model, "encode"):
        examples = small.sentences(6) if CATALOG[name].modality == "text" else small.examples(name, 6)
        chosen.append(training.TensorBoardProjector(folder, examples, labels=list("aabbcc")))
    if np.ndim(examples) == 4:
        chosen.append(training.TensorBoardImages(folder, images=examples))
    elif hasattr(model, "generate"):
        chosen.append(training.TensorBoardImages(folder, n=6))
    return chosen, examples


def test_every_model_is_here():
    assert set(small.SMALL) == set(CATALOG)


@pytest.mark.slow
@pytest.mark.parametrize("name", small.SMALL)
def test_callbacks(name, tmp_path, request):
    if name != "summarizer":  # whose batches without pairs are empty, which Keras adds as graphs only
        request.getfixturevalue("eagerly")
    interrupted = made(name)
    with pytest.raises(KeyboardInterrupt):
        fit(name, interrupted, 9, callbacks.BackupAndRestore(tmp_path / "backup"), Interrupt())

    model, restored = made(name), Restored()
    loss = "val_generator_loss" if isinstance(model, models.AdversarialModel) else "val_loss"
    never = {"mode": "min", "min_delta": 1e9}  # after its first epoch, nothing is better enough
    pictures, examples = tensorboard_of(name, model, tmp_path / "logs")
    history = fit(
        name,
        model,
        9,
        callbacks.BackupAndRestore(tmp_path / "backup"),
        restored,
        callbacks.ReduceLROnPlateau(loss, factor=0.5, patience=1, **never),
        callbacks.EarlyStopping(loss, patience=1, **never),
        callbacks.ModelCheckpoint(tmp_path / "last.keras"),
        callbacks.CSVLogger(tmp_path / "log.csv"),
        callbacks.TensorBoard(tmp_path / "logs", histogram_freq=2),
        callbacks.TerminateOnNaN(),
        *pictures,
    )
    # BackupAndRestore: both players' weights and optimizers.
    assert restored.first == 1 and restored.iterations == [int(o.iterations) for o in optimizers_of(interrupted)]
    for a, b in zip(interrupted.get_weights(), restored.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    # EarlyStopping after an epoch that is no better, in which ReduceLROnPlateau halves the rates.
    assert len(history[loss]) == 2
    assert rates(model) == pytest.approx([rate / 2 for rate in rates(interrupted)])
    with open(tmp_path / "log.csv") as file:
        assert [float(row[loss]) for row in csv.DictReader(file)] == pytest.approx(history[loss])
    reloaded = keras.models.load_model(tmp_path / "last.keras")
    for a, b in zip(model.get_weights(), reloaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [int(o.iterations) for o in optimizers_of(reloaded)] == [int(o.iterations) for o in optimizers_of(model)]
    tags = scalars(tmp_path / "logs")
    assert {"epoch_" + key for key in history if not key.startswith("val_") and "learning_rate" not in key} <= tags
    assert any("learning_rate" in tag for tag in tags)
    if examples is not None:
        check_codes(tmp_path / "logs", model, examples)
    if len(pictures) > (examples is not None):
        title = "samples" if examples is None else "reconstructions"
        check_pictures(tmp_path / "logs/samples", title, model.image_shape[:2])


def scalars(folder) -> set[str]:
    """Names of all scalars that were written for TensorBoard, of training and validation."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    values = (v for path in folder.rglob("events*") for e in EventFileLoader(str(path)).Load() for v in e.summary.value)
    return {value.tag for value in values if value.metadata.plugin_data.plugin_name == "scalars"}


def check_pictures(folder, title: str, size: tuple[int, int]) -> None:
    """Of six images, three columns by two rows, after every epoch but the one before the interruption."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    pictures = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload().Tensors(title)
    assert [picture.step for picture in pictures] == [1, 2]
    width, height = pictures[0].tensor_proto.string_val[:2]
    assert (int(height), int(width)) == (2 * size[0] + 1, 3 * size[1] + 2)


def check_codes(folder, model: keras.Model, examples) -> None:
    codes = np.loadtxt(folder / "tensors.tsv", delimiter="\t", ndmin=2)
    parts = [np.asarray(code).reshape(6, -1) for code in keras.tree.flatten(model.encode(examples))]
    np.testing.assert_allclose(codes, np.concatenate(parts, axis=1), rtol=1e-5, atol=1e-6)
    metadata = [line.split("\t")[1] for line in (folder / "metadata.tsv").read_text().splitlines()]
    assert metadata == ["label", *"aabbcc"]
    assert (folder / "sprite.png").exists() == (np.ndim(examples) == 4)


def test_a_schedule_moves_both_players():
    model = made("gan")
    fit("gan", model, 2, callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2))
    assert rates(model) == pytest.approx([RATE / 4, RATE / 2])
    model.optimizer.learning_rate = 1e-4
    assert rates(model) == pytest.approx([1e-4, 2e-4])
    with pytest.raises(AttributeError, match="two players has two optimizers"):
        model.optimizer = "adam"


def test_what_a_model_lacks_is_not_shown(tmp_path):
    with pytest.raises(ValueError, match="needs a model that encodes: received GAN"):
        fit("gan", made("gan"), 1, training.TensorBoardProjector(tmp_path, small.examples("gan", 6)))
    with pytest.raises(ValueError, match="TensorBoardImages of DenseAE needs images to reconstruct"):
        fit("dense_ae", made("dense_ae"), 1, training.TensorBoardImages(tmp_path))
    with pytest.raises(ValueError, match="TensorBoardImages of Classifier needs no images"):
        images = small.examples("classifier", 6)
        fit("classifier", made("classifier"), 1, training.TensorBoardImages(tmp_path, images=images))
