"""Toy distributions of points in the plane, of which everything is known: where the modes are, and the density."""

import dataclasses
import math

import numpy as np


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Equally likely Gaussians of one spherical spread.

    Attributes:
        centres: float64 ``(modes, d)``.
        sigma: standard deviation of each coordinate around its centre.

    Raises:
        ValueError: if the centres are no such array or not finite, or sigma is not above 0.
    """

    centres: np.ndarray
    sigma: float

    def __post_init__(self):
        centres = np.array(self.centres, np.float64)
        if centres.ndim != 2 or not centres.size or not np.isfinite(centres).all():
            raise ValueError(f"centres must be finite numbers (modes, d): received the shape {centres.shape}.")
        if not 0 < self.sigma < math.inf:
            raise ValueError(f"sigma must be above 0: received {self.sigma!r}.")
        centres.flags.writeable = False
        object.__setattr__(self, "centres", centres)

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        """``n`` independent points, float32 ``(n, d)``."""
        if not isinstance(n, int) or n < 1:
            raise ValueError(f"n must be an integer ≥ 1: received {n!r}.")
        rng = np.random.default_rng(seed)
        chosen = self.centres[rng.integers(len(self.centres), size=n)]
        return (chosen + self.sigma * rng.standard_normal(chosen.shape)).astype(np.float32)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Natural logarithm of the density at points ``(n, d)``, float64 ``(n,)``.

        Raises:
            ValueError: if the points have another dimension than the centres.
        """
        x = np.asarray(x, np.float64)
        modes, d = self.centres.shape
        if x.ndim != 2 or x.shape[1] != d:
            raise ValueError(f"x must have the shape (n, {d}): received {x.shape}.")
        squared = ((x[:, None] - self.centres) ** 2).sum(axis=-1) / self.sigma**2
        exponent = -0.5 * squared
        top = exponent.max(axis=1)  # far from every centre the exponentials underflow
        log_sum = top + np.log(np.exp(exponent - top[:, None]).sum(axis=1))
        return log_sum - math.log(modes) - 0.5 * d * math.log(2 * math.pi * self.sigma**2)

    def modes_of(self, x: np.ndarray, within: float = 3.0) -> np.ndarray:
        """The mode of each point ``(n, d)``, integers ``(n,)``: that of the nearest centre, −1 far from all.

        Args:
            x: points, finite.
            within: Euclidean distance from a centre, in standard deviations of one coordinate, that still is its mode.

        Raises:
            ValueError: for points of another dimension, not finite or none, or ``within`` not above 0.
        """
        from scipy.spatial import KDTree

        x = np.asarray(x, np.float64)
        if x.ndim != 2 or x.shape[1] != self.centres.shape[1] or not len(x):
            raise ValueError(f"samples must have the shape (n, {self.centres.shape[1]}), n ≥ 1: received {x.shape}.")
        if not np.isfinite(x).all():
            raise ValueError("samples must be finite: received NaN or infinity.")
        if not within > 0:
            raise ValueError(f"within must be above 0: received {within!r}.")
        distance, nearest = KDTree(self.centres).query(x)
        return np.where(distance <= within * self.sigma, nearest, -1)

    def density(self, x: np.ndarray) -> np.ndarray:
        """The density at points ``(n, d)``, float64 ``(n,)``."""
        return np.exp(self.log_density(x))


def ring(modes: int = 8, radius: float = 1.0, sigma: float = 0.01) -> Mixture:
    """Gaussians at equal distances on a circle around the origin, the first at ``(radius, 0)``.

    References:
        Lin et al. 2018, "PacGAN: The power of two samples in generative adversarial networks", §4.1, after Metz et al.
        2017, "Unrolled Generative Adversarial Networks", §3.1.

    Raises:
        ValueError: if ``modes`` is below 1 or a length not above 0.

    Examples:
        >>> from zoo import data
        >>> mixture = data.ring(modes=4)
        >>> mixture.centres.round(6).tolist()
        [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [-0.0, -1.0]]
        >>> mixture.sample(1000, seed=0).shape
        (1000, 2)
    """
    _check_count("modes", modes)
    _check_length("radius", radius)
    angles = 2 * np.pi * np.arange(modes) / modes
    return Mixture(radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), sigma)


def grid(side: int = 5, spacing: float = 2.0, sigma: float = 0.05) -> Mixture:
    """Gaussians on a square grid around the origin: by default the 25 points of {−4, −2, 0, 2, 4}².

    References:
        Lin et al. 2018, as of ``ring``.

    Raises:
        ValueError: if ``side`` is below 1 or a length not above 0.
    """
    _check_count("side", side)
    _check_length("spacing", spacing)
    steps = spacing * (np.arange(side) - (side - 1) / 2)
    return Mixture(np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2), sigma)


def _check_count(name: str, value: int) -> None:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be an integer ≥ 1: received {value!r}.")


def _check_length(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be above 0: received {value!r}.")
