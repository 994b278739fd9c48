"""``zoo benchmark train``: turns, ratios, and the structures that are compared."""

import json
import sys

import keras
import numpy as np
import pytest

from zoo import experiments, models, training
from zoo.experiments import speed, tutorials

rng = np.random.default_rng(0)
IMAGES = rng.random((8, 28, 28, 1), dtype=np.float32)

FAKE = """
import json, sys
print(json.dumps({"torch": "2", "pythae": "0", "parameters": 821024}), flush=True)
for line in sys.stdin:
    name, steps = line.split()
    print({"pytorch": 10.0, "pythae": 20.0}[name] * int(steps), flush=True)
"""


@pytest.fixture
def small(monkeypatch):
    """Few small images."""
    monkeypatch.setattr(speed, "IMAGES", 512)
    ways = [(False, 2), (False, 1)]
    net = {"image_shape": (4, 4, 1), "hidden_units": (8,), "latent_dim": 2}
    monkeypatch.setitem(speed.CONTESTANTS, "dense", lambda: speed._autoencoders(lambda: models.DenseAE(**net), ways))


def test_the_net_beside_pytorch_is_the_one_that_is_named():
    net = speed._dense_ae()
    net.build()
    assert net.count_params() == 821_024 == 2 * 784 * 512 + 2 * 512 * 16 + 512 + 16 + 512 + 784
    conv = speed.PythaeConvAE()
    conv.build()
    # pythae's Encoder_Conv_AE_MNIST and Decoder_Conv_AE_MNIST with a code of 16.
    assert sum(np.prod(v.shape) for v in conv.trainable_variables) == 17_215_633
    assert conv.encoder.output_shape == (None, 16) and conv(IMAGES).shape == IMAGES.shape


def test_training_is_timed_in_turns(small, monkeypatch, tmp_path):
    script = tmp_path / "fake.py"
    script.write_text(FAKE)
    monkeypatch.setattr(speed, "SCRIPT", script)
    result = experiments.benchmark_training(
        tmp_path / "out", only=["dense"], pytorch=sys.executable, repeats=3, seconds=0.01
    )
    assert json.loads((tmp_path / "out/training.json").read_text()) == result
    assert (tmp_path / "out/training.png").stat().st_size > 5000
    net = result["nets"]["dense"]
    assert net["versions"]["parameters"] == 821024
    rows = {(row["software"], row["steps_per_execution"]): row for row in net["rows"]}
    assert set(rows) == {("zoo", 2), ("zoo", 1), ("zoo, bare step", 1), ("keras", 1), ("pytorch", 1), ("pythae", 1)}
    assert [key for key, row in rows.items() if row["chosen"]] == [("zoo", 2)]
    for row in rows.values():
        assert len(row["turns_ms"]) == 3 and row["step_ms"] == np.median(row["turns_ms"])
        assert row["images_a_second"] == pytest.approx(128 / row["step_ms"] * 1e3)
    assert rows["pythae", 1]["step_ms"] == 20_000 == 2 * rows["pytorch", 1]["step_ms"]
    ratios = net["ratios"]
    assert ratios["zoo / pythae"] == pytest.approx(20_000 / rows["zoo", 2]["step_ms"])
    assert ratios["zoo / pythae"] == pytest.approx(2 * ratios["zoo / pytorch"])
    pairs = zip(rows["zoo", 2]["turns_ms"], rows["zoo, bare step", 1]["turns_ms"], strict=True)
    assert ratios["fit_overhead"] == pytest.approx(1 / np.median([bare / fit for fit, bare in pairs]) - 1)


def test_a_tutorial_is_compared_with_the_same_compiler():
    def contestant(software, jit, seconds, **settings):
        return speed.Contestant(software, None, jit_compile=jit, seconds=[seconds], **settings)

    ratios = speed._ratios(
        [
            contestant("zoo", False, 2.0, chosen=True),
            contestant("tutorial", False, 3.0),
            contestant("zoo", True, 1.0),
            contestant("tutorial", True, 4.0),
            contestant("zoo, bare step", False, 1.6),
        ]
    )
    assert ratios == {"zoo / tutorial": 1.5, "zoo / tutorial, XLA": 4.0, "fit_overhead": pytest.approx(0.25)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "make, tutorial",
    [
        (lambda: models.ConvVAE(filters=8, encoder_blocks=(0, 0), decoder_blocks=(0, 0), latent_dim=2), tutorials.VAE),
        (lambda: models.DCGAN(filters=4, latent_dim=4), tutorials.DCGAN),
        (lambda: models.WGANGP(filters=4, latent_dim=4), lambda model: tutorials.WGANGP(model, 2, 10.0)),
    ],
)
def test_tutorials_train_the_same_nets_of_keras_own_layers(make, tutorial):
    model = make()
    model.build()
    other = tutorial(model)
    other.compile(jit_compile=False)
    before = [np.array(v) for v in other.trainable_variables]
    assert sorted(v.shape for v in before) == sorted(tuple(v.shape) for v in model.trainable_variables)
    logs = other.fit(IMAGES, batch_size=4, epochs=1, verbose=0).history
    assert logs and all(np.isfinite(values).all() for values in logs.values())
    # A critic's last bias stays where it is: it shifts real and fake scores alike.
    still = [v.path for v, b in zip(other.trainable_variables, before, strict=True) if np.array_equal(v, b)]
    assert not [path for path in still if path.endswith("kernel")], still
    nets = [value for value in vars(other).values() if isinstance(value, keras.Model)]
    kinds = {type(layer) for net in nets for layer in net._flatten_layers()}
    swapped = {"BatchNormalization", "Conv2D", "Conv2DTranspose", "Dropout", "LeakyReLU"}
    assert not [kind for kind in kinds if kind.__name__ in swapped and kind.__module__.startswith("zoo")]


def test_steps_at_once_leave_none_over():
    assert [training.steps_at_once(steps) for steps in (1, 31, 32, 33, 37, 468, 64)] == [1, 31, 32, 11, 1, 26, 32]


def test_progress_counts_steps_that_are_taken_at_once():
    from rich.progress import Progress

    model = models.DenseAE(image_shape=(4, 4, 1), hidden_units=(8,), latent_dim=2)
    model.compile(steps_per_execution=3, jit_compile=False)
    with Progress(disable=True) as progress:
        callback = training.CommandLineProgress(progress, epochs=2, steps=6)
        model.fit(IMAGES[:6, :4, :4], batch_size=1, epochs=2, verbose=0, callbacks=[callback])
        assert progress.tasks[0].completed == progress.tasks[0].total == 12


def test_bad_input(tmp_path):
    bad = [
        ({"only": ["resnet"]}, "only must be of dense, conv"),
        ({"repeats": 0}, "repeats must be at least 1"),
        ({"seconds": 0}, "seconds above 0"),
        ({"only": ["dense"], "pytorch": tmp_path / "python"}, "Cannot start .*No such file"),
        ({"only": ["conv"], "pytorch": "/bin/false"}, "needs torch and pythae"),
    ]
    for arguments, message in bad:
        with pytest.raises(ValueError, match=message):
            experiments.benchmark_training(tmp_path / "out", **arguments)
