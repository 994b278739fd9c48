"""Shared checks: what every layer and every model of the zoo has to pass."""

import json

import keras
import numpy as np

POLICIES = ("mixed_float16", "mixed_bfloat16")


def check_layer(make, x: np.ndarray) -> np.ndarray:
    """Config round trip, saving, shapes, eager = graph, finite gradients, mixed precision.

    Args:
        make: () -> the layer, with small sizes.
        x: an input with height ≠ width and batch 2.

    Returns:
        The layer's output at inference.
    """
    layer = make()
    y = keras.ops.convert_to_numpy(layer(x))
    assert tuple(layer.compute_output_shape(x.shape)) == y.shape

    config = layer.get_config()
    assert json.loads(json.dumps(config)) == json.loads(json.dumps(type(layer).from_config(config).get_config()))

    twin = make()
    twin.build(x.shape)  # by shape, where the first was built by call
    assert [w.shape for w in twin.weights] == [w.shape for w in layer.weights]
    twin.set_weights(layer.get_weights())
    np.testing.assert_allclose(twin(x), y, atol=1e-6)

    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, layer(inputs))
    np.testing.assert_allclose(model.predict(x, verbose=0), y, atol=1e-5)  # graph = eager
    check_gradients(model, x)
    for policy in POLICIES:
        mixed = type(layer).from_config({**config, "dtype": policy})
        assert np.isfinite(keras.ops.convert_to_numpy(mixed(x))).all()
    return y


def check_shape(model: keras.Model, x: np.ndarray, y: np.ndarray | None) -> None:
    """That a model is built for the shape of its examples: a step of training, its config, all that it returns.

    Args:
        x: float32 images ``(n, height, width, channels)``.
        y: labels ``(n,)`` or images, where its ``fit`` takes them.
    """
    model.compile()
    history = model.fit(x, y, batch_size=len(x), verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    config = model.get_config()
    assert config["image_shape"] == x.shape[1:] and type(model).from_config(config).get_config() == config
    if hasattr(model, "encode"):
        restored = np.asarray(model.decode(model.encode(x)))
        assert restored.shape == x.shape and 0 <= restored.min() <= restored.max() <= 1
    if hasattr(model, "generate"):
        assert np.asarray(model.generate(2, seed=0)).shape == (2, *x.shape[1:])
    if hasattr(model, "features") and hasattr(model, "head"):
        assert model(x).shape == (len(x), model.num_classes)


def check_gradients(model: keras.Model, x: np.ndarray) -> None:
    """Every trainable variable gets a finite gradient from a loss over all outputs."""
    import tensorflow as tf

    if not model.trainable_variables:
        return
    with tf.GradientTape() as tape:
        y = model(x, training=True)
        loss = tf.reduce_sum(tf.square(y - 0.3)) + sum(model.losses)
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, f"{variable.path} gets no gradient"
        assert np.isfinite(gradient).all(), f"{variable.path} gets a gradient that is not finite"


def check_model(make, x: np.ndarray, tmp_path, run_python, *, labels: np.ndarray | None = None) -> keras.Model:
    """What a user relies on: config, reload in a fresh process, ``fit``, validation, mixed precision.

    Args:
        make: () -> the model, with small sizes.
        x: float32 images ``(2, height, width, channels)`` with height ≠ width.
        labels: integers ``(2,)``, of a classifier; None for an autoencoder, whose target is its input.
    """
    metric = "mse" if labels is None else "accuracy"
    model = make()
    model.build()
    config = model.get_config()
    assert type(model).from_config(config).get_config() == config
    check_gradients(model, x)

    model.compile(keras.optimizers.Adam(1e-3), metrics=[metric])
    validation = (x,) if labels is None else (x, labels)
    history = model.fit(x, labels, epochs=2, validation_data=validation, verbose=0).history
    assert {"loss", metric, "val_loss", f"val_{metric}"} <= set(history)
    assert np.isfinite([*history["loss"], *history["val_loss"]]).all()

    output = model.predict(x, verbose=0)
    if labels is None:
        assert output.shape == x.shape
        np.testing.assert_allclose(model.decode(model.encode(x)), output, atol=0.1)
    np.testing.assert_allclose(model(x), output, atol=1e-5)

    path = tmp_path / "model.keras"
    model.save(path)
    np.savez(tmp_path / "case.npz", x=x, y=output, **({} if labels is None else {"labels": labels}))
    run_python(
        f"""
import keras, numpy as np, zoo.models
model = keras.models.load_model({str(path)!r})
case = np.load({str(tmp_path / "case.npz")!r})
np.testing.assert_allclose(model.predict(case["x"], verbose=0), case["y"], atol=1e-5)
assert int(model.optimizer.iterations) == 2, "the optimizer's state was lost"
model.run_eagerly = True  # of one step, a graph takes longer to be made
assert np.isfinite(model.fit(case["x"], case.get("labels"), verbose=0).history["loss"][0])
"""
    )
    for policy in POLICIES:
        keras.config.set_dtype_policy(policy)
        try:
            mixed = make()
            mixed.compile("adam", run_eagerly=True)
            assert np.isfinite(mixed.fit(x, labels, verbose=0).history["loss"]).all()
        finally:
            keras.config.set_dtype_policy("float32")
    return model
