"""Distances between samples, against closed forms, small cases by hand and other libraries."""

import sys

import numpy as np
import ot
import pytest
from scipy.linalg import sqrtm
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from zoo import evaluation
from zoo.evaluation.distances import frechet_distance_of_gaussians, squared_distances

rng = np.random.default_rng(0)


def test_earth_mover_on_the_line():
    assert evaluation.earth_mover_distance([0, 1, 3], [5, 6, 8]) == pytest.approx(5)
    assert evaluation.earth_mover_distance([[0], [1]], [[1], [0]]) == 0
    assert evaluation.earth_mover_distance([0, 2], [1]) == pytest.approx(1)  # of different sizes


@pytest.mark.parametrize("d", [2, 3])
def test_earth_mover_is_the_best_assignment(d):
    a, b = rng.normal(size=(200, d)), rng.normal(size=(200, d)) + 0.5
    cost = cdist(a, b)
    rows, columns = linear_sum_assignment(cost)
    assert evaluation.earth_mover_distance(a, b) == pytest.approx(cost[rows, columns].mean(), rel=1e-9)


def test_earth_mover_of_a_shift_is_its_length():
    a = rng.normal(size=(300, 2))
    assert evaluation.earth_mover_distance(a, a + [3, 4]) == pytest.approx(5, rel=1e-9)
    assert evaluation.earth_mover_distance(a, a[::-1]) == pytest.approx(0, abs=1e-12)


def test_without_pot_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(ValueError, match=r"needs POT: pip install 'autoencoder-zoo\[benchmark\]'"):
        evaluation.earth_mover_distance(np.zeros((3, 2)), np.zeros((3, 2)))
    assert evaluation.earth_mover_distance(np.zeros(3), np.ones(3)) == 1


def test_sliced_wasserstein_agrees_with_pot_on_the_same_directions():
    a, b = rng.random((60, 4, 3, 1)), rng.random((90, 4, 3, 1)) ** 2
    directions = np.random.default_rng(5).standard_normal((12, 128), dtype=np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    expected = ot.sliced_wasserstein_distance(a.reshape(60, -1), b.reshape(90, -1), projections=directions, p=1)
    assert evaluation.sliced_wasserstein_distance(a, b, seed=5) == pytest.approx(expected, rel=1e-4)


def test_sliced_wasserstein_of_a_shift_is_its_mean_length_along_a_direction():
    a = rng.random((100, 784)).astype(np.float32)
    shifted = a + np.float32(0.1)
    # E|u · v| over unit vectors u in d dimensions is |v| √(2 / (π d)) for large d.
    expected = 0.1 * np.sqrt(784) * np.sqrt(2 / (np.pi * 784))
    assert evaluation.sliced_wasserstein_distance(a, shifted, projections=4000) == pytest.approx(expected, rel=0.05)
    assert evaluation.sliced_wasserstein_distance(a, a[::-1]) == pytest.approx(0, abs=1e-6)
    grey = rng.integers(0, 256, (20, 4, 3, 1), dtype=np.uint8)
    assert evaluation.sliced_wasserstein_distance(grey, grey / 255) == pytest.approx(0, abs=1e-6)


def covariance(d):
    root = rng.normal(size=(d, d))
    return root @ root.T


def test_frechet_of_commuting_gaussians_is_the_closed_form():
    scales, others = np.array([1.0, 2.0, 0.5]), np.array([3.0, 0.1, 0.5])
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    a, b = (turn @ np.diag(s**2) @ turn.T for s in (scales, others))
    mean, other_mean = np.array([1.0, 0.0, 2.0]), np.array([0.0, 2.0, 2.0])
    expected = 5 + ((scales - others) ** 2).sum()
    assert frechet_distance_of_gaussians(mean, a, other_mean, b) == pytest.approx(expected, rel=1e-10)


def test_frechet_agrees_with_the_root_of_the_product():
    a, b, difference = covariance(20), covariance(20), rng.normal(size=20)
    expected = difference @ difference + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert frechet_distance_of_gaussians(difference, a, np.zeros(20), b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance_of_gaussians(np.zeros(20), b, difference, a) == pytest.approx(expected, rel=1e-6)


def test_frechet_of_samples():
    a = rng.normal(size=(400, 6)).astype(np.float32)
    assert evaluation.frechet_distance(a, a[::-1]) == pytest.approx(0, abs=1e-9)
    assert evaluation.frechet_distance(a, a + 2) == pytest.approx(24, rel=1e-6)
    assert evaluation.frechet_distance(a, 3 * a) == pytest.approx(
        4 * np.trace(np.cov(a.T)) + 4 * (a.mean(axis=0) ** 2).sum(), rel=1e-5
    )
    one = evaluation.frechet_distance(a[:, :1], 3 * a[:, :1])
    assert one == pytest.approx(4 * a[:, 0].var(ddof=1) + 4 * a[:, 0].mean() ** 2, rel=1e-5)


def test_frechet_of_singular_covariances_is_finite_and_not_negative():
    flat = np.zeros((50, 8))
    flat[:, 0] = rng.normal(size=50)
    few = rng.normal(size=(5, 8))  # fewer samples than dimensions
    for a, b in ((flat, flat), (flat, few), (few, few), (np.ones((3, 8)), np.ones((3, 8)))):
        assert 0 <= evaluation.frechet_distance(a, b) < np.inf
    assert evaluation.frechet_distance(flat, flat) == pytest.approx(0, abs=1e-9)


def brute_force(real, fake, k):
    """Precision and recall by scikit-learn's neighbours and SciPy's distances, in float64."""

    def within(points, manifold):
        radii = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(manifold).kneighbors()[0][:, -1]
        return (cdist(points, manifold) <= radii).any(axis=1).mean()

    return {"precision": within(fake, real), "recall": within(real, fake)}


@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_and_recall_agree_with_brute_force(k):
    real = rng.normal(size=(1301, 5)) + 100  # a mean that float32 products would suffer from
    fake = 0.5 * rng.normal(size=(1207, 5)) + 100.3
    found, expected = evaluation.precision_recall(real, fake, k), brute_force(real, fake, k)
    assert found == pytest.approx(expected, abs=2e-3)
    assert found["precision"] > found["recall"], "samples in a corner of the data are precise but miss the rest"


def test_precision_and_recall_by_hand():
    real = np.array([[0.0, 0], [1, 0], [10, 0]])  # radii 1, 1, 9
    fake = np.array([[0.0, 0.5], [2.5, 0], [0, 30]])  # squared radii 6.5, 6.5, and 870.25
    # (0, ½) is near the first two, (2.5, 0) within 9 of the last, (0, 30) far from all; and the fakes' balls hold
    # everything but (10, 0), which the last one's, of radius 29.5, misses by 2.1.
    assert evaluation.precision_recall(real, fake, 1) == pytest.approx({"precision": 2 / 3, "recall": 2 / 3})


def test_the_same_sets_have_all_and_distant_ones_nothing():
    points = rng.normal(size=(60, 4))
    assert evaluation.precision_recall(points, points) == {"precision": 1, "recall": 1}
    assert evaluation.precision_recall(points, points + 50) == {"precision": 0, "recall": 0}


def test_squared_distances_come_in_parts():
    a, b = (rng.normal(size=(n, 7)).astype(np.float32) for n in (2300, 40))
    parts = list(squared_distances(a, b))
    assert [len(part) for part in parts] == [1000, 1000, 300]
    np.testing.assert_allclose(np.concatenate(parts), cdist(a, b) ** 2, rtol=1e-4, atol=1e-4)
    itself = np.concatenate(list(squared_distances(a, a, omit_self=-1.0)))
    assert (np.diag(itself) == -1).all() and (itself[~np.eye(2300, dtype=bool)] > 0).all()


ROWS = np.zeros((6, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: evaluation.earth_mover_distance(ROWS, ROWS[:, :2]), "of one dimension"),
        (lambda: evaluation.earth_mover_distance(ROWS, np.full((2, 3), np.nan)), "must be finite"),
        (lambda: evaluation.sliced_wasserstein_distance(ROWS, ROWS[:, :2]), "examples of one shape"),
        (lambda: evaluation.sliced_wasserstein_distance(ROWS, ROWS, projections=0), "projections must be an integer"),
        (lambda: evaluation.frechet_distance(ROWS[:1], ROWS), r"features must be finite \(n, d\), n ≥ 2"),
        (lambda: evaluation.frechet_distance(ROWS + np.inf, ROWS), "features must be finite"),
        (lambda: evaluation.frechet_distance(ROWS, ROWS[:, :2]), "features must have one length"),
        (lambda: evaluation.precision_recall(ROWS, ROWS, k=6), "k must be an integer from 1 to 5: received 6"),
        (lambda: evaluation.precision_recall(ROWS, ROWS[:, :2]), "examples of one shape"),
        (lambda: evaluation.precision_recall(ROWS[:0], ROWS), "samples must have the shape"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
