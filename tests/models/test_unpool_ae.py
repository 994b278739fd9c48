"""The unpooling autoencoder: its code, and its two halves on small runtimes."""

import keras
import numpy as np
import pytest

from zoo.exporting import litert
from zoo.models.autoencoders.unpool_ae import UnpoolAE

IMAGES = np.random.default_rng(0).random((8, 12, 8, 1), dtype=np.float32)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    made = UnpoolAE(image_shape=(12, 8, 1), filters=(4, 8), pooled_channels=(1, 2), latent_dim=4)
    made.build()
    return made


def test_the_code_is_counted_with_its_switches(model):
    z, *switches = (np.asarray(part) for part in model.encode(IMAGES))
    assert z.shape == (8, 4) and [s.shape[1:] for s in switches] == [(6, 4, 1), (3, 2, 2)]
    assert all(s.dtype == np.int32 and set(np.unique(s)) <= {0, 1, 2, 3} for s in switches)
    assert model.code_numbers == 4 + 24 + 12
    assert model.code_bits == 4 * 32 + (24 + 12) * 2


def test_by_default_the_code_is_smaller_than_the_image():
    model = UnpoolAE()
    model.build()
    assert model.code_numbers == sum(np.prod(part.shape[1:]) for part in model.encoder.outputs) == 620 < 28 * 28
    assert model.code_bits == 2200


def test_nothing_but_the_code_reaches_the_decoder(model):
    z, switches_1, switches_2 = (np.asarray(part) for part in model.encode(IMAGES))
    reconstruction = np.asarray(model.decode((z, switches_1, switches_2)))
    np.testing.assert_allclose(reconstruction, model(IMAGES), atol=1e-6)
    for other in ((z + 1, switches_1, switches_2), (z, 3 - switches_1, switches_2), (z, switches_1, 3 - switches_2)):
        assert np.abs(np.asarray(model.decode(other)) - reconstruction).max() > 1e-4


@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_int8_files_run_on_litert_and_litert_micro(model, half):
    import tflite_micro
    from ai_edge_litert.interpreter import Interpreter

    network = getattr(model, half)
    inputs = (IMAGES,) if half == "encoder" else tuple(np.asarray(part) for part in model.encode(IMAGES))
    calibration = IMAGES if half == "encoder" else inputs
    flatbuffer = litert.convert(network, quantization="int8", calibration=calibration)
    assert not any(name.startswith("CUSTOM") for name in litert.operators(flatbuffer))
    large, small = Interpreter(model_content=flatbuffer), tflite_micro.runtime.Interpreter.from_bytes(flatbuffer)
    large.allocate_tensors()
    for at, (value, detail) in enumerate(zip(inputs, large.get_input_details(), strict=True)):
        value, (scale, zero_point) = value[:1], detail["quantization"]
        if detail["dtype"] == np.int8:
            value = np.clip(np.rint(value / scale) + zero_point, -128, 127).astype(np.int8)
        large.set_tensor(detail["index"], value)
        small.set_input(value, at)
    large.invoke()
    small.invoke()
    expected = keras.tree.flatten(network([part[:1] for part in inputs] if half == "decoder" else IMAGES[:1]))
    for at, (detail, exact) in enumerate(zip(large.get_output_details(), expected, strict=True)):
        output, (scale, zero_point) = large.get_tensor(detail["index"]), detail["quantization"]
        assert np.abs(small.get_output(at).astype(int) - output).max() <= 3  # convolutions round in their own ways
        if detail["dtype"] == np.int8:
            assert np.abs((output.astype(float) - zero_point) * scale - exact).max() < 0.1 * np.abs(exact).max()
        else:  # rounding moves a few near ties
            assert (output == np.asarray(exact)).mean() > 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_shape": (30, 28, 1)}, "image_shape must have a height and width divisible by 4"),
        ({"filters": (16,)}, "filters must be two positive integers: received"),
        ({"pooled_channels": (2, 0)}, "pooled_channels must be two positive integers: received"),
        ({"latent_dim": 0}, "latent_dim must be a positive integer: received 0"),
        ({"pooled_channels": (4, 4)}, "received a code of 1012 numbers"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        UnpoolAE(**arguments)
