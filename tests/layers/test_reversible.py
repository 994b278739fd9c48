"""Tied weights: layers that run in reverse, and the models made of them."""

import keras
import numpy as np
import pytest
from checks import check_gradients, check_layer
from scipy.signal import correlate2d

from zoo.exporting import litert
from zoo.layers.reversible import ReversibleConv2D, ReversibleDense
from zoo.models.autoencoders.conv_tied_ae import ConvTiedAE
from zoo.models.autoencoders.tied_ae import TiedAE

rng = np.random.default_rng(0)
IMAGES = rng.random((2, 8, 4, 3), dtype=np.float32)
MODELS = {
    "tied_ae": lambda **k: TiedAE(image_shape=(12, 8, 1), hidden_units=(16, 8), latent_dim=4, **k),
    "conv_tied_ae": lambda **k: ConvTiedAE(image_shape=(12, 8, 1), filters=(5, 6), latent_dim=4, **k),
}


class BothWays(keras.layers.Layer):
    """A reversible layer forwards, then in reverse, so that the shared checks see both."""

    def __init__(self, sizes, tied=True, **kwargs):
        super().__init__(**kwargs)
        self.sizes, self.tied = list(sizes), tied
        kind = ReversibleDense if len(sizes) == 2 else ReversibleConv2D
        self.layer = kind(*sizes, tied=tied, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.layer.build(input_shape)

    def call(self, x):
        return self.layer(self.layer(x), reverse=True)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(self.layer.compute_output_shape(input_shape), reverse=True)

    def get_config(self):
        return {**super().get_config(), "sizes": self.sizes, "tied": self.tied}


def randomised(layer):
    """The layer with all weights random, the biases too."""
    layer.build()
    layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
    return layer


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("sizes", [(3, 5), (3, 5, 4, 2)])
def test_layers_in_both_directions(sizes, tied):
    check_layer(lambda: BothWays(sizes, tied), IMAGES)
    layer = BothWays(sizes, tied).layer
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def test_dense_against_numpy():
    layer = randomised(ReversibleDense(7, 3))
    kernel, bias, reverse_bias = (np.asarray(w) for w in layer.weights)
    x, z = (rng.normal(size=(2, 5, width)).astype("float32") for width in (7, 3))
    np.testing.assert_allclose(layer(x), x @ kernel + bias, atol=1e-5)
    np.testing.assert_allclose(layer(z, reverse=True), z @ kernel.T + reverse_bias, atol=1e-5)
    assert layer.compute_output_shape((None, 5, 3), reverse=True) == (None, 5, 7)


def test_convolution_against_scipy_and_loops():
    layer = randomised(ReversibleConv2D(3, 5, 3, strides=2))
    kernel, bias, reverse_bias = (np.asarray(w) for w in layer.weights)
    padded = np.pad(IMAGES, ((0, 0), (0, 1), (0, 1), (0, 0)))  # "same": an odd padding's larger half comes after
    expected = np.zeros((2, 4, 2, 5))
    for b, i, o in np.ndindex(2, 3, 5):
        expected[b, ..., o] += correlate2d(padded[b, ..., i], kernel[..., i, o], "valid")[::2, ::2]
    np.testing.assert_allclose(layer(IMAGES), expected + bias, atol=1e-5)

    y = rng.normal(size=(2, 4, 2, 5)).astype("float32")
    spread = np.zeros((2, 9, 5, 3))  # every place of y adds the kernel, weighted, at its own place
    for b, row, column in np.ndindex(2, 4, 2):
        spread[b, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3] += kernel @ y[b, row, column]
    np.testing.assert_allclose(layer(y, reverse=True), spread[:, :8, :4] + reverse_bias, atol=1e-5)


@pytest.mark.parametrize(("size", "strides"), [(1, 1), (1, 2), (2, 2), (3, 1), (3, 2), (4, 2), (5, 4)])
def test_the_reverse_convolution_is_the_adjoint(size, strides):
    layer = ReversibleConv2D(3, 5, size, strides)
    ax = np.asarray(layer(IMAGES), np.float64)
    y = rng.normal(size=ax.shape).astype("float32")
    aty = np.asarray(layer(y, reverse=True), np.float64)
    assert aty.shape == IMAGES.shape == layer.compute_output_shape(y.shape, reverse=True)
    assert (ax * y).sum() == pytest.approx((IMAGES * aty).sum(), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("sizes", [(3, 5), (3, 5, 4, 2)])
def test_the_gradient_of_the_kernel_is_the_sum_of_both_uses(sizes):
    import tensorflow as tf

    tied, untied = randomised(BothWays(sizes).layer), BothWays(sizes, tied=False).layer
    untied.build()
    kernel, bias, reverse_bias = tied.get_weights()
    untied.set_weights([kernel, bias, reverse_bias, kernel.T if len(sizes) == 2 else kernel])

    def gradients(layer):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((layer(layer(IMAGES), reverse=True) - 0.3) ** 2)
        return tape.gradient(loss, [v.value for v in layer.trainable_variables])

    forwards, _, _, backwards = gradients(untied)
    both = forwards + (tf.transpose(backwards) if len(sizes) == 2 else backwards)
    assert len(tied.trainable_variables) == 3
    np.testing.assert_allclose(gradients(tied)[0], both, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("sizes", [(6, 4), (6, 4, 3)])
def test_an_untied_layer_has_a_second_kernel_of_its_own(sizes):
    layer = BothWays(sizes, tied=False).layer
    layer.build()
    assert [w.name for w in layer.weights] == ["kernel", "bias", "reverse_bias", "reverse_kernel"]
    values = [np.sort(np.ravel(w)) for w in (layer.kernel, layer.reverse_kernel)]
    assert values[0].shape == values[1].shape and (values[0] != values[1]).any()


def tied_net():
    """A tied net in one functional model."""
    x = keras.Input((8, 4, 3))
    conv, dense = ReversibleConv2D(3, 5, 4, 2), ReversibleDense(40, 6)
    z = dense(keras.layers.Flatten()(conv(x)))
    return keras.Model(x, conv(keras.layers.Reshape((4, 2, 5))(dense(z, reverse=True)), reverse=True))


def test_the_tie_survives_config_and_cloning():
    model = tied_net()
    weights = [rng.normal(size=w.shape, scale=0.3) for w in model.weights]
    model.set_weights(weights)
    y = np.asarray(model(IMAGES))
    for copy in (keras.models.clone_model(model), keras.Model.from_config(model.get_config())):
        assert copy.count_params() == 4 * 4 * 3 * 5 + 5 + 3 + 40 * 6 + 40 + 6
        copy.set_weights(weights)
        np.testing.assert_allclose(copy(IMAGES), y, atol=1e-5)
        kernel = next(w for w in copy.weights if w.shape == (40, 6))
        kernel.assign(kernel * 0.5)  # a quarter of the difference of two outputs, if both uses see it
        difference = np.asarray(copy(IMAGES) - copy(0 * IMAGES))
        np.testing.assert_allclose(difference, (y - np.asarray(model(0 * IMAGES))) / 4, atol=1e-4)


def test_the_tie_survives_a_reload_in_a_fresh_process(tmp_path, run_python):
    model = tied_net()
    model.save(tmp_path / "m.keras")
    np.savez(tmp_path / "case.npz", x=IMAGES, y=model(IMAGES))
    run_python(
        f"""
import keras, numpy as np, zoo.layers.reversible
model, case = keras.models.load_model({str(tmp_path / "m.keras")!r}), np.load({str(tmp_path / "case.npz")!r})
np.testing.assert_allclose(model(case["x"]), case["y"], atol=1e-5)
assert len(model.weights) == 6
"""
    )


@pytest.mark.parametrize("name", MODELS)
def test_a_half_alone_is_reloaded_and_cloned(name, tmp_path):
    model = MODELS[name]()
    for half, shape in ((model.encoder, (2, 12, 8, 1)), (model.decoder, (2, 4))):
        x = rng.random(shape, dtype=np.float32)
        half.save(tmp_path / "half.keras")
        np.testing.assert_allclose(keras.models.load_model(tmp_path / "half.keras")(x), half(x), atol=1e-6)
        clone = keras.models.clone_model(half)  # the first call of a decoder's layers is in reverse
        clone.set_weights(half.get_weights())
        np.testing.assert_allclose(clone(x), half(x), atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_both_halves_share_each_kernel_after_reload_and_cloning_too(name, tmp_path):
    model = MODELS[name]()
    model.build()
    model.save(tmp_path / "m.keras")
    z = rng.normal(size=(2, 4)).astype("float32")
    for copy in (model, keras.models.load_model(tmp_path / "m.keras"), keras.models.clone_model(model)):
        copy.build()
        assert {id(w) for w in copy.encoder.weights} == {id(w) for w in copy.decoder.weights}
        assert copy.count_params() == copy.encoder.count_params()
        before = np.asarray(copy.decode(z))
        for weight in copy.encoder.weights:
            weight.assign(0 * weight)
        assert (np.asarray(copy.decode(z)) == 0.5).all() and (before != 0.5).any()


@pytest.mark.parametrize("name", MODELS)
def test_the_untied_twin_has_twice_the_kernels(name):
    tied, untied = MODELS[name](), MODELS[name](tied=False)
    kernels = sum(w.numpy().size for w in tied.encoder.weights if w.name == "kernel")
    assert untied.encoder.count_params() - tied.encoder.count_params() == kernels
    untied.build()
    check_gradients(untied, rng.random((2, 12, 8, 1), dtype=np.float32))
    config = untied.get_config()
    assert config["tied"] is False and type(untied).from_config(config).get_config() == config


KERNEL_OPERATORS = {
    ("tied_ae", "encoder"): {"CONV_2D", "SUB"},
    ("tied_ae", "decoder"): {"CONV_2D", "SUB"},
    ("conv_tied_ae", "encoder"): {"CONV_2D"},
    ("conv_tied_ae", "decoder"): {"CONV_2D", "TRANSPOSE_CONV"},
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "half"), KERNEL_OPERATORS)
def test_each_half_converts_to_int8_builtins(name, half):
    from ai_edge_litert.interpreter import Interpreter

    model = MODELS[name]()
    images = rng.random((50, 12, 8, 1), dtype=np.float32)
    part, x = getattr(model, half), images if half == "encoder" else np.asarray(model.encode(images))
    flatbuffer = litert.convert(part, quantization="int8", calibration=x)
    assert set(litert.operators(flatbuffer)) - {"LOGISTIC", "MUL", "RESHAPE"} == KERNEL_OPERATORS[name, half]
    interpreter = Interpreter(model_content=flatbuffer)
    interpreter.allocate_tensors()
    (source,), (sink,) = interpreter.get_input_details(), interpreter.get_output_details()
    (scale, zero), (step, origin) = source["quantization"], sink["quantization"]
    interpreter.set_tensor(source["index"], np.clip(np.rint(x[:1] / scale) + zero, -128, 127).astype(np.int8))
    interpreter.invoke()
    y, expected = (interpreter.get_tensor(sink["index"]).astype(np.float32) - origin) * step, np.asarray(part(x))
    np.testing.assert_allclose(y, expected[:1], atol=0.06 * np.abs(expected).max())


def test_the_tie_survives_quantisation_of_the_whole_model():
    """LiteRT lays a kernel out once for each direction; both are roundings of the one variable."""
    from ai_edge_litert.interpreter import Interpreter

    model = MODELS["tied_ae"]()
    images = rng.random((50, 12, 8, 1), dtype=np.float32)
    x = keras.Input((12, 8, 1))
    whole = keras.Model(x, model(x))
    flatbuffer = litert.convert(whole, quantization="int8", calibration=images)
    assert set(litert.operators(flatbuffer)) == {"CONV_2D", "LOGISTIC", "MUL", "RESHAPE", "SUB"}
    interpreter = Interpreter(model_content=flatbuffer)
    interpreter.allocate_tensors()
    stored = {}
    for tensor in interpreter.get_tensor_details():
        scales = tensor["quantization_parameters"]["scales"]
        if len(scales) > 1 and len(tensor["shape"]) == 4:
            kernel = interpreter.get_tensor(tensor["index"])[:, 0, 0]  # of a 1 × 1 convolution
            stored[kernel.shape] = kernel * scales[:, None], scales[:, None]
    kernels = [np.asarray(w) for w in model.encoder.weights if w.name == "kernel"]
    assert len(stored) == 2 * len(kernels) == 6
    for kernel in kernels:
        for exact in (kernel, kernel.T):
            rounded, step = stored[exact.shape]
            assert (np.abs(rounded - exact) <= 0.51 * step).all()


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: ReversibleDense(0, 3), "input_units must be an integer ≥ 1: received 0"),
        (lambda: ReversibleDense(3, 1.5), "units must be an integer ≥ 1: received 1.5"),
        (lambda: ReversibleConv2D(2.0, 4, 3), "input_filters must be an integer ≥ 1: received 2.0"),
        (lambda: ReversibleConv2D(3, -4, 3), "filters must be an integer ≥ 1: received -4"),
        (lambda: ReversibleConv2D(3, 4, 0), "kernel_size must be an integer ≥ 1: received 0"),
        (lambda: ReversibleConv2D(3, 4, 3, 0.5), "strides must be an integer ≥ 1: received 0.5"),
        (lambda: ReversibleDense(7, 3)(np.ones((2, 6))), r"a last axis of 7, .* forwards: received \(2, 6\)"),
        (lambda: ReversibleDense(7, 3)(np.ones((2, 7)), reverse=True), r"axis of 3, .* reverse: received \(2, 7\)"),
        (lambda: ReversibleConv2D(3, 5, 3)(keras.Input((8, 4, 5))), "a last axis of 3, .* forwards: received"),
        (lambda: ReversibleConv2D(3, 5, 3)(IMAGES, reverse=True), "a last axis of 5, .* in reverse: received"),
        (lambda: ReversibleConv2D(3, 5, 3, 3)(IMAGES), r"divisible by strides=3, .* received \(2, 8, 4, 3\)"),
        (lambda: TiedAE(latent_dim=0), r"latent_dim and hidden_units must be positive: received 0 and \(512,\)"),
        (lambda: ConvTiedAE(filters=(8, 0)), r"latent_dim and filters must be positive: received 32 and \(8, 0\)"),
        (lambda: ConvTiedAE(image_shape=(30, 28, 1)), "height and width divisible by 4: received"),
    ],
)
def test_bad_arguments_and_ties_between_unlike_shapes(use, message):
    with pytest.raises(ValueError, match=message):
        use()
