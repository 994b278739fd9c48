"""How unlike normal examples another one is, by its code and by what a reconstruction of it misses."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.covariance import ledoit_wolf

FULL = 64  # errors of at most so many numbers are counted by their whole covariance, of more by each one's variance
FLOOR = 1e-6  # of a variance: of the mean of all
LEAST = 20  # normal examples that a detector is fitted on
PARTS = ("code", "error", "likelihood")
WEIGHTS = (2.0, 1.0, 1.0)  # of the parts; chosen on the validation split of Fashion-MNIST, with one class normal


@dataclasses.dataclass(frozen=True)
class Normality:
    """What codes and errors of normal examples are like: the score of another example is how far it lies from them.

    A score is the mean of its parts, each in standard deviations from its mean over the normal examples, that of the
    code counted twice:

    - ``code``: the squared Mahalanobis distance of the latent code from those of normal examples;
    - ``error``: the squared error of the reconstruction, each number of it divided by its variance over normal
      examples, of ``FULL`` numbers or fewer by the whole covariance;
    - ``likelihood``, of a model that has one: the negative of the evidence lower bound.

    A model that looks at an example in several ways, such as turned about, has a code and an error of each; their
    distances are averaged.

    Attributes:
        code_mean: ``(views, numbers of the code)``.
        code_whitening: ``(views, numbers, numbers)``, lower triangular: the squared length of its product with what a
            code differs from the mean by is the Mahalanobis distance.
        error_whitening: ``(views, numbers of the error)``, or the same with a further axis as long.
        centre, spread: of each part, in the order of ``PARTS``, over the normal examples.

    References:
        Denouden et al. 2018, "Improving Reconstruction Autoencoder Out-of-distribution Detection with Mahalanobis
        Distance", which adds the first two; Aggarwal & Sathe 2015, "Theoretical Foundations and Algorithms for Outlier
        Ensembles", for the average of standardised scores; Ledoit & Wolf 2004, "A Well-conditioned Estimator for
        Large-dimensional Covariance Matrices".
    """

    code_mean: np.ndarray
    code_whitening: np.ndarray
    error_whitening: np.ndarray
    centre: np.ndarray
    spread: np.ndarray

    @classmethod
    def fitted(cls, codes: np.ndarray, errors: np.ndarray, likelihood: np.ndarray | None = None) -> Self:
        """What normal examples are like.

        Args:
            codes: ``(n, views, numbers of the code)``.
            errors: ``(n, views, numbers of an example)``, what reconstructions differ by.
            likelihood: ``(n,)``, negative log likelihoods; None of a model that has none.
        """
        codes, errors = np.asarray(codes, np.float64), np.asarray(errors, np.float64)
        views = range(codes.shape[1])
        whitening = np.stack([_whitening(ledoit_wolf(codes[:, view])[0]) for view in views])
        if errors.shape[2] <= FULL:
            weights = np.stack([_whitening(ledoit_wolf(errors[:, view], assume_centered=True)[0]) for view in views])
        else:
            variance = np.mean(errors**2, axis=0)
            # Halfway to the mean variance: a number that normal examples never miss would outweigh all others.
            weights = np.sqrt(2 / (variance + variance.mean(axis=1, keepdims=True) + np.finfo(float).tiny))
        unit = np.ones(2 if likelihood is None else 3)
        found = cls(codes.mean(axis=0), whitening, weights, 0 * unit, unit)
        parts = np.stack([*found.parts(codes, errors, likelihood).values()])
        spread = np.maximum(parts.std(axis=1), FLOOR * (np.abs(parts).mean(axis=1) + 1))
        return dataclasses.replace(found, centre=parts.mean(axis=1), spread=spread)

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """As ``arrays`` has it.

        Raises:
            ValueError: if an array is missing, or they do not fit together.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        if missing := [name for name in names if name not in arrays]:
            raise ValueError(f"a detector's statistics must hold {', '.join(names)}: there is no {missing[0]}.")
        found = cls(**{name: np.asarray(arrays[name], np.float64) for name in names})
        (views, numbers), parts = found.code_mean.shape, len(found.centre)
        if (
            found.code_whitening.shape != (views, numbers, numbers)
            or len(found.error_whitening) != views
            or found.spread.shape != (parts,)
            or not 2 <= parts <= len(PARTS)
            or not all(np.isfinite(getattr(found, name)).all() for name in names)
        ):
            raise ValueError("a detector's statistics must be finite and fit together: these do not.")
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, by name."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def parts(
        self, codes: np.ndarray, errors: np.ndarray, likelihood: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """The parts of scores before they are standardised, ``(n,)`` each; the arguments are those of ``fitted``."""
        centred = np.asarray(codes, np.float64) - self.code_mean
        errors = np.asarray(errors, np.float64)
        if self.error_whitening.ndim == 3:
            whitened = np.einsum("nvp,vqp->nvq", errors, self.error_whitening)
        else:
            whitened = errors * self.error_whitening
        distances = np.einsum("nvd,ved->nve", centred, self.code_whitening)
        found = [np.square(part).sum(axis=2).mean(axis=1) for part in (distances, whitened)]
        if likelihood is not None:
            found.append(np.asarray(likelihood, np.float64))
        return dict(zip(PARTS, found, strict=False))

    def standardised(self, parts: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Parts in standard deviations from their mean over the normal examples."""
        scales = zip(parts.items(), self.centre, self.spread, strict=True)
        return {name: (values - centre) / spread for (name, values), centre, spread in scales}

    def scores(self, *measured: Any) -> np.ndarray:
        """How unlike normal examples others are, ``(n,)``; the arguments are those of ``fitted``."""
        parts = [*self.standardised(self.parts(*measured)).values()]
        return np.average(parts, axis=0, weights=WEIGHTS[: len(parts)])


def conformal_threshold(held_out: np.ndarray, false_alarms: float) -> float:
    """The score that a new normal example exceeds with a probability of at most ``false_alarms``.

    It is the ``⌈(1 − false_alarms) · (m + 1)⌉``-th of m scores in ascending order. The probability is over the draw of
    the held-out examples too, and supposes that they and new normal ones are alike.

    Args:
        held_out: ``(m,)``, scores of normal examples that the detector was not fitted on.
        false_alarms: a share above 0 and below 1.

    Raises:
        ValueError: for another share, or one that is too small to be told from so few examples.

    References:
        Laxhammar & Falkman 2010, "Conformal Prediction for Distribution-independent Anomaly Detection in Streaming
        Vessel Data"; Bates et al. 2023, "Testing for Outliers with Conformal p-values".
    """
    if not 0 < false_alarms < 1:
        raise ValueError(f"false_alarms must be a share above 0 and below 1, such as 0.01: received {false_alarms!r}.")
    place = int(np.ceil((1 - false_alarms) * (len(held_out) + 1) - 1e-9))
    if place > len(held_out):
        least = 1 / (len(held_out) + 1)
        raise ValueError(
            f"false_alarms must be at least {least:.4g}, which is what {len(held_out)} held-out normal examples can "
            f"tell: received {false_alarms}. Give more normal examples, or a larger share."
        )
    return float(np.sort(held_out)[place - 1])


def _whitening(covariance: np.ndarray) -> np.ndarray:
    """The lower triangular matrix ``W`` with ``Wᵀ W`` the inverse of a covariance, floored to be one."""
    size = len(covariance)
    floor = FLOOR * np.trace(covariance) / size + np.finfo(np.float32).tiny
    return np.linalg.solve(np.linalg.cholesky(covariance + floor * np.eye(size)), np.eye(size))
