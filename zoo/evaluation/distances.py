"""How far one set of samples is from another: of points, of images, and of features.

None of these needs TensorFlow. Large sets are compared in parts, so that memory stays below some hundred megabytes.
"""

from collections.abc import Iterator

import numpy as np

from zoo import extras

ROWS_AT_ONCE = 1000


def earth_mover_distance(samples: np.ndarray, others: np.ndarray) -> float:
    """The exact Wasserstein-1 distance between two samples: the least mean way to carry one to the other.

    In one dimension by sorting. In more by linear programming, for which all distances between the two are in memory
    at once: some thousands of points each take seconds.

    Args:
        samples, others: ``(n,)`` and ``(m,)``, or ``(n, d)`` and ``(m, d)``; each point counts the same.

    Returns:
        Euclidean distance, in the points' units.

    Raises:
        ValueError: for other shapes, points that are not finite, or, in more than one dimension, without POT.

    References:
        Arjovsky, Chintala & Bottou 2017, "Wasserstein GAN", eq. 1.
    """
    samples, others = (np.asarray(part, np.float64) for part in (samples, others))
    if samples.ndim not in (1, 2) or samples.shape[1:] != others.shape[1:] or not (samples.size and others.size):
        raise ValueError(
            f"samples and others must be points (n,) or (n, d) of one dimension: received {samples.shape} and "
            f"{others.shape}."
        )
    if not (np.isfinite(samples).all() and np.isfinite(others).all()):
        raise ValueError("samples and others must be finite: received NaN or infinity.")
    if samples.ndim == 1 or samples.shape[1] == 1:
        from scipy.stats import wasserstein_distance

        return float(wasserstein_distance(samples.ravel(), others.ravel()))
    from scipy.spatial.distance import cdist

    with extras.needed("An earth mover distance in the plane"):
        import ot
    cost = cdist(samples, others)  # by differences: POT's own, by products, turns 0 into 1e-8
    # Empty weights are uniform ones. The default bound on iterations is too low for thousands of points.
    return float(ot.emd2([], [], cost, numItermax=100_000_000))


def sliced_wasserstein_distance(images: np.ndarray, others: np.ndarray, *, projections: int = 128, seed=0) -> float:
    """Mean over random directions of the Wasserstein-1 distance between two sets of images along each.

    A difference of pixels, not of what they show: it is 0 only for equal distributions, and needs no network.

    Args:
        images, others: ``(n, ...)`` and ``(m, ...)`` of one shape, in [0, 1]; uint8 is divided by 255.
        projections: how many directions, uniformly from the unit sphere.
        seed: of the directions.

    Returns:
        In units of the Euclidean distance between two images.

    References:
        Rabin et al. 2011, "Wasserstein Barycenter and Its Application to Texture Mixing", §3.
    """
    from scipy.stats import wasserstein_distance

    rows, other_rows = flat(images), flat(others)
    _check_widths(rows, other_rows)
    if not isinstance(projections, int) or projections < 1:
        raise ValueError(f"projections must be an integer ≥ 1: received {projections!r}.")
    directions = np.random.default_rng(seed).standard_normal((rows.shape[1], projections), dtype=np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    along = zip((rows @ directions).T, (other_rows @ directions).T, strict=True)
    return float(np.mean([wasserstein_distance(a, b) for a, b in along]))


def frechet_distance(features: np.ndarray, others: np.ndarray) -> float:
    """The Fréchet distance between the Gaussians that have two samples' means and covariances; squared, as is usual.

    Figures compare only between samples of one size: the fewer, the larger.

    Args:
        features, others: ``(n, d)`` and ``(m, d)``, at least two each.

    Raises:
        ValueError: for other shapes, or features that are not finite.

    References:
        Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule", §3, there with Inception's features.
    """
    moments = []
    for part in (np.asarray(features, np.float64), np.asarray(others, np.float64)):
        if part.ndim != 2 or len(part) < 2 or not np.isfinite(part).all():
            raise ValueError(f"features must be finite (n, d), n ≥ 2: received the shape {part.shape}.")
        moments += [part.mean(axis=0), np.cov(part, rowvar=False, ddof=1).reshape(part.shape[1], part.shape[1])]
    return frechet_distance_of_gaussians(*moments)


def frechet_distance_of_gaussians(
    mean: np.ndarray, covariance: np.ndarray, other_mean: np.ndarray, other_covariance: np.ndarray
) -> float:
    """``|m₁ − m₂|² + tr(C₁ + C₂ − 2 (C₁ C₂)^½)``, at least 0, also where a covariance is singular.

    Args:
        mean, other_mean: ``(d,)``.
        covariance, other_covariance: ``(d, d)``, symmetric and positive semi-definite.

    References:
        Dowson & Landau 1982, "The Fréchet distance between multivariate normal distributions".

    Examples:
        >>> import numpy as np
        >>> from zoo.evaluation import distances
        >>> distances.frechet_distance_of_gaussians([0.0, 0.0], np.eye(2), [3.0, 0.0], 4 * np.eye(2))  # 3² + 2 (2 − 1)²
        11.0
    """
    if np.shape(mean) != np.shape(other_mean):
        raise ValueError(f"features must have one length: received {np.shape(mean)} and {np.shape(other_mean)}.")
    # The trace of (C₁ C₂)^½ is the sum of the singular values of C₁^½ C₂^½: symmetric roots and no root of a product,
    # which has none that is real where rounding has made an eigenvalue negative.
    product = _root(covariance) @ _root(other_covariance)
    shared = np.linalg.svd(product, compute_uv=False).sum()
    difference = np.asarray(mean, np.float64) - other_mean
    return max(0.0, float(difference @ difference + np.trace(covariance) + np.trace(other_covariance) - 2 * shared))


def precision_recall(real: np.ndarray, fake: np.ndarray, k: int = 5) -> dict[str, float]:
    """How many samples lie among the real examples, and how many real examples among the samples.

    A set's manifold is the union of balls around its points that reach to the k-th nearest other point of the set.

    Args:
        real, fake: features ``(n, d)`` and ``(m, d)``, more than ``k`` each.
        k: neighbours that set the balls' radii.

    Returns:
        ``precision``: the share of ``fake`` within the manifold of ``real``; ``recall``: the other way round.

    Raises:
        ValueError: for other shapes, or ``k`` out of its range.

    References:
        Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models", eqs. 1 and 2.
    """
    real, fake = flat(real), flat(fake)
    _check_widths(real, fake)
    if not isinstance(k, int) or not 1 <= k < min(len(real), len(fake)):
        raise ValueError(f"k must be an integer from 1 to {min(len(real), len(fake)) - 1}: received {k!r}.")
    # Float32 products lose digits to a mean that all have in common.
    centre = real.mean(axis=0)
    real, fake = real - centre, fake - centre
    real_radii, fake_radii = (_squared_radii(points, k) for points in (real, fake))
    among_real, among_fake = [], np.zeros(len(real), bool)
    for part, radii in zip(squared_distances(fake, real), _parts(fake_radii), strict=True):
        among_real.append((part <= real_radii).any(axis=1))
        among_fake |= (part <= radii[:, None]).any(axis=0)
    return {"precision": float(np.concatenate(among_real).mean()), "recall": float(among_fake.mean())}


def squared_distances(rows: np.ndarray, others: np.ndarray, *, omit_self: float | None = None) -> Iterator[np.ndarray]:
    """Squared Euclidean distances from the rows of one array to all of another's, some rows at a time.

    Args:
        rows, others: float32 ``(n, d)`` and ``(m, d)``.
        omit_self: what takes the place of a row's distance to itself, where the two are the same array.

    Yields:
        float32 ``(at most 1000, m)``, at least 0, of rows in their order.
    """
    norms = np.einsum("nd,nd->n", others, others)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[start : start + ROWS_AT_ONCE]
        distances = part @ others.T
        distances *= -2
        distances += norms
        distances += np.einsum("nd,nd->n", part, part)[:, None]
        np.maximum(distances, 0, out=distances)
        if omit_self is not None:
            distances[np.arange(len(part)), start + np.arange(len(part))] = omit_self
        yield distances


def flat(examples: np.ndarray) -> np.ndarray:
    """Examples ``(n, ...)`` as float32 rows ``(n, values)``; uint8 is divided by 255.

    Raises:
        ValueError: if there are none, or one is not finite.
    """
    examples = np.asarray(examples)
    if examples.ndim < 2 or not examples.size:
        raise ValueError(f"samples must have the shape (n, ...), n ≥ 1: received {examples.shape}.")
    rows = examples.reshape(len(examples), -1).astype(np.float32)
    if not np.isfinite(rows).all():
        raise ValueError("samples must be finite: received NaN or infinity.")
    return rows / np.float32(255) if examples.dtype == np.uint8 else rows


def _squared_radii(points: np.ndarray, k: int) -> np.ndarray:
    """Squared distance of each point to its k-th nearest other one, ``(n,)``."""
    parts = squared_distances(points, points, omit_self=np.inf)
    return np.concatenate([np.partition(part, k - 1, axis=1)[:, k - 1] for part in parts])


def _parts(values: np.ndarray) -> Iterator[np.ndarray]:
    return (values[start : start + ROWS_AT_ONCE] for start in range(0, len(values), ROWS_AT_ONCE))


def _root(matrix: np.ndarray) -> np.ndarray:
    """The symmetric root of a positive semi-definite matrix, whose eigenvalues rounding may have made negative."""
    values, vectors = np.linalg.eigh(np.asarray(matrix, np.float64))
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _check_widths(rows: np.ndarray, others: np.ndarray) -> None:
    if rows.shape[1] != others.shape[1]:
        raise ValueError(
            f"Both sets must have examples of one shape: received {rows.shape[1]} and {others.shape[1]} values."
        )
