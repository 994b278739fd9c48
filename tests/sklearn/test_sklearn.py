"""Autoencoders behind scikit-learn's interface, by its own checks and beside its own PCA."""

import pickle
import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from zoo.models import ConvAE, DenseAE, DetectingAE, SparseAE, TiedAE
from zoo.sklearn import AutoencoderDetector, AutoencoderTransformer, ConcreteSelector, feature_importances

DIGITS, LABELS = load_digits(return_X_y=True)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of what the checks feed on purpose
@parametrize_with_checks(
    [
        AutoencoderTransformer(max_iter=3, hidden_units=(8,)),
        ConcreteSelector(max_iter=3, hidden_units=(8,)),
        AutoencoderDetector(max_iter=3, hidden_units=(8,)),
    ]
)
def test_scikit_learn_s_own_checks(estimator, check, eagerly):
    check(estimator)


@pytest.fixture(scope="module")
def fitted():
    return AutoencoderTransformer(2, max_iter=40, random_state=0).fit(DIGITS[:1500])


@pytest.mark.slow
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


@pytest.mark.parametrize("estimator", [AutoencoderTransformer, ConcreteSelector])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_training_leaves_the_callers_random_numbers_alone(estimator, eagerly):
    """The draws after a fit are those without it, of every generator that there is; and no fit depends on them."""

    def draws():
        return [
            random.random(),
            np.random.rand(),
            *(float(draw(())) for draw in (keras.random.uniform, tf.random.uniform)),
        ]

    def fitted(seed):
        keras.utils.set_random_seed(seed)
        estimator(2, hidden_units=(4,), max_iter=1, random_state=0, batch_size=32).fit(DIGITS[:70])
        return draws()

    for seed in (5, 6):
        keras.utils.set_random_seed(seed)
        assert draws() == fitted(seed)
    models = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        models.append(estimator(2, hidden_units=(4,), max_iter=1, random_state=0, batch_size=32).fit(DIGITS[:70]))
    for one, other in zip(*(model.model_.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_same_seed_gives_the_same_codes():
    make = AutoencoderTransformer(3, max_iter=2, random_state=5)
    first, second = (clone(make).fit_transform(DIGITS[:200]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = clone(make).set_params(random_state=6).fit_transform(DIGITS[:200])
    assert not np.allclose(first, other)


@pytest.mark.slow
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


@pytest.fixture(scope="module")
def watcher():
    """A detector that has seen zeros alone."""
    return AutoencoderDetector(6, max_iter=100, contamination=0.05, random_state=0).fit(DIGITS[LABELS == 0][:120])


@pytest.mark.slow
def test_a_detector_tells_digits_that_it_never_saw(watcher):
    new, eights = DIGITS[LABELS == 0][120:], DIGITS[LABELS == 8]
    scores = watcher.score_samples(np.concatenate([new, DIGITS[LABELS != 0]]))
    assert roc_auc_score(np.arange(len(scores)) < len(new), scores) > 0.95
    trained_on = DIGITS[LABELS == 0][:120]
    assert np.mean(watcher.predict(trained_on) == -1) == pytest.approx(0.05, abs=0.002)  # the contamination
    np.testing.assert_allclose(watcher.decision_function(eights), watcher.score_samples(eights) - watcher.offset_)
    np.testing.assert_array_equal(watcher.score_samples(eights[3:5]), watcher.score_samples(eights)[3:5])
    twin = pickle.loads(pickle.dumps(watcher))
    np.testing.assert_array_equal(twin.score_samples(eights), watcher.score_samples(eights))


def test_a_detector_of_images():
    shaped = {"example_shape": (8, 8, 1), "model": lambda **sizes: DetectingAE(filters=2, turned=False, **sizes)}
    detector = AutoencoderDetector(3, max_iter=1, random_state=0, **shaped).fit(DIGITS[:60])
    assert detector.model_.image_shape == (8, 8, 1) and detector.score_samples(DIGITS[:3]).shape == (3,)


def test_a_detector_of_few_examples_warns_in_a_line():
    with pytest.warns(UserWarning, match="X holds 12 examples: a detector needs at least 20") as warned:
        AutoencoderDetector(1, max_iter=1, hidden_units=(4,)).fit(DIGITS[:12])
    assert "\n" not in str(warned[0].message)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"contamination": 0.7}, "contamination must be above 0 and at most 0.5: received 0.7"),
        ({"contamination": "auto"}, "contamination must be above 0"),
        ({"n_components": 0}, "n_components must be an integer ≥ 1: received 0"),
        (
            {"example_shape": (8, 9, 1)},
            r"example_shape must have as many numbers as X has features, 64: received \(8, 9",
        ),
        ({"max_iter": 0}, "max_iter must be an integer ≥ 1: received 0"),
    ],
)
def test_a_detector_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        AutoencoderDetector(**options).fit(DIGITS[:30])


@pytest.fixture(scope="module")
def chooser():
    return ConcreteSelector(10, max_iter=120, learning_rate=5e-3, random_state=0).fit(DIGITS[:1500])


def read_out(columns):
    """Mean squared error of all pixels of held-out digits, by least squares from some of them."""
    fit = LinearRegression().fit(DIGITS[:1500][:, columns], DIGITS[:1500])
    return np.mean((fit.predict(DIGITS[1500:][:, columns]) - DIGITS[1500:]) ** 2)


@pytest.mark.slow
def test_the_chosen_features_tell_more_than_the_most_variable_or_any(chooser):
    columns = chooser.get_support(indices=True)
    assert len(columns) == 10 and chooser.certainty_ > 0.9
    assert read_out(columns) < 0.85 * read_out(np.argsort(-DIGITS[:1500].var(axis=0))[:10])
    rng = np.random.default_rng(0)
    assert read_out(columns) < min(read_out(rng.choice(64, 10, replace=False)) for _ in range(20))


@pytest.mark.slow
def test_chosen_features_are_passed_on_and_all_others_guessed(chooser):
    held_out = DIGITS[1500:]
    columns = chooser.get_support(indices=True)
    chosen = chooser.transform(held_out)
    np.testing.assert_array_equal(chosen, held_out[:, columns])
    padded = chooser.inverse_transform(chosen)
    np.testing.assert_array_equal(padded[:, columns], chosen)
    assert not np.delete(padded, columns, axis=1).any()
    guessed = chooser.reconstruct(chosen)
    assert guessed.shape == held_out.shape
    assert np.mean((guessed - held_out) ** 2) < 1.1 * read_out(columns)
    x = ((held_out - chooser.data_min_) / chooser.data_range_).astype(np.float32).reshape(-1, 1, 64, 1)
    by_model = chooser.model_.predict(x, verbose=0).reshape(-1, 64) * chooser.data_range_ + chooser.data_min_
    np.testing.assert_allclose(guessed, by_model, atol=1e-3)
    assert list(chooser.get_feature_names_out()) == [f"x{column}" for column in columns]
    twin = pickle.loads(pickle.dumps(chooser))
    np.testing.assert_array_equal(twin.reconstruct(chosen), guessed)
    with pytest.raises(ValueError, match="X must have 10 columns, a code each: received 64"):
        chooser.reconstruct(held_out)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The choice has not settled")
def test_a_selector_in_a_pipeline_and_a_grid_search():
    pipeline = make_pipeline(ConcreteSelector(max_iter=30, random_state=0), LogisticRegression(max_iter=1000))
    grid = {"concreteselector__n_features_to_select": [1, 16]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(DIGITS[:600], LABELS[:600])
    assert search.best_params_ == {"concreteselector__n_features_to_select": 16}
    assert search.best_score_ > 0.6


def test_an_unsettled_choice_is_warned_of():
    with pytest.warns(ConvergenceWarning, match="has not settled: its certainty is 0.[0-9]+ of 1. Raise max_iter"):
        ConcreteSelector(3, max_iter=1).fit(DIGITS[:50])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_features_to_select": 65}, "n_features_to_select must be at most 64, as X has no more: received 65"),
        ({"n_features_to_select": 0}, "n_features_to_select must be an integer ≥ 1: received 0"),
        ({"n_features_to_select": 0.5}, "n_features_to_select must be an integer ≥ 1: received 0.5"),
        ({"max_iter": 0}, "max_iter must be an integer ≥ 1: received 0"),
        ({"batch_size": -1}, "batch_size must be an integer ≥ 1"),
    ],
)
def test_a_selector_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        ConcreteSelector(**options).fit(DIGITS[:10])


def test_importances_are_garson_s():
    """Two inputs, two hidden units, one number: by hand."""
    model = DenseAE(image_shape=(1, 2, 1), hidden_units=(2,), latent_dim=1)
    model.build()
    hidden, code = (layer for layer in model.encoder.layers if layer.weights)
    hidden.set_weights([np.array([[1.0, -3.0], [-3.0, 1.0]]), np.zeros(2)])
    code.set_weights([np.array([[4.0], [-1.0]]), np.zeros(1)])
    # Input 0 has 1/4 of the first unit and 3/4 of the second; these have 4/5 and 1/5 of the code.
    np.testing.assert_allclose(feature_importances(model), [0.25 * 0.8 + 0.75 * 0.2, 0.75 * 0.8 + 0.25 * 0.2])
    np.testing.assert_allclose(feature_importances(model, spread=[0.0, 1.0]), [0, 1])
    with pytest.raises(ValueError, match=r"spread must have the shape \(2,\): received \(3,\)"):
        feature_importances(model, spread=np.ones(3))
    conv = ConvAE(image_shape=(8, 8, 1), filters=4, decoder_filters=4, encoder_blocks=1, latent_dim=4)
    conv.build()
    with pytest.raises(ValueError, match="model must have an encoder of dense layers"):
        feature_importances(conv)
    tied = SparseAE(image_shape=(1, 6, 1), hidden_units=9)
    tied.build()
    assert feature_importances(tied).shape == (6,)


def test_scikit_learn_selects_by_the_importances(fitted):
    importances = fitted.feature_importances_
    assert importances.shape == (64,) and importances.sum() == pytest.approx(1)
    assert not importances[DIGITS[:1500].std(axis=0) == 0].any()  # an input that never varies says nothing
    selector = SelectFromModel(fitted, prefit=True, max_features=10, threshold=-np.inf)
    np.testing.assert_array_equal(selector.get_support(indices=True), np.sort(np.argsort(-importances)[:10]))
