"""zoo.backend: what all backends share, and that each has it.

Here on TensorFlow. On JAX and PyTorch: ``KERAS_BACKEND=jax pytest tests/conformance``.
"""

import ast
import inspect
from pathlib import Path

import keras
import numpy as np
import pytest
import small

from zoo import backend, data
from zoo.backend import api

FOLDER = Path(inspect.getfile(api)).parent


def arguments(function) -> list[str]:
    return [p.name for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("name", ["jax", "torch"])
def test_a_backend_has_the_interface_with_its_arguments(name):
    tree = ast.parse((FOLDER / f"{name}.py").read_text())
    own = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for function in set(own) & set(api.__all__):
        found = [a.arg for a in (*own[function].args.args, *own[function].args.kwonlyargs)]
        vararg = own[function].args.vararg
        assert found + ([vararg.arg] if vararg else []) == arguments(getattr(api, function)), function
    # What api leaves to each of them.
    left = [n for n in api.__all__ if inspect.isfunction(f := getattr(api, n)) and _is_empty(f)]
    assert {"gradient", "gradients", "array_of", "accelerators"} <= {*left}
    assert {*left} - {"fused_adam_step", "within"} <= {*own}


def _is_empty(function) -> bool:
    return inspect.getsource(function).rstrip().endswith("raise NotImplementedError")


@pytest.mark.parametrize("name", [name for name in api.__all__ if inspect.isfunction(getattr(api, name))])
def test_tensorflow_has_the_interface_with_its_arguments(name):
    found = arguments(getattr(backend, name))
    assert found[: len(arguments(getattr(api, name)))] == arguments(getattr(api, name)) or name == "fused_adam_step"


def test_what_any_backend_computes_is_what_tensorflow_computes():
    draw = np.random.default_rng(0).standard_normal
    x, up = draw((2, 7, 6, 3)).astype("float32"), draw((2, 7, 6, 3)).astype("float32")
    x[0, 0, 0] = 0
    kernel, back = draw((3, 3, 3, 4)).astype("float32"), draw((2, 3, 2, 4)).astype("float32")
    for name, values in {
        "leaky_relu": (x, 0.2),
        "leaky_relu_gradient": (up, x, 0.2),
        "conv2d": (x, kernel, 2),
        "conv2d_transpose": (back, kernel, 2),
        "global_norm": ([x, up],),
    }.items():
        values = [keras.ops.convert_to_tensor(v) if isinstance(v, np.ndarray) else v for v in values]
        found, expected = (np.asarray(getattr(module, name)(*values)) for module in (api, backend))
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=name)


@pytest.fixture
def another_backend(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")


def test_batches_without_tensorflow(another_backend):
    images = np.arange(10, dtype=np.uint8)[:, None]
    batches, steps = data.training_batches(images, 4, epochs=3, seed=5)
    assert isinstance(batches, keras.utils.PyDataset) and (len(batches), steps) == (6, 2)
    epochs = [np.concatenate([batches[2 * e], batches[2 * e + 1]]).ravel() * 255 for e in range(3)]
    assert all(len({*np.rint(e)}) == 8 for e in epochs) and (epochs[0] != epochs[1]).any()
    later, _ = data.training_batches(images, 4, epochs=3, initial_epoch=1, seed=5)
    np.testing.assert_array_equal(later[1], batches[3])  # a resumed run goes on in the same order
    with pytest.raises(IndexError):
        batches[6]

    whole, steps = data.training_batches(images, 4, epochs=1, labels=np.arange(10), keep_last=True)
    assert steps == 3 and [len(whole[n][0]) for n in range(3)] == [4, 4, 2]
    for pixels, labels in (whole[n] for n in range(3)):
        np.testing.assert_allclose(pixels[:, 0] * 255, labels, atol=1e-4)
    pairs, _ = data.training_batches(images, 4, epochs=1, as_targets=True)
    np.testing.assert_array_equal(*pairs[0])
    graph = np.stack([np.arange(1, 11) % 10, np.arange(2, 12) % 10], axis=1)
    near, _ = data.training_batches(images, 5, epochs=1, neighbours=graph)
    steps = np.rint((near[1][1] - near[1][0]) * 255) % 10
    assert {*steps.ravel()} <= {1, 2}
    signals, _ = data.training_batches(np.full((4, 3), -32768, np.int16), 2, epochs=1)
    assert signals[0].dtype == np.float32 and (signals[0] == -1).all()
    tokens, _ = data.training_batches(np.ones((4, 3), np.int32), 2, epochs=1)
    assert tokens[0].dtype == np.int32

    ordered = data.ordered_batches(images, 4)
    np.testing.assert_allclose(
        np.concatenate([ordered[n][0] for n in range(3)]).ravel() * 255, np.arange(10), atol=1e-4
    )


def test_what_needs_tensorflow_says_so_in_one_line(another_backend, tmp_path):
    import zoo
    from zoo.training import distribution

    model = small.SMALL["dense_ae"]()
    with pytest.raises(ValueError, match=r"^Export goes by TensorFlow, .* jax: run it with KERAS_BACKEND=tensorflow"):
        zoo.export(model, tmp_path / "m.tflite")
    with pytest.raises(ValueError, match="^A certificate goes by TensorFlow"):
        zoo.certify("dense_ae.mnist")
    with pytest.raises(ValueError, match="strategy and devices must be left out with the backend jax"):
        distribution.start("mirrored")
    with pytest.raises(ValueError, match="threads must be left out with the backend jax"):
        api.start(2)
    with pytest.raises(ValueError, match="MS-SSIM is TensorFlow's"):
        api.ms_ssim(None, None)


def test_half_precision_is_not_for_processors(tmp_path):
    from zoo import training

    with pytest.raises(ValueError, match="dtype_policy must be float32 or mixed_bfloat16 on a processor"):
        training.train("dense_ae", output=tmp_path / "m", dtype_policy="mixed_float16")
    assert not (tmp_path / "m").exists()


def test_records_are_read_as_tensorflow_wrote_them(tmp_path):
    import tensorflow as tf

    from zoo.data import sets

    records = [b"", b"one", bytes(range(256)) * 40]
    with tf.io.TFRecordWriter(str(tmp_path / "a.tfrecord")) as writer:
        for record in records:
            writer.write(record)
    assert list(sets._records(str(tmp_path / "a.tfrecord"))) == records
