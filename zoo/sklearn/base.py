"""What the zoo's estimators share: features in [0, 1], training, and results independent of the rest of the batch."""

import contextlib
import random
import threading

import keras
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from zoo.data import training_batches
from zoo.models import Autoencoder

_DRAWING = threading.Lock()
BATCH = 256  # rows that are computed at once: always as many, so that no result depends on what comes beside it


class AutoencoderEstimator(BaseEstimator):
    """Trains an autoencoder of vectors, each feature of which is brought into [0, 1] and restored from there.

    A subclass has the parameters ``batch_size``, ``learning_rate``, ``random_state`` and ``verbose``, perhaps
    ``example_shape``, and calls ``_train`` in its ``fit``.
    """

    def _check_integers(self, **values):
        for name, value in values.items():
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be an integer ≥ 1: received {value!r}.")

    def _train(self, X: np.ndarray, make, epochs: int, callbacks=()) -> None:
        """Trains the model that ``make`` returns for an ``image_shape``; sets what all fitted estimators have."""
        self.data_min_ = X.min(axis=0)
        self.data_range_ = np.where(X.max(axis=0) > self.data_min_, X.max(axis=0) - self.data_min_, 1.0)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with _seeds_from(seed):
            model = make(image_shape=self._shape(X.shape[1]))
            if not isinstance(model, Autoencoder):
                raise ValueError(f"model must make an Autoencoder of zoo.models: received {type(model).__name__}.")
            model.build()
            model.margin = float("inf")  # later rows may lie beyond what these reach
        batch_size = int(min(self.batch_size, len(X)))
        batches, steps = training_batches(self._images(X), batch_size, epochs=epochs, seed=seed, keep_last=True)
        schedule = keras.optimizers.schedules.CosineDecay(self.learning_rate, epochs * steps)
        model.compile(keras.optimizers.Adam(schedule))
        fitted = model.fit(
            batches,
            steps_per_epoch=steps,
            epochs=epochs,
            shuffle=False,  # they are
            verbose=self.verbose,
            callbacks=[*callbacks],
        )
        self.model_, self.history_, self.n_iter_ = model, fitted.history["loss"], epochs

    def _decoded(self, codes, length: int) -> np.ndarray:
        """Examples, float64 ``(n, features)``, restored from codes ``(n, length)``."""
        check_is_fitted(self)
        codes = check_array(codes, dtype=np.float32)
        if codes.shape[1] != length:
            raise ValueError(f"X must have {length} columns, a code each: received {codes.shape[1]}.")
        restored = self._in_batches(self.model_.decode, codes).reshape(len(codes), -1)
        return restored * self.data_range_ + self.data_min_

    def _images(self, X: np.ndarray) -> np.ndarray:
        return ((X - self.data_min_) / self.data_range_).astype(np.float32).reshape(-1, *self._shape(X.shape[1]))

    def _shape(self, features: int) -> tuple[int, ...]:
        """What a row is to the model."""
        shape = getattr(self, "example_shape", None)
        return (1, features, 1) if shape is None else tuple(shape)

    @staticmethod
    def _in_batches(compute, rows: np.ndarray) -> np.ndarray:
        results = []
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            full = np.concatenate([part, np.zeros((BATCH - len(part), *rows.shape[1:]), rows.dtype)])
            results.append(np.asarray(compute(full))[: len(part)])
        return np.concatenate(results)


@contextlib.contextmanager
def _seeds_from(seed: int):
    """Inside, Keras takes the seeds of initializers and random layers from ``seed``.

    It draws them by Python's ``random``, whose state is afterwards as it was: no caller's draws depend on a training,
    nor do those of NumPy, Keras and TensorFlow, whose states are left alone.
    """
    with _DRAWING:
        before = random.getstate()
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(before)
