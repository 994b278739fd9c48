"""Max pooling with switches and unpooling, against loops written from PyTorch's documentation."""

import json
import math

import keras
import numpy as np
import pytest
from checks import POLICIES, check_layer

from zoo.exporting import litert
from zoo.layers.pooling import FixedUnpool2D, MaxPoolWithSwitches2D, MaxUnpool2D, NearestUnpool2D

rng = np.random.default_rng(0)
POOLS = [2, (3, 2), (1, 3), 4]
PADDINGS = ["valid", "same"]
IMAGES = rng.normal(size=(2, 7, 5, 3)).astype("float32")
TIES = rng.integers(-2, 1, (2, 7, 5, 3)).astype("float32")  # many equal maxima, none positive


def pair(pool):
    return pool if isinstance(pool, tuple) else (pool, pool)


def before(size, pool, padding):
    """Rows that Keras' "same" puts before an axis."""
    return (math.ceil(size / pool) * pool - size) // 2 if padding == "same" else 0


def max_pool(x, pool, padding):
    """Pooled values, and their flat indices ``row·width + column`` in the input as in MaxPool2d's ``indices``."""
    (pool_height, pool_width), (batch, height, width, channels) = pair(pool), x.shape
    count = math.ceil if padding == "same" else math.floor
    shape = (batch, count(height / pool_height), count(width / pool_width), channels)
    top, left = before(height, pool_height, padding), before(width, pool_width, padding)
    pooled, indices = np.zeros(shape, x.dtype), np.full(shape, -1)
    for b, i, j, c in np.ndindex(shape):
        for row in range(i * pool_height - top, (i + 1) * pool_height - top):
            for column in range(j * pool_width - left, (j + 1) * pool_width - left):
                if not (0 <= row < height and 0 <= column < width):
                    continue
                if indices[b, i, j, c] < 0 or x[b, row, column, c] > pooled[b, i, j, c]:
                    pooled[b, i, j, c], indices[b, i, j, c] = x[b, row, column, c], row * width + column
    return pooled, indices


def max_unpool(pooled, indices, size):
    """MaxUnpool2d: every value at its flat index, zeros elsewhere."""
    flat = np.zeros((len(pooled), size[0] * size[1], pooled.shape[-1]), pooled.dtype)
    for b, i, j, c in np.ndindex(pooled.shape):
        flat[b, indices[b, i, j, c], c] = pooled[b, i, j, c]
    return flat.reshape(len(pooled), *size, -1)


def to_indices(switches, size, pool, padding):
    """Flat indices from positions in the window, as the layer's docstring says."""
    (pool_height, pool_width), (height, width) = pair(pool), size
    rows, columns = np.indices(switches.shape)[1:3]
    row = rows * pool_height + switches // pool_width - before(height, pool_height, padding)
    column = columns * pool_width + switches % pool_width - before(width, pool_width, padding)
    return row * width + column


def to_switches(indices, size, pool, padding):
    (pool_height, pool_width), (height, width) = pair(pool), size
    row = indices // width + before(height, pool_height, padding)
    column = indices % width + before(width, pool_width, padding)
    return (row % pool_height * pool_width + column % pool_width).astype("int32")


def pooling_model(pool, padding, shape):
    inputs = keras.Input(shape)
    return keras.Model(inputs, MaxPoolWithSwitches2D(pool, padding)(inputs))


def unpooling_model(pool, size, shape):
    inputs = [keras.Input(shape), keras.Input(shape, dtype="int32")]
    return keras.Model(inputs, MaxUnpool2D(pool, size)(inputs))


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize(
    "x", [IMAGES, TIES, IMAGES - 10, np.full_like(IMAGES, -np.inf)], ids=str.split("any ties - inf")
)
def test_pooling_and_unpooling_against_loops(x, pool, padding):
    pooled, switches = MaxPoolWithSwitches2D(pool, padding)(x)
    expected, indices = max_pool(x, pool, padding)
    np.testing.assert_array_equal(pooled, expected)
    assert keras.backend.standardize_dtype(switches.dtype) == "int32"
    np.testing.assert_array_equal(to_indices(np.asarray(switches), (7, 5), pool, padding), indices)
    unpooled = MaxUnpool2D(pool, output_size=(7, 5))([pooled, switches])
    np.testing.assert_array_equal(unpooled, max_unpool(expected, indices, (7, 5)))


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (2, 3), (3, 9), (5, 4)])
def test_windows_larger_than_the_image_are_completed(size):
    x = rng.integers(-9, -6, (3, *size, 2)).astype("float32")
    pooled, switches = MaxPoolWithSwitches2D(4, "same")(x)
    expected, indices = max_pool(x, 4, "same")
    np.testing.assert_array_equal(pooled, expected)
    np.testing.assert_array_equal(to_indices(np.asarray(switches), size, 4, "same"), indices)
    np.testing.assert_array_equal(MaxUnpool2D(4, size)((pooled, switches)), max_unpool(expected, indices, size))


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("pool", POOLS)
def test_pooled_values_are_those_of_keras(pool, padding):
    pooled, _ = MaxPoolWithSwitches2D(pool, padding)(IMAGES)
    np.testing.assert_array_equal(pooled, keras.layers.MaxPooling2D(pool, padding=padding)(IMAGES))


def test_without_an_output_size_unpooling_fills_whole_windows():
    pooled, indices = max_pool(IMAGES[:, :6, :4], (3, 2), "valid")
    unpooled = MaxUnpool2D((3, 2))([pooled, to_switches(indices, (6, 4), (3, 2), "valid")])
    np.testing.assert_array_equal(unpooled, max_unpool(pooled, indices, (6, 4)))


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("x", [IMAGES, TIES], ids=["any", "ties"])
def test_the_gradient_goes_to_the_winner_alone(x, padding):
    import tensorflow as tf

    variable = tf.Variable(x)
    with tf.GradientTape(persistent=True) as tape:
        pooled, switches = MaxPoolWithSwitches2D((3, 2), padding)(variable)
        weights = rng.normal(size=pooled.shape).astype("float32")
        total = tf.reduce_sum(pooled * weights)
    _, indices = max_pool(x, (3, 2), padding)
    np.testing.assert_array_equal(tape.gradient(total, variable), max_unpool(weights, indices, (7, 5)))
    assert tape.gradient(switches, variable) is None


def test_the_gradient_of_unpooling_is_read_where_the_switches_say():
    import tensorflow as tf

    pooled, indices = max_pool(IMAGES, 2, "same")
    weights = rng.normal(size=IMAGES.shape).astype("float32")
    with tf.GradientTape() as tape:
        variable = tf.Variable(pooled)
        unpooled = MaxUnpool2D(2, (7, 5))([variable, to_switches(indices, (7, 5), 2, "same")])
        total = tf.reduce_sum(unpooled * weights)
    read = np.take_along_axis(weights.reshape(2, 35, 3), indices.reshape(2, -1, 3), axis=1)
    np.testing.assert_array_equal(tape.gradient(total, variable), read.reshape(pooled.shape))


def test_the_pair_of_layers_saves_and_reloads(tmp_path):
    inputs = keras.Input((7, 5, 3))
    pooled, switches = MaxPoolWithSwitches2D((3, 2), "same")(inputs)
    assert (pooled.dtype, switches.dtype) == ("float32", "int32")
    model = keras.Model(inputs, [MaxUnpool2D((3, 2), (7, 5))([pooled, switches]), switches])
    model.save(tmp_path / "m.keras")
    expected, indices = max_pool(IMAGES, (3, 2), "same")
    for made in (model, keras.models.load_model(tmp_path / "m.keras")):
        unpooled, switches = made.predict(IMAGES, verbose=0)
        assert switches.dtype == np.int32
        np.testing.assert_array_equal(switches, to_switches(indices, (7, 5), (3, 2), "same"))
        np.testing.assert_array_equal(unpooled, max_unpool(expected, indices, (7, 5)))


@pytest.mark.parametrize(
    "layer", [MaxPoolWithSwitches2D((3, 2), "same", strides=(3, 2)), MaxUnpool2D((3, 2), output_size=(7, 5))]
)
def test_configurations_are_json_and_return(layer):
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config


@pytest.mark.parametrize("policy", POLICIES)
def test_switches_stay_integers_in_mixed_precision(policy):
    low = np.round(TIES)  # exact in 16 bits
    pooled, switches = MaxPoolWithSwitches2D(2, dtype=policy)(low)
    expected, indices = max_pool(low, 2, "valid")
    assert keras.backend.standardize_dtype(switches.dtype) == "int32"
    assert keras.backend.standardize_dtype(pooled.dtype) == policy.removeprefix("mixed_")
    unpooled = MaxUnpool2D(2, (7, 5), dtype=policy)([pooled, switches])
    np.testing.assert_array_equal(np.asarray(unpooled, "float32"), max_unpool(expected, indices, (7, 5)))


def fixed_unpool(x, pool, position):
    (pool_height, pool_width), (batch, height, width, channels) = pair(pool), x.shape
    y = np.zeros((batch, height * pool_height, width * pool_width, channels), x.dtype)
    y[:, position[0] :: pool_height, position[1] :: pool_width] = x
    return y


def nearest_unpool(x, pool):
    return x.repeat(pair(pool)[0], axis=1).repeat(pair(pool)[1], axis=2)


@pytest.mark.parametrize("pool", POOLS)
def test_fixed_and_nearest_unpooling(pool):
    last = (pair(pool)[0] - 1, pair(pool)[1] - 1)
    for position in ((0, 0), last):
        y = check_layer(lambda position=position: FixedUnpool2D(pool, position), IMAGES)
        np.testing.assert_array_equal(y, fixed_unpool(IMAGES, pool, position))
    np.testing.assert_array_equal(check_layer(lambda: NearestUnpool2D(pool), IMAGES), nearest_unpool(IMAGES, pool))


def run_both(flatbuffer, *inputs):
    """Outputs of LiteRT, once LiteRT Micro gave the same, and (scale, zero point) of inputs and outputs."""
    import tflite_micro
    from ai_edge_litert.interpreter import Interpreter

    large, small = Interpreter(model_content=flatbuffer), tflite_micro.runtime.Interpreter.from_bytes(flatbuffer)
    large.allocate_tensors()
    details = large.get_input_details(), large.get_output_details()
    for at, (value, detail) in enumerate(zip(inputs, details[0], strict=True)):
        large.set_tensor(detail["index"], value)
        small.set_input(value, at)
    large.invoke()
    small.invoke()
    outputs = [large.get_tensor(detail["index"]) for detail in details[1]]
    for at, output in enumerate(outputs):
        np.testing.assert_array_equal(small.get_output(at), output)
    return outputs, [detail["quantization"] for side in details for detail in side]


@pytest.mark.slow
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("pool", POOLS)
def test_int8_files_are_exact_on_litert_and_litert_micro(pool, padding):
    calibration = rng.normal(size=(10, 7, 5, 3)).astype("float32")
    model = pooling_model(pool, padding, (7, 5, 3))
    flatbuffer = litert.convert(model, quantization="int8", calibration=calibration)
    for low, high in ((-128, 128), (-128, -125)):  # the second has many ties
        image = rng.integers(low, high, (1, 7, 5, 3)).astype(np.int8)
        (pooled, switches), scales = run_both(flatbuffer, image)
        expected, indices = max_pool(image, pool, padding)
        assert pooled.dtype == np.int8 and switches.dtype == np.int32 and scales[0] == scales[1]
        np.testing.assert_array_equal(pooled, expected)
        np.testing.assert_array_equal(to_indices(switches, (7, 5), pool, padding), indices)

    model = unpooling_model(pool, (7, 5), pooled.shape[1:])
    codes = [rng.normal(size=(10, *pooled.shape[1:])), np.repeat(switches, 10, axis=0)]
    flatbuffer = litert.convert(model, quantization="int8", calibration=codes)
    image = rng.integers(-128, 128, (1, 7, 5, 3)).astype(np.int8)
    pooled, indices = max_pool(image, pool, padding)
    (unpooled,), scales = run_both(flatbuffer, pooled, to_switches(indices, (7, 5), pool, padding))
    zero_point = scales[0][1]
    assert scales[0] == scales[2]
    expected = max_unpool(pooled.astype(int) - zero_point, indices, (7, 5))
    np.testing.assert_array_equal(unpooled.astype(int) - zero_point, expected)


@pytest.mark.parametrize("layer", [FixedUnpool2D((3, 2), (1, 1)), NearestUnpool2D((3, 2))])
def test_int8_files_of_unpooling_without_switches(layer):
    inputs = keras.Input((7, 5, 3))
    flatbuffer = litert.convert(keras.Model(inputs, layer(inputs)), quantization="int8", calibration=IMAGES)
    image = rng.integers(-128, 128, (1, 7, 5, 3)).astype(np.int8)
    (unpooled,), ((_, zero_point), _) = run_both(flatbuffer, image)
    centred = image.astype(int) - zero_point
    expected = (
        fixed_unpool(centred, (3, 2), (1, 1)) if isinstance(layer, FixedUnpool2D) else nearest_unpool(centred, (3, 2))
    )
    np.testing.assert_array_equal(unpooled.astype(int) - zero_point, expected)


def test_inputs_and_outputs_of_a_file_keep_the_order_of_the_model():
    inputs = [keras.Input((size,), name=name) for size, name in ((2, "c"), (3, "a"), (4, "d"), (5, "b"))]
    model = keras.Model(inputs, [2 * x for x in reversed(inputs)])
    values = [rng.random((6, size), dtype=np.float32) for size in (2, 3, 4, 5)]
    flatbuffer = litert.convert(model, quantization="int8", calibration=values)
    inputs = [rng.integers(-128, 128, (1, size)).astype(np.int8) for size in (2, 3, 4, 5)]
    outputs, _ = run_both(flatbuffer, *inputs)
    assert [output.shape for output in outputs] == [(1, 5), (1, 4), (1, 3), (1, 2)]


def test_calibration_is_given_for_each_input():
    model = unpooling_model(2, None, (3, 2, 1))
    values, switches = np.zeros((4, 3, 2, 1), np.float32), np.zeros((4, 3, 2, 1), np.int32)
    for calibration in ([values], [values, switches[:3]], [values, switches, switches]):
        with pytest.raises(ValueError, match="calibration must be 2 arrays of equally many examples"):
            litert.convert(model, quantization="int8", calibration=calibration)
    with pytest.raises(ValueError, match="needs calibration"):
        litert.convert(model, quantization="int8", calibration=[values[:0], switches[:0]])


@pytest.mark.parametrize("make", [MaxPoolWithSwitches2D, MaxUnpool2D, FixedUnpool2D, NearestUnpool2D])
@pytest.mark.parametrize("pool", [0, -1, 1.5, True, (2,), (2, 0), (2, 2, 2), "2", None])
def test_a_pool_size_is_one_or_two_positive_integers(make, pool):
    with pytest.raises(ValueError, match="pool_size must be a positive integer or a pair of them: received"):
        make(pool)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MaxPoolWithSwitches2D(2, strides=1), r"strides must equal pool_size, \(2, 2\): received 1"),
        (lambda: MaxPoolWithSwitches2D(2, strides=0), "strides must be a positive integer"),
        (lambda: MaxPoolWithSwitches2D(2, "full"), "padding must be valid or same: received 'full'"),
        (lambda: MaxPoolWithSwitches2D(8)(IMAGES), r"pool_size must be at most the input's size, \(7, 5\)"),
        (lambda: MaxUnpool2D(2, output_size=(7, 0)), "output_size must be a positive integer"),
        (lambda: FixedUnpool2D(2, position=(0, 2)), r"position must be a row and a column within \(2, 2\)"),
        (lambda: FixedUnpool2D(2, position=1), "position must be a row and a column"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("size", [(12, 10), (16, 10), (14, 8), (14, 12)])
def test_an_output_size_differs_by_less_than_a_window(size):
    switches = np.zeros(IMAGES.shape, np.int32)
    with pytest.raises(ValueError, match=r"output_size must differ from \(14, 10\) by less than pool_size, \(2, 2\)"):
        MaxUnpool2D(2, size)([IMAGES, switches])


def test_switches_have_the_shape_of_the_values():
    with pytest.raises(ValueError, match="switches must have the shape of pooled"):
        MaxUnpool2D(2)([IMAGES, np.zeros((2, 7, 5, 1), np.int32)])


def test_switches_are_integers():
    with pytest.raises(ValueError, match="switches must be integers: received float32"):
        MaxUnpool2D(2)([IMAGES, IMAGES])


@pytest.mark.parametrize("layer", [MaxPoolWithSwitches2D(), FixedUnpool2D(), NearestUnpool2D()])
def test_the_size_of_images_is_fixed(layer):
    with pytest.raises(ValueError, match="needs a fixed height and width"):
        layer(keras.Input((None, 4, 1)))
