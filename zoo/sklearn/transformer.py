"""Autoencoders as scikit-learn transformers."""

import functools
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from zoo.models import DenseAE
from zoo.sklearn.base import AutoencoderEstimator
from zoo.sklearn.weights import feature_importances


class AutoencoderTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, AutoencoderEstimator):
    """Vectors to short codes, and back, by an autoencoder that is trained on them.

    Each feature is brought into [0, 1] by its smallest and largest value, and restored from there.

    Args:
        n_components: length of the code.
        model: what makes the autoencoder, a class of ``zoo.models`` for vectors or any function of the same keywords
            ``image_shape``, ``(1, features, 1)``, and ``latent_dim``; None for ``DenseAE`` with ``hidden_units``.
        hidden_units: widths of the encoder's hidden layers, of ``DenseAE`` alone.
        max_iter: passes over the examples.
        batch_size: examples a step.
        learning_rate: peak of a cosine schedule that ends at zero.
        random_state: of the initial weights and the order of the examples.
        verbose: 1 for Keras' progress bar.

    Attributes:
        model_: the trained ``Autoencoder``.
        history_: the mean loss of each pass.
        n_iter_: passes that were made.
        data_min_, data_range_: of each feature, ``(features,)``.
        feature_importances_: of an encoder of dense layers, what each feature weighs in the code.
        n_features_in_, feature_names_in_: as scikit-learn's.
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        model: Any = None,
        hidden_units: Sequence[int] = (128, 64),
        max_iter: int = 100,
        batch_size: int = 64,
        learning_rate: float = 2e-3,
        random_state: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.model = model
        self.hidden_units = hidden_units
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Trains on examples ``(n, features)``; labels are ignored.

        Raises:
            ValueError: if they are no finite numbers, fewer than two, or an argument is out of its range.
        """
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        self._check_integers(n_components=self.n_components, max_iter=self.max_iter, batch_size=self.batch_size)
        make = self.model or functools.partial(DenseAE, hidden_units=self.hidden_units)
        self._train(X, functools.partial(make, latent_dim=int(self.n_components)), self.max_iter)
        self._spread = self._images(X).std(axis=0).ravel()
        self._n_features_out = int(self.n_components)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Codes ``(n, n_components)`` of examples ``(n, features)``, computed in float32, in the examples' dtype."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        # Not by `encode`, as features of new examples may lie beyond those of the training.
        return self._in_batches(self.model_.encoder, self._images(X)).reshape(len(X), -1).astype(X.dtype)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Examples, float64 ``(n, features)``, restored from codes ``(n, n_components)``."""
        check_is_fitted(self)
        return self._decoded(X, self._n_features_out)

    @property
    def feature_importances_(self) -> np.ndarray:
        """What each feature weighs in the code, ``(features,)``, 1 in all; see ``zoo.sklearn.feature_importances``.

        scikit-learn's ``SelectFromModel`` selects by it.
        """
        check_is_fitted(self)
        return feature_importances(self.model_, spread=self._spread)
