"""Every shipped model gives TensorFlow's golden outputs on whatever backend Keras has, within 1e-4."""

import keras
import numpy as np
import pytest

import zoo
from zoo import artifacts, registry
from zoo.evaluation import flat_code

TOLERANCE = 1e-4


def numbers(x) -> np.ndarray:
    return keras.ops.convert_to_numpy(x)


def close(found, expected, what, relative=0.0, tolerance=TOLERANCE):
    np.testing.assert_allclose(numbers(found), expected, atol=tolerance, rtol=relative, err_msg=what)


@pytest.mark.slow
@pytest.mark.parametrize("name", artifacts.names())
def test_golden_outputs(name):
    golden = dict(np.load(artifacts.find(name).file("golden.npz")))
    model = zoo.load(name)
    assert model.count_params() == zoo.info(name)["parameters"]
    x = zoo.data.unit(golden["images"]) if "images" in golden else golden["generated"]
    targets = None
    if "generated" in golden:
        inputs = golden["noise"]
        if "labels" in golden:
            targets, inputs = golden["labels"], [inputs, golden["labels"]]
        close(model.generator.predict(inputs, verbose=0), golden["generated"], "generator.predict")
    if hasattr(model, "generate"):
        drawn = numbers(model.generate(2, seed=1))
        assert drawn.shape == (2, *model.example_shape) and np.isfinite(drawn).all()
    if "logits" in golden:
        close(model.predict(x, verbose=0), golden["logits"], "predict", TOLERANCE)
        close(model.features(x), golden["features"], "features", TOLERANCE)
        targets = golden["logits"].argmax(axis=1)
    elif "written" in golden:
        close(model.encode(x), golden["code"], "code")
        assert model.write(x) == list(golden["written"])
    elif "bits" in golden:
        close(model.predict(x, verbose=0), golden["bits"], "bits", TOLERANCE)
    elif "denoised" in golden:
        close(model.predict(x, verbose=0), golden["denoised"], "predict")
    elif "code" in golden:
        spec, code = registry.spec_of(name), model.encode(x)
        relative = TOLERANCE if spec.modality == "table" else 0.0  # whose numbers are of any size
        # A photograph's codes are hundreds, of which float32 holds no more.
        tolerance = 10 * TOLERANCE if spec.modality == "photo" else TOLERANCE
        close(flat_code(code), golden["code"], "code", tolerance=tolerance)
        close(model.predict(x, verbose=0), golden["reconstruction"], "predict", relative)
        if not spec.compresses:  # of those, the code is rounded in between
            close(model.decode(code), golden["reconstruction"], "decode", relative)
    if name.startswith("summarizer") and keras.backend.backend() == "jax":
        return  # which fit and evaluate refuse, see test_fit.py
    figures = model.evaluate(x, targets, verbose=0, return_dict=True)
    assert np.isfinite([*figures.values()]).all(), figures
