"""Greedy layer-wise pretraining, and the stack it is for."""

import keras
import numpy as np
import pytest

from zoo import layers
from zoo.models.autoencoders.stacked_ae import StackedAE
from zoo.training.pretraining import pretrain_greedily

# Images with something to learn: 6 × 4 pictures of rank 3.
rng = np.random.default_rng(0)
IMAGES = (rng.random((96, 3)) @ rng.random((3, 24)) / 3).reshape(96, 6, 4, 1).astype(np.float32)
SETTINGS = {"batch_size": 16, "learning_rate": 1e-2, "verbose": 0, "jit_compile": False}


def stack(**changes) -> StackedAE:
    keras.utils.set_random_seed(0)
    return StackedAE(**{"image_shape": (6, 4, 1), "hidden_units": (12, 8), "latent_dim": 4, **changes})


def encoded(model, depth: int, x: np.ndarray) -> np.ndarray:
    """The output of the first ``depth`` layers, by NumPy."""
    z = x.reshape(len(x), -1)
    for layer in model.encoder.layers[1 : depth + 1]:
        kernel, bias = layer.get_weights()
        z = z @ kernel + bias
        if layer.activation is keras.activations.sigmoid:
            z = 1 / (1 + np.exp(-z))
    return z


def test_stages_are_the_layers_of_the_model_from_the_outermost():
    model = stack()
    model.build()
    widths = [(encode[-1].units, next(layer for layer in decode).units) for encode, decode in model.stages()]
    assert widths == [(12, 24), (8, 12), (4, 8)]
    x = IMAGES[:2]
    for encode, _ in model.stages():
        for layer in encode:
            x = layer(x)
    for _, decode in reversed(model.stages()):
        for layer in decode:
            x = layer(x)
    np.testing.assert_allclose(x, model(IMAGES[:2]), atol=1e-6)


def test_each_layer_learns_to_return_the_codes_of_the_one_below():
    model = stack()
    histories = pretrain_greedily(model, IMAGES, epochs=20, **SETTINGS)
    assert len(histories) == 3 and all(len(history["loss"]) == 20 for history in histories)
    for depth, (encode, decode) in enumerate(model.stages()):
        below = encoded(model, depth, IMAGES)
        returned = keras.Sequential([*encode, *decode])(
            below.reshape(-1, 6, 4, 1).astype(np.float32) if depth == 0 else below
        )
        error = np.square(np.asarray(returned).reshape(below.shape) - below).sum(axis=1).mean()
        assert error < 0.6 * histories[depth]["loss"][0]
        # What the history reports is the squared error summed over this stage's input.
        assert error == pytest.approx(histories[depth]["loss"][-1], rel=0.1)


def test_a_stage_leaves_the_layers_of_others_alone():
    model = stack()
    model.build()
    before = model.get_weights()
    one = stack()
    one.stages_of_all, one.stages = one.stages, lambda: one.stages_of_all()[:1]
    pretrain_greedily(one, IMAGES, epochs=1, **SETTINGS)
    changed = [(a != b).any() for a, b in zip(before, one.get_weights(), strict=True)]
    assert changed == [True, True] + [False] * 8 + [True, True]  # the first layer and the last


@pytest.mark.slow
def test_pretraining_repeats_with_its_seed_and_takes_bytes():
    def weights(data, seed):
        model = stack()
        pretrain_greedily(model, data, epochs=2, seed=seed, **SETTINGS)
        return np.concatenate([w.ravel() for w in model.get_weights()])

    pixels = np.rint(IMAGES * 255).astype(np.uint8)
    first = weights(pixels, 1)
    np.testing.assert_array_equal(first, weights(pixels, 1))
    np.testing.assert_allclose(first, weights(pixels / np.float32(255), 1), atol=1e-6)
    assert (first != weights(pixels, 2)).any()


@pytest.mark.slow
def test_fine_tuning_goes_on_from_the_pretrained_weights():
    model = stack()
    model.compile(keras.optimizers.Adam(5e-3), metrics=["mse"])
    histories = pretrain_greedily(model, IMAGES, epochs=10, fine_tuning_epochs=5, **SETTINGS)
    assert len(histories) == 4 and len(histories[-1]["mse"]) == 5
    assert int(model.optimizer.iterations) == 5 * 6
    cold = stack()
    cold.compile(keras.optimizers.Adam(5e-3), metrics=["mse"])
    assert histories[-1]["mse"][-1] < cold.fit(IMAGES, epochs=5, batch_size=16, verbose=0).history["mse"][-1]
    fresh = stack()
    pretrain_greedily(fresh, IMAGES, epochs=1, fine_tuning_epochs=1, **SETTINGS)
    assert fresh.compiled


def test_corruption_is_of_the_input_and_not_of_the_target():
    # All is masked: a layer can only return the mean of clean examples, from its biases.
    model = stack(hidden_units=(), latent_dim=3)
    everything = layers.Corruption(masking=(1.0, 1.0), seed=0)
    (history,) = pretrain_greedily(model, IMAGES, epochs=60, corruption=everything, **SETTINGS)
    spread = np.square(IMAGES - IMAGES.mean(axis=0)).sum(axis=(1, 2, 3)).mean()
    assert history["loss"][-1] == pytest.approx(spread, rel=0.1)


def test_a_stack_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = stack()
        histories = pretrain_greedily(model, IMAGES, epochs=3, **SETTINGS)
    finally:
        keras.config.set_dtype_policy("float32")
    assert all(history["loss"][-1] < history["loss"][0] for history in histories)


def test_a_bar_for_each_stage():
    import io

    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=io.StringIO(), width=200)
    with Progress(console=console) as progress:
        pretrain_greedily(stack(), IMAGES, epochs=2, fine_tuning_epochs=1, progress=progress, **SETTINGS)
    assert [task.description for task in progress.tasks] == [
        "layer 1/3, epoch 2/2",
        "layer 2/3, epoch 2/2",
        "layer 3/3, epoch 2/2",
        "fine-tuning, epoch 1/1",
    ]
    assert all(task.finished for task in progress.tasks)


def test_bars_of_keras_where_there_is_no_progress(capsys):
    pretrain_greedily(stack(), IMAGES, epochs=1, **{**SETTINGS, "verbose": 2})
    printed = capsys.readouterr().out
    assert "layer 1/3" in printed and "layer 3/3" in printed and "loss" in printed


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_converts_to_int8(part):
    from zoo.exporting import litert

    model = stack()
    model.build()
    x = IMAGES[:8] if part == "encoder" else np.asarray(model.encode(IMAGES[:8]))
    assert litert.convert(getattr(model, part), quantization="int8", calibration=x)


def _with_nan():
    data = IMAGES.copy()
    data[3, 0, 0, 0] = np.nan
    return data


@pytest.mark.parametrize(
    ("data", "changes", "message"),
    [
        (IMAGES[:0], {}, r"data must hold at least one example: received the shape \(0, 6, 4, 1\)"),
        (_with_nan(), {}, "data must be finite: received NaN or infinity in example 3"),
        (255 * IMAGES, {}, r"data must be in \[0, 1\]: received values from .*; divide 8-bit images by 255"),
        (IMAGES.astype(int), {}, "data must be floating-point in .0, 1. or uint8: received int64"),
        (IMAGES.swapaxes(1, 2), {}, r"x must have the shape \(batch, 6, 4, 1\): received \(1, 4, 6, 1\)"),
        (IMAGES, {"epochs": 0}, "epochs must be an integer ≥ 1: received 0"),
        (IMAGES, {"epochs": 1.5}, "epochs must be an integer ≥ 1: received 1.5"),
        (IMAGES, {"batch_size": 0}, "batch_size must be an integer ≥ 1: received 0"),
        (IMAGES, {"fine_tuning_epochs": -1}, "fine_tuning_epochs must be an integer ≥ 0: received -1"),
        (IMAGES, {"learning_rate": 0.0}, "learning_rate must be above 0: received 0.0"),
        (IMAGES, {"learning_rate": float("inf"), "epochs": 3}, r"The loss of layer 1/3 is nan at epoch \d, step"),
    ],
)
def test_bad_input(data, changes, message):
    with pytest.raises(ValueError, match=message):
        pretrain_greedily(stack(), data, **{"epochs": 1, **SETTINGS, **changes})


def test_a_model_without_stages_is_refused():
    with pytest.raises(ValueError, match=r"model must have a method stages\(\).*received Sequential"):
        pretrain_greedily(keras.Sequential([keras.layers.Dense(3)]), IMAGES, epochs=1)


@pytest.mark.parametrize("changes", [{"latent_dim": 0}, {"hidden_units": (4, 0)}])
def test_widths_of_a_stack_are_positive(changes):
    with pytest.raises(ValueError, match="latent_dim and hidden_units must be positive"):
        stack(**changes)
