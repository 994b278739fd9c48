"""Toy distributions: their samples and densities, against SciPy's."""

import numpy as np
import pytest
from scipy import integrate, stats

from zoo import data

rng = np.random.default_rng(0)


def test_the_ring():
    mixture = data.ring(modes=8, radius=2.0, sigma=0.02)
    assert mixture.centres.shape == (8, 2) and mixture.sigma == 0.02
    np.testing.assert_allclose(np.linalg.norm(mixture.centres, axis=1), 2)
    np.testing.assert_allclose(mixture.centres[[0, 2]], [[2, 0], [0, 2]], atol=1e-12)


def test_the_grid():
    centres = data.grid().centres
    assert {tuple(centre) for centre in centres} == {(x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)}
    assert len(centres) == 25 and len(data.grid(side=2).centres) == 4


def test_samples_have_the_moments_of_the_mixture_and_depend_on_the_seed_alone():
    mixture = data.ring(sigma=0.1)
    points = mixture.sample(80_000, seed=3)
    assert points.dtype == np.float32 and points.shape == (80_000, 2)
    np.testing.assert_allclose(points.mean(axis=0), [0, 0], atol=0.01)
    np.testing.assert_allclose(np.cov(points.T), (0.5 + 0.1**2) * np.eye(2), atol=0.01)
    nearest = ((points[:, None] - mixture.centres) ** 2).sum(axis=-1).argmin(axis=1)
    assert stats.chisquare(np.bincount(nearest)).pvalue > 1e-3
    np.testing.assert_array_equal(points, mixture.sample(80_000, seed=3))
    assert (points[:100] != mixture.sample(100, seed=4)).any()


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_density_is_the_mean_of_the_gaussians(d):
    mixture = data.Mixture(rng.normal(size=(4, d)), 0.3)
    x = rng.normal(size=(50, d))
    expected = np.mean([stats.multivariate_normal(c, 0.3**2 * np.eye(d)).pdf(x) for c in mixture.centres], axis=0)
    np.testing.assert_allclose(mixture.density(x), expected, rtol=1e-10)
    np.testing.assert_allclose(mixture.log_density(x), np.log(expected), rtol=1e-10)


def test_the_density_integrates_to_one_and_does_not_underflow_far_away():
    mixture = data.ring(modes=3, sigma=0.2)
    total, _ = integrate.dblquad(lambda y, x: mixture.density(np.array([[x, y]]))[0], -2.5, 2.5, -2.5, 2.5, epsabs=1e-4)
    assert total == pytest.approx(1, abs=1e-3)
    far = data.ring().log_density(np.array([[100.0, 0.0]]))
    assert np.isfinite(far).all() and far[0] == pytest.approx(-0.5 * (99 / 0.01) ** 2, rel=1e-3)


def test_a_mixture_is_frozen():
    mixture = data.grid()
    with pytest.raises(ValueError, match="read-only"):
        mixture.centres[0] = 9
    with pytest.raises(AttributeError):
        mixture.sigma = 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: data.ring(modes=0), "modes must be an integer ≥ 1: received 0"),
        (lambda: data.ring(radius=-1.0), "radius must be above 0"),
        (lambda: data.ring(sigma=0), "sigma must be above 0: received 0"),
        (lambda: data.grid(side=2.5), "side must be an integer ≥ 1"),
        (lambda: data.grid(spacing=np.nan), "spacing must be above 0"),
        (lambda: data.Mixture(np.zeros(3), 1.0), r"centres must be finite numbers \(modes, d\)"),
        (lambda: data.Mixture(np.full((2, 2), np.nan), 1.0), "centres must be finite"),
        (lambda: data.grid().sample(0), "n must be an integer ≥ 1"),
        (lambda: data.grid().density(np.zeros((4, 3))), r"x must have the shape \(n, 2\): received \(4, 3\)"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


DIGITS = np.repeat(np.arange(10, dtype=np.uint8), 3)  # an image of digit d has the grey value 10 d + (0, 1 or 2)
IMAGES = np.tile((10 * DIGITS + np.tile(np.arange(3, dtype=np.uint8), 10))[:, None, None, None], (1, 4, 3, 1))


def test_stacked_images_are_three_digits_and_their_label_is_the_number_they_spell():
    pictures, labels = data.stacked(IMAGES, 5000, seed=1, labels=DIGITS)
    assert pictures.shape == (5000, 4, 3, 3) and pictures.dtype == np.uint8 and labels.shape == (5000,)
    digits = pictures[:, 0, 0].astype(int) // 10
    np.testing.assert_array_equal(labels, 100 * digits[:, 0] + 10 * digits[:, 1] + digits[:, 2])
    assert stats.chisquare(np.bincount(labels, minlength=1000)).pvalue > 1e-3, "channels are drawn independently"
    np.testing.assert_array_equal(pictures, data.stacked(IMAGES, 5000, seed=1))
    assert (pictures != data.stacked(IMAGES, 5000, seed=2)).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": IMAGES[..., 0]}, r"images must be uint8 \(m, height, width, 1\)"),
        ({"images": IMAGES / 255}, "images must be uint8 .*: received float64"),
        ({"n": 0}, "n must be an integer ≥ 1"),
        ({"labels": DIGITS[1:]}, "labels must be 30 integers from 0 to 9"),
        ({"labels": DIGITS + 1}, "labels must be 30 integers from 0 to 9"),
    ],
)
def test_bad_stacks(options, message):
    with pytest.raises(ValueError, match=message):
        data.stacked(**{"images": IMAGES, "n": 5, **options})
