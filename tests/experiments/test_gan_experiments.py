"""The experiments on GANs: closed forms where there are any, tiny runs of the others, and the command."""

import dataclasses
import json
import math

import keras
import numpy as np
import pytest
from commands import own_lines, run
from scipy.integrate import quad
from scipy.stats import norm

from zoo import data, experiments, registry
from zoo.experiments import critics, divergences, gan_plots, modes, protocols, toy

# One training step of such nets takes milliseconds.
TINY = {"units": (8, 8), "batch_size": 16}


# --- divergences ---


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.3, 0.7)])
def test_forward_kl_matches_moments_and_reverse_kl_chooses_a_mode(weights):
    fits = divergences.fit_one_gaussian(weights=weights, points=2001, starts=3)["fits"]
    mean = 2 * (weights[1] - weights[0])
    variance = 0.25 + 4 - mean**2  # of the mixture: within the modes, and between them
    assert fits["forward_kl"]["mean"] == pytest.approx(mean, abs=1e-4)
    assert fits["forward_kl"]["sigma"] == pytest.approx(math.sqrt(variance), abs=1e-4)
    # Modes so far apart hardly know of one another: p is weight times that mode, so the divergence −log weight.
    chosen = fits["reverse_kl"]
    assert chosen["value"] == pytest.approx(-math.log(max(weights)), abs=1e-3)
    assert chosen["sigma"] == pytest.approx(0.5, abs=5e-3)
    assert abs(chosen["mean"]) == pytest.approx(2, abs=5e-3)
    if weights[0] < weights[1]:
        assert chosen["mean"] > 0
    modes_found = sorted(minimum[0] for minimum in chosen["minima"] if minimum[1] < 0.6)
    np.testing.assert_allclose(modes_found, [-2, 2], atol=5e-3)  # the other mode is a minimum as well


def test_the_value_of_forward_kl_is_what_is_lost_in_entropy():
    fit = divergences.fit_one_gaussian(points=2001, starts=1)["fits"]["forward_kl"]
    p = lambda x: 0.5 * (norm.pdf(x, -2, 0.5) + norm.pdf(x, 2, 0.5))  # noqa: E731
    entropy = quad(lambda x: -p(x) * math.log(p(x)), -8, 8, points=(-2, 2))[0]
    assert fit["value"] == pytest.approx(0.5 * math.log(2 * math.pi * math.e * 4.25) - entropy, abs=1e-4)


def test_one_gaussian_is_found_by_every_divergence():
    fits = divergences.fit_one_gaussian(means=(1.0,), sigmas=(0.7,), points=2001, starts=1)["fits"]
    for fit in fits.values():
        assert (fit["mean"], fit["sigma"]) == pytest.approx((1.0, 0.7), abs=2e-3)
        assert fit["value"] == pytest.approx(0, abs=1e-3)


def test_modes_farther_apart_make_jensen_shannon_choose_one():
    near, far = (divergences.fit_one_gaussian(means=(-m, m), points=2001, starts=3)["fits"] for m in (1.0, 6.0))
    assert near["jensen_shannon"]["mean"] == pytest.approx(0, abs=1e-3)
    assert abs(far["jensen_shannon"]["mean"]) == pytest.approx(6, abs=1e-2)
    assert far["wasserstein"]["mean"] == pytest.approx(0, abs=1e-2) and far["wasserstein"]["sigma"] > 5


def test_jensen_shannon_ends_at_log_2_and_wasserstein_goes_on():
    result = divergences.separating_distributions(sigma=0.5, distances=(0.1, 0.5, 1.0, 5.0, 20.0))
    gaussians, lines = result["gaussians"], result["lines"]
    for theta, value in zip(result["distances"][:3], gaussians["jensen_shannon"], strict=False):

        def integrand(x, theta=theta):
            p, q = norm.pdf(x, 0, 0.5), norm.pdf(x, theta, 0.5)
            return 0.5 * (p * math.log(2 * p / (p + q)) + q * math.log(2 * q / (p + q)))

        assert value == pytest.approx(quad(integrand, -4, 5)[0], rel=1e-6)
    assert gaussians["jensen_shannon"][-2:] == pytest.approx([math.log(2)] * 2, abs=1e-5)
    assert gaussians["jensen_shannon_slope"][-1] < 1e-30
    assert gaussians["wasserstein"] == lines["wasserstein"] == result["distances"]
    assert lines["jensen_shannon"] == [math.log(2)] * 5 and lines["jensen_shannon_slope"] == [0.0] * 5


def test_the_slope_is_the_derivative():
    step = 1e-4
    result = divergences.separating_distributions(distances=(1.5 - step, 1.5, 1.5 + step))["gaussians"]
    low, _, high = result["jensen_shannon"]
    assert result["jensen_shannon_slope"][1] == pytest.approx((high - low) / (2 * step), rel=1e-6)


# --- discriminators alone ---


def test_gradients_of_one_sample_obey_the_chain_rule():
    # Of one score s with the gradient g: σ(s) g, (1 − σ(s)) g, and g itself.
    result = critics.generator_gradients(steps=1, seeds=2, samples=1, hidden_units=(8,), batch_size=4)
    first = {name: np.array(norms)[:, 0] for name, norms in result["norms"].items()}
    np.testing.assert_allclose(first["minimax"] + first["non_saturating"], first["wasserstein"], rtol=1e-4)


@pytest.mark.slow
def test_the_minimax_gradient_vanishes_as_the_discriminator_wins():
    options = {"steps": 300, "seeds": 1, "samples": 200, "hidden_units": (32, 32), "batch_size": 64}
    result = critics.generator_gradients(**options)
    assert result["steps"] == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    (minimax,), (other,), (wasserstein,) = result["norms"].values()
    assert result["accuracy"][0][-1] > 0.99
    assert minimax[-1] < 0.05 * minimax[0] and other[-1] > other[0]
    assert 0.1 < wasserstein[-1] / wasserstein[0] < 10


def test_the_gradient_at_the_last_hidden_layer_is_its_kernel():
    x = keras.Input((2,))
    critic = keras.Model(x, keras.layers.Dense(1)(keras.layers.Dense(5, "relu")(keras.layers.Dense(4, "relu")(x))))
    real, fake = np.random.default_rng(0).normal(size=(2, 9, 2)).astype(np.float32)
    norms = critics._activation_gradients(critic, real, fake)
    assert len(norms) == 2
    kernel = np.array(critic.layers[-1].kernel)
    assert norms[-1] == pytest.approx(np.linalg.norm(kernel) * math.sqrt(2 / 9), rel=1e-5)


def test_clipping_bounds_weights_and_starves_the_first_layers():
    constants = (0.001, 0.1)
    result = critics.clipping_capacity(
        constants=constants, steps=40, batch_size=32, units=16, depth=3, side=8, samples=200
    )
    assert [critic["clip"] for critic in result["critics"]] == [*constants, None]
    for critic in result["critics"]:
        assert len(critic["gradient_norms"]) == 3 and np.shape(critic["surface"]) == (8, 8)
        assert critic["mean_slope"] <= critic["largest_slope"] and critic["share"] < 1.05
        weights = 2 * 16 + 16 + 2 * (16 * 16 + 16) + 16 + 1
        assert sum(critic["weights"]["counts"]) == weights  # none beyond the bound
        if critic["clip"]:
            assert critic["weights"]["edges"][-1] == pytest.approx(critic["clip"])
    tight = result["critics"][0]
    assert tight["gradient_norms"][0] < 1e-3 * tight["gradient_norms"][-1] and tight["at_bound"] > 0.3
    assert result["critics"][-1]["at_bound"] == 0
    json.dumps(result)


# --- modes ---


def test_training_in_parts_takes_all_steps_on_new_examples():
    model = toy.point_gan(seed=0, hidden_units=(4,))
    model.compile("sgd", "sgd", "non_saturating", 2)
    drawn, looks = [], []

    def draw(n, seed):
        drawn.append(data.ring().sample(n, seed=seed))
        return drawn[-1]

    seconds = toy.fit_steps(model, draw, 7, batch_size=3, at=(0, 2, 7, 9), look=lambda *a: looks.append(a))
    assert [step for step, _ in looks] == [0, 2, 7] and looks[-1][1] == seconds > 0
    points = np.concatenate(drawn)
    assert len(points) == 7 * 2 * 3 == len(np.unique(points, axis=0))
    assert int(model.generator_optimizer.iterations) == 7 and int(model.discriminator_optimizer.iterations) == 14


@pytest.mark.slow
def test_modes_over_time_counts_what_each_seed_draws(tmp_path):
    settings = {"WGAN-GP": modes.OVER_TIME["WGAN-GP"]}
    options = {"settings": settings, "steps": 4, "seeds": 2, "looks": 2, "samples": 50, **TINY}
    result = experiments.EXPERIMENTS["modes_over_time"].run(**options)
    assert result["steps"] == [0, 2, 4] and result["of"] == 25 and result["least"] == 1
    first, second = result["models"]["WGAN-GP"]
    assert np.shape(first["counts"]) == (3, 25) and len(first["samples"]) == 50
    assert first["modes"] == [int((np.array(counts) >= 1).sum()) for counts in first["counts"]]
    assert first["samples"] != second["samples"]
    again = modes.modes_over_time(**{**options, "seeds": 1})["models"]["WGAN-GP"][0]
    assert {**again, "seconds": 0} == {**first, "seconds": 0}  # seeded
    gan_plots.modes_over_time(result, tmp_path / "modes.png")
    assert (tmp_path / "modes.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_quick_run_still_tells_the_losses_apart():
    models = experiments.EXPERIMENTS["modes_over_time"]
    found = {name: runs[0]["modes"] for name, runs in models.run(**models.quick)["models"].items()}
    last = {name: np.mean(counts[-10:]) for name, counts in found.items()}
    assert last["WGAN-GP"] > max(7, last["WGAN, clipped"]) and last["minimax GAN"] < 6


@pytest.mark.slow
def test_a_quick_run_still_tells_the_numbers_of_steps_apart():
    steps = experiments.EXPERIMENTS["discriminator_steps"]
    rows = {(row["k"], row["equal"][:3]): row for row in steps.run(**steps.quick)}
    assert all(row["modes"] for row in rows.values())
    distance = {key: row["earth_mover_distance"] for key, row in rows.items()}
    assert distance[2, "gen"] < 0.8 * distance[1, "gen"] and distance[5, "dis"] > 1.5 * distance[5, "gen"]


def test_a_diverged_generator_captures_nothing():
    found = modes.coverage(np.array([[np.nan, 0.0], [0.0, 0.0]]), data.grid())
    assert found["modes"] == 0 and found["high_quality"] == 0 and found["counts"] == [0] * 25


def test_discriminator_steps_are_compared_on_two_budgets():
    rows = modes.discriminator_steps(ks=(1, 3), steps=6, seeds=1, samples=60, **TINY)
    assert [(row["k"], row["equal"], row["generator_steps"]) for row in rows] == [
        (1, "generator steps", 6),
        (1, "discriminator steps", 6),
        (3, "generator steps", 6),
        (3, "discriminator steps", 2),
    ]
    first, second = ({**row, "equal": None} for row in rows[:2])
    assert first == second
    assert all(row["earth_mover_distance"] > 0 for row in rows) and rows[2]["seconds"] > rows[3]["seconds"]


@pytest.mark.slow
def test_benchmark_modes_measures_the_real_points_beside(tmp_path):
    result = experiments.write_modes(tmp_path, "ring", "gan", seeds=2, steps=3, **TINY)
    assert result["of"] == 8 and result["steps"] == [1, 2, 3] and len(result["seeds"]) == 2
    assert result["settings"]["units"] == (8, 8) and result["settings"]["loss"] == "non_saturating"
    # A share of 1 − exp(−9/2) of points in the plane lies within 3 σ.
    assert result["real"]["modes"] == 8 and result["real"]["high_quality"] == pytest.approx(0.9889, abs=5e-3)
    assert result["real"]["earth_mover_distance"] < 0.1 < result["seeds"][0]["earth_mover_distance"]
    written = json.loads((tmp_path / "gan_ring.json").read_text())
    assert written["seeds"] == result["seeds"]
    assert (tmp_path / "gan_ring.png").read_bytes().startswith(b"\x89PNG")


def test_benchmark_modes_watches_for_collapse():
    found = experiments.benchmark_modes("grid", "minimax", seeds=1, steps=12, looks=12, samples=100, **TINY)
    assert found["settings"]["loss"] == "minimax" and found["settings"]["gradient_penalty_weight"] == 0
    (alarm,) = found["seeds"][0]["alarms"]  # the first one alone of each kind: at the look after ten without progress
    assert alarm["kind"] == "missing modes" and alarm["step"] == 11 and "of 25 captured" in alarm["evidence"]


def test_both_protocols_count_what_they_say():
    protocol = protocols._Points(data.grid())
    centres = protocol.mixture.centres
    # Of 10,000 points: 19 at a mode, all among the first 2,500; 20 at another, none among these; the rest at a third.
    points = np.repeat(centres[2:3], 10_000, axis=0)
    points[:19], points[-20:] = centres[0], centres[1]
    assert protocol.captured(points)["modes"] == 2 == protocol.farther(points, 0)["pacgan_modes"]
    assert [count > 0 for count in protocol.captured(points)["counts"][:4]] == [True, True, True, False]
    points[100] = centres[3] + 4 * 0.05  # beyond 3 σ
    assert protocol.farther(points, 0)["pacgan_modes"] == 2


class Brightness:
    """A classifier of two digits: dark, bright."""

    def predict(self, images, **options):
        return np.eye(10)[(images.mean(axis=(1, 2, 3)) > 0.5).astype(int)]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["gan", "wgan", "wgan_gp"])
def test_benchmark_modes_of_stacked_images(monkeypatch, tmp_path, model):
    images = np.repeat(np.arange(0, 256, 51, dtype=np.uint8), 28 * 28).reshape(-1, 28, 28, 1)
    few = data.DataSet("mnist", "mnist", train=images, validation=images, test=images, licence="")
    monkeypatch.setattr(data, "load", lambda *arguments, **options: dataclasses.replace(few))
    monkeypatch.setattr(registry, "load", lambda name: Brightness())
    changes = {"units": (4,), "batch_size": 2, "latent_dim": 3, "steps": 2, "samples": 40}
    result = experiments.benchmark_modes("stacked_mnist", model, seeds=1, looks=1, **changes)
    assert result["of"] == 1000 and 1 <= result["seeds"][0]["modes"] <= 8 >= result["real"]["modes"]
    assert np.shape(result["seeds"][0]["examples"]) == (36, 28, 28, 3)
    gan_plots.benchmark_modes(result, tmp_path / "modes.png")


def test_protocols_are_the_published_ones():
    assert protocols.SETTINGS["stacked_mnist"]["wgan_gp"].gradient_penalty_weight == 10
    assert protocols.SETTINGS["stacked_mnist"]["wgan"].clip == 0.01
    assert {len(mixture().centres) for mixture in protocols.MIXTURES.values()} == {25, 8}


def test_opinions_are_drawn_to_their_scale_with_the_points_on_top(tmp_path):
    surface = np.linspace(0.2, 0.8, 16).reshape(4, 4)
    points = {"real": np.array([[1.0, 2.0]]), "generated": np.array([[-1.0, 0.5], [0.0, 0.0]])}
    figure = gan_plots.opinions({"a": surface, "b": 1 - surface}, tmp_path / "o.png", extent=3.0, points=points)
    first = figure.axes[0]
    (picture,) = first.images
    np.testing.assert_array_equal(picture.get_array(), surface)
    assert picture.get_clim() == (0, 1) and picture.get_extent() == [-3, 3, -3, 3] and picture.origin == "lower"
    for line, (label, expected) in zip(first.lines, points.items(), strict=True):
        assert line.get_label() == label
        np.testing.assert_array_equal(line.get_xydata(), expected)
    assert (tmp_path / "o.png").stat().st_size
    with pytest.raises(ValueError, match="at least one discriminator"):
        gan_plots.opinions({}, extent=1.0)


# --- all of them ---


@pytest.mark.slow
def test_every_experiment_writes_figures_and_a_plot(monkeypatch, tmp_path):
    sizes = {
        "generator_gradients": {"steps": 2, "samples": 20, "hidden_units": (4,), "batch_size": 4},
        "fit_one_gaussian": {"points": 201, "starts": 1},
        "separating_distributions": {"points": 201},
        "modes_over_time": {"steps": 2, "looks": 2, "samples": 30, **TINY},
        "clipping_capacity": {"constants": (0.01, 0.1), "steps": 2, "units": 4, "depth": 2, "side": 4, "samples": 20},
        "discriminator_steps": {"ks": (1, 2), "steps": 2, "samples": 30, **TINY},
    }
    assert sizes.keys() == experiments.EXPERIMENTS.keys()
    small = {name: dataclasses.replace(experiments.EXPERIMENTS[name], quick=quick) for name, quick in sizes.items()}
    monkeypatch.setattr("zoo.experiments.gans.EXPERIMENTS", small)
    figures = experiments.benchmark_gans(tmp_path / "out", quick=True, seeds=1)
    assert list(figures) == list(sizes) and all(figures.values())
    for name in sizes:
        json.loads((tmp_path / "out" / f"{name}.json").read_text())
        assert (tmp_path / "out" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: divergences.fit_one_gaussian(means=(0, 1), sigmas=(1,)), "as many"),
        (lambda: divergences.fit_one_gaussian(weights=(0.5, 0.6)), "the sum 1"),
        (lambda: divergences.fit_one_gaussian(sigmas=(1, 0)), "sigmas must be above 0"),
        (lambda: divergences.fit_one_gaussian(points=10), "points must be an integer ≥ 101: received 10"),
        (lambda: divergences.separating_distributions(sigma=0), "sigma must be above 0"),
        (lambda: divergences.separating_distributions(distances=(0, 1)), "distances must be one or more numbers above"),
        (lambda: critics.generator_gradients(steps=0), "steps must be an integer ≥ 1"),
        (lambda: critics.clipping_capacity(constants=(0.1, -1)), "constants must be one or more numbers above 0"),
        (lambda: critics.clipping_capacity(depth=0), "depth must be an integer ≥ 1"),
        (lambda: modes.modes_over_time(seeds=0), "seeds must be an integer ≥ 1"),
        (lambda: modes.discriminator_steps(ks=(0,)), "ks must be integers from 1 to steps, 2000"),
        (lambda: protocols.benchmark_modes("spiral"), "data must be grid, ring, stacked_mnist: received 'spiral'"),
        (
            lambda: protocols.benchmark_modes(model="dcgan"),
            "model must be gan, wgan, wgan_gp, minimax: received 'dcgan'",
        ),
        (lambda: protocols.benchmark_modes(seeds=0), "seeds must be an integer ≥ 1"),
        (lambda: protocols.benchmark_modes(stepz=3), "Settings have no stepz"),
        (lambda: protocols.benchmark_modes(steps=0), "steps must be an integer ≥ 1"),
        (lambda: experiments.benchmark_gans("out", only=["everything"]), "only must be of generator_gradients"),
        (lambda: experiments.benchmark_gans("out", seeds=0), "seeds must be an integer ≥ 1"),
        (lambda: experiments.benchmark_gans("/proc/none", only=["fit_one_gaussian"]), "Cannot write to /proc/none"),
    ],
)
def test_says_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_command_prints_json_and_writes_files(tmp_path):
    done = run("benchmark", "gans", "--only", "separating_distributions", "-o", tmp_path / "out", "--json")
    rows = json.loads(done.stdout)["separating_distributions"]
    assert rows[-1]["jensen_shannon"] == pytest.approx(math.log(2))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "separating_distributions.json",
        "separating_distributions.png",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gans", "--only", "all"), "only must be of generator_gradients"),
        (("modes", "--data", "spiral"), "data must be grid, ring, stacked_mnist"),
        (("modes", "--model", "dcgan"), "model must be gan, wgan, wgan_gp"),
        (("modes", "--steps", "0"), "steps must be an integer ≥ 1"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_2(arguments, message, tmp_path):
    done = run("benchmark", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert len(own_lines(done.stderr)) == 1 and message in own_lines(done.stderr)[0]
    assert not list(tmp_path.iterdir())
