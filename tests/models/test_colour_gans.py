"""GANs past small grey images: residual networks, and augmentation of what the discriminator sees."""

import numpy as np
import pytest
from checks import check_layer
from small import SMALL

from zoo import layers, models
from zoo.models.gans import residual

rng = np.random.default_rng(0)
COLOUR = {"image_shape": (24, 16, 3), "filters": 4, "network": "residual"}
IMAGES = rng.random((8, 24, 16, 3), dtype=np.float32)
PAIR = IMAGES[:2]


# --- augmentation ---


def changed(kinds, x, draws):
    layer = layers.DifferentiableAugmentation(kinds)
    return np.asarray(layer(x, training=True, draws=np.asarray(draws, np.float32)))


def test_augmentation_is_a_layer_that_does_nothing_at_inference():
    np.testing.assert_array_equal(check_layer(lambda: layers.DifferentiableAugmentation(seed=1), PAIR), PAIR)
    assert not layers.DifferentiableAugmentation(()).variables  # so that GANs saved before it existed load
    with pytest.raises(ValueError, match="kinds must be of colour, translation, cutout: received rotation"):
        layers.DifferentiableAugmentation(("rotation",))
    with pytest.raises(ValueError, match="kinds must be of .*: received 'cutout'"):
        layers.DifferentiableAugmentation("cutout")


def test_augmentation_changes_colours_as_published():
    """Brightness, then saturation about the mean of the channels, then contrast about the mean of the image."""
    draws = rng.random((2, 7))
    y = 2 * PAIR.astype(float) - 1
    y = y + (draws[:, 0] - 0.5)[:, None, None, None]
    grey = y.mean(axis=3, keepdims=True)
    y = (y - grey) * (2 * draws[:, 1])[:, None, None, None] + grey
    middle = y.mean(axis=(1, 2, 3), keepdims=True)
    y = (y - middle) * (draws[:, 2] + 0.5)[:, None, None, None] + middle
    np.testing.assert_allclose(changed(("colour",), PAIR, draws), (y + 1) / 2, atol=1e-5)


@pytest.mark.parametrize(("row", "column"), [(0.0, 0.0), (0.5, 0.5), (0.999, 0.2)])
def test_augmentation_moves_by_whole_pixels_with_grey_from_the_edge(row, column):
    draws = np.full((2, 7), 0.5)
    draws[:, 3], draws[:, 4] = row, column
    down, right = int(row * 7) - 3, int(column * 5) - 2  # an eighth of 24 and of 16, either way
    padded = np.pad(PAIR, ((0, 0), (3, 3), (2, 2), (0, 0)), constant_values=0.5)
    expected = padded[:, 3 + down : 27 + down, 2 + right : 18 + right]
    np.testing.assert_allclose(changed(("translation",), PAIR, draws), expected, atol=1e-6)


def test_augmentation_cuts_out_a_rectangle_of_half_of_each_side():
    ones = np.ones((500, 24, 16, 3), np.float32)
    layer = layers.DifferentiableAugmentation(("cutout",), seed=3)
    y = np.asarray(layer(ones, training=True))
    assert set(np.unique(y)) == {0.5, 1.0}
    holes = (y == 0.5).all(axis=-1)
    heights, widths = holes.any(axis=2).sum(axis=1), holes.any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(holes.sum(axis=(1, 2)), heights * widths)  # a rectangle each
    assert (heights.min(), heights.max(), widths.min(), widths.max()) == (6, 12, 4, 8)  # its middle is in the image


@pytest.mark.parametrize("name", ["gan", "dcgan", "wgan_gp", "sngan", "cgan", "vae_gan"])
def test_every_gan_of_images_takes_augmentation(name, eagerly):
    model = SMALL[name](augmentation=("colour", "cutout"))
    assert type(model).from_config(model.get_config()).augmentation.kinds == ("colour", "cutout")
    model.compile(run_eagerly=True)
    seen = []
    plain = model.augmentation.call
    model.augmentation.call = lambda x, **options: seen.append(len(x)) or plain(x, **options)
    x = rng.random((10, 12, 8, 1), dtype=np.float32)
    history = model.fit(x, np.arange(10) % 3 if model.num_classes else None, batch_size=10, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert len(seen) >= 2, "when the discriminator learns, and when the generator does"
    seen.clear()
    model.evaluate(x, np.arange(10) % 3 if model.num_classes else None, verbose=0)
    assert not seen, "in training alone"


def test_an_image_and_its_reconstruction_are_augmented_alike():
    model = SMALL["vae_gan"](augmentation=("translation",))
    draws = model.augmentation.draws(2)
    x = rng.random((2, 12, 8, 1), dtype=np.float32)
    both = np.asarray(model.augmentation(np.concatenate([x, x]), training=True, draws=np.concatenate([draws, draws])))
    np.testing.assert_array_equal(both[:2], both[2:])


def test_a_discriminator_that_sees_no_images_refuses_augmentation():
    for make, shape in ((SMALL["aae"], {}), (models.GAN, {"example_shape": (2,)})):
        with pytest.raises(ValueError, match="augmentation must be left out, as the discriminator sees no images"):
            make(**shape, augmentation=("colour",))


# --- residual networks ---


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((28, 28, 1), 2), ((32, 32, 3), 3), ((64, 64, 3), 4), ((24, 16, 3), 2), ((48, 80, 3), 3)],
)
def test_images_are_halved_until_four_pixels_or_an_odd_number_are_left(shape, expected):
    assert residual.doublings(shape) == expected


@pytest.mark.parametrize("kind", [models.DCGAN, models.SNGAN, models.WGANGP])
def test_residual_networks_train_and_reload(kind, tmp_path):
    import keras

    model = kind(**COLOUR, latent_dim=5, seed=0)
    model.compile()
    history = model.fit(IMAGES, batch_size=8, epochs=2, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    model.save(tmp_path / "m.keras")
    twin = keras.models.load_model(tmp_path / "m.keras")
    noise = rng.standard_normal((3, 5)).astype(np.float32)
    np.testing.assert_allclose(twin(noise), model(noise), atol=1e-6)
    assert model.generate(2, seed=0).shape == (2, 24, 16, 3)


def test_a_residual_discriminator_is_normalised_throughout():
    model = models.CGAN(**COLOUR, num_classes=3)
    weighted = [layer for layer in model.discriminator.layers if layer.trainable_weights]
    assert weighted and {type(layer) for layer in weighted} == {layers.SpectralNormalization}
    with pytest.raises(ValueError, match="normalization must be spectral or None, as a residual discriminator"):
        models.DCGAN(**COLOUR, normalization="batch")
    with pytest.raises(ValueError, match="network must be plain or residual: received 'dense'"):
        models.DCGAN(**{**COLOUR, "network": "dense"})


def test_the_class_scales_the_generator_and_chooses_the_discriminators_vector():
    """Miyato & Koyama 2018, eq. 5: the score is ψ(φ(x)) + φ(x)·v(y)."""
    model = models.CGAN(**COLOUR, num_classes=3, normalization=None, latent_dim=5, seed=0)
    model.compile()
    labels = np.arange(8) % 3
    model.fit(IMAGES, labels, batch_size=8, epochs=2, verbose=0)
    parts = model.discriminator
    features = np.asarray(models_of(parts, "features").predict([IMAGES, labels], verbose=0), np.float64)
    dense, vectors = parts.get_layer("score"), np.asarray(parts.get_layer("class").kernel, np.float64)
    expected = (
        features @ np.asarray(dense.kernel) + np.asarray(dense.bias) + (features * vectors[labels]).sum(1)[:, None]
    )
    np.testing.assert_allclose(parts([IMAGES, labels]), expected, atol=1e-4)
    noise = np.repeat(rng.standard_normal((1, 5)).astype(np.float32), 3, axis=0)
    a, b, c = np.asarray(model.generator([noise, np.arange(3)]))
    assert np.abs(a - b).max() > 1e-5 and np.abs(b - c).max() > 1e-5


def models_of(network, layer):
    import keras

    return keras.Model(network.inputs, network.get_layer(layer).output)
