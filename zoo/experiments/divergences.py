"""What a divergence rewards, without any network: one Gaussian against two modes, and two distributions that part."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

DIVERGENCES = ("forward_kl", "reverse_kl", "jensen_shannon", "wasserstein")
# Beyond so many standard deviations a normal density counts as nothing: it is below 1e-31.
REACH = 12


def fit_one_gaussian(
    *,
    means: Sequence[float] = (-2.0, 2.0),
    sigmas: Sequence[float] = (0.5, 0.5),
    weights: Sequence[float] | None = None,
    points: int = 4001,
    starts: int = 5,
    progress: Any = None,
) -> dict[str, Any]:
    """Fits one Gaussian to a mixture on the line by each of four divergences: which cover the modes, which choose one?

    The densities are known, so that nothing is sampled and nothing is trained: KL(p ‖ q), KL(q ‖ p), the Jensen-Shannon
    divergence and the Wasserstein-1 distance, the integral of the difference of the two distribution functions, are
    minimised over the Gaussian's mean and log σ (Nelder-Mead) from several starts. The least of KL(p ‖ q) has the
    mixture's own mean and variance.

    Args:
        means, sigmas: of the mixture's components.
        weights: of the components; None for equal ones.
        points: of the grid on which integrals are taken.
        starts: means to start from, evenly from the lowest to the highest component's, each with a narrow and a wide σ.
        progress: a started ``rich.progress.Progress`` to report to.

    Returns:
        ``x``, ``target`` (the mixture's density), ``components``, and ``fits``: divergence → ``mean``, ``sigma``,
        ``value`` in nats or, of the distance, in units of x, ``density``, and ``minima``, all local ones that the
        starts found as ``[mean, sigma, value]``, the least first.

    Raises:
        ValueError: if the components are no proper mixture, or a number is too small.

    References:
        Minka 2005, "Divergence measures and message passing", figure 1; Goodfellow 2016, "NIPS 2016 Tutorial:
        Generative Adversarial Networks", figure 14.
    """
    means, sigmas, weights = _mixture(means, sigmas, weights)
    check_counts(points=(points, 101), starts=(starts, 1))
    x = np.linspace((means - REACH * sigmas).min(), (means + REACH * sigmas).max(), points)
    log_p = np.logaddexp.reduce(np.log(weights)[:, None] + _log_normal(x, means[:, None], sigmas[:, None]), axis=0)
    mixture_sigma = _moments(means, sigmas, weights)[1]
    narrow, wide = np.log(sigmas.min()), np.log(mixture_sigma)
    task = progress and progress.add_task("one Gaussian", total=len(DIVERGENCES), status="")
    fits = {}
    for name in DIVERGENCES:
        objective = _objective(name, x, log_p)
        minima = _minima(objective, itertools.product(np.linspace(means.min(), means.max(), starts), (narrow, wide)))
        mean, sigma, value = minima[0]
        density = np.exp(_log_normal(x, mean, sigma))
        fits[name] = {"mean": mean, "sigma": sigma, "value": value, "density": _plain(density), "minima": minima}
        if progress:
            progress.advance(task)
    components = {"means": means.tolist(), "sigmas": sigmas.tolist(), "weights": weights.tolist()}
    return {"x": _plain(x), "target": _plain(np.exp(log_p)), "components": components, "fits": fits}


def _mixture(means, sigmas, weights) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A mixture's components as arrays; raises ValueError for ones that are none."""
    means, sigmas = np.asarray(means, float), np.asarray(sigmas, float)
    weights = np.full(len(means), 1 / len(means)) if weights is None else np.asarray(weights, float)
    if means.ndim != 1 or not len(means) or means.shape != sigmas.shape or means.shape != weights.shape:
        raise ValueError(
            f"means, sigmas and weights must be as many, at least one each: received {means.shape}, {sigmas.shape} and "
            f"{weights.shape}."
        )
    if not (sigmas > 0).all() or not (weights > 0).all() or abs(weights.sum() - 1) > 1e-6:
        raise ValueError("sigmas must be above 0, and weights above 0 with the sum 1.")
    return means, sigmas, weights


def _minima(objective, starts: Iterable[tuple[float, float]]) -> list[list[float]]:
    """All local minima, ``[mean, sigma, value]``, that a search from several (mean, log σ) finds, the least first."""
    from scipy.optimize import minimize

    options, minima = {"xatol": 1e-7, "fatol": 1e-12, "maxiter": 4000}, []
    for start in starts:
        found = minimize(objective, start, method="Nelder-Mead", options=options)
        minima.append([float(found.x[0]), float(np.exp(found.x[1])), float(found.fun)])
    return _distinct(sorted(minima, key=lambda minimum: minimum[2]))


def separating_distributions(
    *, sigma: float = 1.0, distances: Sequence[float] | None = None, points: int = 4001, progress: Any = None
) -> dict[str, Any]:
    """Divergences, and their slopes, between two equal distributions that move apart.

    Two pairs: Gaussians of one σ, a distance θ apart, by integrals on a grid; and uniform distributions on two parallel
    lines, a distance θ apart, of which all is known in closed form: they share no point unless θ = 0, so that their
    Jensen-Shannon divergence is log 2 at any distance, with the slope 0, while their Wasserstein distance is θ.

    Args:
        sigma: of the Gaussians.
        distances: θ > 0, ascending; None for 0.05 σ to 20 σ.
        points: of the grid on which integrals are taken.
        progress: a started ``rich.progress.Progress`` to report to.

    Returns:
        ``distances``, and for ``gaussians`` and ``lines`` a dictionary of lists: ``jensen_shannon`` in nats and
        ``wasserstein`` in units of θ, ``jensen_shannon_slope`` and ``wasserstein_slope``, their derivatives by θ.

    Raises:
        ValueError: if sigma or a distance is not above 0.

    References:
        Arjovsky, Chintala & Bottou 2017, "Wasserstein GAN", example 1; Arjovsky & Bottou 2017, "Towards Principled
        Methods for Training Generative Adversarial Networks", theorem 2.4.
    """
    if not sigma > 0:
        raise ValueError(f"sigma must be above 0: received {sigma!r}.")
    check_counts(points=(points, 101))
    thetas = np.geomspace(0.05, 20, 60) * sigma if distances is None else np.asarray(distances, float)
    if thetas.ndim != 1 or not len(thetas) or not (thetas > 0).all():
        raise ValueError("distances must be one or more numbers above 0.")
    task = progress and progress.add_task("parting distributions", total=len(thetas), status="")
    names = ("jensen_shannon", "jensen_shannon_slope", "wasserstein", "wasserstein_slope")
    gaussians: dict[str, list] = {name: [] for name in names}
    for theta in thetas:
        x = np.linspace(-REACH * sigma, theta + REACH * sigma, points)
        log_p, log_q = _log_normal(x, 0.0, sigma), _log_normal(x, theta, sigma)
        log_m = np.logaddexp(log_p, log_q) - np.log(2)
        # By θ only q moves: the terms in which the logarithms move integrate to zero.
        moved = np.exp(log_q) * (x - theta) / sigma**2
        values = (
            _jensen_shannon(x, log_p, log_q),
            float(np.trapezoid(0.5 * moved * (log_q - log_m), x)),
            float(theta),
            1.0,
        )
        for name, value in zip(names, values, strict=True):
            gaussians[name].append(value)
        if progress:
            progress.advance(task)
    lines = {
        "jensen_shannon": [float(np.log(2))] * len(thetas),
        "jensen_shannon_slope": [0.0] * len(thetas),
        "wasserstein": thetas.tolist(),
        "wasserstein_slope": [1.0] * len(thetas),
    }
    return {"sigma": float(sigma), "distances": thetas.tolist(), "gaussians": gaussians, "lines": lines}


def check_counts(**counts: tuple[int, int]) -> None:
    """Checks integer arguments, each given as ``name=(value, least)``.

    Raises:
        ValueError: naming the first that is no integer or below its least.
    """
    for name, (value, least) in counts.items():
        if not isinstance(value, int) or value < least:
            raise ValueError(f"{name} must be an integer ≥ {least}: received {value!r}.")


def _objective(name: str, x: np.ndarray, log_p: np.ndarray) -> Callable[[Sequence[float]], float]:
    """(mean, log σ) → the divergence of the mixture from that Gaussian."""
    from scipy.stats import norm

    p, spacing = np.exp(log_p), x[1] - x[0]
    # The distribution function at the grid's points; between them the trapezoid's error is far below what is shown.
    below = np.concatenate([[0.0], np.cumsum((p[1:] + p[:-1]) / 2) * spacing])

    def value(parameters):
        mean, sigma = parameters[0], np.exp(parameters[1])
        log_q = _log_normal(x, mean, sigma)
        if name == "forward_kl":
            return float(np.trapezoid(p * (log_p - log_q), x))
        if name == "reverse_kl":
            return float(np.trapezoid(np.exp(log_q) * (log_q - log_p), x))
        if name == "jensen_shannon":
            return _jensen_shannon(x, log_p, log_q)
        return float(np.trapezoid(np.abs(below - norm.cdf(x, mean, sigma)), x))

    # A Gaussian between the grid's points, or beyond its ends, would seem to have no mass, and not to diverge.
    def bounded(parameters):
        mean, log_sigma = parameters
        inside = x[0] < mean < x[-1] and 4 * spacing < np.exp(log_sigma) < x[-1] - x[0]
        return value(parameters) if inside else np.inf

    return bounded


def _jensen_shannon(x: np.ndarray, log_p: np.ndarray, log_q: np.ndarray) -> float:
    """In nats, of log densities on a grid; by logarithms, as densities underflow far from their modes."""
    log_m = np.logaddexp(log_p, log_q) - np.log(2)
    return float(0.5 * np.trapezoid(np.exp(log_p) * (log_p - log_m) + np.exp(log_q) * (log_q - log_m), x))


def _log_normal(x, mean, sigma):
    return -0.5 * ((x - mean) / sigma) ** 2 - np.log(sigma) - 0.5 * np.log(2 * np.pi)


def _moments(means, sigmas, weights) -> tuple[float, float]:
    """Mean and standard deviation of a mixture."""
    mean = float(weights @ means)
    return mean, float(np.sqrt(weights @ (sigmas**2 + means**2) - mean**2))


def _distinct(minima: list[list[float]], tolerance: float = 1e-2) -> list[list[float]]:
    """The minima without repetitions of earlier ones."""
    kept: list[list[float]] = []
    for minimum in minima:
        if all(max(abs(a - b) for a, b in zip(minimum[:2], other[:2], strict=True)) > tolerance for other in kept):
            kept.append(minimum)
    return kept


def _plain(values: np.ndarray) -> list[float]:
    """Floats of six digits, for a file that people can open."""
    return [float(f"{value:.6g}") for value in values]
