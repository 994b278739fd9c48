"""Exports, run by the LiteRT interpreter and by TensorFlow alone."""

import keras
import numpy as np
import pytest
import small

import zoo
from zoo import artifacts, exporting, models
from zoo.codec.tables import Tables
from zoo.exporting import litert, tables
from zoo.exporting.export import _parts_of
from zoo.exporting.rewrite import in_parts_of
from zoo.layers import EntropyBottleneck
from zoo.packaging.artifact import _named, _without_place

IMAGES = np.random.default_rng(0).random((32, 12, 8, 1), dtype=np.float32)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    made = models.ConvAE(image_shape=(12, 8, 1), filters=8, decoder_filters=8, latent_dim=6)
    made.compile()
    made.fit(IMAGES, verbose=0)
    return made


def run(path, x):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    results = []
    for row in x:
        value = row[None]
        if inputs["dtype"] in (np.int8, np.uint8):
            scale, zero = inputs["quantization"]
            range_ = np.iinfo(inputs["dtype"])
            value = np.clip(np.rint(value / scale) + zero, range_.min, range_.max)
        interpreter.set_tensor(inputs["index"], value.astype(inputs["dtype"]))
        interpreter.invoke()
        result = interpreter.get_tensor(outputs["index"])[0]
        if outputs["dtype"] in (np.int8, np.uint8):
            scale, zero = outputs["quantization"]
            result = (result.astype(np.float32) - zero) * scale
        results.append(result)
    return np.stack(results)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("quantization", "tolerance"), [(None, 1e-5), ("float16", 5e-3), ("dynamic", 5e-2), ("int8", 5e-2)]
)
@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_litert_agrees_with_keras(model, tmp_path, part, quantization, tolerance):
    path = zoo.export(model, tmp_path / "m.tflite", part=part, quantization=quantization, calibration=IMAGES)
    codes = np.asarray(model.encode(IMAGES))
    x, y = (IMAGES, codes) if part == "encoder" else (codes, np.asarray(model.decode(codes)))
    assert np.abs(run(path, x) - y).max() < tolerance * max(1.0, np.abs(y).max())
    assert not any(name.startswith("CUSTOM") for name in exporting.operators(path.read_bytes()))


@pytest.mark.slow
def test_the_whole_model_exports(model, tmp_path):
    path = zoo.export(model, tmp_path / "m.tflite", part="model")
    np.testing.assert_allclose(run(path, IMAGES), model.predict(IMAGES, verbose=0), atol=1e-4)


@pytest.mark.slow
def test_saved_model_runs_without_keras(model, tmp_path, run_python):
    path = zoo.export(model, tmp_path / "saved", format="saved_model", part="model")
    codes = model.encode(IMAGES)
    np.savez(tmp_path / "case.npz", x=IMAGES, z=codes, y=model.decode(codes), whole=model.predict(IMAGES, verbose=0))
    run_python(
        f"""
import numpy as np, tensorflow as tf
case = np.load({str(tmp_path / "case.npz")!r})
signatures = tf.saved_model.load({str(path)!r}).signatures
assert set(signatures) == {{"serving_default", "encode", "decode"}}, set(signatures)
for name, given, expected in (("encode", "x", "z"), ("decode", "z", "y"), ("serving_default", "x", "whole")):
    (found,) = signatures[name](tf.constant(case[given])).values()
    np.testing.assert_allclose(found, case[expected], atol=1e-4)
""",
        bare=True,
    )


@pytest.mark.slow
def test_a_signature_says_what_a_part_does(model, tmp_path):
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    saved = zoo.export(model, tmp_path / "saved", format="saved_model")
    assert set(tf.saved_model.load(str(saved)).signatures) == {"serving_default", "encode"}
    for part, name in (("encoder", "encode"), ("decoder", "decode"), ("model", "serving_default")):
        path = zoo.export(model, tmp_path / f"{part}.tflite", part=part)
        assert list(Interpreter(str(path)).get_signature_list()) == [name]


@pytest.mark.slow
def test_a_litert_file_says_where_it_comes_from(model, tmp_path):
    import zipfile

    path = zoo.export(model, tmp_path / "e.tflite", quantization="int8", calibration=IMAGES)
    found = litert.metadata(path.read_bytes())
    assert found["model"] == model.name and found["part"] == "encoder" and found["signature"] == "encode"
    assert found["sha256"] == litert.weights_digest(model)
    (given,), (code,) = found["inputs"], found["outputs"]
    assert given["shape"] == [1, 12, 8, 1] and given["dtype"] == "int8" and given["zero_point"] == -128
    assert given["range"] == pytest.approx([0, 1], abs=1e-5) and code["shape"] == [1, 6]
    assert code["range"][1] - code["range"][0] == pytest.approx(255 * code["scale"])
    assert zipfile.ZipFile(path).namelist() == ["zoo.json"]  # as `unzip` sees it
    again = zoo.export(model, tmp_path / "f.tflite", quantization="int8", calibration=IMAGES)
    assert again.read_bytes() == path.read_bytes()
    floats = litert.metadata(zoo.export(model, tmp_path / "g.tflite").read_bytes())
    assert floats["inputs"] == [{"shape": [1, 12, 8, 1], "dtype": "float32"}]
    weights = model.get_weights()
    model.set_weights([w + 1e-3 for w in weights])
    assert litert.weights_digest(model) != found["sha256"]
    model.set_weights(weights)
    assert litert.metadata(litert.convert(model.encoder)) is None
    import tflite_micro

    assert tflite_micro.runtime.Interpreter.from_bytes(path.read_bytes())


@pytest.fixture(scope="module", params=[0, 3])
def gan(request):
    keras.utils.set_random_seed(0)
    made = models.CGAN if request.param else models.DCGAN
    return made(image_shape=(12, 8, 1), filters=4, latent_dim=5, num_classes=request.param)


@pytest.mark.slow
@pytest.mark.parametrize(("quantization", "tolerance"), [(None, 1e-5), ("int8", 0.05)])
def test_a_gan_exports_its_generator(gan, tmp_path, quantization, tolerance):
    from ai_edge_litert.interpreter import Interpreter

    noise = np.random.default_rng(1).standard_normal((1, 5), dtype=np.float32)
    label = np.array([2], np.int32)
    expected = gan.generator([noise, label] if gan.num_classes else noise, training=False)
    for part in (None, "generator"):
        path = zoo.export(gan, tmp_path / "g.tflite", part=part, quantization=quantization)
        runner = Interpreter(str(path)).get_signature_runner("generate" if part else "serving_default")
        details, (out,) = runner.get_input_details(), runner.get_output_details().values()
        given = {"x": noise}
        if quantization:
            scale, zero = details["x"]["quantization"]
            given["x"] = np.clip(np.rint(noise / scale) + zero, -128, 127).astype(np.int8)
        given |= {"x_1": label} if gan.num_classes else {}
        (image,) = runner(**given).values()
        if quantization:
            image = (image.astype(np.float32) - out["quantization"][1]) * out["quantization"][0]
        np.testing.assert_allclose(image, expected, atol=tolerance)


@pytest.mark.slow
def test_a_gan_in_training_leaves_with_its_average(tmp_path):
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    gan = models.GAN(image_shape=(12, 8, 1), hidden_units=(6,), latent_dim=5, seed=0)
    gan.compile(keras.optimizers.Adam(0.1, use_ema=True, ema_momentum=0.9), keras.optimizers.Adam(0.1))
    gan.fit(IMAGES, batch_size=8, epochs=2, verbose=0)
    noise = np.random.default_rng(1).standard_normal((1, 5), dtype=np.float32)
    last = gan.generator(noise, training=False)
    with gan.averaged():
        average = gan.generator(noise, training=False)
    assert np.abs(average - last).max() > 0.01
    (image,) = Interpreter(str(zoo.export(gan, tmp_path / "g.tflite"))).get_signature_runner()(x=noise).values()
    np.testing.assert_allclose(image, average, atol=1e-4)
    saved = tf.saved_model.load(str(zoo.export(gan, tmp_path / "saved", format="saved_model")))
    np.testing.assert_allclose(saved.signatures["generate"](x=tf.constant(noise))["output_0"], average, atol=1e-4)
    np.testing.assert_array_equal(gan.generator(noise, training=False), last)


def test_a_gan_is_served_with_its_discriminator(gan, tmp_path):
    import tensorflow as tf

    path = zoo.export(gan, tmp_path / "saved", format="saved_model")
    signatures = tf.saved_model.load(str(path)).signatures
    assert set(signatures) == {"serving_default", "generate", "score"}
    labels = {"x_1": tf.constant([0, 1], tf.int32)} if gan.num_classes else {}
    x = IMAGES[:2]
    (scores,) = signatures["score"](x=tf.constant(x), **labels).values()
    expected = gan.discriminator([x, np.array([0, 1])] if gan.num_classes else x, training=False)
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    with pytest.raises(ValueError, match="part must be model, generator, discriminator, as .* has no encoder"):
        zoo.export(gan, tmp_path / "e.tflite", part="encoder")
    with pytest.raises(ValueError, match="needs calibration for .*: give pictures"):
        zoo.export(gan, tmp_path / "d.tflite", part="discriminator", quantization="int8")


def test_calibration_of_another_range_is_refused(tmp_path):
    images = np.random.default_rng(0).random((4, 28, 28, 1), dtype=np.float32)
    for wrong, message in ((255 * images, r"in \[0, 1\]: received values from"), (np.nan * images, "finite")):
        with pytest.raises(ValueError, match=f"calibration must be {message}"):
            zoo.export("dense_ae", tmp_path / "e.tflite", quantization="int8", calibration=wrong)
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("bias", [True, False])
def test_dense_layers_round_as_litert_micro_does(bias, tmp_path):
    from zoo.codec.litert import Network
    from zoo.exporting.micro import MicroNetwork

    keras.utils.set_random_seed(0)
    x = keras.Input((6, 5))
    y = keras.layers.Dense(7, "relu", use_bias=bias)(x)
    y = keras.layers.Dense(9, use_bias=bias)(keras.layers.Flatten()(y))
    model = keras.Model(x, keras.layers.Dense(4, "sigmoid", use_bias=bias)(y))
    examples = np.random.default_rng(0).normal(size=(200, 6, 5)).astype(np.float32)
    plain = tmp_path / "plain.tflite"
    plain.write_bytes(litert.convert(model, quantization="int8", calibration=examples))
    found = litert.operators(plain.read_bytes())
    assert "CONV_2D" in found and "FULLY_CONNECTED" not in found
    network = Network(plain)
    scale, zero = network.input["quantization"]
    rows = np.clip(np.rint(examples / scale) + zero, -128, 127).astype(np.int8)
    (codes,), (scale, zero) = network(rows), network.output["quantization"]
    assert np.abs((codes - float(zero)) * scale - model.predict(examples, verbose=0)).max() < 0.05
    np.testing.assert_array_equal(MicroNetwork(plain.read_bytes())(rows)[0], Network(plain, reference=True)(rows)[0])


@pytest.mark.slow
def test_dense_layers_that_share_weights_or_have_none(tmp_path):
    from zoo.codec.litert import Network

    x, y = keras.Input((8,)), keras.Input((8,))
    dense = keras.layers.Dense(8)
    shared = keras.Model(x, dense(dense(x)))
    product = keras.Model([x, y], keras.ops.matmul(x, keras.ops.transpose(y)))
    rows = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    rows[0, :2] = -3, 3
    for model, inputs in ((shared, (rows,)), (product, (rows, rows[::-1]))):
        path = tmp_path / "m.tflite"
        path.write_bytes(litert.convert(model, quantization="int8", calibration=inputs if len(inputs) > 1 else rows))
        network = Network(path)
        codes = []
        for values, details in zip(inputs, network.inputs, strict=True):
            scale, zero = details["quantization"]
            codes.append(np.clip(np.rint(values[:1] / scale) + zero, -128, 127).astype(np.int8))
        scale, zero = network.output["quantization"]
        found = (network(*codes)[0] - float(zero)) * scale
        expected = model.predict([v[:1] for v in inputs] if len(inputs) > 1 else rows[:1], verbose=0)
        assert np.abs(found - expected).max() < 0.1


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("/srv/own/photos", "photos"),
        ("/srv/own/photos/", "photos"),
        ("--data=/srv/own/my photos", "--data=my photos"),
        ("-o/srv/own/mine", "-omine"),
        ("photos/2020", "photos/2020"),
        ("--learning-rate", "--learning-rate"),
        ("0.1", "0.1"),
        ("/", "/"),
        ("", ""),
    ],
)
def test_a_card_says_nothing_of_where_files_lie(argument, said):
    assert _without_place(argument) == said


def test_a_card_names_data_by_what_is_in_the_working_directory():
    assert [_named(source) for source in ("/srv/own/photos", "fashion_mnist")] == ["./photos", "fashion_mnist"]


def test_the_default_part_is_the_first_that_a_model_has():
    expected = {"dense_ae": "encoder", "text_ae": "encoder", "summarizer": "encoder", "gan": "model", "aae": "encoder"}
    for name, part in {**expected, "classifier": "model"}.items():
        model = small.SMALL[name]()
        model.build()
        assert exporting.default_part(name) == part == next(iter(_parts_of(model))), name


def test_int8_takes_batches(model, tmp_path):
    path = zoo.export(model, tmp_path / "m.tflite", quantization="int8", calibration=IMAGES, batch_size=4)
    assert litert.described(path.read_bytes())["inputs"][0]["shape"][0] == 4


@pytest.mark.parametrize("io", ["float32", "uint8"])
def test_int8_takes_and_gives_other_types(model, tmp_path, io):
    """The network between is that of the int8 file, and its numbers mean the same."""
    integers = zoo.export(model, tmp_path / "int8.tflite", quantization="int8", calibration=IMAGES)
    path = zoo.export(model, tmp_path / "io.tflite", quantization="int8", calibration=IMAGES, io=io)
    found = litert.described(path.read_bytes())
    assert found["inputs"][0]["dtype"] == found["outputs"][0]["dtype"] == io
    np.testing.assert_allclose(run(path, IMAGES[:4]), run(integers, IMAGES[:4]), atol=1e-6)


def test_an_operator_outside_the_builtins_fails_loudly():
    inputs = keras.Input((8,))
    model = keras.Model(inputs, keras.ops.erfinv(inputs), name="special")
    with pytest.raises(ValueError, match="special does not convert to LiteRT builtins"):
        litert.convert(model)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"part": "head"}, "part must be encoder, decoder, generator, discriminator, model"),
        ({"part": "generator"}, "part must be encoder, decoder, model, as .* has no generator"),
        ({"format": "onnx"}, "format must be saved_model, litert, micro"),
        ({"quantization": "int4"}, "quantization must be none, float16, dynamic or int8"),
        ({"quantization": "int8"}, "needs calibration"),
        ({"quantization": "int8", "io": "int16"}, "io must be int8, uint8, float32: received 'int16'"),
        ({"io": "uint8"}, "io='uint8' is of format='litert' with quantization='int8': received None"),
        ({"format": "saved_model", "quantization": "int8"}, "stays float32"),
    ],
)
def test_bad_choices_leave_nothing_behind(model, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        zoo.export(model, tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())


def test_tables_are_the_counts_of_the_training_codes():
    bottleneck = EntropyBottleneck(step=0.5)
    bottleneck.build((None, 2))
    codes = np.random.default_rng(1).normal(0, 20, (5000, 2)).clip(-128, 127).astype(np.int8)
    built = tables.build_tables(bottleneck, 0.1, 3, codes, (12, 8, 1))
    # The symbol of a code is the nearest multiple of the step to what the code stands for.
    assert built["requantize"][128 + 33] == round(30 * 0.1 / 0.5)
    size, minimum = int(built["size"][0]), int(built["minimum"][0])
    symbols = built["requantize"][codes[:, 0].astype(int) + 128] - minimum
    assert symbols.min() <= 1 and symbols.max() >= size - 2  # a symbol more on both sides, where there is one
    first, second = np.split(built["counts"].astype(np.int64), [size])
    assert first.sum() == second.sum() == 2**24 and min(first.min(), second.min()) >= 1
    observed = np.bincount(symbols, minlength=size) / len(codes)
    assert np.abs(first / 2**24 - observed).max() < 0.01  # the prior weighs 32 images of 5,032
    assert "index_counts" not in built


def test_several_tables_are_counted_over_the_images_that_take_them():
    rng = np.random.default_rng(2)
    kind = rng.integers(0, 2, 4000)
    codes = np.where(kind[:, None], rng.normal(30, 3, (4000, 5)), rng.normal(-30, 3, (4000, 5))).astype(np.int8)
    bottleneck = EntropyBottleneck(step=0.5, tables=3)
    bottleneck.build((None, 5))
    means = np.zeros(bottleneck.means.shape, np.float32)
    means[0], means[1], means[2] = -6, 6, 100  # in steps; nothing is near the third
    bottleneck.means.assign(means)
    built = Tables(**tables.build_tables(bottleneck, 0.1, 0, codes, (12, 8, 1)))
    assert np.abs(built.index_counts[:2] / 2**24 - 0.5).max() < 0.02 and built.index_counts[2] < 2**24 / 1000
    symbols = built.symbols(codes)
    np.testing.assert_array_equal(built.choose(symbols), kind)
    single = EntropyBottleneck(step=0.5)
    single.build((None, 5))
    one = Tables(**tables.build_tables(single, 0.1, 0, codes, (12, 8, 1)))
    # The kind is told once, 1 bit, instead of in each of the five numbers.
    assert (one.information(one.symbols(codes)) - built.information(symbols)) / 4000 == pytest.approx(4, abs=0.2)


@pytest.mark.slow
def test_a_decoder_adapts_to_the_int8_encoder(tmp_path):
    """Of an encoder whose codes int8 moves much, the adapted decoder restores better; nothing else changes."""
    from zoo.codec.litert import Network, as_int8
    from zoo.training.adaptation import adapt_decoder

    keras.utils.set_random_seed(0)
    model = models.Compressor(
        image_shape=(12, 8, 1), latent_dim=6, tables=2, filters=8, decoder_filters=8, encoder_blocks=(0, 1)
    )
    model.build()
    model.compile(keras.optimizers.Adam(3e-3))
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:12, :8]
    centres = rng.uniform(2, 8, (2, 600, 1, 1))
    images = np.rint(255 * np.exp(-((x - centres[0]) ** 2 + (y - centres[1]) ** 2) / 6)).astype(np.uint8)[..., None]
    model.fit(images / np.float32(255), epochs=3, verbose=0)
    outliers = images[:64] / np.float32(255)
    outliers[0] *= 40  # gives int8 far too coarse a scale
    encoder = litert.convert(model.encoder, quantization="int8", calibration=outliers)
    path = tmp_path / "encoder.tflite"
    path.write_bytes(encoder)
    network = Network(path)
    scale, zero = network.output["quantization"]

    def error():
        codes = (network(as_int8(images))[0] - float(zero)) * scale
        steps = np.rint(codes / model.step) * model.step
        return np.mean((model.decoder.predict(steps.astype(np.float32), verbose=0) - images / 255) ** 2)

    encoder_weights, before = model.encoder.get_weights(), error()
    adapt_decoder(model, encoder, images, epochs=5, seed=0)
    assert error() < 0.9 * before
    for old, new in zip(encoder_weights, model.encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_an_output_in_odd_parts_of_a_step():
    """Its integers, rounded to whole steps, are those of the code rounded once."""
    from ai_edge_litert.interpreter import Interpreter

    before = artifacts.find("signal_ae.spoken_digit").file("encoder.tflite").read_bytes()
    changed = in_parts_of(before, 0.25)
    networks = []
    for content in (before, changed):
        interpreter = Interpreter(model_content=content)
        interpreter.allocate_tensors()
        networks.append(interpreter)
    scales = [network.get_output_details()[0]["quantization"] for network in networks]
    parts = 0.25 / scales[1][0]
    assert scales[1][1] == 0 and parts == pytest.approx(round(parts)) and round(parts) % 2 == 1
    assert 127 * scales[1][0] >= 1.25 * 128 * scales[0][0] * 0.99
    frame = np.random.default_rng(0).integers(-128, 128, (1, 576, 1)).astype(np.int8)
    found = []
    for network, (scale, zero) in zip(networks, scales, strict=True):
        network.set_tensor(network.get_input_details()[0]["index"], frame)
        network.invoke()
        found.append((network.get_tensor(network.get_output_details()[0]["index"]).astype(int) - zero) * scale)
    scale, zero = scales[0]  # what lies beyond its range, the new one need not cut off
    within = np.clip(found[1], (-128 - zero) * scale, (127 - zero) * scale)
    np.testing.assert_allclose(found[0], within, atol=0.51 * (scale + scales[1][0]))
