"""The fused Adam: Keras' own, to rounding, in every way that it is used."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import optimizers

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(64, 5)).astype(np.float32), rng.normal(size=(64, 2)).astype(np.float32)


def trained(optimizer, dtype="float32", **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(7, "tanh", dtype=dtype), keras.layers.Dense(2)])
    model.compile(optimizer, "mse", **options)
    model.fit(X, Y, batch_size=16, epochs=5, shuffle=False, verbose=0)
    return model


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"beta_1": 0.0, "beta_2": 0.9},
        {"beta_1": 0.5, "epsilon": 1e-3, "weight_decay": 0.01, "clipnorm": 0.5},
        {"use_ema": True, "ema_momentum": 0.9},
        {"amsgrad": True},
        {"gradient_accumulation_steps": 2},
    ],
)
def test_equals_keras_own(options):
    schedule = keras.optimizers.schedules.CosineDecay(1e-2, 20)
    ours, theirs = (
        trained(kind(schedule, **options), jit_compile=False) for kind in (optimizers.Adam, keras.optimizers.Adam)
    )
    first, second = ([*map(np.array, [*m.weights, *m.optimizer.variables])] for m in (ours, theirs))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"jit_compile": True}, {"run_eagerly": True}])
def test_equals_itself_compiled_and_not(options):
    plain, other = (trained(optimizers.Adam(1e-2), **o) for o in ({"jit_compile": False}, options))
    for a, b in zip(plain.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "mixed_bfloat16", "float64"])
def test_learns_in_every_precision(dtype):
    model = trained(optimizers.Adam(1e-2), dtype, jit_compile=False)
    assert np.isfinite(np.array(model.weights[0], np.float32)).all()
    assert model.history.history["loss"][-1] < model.history.history["loss"][0]


def test_sparse_gradients_go_kerass_way():
    results = []
    for kind in (optimizers.Adam, keras.optimizers.Adam):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Embedding(9, 4), keras.layers.Dense(1)])
        model.compile(kind(1e-2), "mse", jit_compile=False)
        model.fit(np.arange(30).reshape(10, 3) % 9, np.ones((10, 3, 1)), epochs=3, shuffle=False, verbose=0)
        results.append(model.get_weights())
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_several_replicas_go_kerass_way(run_python):
    """In a process of its own: devices are cut before the first operation."""
    run_python(
        """
import numpy as np, tensorflow as tf
device = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [device] * 2)
import keras
from zoo import optimizers
weights = []
for kind in (optimizers.Adam, keras.optimizers.Adam):
    keras.utils.set_random_seed(0)
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        model.compile(kind(0.1), "mse")
    model.fit(np.ones((8, 3), np.float32), np.ones((8, 2), np.float32), batch_size=4, verbose=0)
    weights.append(model.get_weights())
for a, b in zip(*weights):
    np.testing.assert_allclose(a, b, rtol=1e-5)
"""
    )


def test_resumes_from_a_file_as_if_never_stopped(tmp_path):
    model = trained(optimizers.Adam(1e-2), jit_compile=False)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again.optimizer) is optimizers.Adam
    for one in (model, again):
        one.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_kernel_a_variable():
    model = trained(optimizers.Adam(1e-2), jit_compile=False)

    @tf.function
    def step(*gradients):
        model.optimizer.apply(list(gradients), model.trainable_variables)

    graph = step.get_concrete_function(*[tf.zeros_like(v.value) for v in model.trainable_variables]).graph
    names = [op.type for op in graph.get_operations()]
    assert names.count("ResourceApplyAdam") == 4 and "Sqrt" not in names


def test_files_name_pytorchs_optimizers_as_keras_does():
    own = {"module": "keras.src.backend.torch.optimizers.torch_adam", "class_name": "Adam", "registered_name": "Adam"}
    config = {"optimizer": {**own, "config": {"learning_rate": 0.5}}, "loss": [{"module": "zoo", "class_name": "L"}]}
    found = optimizers.portable(config)
    assert found["loss"] == config["loss"]
    made = keras.saving.deserialize_keras_object(found["optimizer"])
    assert type(made) is keras.optimizers.Adam and float(made.learning_rate) == 0.5
