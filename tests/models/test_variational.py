"""Variational autoencoders: sampling, divergences, priors and bounds, against closed forms and integrals."""

import random

import keras
import numpy as np
import pytest

import zoo
from zoo import data, evaluation, layers, losses, models, tasks
from zoo.evaluation.likelihood import log_likelihood

rng = np.random.default_rng(0)
SHAPE = {"image_shape": (8, 4, 1)}
BINARY = (rng.random((3, 8, 4, 1)) < 0.4).astype(np.float32)


def small(**arguments):
    keras.utils.set_random_seed(1)
    return models.VAE(**SHAPE, hidden_units=(16,), **{"latent_dim": 2, "seed": 3, **arguments})


def trained(**arguments):
    """A model away from its start, where posterior and prior would be alike."""
    model = small(**arguments)
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(BINARY, epochs=12, verbose=0)
    return model


def log_normal(values):
    return -0.5 * (values**2 + np.log(2 * np.pi)).sum(axis=-1)


# Sampling


def test_sampling_is_the_mean_at_inference_and_gaussian_in_training():
    mean = np.array([[1.0, -2.0], [0.0, 3.0]], np.float32)
    log_var = np.log(np.array([[0.25, 4.0], [1.0, 0.01]], np.float32))
    layer = layers.GaussianSampling(20_000, seed=0)
    np.testing.assert_array_equal(layer([mean, log_var]), mean)
    draws = np.asarray(layer([mean, log_var], training=True)).reshape(20_000, 2, 2)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.06)
    np.testing.assert_allclose(draws.var(axis=0), np.exp(log_var), rtol=0.05)


def test_sampling_repeats_with_its_seed_and_passes_gradients():
    import tensorflow as tf

    mean, log_var = tf.Variable([[0.5, 1.0]]), tf.Variable([[0.0, -1.0]])
    draws = [layers.GaussianSampling(seed=s)([mean, log_var], training=True) for s in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert np.any(np.not_equal(draws[0], draws[2]))
    with tf.GradientTape() as tape:
        z = layers.GaussianSampling(seed=1)([mean, log_var], training=True)
        total = tf.reduce_sum(z)
    by_mean, by_log_var = tape.gradient(total, [mean, log_var])
    np.testing.assert_allclose(by_mean, np.ones((1, 2)))
    np.testing.assert_allclose(by_log_var, 0.5 * (z - mean), rtol=1e-5)  # dz/dlog_var = σε / 2


def test_sampling_survives_saving(tmp_path):
    inputs = [keras.Input((2,)), keras.Input((2,))]
    model = keras.Model(inputs, layers.GaussianSampling(seed=3)(inputs))
    model.save(tmp_path / "m.keras")
    reloaded = keras.models.load_model(tmp_path / "m.keras")
    x = [np.ones((2, 2), np.float32)] * 2
    np.testing.assert_array_equal(reloaded(x), model(x))
    assert reloaded.layers[-1].seed == 3


# Losses


def test_gaussian_kl_against_the_integral():
    mean, log_var = np.array([[0.7, -1.5]]), np.array([[0.3, -2.0]])
    grid = np.linspace(-12, 12, 200_001)
    expected = []
    for m, v in zip(mean[0], np.exp(log_var[0]), strict=True):
        log_q = -0.5 * ((grid - m) ** 2 / v + np.log(2 * np.pi * v))
        log_p = -0.5 * (grid**2 + np.log(2 * np.pi))
        expected.append(np.trapezoid(np.exp(log_q) * (log_q - log_p), grid))
    np.testing.assert_allclose(losses.gaussian_kl(mean, log_var), [expected], rtol=1e-5)


def test_gaussian_kl_by_hand():
    # KL(N(1, 1) ‖ N(0, 1)) = 1/2; KL(N(0, e²) ‖ N(0, 1)) = (e² − 3) / 2
    kl = losses.gaussian_kl(np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 2.0, 0.0]]))
    np.testing.assert_allclose(kl, [[0.5, (np.exp(2) - 3) / 2, 0.0]], rtol=1e-6)


def test_gaussian_entropy_against_scipy():
    from scipy.stats import norm

    log_var = np.array([[0.3, -2.0]])
    expected = sum(norm(scale=np.exp(0.5 * v)).entropy() for v in log_var[0])
    np.testing.assert_allclose(losses.gaussian_entropy(log_var), [expected], rtol=1e-6)


def test_free_bits_charge_what_is_above_the_minimum():
    kl = np.array([[0.1, 2.0], [0.3, 4.0]])
    assert float(losses.free_bits(kl, 0.0)) == pytest.approx(0.2 + 3.0)
    assert float(losses.free_bits(kl, 0.5)) == pytest.approx(0.5 + 3.0)
    with pytest.raises(ValueError, match="minimum must be at least 0"):
        losses.free_bits(kl, -1.0)


@pytest.mark.parametrize("from_logits", [False, True])
def test_cross_entropy_is_summed_over_an_example(from_logits):
    target, logits = rng.random((2, 3, 2, 1)), rng.normal(size=(2, 3, 2, 1))
    p = 1 / (1 + np.exp(-logits))
    expected = -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum(axis=(1, 2, 3)).mean()
    loss = losses.BinaryCrossentropy(from_logits=from_logits)
    assert float(loss(target, logits if from_logits else p)) == pytest.approx(expected, rel=1e-5)
    clone = losses.BinaryCrossentropy.from_config(loss.get_config())
    assert clone.from_logits == from_logits


def test_cross_entropy_from_logits_is_exact_where_a_sigmoid_saturates():
    loss = losses.BinaryCrossentropy(from_logits=True)
    assert float(loss(np.ones((1, 1)), np.full((1, 1), -100.0))) == pytest.approx(100.0)


@pytest.mark.parametrize("loss", [losses.SquaredError, losses.BinaryCrossentropy])
def test_a_reduction_that_would_unbalance_a_model_is_refused(loss):
    with pytest.raises(ValueError, match="reduction must be sum_over_batch_size"):
        loss(reduction="sum")
    with pytest.raises(ValueError, match="must have one shape"):
        loss()(np.zeros((2, 3)), np.zeros((2, 4)))
    assert loss(reduction="none")(np.zeros((2, 3)), np.full((2, 3), 0.5)).shape == (2,)


# The learned prior


def moved_flow(latent_dim, couplings=3):
    """A flow away from the identity."""
    flow = layers.CouplingFlow(couplings, hidden_units=8)
    flow.build((None, latent_dim))
    flow.set_weights([rng.normal(scale=0.5, size=w.shape) for w in flow.get_weights()])
    return flow


def test_flow_starts_as_the_identity_and_has_an_inverse():
    z = rng.normal(size=(5, 4)).astype(np.float32)
    noise, log_determinant = layers.CouplingFlow(2, 8)(z)
    np.testing.assert_allclose(noise, z, atol=1e-6)
    np.testing.assert_allclose(log_determinant, np.zeros(5), atol=1e-6)
    flow = moved_flow(4)
    noise, _ = flow(z)
    assert np.abs(noise - z).max() > 0.1
    np.testing.assert_allclose(flow.inverse(noise), z, atol=1e-4)


def test_flow_determinant_against_the_jacobian():
    import tensorflow as tf

    flow, z = moved_flow(4), tf.Variable(rng.normal(size=(3, 4)).astype(np.float32))
    with tf.GradientTape() as tape:
        noise, log_determinant = flow(z)
    jacobian = tape.batch_jacobian(noise, z)
    np.testing.assert_allclose(log_determinant, np.linalg.slogdet(jacobian)[1], atol=1e-4)


def test_flow_density_integrates_to_one():
    flow, axis = moved_flow(2), np.linspace(-15, 15, 601, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    density = np.exp(np.asarray(flow.log_prob(grid), np.float64))
    assert density.sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1.0, abs=0.01)


def test_flow_config_and_saving(tmp_path):
    z = rng.normal(size=(2, 4)).astype(np.float32)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.CouplingFlow(2, 8)(inputs)[0])
    model.layers[-1].set_weights([rng.normal(size=w.shape) for w in model.layers[-1].get_weights()])
    model.save(tmp_path / "m.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "m.keras")(z), model(z), atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.GaussianSampling(0), "samples must be an integer ≥ 1"),
        (lambda: layers.CouplingFlow(0), "couplings must be an integer ≥ 1"),
        (lambda: layers.CouplingFlow(2, 1.5), "hidden_units must be an integer ≥ 1"),
        (lambda: layers.CouplingFlow(2, 8).build((None, 3)), "latent_dim must be even"),
        (lambda: models.VAE(latent_dim=0), "latent_dim must be an integer ≥ 1"),
        (lambda: models.VAE(beta=-1.0), "beta must be at least 0"),
        (lambda: models.VAE(samples=0), "samples must be an integer ≥ 1"),
        (lambda: models.VAE(samples=5, beta=2.0), "samples must be 1 where beta is not 1"),
        (lambda: models.VAE(prior_couplings=2, free_bits=0.1), "free_bits must be 0 with a learned prior"),
        (lambda: models.VAE(hidden_units=(0,)), "hidden_units must be positive"),
        (lambda: models.ConvVAE(image_shape=(30, 28, 1)), "divisible by 4"),
        (lambda: models.ConvVAE(filters=6), "filters must be a positive multiple of 4"),
        (lambda: small().compile(loss="mse"), "loss must be left out"),
        (lambda: small().generate(0), "n must be an integer ≥ 1"),
        (lambda: small().traverse(np.zeros(2), 2, [0.0]), "dimension must be from 0 to 1"),
        (lambda: log_likelihood(small(), BINARY, 0), "importance_samples must be an integer ≥ 1"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# The bounds


def exact_log_likelihood(model, x, log_prior):
    """log p(x) of a model with two numbers in its code, by integration on a grid."""
    axis = np.linspace(-10, 10, 401, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    logits = np.asarray(model.logits(grid), np.float64).reshape(len(grid), 1, -1)
    log_joint = (x.reshape(1, len(x), -1) * logits - np.logaddexp(0, logits)).sum(axis=-1)
    log_joint += np.asarray(log_prior(grid), np.float64)[:, None]
    top = log_joint.max(axis=0)
    return top + np.log(np.exp(log_joint - top).sum(axis=0) * (axis[1] - axis[0]) ** 2)


def test_importance_weighted_likelihood_against_integration():
    model = trained()
    exact = exact_log_likelihood(model, BINARY, log_normal)
    bounds = log_likelihood(model, BINARY, 5000)
    np.testing.assert_allclose(bounds["log_likelihood"], exact, atol=0.05)
    assert (bounds["elbo"] < exact).all()


def test_importance_weighted_likelihood_with_a_learned_prior_against_integration():
    model = trained(prior_couplings=2, prior_units=8)
    exact = exact_log_likelihood(model, BINARY, model.prior.log_prob)
    np.testing.assert_allclose(log_likelihood(model, BINARY, 5000)["log_likelihood"], exact, atol=0.1)


@pytest.mark.parametrize("draws_at_once", [1000, 300, 7])
def test_likelihood_is_the_same_however_draws_are_batched(monkeypatch, draws_at_once, eagerly):
    from scipy.special import logsumexp

    weights = rng.normal(-90, 3, size=(1000, 4))

    class Stub:
        taken = np.zeros(4, int)

        def log_weights(self, x, samples):
            images = np.asarray(x)[:, 0].astype(int)  # every image says which it is
            part = np.stack([weights[self.taken[i] : self.taken[i] + samples, i] for i in images], axis=1)
            self.taken[images] += samples
            return part

    monkeypatch.setattr(evaluation.likelihood, "DRAWS_AT_ONCE", draws_at_once)
    Stub.taken = np.zeros(4, int)
    bounds = log_likelihood(Stub(), np.arange(4.0)[:, None], 1000)
    np.testing.assert_allclose(bounds["log_likelihood"], logsumexp(weights, axis=0) - np.log(1000), rtol=1e-12)
    np.testing.assert_allclose(bounds["elbo"], weights.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: models.VAE(**SHAPE, latent_dim=2, hidden_units=(8,)),
        lambda: models.HierarchicalVAE(**SHAPE, filters=4, top_dim=2, latent_channels=1, components=2),
    ],
)
def test_a_measured_bound_repeats_and_leaves_all_generators_alone(make, eagerly):
    model, same = make(), make()  # each with a generator of its own, as in two processes
    for each in (model, same):
        each.build()
    same.set_weights(model.get_weights())
    images = (255 * rng.integers(0, 2, (6, *model.image_shape))).astype(np.uint8)

    def states():
        return [np.asarray(v).tolist() for v in model.variables if "seed_generator" in v.path]

    before, random_state, numpy_state = states(), random.getstate(), np.random.get_state()[1].tolist()
    first, again, other = (evaluation.measure_likelihood(m, images, importance_samples=3) for m in (model, model, same))
    assert first == again == other
    assert (states(), random.getstate(), np.random.get_state()[1].tolist()) == (before, random_state, numpy_state)
    if "negative_log_likelihood" in first:
        assert (first["likelihood_images"], first["likelihood_dtype_policy"]) == (6, "float32")


@pytest.mark.parametrize("given, drawn", [({}, None), ({"importance_samples": 7}, 7)])
def test_evaluate_draws_as_many_as_the_card(monkeypatch, given, drawn):
    class Data:
        def binarized(self, seed):
            return self

    seen = {}
    monkeypatch.setattr(data, "load", lambda *args, **options: Data())
    monkeypatch.setattr(tasks, "measure_split", lambda model, data_set, **options: seen.update(options) or {})
    zoo.evaluate("vae.mnist", **given)
    assert seen["importance_samples"] == (drawn or zoo.info("vae.mnist")["metrics"]["importance_samples"])


@pytest.mark.slow
def test_val_loss_is_the_negative_elbo():
    """On average over draws: reconstruction and closed-form divergence, from the model's own parts, in NumPy."""
    model = trained()
    z_mean, z_log_var = (np.asarray(part) for part in model.posterior(BINARY))
    draws = z_mean + np.exp(0.5 * z_log_var) * rng.standard_normal((20_000, *z_mean.shape), dtype=np.float32)
    p = np.asarray(model.decode(draws.reshape(-1, 2)), np.float64).reshape(20_000, 3, -1)
    flat = BINARY.reshape(1, 3, -1)
    reconstruction = (flat * np.log(p) + (1 - flat) * np.log1p(-p)).sum(axis=-1).mean()
    divergence = 0.5 * (z_mean**2 + np.exp(z_log_var) - 1 - z_log_var).sum(axis=-1).mean()
    measured = np.mean([model.evaluate(BINARY, verbose=0) for _ in range(100)])
    assert measured == pytest.approx(divergence - reconstruction, abs=0.5)


def test_beta_and_free_bits_enter_the_loss():
    def loss(**arguments):
        model = small(**arguments)
        model.compile()
        model.build()
        keras.utils.set_random_seed(2)
        model.set_weights([rng_.normal(scale=0.2, size=w.shape) for w in model.get_weights()])
        model.sampling.seed_generator.state.assign([0, 5])
        return model.evaluate(BINARY, verbose=0)

    results = {}
    for key, arguments in (("1", {}), ("4", {"beta": 4.0}), ("0", {"beta": 0.0}), ("free", {"free_bits": 50.0})):
        rng_ = np.random.default_rng(1)
        results[key] = loss(**arguments)
    divergence = results["1"] - results["0"]
    assert divergence > 0 and results["4"] == pytest.approx(results["0"] + 4 * divergence, rel=1e-4)
    assert results["free"] == pytest.approx(results["0"] + 2 * 50.0, rel=1e-4)


def test_warm_up_starts_without_the_divergence():
    model = small(warmup_steps=10)
    model.compile(keras.optimizers.SGD(0.0))
    assert float(model._warmup()) == pytest.approx(0.1)
    model.fit(BINARY, epochs=4, verbose=0)
    assert float(model._warmup()) == pytest.approx(0.5)
    model.fit(BINARY, epochs=20, verbose=0)
    assert float(model._warmup()) == 1.0


def test_more_draws_tighten_the_bound():
    model = trained()
    one, many = (-log_likelihood(model, np.repeat(BINARY, 200, axis=0), k)["log_likelihood"].mean() for k in (1, 20))
    assert many < one


def test_nothing_is_drawn_at_inference():
    model = small()
    np.testing.assert_array_equal(model(BINARY), model(BINARY))
    np.testing.assert_allclose(model(BINARY), model.decode(model.encode(BINARY)), atol=1e-6)
    outputs = [np.asarray(model(BINARY, training=True)) for _ in range(2)]
    assert np.any(outputs[0] != outputs[1])


# Generating


@pytest.mark.parametrize("prior", [{}, {"prior_couplings": 2, "prior_units": 8}])
def test_generate_repeats_with_its_seed(prior):
    model = small(**prior)
    images = np.asarray(model.generate(4, seed=1))
    assert images.shape == (4, 8, 4, 1) and images.min() >= 0 and images.max() <= 1
    np.testing.assert_array_equal(images, model.generate(4, seed=1))
    assert np.any(images != np.asarray(model.generate(4, seed=2)))


@pytest.mark.parametrize("prior", [{}, {"prior_couplings": 2, "prior_units": 8}])
def test_interpolation_ends_at_both_images_and_traversal_passes_its_start(prior):
    model = small(**prior)
    z = np.asarray(model.encode(BINARY))
    way = np.asarray(model.interpolate(z[0], z[1], 5))
    np.testing.assert_allclose(way[[0, -1]], model.decode(z[:2]), atol=1e-5)
    start = float(np.asarray(model.to_noise(z[:1]))[0, 1])
    varied = np.asarray(model.traverse(z[0], 1, [start - 1, start, start + 1]))
    np.testing.assert_allclose(varied[1], np.asarray(model.decode(z[:1]))[0], atol=1e-5)
    assert np.abs(varied[0] - varied[2]).max() > 1e-4
