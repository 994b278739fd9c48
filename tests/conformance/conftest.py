"""The conformance suite is a command of its own: ``KERAS_BACKEND=jax pytest tests/conformance``.

Its process has the backend that the environment names, and no other.
"""

import os

# Steps are few, and XLA takes longer to compile them well than they run. Before JAX is imported.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")


def pytest_report_header(config):
    import keras

    return f"Keras' backend: {keras.backend.backend()}"
