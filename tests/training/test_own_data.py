"""The user's own data and pictures' sizes in ``train``, ``compare``, ``tune`` and ``benchmark codec``."""

import dataclasses
import json
import warnings

import numpy as np
import pytest
from commands import run_here as run
from PIL import Image

import zoo
from zoo import data, experiments, models, packaging, registry, training
from zoo.cli.console import argument
from zoo.data import packed
from zoo.layers.differentiable_augmentation import KINDS as ALL
from zoo.training import own_data

rng = np.random.default_rng(0)
SMALL = {"hidden_units": (8,), "latent_dim": 2}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Thirty pictures in colour, of several sizes and of three classes; one file is broken."""
    folder = tmp_path_factory.mktemp("own") / "photos"
    for i in range(30):
        (folder / "abc"[i % 3]).mkdir(parents=True, exist_ok=True)
        pixels = np.full((20 + i % 4, 30, 3), (80 * (i % 3), 90, 200 - 5 * i), np.uint8)
        pixels[::2, ::3] //= 2
        Image.fromarray(pixels).save(folder / "abc"[i % 3] / f"{i}.png")
    return folder


@pytest.mark.parametrize(
    ("size", "colour", "shape"),
    [
        (64, None, (64, 64, 1)),
        ("64", True, (64, 64, 3)),
        ("96x64", False, (96, 64, 1)),
        ((12, 8), True, (12, 8, 3)),
        (None, True, (28, 28, 3)),
    ],
)
def test_a_size_is_said_in_several_ways(size, colour, shape):
    assert training.sized("dense_ae", size, colour, {"latent_dim": 3}) == {"latent_dim": 3, "image_shape": shape}


@pytest.mark.parametrize("size", ["64x", "x", "1x2x3", "-4", 0, (8,) * 3, 1.5, "big"])
def test_another_size_is_one_line(size):
    with pytest.raises(ValueError, match="size must be a number such as 64, or height and width such as 96x64"):
        training.sized("dense_ae", size, None)


def test_sizes_are_of_pictures():
    with pytest.raises(ValueError, match="size and colour must be left out: text_ae.glosses takes no pictures"):
        training.sized("text_ae.glosses", 64, None)
    with pytest.raises(ValueError, match="size and colour must be left out: image_shape was given too"):
        training.sized("dense_ae", 64, None, {"image_shape": (8, 8, 1)})
    assert training.sized("text_ae.glosses", None, None) == {}


def test_arguments_of_a_model():
    assert argument("latent_dim=64") == ("latent_dim", 64)
    assert argument("hidden_units=[32, 16]") == ("hidden_units", (32, 16))
    assert argument("activation=relu") == ("activation", "relu")
    for wrong in ("latent_dim", "=4", "a b=1"):
        with pytest.raises(ValueError, match="set must be NAME=VALUE, such as latent_dim=64"):
            argument(wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["conv_vae", "--size", "30"], r"received \(30, 30, 1\); the nearest is \(32, 32, 1\)"),
        (["conv_ae", "--colour"], "its codec takes colours channel by channel: received"),
        (["conv_vae", "--size", "big"], "size must be a number such as 64"),
        (["dense_ae", "--fit", "stretch"], "fit must be crop, pad, resize, tile, random-crop"),
        (["dense_ae", "--set", "no_such=4"], "no_such"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_left(photos, tmp_path, monkeypatch, capsys, options, message):
    status, _, errors = run(monkeypatch, capsys, "train", *options, "--data", photos, "-o", tmp_path / "m")
    lines = [line for line in errors.splitlines() if line.startswith("zoo: ")]
    assert status == 2 and len(lines) == 1
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(lines[0])
    assert not (tmp_path / "m").exists()


@pytest.mark.slow
def test_a_model_of_photographs_is_one_line(photos, tmp_path, monkeypatch, capsys):
    broken = tmp_path / "photos"
    broken.symlink_to(photos)
    output = tmp_path / "mine"
    arguments = ["--size", "16x24", "--colour", "--epochs", 1, "--set", "filters=4", "--set", "latent_dim=3"]
    arguments += ["--set", "prior_couplings=0", "-o", output, "--json"]
    status, printed, errors = run(monkeypatch, capsys, "train", "conv_vae", "--data", broken, *arguments)
    assert status == 0, errors
    assert "photos: 30 pictures, centre-cropped to 16 × 24, colour." in errors
    card = json.loads(printed)
    assert card["input_shape"] == [16, 24, 3] and card["data"]["classes"] == ["a", "b", "c"]
    assert card["data"]["summary"] == "30 pictures, centre-cropped to 16 × 24, colour"
    model = zoo.load(output)
    x = rng.random((2, 16, 24, 3), dtype=np.float32)
    assert np.asarray(model(x)).shape == x.shape and np.asarray(model.generate(2, seed=0)).shape == x.shape
    zoo.export(str(output), tmp_path / "encoder.tflite", format="litert", quantization="int8")
    assert (tmp_path / "encoder.tflite").stat().st_size > 1000
    status, printed, _ = run(monkeypatch, capsys, "evaluate", output, "--data", photos, "--json")
    assert status == 0 and json.loads(printed)["mse"] == pytest.approx(card["metrics"]["mse"], rel=1e-3)


@pytest.mark.slow
def test_a_codec_of_another_size_compresses_and_is_measured(photos, tmp_path):
    options = {"data_source": photos, "size": "16x24", "epochs": 1}
    config = {"filters": 8, "decoder_filters": 8, "encoder_blocks": 0, "latent_dim": 4}
    result = training.train("conv_ae", output=tmp_path / "mine", overrides=config, **options)
    packaging.write_artifact(result, tmp_path / "mine", command="")
    codec = zoo.Codec(str(tmp_path / "mine"))
    pictures = rng.integers(0, 256, (2, 40, 50, 3), dtype=np.uint8)
    assert codec.tile == (16, 24) and codec.decompress(codec.compress(pictures)).shape == pictures.shape
    found = experiments.benchmark_codec(tmp_path / "out", str(photos), models=[str(tmp_path / "mine")])
    assert found["data"] == "photos" and found["images"] == 3 and (tmp_path / "out" / "codec-photos.json").exists()
    assert {point["format"] for point in found["points"]} >= {"mine", "JPEG"}
    with pytest.raises(ValueError, match="models must be of one size of pictures: received mine of 16 × 24 × 1, comp"):
        models = [str(tmp_path / "mine"), "compressor.fashion_mnist_q1"]
        experiments.benchmark_codec(tmp_path / "o2", str(photos), models=models)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("classifier", {"filters": (4, 4), "feature_dim": 4}),
        ("cgan", {"filters": 4}),
    ],
)
def test_folders_are_the_classes_of_a_model_of_labels(name, config, photos, tmp_path):
    options = {"size": 8, "colour": True, "epochs": 1, "overrides": config}
    result = training.train(name, data_source=photos, output=tmp_path / "m", **options)
    assert result.model.num_classes == 3 and result.data.classes == ("a", "b", "c")
    assert result.data.names_of("test") == ["abc"[label] for label in result.data.labels["test"]]


def test_a_folder_without_classes_cannot_teach_labels(photos, tmp_path):
    with pytest.raises(ValueError, match="learns from labels, which .* lacks: give a labelled data set"):
        training.train("classifier", data_source=photos / "a", size=8, colour=True, output=tmp_path / "m")


def test_an_array_trains_a_model(tmp_path):
    images = rng.integers(0, 256, (40, 8, 12, 3), dtype=np.uint8)
    options = {"size": (8, 12), "colour": True, "epochs": 1, "overrides": SMALL}
    result = training.train("dense_ae", data_source=images, output=tmp_path / "m", **options)
    assert result.model.image_shape == (8, 12, 3) and len(result.data.train) == 32


def test_training_beside_memory_is_the_same(photos, tmp_path, monkeypatch):
    options = {"data_source": photos, "size": 8, "colour": True, "epochs": 2, "overrides": SMALL, "batch_size": 4}
    kept = training.train("dense_ae", output=tmp_path / "a", **options)
    monkeypatch.setattr(packed, "IN_MEMORY", 0)
    mapped = training.train("dense_ae", output=tmp_path / "b", **options)
    assert data.is_mapped(mapped.data.validation)
    for name, values in kept.history.items():
        np.testing.assert_allclose(mapped.history[name], values, rtol=1e-4)


def test_models_are_compared_on_own_pictures(photos):
    failed = []
    (row,) = experiments.compare(["dense_ae"], str(photos), failed=failed)
    assert row["name"] == "dense_ae.fashion_mnist" and 0 < row["mse"] < 1 and not failed
    (row,) = experiments.compare(["dense_ae"], str(photos), epochs=1, size=8, colour=True)
    assert row["code"] == 32 and row["knn5_accuracy"] <= 1
    with pytest.raises(ValueError, match="size and colour are of models that are trained anew: give epochs"):
        experiments.compare(["dense_ae"], str(photos), size=8)


def test_a_search_takes_own_pictures_of_a_size(photos, tmp_path):
    options = {"data_source": photos, "size": 8, "colour": True, "trials": 1, "epochs": 1}
    (row,) = experiments.tune("dense_ae", output=tmp_path / "out", **options)
    assert row["image_shape"] == [8, 8, 3] and row["validation_mse"] > 0


# --- GANs of few pictures ---


def few(number, shape=(32, 32, 3)):
    images = rng.integers(0, 256, (number, *shape), dtype=np.uint8)
    return data.DataSet("mine", "./mine", images, images[:4], images[:4], "the user's own")


@pytest.mark.parametrize(
    ("number", "shape", "overrides", "given", "recipe", "chosen"),
    [
        (600, (32, 32, 3), {}, set(), {"epochs": 556, "batch_size": 32}, {"network": "residual", "augmentation": ALL}),
        (600, (32, 32, 3), {"network": "plain", "augmentation": ()}, {"epochs", "batch_size"}, {}, {}),
        (600, (28, 28, 1), {}, {"epochs"}, {"batch_size": 32}, {"augmentation": ALL}),
        (30_000, (32, 32, 3), {}, set(), {}, {"network": "residual"}),
    ],
)
def test_a_gan_of_few_pictures_is_trained_as_they_need(number, shape, overrides, given, recipe, chosen):
    own, model = registry.CATALOG["cgan"].recipes["mnist"], models.CGAN(image_shape=shape, filters=4)
    found, arguments, said = own_data.adapted(own, model, few(number, shape), overrides, given)
    rate = {"learning_rate": 2e-4, "discriminator_learning_rate": 4e-4} if "network" in chosen else {}
    assert found == dataclasses.replace(own, **recipe, **rate) and arguments == {**overrides, **chosen}
    assert ("augmentation" in said) == ("augmentation" in chosen) and ("epochs" in said) == ("epochs" in recipe)


def test_other_models_keep_their_recipes():
    own, model = registry.CATALOG["dense_ae"].recipes["mnist"], models.DenseAE(image_shape=(8, 8, 3))
    assert own_data.adapted(own, model, few(50, (8, 8, 3)), {"latent_dim": 3}, set()) == (own, {"latent_dim": 3}, "")


def test_clusters_are_the_nearest_centres_of_thumbnails():
    colours = rng.integers(0, 256, (3, 1, 1, 3))
    kinds = np.arange(90) % 3
    images = np.clip(colours[kinds] + rng.normal(0, 3, (90, 10, 14, 3)), 0, 255).astype(np.uint8)
    modes_of, number = own_data.clusters(images, 3)
    found = modes_of(images / 255)
    assert number == 3 and len({*zip(kinds, found, strict=True)}) == 3, "a cluster for each colour"


def test_a_training_ends_by_itself_when_the_generator_has_collapsed():
    colours = rng.integers(0, 256, (4, 1, 1, 3))
    images = np.broadcast_to(colours[np.arange(80) % 4], (80, 8, 8, 3)).astype(np.uint8)
    data_set = data.DataSet("mine", "./mine", images, images[:4], images[:4], "the user's own")

    class Stuck:
        stop_training = False

        def __init__(self, kinds):
            self.kinds = kinds

        def generate(self, n, seed=None):
            return images[np.arange(n) % self.kinds] / np.float32(255)

    for kinds, ends in ((1, True), (4, False)):
        alarm = own_data.collapse_alarm(data_set, 50, 0)
        alarm.set_model(Stuck(kinds))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", training.TrainingWarning)
            for epoch in range(30):
                alarm.on_epoch_end(epoch, {})
        assert alarm.model.stop_training == ends and bool(alarm.alarms) == ends
    assert own_data.collapse_alarm(few(10), 50, 0) is None, "too few pictures to have kinds"


@pytest.mark.slow
def test_a_gan_of_a_folder_shows_what_it_draws_meanwhile(photos, tmp_path, monkeypatch, capsys):
    options = ("--data", photos, "--size", 16, "--colour", "--epochs", 2, "--set", "filters=4", "--preview")
    status, printed, _ = run(monkeypatch, capsys, "train", "cgan", *options, "-o", tmp_path / "m", "--json")
    card = json.loads(printed)
    assert status == 0 and card["training"]["epochs"] == 2 and card["data"]["classes"] == ["a", "b", "c"]
    assert sorted(path.name for path in (tmp_path / "m" / "preview").iterdir()) == [
        "epoch_001.png",
        "epoch_002.png",
        "samples.gif",
    ]
    model = zoo.load(str(tmp_path / "m"))
    assert model.network == "residual" and model.augmentation.kinds == ALL
    named = ("generate", tmp_path / "m", "--label", "B", "-n", 3, "-o", tmp_path / "b.npy")
    assert run(monkeypatch, capsys, *named)[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), model.generate(3, seed=0, labels=1))
    status, _, complaint = run(monkeypatch, capsys, *named[:3], "bb", *named[4:])
    assert status == 2 and "label must be one of a, b, c: received bb. Did you mean b?" in complaint


def test_a_model_that_generates_nothing_has_no_preview(tmp_path):
    images = rng.integers(0, 256, (40, 8, 12, 1), dtype=np.uint8)
    options = {"size": (8, 12), "colour": False, "epochs": 1, "overrides": SMALL, "preview": True}
    with pytest.raises(ValueError, match="preview must be left out: dense_ae.fashion_mnist generates nothing"):
        training.train("dense_ae", data_source=images, output=tmp_path / "m", **options)
    assert not (tmp_path / "m").exists()
