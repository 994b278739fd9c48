"""Sparsity: the regularisers and k-sparse activations, against closed forms and NumPy."""

import keras
import numpy as np
import pytest
from checks import check_layer

from zoo.layers.k_sparse import KSparse
from zoo.regularizers import KLSparsity, L1Activity


def loss_of(regularizer, activations, dtype="float32") -> float:
    """What a layer with this output adds to the model's loss."""
    layer = keras.layers.Activation("linear", activity_regularizer=regularizer, dtype=dtype)
    layer(activations)
    return float(sum(layer.losses))


def test_kl_sparsity_of_a_case_worked_by_hand():
    activations = np.array([[0.1, 0.0], [0.3, 1.0]], np.float32)  # mean activations 0.2 and 0.5
    # 0.2 log(0.2/0.2) + 0.8 log(0.8/0.8) = 0, and 0.2 log(0.2/0.5) + 0.8 log(0.8/0.5) = 0.1927…
    assert loss_of(KLSparsity(0.2, weight=3.0), activations) == pytest.approx(3 * 0.192745, rel=1e-5)


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_kl_sparsity_is_that_of_the_mean_activations_whatever_the_batch_size(batch):
    from scipy.special import rel_entr

    a = np.random.default_rng(0).uniform(0.01, 0.6, (batch, 4, 3)).astype(np.float32)
    mean = a.astype(np.float64).mean(axis=0)
    expected = 0.7 * (rel_entr(0.05, mean) + rel_entr(0.95, 1 - mean)).sum()
    assert loss_of(KLSparsity(0.05, 0.7), a) == pytest.approx(expected, rel=1e-5)
    assert loss_of(L1Activity(0.7), a - 0.3) == pytest.approx(0.7 * np.abs(a - 0.3).sum() / batch, rel=1e-5)


def test_gradient_of_kl_sparsity():
    import tensorflow as tf

    a = tf.constant(np.random.default_rng(0).uniform(0.05, 0.6, (5, 3)).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(a)
        layer = keras.layers.Activation("linear", activity_regularizer=KLSparsity(0.1, 2.0))
        layer(a)
        loss = layer.losses[0]
    mean = a.numpy().mean(axis=0)
    expected = 2.0 * (-0.1 / mean + 0.9 / (1 - mean)) / 5  # Ng's notes, the term that is added to δ
    np.testing.assert_allclose(tape.gradient(loss, a), np.tile(expected, (5, 1)), rtol=1e-4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sums_are_float32_under_mixed_precision(dtype):
    many = np.full((4, 40_000), 2.0, np.float32)  # the sum, 320,000, is infinite in float16
    assert loss_of(L1Activity(1.0), many, f"mixed_{dtype}") == pytest.approx(80_000)
    few = np.full((1000, 2), 0.05, np.float32)
    stored = float(keras.ops.convert_to_numpy(keras.ops.cast(keras.ops.cast(few[0, 0], dtype), "float32")))
    expected = 2 * (0.1 * np.log(0.1 / stored) + 0.9 * np.log(0.9 / (1 - stored)))
    assert loss_of(KLSparsity(0.1, 1.0), few, f"mixed_{dtype}") == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_dead_and_saturated_units_have_a_finite_penalty(value):
    loss = loss_of(KLSparsity(), np.full((2, 3), value, np.float32))
    assert np.isfinite(loss) and loss > 1


@pytest.mark.parametrize(("value", "sign"), [(0.0, -1), (1e-9, -1), (1.0, 1)])
def test_dead_and_saturated_units_have_a_gradient_that_revives_them(value, sign):
    import tensorflow as tf

    a = tf.fill((4, 2), tf.constant(value))
    with tf.GradientTape() as tape:
        tape.watch(a)
        loss = KLSparsity(0.05)(a)
    gradient = tape.gradient(loss, a).numpy()
    assert np.isfinite(gradient).all() and (sign * gradient > 1e3).all()


@pytest.mark.parametrize("regularizer", [L1Activity(0.3), KLSparsity(0.2, 0.3)])
def test_regularizers_survive_saving_with_their_layer(regularizer, tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "sigmoid", activity_regularizer=regularizer)])
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras").layers[0].activity_regularizer
    assert type(again) is type(regularizer) and again.get_config() == regularizer.get_config()


@pytest.mark.slow
def test_mean_activation_is_over_all_replicas(run_python):
    """Two replicas on the halves of a batch take the steps that one takes on the whole."""
    run_python(
        """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
from zoo.regularizers import KLSparsity, L1Activity
rng = np.random.default_rng(0)
x = rng.normal(size=(8, 5)).astype("float32")
x[:4] += 2  # the halves' mean activations differ
dataset = tf.data.Dataset.from_tensor_slices((x, x)).batch(8)

def train(strategy, *regularizers):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Dense(5, "sigmoid", activity_regularizer=r) for r in regularizers]
        model = keras.Sequential([keras.Input((5,)), *layers])
        model.compile(keras.optimizers.SGD(0.1), "mse")
    loss = model.fit(dataset, epochs=3, shuffle=False, verbose=0).history["loss"]
    return loss, model.get_weights(), model.evaluate(dataset, verbose=0)

mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert mirrored.num_replicas_in_sync == 2
for regularizers in [
    (L1Activity(0.2), KLSparsity(0.05, 0.5), L1Activity(0.1)),
    (KLSparsity(0.05, 0.5), KLSparsity(0.2, 0.3)),
]:
    loss, weights, evaluated = train(tf.distribute.get_strategy(), *regularizers)
    loss_of_two, weights_of_two, evaluated_of_two = train(mirrored, *regularizers)
    for a, b in zip(weights, weights_of_two, strict=True):
        np.testing.assert_allclose(b, a, atol=1e-6)
    # The average of the halves' penalties bounds that of the whole from above: KL is convex.
    assert (np.array(loss_of_two) >= loss).all() and evaluated_of_two >= evaluated
    np.testing.assert_allclose(loss_of_two, loss, rtol=0.2)

loss, weights, _ = train(tf.distribute.get_strategy(), L1Activity(0.2), L1Activity(0.1))
loss_of_two, _, _ = train(mirrored, L1Activity(0.2), L1Activity(0.1))
np.testing.assert_allclose(loss_of_two, loss, rtol=1e-5)
"""
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: KLSparsity(0.0), "target must be between 0 and 1: received 0.0"),
        (lambda: KLSparsity(1.0), "target must be between 0 and 1: received 1.0"),
        (lambda: KLSparsity(float("nan")), "target must be between 0 and 1: received nan"),
        (lambda: KLSparsity(0.1, -1.0), "weight must be at least 0: received -1.0"),
        (lambda: L1Activity(-0.1), "weight must be at least 0: received -0.1"),
        (lambda: KSparse(0), "k must be an integer ≥ 1: received 0"),
        (lambda: KSparse(2.0), "k must be an integer ≥ 1: received 2.0"),
        (lambda: KSparse(5)(np.zeros((2, 4), np.float32)), "k must be at most the number of units, 4: received 5"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("k", [1, 3, 8])
def test_k_sparse_keeps_the_k_largest_of_each_example(k):
    x = np.random.default_rng(0).normal(size=(2, 5, 8)).astype(np.float32)
    expected = np.zeros_like(x)
    for index in np.ndindex(2, 5):
        kept = sorted(range(8), key=lambda j: -x[index][j])[:k]  # noqa: B023 - used at once
        expected[index][kept] = x[index][kept]
    np.testing.assert_array_equal(check_layer(lambda: KSparse(k), x), expected)


def test_k_sparse_keeps_exactly_k_and_of_equals_the_first():
    x = np.array([[1, 2, 1, 2, 1, 0], [0, 0, 0, 0, 0, 0], [-1, -3, -1, -1, -2, -1]], np.float32)
    np.testing.assert_array_equal(KSparse(3)(x)[0], [1, 2, 0, 2, 0, 0])
    ones = KSparse(3)(x + 10)
    np.testing.assert_array_equal(np.count_nonzero(ones, axis=1), [3, 3, 3])
    np.testing.assert_array_equal(ones[1], [10, 10, 10, 0, 0, 0])
    np.testing.assert_array_equal(ones[2], [9, 0, 9, 9, 0, 0])


def test_gradient_of_k_sparse_passes_through_the_kept_alone():
    import tensorflow as tf

    x = tf.constant([[0.1, 0.9, 0.5, 0.5]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(KSparse(2)(x) * [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(tape.gradient(y, x), [[0, 2, 3, 0]])


@pytest.mark.parametrize("quantization", [None, "int8"])
def test_k_sparse_converts_to_litert(quantization):
    from ai_edge_litert.interpreter import Interpreter

    from zoo.exporting import litert

    x = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    model = keras.Sequential([keras.Input((6,)), KSparse(2)])
    file = litert.convert(model, quantization=quantization, calibration=x)
    interpreter = Interpreter(model_content=file)
    interpreter.allocate_tensors()
    (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    example = x[:1] if quantization is None else np.array([[5, 90, 90, -7, 90, 3]], np.int8)
    interpreter.set_tensor(source["index"], example)
    interpreter.invoke()
    y = interpreter.get_tensor(result["index"])
    if quantization is None:
        np.testing.assert_allclose(y, model(example))
    else:
        zero = result["quantization"][1]
        np.testing.assert_array_equal(y != zero, [[False, True, True, False, False, False]])
