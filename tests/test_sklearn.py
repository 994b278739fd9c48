"""Autoencoders behind scikit-learn's interface, by its own checks and beside its own PCA."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from zoo.models import ConvAE, TiedAE
from zoo.sklearn import AutoencoderTransformer

DIGITS, LABELS = load_digits(return_X_y=True)


@pytest.mark.filterwarnings("ignore")  # of what the checks feed on purpose
@parametrize_with_checks([AutoencoderTransformer(max_iter=3, hidden_units=(8,))])
def test_scikit_learn_s_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def fitted():
    return AutoencoderTransformer(2, max_iter=40, random_state=0).fit(DIGITS[:1500])


def test_two_numbers_tell_more_than_two_principal_components(fitted):
    held_out = DIGITS[1500:]
    pca = PCA(2).fit(DIGITS[:1500])
    errors = [
        np.mean((each.inverse_transform(each.transform(held_out)) - held_out) ** 2) for each in (fitted, pca)
    ]  # fmt: skip
    assert errors[0] < 0.9 * errors[1]
    assert len(fitted.history_) == fitted.n_iter_ == 40 and fitted.history_[-1] < 0.5 * fitted.history_[0]


def test_the_code_is_the_model_s_and_does_not_depend_on_company(fitted):
    codes = fitted.transform(DIGITS)
    x = ((DIGITS - fitted.data_min_) / fitted.data_range_).astype(np.float32).reshape(-1, 1, 64, 1)
    np.testing.assert_allclose(codes, fitted.model_.encoder.predict(x, verbose=0), atol=1e-5)
    np.testing.assert_array_equal(fitted.transform(DIGITS[700:703]), codes[700:703])
    restored = fitted.inverse_transform(codes)
    assert restored.dtype == np.float64 and restored.min() >= 0 and restored.max() <= 16
    twin = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(twin.transform(DIGITS), codes)
    assert list(fitted.get_feature_names_out()) == ["autoencodertransformer0", "autoencodertransformer1"]


def test_the_same_seed_gives_the_same_codes():
    make = AutoencoderTransformer(3, max_iter=2, random_state=5)
    first, second = (clone(make).fit_transform(DIGITS[:200]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = clone(make).set_params(random_state=6).fit_transform(DIGITS[:200])
    assert not np.allclose(first, other)


def test_in_a_pipeline_and_a_grid_search():
    pipeline = make_pipeline(
        AutoencoderTransformer(max_iter=15, random_state=0), LogisticRegression(max_iter=1000)
    )  # fmt: skip
    grid = {"autoencodertransformer__n_components": [1, 8]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(DIGITS[:600], LABELS[:600])
    assert search.best_params_ == {"autoencodertransformer__n_components": 8}
    assert search.best_score_ > 0.7


def test_any_model_of_vectors():
    tied = AutoencoderTransformer(4, model=TiedAE, max_iter=2, random_state=0).fit(DIGITS[:100])
    assert isinstance(tied.model_, TiedAE) and tied.transform(DIGITS[:5]).shape == (5, 4)
    made = AutoencoderTransformer(3, model=lambda **sizes: TiedAE(hidden_units=(9,), **sizes), max_iter=1)
    assert made.fit(DIGITS[:50]).model_.hidden_units == (9,)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_components": 0}, "n_components must be an integer ≥ 1: received 0"),
        ({"max_iter": 1.5}, "max_iter must be an integer ≥ 1: received 1.5"),
        ({"batch_size": -1}, "batch_size must be an integer ≥ 1"),
        ({"model": lambda **sizes: sizes}, "model must make an Autoencoder of zoo.models: received dict"),
        ({"model": ConvAE}, "divisible by 4"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        AutoencoderTransformer(**options).fit(DIGITS[:10])


def test_refuses_codes_of_another_length(fitted):
    with pytest.raises(ValueError, match="X must have 2 columns, a code each: received 3"):
        fitted.inverse_transform(np.zeros((1, 3)))
