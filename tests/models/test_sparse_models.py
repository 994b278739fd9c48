"""sparse_ae and contractive_ae: what each adds to the squared error, and what it is for."""

import keras
import numpy as np
import pytest

from zoo.models.autoencoders.contractive_ae import ContractiveAE
from zoo.models.autoencoders.sparse_ae import SparseAE

IMAGES = np.random.default_rng(0).random((2, 6, 4, 1), dtype=np.float32)
SHAPE = {"image_shape": (6, 4, 1)}


def test_loss_of_sparse_ae_is_squared_error_and_kl():
    from scipy.special import rel_entr

    model = SparseAE(**SHAPE, hidden_units=36, sparsity_target=0.1, sparsity_weight=0.7)
    model.compile()
    mean = np.asarray(model.encode(IMAGES), np.float64).mean(axis=0)
    squared = ((model.predict(IMAGES, verbose=0) - IMAGES) ** 2).sum(axis=(1, 2, 3)).mean()
    expected = squared + 0.7 * (rel_entr(0.1, mean) + rel_entr(0.9, 1 - mean)).sum()
    assert model.evaluate(IMAGES, verbose=0) == pytest.approx(expected, rel=1e-4)


def test_sparse_ae_has_one_kernel_for_both_directions():
    model = SparseAE(**SHAPE, hidden_units=36)
    model.build()
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == 24 * 36 + 36 + 24


@pytest.mark.slow
def test_training_brings_the_mean_activations_to_the_target():
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).random((64, 6, 4, 1), dtype=np.float32)
    model = SparseAE(**SHAPE, hidden_units=36, sparsity_target=0.1, sparsity_weight=3.0)
    model.compile(keras.optimizers.Adam(1e-2))
    assert np.median(np.asarray(model.encode(images)).mean(axis=0)) > 0.3
    model.fit(images, batch_size=64, epochs=150, verbose=0)
    activity = np.asarray(model.encode(images)).mean(axis=0)
    assert abs(np.median(activity) - 0.1) < 0.02 and (activity > 0.01).all()


def test_k_sparse_code_has_k_entries_that_are_not_zero():
    model = SparseAE(**SHAPE, hidden_units=36, k=5)
    code = np.asarray(model.encode(IMAGES))
    assert (np.count_nonzero(code, axis=1) == 5).all()
    model.compile()
    squared = ((model.predict(IMAGES, verbose=0) - IMAGES) ** 2).sum(axis=(1, 2, 3)).mean()
    assert model.evaluate(IMAGES, verbose=0) == pytest.approx(squared, rel=1e-4)  # no penalty beside


@pytest.mark.parametrize("k", [None, 5])
def test_sparse_ae_reloads(k, tmp_path):
    model = SparseAE(**SHAPE, hidden_units=36, k=k)
    model.compile("adam")
    model.fit(IMAGES, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0), atol=1e-6)
    assert len(again.trainable_weights) == 3


def test_contraction_is_the_squared_norm_of_the_jacobian():
    import tensorflow as tf

    model = ContractiveAE(**SHAPE, hidden_units=5, contraction_weight=0.3)
    model.build()
    x = tf.constant(IMAGES)
    with tf.GradientTape() as tape:
        tape.watch(x)
        z = model.encoder(x)
    jacobian = tape.batch_jacobian(z, x).numpy()
    expected = np.square(jacobian).sum(axis=(1, 2, 3, 4))
    np.testing.assert_allclose(model.contraction(z), expected, rtol=1e-4)

    model.compile()
    squared = ((model.predict(IMAGES, verbose=0) - IMAGES) ** 2).sum(axis=(1, 2, 3)).mean()
    assert model.evaluate(IMAGES, verbose=0) == pytest.approx(squared + 0.3 * expected.mean(), rel=1e-4)


@pytest.mark.slow
def test_the_penalty_contracts_the_code():
    norms = []
    for weight in (0.0, 10.0):
        keras.utils.set_random_seed(0)
        model = ContractiveAE(**SHAPE, hidden_units=8, contraction_weight=weight)
        model.compile(keras.optimizers.Adam(1e-2))
        model.fit(IMAGES, epochs=60, verbose=0)
        norms.append(float(np.mean(model.contraction(model.encode(IMAGES)))))
    assert norms[1] < 0.5 * norms[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "make", [lambda: SparseAE(**SHAPE, hidden_units=36), lambda: ContractiveAE(**SHAPE, hidden_units=8)]
)
@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_converts_to_int8(make, part):
    from zoo.exporting import litert

    model = make()
    model.build()
    x = IMAGES if part == "encoder" else np.asarray(model.encode(IMAGES))
    assert litert.convert(getattr(model, part), quantization="int8", calibration=x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SparseAE(hidden_units=0), "units must be"),
        (lambda: SparseAE(sparsity_target=1.0), "sparsity_target must be between 0 and 1: received 1.0"),
        (lambda: SparseAE(sparsity_weight=-1), "sparsity_weight must be at least 0: received -1"),
        (lambda: SparseAE(initial_activation=1), "initial_activation must be between 0 and 1: received 1"),
        (lambda: SparseAE(k=0), "k must be an integer ≥ 1"),
        (lambda: SparseAE(hidden_units=10, k=11), "k must be at most hidden_units, 10: received 11"),
        (lambda: ContractiveAE(hidden_units=0), "hidden_units must be an integer ≥ 1: received 0"),
        (lambda: ContractiveAE(hidden_units=1.5), "hidden_units must be an integer ≥ 1: received 1.5"),
        (lambda: ContractiveAE(contraction_weight=-0.1), "contraction_weight must be at least 0: received -0.1"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
