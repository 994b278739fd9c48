"""The conformance suite is a command of its own: ``KERAS_BACKEND=jax pytest tests/conformance``.

Its process has the backend that the environment names, and no other.
"""

import os

import pytest

EACH = "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"


def pytest_report_header(config):
    import keras

    return f"Keras' backend: {keras.backend.backend()}"


@pytest.fixture
def backend_name() -> str:
    """Of Keras' backend: that which ``KERAS_BACKEND`` asks for."""
    import keras

    assert keras.backend.backend() == os.environ.get("KERAS_BACKEND", "tensorflow")
    return keras.backend.backend()
