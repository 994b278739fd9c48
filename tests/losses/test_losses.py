"""The losses, against literal values."""

import keras
import numpy as np
import pytest

from zoo import losses

TRUE = np.array([[[0.0, 1.0], [0.5, 0.5]], [[1.0, 1.0], [0.0, 0.0]]], np.float32)
PREDICTED = np.array([[[0.5, 1.0], [0.5, 0.0]], [[0.0, 1.0], [0.0, 0.0]]], np.float32)


def test_squared_error_sums_over_an_example_and_averages_over_the_batch():
    assert float(losses.SquaredError()(TRUE, PREDICTED)) == pytest.approx((0.5 + 1.0) / 2)
    np.testing.assert_allclose(losses.SquaredError(reduction="none")(TRUE, PREDICTED), [0.5, 1.0])
    weighted = losses.SquaredError(reduction="mean_with_sample_weight")(TRUE, PREDICTED, np.array([2.0, 1.0]))
    assert float(weighted) == pytest.approx((2 * 0.5 + 1.0) / 3)


def test_squared_error_refuses_other_shapes():
    with pytest.raises(ValueError, match="must have one shape"):
        losses.SquaredError()(TRUE, PREDICTED[:, :1])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_saturated_wrong_pixel_has_a_finite_cross_entropy_in_16_bits(dtype):
    wrong, right = (keras.ops.cast(np.full((1, 2), value), dtype) for value in (1.0, 0.0))
    expected = -2 * np.log(keras.config.epsilon())
    assert float(losses.BinaryCrossentropy(dtype=dtype)(right, wrong)) == pytest.approx(expected, rel=0.02)
    assert float(losses.BinaryCrossentropy(dtype=dtype)(wrong, right)) == pytest.approx(expected, rel=0.02)
    assert losses.BinaryCrossentropy().call(np.zeros((1, 2)), np.full((1, 2), 0.5)).dtype == "float64"


def test_an_error_of_many_values_is_summed_in_float32():
    many = keras.ops.ones((1, 100_000), "float16")
    assert float(losses.SquaredError().call(0 * many, many)[0]) == 100_000


def test_weights_are_one_number_an_example():
    for weights, expected in (([2.0, 0.0], 0.5), ([[2.0], [0.0]], 0.5)):
        assert float(losses.SquaredError()(TRUE, PREDICTED, np.array(weights))) == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"sample_weight must be one number an example, \(n,\): received the shape"):
        losses.SquaredError()(TRUE, PREDICTED, np.ones((2, 2, 2)))
