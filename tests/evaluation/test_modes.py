"""Modes, diversity and duplicates, against counts by hand."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from zoo import data, evaluation
from zoo.evaluation.modes import SAME_IMAGE, divergence_from_uniform

rng = np.random.default_rng(0)


def test_samples_of_the_mixture_itself_cover_it():
    mixture = data.grid()
    found = evaluation.mode_coverage(mixture.sample(20_000, seed=0), mixture)
    assert found["modes"] == found["of"] == 25
    assert found["high_quality"] == pytest.approx(1 - math.exp(-4.5), abs=0.003)  # of a Rayleigh distribution, 3 σ
    assert sum(found["counts"]) == round(20_000 * found["high_quality"])
    assert 0 <= found["kl"] < 0.002


def test_captured_modes_are_counted_as_defined():
    mixture = data.Mixture([[0.0, 0.0], [10.0, 0.0], [20.0, 0.0], [30.0, 0.0]], 1.0)
    samples = np.concatenate(
        [
            np.tile([0.0, 2.9], (30, 1)),  # within 3 σ
            np.tile([10.0, 3.1], (30, 1)),  # not
            np.tile([20.5, 0.0], (19, 1)),  # one too few
            np.tile([15.0, 0.0], (21, 1)),  # between two modes
        ]
    )
    found = evaluation.mode_coverage(samples, mixture)
    assert found["counts"] == [30, 0, 19, 0] and (found["modes"], found["of"]) == (1, 4)
    assert found["high_quality"] == pytest.approx(49 / 100)
    p = np.array([30, 19]) / 49
    assert found["kl"] == pytest.approx((p * np.log(p / 0.25)).sum())
    assert evaluation.mode_coverage(samples, mixture, least=19)["modes"] == 2
    assert evaluation.mode_coverage(samples, mixture, within=3.2)["modes"] == 2


def test_collapse_and_noise():
    mixture = data.ring()
    one = evaluation.mode_coverage(np.tile(mixture.centres[3], (100, 1)), mixture)
    assert one["modes"] == 1 and one["high_quality"] == 1 and one["kl"] == pytest.approx(math.log(8))
    none = evaluation.mode_coverage(np.zeros((100, 2)), mixture)
    assert none["modes"] == 0 and none["high_quality"] == 0 and none["kl"] == math.inf


def brightness(images):
    """The digit of an image all of whose pixels have the grey value 20 · digit."""
    return images[:, 0, 0, 0].astype(int) // 20


def test_stacked_modes_are_counted():
    digits = np.array([[0, 0, 0], [1, 2, 3], [1, 2, 3], [9, 9, 9], [3, 2, 1]], np.uint8)
    images = np.broadcast_to(20 * digits[:, None, None], (5, 4, 3, 3))
    found = evaluation.stacked_mnist_coverage(images, brightness, batch_size=2)
    p = np.array([1, 2, 1, 1]) / 5
    assert (found["modes"], found["of"], found["samples"]) == (4, 1000, 5)
    assert found["kl"] == pytest.approx((p * np.log(1000 * p)).sum())


def test_real_stacked_images_have_all_modes_and_the_divergence_of_a_draw():
    grey = np.broadcast_to((20 * np.arange(10, dtype=np.uint8))[:, None, None, None], (10, 2, 2, 1))
    found = evaluation.stacked_mnist_coverage(data.stacked(grey, 26_000, seed=0), brightness)
    assert found["modes"] == 1000 and found["kl"] == pytest.approx(999 / 52_000, rel=0.15)


def test_divergence_from_uniform():
    assert divergence_from_uniform([5, 5, 5]) == 0
    assert divergence_from_uniform([7, 0, 0, 0]) == pytest.approx(math.log(4))
    assert divergence_from_uniform([0, 0]) == math.inf


def test_diversity_is_a_ratio_of_mean_distances():
    real, samples = rng.random((1203, 4, 3, 1), dtype=np.float32), rng.random((300, 4, 3, 1), dtype=np.float32)
    expected = pdist(samples.reshape(300, -1)).mean() / pdist(real.reshape(1203, -1)).mean()
    assert evaluation.diversity(samples, real) == pytest.approx(expected, rel=1e-5)
    assert evaluation.diversity(0.5 * real, real) == pytest.approx(0.5, rel=1e-5)
    assert evaluation.diversity(np.zeros_like(samples), real) == 0
    grey = rng.integers(0, 256, (50, 4, 3, 1), dtype=np.uint8)
    assert evaluation.diversity(grey, grey / 255) == pytest.approx(1, rel=1e-5)


def test_duplicates_are_counted_however_far_apart_they_lie():
    samples = rng.random((1500, 28, 28, 1), dtype=np.float32)
    assert evaluation.duplicate_rate(samples) == 0
    samples[1400], samples[1401] = samples[3], samples[3]
    assert evaluation.duplicate_rate(samples) == pytest.approx(3 / 1500)
    samples[7] = np.where(samples[8] < 0.5, samples[8] + SAME_IMAGE / 2, samples[8] - SAME_IMAGE / 2)
    assert evaluation.duplicate_rate(samples) == pytest.approx(5 / 1500)
    assert evaluation.duplicate_rate(samples, tolerance=SAME_IMAGE / 4) == pytest.approx(3 / 1500)
    assert evaluation.duplicate_rate(np.zeros((5, 2, 2, 1), np.uint8)) == 1


RING = data.ring()
POINTS = RING.sample(10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: evaluation.mode_coverage(np.zeros((5, 3)), RING), r"samples must have the shape \(n, 2\)"),
        (lambda: evaluation.mode_coverage(np.full((5, 2), np.nan), RING), "samples must be finite"),
        (lambda: evaluation.mode_coverage(POINTS, RING, within=0), "within must be above 0"),
        (lambda: evaluation.mode_coverage(POINTS, RING, least=0), "least must be an integer ≥ 1"),
        (lambda: evaluation.stacked_mnist_coverage(np.zeros((2, 4, 4, 1)), brightness), "height, width, 3"),
        (lambda: evaluation.stacked_mnist_coverage(np.full((2, 4, 4, 3), 220), brightness), "2 digits from 0 to 9"),
        (lambda: evaluation.diversity(POINTS[:1], POINTS), "at least two"),
        (lambda: evaluation.duplicate_rate(POINTS, tolerance=-1), "tolerance must be at least 0"),
        (lambda: evaluation.duplicate_rate(np.full((5, 2), np.inf)), "samples must be finite"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
