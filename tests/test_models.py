"""Every model of the zoo, small: what all promise, and what each claims."""

import keras
import numpy as np
import pytest
from checks import check_model

from zoo import models

IMAGES = np.random.default_rng(0).random((2, 12, 8, 1), dtype=np.float32)
SHAPE = {"image_shape": (12, 8, 1)}
SMALL = {
    "dense_ae": lambda: models.DenseAE(**SHAPE, hidden_units=(16, 8), latent_dim=4),
    "conv_ae": lambda: models.ConvAE(**SHAPE, filters=8, decoder_filters=8, encoder_blocks=1, latent_dim=6),
    "denoising_ae": lambda: models.DenoisingAE(**SHAPE, filters=8, blocks=1, latent_channels=4, global_units=8),
}


def test_every_model_of_the_catalogue_is_checked_here():
    from zoo.registry import CATALOG

    assert set(SMALL) == set(CATALOG)


@pytest.mark.parametrize("name", SMALL)
def test_model(name, tmp_path, run_python):
    check_model(SMALL[name], IMAGES, tmp_path, run_python)


@pytest.mark.parametrize("name", SMALL)
def test_the_loss_is_the_squared_error_summed_per_image(name):
    model = SMALL[name]()
    model.compile()
    loss = model.evaluate(IMAGES, verbose=0)
    squared = ((model.predict(IMAGES, verbose=0) - IMAGES) ** 2).sum(axis=(1, 2, 3)).mean()
    model(IMAGES)  # the rate of conv_ae is a loss of its own
    assert loss - float(sum(model.losses)) == pytest.approx(squared, rel=1e-4)


@pytest.mark.parametrize("name", SMALL)
def test_callbacks_of_keras_work(name, tmp_path):
    model = SMALL[name]()
    model.build()  # BackupAndRestore asks for it
    model.compile("adam")
    best = tmp_path / "best.keras"
    callbacks = [
        keras.callbacks.EarlyStopping("val_loss", patience=1),
        keras.callbacks.ModelCheckpoint(best, save_best_only=True),
        keras.callbacks.ReduceLROnPlateau(),
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.BackupAndRestore(tmp_path / "backup"),
    ]
    model.fit(IMAGES, validation_data=(IMAGES,), epochs=2, callbacks=callbacks, verbose=0)
    reloaded = keras.models.load_model(best)
    assert reloaded.evaluate(IMAGES, verbose=0) >= 0 and (tmp_path / "log.csv").read_text().count("\n") == 3


def test_training_reduces_the_error():
    keras.utils.set_random_seed(0)
    model = SMALL["dense_ae"]()
    model.compile(keras.optimizers.Adam(1e-2))
    losses = model.fit(IMAGES, epochs=60, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_the_denoiser_corrupts_in_training_only():
    model = SMALL["denoising_ae"]()
    np.testing.assert_array_equal(model(IMAGES), model(IMAGES))
    outputs = [np.asarray(model(IMAGES, training=True)) for _ in range(2)]
    assert (outputs[0] != outputs[1]).any()


def test_the_code_of_the_denoiser_is_smaller_than_the_image():
    assert np.prod(SMALL["denoising_ae"]().encode(IMAGES).shape[1:]) < 12 * 8
    with pytest.raises(ValueError, match="latent_channels must be between 1 and 15"):
        models.DenoisingAE(latent_channels=16)


def test_the_code_of_conv_ae_is_quantised_on_the_way_to_the_decoder():
    model = SMALL["conv_ae"]()
    model.build()
    z = np.asarray(model.encode(IMAGES))
    np.testing.assert_allclose(model(IMAGES), model.decode(np.round(z / model.step) * model.step), atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_a_wrong_shape_or_type_is_said_in_one_line(name):
    model = SMALL[name]()
    model.build()
    with pytest.raises(ValueError, match=r"x must have the shape \(batch, 12, 8, 1\): received \(2, 8, 12, 1\)"):
        model.encode(IMAGES.swapaxes(1, 2))
    with pytest.raises(ValueError, match="divide 8-bit images by 255"):
        model.encode((IMAGES * 255).astype(np.uint8))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: models.DenseAE(latent_dim=0), "latent_dim and hidden_units must be positive"),
        (lambda: models.DenseAE(image_shape=(28, 28)), "image_shape must be three positive integers"),
        (lambda: models.ConvAE(image_shape=(30, 28, 1)), "divisible by 4"),
        (lambda: models.DenoisingAE(image_shape=(30, 28, 1)), "divisible by 4"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
