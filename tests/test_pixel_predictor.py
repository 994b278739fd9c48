"""The predictor of pixels: its bits are the coder's, and it learns."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from zoo import models
from zoo.codec import lattice, pixels

sys.path.append(str(Path(__file__).parent / "codec"))
from pixel_model import Drawn, slopes

from zoo.exporting.pixels import arrays_of

PICTURE = slopes(40, 37, 3)
X = PICTURE[None] / np.float32(255)


@pytest.fixture(scope="module")
def drawn():
    """A model with the drawn weights, and these."""
    drawn = Drawn()
    model = models.PixelPredictor(image_shape=(32, 36, 3), units=drawn.units)
    model.build()
    for plane, kind, level in np.ndindex(lattice.PLANES, len(lattice.KINDS), lattice.LEVELS):
        place = lattice.KINDS[kind], plane, level
        for layer, made in zip(model.network(*place), drawn.network(*place), strict=True):
            layer.set_weights(made.get_weights())
    return model, drawn


def test_the_bits_are_the_coders(drawn):
    """Integers of 8 bits cost little; the pixels that have no neighbours, and spacings of 8 and more, are few."""
    model, weights = drawn
    tables = pixels.PixelTables.of(arrays_of(weights, PICTURE[None]))
    planes, bits = pixels.Planes(tables, *PICTURE.shape[:2]), 0.0
    for values in pixels.to_planes(PICTURE).astype(np.int64):
        for now, take in planes.passes():
            take(values[now.places])
            if now.places[0].step <= 8:
                bits += tables.logistics.bits(values[now.places], now.means, now.scales).sum()
    map_of_bits = np.asarray(model.information(X))
    assert map_of_bits.shape == (1, 40, 37) and map_of_bits[0, 0, 0] == 0
    assert map_of_bits.sum() == pytest.approx(bits, rel=0.03)
    assert np.asarray(model(X)) == pytest.approx([map_of_bits.mean() / 3], rel=1e-5)


def test_distributions_sum_to_one_and_far_values_cost_no_more_than_an_escape():
    from zoo.models.pixel_predictor import bits_of

    values = np.arange(-4000, 4000, dtype=np.float32)
    for mean, scale in ((0.3, 0.08), (-0.2, 1.0), (7.5, 40.0)):
        bits = np.asarray(bits_of(values, np.float32(mean), np.float32(np.log(scale))), np.float64)
        assert np.sum(2**-bits) == pytest.approx(1, abs=0.01)
        assert bits.max() <= 22.01 and np.isfinite(bits).all()


def test_arguments():
    for shape in ((32, 32, 1), (15, 40, 3)):
        with pytest.raises(ValueError, match=r"image_shape must be \(height, width, 3\), sides of at least 16"):
            models.PixelPredictor(image_shape=shape)
    with pytest.raises(ValueError, match=r"image_shape must be three positive integers: received \(32, 32\)"):
        models.PixelPredictor(image_shape=(32, 32))
    with pytest.raises(ValueError, match="units must be an integer"):
        models.PixelPredictor(units=0)


@pytest.mark.slow
def test_it_learns_and_is_saved(tmp_path):
    keras.utils.set_random_seed(0)
    pictures = np.stack([slopes(32, 36, 3, seed=seed) for seed in range(8)]) / np.float32(255)
    model = models.PixelPredictor(image_shape=(32, 36, 3), units=8)
    model.compile(keras.optimizers.Adam(3e-3))
    losses = model.fit(pictures, batch_size=4, epochs=25, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    assert model.evaluate(pictures, verbose=0) == pytest.approx(float(np.mean(model(pictures))), rel=1e-4)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(pictures), model(pictures), rtol=1e-5)
