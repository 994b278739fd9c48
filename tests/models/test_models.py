"""Every autoencoder of the zoo, small: what all promise, and what each claims."""

import keras
import numpy as np
import pytest
import small
from checks import check_model, check_shape

from zoo import models

IMAGES = small.examples("dense_ae", 2)
SIGNALS = small.examples("signal_ae", 2)
SHAPE, SMALL = small.SHAPE, small.AUTOENCODERS


def examples_of(name: str) -> np.ndarray:
    """Two examples of the kind that a model takes."""
    return small.examples(name, 2) if name in small.PHOTOS else SIGNALS if "signal" in name else IMAGES


def test_every_autoencoder_of_the_catalogue_is_checked_here():
    from zoo.registry import CATALOG

    assert set(SMALL) == {
        name
        for name, spec in CATALOG.items()
        if "reconstruct" in spec.tasks and spec.modality in ("image", "audio", "signal", "heartbeat")
    } - {*small.GANS}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SMALL, *small.PHOTOS])
def test_model(name, tmp_path, run_python):
    check_model(small.SMALL[name], examples_of(name), tmp_path, run_python)


def test_every_architecture_of_images_is_built_for_every_shape():
    from zoo.registry import CATALOG

    assert set(small.IMAGES) == {name for name, spec in CATALOG.items() if spec.modality == "image"}


@pytest.mark.parametrize("shape", small.SHAPES, ids=str)
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n == "hierarchical_vae" else n for n in small.IMAGES]
)
def test_images_of_any_size_in_grey_and_in_colour(name, shape, eagerly):
    x = np.random.default_rng(0).random((6, *shape), dtype=np.float32)
    y = x[::-1].copy() if name == "map_ae" else small.targets(name, 6)
    check_shape(small.of_shape(name, shape), x, y)


@pytest.mark.parametrize("name", small.IMAGES)
def test_a_size_that_does_not_divide_is_said_with_the_nearest_that_does(name):
    try:
        model = small.of_shape(name, (30, 49, 3))
    except ValueError as error:
        assert str(error) == (
            "image_shape must have a height and width divisible by 4: received (30, 49, 3); the nearest is (32, 48, 3)."
        )
    else:  # its layers are dense
        assert model.image_shape == (30, 49, 3)


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


def sources(x, y):
    """The same examples and targets as Keras may get them."""
    import tensorflow as tf

    given = (x,) if y is None else (x, y)

    class Rows(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return given

    yield tf.data.Dataset.from_tensors(given)
    yield Rows()
    yield (batch for batch in [given])


TRAINED = [*small.AUTOENCODERS, *small.PHOTOS, "classifier"]


@pytest.mark.parametrize("name", TRAINED)
def test_values_of_another_range_are_refused_wherever_they_come_from(name, eagerly):
    x, y = small.examples(name, 2), small.targets(name, 2)
    model, wrong = small.SMALL[name](), 32768 * x if "signal" in name else 255 * x
    how = "divide 16-bit samples by 32768" if "signal" in name else "divide 8-bit images by 255"
    model.compile()
    model.build()
    before = model.get_weights()
    look = model.features if name == "classifier" else model.encode
    for call in (
        lambda: model.fit(wrong, y, verbose=0),
        lambda: model.fit(x, y, validation_data=(wrong, y), verbose=0),
        lambda: model.evaluate(wrong, y, verbose=0),
        lambda: model.predict(wrong, verbose=0),
        lambda: model.train_on_batch(wrong, y),
        lambda: model.test_on_batch(wrong, y),
        lambda: model.predict_on_batch(wrong),
        lambda: look(wrong),
    ):
        with pytest.raises(ValueError, match=rf"^(x|validation_data) must be in .* received values from .*; {how}\.$"):
            call()
    with pytest.raises(ValueError, match=how):  # to which Keras adds whose call it was
        model(wrong)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.filterwarnings("ignore::UserWarning")  # that Keras does not shuffle them, and that they end
@pytest.mark.parametrize("name", ["dense_ae", "map_ae", "vae", "classifier"])
def test_batches_of_another_range_are_refused_as_they_are_drawn(name, eagerly):
    x, y = small.examples(name, 2), small.targets(name, 2)
    model = small.SMALL[name]()
    model.compile()
    for source in sources(255 * x, y):
        with pytest.raises(ValueError, match=r"^x must be in \[0, 1\]: received values from .*; divide 8-bit"):
            model.fit(source, verbose=0)
    for source in sources(x, y):
        assert np.isfinite(model.fit(source, verbose=0).history["loss"]).all()


@pytest.mark.parametrize("jit_compile", [False, True])
def test_values_of_another_range_are_refused_in_graphs_with_xla_and_without(jit_compile):
    import tensorflow as tf

    model, x = SMALL["dense_ae"](), np.repeat(IMAGES, 4, axis=0)
    model.compile("sgd", jit_compile=jit_compile)
    batches = tf.data.Dataset.from_tensor_slices(np.concatenate([x, 255 * x])).batch(4)
    for call in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ValueError, match=r"^x must be in \[0, 1\]: received values from .*; divide 8-bit"):
            call(batches, verbose=0)
    assert np.isfinite(model.evaluate(batches.take(2), verbose=0))
    spoilt = tf.data.Dataset.from_tensors(np.full_like(x, np.nan))
    with pytest.raises(ValueError, match="x must be in .*: received values from nan to nan"):
        model.fit(spoilt, verbose=0)


def test_rounding_stays_within_the_range():
    model = SMALL["dense_ae"]()
    for x in (IMAGES * (1 + 1e-6) - 1e-7, IMAGES.astype(np.float16), keras.ops.convert_to_tensor(IMAGES)):
        assert model.encode(x).shape == (2, 4)
    with pytest.raises(ValueError, match="y must be in"):
        model.compile()
        model.fit(IMAGES, 255 * IMAGES, verbose=0)


@pytest.mark.parametrize("name", [*TRAINED, "tabular_ae", "text_ae", "summarizer"])
def test_weights_of_examples_count_or_are_refused(name, eagerly):
    """Of weight 0, nothing learns; the loss is the sum of weighted losses by the batch's size."""
    x, y = small.examples(name, 2), small.targets(name, 2)
    model = small.SMALL[name]()
    model.compile(keras.optimizers.SGD(0.1))
    model.build()
    before = model.get_weights()
    nothing = np.zeros(2, np.float32)
    if "sample_weight" in model.refused:
        for call in (model.fit, model.evaluate):
            with pytest.raises(ValueError, match="sample_weight must be left out: "):
                call(x, y, sample_weight=nothing, verbose=0)
        with pytest.raises(ValueError, match="sample_weight must be left out: "):
            model.train_on_batch(x, y, sample_weight=nothing)
    else:
        model.fit(x, y, sample_weight=nothing, verbose=0)
        model.train_on_batch(x, y, sample_weight=nothing)
        for variable, old in zip(model.weights, before, strict=True):
            assert not variable.trainable or np.array_equal(variable, old), variable.path
        if name not in ("conv_vae", "vae", "beta_vae", "hierarchical_vae"):  # whose losses are draws
            one, other = (
                model.evaluate(x[at : at + 1], y if y is None else y[at : at + 1], verbose=0) for at in (0, 1)
            )
            weighted = model.evaluate(x, y, sample_weight=np.array([0.5, 2.0]), verbose=0)
            assert weighted == pytest.approx((0.5 * one + 2 * other) / 2, rel=1e-4)
    if name != "classifier":
        with pytest.raises(ValueError, match="class_weight must be left out: an autoencoder has no classes"):
            model.fit(x, y, class_weight={0: 1.0}, verbose=0)


def test_models_without_the_penalty_that_is_not_of_examples_take_weights():
    assert "sample_weight" not in models.SparseAE(**SHAPE, k=3).refused
    assert "sample_weight" not in models.ConcreteAE(**SHAPE, duplicate_penalty=0).refused
    model = SMALL["vae"]()
    model.compile()
    with pytest.raises(ValueError, match=r"sample_weight must be one number an example, \(n,\): received"):
        model.evaluate(IMAGES, sample_weight=np.ones((2, 12, 8), np.float32), verbose=0)


@pytest.mark.parametrize("name", [name for name in SMALL if name != "map_ae"])
def test_a_target_is_what_is_restored(name, eagerly):
    """``fit(noisy, clean)``: the loss is that of the target; labels are none."""
    x = examples_of(name)
    model, clean = SMALL[name](), np.roll(x, 1, axis=1)
    model.compile("sgd", metrics=["mse"])
    model.build()

    def evaluated(y):
        for variable in model.variables:
            if "seed" in variable.path:  # the same draws each time
                variable.assign([1, 2])
        return model.evaluate(x, y, verbose=0, return_dict=True)

    alone, of_itself, of_another = map(evaluated, (None, x, clean))
    assert alone == of_itself and abs(of_another["loss"] - alone["loss"]) > 1e-5 * abs(alone["loss"])
    error = np.mean((np.asarray(model.predict(x, verbose=0)) - clean) ** 2)
    assert of_another["mse"] == pytest.approx(error, rel=1e-3)
    assert np.isfinite(model.fit(x, clean, verbose=0).history["loss"]).all()
    with pytest.raises(ValueError, match=r"y must have the shape \(batch, .*\): received \(2,"):
        model.fit(x, np.arange(2), verbose=0)


@pytest.mark.parametrize("name", ["text_ae", "summarizer"])
def test_models_of_texts_refuse_targets(name, eagerly):
    model, x = small.SMALL[name](), small.examples(name, 2)
    model.compile()
    with pytest.raises(ValueError, match="y must be left out: a"):
        model.fit(x, x, verbose=0)


def test_a_classifier_asks_for_labels(eagerly):
    model = small.SMALL["classifier"]()
    model.compile()
    with pytest.raises(ValueError, match="y must hold the labels, integers from 0 to 2: received none"):
        model.fit(IMAGES, verbose=0)


def test_a_vae_learns_to_restore_the_clean_image():
    """What it decodes comes near the target, not the input."""
    keras.utils.set_random_seed(0)
    model = models.VAE(**SHAPE, hidden_units=(32,), latent_dim=4)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    noisy, clean = np.repeat(IMAGES, 8, axis=0), np.repeat(np.round(1 - IMAGES), 8, axis=0)
    model.fit(noisy, clean, epochs=60, verbose=0)
    found = model.predict(noisy, verbose=0)
    assert ((found - clean) ** 2).mean() < 0.3 * ((found - noisy) ** 2).mean()


@pytest.mark.parametrize("name", [name for name in small.SMALL if name not in small.GANS])
def test_layers_have_the_models_own_policy(name):
    """The global policy has no part in a model that has its own, such as one from a config."""
    model = small.SMALL[name]()
    config, make = model.get_config(), type(model).from_config
    for own, of_keras in (("mixed_float16", "float32"), ("float64", "float32"), ("float32", "mixed_float16")):
        keras.config.set_dtype_policy(of_keras)
        try:
            model = make({**config, "dtype": own})
            assert keras.config.dtype_policy().name == of_keras
        finally:
            keras.config.set_dtype_policy("float32")
        found = {layer.dtype_policy.name for layer in model._flatten_layers(include_self=False)}
        assert model.dtype_policy.name == own in found and found <= {own, "float32"}


@pytest.mark.parametrize("name", ["dense_ae", "vae", "hierarchical_vae", "map_ae", "summarizer"])
def test_a_model_of_half_precision_by_argument_trains(name, eagerly):
    model = small.SMALL[name]()
    half = type(model).from_config({**model.get_config(), "dtype": "mixed_float16"})
    half.compile()
    assert isinstance(half.optimizer, keras.optimizers.LossScaleOptimizer)
    x = small.examples(name, 2)
    assert np.isfinite(half.fit(x, small.targets(name, 2), verbose=0).history["loss"]).all()


@pytest.mark.parametrize("name", [*TRAINED, "tabular_ae", "text_ae", "summarizer"])
def test_channels_are_last_whatever_keras_settings_say(name):
    x = small.examples(name, 2)
    model = small.SMALL[name]()
    model.build()
    look = model.encode if hasattr(model, "encode") else model.features
    expected = keras.tree.flatten(look(x))
    keras.config.set_image_data_format("channels_first")
    try:
        other = type(model).from_config(model.get_config())
        other.build()
        other.set_weights(model.get_weights())
        look = other.encode if hasattr(other, "encode") else other.features
        found = keras.tree.flatten(look(x))
        if name not in ("text_ae", "summarizer"):
            np.testing.assert_allclose(other(x), model(x), atol=1e-5)
    finally:
        keras.config.set_image_data_format("channels_last")
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in small.SMALL if name not in small.GANS])
def test_a_model_built_without_a_shape_knows_its_input(name):
    model = small.SMALL[name]()
    model.build()
    sides = model.image_shape[:-1] if model.stride is None else (None, None)
    assert model.get_build_config() == {"input_shape": (None, *sides, model.image_shape[-1])}


@pytest.mark.slow
@pytest.mark.parametrize("format", ["tf_saved_model", "litert"])
@pytest.mark.parametrize("name", [name for name in small.SMALL if name not in small.GANS])
def test_a_whole_model_that_was_never_called_exports(name, format, tmp_path):
    """By Keras' own ``export``, without an ``input_signature``."""
    model = small.SMALL[name]()
    model.build()
    model.export(tmp_path / "exported.tflite", format=format, verbose=False)
    assert (tmp_path / "exported.tflite").exists()


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
