"""The losses, against literal values."""

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
