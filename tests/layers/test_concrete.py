"""The choice of features by a Concrete selector: against NumPy, by its schedule, and on data whose answer is known."""

import itertools

import keras
import numpy as np
import pytest
import small
import tensorflow as tf
from checks import check_layer

from zoo import models
from zoo.layers import ConcreteSelector
from zoo.training.weights import rounded

X = np.random.default_rng(0).random((2, 7), dtype=np.float32)


def selector(k=3, features=7, **options):
    layer = ConcreteSelector(k, **{"annealing_steps": 10, "seed": 1, **options})
    layer.build((None, features))
    return layer


def with_logits(logits, **options):
    layer = selector(*np.shape(logits), **options)
    layer.kernel.assign(logits)
    layer(np.zeros((1, layer.features), np.float32), training=True)  # a step, which chooses
    return layer


def chosen(layer):
    return np.asarray(layer.selected).tolist()


def informative(n=400, seed=0):
    """Images of 12 pixels: 3 independent ones, at places 2, 5 and 11, and three noisy copies of each."""
    rng = np.random.default_rng(seed)
    free = rng.random((n, 3))
    copies = np.repeat(free, 4, axis=1) + rng.uniform(-0.6, 0.6, (n, 12))
    copies[:, [2, 5, 11]] = free
    return np.clip(0.3 + 0.4 * copies, 0, 1).astype(np.float32).reshape(n, 3, 4, 1)


def test_layer():
    y = check_layer(lambda: ConcreteSelector(3, annealing_steps=10, duplicate_penalty=1.0, seed=1), X)
    layer = selector()
    np.testing.assert_array_equal(y, X[:, np.asarray(layer.selected)])


def test_the_mixture_is_concrete_s():
    """By the formula, of the same uniform draws: y = Σ m·x, m = softmax((α + g) / T)."""
    layer = selector(duplicate_penalty=2.0, logit_scale=5.0)
    layer.steps.assign(4)
    twin = keras.random.SeedGenerator(1)
    uniform = np.asarray(keras.random.uniform((3, 7), 1e-7, 1 - 1e-7, seed=twin), np.float64)
    logits = 5.0 * np.asarray(layer.kernel, np.float64)
    temperature = 10 * (0.01 / 10) ** 0.4
    scores = (logits - np.log(-np.log(uniform))) / temperature
    mixture = np.exp(scores - scores.max(axis=1, keepdims=True))
    mixture /= mixture.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(layer(X, training=True), X @ mixture.T, rtol=1e-4)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert float(layer.certainty) == pytest.approx(p.max(axis=1).mean(), rel=1e-5)
    (penalty,) = layer.losses
    assert float(penalty) == pytest.approx(2 * np.maximum(0, p.sum(axis=0) - 1).sum(), abs=1e-5)


def test_units_that_want_the_same_feature_are_charged():
    logits = np.zeros((3, 7), np.float32)
    logits[:2, 4], logits[2, 0] = 20.0, 20.0
    (penalty,) = with_logits(logits, duplicate_penalty=0.5).losses
    assert float(penalty) == pytest.approx(0.5, abs=1e-4)  # two units for one feature: one too many
    assert not with_logits(logits).losses


def test_draws_follow_the_probabilities():
    """At a low temperature a draw is one of the features, each as often as its probability says (Gumbel-max)."""
    logits = np.log(np.array([[0.5, 0.3, 0.2]], np.float32))
    layer = with_logits(logits, start_temperature=0.01)
    draw = tf.function(lambda: layer(np.eye(3, dtype=np.float32), training=True))
    draws = np.concatenate([draw().numpy().T for _ in range(3000)])
    assert (draws.max(axis=1) > 0.9).mean() > 0.9
    np.testing.assert_allclose(draws.mean(axis=0), [0.5, 0.3, 0.2], atol=0.04)  # 4 standard errors


def test_the_temperature_falls_exponentially_and_stays():
    layer = selector(annealing_steps=4, start_temperature=16.0, end_temperature=1.0)
    found = []
    for _ in range(7):
        found.append(float(layer.temperature))
        layer(X, training=True)
        layer(X)  # inference is no step
    np.testing.assert_allclose(found, [16, 8, 4, 2, 1, 1, 1], rtol=1e-5)


def test_the_choice_is_the_likeliest_and_nothing_twice():
    assert chosen(with_logits([[0.0, 5, 1, 0], [0, 0, 0, 4]])) == [1, 3]
    # Both want 1: the surer unit, here the second, has it, and the other takes its next best.
    layer = with_logits([[0.0, 5, 4, 0], [0, 9, 0, 0]])
    assert chosen(layer) == [2, 1]
    np.testing.assert_array_equal(layer(X[:, :4]), X[:, [2, 1]])
    assert sorted(chosen(with_logits(np.zeros((4, 4))))) == [0, 1, 2, 3]


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_gradients_are_finite_at_the_lowest_temperature(policy):
    import tensorflow as tf

    layer = selector(end_temperature=0.01, logit_scale=10.0, duplicate_penalty=1.0, dtype=policy)
    layer.kernel.assign(3 * np.random.default_rng(0).standard_normal((3, 7)))
    layer.steps.assign(1000)
    for _ in range(50):
        with tf.GradientTape() as tape:
            y = layer(X, training=True)
            loss = tf.reduce_sum(tf.cast(y, tf.float32) ** 2) + sum(layer.losses)
        assert np.isfinite(tape.gradient(loss, layer.kernel.value)).all() and np.isfinite(loss)


def test_counting_goes_on_after_saving(tmp_path):
    images = informative(64)
    model = models.ConcreteAE(image_shape=(3, 4, 1), latent_dim=3, hidden_units=(8,), annealing_steps=12, seed=0)
    model.compile("adam")
    model.fit(images, batch_size=16, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    assert int(reloaded.selector.steps) == 8
    np.testing.assert_array_equal(reloaded.selected, model.selected)
    history = reloaded.fit(images, batch_size=16, epochs=1, verbose=0).history
    assert int(reloaded.selector.steps) == 12 and 0 < history["certainty"][0] <= 1
    assert float(reloaded.selector.temperature) == pytest.approx(0.01)
    # What ships keeps its counter and its choice to the last digit, though its weights are rounded.
    model.selector.selected.assign([1, 3, 2])
    model.selector.steps.assign(12_345)
    shipped = models.ConcreteAE.from_config(model.get_config())
    shipped.build()
    shipped.set_weights(rounded(model.get_weights()))
    assert list(shipped.selected) == [1, 3, 2] and int(shipped.selector.steps) == 12_345


@pytest.mark.slow
def test_finds_the_pixels_that_tell_all_others():
    images = informative()
    model = models.ConcreteAE(
        image_shape=(3, 4, 1), latent_dim=3, hidden_units=(16,), annealing_steps=1500, logit_scale=3.0, seed=0
    )
    model.compile(keras.optimizers.Adam(5e-3))
    model.fit(np.tile(images, (10, 1, 1, 1)), batch_size=50, epochs=30, verbose=0)
    flat = images.reshape(len(images), -1)

    def error(places):
        fit = np.linalg.lstsq(np.c_[flat[:, places], np.ones(len(flat))], flat, rcond=None)[0]
        return np.square(np.c_[flat[:, places], np.ones(len(flat))] @ fit - flat).sum()

    best = min(itertools.combinations(range(12), 3), key=lambda places: error(list(places)))
    assert best == (2, 5, 11)  # of all 220 choices
    assert sorted(model.selected) == [2, 5, 11]
    assert float(model.selector.certainty) > 0.95
    np.testing.assert_array_equal(model.encode(images), flat[:, model.selected])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: selector(0), "k must be an integer ≥ 1: received 0"),
        (lambda: selector(8), "k must be at most the number of features, 7: received 8"),
        (lambda: selector(annealing_steps=1.5), "annealing_steps must be an integer ≥ 1: received 1.5"),
        (lambda: selector(end_temperature=0.0), "end_temperature must be above 0 and at most start_temperature"),
        (lambda: selector(start_temperature=0.001), "received 0.01 and 0.001"),
        (lambda: selector(logit_scale=0), "logit_scale must be above 0: received 0"),
        (lambda: selector(duplicate_penalty=-1), "duplicate_penalty must be at least 0: received -1"),
        (lambda: models.ConcreteAE(hidden_units=(0,)), "hidden_units must be positive"),
        (lambda: models.ConcreteAE(image_shape=(2, 3, 1), latent_dim=7).build(), "at most the number of features, 6"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("layer", ["model", "encoder", "selector"])
def test_what_is_frozen_does_not_anneal(layer, eagerly):
    """Inside another model's ``fit`` as well: its steps, its choice and its output stay as they were."""
    model = small.AUTOENCODERS["concrete_ae"]()
    model.build()
    x = small.examples("concrete_ae", 8)
    model.compile()
    model.fit(x, epochs=3, verbose=0)
    (model if layer == "model" else getattr(model, layer)).trainable = False
    before, code = [v.numpy() for v in model.encoder.variables], np.asarray(model.encode(x))
    outer = keras.Sequential([keras.Input(model.image_shape), model.encoder, keras.layers.Dense(1)])
    outer.compile("sgd", "mse")
    outer.fit(x, np.ones((8, 1), np.float32), epochs=2, verbose=0)
    for variable, old in zip(model.encoder.variables, before, strict=True):
        assert "seed" in variable.path or np.array_equal(variable, old), variable.path
    np.testing.assert_array_equal(model.encode(x), code)
    np.testing.assert_array_equal(model.encoder(x, training=True), code)


def test_training_false_moves_nothing():
    model = small.AUTOENCODERS["concrete_ae"]()
    model.build()
    before = [v.numpy() for v in model.variables]
    model(small.examples("concrete_ae", 2), training=False)
    for variable, old in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, old)
