"""Autoencoders as scikit-learn transformers."""

import keras
import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from zoo.models import Autoencoder, DenseAE

BATCH = 256  # rows that are computed at once: always as many, so that no result depends on what comes beside it


class AutoencoderTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
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
        n_features_in_, feature_names_in_: as scikit-learn's.
    """

    def __init__(
        self,
        n_components=2,
        *,
        model=None,
        hidden_units=(128, 64),
        max_iter=100,
        batch_size=64,
        learning_rate=2e-3,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.model = model
        self.hidden_units = hidden_units
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y=None):
        """Trains on examples ``(n, features)``; labels are ignored.

        Raises:
            ValueError: if they are no finite numbers, fewer than two, or an argument is out of its range.
        """
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        for name in ("n_components", "max_iter", "batch_size"):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"{name} must be an integer ≥ 1: received {value!r}.")
        self.data_min_ = X.min(axis=0)
        self.data_range_ = np.where(X.max(axis=0) > self.data_min_, X.max(axis=0) - self.data_min_, 1.0)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        keras.utils.set_random_seed(seed)
        make = self.model or DenseAE
        options = {"hidden_units": self.hidden_units} if self.model is None else {}
        model = make(image_shape=(1, X.shape[1], 1), latent_dim=int(self.n_components), **options)
        if not isinstance(model, Autoencoder):
            raise ValueError(f"model must make an Autoencoder of zoo.models: received {type(model).__name__}.")
        steps = self.max_iter * -(-len(X) // self.batch_size)
        model.build()
        model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(self.learning_rate, steps)))
        batch_size = int(min(self.batch_size, len(X)))
        fitted = model.fit(self._images(X), epochs=self.max_iter, batch_size=batch_size, verbose=self.verbose)
        self.model_, self.history_, self.n_iter_ = model, fitted.history["loss"], self.max_iter
        self._n_features_out = int(self.n_components)
        return self

    def transform(self, X):
        """Codes ``(n, n_components)`` of examples ``(n, features)``, computed in float32, in the examples' dtype."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return self._in_batches(self.model_.encode, self._images(X)).reshape(len(X), -1).astype(X.dtype)

    def inverse_transform(self, X):
        """Examples, float64 ``(n, features)``, restored from codes ``(n, n_components)``."""
        check_is_fitted(self)
        codes = check_array(X, dtype=np.float32)
        if codes.shape[1] != self._n_features_out:
            raise ValueError(f"X must have {self._n_features_out} columns, a code each: received {codes.shape[1]}.")
        restored = self._in_batches(self.model_.decode, codes).reshape(len(codes), -1)
        return restored * self.data_range_ + self.data_min_

    def _images(self, X: np.ndarray) -> np.ndarray:
        return ((X - self.data_min_) / self.data_range_).astype(np.float32).reshape(-1, 1, X.shape[1], 1)

    @staticmethod
    def _in_batches(compute, rows: np.ndarray) -> np.ndarray:
        results = []
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            full = np.concatenate([part, np.zeros((BATCH - len(part), *rows.shape[1:]), rows.dtype)])
            results.append(np.asarray(compute(full))[: len(part)])
        return np.concatenate(results)
