"""Names, loading, and what is said about bad ones."""

import io
import json
import multiprocessing
import os
import sys
import warnings
import zipfile

import h5py
import keras
import numpy as np
import PIL
import pytest
import small
import tensorflow as tf

import zoo
from zoo import artifacts, registry
from zoo.registry import CATALOG

IMAGES = np.random.default_rng(0).random((3, 28, 28, 1), dtype=np.float32)


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


@pytest.mark.parametrize("name", ["dense_ae", "conv_vae"])
def test_an_unknown_argument_of_a_trained_model_is_named(name):
    with pytest.raises(ValueError, match="has no argument cache_dir: it takes image_shape"):
        zoo.load(name, cache_dir="x")


@pytest.mark.parametrize(("dtype", "optimizer"), [("mixed_float16", "LossScaleOptimizer"), ("float64", "Adam")])
def test_a_trained_model_in_another_number_format(dtype, optimizer):
    """By argument, or by Keras' global policy: the same layers, and the optimizer that Keras gives them."""
    by_argument = zoo.load("dense_ae", dtype=dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        by_policy = zoo.load("dense_ae")
    finally:
        keras.config.set_dtype_policy("float32")
    plain = zoo.load("dense_ae")
    assert {layer.dtype_policy.name for layer in plain._flatten_layers()} == {"float32"}
    for model in (by_argument, by_policy):
        assert model.dtype_policy.name == dtype and type(model.optimizer).__name__ == optimizer
        assert [layer.dtype_policy.name for layer in model.encoder.layers[:-1]] == [dtype] * 3
        np.testing.assert_allclose(model.encode(IMAGES), plain.encode(IMAGES), atol=0.05)


def test_a_trained_model_exports_as_it_is(tmp_path):
    """By Keras' own ``export``, called before or not: its input is known."""
    model = zoo.load("dense_ae")
    assert model._build_shapes_dict == {"input_shape": (None, 28, 28, 1)}
    model.export(tmp_path / "before", verbose=False)
    expected = model.predict(IMAGES, verbose=0)
    model.export(tmp_path / "after", verbose=False)
    for name in ("before", "after"):
        served = tf.saved_model.load(str(tmp_path / name))
        np.testing.assert_allclose(served.serve(IMAGES), expected, atol=1e-5)


def test_a_file_of_the_user_s_own_loads(tmp_path):
    model = zoo.load("dense_ae")
    model.save(tmp_path / "mine.keras")
    again = zoo.load(tmp_path / "mine.keras")
    np.testing.assert_array_equal(again(IMAGES), model(IMAGES))
    assert again.compiled and zoo.load(str(tmp_path / "mine.keras"), dtype="float64").dtype_policy.name == "float64"
    with pytest.raises(ValueError, match="yours.keras is no file: .* after import zoo.models"):
        zoo.load(tmp_path / "yours.keras")
    (tmp_path / "broken.keras").write_bytes((tmp_path / "mine.keras").read_bytes()[:5000])
    with pytest.raises(ValueError, match="broken.keras holds no model that can be loaded: "):
        zoo.load(tmp_path / "broken.keras")
    with pytest.raises(ValueError, match="name must be a name, a folder or a file: received NoneType"):
        zoo.load(None)


def _without_build(config):
    del config["build_config"]


def _other_layers(config):
    config["config"]["hidden_units"] = [512]


def _other_width(config):
    config["config"]["latent_dim"] = 7


@pytest.mark.filterwarnings("ignore")  # Keras says that it leaves out what does not fit
@pytest.mark.parametrize("damage", [_without_build, _other_layers, _other_width])
def test_a_file_whose_weights_are_not_its_models_is_refused(damage, tmp_path):
    """An untrained model in the place of a trained one would be worse than an error."""
    source = artifacts.find("dense_ae").file("model.keras")
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(tmp_path / "d.keras", "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            if entry == "config.json":
                config = json.loads(content)
                damage(config)
                content = json.dumps(config).encode()
            new.writestr(entry, content)
    with pytest.raises(ValueError, match="d.keras (does not hold the weights of its|holds no) model"):
        zoo.load(tmp_path / "d.keras")


@pytest.mark.slow
def test_a_cleared_session_keeps_nothing_of_the_models_that_were_loaded(run_python):
    run_python(
        """
import resource
import keras, zoo

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

def load(times):
    for _ in range(times):
        zoo.load("dense_ae")
        keras.utils.clear_session()

load(3)
before = peak()
load(40)
assert peak() < 1.03 * before, (before, peak())
"""
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked on POSIX systems")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a fork beside threads, which is what is tested
def test_a_process_forked_from_a_running_tensorflow_says_so():
    """Where loading would wait for ever."""
    tf.zeros(())
    reader, writer = multiprocessing.Pipe()

    def child():
        try:
            zoo.load("dense_ae")
        except RuntimeError as error:
            writer.send(str(error))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    assert reader.poll(60), "the process hangs"
    assert "forked after TensorFlow had started" in reader.recv()
    process.join()


def test_fresh_weights_are_not_the_trained_ones():
    fresh, trained = (zoo.load("dense_ae", pretrained=p).get_weights()[0] for p in (False, True))
    assert np.abs(fresh - trained).max() > 0.01


def test_every_row_says_what_a_user_asks():
    others = {"text_ae": "glosses", "summarizer": "docstrings", "tabular_ae": "breast_cancer"}
    others |= dict.fromkeys(["signal_ae", "denoising_signal_ae"], "spoken_digit") | {"detecting_signal_ae": "mitbih"}
    others |= dict.fromkeys(["photo_compressor", "photo_denoiser", "pixel_predictor"], "photos")
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

    with pytest.raises(ValueError, match="holds no model that can be loaded: ") as error:
        zoo.load(stranger(change=fewer))
    assert "\n" not in str(error.value)


def test_a_function_that_is_called_again_does_not_load_its_model_again(tmp_path):
    model = registry.loaded("unpool_ae.mnist")
    assert registry.loaded("unpool_ae.mnist") is model and registry.loaded(model) is model
    assert zoo.load("unpool_ae.mnist") is not model, "what a user gets is the user's"
    model.save(tmp_path / "mine.keras")
    mine = registry.loaded(tmp_path / "mine.keras")
    assert registry.loaded(tmp_path / "mine.keras") is mine
    os.utime(tmp_path / "mine.keras", ns=(1, 1))
    assert registry.loaded(tmp_path / "mine.keras") is not mine, "the file is another"


# Old names


def test_an_old_name_of_a_model_warns_and_works(monkeypatch, tmp_path):
    deprecations = zoo.registry.deprecations
    monkeypatch.setattr(deprecations, "MODELS", {"old_ae": "conv_ae", "conv_ae.digits": "conv_ae.mnist"})
    with pytest.warns(FutureWarning, match="The model old_ae.mnist is now conv_ae.mnist: the old name still works"):
        assert zoo.info("old_ae.mnist") == zoo.info("conv_ae.mnist")
    with pytest.warns(FutureWarning, match="The model conv_ae.digits is now conv_ae.mnist"):
        assert zoo.load("conv_ae.digits").count_params() == zoo.load("conv_ae.mnist").count_params()
    with pytest.warns(FutureWarning, match="The model old_ae is now conv_ae"):
        data = zoo.Codec("old_ae").compress(np.zeros((28, 28), np.uint8))
    with warnings.catch_warnings():  # names of today say nothing, and neither does a file that was written long ago
        warnings.simplefilter("error")
        assert artifacts.find("old_ae.mnist", folders=False).name == "conv_ae.mnist"
        assert zoo.Codec("conv_ae").decompress(data).shape == (28, 28)
    with pytest.raises(ValueError, match="Unknown model 'oldae'"):
        zoo.info("oldae")


def test_old_names_are_none_of_todays_and_lead_to_todays():
    deprecations = zoo.registry.deprecations
    for old, new in deprecations.MODELS.items():
        assert artifacts.split_name(new)[0] in CATALOG and old not in CATALOG and old not in zoo.list_models()
    for old, new in deprecations.EXPORTS.items():
        part, _, name = old.rpartition(".")
        module = getattr(zoo, part) if part else zoo
        assert name not in module.__all__ and new.removeprefix(f"{part}.") in module.__all__
        with pytest.warns(FutureWarning, match=f"zoo.{old} is now zoo.{new}"):
            assert getattr(module, name) is getattr(module, new.removeprefix(f"{part}."))


def test_old_names_of_exports_and_arguments_warn_and_work(monkeypatch):
    deprecations = zoo.registry.deprecations
    monkeypatch.setattr(deprecations, "EXPORTS", {"load_model": "load"})
    with pytest.warns(FutureWarning, match="zoo.load_model is now zoo.load"):
        assert zoo.load_model is zoo.load

    @deprecations.renamed_arguments(tables="num_priors")
    def made(*, num_priors=4):
        return num_priors

    with pytest.warns(FutureWarning, match="The argument tables is now num_priors"):
        assert made(tables=16) == 16
    with pytest.raises(ValueError, match="tables is the old name of num_priors: give num_priors alone"):
        made(tables=16, num_priors=16)
    with pytest.raises(TypeError, match="unexpected keyword argument 'table'"):
        made(table=16)


# Arguments that were renamed: of models, and of the layers that they are saved with
RENAMED = [
    ("compressor", "tables", "num_priors", 5),
    ("signal_ae", "tables", "num_priors", 5),
    ("signal_ae", "image_shape", "example_shape", (128, 1)),
    ("denoising_signal_ae", "image_shape", "example_shape", (128, 1)),
    ("text_ae", "image_shape", "example_shape", (20,)),
    ("text_ae", "hidden_pieces", "hidden_tokens", 0.5),
    ("summarizer", "image_shape", "example_shape", (40,)),
    ("gan", "image_shape", "example_shape", (2,)),
]


@pytest.mark.parametrize(("name", "old", "new", "value"), RENAMED)
def test_a_model_takes_old_names_of_arguments_and_reads_those_of_files(name, old, new, value):
    model = small.SMALL[name](**{"example_shape": (3,)} if name == "gan" else {})
    config = model.get_config()
    assert new in config and old not in config
    config[old] = value
    del config[new]
    with warnings.catch_warnings():  # a saved file is silent
        warnings.simplefilter("error")
        assert type(model).from_config(config).get_config()[new] == value
    with pytest.warns(FutureWarning, match=f"The argument {old}( of points)? is now {new}"):
        assert zoo.registry.create(name, **{old: value}).get_config()[new] == value
    if name != "gan":  # which has both, of images and of points
        with pytest.raises(ValueError, match=f"{old} is the old name of {new}: give {new} alone"):
            zoo.registry.create(name, **{old: value, new: value})


def test_a_layer_reads_old_names_of_files():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer = zoo.layers.EntropyBottleneck.from_config({"tables": 3, "name": "bottleneck"})
    assert layer.num_priors == 3 and layer.get_config()["num_priors"] == 3


@pytest.mark.parametrize("name", ["compressor.mnist_q1", "signal_ae", "text_ae", "gan.mnist"])
def test_shipped_files_are_read_without_a_warning(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        zoo.load(name)


# What a training needs


def test_what_a_training_needs_is_said_before_it_starts(monkeypatch):
    from zoo.data import text
    from zoo.registry import needs

    needs.check("conv_ae.mnist")
    monkeypatch.setattr(text, "PACKAGES", {"train": ("numpy", "unheard_of"), "test": ("unheard_of_too",)})
    line = "reads the docstrings of packages that are not installed: unheard_of, unheard_of_too."
    with pytest.raises(ValueError) as caught:
        needs.check("summarizer")
    assert str(caught.value) == f"To be trained, summarizer.docstrings {line}"
    monkeypatch.setitem(sys.modules, "rouge_score", None)
    with pytest.raises(zoo.extras.MissingPackage) as caught:
        needs.check("summarizer")
    wanted = "To be trained, summarizer.docstrings needs rouge-score: pip install 'autoencoder-zoo[benchmark]'; it "
    assert str(caught.value) == wanted + line
    with pytest.raises(ValueError, match=r"needs rouge-score: pip install 'autoencoder-zoo\[benchmark\]'\.$"):
        needs.check("summarizer", "pairs.jsonl")
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(ValueError, match=r"text_ae.glosses needs sentencepiece: pip install '.*\[text\]'\.$"):
        needs.check("text_ae")
    with pytest.raises(ValueError, match="Unknown model"):
        needs.check("text_a")


def test_versions_of_packages_are_those_installed():
    from zoo.registry import needs

    assert needs.versions(["numpy", "PIL", "json"]) == {"numpy": np.__version__, "PIL": PIL.__version__}
