"""Figures of generated images, by a small classifier and samples whose figures are known."""

import json

import keras
import numpy as np
import pytest

import zoo
from zoo import artifacts, data, evaluation, models, registry
from zoo.cli import main
from zoo.evaluation import inception
from zoo.evaluation.generation import samples_from

rng = np.random.default_rng(0)
N = 120


def images(n):
    return rng.integers(0, 256, (n, 12, 8, 1), dtype=np.uint8)


DATA = data.DataSet("noise", "noise", images(400), images(10), images(N), "none")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """The folder of a classifier with its first weights."""
    folder = tmp_path_factory.mktemp("noises")
    keras.utils.set_random_seed(1)
    model = models.Classifier(image_shape=(12, 8, 1), num_classes=3, filters=(4, 6), feature_dim=16)
    model.build()
    model.compile()
    model.save(folder / "model.keras")
    artifacts.write_manifest(folder)
    return folder


def measured(samples_of, classifier, **options):
    return evaluation.measure_samples(samples_of, DATA, classifier=classifier, **{"n": N, "seeds": 2, **options})


def test_the_test_split_itself_is_perfect(classifier):
    steps = []
    figures = measured(lambda n, seed: DATA.test, classifier, advance=steps.append)
    assert figures["frechet_distance"]["mean"] == pytest.approx(0, abs=1e-6) and steps == [1, 1]
    for name in ("precision", "recall", "diversity"):
        assert figures[name] == pytest.approx({"mean": 1, "min": 1, "max": 1})
    assert figures["sliced_wasserstein"]["max"] == pytest.approx(0, abs=1e-6)
    assert figures["duplicate_rate"]["max"] == 0
    assert sum(figures["classes"]) == pytest.approx(1, abs=1e-5) and len(figures["classes"]) == 3
    digest = artifacts.sha256(classifier / "model.keras")[:16]
    assert figures["features"] == f"{classifier.name} sha256 {digest}"
    assert (figures["images"], figures["seeds"]) == (N, 2)
    assert json.loads(json.dumps(figures)) == figures


def test_a_collapsed_generator_is_found_out(classifier):
    figures = measured(lambda n, seed: np.repeat(DATA.test[seed : seed + 1], n, axis=0), classifier)
    assert figures["duplicate_rate"]["min"] == 1 and figures["diversity"]["max"] < 0.01
    assert figures["recall"]["max"] < 0.05 < 0.95 < figures["precision"]["min"]
    assert figures["frechet_distance"]["min"] > 2 * figures["real"]["frechet_distance"]


def test_figures_are_those_of_the_features(classifier):
    model = keras.models.load_model(classifier / "model.keras")
    samples = images(N) // 2
    figures = measured(lambda n, seed: samples, classifier, seeds=1)
    real, fake = (np.asarray(model.features(x / np.float32(255))) for x in (DATA.test, samples))
    assert figures["frechet_distance"]["mean"] == pytest.approx(evaluation.frechet_distance(real, fake), rel=1e-3)
    expected = evaluation.precision_recall(real, fake, 5)
    assert {name: figures[name]["mean"] for name in expected} == pytest.approx(expected, abs=0.02)
    assert figures["diversity"]["mean"] == pytest.approx(evaluation.diversity(samples, DATA.test), rel=1e-4)
    found = np.asarray(model.head(fake)).argmax(axis=1)
    np.testing.assert_allclose(figures["classes"], np.bincount(found, minlength=3) / N, atol=1e-5)


def test_spreads_are_over_the_seeds(classifier):
    drawn = [images(N), images(N) // 3]
    figures = measured(lambda n, seed: drawn[seed], classifier)
    alone = [measured(lambda n, seed, one=one: one, classifier, seeds=1)["frechet_distance"]["mean"] for one in drawn]
    spread = figures["frechet_distance"]
    assert (spread["min"], spread["max"]) == pytest.approx((min(alone), max(alone)), rel=1e-6)
    assert spread["mean"] == pytest.approx(np.mean(alone), rel=1e-6)


def test_a_conditional_models_classes_are_those_asked_for(classifier):
    model = keras.models.load_model(classifier / "model.keras")
    found = np.asarray(model.head(model.features(DATA.test / np.float32(255)))).argmax(axis=1)
    others = np.where(np.arange(N) < 30, (found + 1) % 3, found)
    figures = measured(lambda n, seed: (DATA.test, found if seed else others), classifier)
    assert figures["conditional_accuracy"] == pytest.approx({"mean": 0.875, "min": 0.75, "max": 1})
    expected = (np.bincount(found, minlength=3) + np.bincount(others, minlength=3)) / (2 * N)
    np.testing.assert_allclose(figures["asked"], expected, atol=1e-5)
    assert "asked" not in measured(lambda n, seed: DATA.test, classifier, seeds=1)


class Conditional:
    """Stands for a conditional model: the grey of an image is its class."""

    num_classes = 3

    def generate(self, n, seed=None, labels=None):
        return np.broadcast_to(np.reshape(labels, (-1, 1, 1, 1)) / np.float32(2), (n, 2, 2, 1))


def test_a_conditional_model_is_asked_for_all_classes_in_turn():
    images, asked = samples_from(Conditional())(1203, 0)
    np.testing.assert_array_equal(images[:, 0, 0, 0], asked / np.float32(2))
    assert np.bincount(asked).max() - np.bincount(asked).min() <= 3


class Generator:
    """Stands for a model: remembers what it was asked for."""

    def __init__(self):
        self.asked = []

    def generate(self, n, seed=None):
        self.asked.append((n, seed))
        return np.random.default_rng(seed).random((n, 2, 2, 1), dtype=np.float32)


def test_samples_are_drawn_in_parts_by_seeds_of_their_own():
    model = Generator()
    drawn = samples_from(model)(1203, 4)
    assert drawn.shape == (1203, 2, 2, 1) and [n for n, _ in model.asked] == [500, 500, 203]
    assert len({seed for _, seed in model.asked}) == 3 and all(0 <= seed < 2**31 for _, seed in model.asked)
    np.testing.assert_array_equal(drawn, samples_from(model)(1203, 4))
    assert (drawn != samples_from(model)(1203, 5)).any()


@pytest.mark.parametrize(
    ("samples_of", "options", "message"),
    [
        (lambda n, seed: DATA.test[:5], {}, r"samples_of must give images of the shape \(120, 12, 8, 1\)"),
        (lambda n, seed: DATA.test * 1.0, {}, r"samples_of must give images in \[0, 1\]: received 0 to 255"),
        (lambda n, seed: np.full((N, 12, 8, 1), np.nan), {}, "samples_of must give images in"),
        (lambda n, seed: DATA.test, {"n": N + 1}, "n must be an integer from 6 to 120, the images of a split"),
        (lambda n, seed: DATA.test, {"seeds": 0}, "seeds must be an integer ≥ 1"),
        (lambda n, seed: DATA.test, {"classifier": "dense_ae"}, "classifier must be a classifier, such as"),
        (lambda n, seed: DATA.test, {"classifier": "classifier.mnits"}, "did you mean"),
        (lambda n, seed: DATA.test, {"classifier": "classifier.mnist"}, r"takes \(28, 28, 1\)"),
    ],
)
def test_bad_arguments(classifier, samples_of, options, message):
    with pytest.raises(ValueError, match=message):
        measured(samples_of, **{"classifier": classifier, **options})


def test_the_command_compares_samples_with_grey_images(monkeypatch, capsys):
    asked = {}

    def measure(samples_of, data_set, *, classifier, n, advance):
        asked.update(images=samples_of(3, 0), data=data_set, classifier=classifier, n=n)
        return {"frechet_distance": {"mean": 1.5}}

    monkeypatch.setattr("zoo.packaging.measuring.measure_samples", measure)
    grey = rng.integers(0, 256, (20, 28, 28, 1), dtype=np.uint8)
    found = data.DataSet("m", "mnist", grey, grey, grey, "none")
    monkeypatch.setattr(data, "load", lambda *args, **kwargs: found)
    monkeypatch.setattr("sys.argv", ["zoo", "evaluate", "conv_vae.mnist", "--samples", "--json"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code and json.loads(capsys.readouterr().out) == {"frechet_distance": {"mean": 1.5}}
    assert asked["classifier"] == "classifier.mnist" and asked["n"] == 20 and asked["images"].shape == (3, 28, 28, 1)
    assert asked["data"].test is grey, "not binarised, though the model was trained on binary images"
    with pytest.raises(ValueError, match="samples are compared with the test split"):
        zoo.evaluate("conv_vae.mnist", samples=True, split="validation")


def test_samples_of_few_or_unknown_images_are_refused_in_one_line(monkeypatch):
    grey = rng.integers(0, 256, (20, 28, 28, 1), dtype=np.uint8)
    photos = data.DataSet("photos", "/own/photos", grey, grey[:1], grey[:1], "the user's own")
    monkeypatch.setattr(data, "load", lambda *args, **kwargs: photos)
    model = models.VAE(hidden_units=(4,), latent_dim=2)
    monkeypatch.setattr(registry, "load", lambda name: model)
    with pytest.raises(ValueError, match="the zoo has none of photos, only of fashion_mnist and mnist: name one .--cl"):
        zoo.evaluate("conv_vae.mnist", "photos", samples=True)
    with pytest.raises(ValueError, match="at least 6 images of a split: a split of photos has 1; give a larger"):
        zoo.evaluate("conv_vae.mnist", "photos", samples=True, classifier="classifier.mnist")


def test_inception_that_cannot_be_downloaded_is_one_line(monkeypatch):
    def offline(**options):
        raise OSError("no network")

    monkeypatch.setattr(keras.applications, "InceptionV3", offline)
    with pytest.raises(ValueError, match=r"weights could not be downloaded \(OSError\): go online once"):
        evaluation.inception_distance(DATA.test, DATA.test)
    with pytest.raises(ValueError, match="height, width, 1 or 3"):
        inception.inception_features(np.zeros((2, 8, 8, 2)))


def test_inception_sees_images_in_its_own_range_and_size(monkeypatch):
    seen = []

    def network(x, training):
        seen.append(np.asarray(x))
        return keras.ops.mean(x, axis=(1, 2))

    monkeypatch.setattr(keras.applications, "InceptionV3", lambda **options: network)
    grey = np.stack(
        [np.zeros((8, 8, 1), np.uint8), np.full((8, 8, 1), 255, np.uint8), np.full((8, 8, 1), 51, np.uint8)]
    )
    features = inception.inception_features(grey, batch_size=2)
    assert [x.shape for x in seen] == [(2, 299, 299, 3), (1, 299, 299, 3)]
    np.testing.assert_allclose(features, np.array([[-1.0], [1.0], [-0.6]]) * np.ones(3), atol=1e-3)  # float32 means
    np.testing.assert_allclose(inception.inception_features(grey / 255), features, atol=1e-5)
    assert inception.inception_distance(grey, grey) == pytest.approx(0, abs=1e-9)
