"""Alarms on adversarial training, against histories written by hand, and the pictures it leaves behind."""

import keras
import numpy as np
import pytest
from PIL import Image

from zoo import models, training

MODES = 4


class Scripted:
    """A model whose generator makes, at every look, the shares of the modes that the script says."""

    def __init__(self, script):
        self.script, self.stop_training = iter(script), False

    def generate(self, n, seed=None):
        shares = np.asarray(next(self.script), float)
        return np.repeat(np.arange(len(shares)), np.rint(shares * n).astype(int))


def run_alarm(script, **options):
    alarm = training.CollapseAlarm(lambda samples: samples, MODES, **{"n": 400, "patience": 4, **options})
    alarm.set_model(Scripted(script))
    for epoch in range(len(script)):
        alarm.on_epoch_end(epoch, {})
        if alarm.model.stop_training:
            break
    return alarm


EVEN = [0.25] * 4
ONE = [1.0, 0, 0, 0]


def test_a_healthy_run_raises_no_alarm(recwarn):
    growing = [[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0.4, 0.3, 0.3, 0], [0.4, 0.3, 0.3, 0], EVEN]
    assert not run_alarm(growing + [EVEN] * 10).alarms
    assert not run_alarm([ONE] + [EVEN, [0.3, 0.3, 0.3, 0.1]] * 8).alarms
    # Many modes are won, a few lost on the way.
    stumbling = [ONE, [0.5, 0.5, 0, 0], [0.5, 0, 0.5, 0], [0.4, 0, 0.3, 0.3], EVEN, EVEN]
    assert not run_alarm(stumbling).alarms
    assert not recwarn


def test_missing_modes_are_named_with_the_epoch():
    script = [ONE, [0.5, 0.5, 0, 0]] + [[0.6, 0.39, 0.01, 0]] * 6
    with pytest.warns(training.TrainingWarning, match="epoch 6: missing modes: 2 of 4 captured.*without: 2, 3"):
        alarm = run_alarm(script)
    assert [(a.kind, a.epoch) for a in alarm.alarms] == [("missing modes", e) for e in (6, 7, 8)]


def test_hopping_from_mode_to_mode_is_named():
    hops = [np.eye(4)[i % 4] for i in range(12)]
    with pytest.warns(training.TrainingWarning):
        alarm = run_alarm(hops)
    cycling = [a for a in alarm.alarms if a.kind == "cycling"]
    assert cycling[0].epoch == 5 and "never more than 1 of 4 at once; lost: 0, 1, 2, 3" in cycling[0].evidence
    np.testing.assert_array_equal(alarm.counts[1], [0, 400, 0, 0])


def test_what_is_not_finite_is_of_no_mode():
    class Diverged(Scripted):
        def generate(self, n, seed=None):
            return np.full((n, 2), np.nan) if next(self.script) else np.zeros((n, 2))

    def modes_of(samples):
        assert np.isfinite(samples).all()
        return np.zeros(len(samples), int)

    alarm = training.CollapseAlarm(modes_of, MODES, n=10, patience=2)
    alarm.set_model(Diverged([False, True]))
    for epoch in range(2):
        alarm.on_epoch_end(epoch, {})
    np.testing.assert_array_equal(alarm.counts, [[10, 0, 0, 0], [0, 0, 0, 0]])


def test_an_alarm_may_end_the_training():
    with pytest.warns(training.TrainingWarning):
        alarm = run_alarm([ONE] * 20, stop=True)
    assert len(alarm.counts) == 5 and alarm.model.stop_training


def test_looks_may_be_epochs_apart():
    with pytest.warns(training.TrainingWarning):
        alarm = run_alarm([ONE] * 20, every=3)
    assert len(alarm.counts) == 6 and alarm.alarms[0].epoch == 15


def gan(**options):
    keras.utils.set_random_seed(0)
    model = models.GAN(image_shape=(4, 4, 1), latent_dim=2, hidden_units=(8,), dropout=0.0, seed=0)
    model.compile("sgd", keras.optimizers.Adam(0.05), **options)
    return model


IMAGES = np.ones((32, 4, 4, 1), np.float32)


def test_a_discriminator_that_has_won_is_said_so():
    alarm, model = training.BalanceAlarm(accuracy=0.9, patience=2), gan()
    model.generator_optimizer.learning_rate = 0.0
    with pytest.warns(training.TrainingWarning, match="discriminator too strong: it tells 100.0 % of real"):
        model.fit(IMAGES, batch_size=8, epochs=12, verbose=0, callbacks=[alarm])
    assert "gradient has norm" in alarm.alarms[0].evidence


@pytest.mark.slow
def test_k_follows_the_discriminators_accuracy():
    model = gan(discriminator_steps=2)
    steps = model.fit(
        IMAGES, batch_size=8, epochs=15, verbose=0, callbacks=[training.BalanceSteps(low=0.5, high=0.9, most=3)]
    ).history["discriminator_steps"]
    assert steps[0] == 2 and steps[-1] == 1, "it wins, so that one step is enough"
    assert int(model.discriminator_optimizer.iterations) == 4 * sum(steps), "k steps were taken"

    model = gan()
    model.discriminator_optimizer.learning_rate = 0.0
    model.discriminator.layers[-1].bias.assign([9.0])  # takes everything for real, and does not learn
    steps = model.fit(IMAGES, batch_size=8, epochs=4, verbose=0, callbacks=[training.BalanceSteps(most=3)]).history
    assert steps["discriminator_steps"] == [1, 2, 3, 3]


def test_diversity_and_duplicates_are_figures_of_an_epoch():
    real = np.random.default_rng(0).random((50, 4, 4, 1), dtype=np.float32)
    model = gan()
    history = model.fit(IMAGES, batch_size=8, epochs=2, verbose=0, callbacks=[training.Diversity(real, n=40)]).history
    assert 0 < history["diversity"][0] < 2 and 0 <= history["duplicate_rate"][0] < 1
    model.generator.layers[-2].set_weights([np.zeros((8, 16)), np.zeros(16)])  # one image, whatever the noise
    model.generator_optimizer.learning_rate = 0.0
    history = model.fit(IMAGES, batch_size=8, verbose=0, callbacks=[training.Diversity(real, n=40)]).history
    assert history["diversity"][0] < 1e-3 and history["duplicate_rate"] == [1.0]
    with pytest.raises(ValueError, match="n must be an integer ≥ 2: received 1"):
        training.Diversity(real, n=1)
    with pytest.raises(ValueError, match="real must hold at least two examples"):
        training.Diversity(real[:1])


def test_samples_are_drawn_as_pictures_and_as_a_film(tmp_path):
    gan().fit(IMAGES, epochs=4, verbose=0, callbacks=[training.SampleGrid(tmp_path / "new", n=9, every=2)])
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["epoch_002.png", "epoch_004.png", "samples.gif"]
    with Image.open(tmp_path / "new" / "samples.gif") as film:
        assert film.n_frames == 2 and film.size == (28, 28)


def test_samples_are_drawn_in_tensorboard(tmp_path):
    gan().fit(IMAGES, epochs=1, verbose=0, callbacks=[training.TensorBoardImages(tmp_path)])
    assert list((tmp_path / "samples").glob("events*"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: training.CollapseAlarm(len, 1), "modes must be an integer ≥ 2: received 1"),
        (lambda: training.CollapseAlarm(len, 3, least=0), "least must be above 0"),
        (lambda: training.CollapseAlarm(len, 3, patience=1), "patience must be an integer ≥ 2"),
        (lambda: training.BalanceAlarm(accuracy=1), "accuracy must be between 0.5 and 1"),
        (lambda: training.BalanceAlarm(patience=0), "patience must be an integer ≥ 1"),
        (lambda: training.BalanceSteps(low=0.9), "low and high must be ascending"),
        (lambda: training.BalanceSteps(most=0), "most must be an integer ≥ 1"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("callback", [training.BalanceAlarm, training.BalanceSteps])
def test_a_critic_cannot_be_too_good(callback):
    with pytest.raises(ValueError, match="needs a loss with a threshold.*received Wasserstein"):
        gan(loss="wasserstein").fit(IMAGES, verbose=0, callbacks=[callback()])
