"""Every autoencoder of the zoo, small: what all promise, and what each claims."""

import keras
import numpy as np
import pytest
import small
from checks import check_model

from zoo import models

IMAGES = small.examples("dense_ae", 2)
SIGNALS = small.examples("signal_ae", 2)
SHAPE, SMALL = small.SHAPE, small.AUTOENCODERS


def examples_of(name: str) -> np.ndarray:
    """Two examples of the kind that a model takes."""
    return SIGNALS if "signal" in name else IMAGES


def test_every_autoencoder_of_the_catalogue_is_checked_here():
    from zoo.registry import CATALOG

    assert set(SMALL) == {name for name, spec in CATALOG.items() if spec.kind == "autoencoder"}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_model(name, tmp_path, run_python):
    check_model(SMALL[name], examples_of(name), tmp_path, run_python)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["conv_ae", "conv_vae", "text_ae", "classifier"])
def test_a_step_is_traced_once(name, monkeypatch):
    """Whatever it needs is there before: most of the wait for a first step is for its graph."""
    model, traced = small.SMALL[name](), []
    compute_loss = model.compute_loss
    monkeypatch.setattr(
        model, "compute_loss", lambda *args, **options: traced.append(1) or compute_loss(*args, **options)
    )
    model.compile(metrics=["mse"] if "conv" in name else None)
    x, y = small.examples(name, 4), small.targets(name, 4)
    history = model.fit(x, y, batch_size=2, epochs=2, verbose=0).history
    assert len(traced) == 1 and ("mse" in history) == ("conv" in name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in SMALL if not n.endswith("vae") and n not in ("map_ae", "signal_ae")])
def test_the_loss_is_the_squared_error_summed_per_image(name):
    """Of others it is a bound, has neighbours beside it, or is weighted: see their own tests."""
    model, examples = SMALL[name](), examples_of(name)
    model.compile()
    loss = model.evaluate(examples, verbose=0)
    squared = ((model.predict(examples, verbose=0) - examples) ** 2).reshape(2, -1).sum(axis=1).mean()
    model(examples)  # the rate of conv_ae is a loss of its own
    assert loss - float(sum(model.losses)) == pytest.approx(squared, rel=1e-4)


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


@pytest.mark.parametrize("name", [name for name in SMALL if examples_of(name) is IMAGES])
def test_a_wrong_shape_or_type_is_said_in_one_line(name):
    model = SMALL[name]()
    model.build()
    with pytest.raises(ValueError, match=r"x must have the shape \(batch, 12, 8, 1\): received \(2, 8, 12, 1\)"):
        model.encode(IMAGES.swapaxes(1, 2))
    with pytest.raises(ValueError, match="divide 8-bit images by 255"):
        model.encode((IMAGES * 255).astype(np.uint8))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_data_that_is_not_finite_stops_before_a_weight_changes(value):
    model = SMALL["dense_ae"]()
    model.build()
    model.compile()
    before, spoilt = model.get_weights(), np.repeat(IMAGES, 50, axis=0)
    spoilt[70, 3, 2] = value
    with pytest.raises(ValueError, match="x must be finite: .* in example 70, which is in step 3"):
        model.fit(spoilt, verbose=0)
    with pytest.raises(ValueError, match="validation_data must be finite.* example 70, which is in step 8"):
        model.fit(IMAGES, validation_data=(spoilt,), batch_size=10, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_an_empty_data_set_is_refused():
    model = SMALL["vae"]()
    model.compile()
    with pytest.raises(ValueError, match=r"x must hold at least one example: received the shape \(0, 12, 8, 1\)"):
        model.fit(IMAGES[:0], verbose=0)


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


@pytest.mark.parametrize("name", ["conv_ae", "unpool_ae", "vae", "hierarchical_vae", "aae"])
def test_many_examples_are_encoded_and_decoded_in_batches(name, monkeypatch):
    model, x = small.SMALL[name](), small.examples(name, 7)
    z = model.encode(x)
    images = model.decode(z)
    sizes = []
    for part in (model.encoder, model.decoder):

        def call(inputs, *args, inner=part.call, **kwargs):
            sizes.append(keras.tree.flatten(inputs)[0].shape[0])
            return inner(inputs, *args, **kwargs)

        part.call = call
    monkeypatch.setattr("zoo.models.base.BATCH", 3)
    for one, other in zip(keras.tree.flatten(model.encode(x)), keras.tree.flatten(z), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    np.testing.assert_allclose(model.decode(z), images, atol=1e-5)
    assert sizes == 2 * [3, 3, 1]
