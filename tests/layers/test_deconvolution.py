"""Deconvolution, against NumPy loops and against each other."""

import keras
import numpy as np
import pytest
from checks import check_layer

from zoo import backend, layers
from zoo.exporting import litert
from zoo.layers.deconvolution import METHODS, Deconvolution2D

rng = np.random.default_rng(0)
IMAGES = rng.normal(size=(2, 5, 3, 4)).astype("float32")


def transposed_by_hand(x, kernel, bias, strides):
    """Every pixel adds the kernel, times itself, at its place; "same" then cuts the borders, more after than before."""
    (batch, height, width, _), size = x.shape, len(kernel)
    spread = np.zeros((batch, height * strides + size, width * strides + size, len(bias)))
    for b, row, column in np.ndindex(batch, height, width):
        place = slice(row * strides, row * strides + size), slice(column * strides, column * strides + size)
        spread[b][place] += kernel @ x[b, row, column]
    before = max(size - strides, 0) // 2
    return spread[:, before : before + height * strides, before : before + width * strides] + bias


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("strides", [2, 3])
def test_every_method_is_a_layer_that_grows_its_input(method, strides):
    def make():
        return Deconvolution2D(6, 3, strides=strides, method=method, activation="relu")

    y = check_layer(make, IMAGES)
    assert y.shape == (2, 5 * strides, 3 * strides, 6) and y.min() == 0
    assert make().compute_output_shape((None, None, 3, 4)) == (None, None, 3 * strides, 6)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("strides", [2, 3, 4])
def test_zero_insertion_equals_transposition(size, strides):
    outputs = {}
    weights = [rng.normal(size=(size, size, 6, 4)).astype("float32"), rng.normal(size=6).astype("float32")]
    for method in ("transposed", "zero_inserted"):
        layer = Deconvolution2D(6, size, strides=strides, method=method)
        layer.build(IMAGES.shape)
        layer.set_weights(weights)
        outputs[method] = np.asarray(layer(IMAGES))
    np.testing.assert_allclose(outputs["transposed"], transposed_by_hand(IMAGES, *weights, strides), atol=1e-5)
    np.testing.assert_allclose(outputs["zero_inserted"], outputs["transposed"], atol=1e-5)


def test_zero_insertion_and_transposition_have_the_same_gradients():
    import tensorflow as tf

    layers = [Deconvolution2D(6, 4, method=method) for method in ("transposed", "zero_inserted")]
    for layer in layers:
        layer.build(IMAGES.shape)
    layers[1].set_weights(layers[0].get_weights())
    gradients = []
    for layer in layers:
        x = tf.constant(IMAGES)
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x) ** 2)
        gradients.append(tape.gradient(loss, [x, *[w.value for w in layer.trainable_variables]]))
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)


def test_resizing_repeats_pixels_before_the_convolution():
    layer = Deconvolution2D(1, 3, strides=2, method="resize")
    layer.build(IMAGES.shape)
    kernel, bias = rng.normal(size=(3, 3, 4, 1)).astype("float32"), np.array([0.5], np.float32)
    layer.set_weights([kernel, bias])
    grown = np.pad(IMAGES.repeat(2, axis=1).repeat(2, axis=2), ((0, 0), (1, 1), (1, 1), (0, 0)))
    expected = np.full((2, 10, 6, 1), 0.5)
    for row, column in np.ndindex(3, 3):
        expected += grown[:, row : row + 10, column : column + 6] @ kernel[row, column]
    np.testing.assert_allclose(layer(IMAGES), expected, atol=1e-5)


def test_the_sub_pixel_kernel_works_at_the_low_resolution():
    layer = Deconvolution2D(1, 1, strides=2, method="sub_pixel")
    layer.build(IMAGES.shape)
    kernel = rng.normal(size=(1, 1, 4, 4)).astype("float32")
    layer.set_weights([kernel, np.zeros(4)])
    y = np.asarray(layer(IMAGES))
    for row, column in np.ndindex(2, 2):
        expected = IMAGES @ kernel[0, 0, :, 2 * row + column]
        np.testing.assert_allclose(y[:, row::2, column::2, 0], expected, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_survives_saving(method, tmp_path):
    inputs = keras.Input((None, None, 4))
    model = keras.Model(inputs, Deconvolution2D(2, 4, strides=2, method=method, activation="silu")(inputs))
    model.save(tmp_path / "m.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "m.keras")(IMAGES), model(IMAGES), atol=1e-6)


OPERATORS = {
    "transposed": {"TRANSPOSE_CONV"},
    "zero_inserted": {"CONV_2D", "DEPTH_TO_SPACE", "PAD"},
    "sub_pixel": {"CONV_2D", "DEPTH_TO_SPACE"},
    "resize": {"CONCATENATION", "CONV_2D", "DEPTH_TO_SPACE"},
}


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("quantization", [None, "int8"])
def test_every_method_converts_to_litert_builtins(method, quantization):
    from ai_edge_litert.interpreter import Interpreter

    inputs = keras.Input(IMAGES.shape[1:])
    model = keras.Model(inputs, Deconvolution2D(6, 4, strides=2, method=method)(inputs))
    flatbuffer = litert.convert(model, quantization=quantization, calibration=IMAGES)
    assert set(litert.operators(flatbuffer)) == OPERATORS[method]
    interpreter = Interpreter(model_content=flatbuffer)
    interpreter.allocate_tensors()
    (source,), (sink,) = interpreter.get_input_details(), interpreter.get_output_details()
    x = IMAGES[:1]
    if quantization:
        scale, zero = source["quantization"]
        x = np.clip(np.rint(x / scale) + zero, -128, 127).astype(np.int8)
    interpreter.set_tensor(source["index"], x)
    interpreter.invoke()
    y = interpreter.get_tensor(sink["index"])
    if quantization:
        scale, zero = sink["quantization"]
        y = (y.astype(np.float32) - zero) * scale
    expected = np.asarray(model(IMAGES[:1]))
    np.testing.assert_allclose(y, expected, atol=0.04 * np.abs(expected).max() if quantization else 1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, "filters must be an integer ≥ 1: received 0"),
        ({"kernel_size": -3}, "kernel_size must be an integer ≥ 1: received -3"),
        ({"strides": 1}, "strides must be an integer ≥ 2: received 1"),
        ({"strides": 2.5}, "strides must be an integer ≥ 2: received 2.5"),
        ({"method": "bilinear"}, "method must be transposed, zero_inserted, sub_pixel, resize: received 'bilinear'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Deconvolution2D(**{"filters": 4, "kernel_size": 3, **arguments})


SIZES = [  # kernel, strides, height and width
    (4, 2, (7, 6)),
    (3, 2, (7, 6)),
    (3, 1, (5, 4)),
    (2, 3, (8, 9)),
    (5, 3, (8, 5)),
    (4, 2, (4, 5)),
]


@pytest.fixture
def many(monkeypatch):
    """So few channels are many: what is spelled out is what runs."""
    monkeypatch.setattr(backend, "MANY_CHANNELS", 1)


def gradients_of(layer, x, training):
    """Output, and the gradients of a loss, and of the length of its gradient, for input and weights."""
    import tensorflow as tf

    x = tf.constant(x)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=training)
            loss = tf.reduce_sum(tf.sin(y))
        slopes = tape.gradient(loss, [x, *[v.value for v in layer.trainable_variables]])
        length = tf.reduce_sum(slopes[0] ** 2)
    second = outer.gradient(length, [x, layer.kernel.value])
    return [np.asarray(value) for value in (y, *slopes, *second)]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size, strides, image", SIZES)
@pytest.mark.parametrize("kind", [layers.Conv2D, layers.Conv2DTranspose])
def test_spelled_out_convolutions_are_keras_own(many, kind, size, strides, image, padding):
    layer = kind(3, size, strides, padding=padding, activation="tanh", bias_initializer="normal")
    x = rng.normal(size=(2, *image, 4)).astype("float32")
    layer.build(x.shape)
    assert layer._plain(keras.KerasTensor(x.shape))
    for ours, kerass in zip(gradients_of(layer, x, True), gradients_of(layer, x, False), strict=True):
        np.testing.assert_allclose(ours, kerass, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [layers.Conv2D, layers.Conv2DTranspose])
def test_spelled_out_convolutions_are_layers(many, kind):
    check_layer(lambda: kind(6, 3, 2, activation="relu"), IMAGES)
    check_layer(lambda: kind(6, 3, 2, padding="same", use_bias=False), IMAGES)


@pytest.mark.parametrize("kind", [layers.Conv2D, layers.Conv2DTranspose])
def test_other_convolutions_are_left_to_keras(monkeypatch, kind):
    def plain(channels=4, image=(5, 3), **arguments):
        layer = kind(**{"filters": 4, "kernel_size": 3, "strides": 2, **arguments})
        return layer._plain(keras.KerasTensor((2, *image, channels)))

    assert not plain() and plain(128, filters=128)
    monkeypatch.setattr(backend, "MANY_CHANNELS", 1)
    assert plain()
    others = [{"kernel_size": (2, 3)}, {"strides": (1, 2)}, {"strides": 1, "dilation_rate": 2}, {"image": (None, 3)}]
    for other in others:
        assert not plain(**other)
    if kind is layers.Conv2DTranspose:
        assert not plain(output_padding=1)
    else:
        assert not plain(groups=2)


def test_a_deconvolution_of_many_channels_trains_as_one_of_few(many):
    layer = Deconvolution2D(6, 3, method="transposed", activation="relu")
    layer.build(IMAGES.shape)
    np.testing.assert_allclose(layer(IMAGES, training=True), layer(IMAGES), atol=1e-5)
