"""Names, loading, and what is said about bad ones."""

import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
import small

import zoo
from zoo import artifacts
from zoo.registry import CATALOG


def test_names_and_patterns():
    assert "denoising_ae.mnist" in zoo.list_models()
    assert zoo.list_models("conv_ae") == ["conv_ae.fashion_mnist", "conv_ae.mnist"]
    assert all(name.endswith(".mnist") for name in zoo.list_models("*.mnist"))
    assert set(zoo.list_models(pretrained=True)) <= set(zoo.list_models())


def test_a_model_without_weights_says_what_to_do(monkeypatch):
    monkeypatch.setattr(artifacts, "names", lambda: [])
    with pytest.raises(ValueError, match=r"dcgan.fashion_mnist comes without trained weights: train it .zoo train"):
        zoo.load("dcgan")
    assert zoo.load("dcgan.mnist", pretrained=False, filters=4, clip=0.1).clip == 0.1
    assert zoo.info("dcgan")["parameters"] is None


@pytest.mark.parametrize(
    ("name", "closest"),
    [("denoisng_ae", "denoising_ae"), ("conv_ae.fashion", "conv_ae.fashion_mnist"), ("densae", "dense_ae")],
)
@pytest.mark.parametrize("call", [zoo.load, zoo.info, zoo.Codec])
def test_an_unknown_name_offers_the_closest(call, name, closest):
    with pytest.raises(ValueError, match=f"did you mean .*{closest}"):
        call(name)


def test_overrides():
    assert zoo.load("dense_ae", pretrained=False, latent_dim=5).latent_dim == 5
    with pytest.raises(ValueError, match="has no argument lateral_dim: it takes image_shape"):
        zoo.load("dense_ae", pretrained=False, lateral_dim=5)
    with pytest.raises(ValueError, match="do not fit .*pretrained=False"):
        zoo.load("dense_ae", latent_dim=5)
    assert zoo.load("conv_ae", rate_weight=0.1).rate_weight == 0.1


def test_fresh_weights_are_not_the_trained_ones():
    fresh, trained = (zoo.load("dense_ae", pretrained=p).get_weights()[0] for p in (False, True))
    assert np.abs(fresh - trained).max() > 0.01


def test_every_row_says_what_a_user_asks():
    others = {"text_ae": "glosses", "summarizer": "docstrings"}
    others |= dict.fromkeys(["signal_ae", "denoising_signal_ae"], "spoken_digit")
    for name, spec in CATALOG.items():
        default = others.get(name, "fashion_mnist")
        assert spec.summary.endswith(".") and spec.paper and spec.data_of(spec.tags[0]) == default, name


# Folders of strangers


@pytest.fixture
def stranger(tmp_path):
    """Makes the folder of a small model whose parts are replaced: of its configuration, or of its file."""
    model = small.SMALL["dense_ae"]()
    model.build()
    model.compile()
    model.save(tmp_path / "honest.keras")
    with zipfile.ZipFile(tmp_path / "honest.keras") as archive:
        honest = {name: archive.read(name) for name in archive.namelist()}

    def folder(change=None, config=None, content=None):
        parts = dict(honest)
        if config:
            parts["config.json"] = json.dumps(config(json.loads(parts["config.json"]))).encode()
        if change:
            change(parts)
        (tmp_path / "mine").mkdir()
        with zipfile.ZipFile(tmp_path / "mine" / "model.keras", "w") as archive:
            for name, data in parts.items():
                archive.writestr(name, data)
        if content is not None:
            (tmp_path / "mine" / "model.keras").write_bytes(content)
        (tmp_path / "mine" / "card.json").write_text('{"architecture": "dense_ae"}')
        artifacts.write_manifest(tmp_path / "mine")
        return tmp_path / "mine"

    folder.model = model
    return folder


def weights_file(make):
    """Replaces the weights by an HDF5 file that ``make`` fills."""

    def change(parts):
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            make(file)
        parts["model.weights.h5"] = buffer.getvalue()

    return change


def with_arguments(**arguments):
    return lambda config: {**config, "config": {**config["config"], **arguments}}


def test_an_honest_folder_loads(stranger):
    x = small.examples("dense_ae", 2)
    np.testing.assert_array_equal(zoo.load(stranger())(x), stranger.model(x))


def cut(parts):
    parts["model.weights.h5"] = parts["model.weights.h5"][:1000]


def external(file):
    file.create_dataset("w", (64,), "float32", external=[("/etc/hostname", 0, 256)])


def elsewhere(file):
    file["w"] = h5py.ExternalLink("/etc/hostname", "/w")


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({"change": cut}, "truncated"),
        ({"change": lambda parts: parts.pop("model.weights.h5")}, "no item named 'model.weights.h5'"),
        ({"change": lambda parts: parts.update({"config.json": b"{"})}, "is no model of the zoo: Expecting"),
        (
            {"change": lambda parts: parts.update({"config.json": b"[" * 9000})},
            "is no model of the zoo: maximum recurs",
        ),
        ({"change": lambda parts: parts.update({"config.json": b" " * 20_000})}, "has more than 16,384 bytes"),
        ({"change": weights_file(external)}, "the array w must lie in the file as it is"),
        ({"change": weights_file(elsewhere)}, "w of its weights is a link"),
        (
            {"change": weights_file(lambda file: file.create_dataset("w", (1 << 30,), "float32", chunks=(1 << 20,)))},
            "the array w must lie in the file as it is, with 4,294,967,296 bytes",
        ),
        (
            {"change": weights_file(lambda file: file.create_dataset("w", (1 << 30,), "float32"))},
            "the array w must lie in the file as it is",
        ),
        ({"config": lambda config: []}, "is no model of the zoo"),
        (
            {"config": lambda config: {**config, "registered_name": None, "class_name": "Sequential"}},
            "'Sequential', and",
        ),
        ({"config": lambda config: {**config, "registered_name": "zoo>Nothing"}}, "is no model of the zoo"),
        ({"config": with_arguments(hidden_units="many")}, "is no model of the zoo"),
        ({"config": with_arguments(nothing=1)}, "is no model of the zoo"),
        ({"config": with_arguments(hidden_units=[60_000, 60_000])}, r"leads to 28,\d{3},\d{3},\d{3} bytes of weights"),
        ({"content": b"no archive"}, "is no model of the zoo: File is not a zip file"),
    ],
)
def test_a_folder_of_a_stranger_is_refused_before_keras_opens_it(stranger, monkeypatch, case, message):
    folder = stranger(**case)
    monkeypatch.setattr(keras.models, "load_model", lambda *arguments, **options: pytest.fail("it was opened"))
    with pytest.raises(ValueError, match=message) as error:
        zoo.load(folder)
    assert str(folder) in str(error.value) and "\n" not in str(error.value) and len(str(error.value)) < 600


def test_weights_of_another_shape_are_one_line(stranger):
    def fewer(parts):
        buffer = io.BytesIO(parts["model.weights.h5"])
        with h5py.File(buffer, "r+") as file:
            file["spare"] = np.zeros(5000, np.float32)  # as many bytes, but not where they belong
            del file["encoder"]
        parts["model.weights.h5"] = buffer.getvalue()

    with pytest.raises(ValueError, match="is no model of the zoo: ") as error:
        zoo.load(stranger(change=fewer))
    assert "\n" not in str(error.value)
