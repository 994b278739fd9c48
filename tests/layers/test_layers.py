"""The layers, against closed forms and NumPy."""

import keras
import numpy as np
import pytest
from checks import check_layer

from zoo import layers
from zoo.layers import bounded_silu

rng = np.random.default_rng(0)
IMAGES = rng.random((2, 6, 4, 8), dtype=np.float32)


def test_the_bottleneck_takes_the_best_of_several_tables():
    layer = layers.EntropyBottleneck(step=1.0, num_priors=3, mixtures=2, seed=0)
    layer.build((None, 4))
    rng = np.random.default_rng(0)
    layer.table_logits.assign([0.0, 1.0, -1.0])
    y = np.rint(rng.normal(0, 3, (5, 4))).astype(np.float32)
    bits = np.asarray(layer.bits(y))
    assert bits.shape == (5, 3, 4)
    weights = np.exp([0.0, 1.0, -1.0]) / np.exp([0.0, 1.0, -1.0]).sum()
    total = bits.sum(axis=2) - np.log2(weights)
    np.testing.assert_allclose(layer.rate(y), total.min(axis=1), rtol=1e-5)
    np.testing.assert_allclose(layer.rate(y, soft=True), -np.log2((2.0**-total).sum(axis=1)), rtol=1e-5)
    # A table on its own is what a bottleneck of one table is.
    one = layers.EntropyBottleneck(step=1.0, mixtures=2)
    one.build((None, 4))
    for mine, theirs in ((one.means, layer.means), (one.log_scales, layer.log_scales), (one.logits, layer.logits)):
        mine.assign(theirs[1])
    np.testing.assert_allclose(one.bits(y), bits[:, 1], rtol=1e-5)


def test_bounded_silu_is_silu_where_it_is_not_flat(tmp_path):
    from scipy.special import expit

    x = np.linspace(-200, 50, 5001).astype(np.float32)
    y = np.asarray(bounded_silu(x))
    np.testing.assert_allclose(y, x * expit(x.astype(float)), atol=5e-4)
    np.testing.assert_allclose(y[x > -10], (x * expit(x.astype(float)))[x > -10], atol=1e-6)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, bounded_silu)])
    model.save(tmp_path / "m.keras")
    twin = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(twin.predict(np.eye(4), verbose=0), model.predict(np.eye(4), verbose=0))


def test_int8_of_bounded_silu_spends_no_steps_on_units_that_are_off(tmp_path):
    from zoo.codec.litert import Network
    from zoo.exporting import litert

    x = np.random.default_rng(0).normal(size=(500, 64)).astype(np.float32)
    errors = {}
    for activation in (keras.activations.silu, bounded_silu):
        normal = keras.initializers.RandomNormal(stddev=3.0, seed=0)  # sums of about -50 ± 24
        dense = keras.layers.Dense(
            16, activation, kernel_initializer=normal, bias_initializer=keras.initializers.Constant(-50.0)
        )
        model = keras.Sequential([keras.Input((64,)), dense])
        path = tmp_path / "m.tflite"
        path.write_bytes(litert.convert(model, quantization="int8", calibration=x))
        network = Network(path)
        (scale, zero), (step, origin) = network.input["quantization"], network.output["quantization"]
        codes = np.clip(np.rint(x / scale) + zero, -128, 127).astype(np.int8)
        exact = model.predict((codes - float(zero)) * scale, verbose=0)
        errors[activation] = np.abs((network(codes)[0] - float(origin)) * step - exact)[exact > 0.1].mean()
    assert errors[bounded_silu] < 0.8 * errors[keras.activations.silu]


def test_residual_block_is_the_identity_at_its_start():
    y = check_layer(lambda: layers.ResidualBlock2D(8), IMAGES)
    np.testing.assert_allclose(y, IMAGES, atol=1e-6)  # inputs are positive, so the last ReLU does nothing


def test_residual_block_refuses_other_channels():
    with pytest.raises(ValueError, match="filters must equal the input's channels: expected 8, received 4"):
        layers.ResidualBlock2D(4)(IMAGES)


def test_spatial_mixing_against_an_einsum():
    layer = layers.SpatialMixing()
    np.testing.assert_allclose(check_layer(layers.SpatialMixing, IMAGES), IMAGES)  # starts as the identity
    layer.build(IMAGES.shape)
    kernel, bias = rng.normal(size=(24, 24)).astype("float32"), rng.normal(size=24).astype("float32")
    layer.set_weights([kernel, bias])
    flat = IMAGES.reshape(2, 24, 8)
    expected = flat + np.einsum("bpc,pq->bqc", flat, kernel) + bias[:, None]
    np.testing.assert_allclose(layer(IMAGES), expected.reshape(IMAGES.shape), atol=1e-5)


def test_spatial_mixing_needs_a_fixed_grid():
    with pytest.raises(ValueError, match="fixed height and width"):
        layers.SpatialMixing().build((None, None, 4, 8))


def test_sub_pixel_convolution_interleaves_the_channels_of_a_plain_one():
    check_layer(lambda: layers.SubPixelConv2D(3, upsampling=2, activation="relu"), IMAGES)
    layer = layers.SubPixelConv2D(3, upsampling=2)
    y = np.asarray(layer(IMAGES))
    low = np.asarray(layer.conv(IMAGES))
    for row in range(2):
        for column in range(2):
            at = (2 * row + column) * 3
            np.testing.assert_allclose(y[:, row::2, column::2], low[..., at : at + 3], atol=1e-6)


def test_sub_pixel_convolution_by_one_is_a_plain_one():
    layer = layers.SubPixelConv2D(3, upsampling=1)
    np.testing.assert_array_equal(layer(IMAGES), layer.conv(IMAGES))


@pytest.mark.parametrize("upsampling", [0, -1, 1.5])
def test_sub_pixel_convolution_refuses_a_factor_that_is_no_size(upsampling):
    with pytest.raises(ValueError, match="upsampling must be an integer ≥ 1"):
        layers.SubPixelConv2D(3, upsampling=upsampling)


KINDS = {"gaussian": (0.5, 0.5), "masking": (0.4, 0.4), "salt_and_pepper": (0.3, 0.3)}


@pytest.mark.parametrize("kind", KINDS)
def test_corruption_is_off_at_inference(kind):
    y = check_layer(lambda: layers.Corruption(**{kind: KINDS[kind]}, seed=1), IMAGES)
    np.testing.assert_array_equal(y, IMAGES)


def test_corruptions_have_the_statistics_they_are_named_for():
    grey = np.full((64, 40, 40, 1), 0.5, np.float32)
    noisy = np.asarray(layers.Corruption(gaussian=(0.1, 0.1), seed=1)(grey, training=True))
    assert abs((noisy - grey).std() - 0.1) < 0.002 and abs((noisy - grey).mean()) < 0.002
    masked = np.asarray(layers.Corruption(masking=(0.4, 0.4), seed=1)(grey, training=True))
    assert set(np.unique(masked)) == {0.0, 0.5} and abs((masked == 0).mean() - 0.4) < 0.01
    peppered = np.asarray(layers.Corruption(salt_and_pepper=(0.3, 0.3), seed=1)(grey, training=True))
    assert abs((peppered == 0).mean() - 0.15) < 0.01 and abs((peppered == 1).mean() - 0.15) < 0.01


def test_gaussian_corruption_is_clipped_to_the_range_of_images():
    black = np.zeros((4, 40, 40, 1), np.float32)
    noisy = np.asarray(layers.Corruption(gaussian=(1.0, 1.0), seed=1)(black, training=True))
    assert noisy.min() == 0 and noisy.max() == 1


def test_each_example_draws_a_kind_and_a_level_of_its_own():
    grey = np.full((2000, 8, 8, 1), 0.5, np.float32)
    layer = layers.Corruption(gaussian=(0.1, 0.1), masking=(0.0, 1.0), frequencies=(3.0, 1.0, 9.0), seed=1)
    noisy = np.asarray(layer(grey, training=True))
    masked = np.all((noisy == 0) | (noisy == 0.5), axis=(1, 2, 3))
    assert abs(masked.mean() - 0.25) < 0.03  # the third kind is off, and its frequency does not count
    levels = (noisy[masked] == 0).mean(axis=(1, 2, 3))
    assert abs(levels.mean() - 0.5) < 0.05 and abs(levels.std() - 12**-0.5) < 0.04  # uniform on [0, 1]


def test_corruption_repeats_with_its_seed():
    draws = [np.asarray(layers.Corruption(masking=(0.5, 0.5), seed=s)(IMAGES, training=True)) for s in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "at least one kind"),
        ({"masking": (0.5, 1.5)}, "masking must be bounds"),
        ({"gaussian": (0.5, 0.1)}, "gaussian must be bounds"),
        ({"salt_and_pepper": (-0.1, 0.1)}, "salt_and_pepper must be bounds"),
    ],
)
def test_corruption_refuses_bounds_that_are_none(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.Corruption(**arguments)


def test_bottleneck_rounds_to_its_step_and_passes_the_gradient():
    import tensorflow as tf

    z = rng.normal(size=(2, 5)).astype("float32")
    layer = layers.EntropyBottleneck(step=0.25)
    np.testing.assert_allclose(layer(z), np.round(z / 0.25) * 0.25, atol=1e-6)
    with tf.GradientTape() as tape:
        variable = tf.Variable(z)
        total = tf.reduce_sum(layer(variable, training=True) * 3.0)
    np.testing.assert_allclose(tape.gradient(total, variable), np.full((2, 5), 3.0), atol=1e-5)


def test_bottleneck_charges_the_bits_of_a_logistic_mixture():
    from scipy.stats import logistic

    layer = layers.EntropyBottleneck(rate_weight=2.0, step=1.0, mixtures=2)
    layer.build((None, 3))
    means = rng.normal(size=(3, 2)).astype("float32")
    log_scales, logits = (rng.normal(size=(3, 2)).astype("float32") * 0.3 for _ in range(2))
    layer.set_weights([means, log_scales, logits])
    y = np.array([[0, -2, 3], [1, 1, -1]], np.float32)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    mass = np.zeros((2, 3))
    for k in range(2):
        spread = np.exp(log_scales[:, k])
        upper, lower = (logistic.cdf(y + half, loc=means[:, k], scale=spread) for half in (0.5, -0.5))
        mass += shares[:, k] * (upper - lower)
    np.testing.assert_allclose(layer.bits(y), -np.log2(mass), rtol=1e-3)
    layer(y)
    np.testing.assert_allclose(layer.losses[0], 2.0 * -np.log2(mass).sum(axis=1).mean(), rtol=1e-3)


def test_bottleneck_survives_saving(tmp_path):
    z = rng.normal(size=(2, 5)).astype("float32")
    inputs = keras.Input((5,))
    model = keras.Model(inputs, layers.EntropyBottleneck(step=0.5, seed=3)(inputs))
    model.save(tmp_path / "m.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "m.keras")(z), model(z))


@pytest.mark.parametrize("argument", ["step", "mixtures", "rate_weight"])
def test_bottleneck_refuses_a_negative(argument):
    with pytest.raises(ValueError, match=f"{argument} must be positive"):
        layers.EntropyBottleneck(**{argument: -1})


@pytest.mark.parametrize(
    ("mine", "kerass", "options"),
    [
        (layers.Dropout, keras.layers.Dropout, {"rate": 0.4, "seed": 3}),
        (layers.SpatialDropout1D, keras.layers.SpatialDropout1D, {"rate": 0.4, "seed": 3}),
        (layers.SpatialDropout2D, keras.layers.SpatialDropout2D, {"rate": 0.4, "seed": 3}),
        (layers.BatchNormalization, keras.layers.BatchNormalization, {"momentum": 0.7}),
    ],
)
def test_what_replicas_share_is_kerass_own_on_one_device(mine, kerass, options):
    """On several replicas: tests/training/test_distribution.py."""
    x = IMAGES[:, 0] if mine is layers.SpatialDropout1D else IMAGES
    check_layer(lambda: mine(**options), x)
    one, other = mine(**options), kerass(**options)
    for _ in range(2):
        np.testing.assert_array_equal(one(x, training=True), other(x, training=True))
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one(x), other(x))


def test_spectral_normalization_is_kerass_own_and_leaves_a_frozen_kernel_alone():
    x = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
    one, other = (
        kind(keras.layers.Dense(3)) for kind in (layers.SpectralNormalization, keras.layers.SpectralNormalization)
    )
    for layer in (one, other):
        layer.build(x.shape)
    other.set_weights(one.get_weights())
    np.testing.assert_array_equal(one(x, training=True), other(x, training=True))
    one.trainable = False
    before = one.get_weights()
    np.testing.assert_allclose(one(x, training=True), one(x), atol=1e-6)
    for a, b in zip(before, one.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
