"""GANs: who moves when, losses against NumPy, saving and resuming, and what each model claims."""

import keras
import numpy as np
import pytest
import small
import tensorflow as tf
from checks import check_layer
from keras import layers

import zoo
from zoo import losses, models, packaging, registry, training
from zoo.layers import LeakyReLU
from zoo.models.blocks import Perceptron

IMAGES = small.examples("gan", 24)
LABELS = small.targets("cgan", 24)
SMALL = small.GANS


def fit(model, images=IMAGES, labels=LABELS, **options):
    options = {"batch_size": 8, "shuffle": False, "verbose": 0, **options}
    return model.fit(images, labels if model.num_classes else None, **options).history


def state(*parts) -> list[np.ndarray]:
    """All variables: weights, moving statistics, states of random layers."""
    return [np.array(v) for part in parts for v in part.variables]


def equal(first, second) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


class Line(models.AdversarialModel):
    """The smallest game that can be worked by hand: a generator ``x = w·noise + b`` and a critic ``c·x``."""

    def __init__(self, **kwargs):
        super().__init__(image_shape=(1,), latent_dim=1, **kwargs)
        noise, x = keras.Input((1,)), keras.Input((1,))
        self.generator = keras.Model(noise, layers.Dense(1, kernel_initializer="zeros")(noise))
        self.discriminator = keras.Model(x, layers.Dense(1, use_bias=False, kernel_initializer="zeros")(x))


# --- losses ---

REAL, FAKE = np.array([[2.0], [-0.5], [0.3]]), np.array([[-1.0], [0.7], [1.4]])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        (
            "minimax",
            -np.mean(np.log(sigmoid(REAL))) - np.mean(np.log(1 - sigmoid(FAKE))),
            np.mean(np.log(1 - sigmoid(FAKE))),
        ),
        (
            "non_saturating",
            -np.mean(np.log(sigmoid(REAL))) - np.mean(np.log(1 - sigmoid(FAKE))),
            -np.mean(np.log(sigmoid(FAKE))),
        ),
        (
            "least_squares",
            (1 + 2.25 + 0.49) / 6 + (1 + 0.49 + 1.96) / 6,
            (4 + 0.09 + 0.16) / 6,
        ),
        ("hinge", (0 + 1.5 + 0.7) / 3 + (0 + 1.7 + 2.4) / 3, -1.1 / 3),
        ("wasserstein", 1.1 / 3 - 1.8 / 3, -1.1 / 3),
    ],
)
def test_losses_have_the_values_of_their_papers(name, discriminator, generator):
    loss = losses.adversarial_loss(name)
    np.testing.assert_allclose(loss.discriminator(REAL, FAKE), discriminator, rtol=1e-5)
    np.testing.assert_allclose(loss.generator(FAKE), generator, rtol=1e-5)


def test_the_losses_values_as_numbers():
    minimax, even = losses.Minimax(), np.zeros((1, 1))
    np.testing.assert_allclose(minimax.discriminator(even, even), 1.3862944, rtol=1e-6)  # 2 log 2, theorem 1
    np.testing.assert_allclose(minimax.generator(even), -0.6931472, rtol=1e-6)
    np.testing.assert_allclose(losses.NonSaturating().generator(even), 0.6931472, rtol=1e-6)
    np.testing.assert_allclose(losses.NonSaturating().generator(even - 200), 200, rtol=1e-6)  # no overflow


def test_smoothing_moves_the_real_labels_only():
    smooth, target = losses.NonSaturating(label_smoothing=0.1), 0.9
    expected = -np.mean(target * np.log(sigmoid(REAL)) + 0.1 * np.log(1 - sigmoid(REAL)))
    expected -= np.mean(np.log(1 - sigmoid(FAKE)))
    np.testing.assert_allclose(smooth.discriminator(REAL, FAKE), expected, rtol=1e-5)
    np.testing.assert_allclose(smooth.generator(FAKE), losses.NonSaturating().generator(FAKE))


def test_the_penalties_of_a_linear_critic_are_known():
    kernel = np.array([[1.5], [-2.0]], np.float32)  # of norm 2.5
    points = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    x = tf.constant(points)
    critic = lambda x: x @ kernel  # noqa: E731
    np.testing.assert_allclose(losses.gradient_penalty(critic, x, x + 1, seed=0), 1.5**2, rtol=1e-5)
    np.testing.assert_allclose(losses.r1_penalty(critic, x), 0.5 * 2.5**2, rtol=1e-5)


def test_the_gradient_penalty_looks_uniformly_between_the_examples():
    # The slope of x² at ε is 2ε: the mean of (2ε − 1)² is 1/3 for ε uniform on [0, 1], and 5 for a standard normal.
    real, fake = tf.ones((200_000, 1)), tf.zeros((200_000, 1))
    np.testing.assert_allclose(losses.gradient_penalty(lambda x: x**2, real, fake, seed=0), 1 / 3, atol=3e-3)


@pytest.mark.parametrize("shape", [(5,), (6, 4, 2)])
@pytest.mark.parametrize("loss", ["wasserstein", "non_saturating"])
def test_a_perceptrons_gradients_are_those_of_differentiation(shape, loss):
    keras.utils.set_random_seed(0)
    front = [layers.Rescaling(3.0, -1.0), layers.Flatten()]
    hidden = [layers.Dense(9), LeakyReLU(0.2), layers.Dropout(0.0), layers.Dense(7), LeakyReLU(0.0)]
    network = keras.Sequential([keras.Input(shape), *front, *hidden, layers.Dense(1)])
    variables = [v.value for v in network.trainable_variables]
    for variable in variables[1::2]:
        variable.assign(tf.random.stateless_normal(variable.shape, (0, 1)))
    rng = np.random.default_rng(0)
    real, fake = (tf.constant(x) for x in rng.random((2, 8, *shape), dtype=np.float32))
    epsilon = rng.random((8, 1), dtype=np.float32)

    def of_scores(scores):
        return losses.adversarial_loss(loss).discriminator(scores[:8], scores[8:])

    ours = Perceptron.of(network).gradients(of_scores, real, fake, epsilon, 10.0)
    between = fake + epsilon.reshape(8, *(1 for _ in shape)) * (real - fake)
    with tf.GradientTape() as tape:
        with tf.GradientTape() as inner:
            inner.watch(between)
            scores = network(between)
        slope = tf.reshape(inner.gradient(scores, between), (8, -1))
        penalty = tf.reduce_mean((tf.sqrt(tf.reduce_sum(slope**2, axis=1)) - 1) ** 2)
        value = of_scores(network(tf.concat([real, fake], 0))) + 10 * penalty
    for mine, theirs in zip(ours, tape.gradient(value, variables), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_what_is_no_perceptron():
    for name in ("wgan_gp", "cgan"):
        assert Perceptron.of(SMALL[name]().discriminator) is None
    x = keras.Input((3,))
    h = layers.Dense(3)(x)
    score = layers.Dense(1)(LeakyReLU()(h))
    assert Perceptron.of(keras.Model(x, score)) is not None
    for y in (
        h,
        LeakyReLU()(h),
        layers.Dense(1)(h),
        layers.Dense(1)(layers.LeakyReLU()(h)),
        layers.Dense(1)(layers.Dropout(0.1)(LeakyReLU()(h))),
        layers.Dense(1)(LeakyReLU()(layers.Dense(3, "tanh")(x))),
        layers.Dense(1)(LeakyReLU()(layers.Dense(3, dtype="mixed_bfloat16")(x))),
        layers.Dense(2)(LeakyReLU()(h)),
        layers.Add()([score, layers.Dense(1)(x)]),
    ):
        assert Perceptron.of(keras.Model(x, y)) is None
    frozen = keras.Model(x, score)
    frozen.layers[1].trainable = False
    assert Perceptron.of(frozen) is None


@pytest.mark.slow
@pytest.mark.parametrize("how", ["plain", "scaled", "compiled by XLA"])
def test_a_step_of_a_perceptron_is_that_of_any_critic(monkeypatch, how, eagerly):
    def trained():
        keras.utils.set_random_seed(0)
        model = SMALL["gan"](gradient_penalty_weight=3.0, dropout=0.0)
        ours, theirs = (keras.optimizers.SGD(0.01) for _ in range(2))
        if how == "scaled":
            theirs = keras.optimizers.LossScaleOptimizer(theirs, initial_scale=8.0)
        xla = how == "compiled by XLA"
        model.compile(ours, theirs, loss="wasserstein", discriminator_steps=2, jit_compile=xla)
        return fit(model), model.get_weights()

    history, weights = trained()
    monkeypatch.setattr(Perceptron, "of", lambda network: None)
    plain_history, plain_weights = trained()
    assert history.keys() == plain_history.keys()
    for name, values in history.items():
        np.testing.assert_allclose(values, plain_history[name], rtol=1e-4, atol=1e-6)
    for a, b in zip(weights, plain_weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_subclass_with_scores_of_its_own_is_heeded():
    class Doubled(models.GAN):
        def scores(self, examples, labels=None, frozen=False):
            return 2 * super().scores(examples, labels, frozen)

    estimates = []
    for made in (models.GAN, Doubled):
        keras.utils.set_random_seed(0)
        model = made(hidden_units=(8, 12), dropout=0.0, gradient_penalty_weight=3.0, **small.GAME)
        model.compile(*(keras.optimizers.SGD(0.0) for _ in range(2)), loss="wasserstein")
        estimates.append(fit(model)["wasserstein_estimate"][0])
    assert estimates[1] == pytest.approx(2 * estimates[0], rel=1e-5)


def test_a_flat_critic_has_a_finite_gradient():
    flat, x = tf.Variable(tf.zeros((1, 1))), tf.ones((4, 1))
    with tf.GradientTape() as tape:
        penalty = losses.gradient_penalty(lambda x: x @ flat, x, -x, seed=0)
    assert np.isfinite(tape.gradient(penalty, flat)).all()


@pytest.mark.parametrize("shape", [(5,), (6, 4, 2)])
def test_the_leaky_rectifier_is_keras_own_to_the_second_derivative(shape):
    def critic(rectifier):
        keras.utils.set_random_seed(0)
        first = layers.Dense(7) if len(shape) == 1 else layers.Conv2D(3, 3, 2, padding="same")
        return keras.Sequential([keras.Input(shape), first, rectifier, layers.Flatten(), layers.Dense(1)])

    ours, theirs = critic(LeakyReLU(0.2)), critic(layers.LeakyReLU(0.2))
    real, fake = np.random.default_rng(0).normal(size=(2, 8, *shape)).astype(np.float32)
    np.testing.assert_allclose(ours(real), theirs(real), rtol=1e-6)
    gradients = []
    for model in (ours, theirs):
        with tf.GradientTape() as tape:
            penalty = losses.gradient_penalty(model, tf.constant(real), tf.constant(fake), seed=0)
        kernels = [v.value for v in model.trainable_variables if v.name == "kernel"]
        gradients.append(tape.gradient(penalty, kernels))
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_the_leaky_rectifier_is_a_layer():
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(check_layer(lambda: LeakyReLU(0.3), x), np.where(x > 0, x, np.float32(0.3) * x))
    with pytest.raises(ValueError, match="negative_slope must be at least 0 and below 1: received 1.0"):
        LeakyReLU(1.0)


# --- one step ---


def test_the_critic_sees_a_fresh_minibatch_at_every_step():
    # Its loss is linear, so with SGD every step adds the learning rate times (mean of the part − fake, which is 0).
    model = Line()
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.5), "wasserstein", discriminator_steps=3)
    x = np.array([[1.0], [2.0], [10.0], [20.0], [100.0], [200.0], [300.0]], np.float32)
    model.fit(x, batch_size=7, shuffle=False, verbose=0)
    parts = x[:2].mean() + x[2:4].mean() + x[4:].mean()
    np.testing.assert_allclose(model.critic.get_weights()[0], [[0.5 * parts]], rtol=1e-6)


def test_the_generator_climbs_the_critics_slope():
    model = Line()
    model.compile(keras.optimizers.SGD(0.5), keras.optimizers.SGD(0.0), "wasserstein")
    model.critic.set_weights([np.array([[3.0]], np.float32)])
    model.fit(np.ones((4, 1), np.float32), batch_size=4, verbose=0)
    np.testing.assert_allclose(model.generator.get_weights()[1], [1.5], rtol=1e-6)  # the bias: 0 + 0.5 · 3


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_players_step_moves_nothing_of_the_other(name):
    model = SMALL[name]()
    model.compile()
    generating = [model.generator] if not hasattr(model, "encoder") else [model.encoder, model.generator]
    labels = keras.ops.convert_to_tensor(LABELS[:8], "int32") if model.num_classes else None
    x = keras.ops.convert_to_tensor(IMAGES[:8])

    before = state(*generating), state(model.discriminator)
    fake = model.fake_examples(x, labels)
    assert equal(before[0], state(*generating)), "making fakes moved the generator"
    model._update_discriminator(model.real_examples(x), fake, labels)
    assert equal(before[0], state(*generating)), "the discriminator's step moved the generator"
    assert not equal(before[1], state(model.discriminator))

    before = state(*generating), state(model.discriminator)
    model._update_generator(x, labels)
    assert equal(before[1], state(model.discriminator)), "the generator's step moved the discriminator"
    assert not equal(before[0], state(*generating))
    moved = [not np.array_equal(a, b) for a, b in zip(before[0], state(*generating), strict=True)]
    assert sum(moved) >= len(model.generator_variables), "something trainable did not move"


def weights(part) -> list[np.ndarray]:
    return [np.array(v) for v in part.weights]


@pytest.mark.parametrize("compiled_again", [False, True])
@pytest.mark.parametrize("name", SMALL)
def test_what_is_frozen_stays_and_the_other_player_learns(name, compiled_again):
    for frozen, learning in (("generator", "discriminator"), ("discriminator", "generator")):
        model = compiled(name, run_eagerly=True)
        frozen, learning = getattr(model, frozen), getattr(model, learning)
        frozen.trainable = False
        if compiled_again:
            model.compile(run_eagerly=True)
        before = weights(frozen), weights(learning)
        history = fit(model, IMAGES[:8], LABELS[:8])
        assert equal(before[0], weights(frozen)) and not equal(before[1], weights(learning))
        assert all(np.isfinite(values).all() for values in history.values())


@pytest.mark.parametrize("name", SMALL)
def test_one_frozen_layer_stays(name):
    model = compiled(name, run_eagerly=True)
    frozen = [
        next(layer for layer in player.layers if layer.weights) for player in (model.generator, model.discriminator)
    ]
    for layer in frozen:
        layer.trainable = False
    players = [part for part in (model.generator, model.discriminator)]
    before = [weights(part) for part in (*frozen, *players)]
    fit(model, IMAGES[:8], LABELS[:8])
    stayed = [equal(old, weights(part)) for old, part in zip(before, (*frozen, *players), strict=True)]
    assert stayed == [True, True, False, False]


def test_freezing_counts_from_the_next_fit_on():
    model = compiled("gan", discriminator_optimizer=keras.optimizers.Adam(1e-3))
    model.compile(keras.optimizers.Adam(1e-3, use_ema=True))
    fit(model)
    model.generator.trainable = False
    before = weights(model.generator), weights(model.discriminator)
    fit(model)
    assert equal(before[0], weights(model.generator)) and not equal(before[1], weights(model.discriminator))
    assert model.generate(2, seed=0).shape[0] == 2
    model.compile()
    model.generator.trainable = True
    with pytest.raises(ValueError, match="The generator was frozen, in whole or in part, at compile: call compile"):
        fit(model)
    model.compile()
    fit(model)
    assert not equal(before[0], weights(model.generator))


def test_wgan_makes_the_papers_four_changes():
    model = SMALL["wgan"]()
    model.compile()
    scored = model.critic(IMAGES)
    kernel, bias = model.critic.trainable_variables[-2:]
    kernel.assign(1000 * kernel)
    bias.assign(1000 * bias)
    np.testing.assert_allclose(model.critic(IMAGES), 1000 * scored, rtol=1e-4)  # no sigmoid after the last layer
    scores = np.array([[3.0], [-5.0]], np.float32)  # of any sign: the loss is their mean, without a logarithm
    np.testing.assert_allclose(model.adversarial_loss.generator(scores), 1.0)
    np.testing.assert_allclose(model.adversarial_loss.discriminator(2 * scores, scores), 1.0)
    for optimizer in (model.generator_optimizer, model.discriminator_optimizer):
        assert type(optimizer) is keras.optimizers.RMSprop and optimizer.momentum == 0
    assert model.clip == 0.01 and model.discriminator_steps == 5


def test_clipping_binds_every_trained_weight_and_no_statistic(eagerly):
    model = models.WGAN(filters=4, normalization="batch", clip=0.01, **small.GAME)
    model.compile(discriminator_optimizer=keras.optimizers.RMSprop(0.1))
    fit(model)
    trained, other = model.critic.trainable_variables, model.critic.non_trainable_variables
    assert all(np.abs(v).max() <= 0.01 for v in trained)
    assert any(np.abs(v).max() == np.float32(0.01) for v in trained)
    assert [v.path.rpartition("/")[2] for v in other] == 2 * ["moving_mean", "moving_variance"]
    assert all(np.max(v) > 0.01 for v in other[1::2]), "moving statistics are no weights"


def test_the_scale_of_scores_multiplies_them():
    plain, scaled = SMALL["sngan"](score_scale=1.0), SMALL["sngan"]()
    scaled.set_weights(plain.get_weights())
    np.testing.assert_allclose(scaled.discriminator(IMAGES), 16 * np.array(plain.discriminator(IMAGES)), rtol=1e-5)
    assert models.DCGAN().score_scale == 1


def test_spectral_normalization_keeps_small_steps_in_mixed_precision():
    """A kernel that is written back in bfloat16 has 16 zeros at the end of each weight, and no step below 0.4 %."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = SMALL["sngan"]()
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile(*(keras.optimizers.SGD(0.0) for _ in range(2)))
    fit(model)
    for variable in model.discriminator.trainable_variables:
        if "kernel" in variable.path:
            assert (np.array(variable).view(np.uint32) & 0xFFFF).any()


def test_spectral_normalization_bounds_the_kernels():
    model = SMALL["sngan"]()
    model.compile()
    fit(model, epochs=10)
    x = keras.ops.convert_to_tensor(IMAGES)
    model.discriminator(x, training=True)  # normalises the kernels as they are now
    for layer in model.discriminator.layers:
        if isinstance(layer, layers.SpectralNormalization):
            kernel = np.array(layer.layer.kernel)
            largest = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
            assert 0.8 < largest < 1.25


# --- every model ---


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_trains_saves_and_resumes_as_if_never_stopped(name, tmp_path):
    keras.utils.set_random_seed(0)
    model = SMALL[name](dropout=0.2) if name in ("gan", "dcgan", "cgan") else SMALL[name]()
    assert type(model).from_config(model.get_config()).get_config() == model.get_config()
    model.compile(
        keras.optimizers.Adam(1e-3, use_ema=True, ema_momentum=0.5),
        keras.optimizers.RMSprop(keras.optimizers.schedules.ExponentialDecay(1e-3, 5, 0.5)),
        losses.NonSaturating(label_smoothing=0.1) if name == "gan" else None,
        discriminator_steps=2,
    )
    fit(model, epochs=2)
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    assert reloaded.discriminator_steps == 2
    assert reloaded.get_compile_config() == model.get_compile_config()
    assert equal(state(model, *model.optimizers), state(reloaded, *reloaded.optimizers))
    np.testing.assert_array_equal(model.generate(5, seed=3), reloaded.generate(5, seed=3))

    histories = fit(model, epochs=2), fit(reloaded, epochs=2)
    for key, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][key], rtol=1e-5, atol=1e-6)
    for a, b in zip(state(model), state(reloaded), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_every_trained_variable_gets_a_gradient_in_every_precision(name, eagerly):
    for policy in ("float32", "mixed_float16", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        try:
            model = SMALL[name]()
        finally:
            keras.config.set_dtype_policy("float32")
        model.compile()
        before = [np.array(v) for v in model.trainable_variables]
        history = fit(model, validation_data=(IMAGES, LABELS) if model.num_classes else (IMAGES,))
        assert all(np.isfinite(values).all() for values in history.values())
        assert {"discriminator_loss", "generator_loss", "val_generator_loss", "generator_gradient_norm"} <= set(history)
        assert ("real_accuracy" in history) == (model.adversarial_loss.threshold is not None)
        assert ("wasserstein_estimate" in history) == (model.adversarial_loss.threshold is None)
        pairs = zip(before, model.trainable_variables, strict=True)
        still = {variable.path for old, variable in pairs if np.array_equal(old, variable)}
        # The last bias moves real and fake scores alike, which their difference, of a hinge within its margins too,
        # does not notice.
        difference = isinstance(model.adversarial_loss, losses.Wasserstein | losses.Hinge)
        assert {path for path in still if not (difference and path.endswith("score/bias"))} == set(), policy


@pytest.mark.slow
def test_every_model_generates_and_reloads_in_a_fresh_process(tmp_path, run_python, eagerly):
    for name, make in SMALL.items():
        model = make()
        model.compile()
        fit(model)
        images = model.generate(7, seed=5)
        assert images.shape == (7, 12, 8, 1) and images.dtype == np.float32, name
        assert 0 <= images.min() < images.max() <= 1, name
        np.testing.assert_array_equal(images, model.generate(7, seed=5), err_msg=name)
        assert (images != model.generate(7, seed=6)).any(), name
        model.save(tmp_path / f"{name}.keras")
        np.save(tmp_path / f"{name}.npy", images)
    printed = run_python(
        f"""
import keras, numpy as np, zoo.models
for name in {[*SMALL]!r}:
    model = keras.models.load_model({str(tmp_path)!r} + f"/{{name}}.keras")
    images = np.load({str(tmp_path)!r} + f"/{{name}}.npy")
    np.testing.assert_allclose(model.generate(7, seed=5), images, atol=1e-6, err_msg=name)
    assert int(model.generator_optimizer.iterations) == 3, "the optimizers' state was lost: " + name
    print(name)
"""
    )
    assert printed.split() == [*SMALL]


@pytest.mark.parametrize("name", SMALL)
def test_half_precision_compiles_again(name):
    model = SMALL[name](dtype="mixed_float16")
    for _ in range(2):
        model.compile()
        assert all(isinstance(o, keras.optimizers.LossScaleOptimizer) for o in model.optimizers)
    model.compile(auto_scale_loss=False)
    assert not any(isinstance(o, keras.optimizers.LossScaleOptimizer) for o in model.optimizers)


@pytest.mark.parametrize("name", SMALL)
def test_a_last_batch_of_one(name):
    model = compiled(name, discriminator_steps=1, run_eagerly=True)
    history = fit(model, IMAGES[:9], LABELS[:9])
    assert all(np.isfinite(values).all() for values in history.values())
    assert all(np.isfinite(values).all() for values in state(model))


@pytest.mark.slow
@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize("name", SMALL)
def test_a_short_last_batch_trains_or_is_refused(name, xla):
    def batches(count, size):
        data = tf.data.Dataset.from_tensor_slices((IMAGES[:count], LABELS[:count])[: 2 if name == "cgan" else 1])
        return data.batch(size)

    model = compiled(name, discriminator_steps=1, jit_compile=xla)
    history = fit(model, IMAGES[:9], LABELS[:9])
    history |= model.fit(batches(9, 8), verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    model = compiled(name, discriminator_steps=5, jit_compile=xla)
    with pytest.raises(ValueError, match="batch_size must be at least discriminator_steps, 5.*received 3 examples"):
        fit(model, IMAGES[:11], LABELS[:11])
    with pytest.raises(ValueError, match="batch_size must be at least discriminator_steps, 5.*received fewer examples"):
        model.fit(batches(11, 8), verbose=0)
    assert fit(model, IMAGES[:13], LABELS[:13])["generator_loss"]


@pytest.mark.parametrize("name", ["gan", "cgan", "vae_gan"])
def test_a_whole_model_exports_without_having_been_called(name, tmp_path):
    model = compiled(name)
    model.export(tmp_path / "model", verbose=False)
    noise = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    inputs = {"gan": noise, "cgan": [noise, np.arange(3, dtype=np.int32)], "vae_gan": IMAGES[:3]}[name]
    inputs = keras.tree.map_structure(keras.ops.convert_to_tensor, inputs)
    exported = tf.saved_model.load(str(tmp_path / "model"))
    np.testing.assert_allclose(exported.serve(inputs), model(inputs), atol=1e-5)


def test_an_evaluation_is_the_same_twice_and_teaches_nothing():
    model = SMALL["dcgan"]()
    model.compile()
    before = state(model)
    first = model.evaluate(IMAGES, batch_size=8, verbose=0, return_dict=True)
    assert first == model.evaluate(IMAGES, batch_size=8, verbose=0, return_dict=True)
    assert equal(before, state(model))


@pytest.mark.slow
def test_steps_per_execution_and_xla_compute_the_same():
    results = []
    for options in ({}, {"steps_per_execution": 3}, {"jit_compile": True}):
        keras.utils.set_random_seed(0)
        model = SMALL["gan"](dropout=0.0)
        noise = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
        model.noise_for = lambda x, training=True, noise=noise: noise[: x.shape[0]]  # XLA draws other numbers
        model.compile("sgd", "sgd", discriminator_steps=2, **options)
        fit(model)
        results.append([np.array(w) for w in model.weights])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_the_average_of_the_weights_generates_and_training_goes_on_from_the_last():
    model = SMALL["gan"]()
    model.compile(keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5))
    fit(model)
    before = model.generator.get_weights()
    with model.averaged():
        average = model.generator.get_weights()
        expected = model.generator.predict(keras.random.normal((4, 4), seed=2), verbose=0)
    assert any((a != b).any() for a, b in zip(before, average, strict=True))
    np.testing.assert_array_equal(model.generate(4, seed=2), expected)
    assert equal(before, model.generator.get_weights())


# --- what single models claim ---


@pytest.mark.slow
def test_the_conditional_gan_draws_the_class_asked_for():
    # Class c is an image of the grey value c/2: after training, the classes' mean greys stand in that order.
    keras.utils.set_random_seed(0)
    images = np.broadcast_to((LABELS / 2).reshape(-1, 1, 1, 1), IMAGES.shape).astype(np.float32) * 0.8 + 0.1
    model = SMALL["cgan"]()
    model.compile(keras.optimizers.Adam(1e-2, beta_1=0.5), keras.optimizers.Adam(1e-2, beta_1=0.5))
    fit(model, images, epochs=60)
    means = [model.generate(20, seed=0, labels=label).mean() for label in range(3)]
    assert means[0] + 0.1 < means[1] < means[2] - 0.1
    assert model.generate(4).shape[0] == 4 and model.generate(3, labels=[0, 1, 2], seed=0).shape[0] == 3


@pytest.mark.slow
def test_the_adversarial_autoencoders_codes_come_to_look_like_the_prior():
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).random((512, 4, 4, 1), dtype=np.float32)
    model = models.AAE(
        image_shape=(4, 4, 1),
        latent_dim=2,
        hidden_units=(32,),
        discriminator_units=(32,),
        adversarial_weight=3.0,
        seed=0,
    )
    model.compile(keras.optimizers.Adam(2e-3, beta_1=0.5), keras.optimizers.Adam(2e-3, beta_1=0.5))
    model.encoder.layers[-1].bias.assign([4.0, -4.0])  # far from where the prior is
    before = model.encoder.predict(images, verbose=0).mean(axis=0)
    error = np.mean((model.predict(images, verbose=0) - images) ** 2)
    fit(model, images, batch_size=64, epochs=40)
    codes = model.encoder.predict(images, verbose=0)
    assert np.abs(before).min() > 3 and np.abs(codes.mean(axis=0)).max() < 0.6
    assert np.abs(np.log(codes.std(axis=0))).max() < 1
    assert np.mean((model.predict(images, verbose=0) - images) ** 2) < error


def test_the_vae_gan_reconstructs_in_the_discriminators_features():
    model = SMALL["vae_gan"]()
    x = keras.ops.convert_to_tensor(IMAGES[:8])
    model.compile()
    shown = np.asarray(model.fake_examples(x, None))
    assert shown.shape == (8, 12, 8, 1)
    functions = [function for function, _ in model.generator_losses(x, None)]
    encoder, generator = float(functions[0]()), float(functions[1]())
    assert encoder > 0 and np.isfinite(generator)
    groups = [variables for _, variables in model.generator_losses(x, None)]
    assert not {id(v) for v in groups[0]} & {id(v) for v in groups[1]}


@pytest.mark.slow
def test_a_gan_learns_points():
    keras.utils.set_random_seed(0)
    points = np.random.default_rng(0).normal((3.0, -2.0), (0.5, 1.0), (2048, 2)).astype(np.float32)
    model = models.GAN(
        example_shape=(2,),
        latent_dim=2,
        hidden_units=(32, 32),
        normalized=False,
        dropout=0.0,
        gradient_penalty_weight=1.0,
    )
    rate = {"learning_rate": 2e-3, "beta_1": 0.5}
    model.compile(
        keras.optimizers.Adam(**rate),
        keras.optimizers.Adam(**rate),
        "wasserstein",
        discriminator_steps=2,
        jit_compile=True,
    )
    model.fit(points, batch_size=256, epochs=60, verbose=0)
    made = model.generate(2000, seed=0)
    np.testing.assert_allclose(made.mean(axis=0), points.mean(axis=0), atol=0.6)
    assert (made.std(axis=0) < 3).all()


# --- bad input ---


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SMALL["dcgan"](image_shape=(28, 28)), "image_shape must be .height, width, channels."),
        (lambda: SMALL["dcgan"](image_shape=(30, 28, 1)), "divisible by 4"),
        (lambda: SMALL["dcgan"](hidden_units=(8, 0)), "hidden_units must be positive integers, or none: .*8, 0"),
        (lambda: SMALL["dcgan"](normalization="layer"), "normalization must be batch, spectral or None: .*'layer'"),
        (lambda: SMALL["sngan"](score_scale=0.0), "score_scale must be above 0: received 0.0"),
        (lambda: SMALL["gan"](image_shape=()), "image_shape must be positive integers"),
        (lambda: SMALL["gan"](latent_dim=0), "latent_dim must be an integer ≥ 1: received 0"),
        (lambda: SMALL["gan"](num_classes=10), "num_classes must be 0"),
        (lambda: SMALL["dcgan"](num_classes=1), "num_classes must be 0, for no labels, or an integer ≥ 2"),
        (lambda: SMALL["cgan"](num_classes=0), "num_classes must be at least 2: received 0"),
        (lambda: SMALL["wgan"](clip=0), "clip must be above 0"),
        (lambda: SMALL["wgan"](clip=-0.01), "clip must be above 0, or None for no clipping: received -0.01"),
        (lambda: SMALL["wgan_gp"](gradient_penalty_weight=-1), "gradient_penalty_weight must be at least 0"),
        (lambda: SMALL["gan"](r1_weight=-1), "r1_weight must be at least 0"),
        (lambda: SMALL["aae"](adversarial_weight=0), "adversarial_weight must be above 0"),
        (lambda: SMALL["vae_gan"](reconstruction_weight=0), "reconstruction_weight must be above 0"),
        (lambda: losses.Minimax(label_smoothing=0.5), "label_smoothing must be at least 0 and below 0.5"),
        (lambda: SMALL["gan"]().compile(loss="js"), "loss must be minimax, .*received 'js'"),
        (
            lambda: SMALL["gan"]().compile(discriminator_steps=0),
            "discriminator_steps must be an integer ≥ 1: received 0",
        ),
        (lambda: SMALL["gan"]().generate(0), "n must be an integer ≥ 1"),
        (lambda: SMALL["gan"]().generate(2, labels=1), "labels must be left out"),
        (lambda: SMALL["cgan"]().generate(2, labels=[0, 3]), "labels must be integers from 0 to 2: .* 0 to 3"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def compiled(name, **options):
    model = SMALL[name]()
    model.compile(**options)
    return model


def test_a_batch_smaller_than_k_is_refused():
    model = compiled("gan", discriminator_steps=5)
    message = "batch_size must be at least discriminator_steps, 5, in every batch: received 4 examples"
    with pytest.raises(ValueError, match=message):
        model.fit(IMAGES[:20], batch_size=8, verbose=0)  # 8, 8, 4
    with pytest.raises(ValueError, match=message):
        model.fit(tf.data.Dataset.from_tensor_slices(IMAGES).batch(4, drop_remainder=True), verbose=0)
    before = model.get_weights()
    with pytest.raises(ValueError, match="received fewer examples; raise it, or drop the last"):
        model.fit(tf.data.Dataset.from_tensor_slices(IMAGES[:3]).batch(4), verbose=0)
    assert equal(before, model.get_weights())
    assert fit(model, IMAGES[:21], batch_size=8)["generator_loss"]  # 8, 8, 5
    with pytest.raises(ValueError, match=message):
        fit(model, IMAGES[:24], validation_split=0.5)  # 8, 4
    assert fit(model, IMAGES[:20], validation_split=0.2)["generator_loss"]  # 8, 8


def test_a_batch_smaller_than_k_is_refused_under_xla():
    model = Line()
    model.compile(loss="wasserstein", discriminator_steps=5, jit_compile=True)
    batches = tf.data.Dataset.from_tensor_slices(np.ones((11, 1), np.float32)).batch(8)
    with pytest.raises(ValueError, match="received fewer examples; raise it, or drop the last"):
        model.fit(batches, verbose=0)
    assert model.jit_compile and np.isfinite(model.evaluate(batches, verbose=0)).all()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES * 255, r"x must be in \[0, 1\]: received values from .*divide 8-bit images by 255"),
        (IMAGES * 2 - 1, r"x must be in \[0, 1\]: received values from -"),
        (np.where(IMAGES > 0.99, np.nan, IMAGES), "x must be finite"),
        (IMAGES[:0], r"x must hold at least one example: received the shape \(0, 12, 8, 1\)"),
        (IMAGES.swapaxes(1, 2), r"x must have the shape \(batch, 12, 8, 1\): received \(.*, 8, 12, 1\)"),
    ],
)
def test_bad_images(images, message):
    model = compiled("dcgan")
    before = state(model)
    with pytest.raises(ValueError, match=message):
        model.fit(images, batch_size=8, verbose=0)
    assert equal(before, state(model))


@pytest.mark.parametrize("name", SMALL)
def test_targets_and_weights_that_do_not_count_are_refused(name):
    model = compiled(name)
    labels, before = LABELS if model.num_classes else None, state(model)
    arguments = [{"sample_weight": np.ones(24)}, {"class_weight": {0: 1.0, 1: 2.0, 2: 3.0}}]
    arguments += [] if model.num_classes else [{"y": IMAGES}, {"y": LABELS}]
    for given in arguments:
        message = f"{next(iter(given))} must be left out"
        with pytest.raises(ValueError, match=message):
            model.fit(IMAGES, **{"y": labels, **given}, verbose=0)
        if "class_weight" not in given:
            with pytest.raises(ValueError, match=message):
                model.evaluate(IMAGES, **{"y": labels, **given}, verbose=0)
            with pytest.raises(ValueError, match=message):
                model.fit(IMAGES, labels, validation_data=(IMAGES, *{"y": labels, **given}.values()), verbose=0)
    with pytest.raises(ValueError, match="(y|sample_weight) must be left out"):
        parts = (IMAGES, LABELS, np.ones(24, np.float32))[: 3 if model.num_classes else 2]
        model.fit(tf.data.Dataset.from_tensor_slices(parts).batch(8), verbose=0)
    assert equal(before, state(model))


@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize("name", ["gan", "cgan", "vae_gan"])
def test_images_of_another_scale_are_refused_wherever_they_come_from(name, xla):
    model = compiled(name, jit_compile=xla, run_eagerly=not xla)
    images, labels = 255 * IMAGES, LABELS if model.num_classes else None
    batches = tf.data.Dataset.from_tensor_slices((images, LABELS) if model.num_classes else images).batch(8)
    before, message = state(model), r"x must be in \[0, 1\]: received values from .*divide 8-bit images by 255"
    for use in (
        lambda: model.fit(batches, verbose=0),
        lambda: model.evaluate(batches, verbose=0),
        lambda: model.evaluate(images, labels, verbose=0),
        lambda: model.train_on_batch(images, labels),
    ):
        with pytest.raises(ValueError, match=message):
            use()
    with pytest.raises(ValueError, match="validation_data must be in"):
        fit(model, validation_data=(images, *([labels] if model.num_classes else [])))
    if name == "vae_gan":
        for use in (model.predict, model.predict_on_batch, model.encode, model):
            with pytest.raises(ValueError, match=message):
                use(images)
    else:  # of noise, which may be anything
        noise = 9 * np.ones((2, 4), np.float32)
        inputs = [noise, np.zeros(2, np.int32)] if model.num_classes else noise
        assert model.predict(inputs, verbose=0).shape == model.predict_on_batch(inputs).shape == (2, 12, 8, 1)
    assert equal(before, state(model))


@pytest.mark.parametrize("name", SMALL)
def test_layers_have_the_models_own_precision(name):
    model = SMALL[name](dtype="mixed_float16")
    kinds = keras.layers.Dense | keras.layers.Conv2D
    parts = [getattr(model, part) for part in ("generator", "discriminator", "encoder") if hasattr(model, part)]
    inner = [getattr(layer, "layer", layer) for part in parts for layer in part.layers]  # within a normalisation
    hidden = [layer for layer in inner if isinstance(layer, kinds)]
    assert {layer.dtype_policy.name for layer in hidden} == {"mixed_float16", "float32"}
    assert all(layer.dtype_policy.name == "float32" for layer in SMALL[name]().layers)


@pytest.mark.parametrize("name", SMALL)
def test_channels_are_last_whatever_keras_settings_say(name):
    def made():
        model = SMALL[name](image_shape=(12, 8, 3))
        if before:
            model.set_weights(before)
        before[:] = model.get_weights()
        images = model.generate(2, seed=0)
        labels = keras.ops.arange(2) if model.num_classes else None
        parts = [
            images,
            model.real_examples(images, training=False),
            model.fake_examples(images, labels, training=False),
        ]
        if hasattr(model, "encoder"):
            parts.append(model.encode(images))
        scores = [
            model.discriminator(model._with(labels, keras.ops.convert_to_tensor(x)), training=False) for x in parts[1:3]
        ]
        return [np.asarray(x) for x in (*parts, *scores)]

    before = []
    expected = made()
    keras.config.set_image_data_format("channels_first")
    try:
        found = made()
    finally:
        keras.config.set_image_data_format("channels_last")
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_bad_labels():
    model = compiled("cgan")
    with pytest.raises(ValueError, match="y must be integers from 0 to 2: received int64 from 0 to 3"):
        model.fit(IMAGES, np.arange(24) % 4, verbose=0)
    with pytest.raises(ValueError, match="y must hold the labels, 0 to 2: received none"):
        model.fit(IMAGES, verbose=0)


# --- the one training path ---


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Sixty pictures of bright squares."""
    from PIL import Image

    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for index in range(60):
        pixels = rng.integers(0, 40, (28, 28), dtype=np.uint8)
        row, column = rng.integers(0, 18, 2)
        pixels[row : row + 10, column : column + 10] += 200
        Image.fromarray(pixels).save(folder / f"{index:02}.png")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "overrides", "files"),
    [
        ("wgan_gp", {"filters": 4}, {"generated", "noise"}),
        ("aae", {"hidden_units": (16,)}, {"generated", "noise", "images", "code", "reconstruction"}),
    ],
)
def test_a_recipe_makes_an_artefact_that_loads(name, overrides, files, pictures, tmp_path):

    result = training.train(
        name, data_source=str(pictures), output=tmp_path, epochs=2, batch_size=16, overrides=overrides, seed=3
    )
    card = packaging.write_artifact(result, tmp_path)
    assert card["parameters"] == result.model.count_params()
    assert ("code_shape" in card) == (name == "aae") == (tmp_path / "encoder.tflite").exists()
    assert {"generator_loss", "val_discriminator_loss"} <= set(result.history)
    model = zoo.load(tmp_path)
    with np.load(tmp_path / "golden.npz") as golden:
        assert set(golden) == files
        np.testing.assert_allclose(model.generator(golden["noise"]), golden["generated"], atol=1e-5)
    assert model.discriminator_steps == type(model).default_discriminator_steps
    assert (tmp_path / "preview.png").stat().st_size > 1000
    model.fit(np.zeros((10, 28, 28, 1), np.float32), batch_size=10, verbose=0)


def test_labels_are_needed_where_they_are_learned_from(pictures, tmp_path):
    with pytest.raises(ValueError, match="cgan learns from labels, which .* lacks: give a labelled data set"):
        training.train("cgan", data_source=str(pictures), output=tmp_path)


def test_the_average_is_what_ships(pictures, tmp_path):
    options = {"data_source": str(pictures), "epochs": 1, "batch_size": 16, "overrides": {"hidden_units": (8,)}}
    last, averaged = (
        training.train("gan", output=tmp_path / str(momentum), ema_momentum=momentum, learning_rate=0.1, **options)
        for momentum in (0.0, 0.9)
    )
    generators = [result.model.generator.get_weights()[0] for result in (last, averaged)]
    assert np.abs(generators[0] - generators[1]).max() > 0.05


def test_the_discriminator_may_learn_at_a_rate_of_its_own(pictures, tmp_path):
    options = {"data_source": str(pictures), "epochs": 1, "batch_size": 16, "overrides": {"hidden_units": (8,)}}
    slow, usual = (
        training.train("gan", output=tmp_path / str(rate), discriminator_learning_rate=rate, **options).model
        for rate in (1e-9, None)
    )
    biases = [max(np.abs(layer.bias).max() for layer in m.discriminator.layers if layer.weights) for m in (slow, usual)]
    assert biases[0] < 1e-7 < 1e-4 < biases[1]


@pytest.mark.slow
def test_another_learning_rate_is_one_for_both_players(pictures, tmp_path):
    options = {"data_source": str(pictures), "epochs": 1, "batch_size": 16, "overrides": {"filters": 4}}
    recipe = training.train("wgan", output=tmp_path, learning_rate=1e-4, **options).record["recipe"]
    shipped = registry.CATALOG["wgan"].recipes["fashion_mnist"]
    ratio = shipped.discriminator_learning_rate / shipped.learning_rate
    assert ratio < 1 and recipe["discriminator_learning_rate"] == pytest.approx(ratio * 1e-4)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_names_the_player(pictures, tmp_path):
    options = {"data_source": str(pictures), "output": tmp_path, "batch_size": 16, "overrides": {"filters": 4}}
    training.train("wgan_gp", epochs=1, **options)
    saved = (tmp_path / "checkpoint.npz").read_bytes()
    with pytest.raises(ValueError, match=r"The (discriminator|generator) loss is (nan|-?inf) at epoch \d+, step \d+"):
        training.train("wgan_gp", epochs=4, learning_rate=1e18, **{**options, "output": tmp_path / "other"})
    assert (tmp_path / "checkpoint.npz").read_bytes() == saved
