"""The classifier: what all models promise, how it augments, how it is trained, and what ships."""

import json

import keras
import numpy as np
import pytest
from checks import check_model

import zoo
from zoo import data, evaluation, models, packaging, registry, training
from zoo.training import run as recipe_run

rng = np.random.default_rng(0)
IMAGES = rng.random((2, 12, 8, 1), dtype=np.float32)
SMALL = {"image_shape": (12, 8, 1), "num_classes": 3, "filters": (4, 6), "feature_dim": 7}


def small(**options):
    return models.Classifier(**{**SMALL, **options})


@pytest.mark.slow
def test_model(tmp_path, run_python):
    check_model(lambda: small(flip=True), IMAGES, tmp_path, run_python, labels=np.array([2, 0]))


def test_logits_are_the_head_of_the_features():
    model = small()
    model.build()
    features = model.features(IMAGES)
    assert features.shape == (2, 7) and (np.asarray(features) >= 0).all()
    np.testing.assert_allclose(model(IMAGES), model.head(features), atol=1e-6)
    assert model(IMAGES).shape == (2, 3)


def test_features_do_not_depend_on_the_batch():
    model = small()
    np.testing.assert_allclose(model.features(IMAGES)[:1], model.features(IMAGES[:1]), atol=1e-6)
    np.testing.assert_array_equal(model.features(IMAGES), model.features(IMAGES))


def test_a_normalised_net_of_three_stages_sees_no_other_image_either():
    images = rng.random((8, 16, 8, 3), dtype=np.float32)
    options = {"filters": (4, 6, 8), "blocks": (0, 1, 1), "stem_filters": 3, "normalization": "batch"}
    model = small(image_shape=(16, 8, 3), **options)
    model.compile("adam")
    before = [np.array(v) for v in model.non_trainable_variables]
    model.fit(images, np.arange(8) % 3, epochs=1, verbose=0)
    moved = [not np.array_equal(a, np.array(b)) for a, b in zip(before, model.non_trainable_variables, strict=True)]
    assert any(moved), "statistics of the training batches are kept"
    np.testing.assert_allclose(model.features(images)[:1], model.features(images[:1]), atol=1e-6)
    for changes, message in (
        ({"normalization": "layer"}, "normalization must be batch or None: received 'layer'"),
        ({"stem_filters": -1}, "stem_filters must be an integer ≥ 0: received -1"),
        ({"blocks": (1, 1)}, "blocks must be as many as filters, 3: received .1, 1."),
        ({"image_shape": (12, 8, 3)}, "divisible by 8"),
    ):
        with pytest.raises(ValueError, match=message):
            small(**{"image_shape": (16, 8, 3), **options, **changes})


def test_the_loss_is_the_cross_entropy_of_the_labels():
    model, labels = small(), np.array([2, 0])
    model.compile()
    logits = np.asarray(model(IMAGES), np.float64)
    nats = np.log(np.exp(logits).sum(axis=1)) - logits[[0, 1], labels]
    assert model.evaluate(IMAGES, labels, verbose=0) == pytest.approx(nats.mean(), rel=1e-5)


def test_training_images_are_moved_by_whole_pixels_with_black_from_the_edge():
    model = small(max_shift=2, seed=1)
    moved = np.asarray(model._augmented(np.repeat(IMAGES[:1], 300, axis=0)))
    padded = np.pad(IMAGES[0], ((2, 2), (2, 2), (0, 0)))
    expected = {padded[r : r + 12, c : c + 8].tobytes() for r in range(5) for c in range(5)}
    assert {image.tobytes() for image in moved} == expected, "all 25 moves, and no others"


def test_half_of_the_training_images_are_mirrored():
    model = small(max_shift=0, flip=True, seed=1)
    seen = np.asarray(model._augmented(np.repeat(IMAGES[:1], 400, axis=0)))
    mirrored = (seen == IMAGES[0, :, ::-1]).all(axis=(1, 2, 3))
    assert mirrored.sum() + (seen == IMAGES[0]).all(axis=(1, 2, 3)).sum() == 400 and 150 < mirrored.sum() < 250
    np.testing.assert_array_equal(small(max_shift=0)._augmented(IMAGES), IMAGES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_shape": (12, 8)}, "image_shape must be three positive integers"),
        ({"image_shape": (12, 10, 1)}, "divisible by 4"),
        ({"num_classes": 1}, "num_classes must be an integer ≥ 2"),
        ({"feature_dim": 0}, "feature_dim must be an integer ≥ 1"),
        ({"filters": (4,)}, "blocks must be as many as filters, 1: received .1, 2."),
        ({"blocks": (1, -1)}, "blocks must be integers ≥ 0, at least one: received .1, -1."),
        ({"dropout": 0.5}, "dropout must be at least 0 and below 0.5"),
        ({"max_shift": 8}, "max_shift must be an integer from 0"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)


def test_a_wrong_shape_or_type_is_said_in_one_line():
    with pytest.raises(ValueError, match=r"x must have the shape \(batch, 12, 8, 1\): received \(2, 8, 12, 1\)"):
        small()(IMAGES.swapaxes(1, 2))
    with pytest.raises(ValueError, match="divide 8-bit images by 255"):
        small().features((IMAGES * 255).astype(np.uint8))


def squares(n):
    """Images of bright squares, whose place is their class."""
    labels = rng.integers(0, 3, n)
    images = rng.integers(0, 60, (n, 28, 28, 1), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[8 * label : 8 * label + 8, 10:18] += 190
    return images, labels


@pytest.fixture
def labelled(monkeypatch):
    """A data set of three classes in the place of MNIST."""
    splits = {name: squares(n) for name, n in (("train", 480), ("validation", 60), ("test", 90))}
    images = {name: split[0] for name, split in splits.items()}
    labels = {name: split[1] for name, split in splits.items()}
    made = data.DataSet("squares", "mnist", licence="none", labels=labels, **images)
    monkeypatch.setattr(data, "load", lambda *args, **kwargs: made)
    return made


@pytest.mark.slow
def test_the_recipe_trains_with_labels_and_the_folder_is_a_model(labelled, tmp_path):
    options = {"epochs": 4, "batch_size": 32, "dtype_policy": "float32"}
    result = training.train("classifier.mnist", output=tmp_path / "c", **options)
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} == set(result.history)
    assert result.record["validation_accuracy"] == result.history["val_accuracy"][-1] > 0.9
    card = packaging.write_artifact(result, tmp_path / "c", command="zoo train")
    assert {path.name for path in (tmp_path / "c").iterdir()} == {
        "model.keras", "golden.npz", "preview.png", "history.json", "card.json", "manifest.json"
    }  # fmt: skip
    assert card == json.loads((tmp_path / "c/card.json").read_text()) and "code_shape" not in card
    model = zoo.load(tmp_path / "c")
    assert zoo.evaluate(tmp_path / "c") == pytest.approx(card["metrics"], rel=1e-4)
    found = model.predict(labelled.test / np.float32(255), verbose=0).argmax(axis=1)
    assert card["metrics"]["accuracy"] == pytest.approx((found == labelled.labels["test"]).mean())
    assert zoo.export(model, tmp_path / "c.tflite").is_file()  # the whole, where there is no encoder
    with pytest.raises(ValueError, match="part must be model, as classifier.* has no encoder: received 'encoder'"):
        zoo.export(model, tmp_path / "c.tflite", part="encoder")
    with pytest.raises(ValueError, match="does not generate"):
        zoo.evaluate(tmp_path / "c", samples=True)


def test_data_without_labels_or_with_too_many_is_refused(labelled, tmp_path):
    model = small()
    with pytest.raises(ValueError, match="learns from labels, which mnist lacks"):
        recipe_run._labels(model, data.DataSet("m", "mnist", *[labelled.train] * 3, "none"))
    many = {"train": np.array([0, 3])}
    with pytest.raises(ValueError, match="has labels up to 3: .* expects them below its num_classes, 3"):
        recipe_run._labels(model, data.DataSet("m", "mnist", *[labelled.train] * 3, "none", many))
    with pytest.raises(ValueError, match="labels must be given"):
        evaluation.measure_classifier(model, labelled.test, None)


def test_batches_bring_their_labels():
    images = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    batches, steps = data.training_batches(images, 8, epochs=2, seed=5, labels=np.arange(40) % 7)
    pairs = [(np.rint(np.asarray(x)[:, 0, 0, 0] * 255).astype(int), np.asarray(y)) for x, y in batches]
    assert len(pairs) == 2 * steps == 10
    for pixels, labels in pairs:
        np.testing.assert_array_equal(pixels % 7, labels)


def test_a_fresh_one_of_the_catalogue_is_compiled_for_labels():
    model = registry.create("classifier.fashion_mnist")
    assert model.flip and model.feature_dim >= 64
    assert "accuracy" in model.fit(np.zeros((4, 28, 28, 1), np.float32), np.arange(4), verbose=0).history
    assert isinstance(model, keras.Model)
