"""A concrete autoencoder as a scikit-learn feature selector."""

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from zoo.models import ConcreteAE
from zoo.sklearn.base import AutoencoderEstimator

STEPS = 5000  # about what 50 of 784 pixels take to settle
SETTLED = 0.9


class ConcreteSelector(SelectorMixin, AutoencoderEstimator):
    """Chooses the features from which all others can best be guessed, without labels.

    Each feature is brought into [0, 1] by its smallest and largest value; a ``ConcreteAE`` then chooses, and its
    decoder learns to restore all features from those chosen.

    Args:
        n_features_to_select: how many; None for half of them.
        hidden_units: widths of the decoder's hidden layers; ``()`` for a linear map and a sigmoid.
        max_iter: passes over the examples; None for as many as make about 5,000 steps.
        batch_size: examples a step.
        learning_rate: peak of a cosine schedule that ends at zero.
        random_state: of the initial weights, the draws and the order of the examples.
        verbose: 1 for Keras' progress bar.

    Attributes:
        model_: the trained ``ConcreteAE``.
        certainty_: the mean probability of the chosen features, near 1 where the choice has settled.
        history_: the mean loss of each pass.
        n_iter_: passes that were made.
        data_min_, data_range_: of each feature, ``(features,)``.
        n_features_in_, feature_names_in_: as scikit-learn's.

    References:
        Balın, Abid & Zou 2019, "Concrete Autoencoders".
    """

    def __init__(
        self,
        n_features_to_select: int | None = None,
        *,
        hidden_units: Sequence[int] = (128,),
        max_iter: int | None = None,
        batch_size: int = 64,
        learning_rate: float = 2e-3,
        random_state: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_features_to_select = n_features_to_select
        self.hidden_units = hidden_units
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, *, callbacks: Any = ()) -> Self:
        """Trains on examples ``(n, features)``, with Keras' ``callbacks``; labels are ignored.

        Warns with ``ConvergenceWarning`` where the choice has not settled.

        Raises:
            ValueError: if they are no finite numbers, fewer than two, or an argument is out of its range.
        """
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        features, chosen = X.shape[1], self.n_features_to_select
        chosen = max(1, features // 2) if chosen is None else chosen
        self._check_integers(n_features_to_select=chosen, batch_size=self.batch_size)
        if chosen > features:
            raise ValueError(f"n_features_to_select must be at most {features}, as X has no more: received {chosen}.")
        steps = -(-len(X) // self.batch_size)
        epochs = -(-STEPS // steps) if self.max_iter is None else self.max_iter
        self._check_integers(max_iter=epochs)

        def make(image_shape):
            return ConcreteAE(
                image_shape=image_shape,
                latent_dim=int(chosen),
                hidden_units=self.hidden_units,
                annealing_steps=max(1, int(0.8 * epochs * steps)),
            )

        self._train(X, make, epochs, callbacks)
        self.certainty_ = float(self.model_.selector.certainty)
        if self.certainty_ < SETTLED:
            warnings.warn(
                f"The choice has not settled: its certainty is {self.certainty_:.2f} of 1. Raise max_iter.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def reconstruct(self, X: Any) -> np.ndarray:
        """All features, float64 ``(n, features)``, guessed from those chosen, ``(n, n_features_to_select)``.

        Args:
            X: as ``transform`` returns it; ``inverse_transform``, by contrast, only puts zeros elsewhere.
        """
        check_is_fitted(self)
        positions = self.get_support(indices=True)
        X = np.asarray(X, dtype=np.float64)
        if X.ndim == 2 and X.shape[1] == len(positions):
            X = (X - self.data_min_[positions]) / self.data_range_[positions]
            X = X[:, np.searchsorted(positions, self.model_.selected)]  # the code has an order of its own
        return self._decoded(X, len(positions))

    def _get_support_mask(self):
        check_is_fitted(self)
        mask = np.zeros(self.n_features_in_, bool)
        mask[self.model_.selected] = True
        return mask
