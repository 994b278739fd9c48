"""The trained models that come with the package keep what their cards promise."""

import json

import keras
import numpy as np
import pytest

import zoo
from zoo import artifacts, exporting, modalities, registry
from zoo.demo import samples
from zoo.registry import CATALOG

NAMES = artifacts.names()
ENCODERS = [name for name in NAMES if modalities.quantizes(registry.spec_of(name))]
TEXTUAL = [name for name in NAMES if registry.spec_of(name).modality == "text"]
PHOTOS = [name for name in NAMES if registry.spec_of(name).modality == "photo"]
GENERATIVE = [
    name for name in NAMES if registry.AdversarialRecipe in map(type, registry.spec_of(name).recipes.values())
]


def test_all_of_the_catalogue_is_shipped_within_bounds(root):
    assert NAMES == sorted(zoo.list_models(pretrained=True))
    files = [p for p in (root / "savedmodels").rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) <= 96e6


@pytest.mark.slow
def test_golden_outputs_in_a_fresh_process(run_python):
    printed = run_python(
        f"""
import keras, numpy as np, zoo
from zoo import artifacts
from zoo.evaluation import flat_code
for name in {NAMES!r}:
    golden = dict(np.load(artifacts.find(name).file("golden.npz")))
    model = zoo.load(name)
    assert model.count_params() == zoo.info(name)["parameters"], name
    images = zoo.data.unit(golden["images"]) if "images" in golden else golden["generated"]
    targets, optimizers = None, getattr(model, "optimizers", None) or [model.optimizer]
    if "generated" in golden:
        inputs = golden["noise"]
        if "labels" in golden:
            targets, inputs = golden["labels"], [inputs, golden["labels"]]
        np.testing.assert_allclose(model.generator(inputs), golden["generated"], atol=1e-5, err_msg=name)
    if "logits" in golden:
        np.testing.assert_allclose(model(images), golden["logits"], atol=1e-4, err_msg=name)
        np.testing.assert_allclose(model.features(images), golden["features"], atol=1e-4, err_msg=name)
        targets = golden["logits"].argmax(axis=1)
    elif "written" in golden:
        np.testing.assert_allclose(model.encode(images), golden["code"], atol=1e-4, err_msg=name)
        assert model.write(images) == list(golden["written"]), name
    elif "bits" in golden:
        np.testing.assert_allclose(model(images), golden["bits"], rtol=1e-4, err_msg=name)
    elif "denoised" in golden:
        np.testing.assert_allclose(model(images), golden["denoised"], atol=1e-5, err_msg=name)
    elif "code" in golden:
        np.testing.assert_allclose(model(images), golden["reconstruction"], atol=1e-5, err_msg=name)
        np.testing.assert_allclose(flat_code(model.encode(images)), golden["code"], atol=1e-4, err_msg=name)
    assert not any(np.any(v) for optimizer in optimizers for v in optimizer.variables[2:]), name
    model.run_eagerly = True  # one step, which a graph takes longer to be made for
    history = model.fit(images, targets, verbose=0).history
    assert np.isfinite([*history.values()]).all() and history.get("loss", [1])[0] != 0, name
    print(name)
"""
    )
    assert printed.split() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_card(name):
    artifact = artifacts.find(name)
    card = artifact.card
    most = 4_000_000 if name == "photo_compressor.photos" else 2_400_000 if name in TEXTUAL + PHOTOS else 1_200_000
    assert card["name"] == name and card["parameters"] <= most
    assert len(card["data"]["fingerprint"]) == 16
    examples = {"signal_ae.spoken_digit": 2459, "denoising_signal_ae.spoken_digit": 2459, "text_ae.glosses": 5808}
    examples |= {"summarizer.docstrings": 1135, "tabular_ae.breast_cancer": 56, "photo_denoiser.photos": 20}
    examples |= {"pixel_predictor.photos": 20, "photo_compressor.photos": 20}
    examples["detecting_signal_ae.mitbih"] = 49_691
    examples |= dict.fromkeys(["signal_ae.ecg", "signal_ae.ecg_20"], 55_229)
    assert card["data"]["test"] == examples.get(name, 10_000)
    assert card["training"]["seconds"] > 0 and "zoo train" in card["training"]["command"]
    assert ("code_shape" in card) == (name in ENCODERS + TEXTUAL)
    assert ("litert" in card) == (name in ENCODERS or artifact.has("model.tflite"))
    assert artifact.has("encoder.tflite") == (name in ENCODERS)
    if name.startswith("classifier"):
        assert card["metrics"]["accuracy"] > {"mnist": 0.99, "fashion_mnist": 0.92}[card["data"]["source"]]
    assert ("samples" in card["metrics"]) == (name in GENERATIVE)


@pytest.mark.parametrize("name", ["vae.mnist", "conv_vae.mnist"])
def test_card_of_a_likelihood(name):
    card = artifacts.find(name).card
    metrics = card["metrics"]
    assert metrics["negative_log_likelihood"] < metrics["negative_elbo"] and 0.1 < metrics["standard_error"] < 0.5
    assert metrics["importance_samples"] >= 50 and metrics["likelihood_images"] == 10_000
    assert metrics["likelihood_dtype_policy"] in ("float32", "mixed_bfloat16")
    assert "another binary draw" in card["note"] and "55,000 images" in card["note"]


@pytest.mark.parametrize("name", GENERATIVE)
def test_card_of_a_generator(name):
    samples = artifacts.find(name).card["metrics"]["samples"]
    assert samples["images"] == 10_000 and samples["seeds"] == 5
    assert samples["features"].startswith(f"classifier.{name.partition('.')[2]} sha256")
    if name.startswith("cgan."):
        assert samples["conditional_accuracy"]["min"] > 0.85 and set(samples["asked"]) == {0.1}
    frechet = samples["frechet_distance"]
    assert samples["real"]["frechet_distance"] < frechet["min"] <= frechet["mean"] <= frechet["max"]
    # All classes are drawn, and hardly anything twice: no collapse.
    assert min(samples["classes"]) > 0.02 and samples["duplicate_rate"]["max"] < 0.05


@pytest.mark.parametrize("name", ENCODERS)
def test_card_of_a_code(name):
    artifact = artifacts.find(name)
    card = artifact.card
    overcomplete = card["architecture"] == "sparse_ae"
    assert (np.prod(card["code_shape"]) > np.prod(card["input_shape"])) == overcomplete
    assert card["litert"]["encoder_operators"] == exporting.operators(artifact.file("encoder.tflite").read_bytes())


@pytest.mark.parametrize("name", ENCODERS)
def test_the_int8_encoder_agrees_with_keras(name):
    from zoo.codec.litert import Network, quantized

    artifact, modality = artifacts.find(name), modalities.get(registry.spec_of(name).modality)
    with np.load(artifact.file("golden.npz")) as golden:
        images, code = golden["images"], golden["code"]
    network = Network(artifact.file("encoder.tflite"))
    scale, zero = network.output["quantization"]
    model = zoo.load(name) if modality.name in ("table", "photo") else None  # whose columns make features of the cells
    if modality.name == "photo":  # the file is a part of the encoder
        code = model.device_encoder().predict(images / np.float32(255), verbose=0)
    codes = network(quantized(modality.encoder_inputs(model, images), network.input))[0]
    code = code.reshape(len(code), -1)[:, : codes[0].size].reshape(codes.shape)  # of several parts, z
    error = (codes.astype(np.float32) - zero) * scale - code
    # Of a sigmoid code the logits, whose range is wide, are in 8 bits too.
    sigmoid = artifact.card["architecture"] in ("sparse_ae", "contractive_ae")
    assert np.sqrt(np.mean(error**2)) < (0.2 if sigmoid else 0.1) * code.std()


@pytest.mark.parametrize("name", NAMES)
def test_a_corrupted_weight_file_is_refused_before_it_is_opened(name, tmp_path):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(artifacts.find(name).path, folder)
    weights = folder / "model.keras"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ValueError, match="model.keras is corrupt: expected sha256"):
        zoo.load(folder)
    weights.write_bytes(data[:-100])
    with pytest.raises(ValueError, match="model.keras is corrupt: expected .* bytes"):
        zoo.load(folder)


def test_history_ends_where_the_card_says():
    for name in NAMES:
        artifact = artifacts.find(name)
        history, record = json.loads(artifact.file("history.json").read_text()), artifact.card["training"]
        spec = registry.spec_of(name)
        model_class = keras.saving.get_registered_object(f"zoo>{spec.class_path.partition(':')[2]}")
        for metric in model_class.default_metrics:
            assert history[f"val_{metric}"][-1] == record[f"validation_{metric}"]
        measured = {key.removeprefix("validation_") for key in record if key.startswith("validation_")}
        assert measured == {*model_class.default_metrics}


# Those of texts, which take integers, are exported in test_text_models.py; photographs in test_photographs.py.
@pytest.mark.slow
@pytest.mark.parametrize(
    "architecture", [name for name, spec in CATALOG.items() if spec.modality not in ("text", "photo")]
)
def test_every_architecture_exports(architecture, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    images, model = samples.load().images[:32], zoo.load(architecture)
    modality = modalities.of(model)
    if modality.name != "image":
        images = np.load(artifacts.find(architecture).file("calibration.npz"))["images"][:32]
    x = modality.encoder_inputs(model, images[:1])
    inputs = [np.asarray(x)]
    network = getattr(model, "encoder", None) or getattr(model, "generator", model)
    if network is getattr(model, "generator", None):
        inputs = [np.random.default_rng(0).standard_normal((1, model.latent_dim), dtype=np.float32)]
        inputs += [np.array([3], np.int32)] if model.num_classes else []
    expected = network(inputs if len(inputs) > 1 else inputs[0], training=False)
    expected = np.asarray(expected[0] if isinstance(expected, (list, tuple)) else expected)
    for quantization, tolerance in ((None, 1e-3), ("int8", 0.15)):
        path = zoo.export(model, tmp_path / "m.tflite", quantization=quantization, calibration=images)
        interpreter = Interpreter(str(path))
        interpreter.allocate_tensors()
        for details, value in zip(interpreter.get_input_details(), inputs, strict=True):
            if details["dtype"] == np.int8:
                scale, zero = details["quantization"]
                value = np.clip(np.rint(value / scale) + zero, -128, 127).astype(np.int8)
            interpreter.set_tensor(details["index"], value)
        interpreter.invoke()
        details = interpreter.get_output_details()[0]
        found = interpreter.get_tensor(details["index"]).astype(np.float32)
        if quantization:
            found = (found - details["quantization"][1]) * details["quantization"][0]
        error = np.sqrt(np.mean((found - expected) ** 2)) / np.sqrt(np.mean(expected**2))
        assert error < tolerance, quantization
