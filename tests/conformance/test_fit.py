"""Every architecture of the catalogue, small: ``fit``, ``evaluate``, a file and ``fit`` again, on any backend."""

import zipfile

import keras
import numpy as np
import pytest
import small

import zoo.models  # noqa: F401 - registers the classes with Keras
from zoo.models import AdversarialModel
from zoo.registry import CATALOG


@pytest.mark.parametrize("name", CATALOG)
def test_fit_evaluate_save_and_go_on(name, tmp_path):
    model, x, y = small.SMALL[name](), small.examples(name, 16), small.targets(name, 16)
    model.build()
    model.compile_defaults()
    if name == "summarizer" and keras.backend.backend() == "jax":
        with pytest.raises(
            ValueError, match="^A summarizer learns and is evaluated with KERAS_BACKEND=tensorflow or torch"
        ):
            model.fit(x, y, verbose=0)
        return
    before = model.get_weights()
    history = model.fit(x, y, batch_size=8, epochs=2, verbose=0, validation_data=(x,) if y is None else (x, y)).history
    assert all(np.isfinite(values).all() for values in history.values()), history
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    batches = -(-len(x) // 8)  # of a document and of prose, examples are more
    optimizers = getattr(model, "optimizers", None) or [model.optimizer]
    assert all(int(optimizer.iterations) == 2 * batches * _steps(model, optimizer) for optimizer in optimizers)
    figures = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    assert np.isfinite([*figures.values()]).all(), figures

    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert b"keras.src.backend" not in archive.read("config.json")  # what one backend alone would find
    again = keras.models.load_model(tmp_path / "model.keras")
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    same = again.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    if not isinstance(model, zoo.models.VariationalAutoencoder) and name != "hierarchical_vae":  # which draw
        np.testing.assert_allclose([*same.values()], [*figures.values()], rtol=1e-4)
    history = again.fit(x, y, batch_size=8, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values()), history
    optimizers = getattr(again, "optimizers", None) or [again.optimizer]
    assert all(int(optimizer.iterations) == 3 * batches * _steps(again, optimizer) for optimizer in optimizers)


def _steps(model, optimizer) -> int:
    """Of an optimizer, for each step of ``fit``."""
    critic = isinstance(model, AdversarialModel) and optimizer is model.discriminator_optimizer
    return model.discriminator_steps if critic else 1
