"""The hierarchical variational autoencoder: its likelihood, its divergence, and that no quarter sees ahead."""

import keras
import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from zoo import losses, models
from zoo.models.autoencoders.hierarchical_vae import QUARTERS, _divergence, _planes, _woven

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 12, 8, 1)).astype(np.uint8)
X = IMAGES / np.float32(255)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    made = models.HierarchicalVAE(image_shape=(12, 8, 1), filters=8, top_dim=4, latent_channels=2, seed=0)
    made.build()
    for weight in made.trainable_variables:  # residual kernels start at zero, which would hide what they see
        weight.assign_add(0.1 * keras.random.normal(weight.shape, seed=1))
    return made


def by_hand(means, log_scales, logits):
    """Mass of all 256 levels, from their definition."""
    edges = (np.arange(255) + 0.5) / 255
    weights = np.exp(logits) / np.exp(logits).sum()
    cdf = (weights * expit((edges[:, None] - means) / np.exp(log_scales))).sum(axis=1)
    return np.diff(np.concatenate([[0], cdf, [1]]))


def test_a_mixture_is_integrated_over_every_level():
    rng = np.random.default_rng(1)
    for _ in range(5):
        means, log_scales, logits = rng.uniform(0, 1, 3), rng.uniform(-5, -1, 3), rng.normal(size=3)
        levels = np.arange(256, dtype=np.float32)[:, None] / np.float32(255)
        tiled = [np.tile(a.astype(np.float32), (256, 1)) for a in (means, log_scales, logits)]
        mass = np.exp(np.asarray(losses.discretized_logistic_mixture(levels, *tiled), np.float64))
        expected = (by_hand(means, log_scales, logits) + 2.0**-16) / (1 + 256 * 2.0**-16)
        np.testing.assert_allclose(mass, expected, rtol=2e-3, atol=1e-8)
        assert mass.sum() == pytest.approx(1, abs=1e-5)


def test_a_mixture_has_a_gradient_far_from_the_pixel():
    import tensorflow as tf

    means = tf.Variable([[0.9]])
    with tf.GradientTape() as tape:
        loss = -losses.discretized_logistic_mixture(
            tf.constant([[0.5]]), means, tf.constant([[-4.0]]), tf.constant([[0.0]])
        )
    assert float(tape.gradient(loss, means)[0, 0]) > 0


def test_the_divergence_is_that_of_gaussians():
    rng = np.random.default_rng(2)
    mean, log_var, prior_mean, prior_log_var = rng.normal(size=(4, 2, 3)).astype(np.float32)
    found = np.asarray(_divergence([mean, log_var], [prior_mean, prior_log_var]))
    z = mean + np.exp(log_var / 2) * rng.normal(size=(200_000, 2, 3))
    ratio = norm.logpdf(z, mean, np.exp(log_var / 2)) - norm.logpdf(z, prior_mean, np.exp(prior_log_var / 2))
    np.testing.assert_allclose(found, ratio.sum(axis=2).mean(axis=0), rtol=0.02)


def test_no_quarter_sees_itself_or_what_follows(model):
    z2, z1 = np.zeros((3, 4), np.float32), np.ones((3, 3, 2, 2), np.float32)
    outputs = [np.asarray(o) for o in model.likelihood([X, z2, z1])]
    for changed, (row, column) in enumerate(QUARTERS):
        other = X.copy()
        other[:, row::2, column::2] = 1 - other[:, row::2, column::2]
        found = [np.asarray(o) for o in model.likelihood([other, z2, z1])]
        for quarter in range(4):
            same = all(np.array_equal(found[3 * quarter + k], outputs[3 * quarter + k]) for k in range(3))
            assert same == (quarter <= changed)


@pytest.mark.slow
def test_the_bound_is_a_bound_in_bits_a_pixel(model):
    model.compile()
    bits = model.evaluate(X, verbose=0)
    nats = -np.mean([np.asarray(model.log_likelihood_bound(X)) for _ in range(50)])
    assert bits == pytest.approx(nats / np.log(2) / 96, rel=0.05)
    with pytest.raises(ValueError, match="loss must be left out"):
        model.compile(loss="mse")


def test_generation_is_seeded(model):
    first, again, other = (np.asarray(model.generate(3, seed=s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (3, 12, 8, 1) and first.min() >= 0 and first.max() <= 1 and (first != other).any()
    with pytest.raises(ValueError, match="n must be an integer ≥ 1"):
        model.generate(0)


def test_channels_follow_each_other_in_a_quarter():
    """A plane's distribution is of those before it alone, and the expected planes are woven as the pixels were cut."""
    model = models.HierarchicalVAE(image_shape=(8, 12, 3), filters=8, top_dim=4, latent_channels=2, seed=0)
    for weight in model.likelihood.trainable_variables:  # the corrections start at zero
        weight.assign_add(0.1 * keras.random.normal(weight.shape, seed=1))
    x = np.random.default_rng(0).random((2, 8, 12, 3), dtype=np.float32)
    planes = _planes(x)
    assert len(planes) == model.planes == 12
    np.testing.assert_array_equal(_woven(planes), x)
    latents = [np.zeros((2, 4), np.float32), np.zeros((2, 2, 3, 2), np.float32)]
    before = model.likelihood([x, *latents])
    for index in (0, 5, 11):
        changed = list(planes)
        changed[index] = 1 - changed[index]
        after = model.likelihood([np.asarray(_woven(changed)), *latents])
        same = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
        assert all(same[: 3 * (index + 1)]) and not any(same[3 * (index + 1) :])


def test_the_linear_prediction_starts_as_the_least_squares():
    """Images whose planes are linear in those before them leave no error, also at the edges. A grey model has none."""
    x = np.random.default_rng(0).random((40, 8, 8, 1), dtype=np.float32)
    x = np.concatenate([x, 0.2 + 0.5 * x, 0.1 + 0.3 * x], axis=-1)
    colour = models.HierarchicalVAE(image_shape=(8, 8, 3), filters=8, top_dim=4, latent_channels=2, seed=0)
    colour.build()
    colour.adapt(x)
    predicted, planes = colour.prediction(x), _planes(x)
    for index in (1, 2, 4, 5, 7, 8, 10, 11):
        assert np.abs(np.asarray(predicted[index - 1]) - planes[index]).max() < 0.02
    # The distributions start there: the networks' corrections are zero, and the scales those of the errors.
    latents = [np.zeros((40, 4), np.float32), np.zeros((40, 2, 2, 2), np.float32)]
    outputs = colour.likelihood([x, *latents])
    assert np.abs(outputs[3 * 4]).max() == 0 and np.mean(outputs[3 * 4 + 1]) < np.mean(outputs[1]) - 1
    changed = x.copy()
    changed[:, 1::2, 1::2, 2] = 0  # blue of the second quarter, plane 5, which nothing up to it sees
    same = [np.array_equal(a, b) for a, b in zip(predicted, colour.prediction(changed), strict=True)]
    assert same == [index <= 5 for index in range(1, 12)]
    grey = models.HierarchicalVAE(image_shape=(8, 8, 1), filters=8, top_dim=4, latent_channels=2, seed=0)
    assert grey.prediction is None and grey.adapt(x[..., :1]) is None


def test_shapes_that_do_not_divide():
    with pytest.raises(ValueError, match=r"divisible by 4: received \(12, 10, 1\); the nearest is \(12, 8, 1\)"):
        models.HierarchicalVAE(image_shape=(12, 10, 1))
