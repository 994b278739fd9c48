"""Autoencoders as scikit-learn outlier detectors."""

import functools
import warnings
from collections.abc import Sequence
from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.validation import check_is_fitted, validate_data

from zoo.models import DenseAE
from zoo.sklearn.base import AutoencoderEstimator
from zoo.sklearn.normality import LEAST, Normality

STEPS = 1500  # of a training of default length
MOST_PASSES = 100


class AutoencoderDetector(OutlierMixin, AutoencoderEstimator):
    """Tells what does not fit: an autoencoder learns examples, and scores others by code and reconstruction error.

    Each feature is brought into [0, 1] by its smallest and largest value. An example's place is its reconstruction and,
    beside, what that misses; its score is how far the nearest training examples' places are on average. Without
    ``n_neighbors`` it is what ``zoo.sklearn.Normality`` says, one Gaussian for all codes and one for all errors, which
    suits tables whose normal rows form a single cloud. Most of the examples must be normal; none needs a label.

    Args:
        n_components: length of the code; None for a quarter of the features, from 1 to 16.
        n_neighbors: how many training examples a score is the mean distance to; None for ``zoo.sklearn.Normality``.
        contamination: the share of the training examples that lies beyond the threshold, above 0 and at most 0.5.
            ``zoo.detect`` sets thresholds by held-out normal examples instead.
        model: what makes the autoencoder, a class of ``zoo.models`` or any function of the same keywords
            ``image_shape`` and ``latent_dim``; None for ``DenseAE`` with ``hidden_units``.
        example_shape: what a row is to ``model``: ``(height, width, channels)`` of an image, ``(length, channels)`` of
            a signal; None for ``(1, features, 1)``.
        hidden_units: widths of the encoder's hidden layers, of ``DenseAE`` alone.
        max_iter: passes over the examples; None for as many as make about 1,500 steps, at most 100.
        batch_size: examples a step.
        learning_rate: peak of a cosine schedule that ends at zero.
        random_state: of the initial weights and the order of the examples.
        verbose: 1 for Keras' progress bar.

    Attributes:
        model_: the trained ``Autoencoder``.
        normality_: the ``zoo.sklearn.Normality`` of the training examples.
        neighbors_: scikit-learn's ``NearestNeighbors`` of their places; None without ``n_neighbors``.
        offset_: the threshold of ``score_samples``.
        history_: the mean loss of each pass.
        n_iter_: passes that were made.
        data_min_, data_range_: of each feature, ``(features,)``.
        n_features_in_, feature_names_in_: as scikit-learn's.

    References:
        See ``zoo.sklearn.Normality``; Ramaswamy, Rastogi & Shim 2000, "Efficient Algorithms for Mining Outliers from
        Large Data Sets", for distances to neighbours; Zong et al. 2018, "Deep Autoencoding Gaussian Mixture Model for
        Unsupervised Anomaly Detection", for the density of what an autoencoder knows and misses, taken together.
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        n_neighbors: int | None = 5,
        contamination: float = 0.1,
        model: Any = None,
        example_shape: Sequence[int] | None = None,
        hidden_units: Sequence[int] = (64, 32),
        max_iter: int | None = None,
        batch_size: int = 64,
        learning_rate: float = 2e-3,
        random_state: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.contamination = contamination
        self.model = model
        self.example_shape = example_shape
        self.hidden_units = hidden_units
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learns examples ``(n, features)``; labels are ignored. Warns of fewer than 20, which tell little.

        Raises:
            ValueError: if they are no finite numbers, fewer than two, or an argument is out of its range.
        """
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        features = X.shape[1]
        numbers = min(16, max(1, features // 4)) if self.n_components is None else self.n_components
        self._check_integers(n_components=numbers, batch_size=self.batch_size)
        if self.n_neighbors is not None:
            self._check_integers(n_neighbors=self.n_neighbors)
        if not isinstance(self.contamination, Real) or not 0 < self.contamination <= 0.5:
            raise ValueError(f"contamination must be above 0 and at most 0.5: received {self.contamination!r}.")
        if self.example_shape is not None and np.prod(self.example_shape) != features:
            raise ValueError(
                f"example_shape must have as many numbers as X has features, {features}: received "
                f"{tuple(self.example_shape)}."
            )
        if len(X) < LEAST:
            warnings.warn(
                f"X holds {len(X)} examples: a detector needs at least {LEAST} to tell what is normal.", stacklevel=2
            )
        steps = -(-len(X) // self.batch_size)
        epochs = min(MOST_PASSES, -(-STEPS // steps)) if self.max_iter is None else self.max_iter
        self._check_integers(max_iter=epochs)
        make = self.model or functools.partial(DenseAE, hidden_units=self.hidden_units)
        self._train(X, functools.partial(make, latent_dim=int(numbers)), epochs)
        codes, errors, places = self._measured(X)
        self.normality_, self.neighbors_ = Normality.fitted(codes, errors), None
        if self.n_neighbors is not None:
            number = int(min(self.n_neighbors, len(X)))
            self.neighbors_ = NearestNeighbors(n_neighbors=number, algorithm="kd_tree").fit(places)
        self.offset_ = float(np.percentile(self._scored(X), 100 * self.contamination))
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """How normal examples ``(n, features)`` are, ``(n,)``: the higher, the more normal.

        Raises:
            ValueError: if they are no finite numbers, or have another number of features.
        """
        check_is_fitted(self)
        return self._scored(validate_data(self, X, dtype=np.float64, reset=False))

    def decision_function(self, X: Any) -> np.ndarray:
        """``score_samples`` less ``offset_``: below 0 of what does not fit, ``(n,)``; raises as ``score_samples``."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """1 of examples that fit, −1 of others, ``(n,)``; raises as ``score_samples``."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _scored(self, X: np.ndarray) -> np.ndarray:
        codes, errors, places = self._measured(X)
        if self.neighbors_ is None:
            return -self.normality_.scores(codes, errors)
        return -self.neighbors_.kneighbors(places)[0].mean(axis=1)

    def _measured(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Codes and errors, ``(n, 1, numbers)``, and places, ``(n, 2 · features)``.

        Not by `encode`, as features of new examples may lie further out.
        """
        x = self._images(X)
        codes = self._in_batches(lambda part: self.model_.encoder(part, training=False), x)
        restored = self._in_batches(lambda part: self.model_.decoder(part, training=False), codes)
        restored = restored.reshape(len(X), -1).astype(np.float64)
        errors = x.reshape(len(X), -1) - restored
        return codes.reshape(len(X), 1, -1), errors[:, None], np.concatenate([restored, errors], axis=1)
