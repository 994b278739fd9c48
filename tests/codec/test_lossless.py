"""Bits-back coding: exact, as cheap as the bound, and refused where the networks differ."""

import dataclasses
import io
import json
import tracemalloc
import types

import codec_fuzz
import keras
import numpy as np
import pytest
from commands import run_here
from PIL import Image

import zoo
from zoo import artifacts, modalities, models, packaging, training
from zoo.codec import Codec, CodecError
from zoo.codec.coders import lossless
from zoo.codec.format.container import MODEL, RAW, WEBP, Reader, Writer
from zoo.codec.format.header import Header, Probe, Section
from zoo.codec.litert import Network
from zoo.codec.tiles import split
from zoo.exporting.lossless import write_lossless
from zoo.models.autoencoders.hierarchical_vae import _planes
from zoo.plots.pictures import mosaic

pytestmark = pytest.mark.slow  # its model is trained first

SHAPE = (12, 8, 1)
COLOUR = (12, 8, 3)


def images(n: int, seed: int, shape=SHAPE) -> np.ndarray:
    """Slopes with a little noise, uint8 ``(n, *shape)``; the colours of a pixel follow each other closely."""
    rng = np.random.default_rng(seed)
    start, rise = rng.uniform(40, 160, (n, 1, 1, 1)), rng.uniform(0, 8, (n, 1, 1, 1))
    smooth = start + rise * np.arange(12)[:, None, None] + rng.normal(0, 3, (n, *SHAPE))
    if shape[2] > 1:
        smooth = smooth + rng.uniform(-20, 20, (n, 1, 1, 3)) + rng.normal(0, 0.5, (n, *shape))
    return np.clip(np.rint(smooth), 0, 255).astype(np.uint8)


def train(shape, count: int, epochs: int):
    keras.utils.set_random_seed(0)
    model = models.HierarchicalVAE(image_shape=shape, filters=8, top_dim=4, latent_channels=1, warmup_steps=50, seed=0)
    model.build()
    x = images(count, 0, shape) / np.float32(255)
    model.adapt(x[:500])
    model.compile(keras.optimizers.Adam(5e-3))
    if epochs:
        model.fit(x, batch_size=64, epochs=epochs, verbose=0)
    return model


def written(model, folder):
    folder.mkdir()
    write_lossless(model, images(128, 1, model.image_shape), folder)
    artifacts.write_manifest(folder)
    return folder


@pytest.fixture(scope="module")
def trained():
    return train(SHAPE, 2048, 6)


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory):
    return written(trained, tmp_path_factory.mktemp("models") / "slopes")


@pytest.fixture(scope="module")
def in_colour():
    return train(COLOUR, 500, 0)  # by least squares alone


@pytest.fixture(scope="module")
def colours(in_colour, tmp_path_factory):
    """The codec of a model of colour tiles."""
    return Codec(written(in_colour, tmp_path_factory.mktemp("models") / "colours"))


@pytest.fixture(scope="module")
def codec(folder):
    return Codec(folder)


def test_every_pixel_comes_back(codec):
    noise = np.random.default_rng(2).integers(0, 256, (60, *SHAPE), np.uint8)
    extremes = np.stack([np.zeros(SHAPE, np.uint8), np.full(SHAPE, 255, np.uint8)])
    for array in (images(60, 3), images(1, 4), noise, extremes, noise[:, :5, :7], np.zeros((30, 40, 3), np.uint8)):
        data = codec.compress(array)
        assert data[8] == 2  # a container that a reader of version 1 refuses
        np.testing.assert_array_equal(codec.decompress(data), array)
        assert codec.compress(array) == data


def test_the_bits_are_those_of_the_bound(codec, trained):
    array = images(2000, 5)
    bound = trained.evaluate(array / np.float32(255), verbose=0)
    found = 32 * len(codec.coder.pack(array)) / array.size
    assert found == pytest.approx(bound, rel=0.04)  # int8 networks, and the first words
    assert found < 0.75 * 8
    assert 8 * len(codec.compress(array)) / array.size < found + 0.01  # or what another coding takes, if fewer


def test_a_chunk_ends_with_the_words_it_began_with(codec):
    coder, array = codec.coder, images(50, 6)
    words = coder.pack(array)
    np.testing.assert_array_equal(coder.unpack(words, 50), array)
    damaged = words.copy()
    damaged[len(words) // 2] ^= 1
    with pytest.raises(CodecError, match="its words (do not end with the pixels of 50 tiles|end too early)"):
        coder.unpack(damaged, 50)
    with pytest.raises(CodecError, match="its words do not end with the pixels of 49 tiles"):
        coder.unpack(words, 49)
    with pytest.raises(CodecError, match="its last word is zero"):
        coder.unpack(np.append(words, 0).astype(np.uint32), 50)


def test_frequencies_are_positive_and_sum_up():
    rng = np.random.default_rng(7)
    table = np.rint((1 << 24) / (1 + np.exp(-np.arange(-16, 16 + 1 / 512, 1 / 256)))).astype(np.int32)
    table[0], table[-1] = 0, 1 << 24
    masses = lossless._masses(table, rng.integers(-5000, 20_000, 500), rng.integers(1, 100_000, 500))
    assert (masses.sum(axis=1) == 1 << 24).all() and masses.min() >= 0
    counts = lossless._frequencies(masses)
    assert (counts.sum(axis=1) == 1 << 24).all() and counts.min() >= 1
    assert np.abs(counts - masses).max() <= 2**8 + 1


def test_batches_grow_as_there_is_more_to_draw_from():
    assert list(lossless._batches(10)) == [(0, 1), (1, 2), (2, 4), (4, 8), (8, 10)]
    sizes = [stop - start for start, stop in lossless._batches(1000)]
    assert sum(sizes) == 1000 and max(sizes) == 128


def test_networks_that_give_other_numbers_are_refused(codec, folder, tmp_path, monkeypatch):
    data = codec.compress(images(3, 8))
    other = Codec(folder)
    monkeypatch.setitem(vars(other.coder), "probe", Probe("LiteRT 9 on abacus", bytes(8)))
    # The kernel family that the file needs: version, delegate, processor and its vector instructions.
    family = r"LiteRT [\d.]+ with (XNNPACK|plain kernels) on \w+ \(\w[\w ]*\)"
    with pytest.raises(CodecError, match=f"was written by {family}, .* other numbers than LiteRT 9 on abacus here"):
        other.decompress(data)
    lossy = other.compress(images(1, 8))
    with pytest.raises(CodecError, match="was written by LiteRT 9 on abacus"):
        codec.decompress(lossy)


def test_appending_threads_and_single_pictures(codec, folder, tmp_path):
    first, second = images(4200, 9), images(2, 10)
    np.save(tmp_path / "a.npy", first)
    np.save(tmp_path / "b.npy", second)
    codec.compress_file(tmp_path / "a.npy", tmp_path / "x.zoo")
    codec.compress_file(tmp_path / "b.npy", tmp_path / "x.zoo", append=True)
    np.testing.assert_array_equal(
        Codec(folder, num_threads=2).decompress((tmp_path / "x.zoo").read_bytes()), np.concatenate([first, second])
    )
    np.testing.assert_array_equal(codec.picture(tmp_path / "x.zoo", 4201), second[1])


def test_what_only_a_lossy_model_has(codec):
    for call in (
        lambda: codec.encode(images(1, 0)),
        lambda: codec.tables,
        lambda: codec.compress(images(1, 0), compact=True),
    ):
        with pytest.raises(ValueError, match="is of a model with a quantised code: slopes is lossless"):
            call()


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        ({"normal": np.zeros(8193, np.int32)}, "normal must rise from 0 to 16777216"),
        ({"top_prior": np.zeros(256, np.int32)}, "top_prior must be at least 1"),
        ({"tile": np.zeros(2, np.int32)}, r"tile must be int32 \(3,\)"),
        ({"seed_words": np.int64(3)}, "seed_words must be int32"),
    ],
)
def test_tables_that_contradict_themselves(folder, tmp_path, replace, message):
    with np.load(folder / "lossless.npz") as file:
        np.savez(tmp_path / "lossless.npz", **{**file, **replace})
    with pytest.raises(ValueError, match=f"holds no lossless tables: {message}"):
        lossless.LosslessTables.read(tmp_path / "lossless.npz")


# Colour: tiles of three channels


def test_every_pixel_of_colour_pictures_comes_back(colours):
    noise = np.random.default_rng(2).integers(0, 256, (20, *COLOUR), np.uint8)
    extremes = np.stack([np.zeros(COLOUR, np.uint8), np.full(COLOUR, 255, np.uint8)])
    large = images(1, 4, COLOUR)[0].repeat(3, axis=0).repeat(4, axis=1)[:31, :30]
    assert colours.tile == (12, 8) and colours.channels == 3
    for array in (images(60, 3, COLOUR), images(1, 4, COLOUR)[0], noise, extremes, noise[:, :5, :7], large):
        data = colours.compress(array)
        np.testing.assert_array_equal(colours.decompress(data), array)
        assert colours.compress(array) == data and len(data) < array.size + 200
        header = Reader(io.BytesIO(data), "x").header
        places = -(-array.shape[-3] // 12) * -(-array.shape[-2] // 8)
        assert header.version == 3 and header.tile == COLOUR
        assert header.tiles == places * (len(array) if array.ndim == 4 else 1)
        words = colours.coder.pack(tiles := split(array.reshape(-1, *array.shape[-3:]), COLOUR))
        np.testing.assert_array_equal(colours.coder.unpack(words, len(tiles)), tiles)


def test_the_bits_of_colour_are_those_of_the_bound(colours, in_colour):
    array = images(500, 5, COLOUR)
    bound = in_colour.evaluate(array / np.float32(255), verbose=0)
    found = 32 * len(colours.coder.pack(array)) / array.size
    assert found == pytest.approx(bound, rel=0.06)  # int8 networks, and the first words
    assert found < 0.7 * 8
    (figures,) = [modalities.get("image").measure_codec(colours, types.SimpleNamespace(test=array), "test")]
    assert figures["codec_bits_per_dimension"] == pytest.approx(figures["codec_bits_per_pixel"] / 3)
    assert figures["codec_bits_per_dimension"] == 8 * figures["codec_bytes"] / array.size < found + 0.02


def test_the_linear_prediction_is_that_of_the_model(colours, in_colour):
    """In integers, to a 64th of a level and what the weights are rounded by."""
    array = images(7, 8, COLOUR)
    floats = in_colour.prediction(array / np.float32(255))
    for index in range(1, 12):
        exact = 255 * np.asarray(floats[index - 1]).reshape(-1, 1)
        assert np.abs(colours.coder._predicted(index, array) / 64 - exact).max() < 0.1
    planes = _planes(array / np.float32(255))
    error = [255 * np.std(planes[k] - np.asarray(floats[k - 1])) for k in range(1, 12)]
    assert max(error[6:]) < 6 < min(error[:2])  # of the later quarters about the noise


def test_chunks_that_a_model_of_colour_does_not_suit(colours):
    noise = np.random.default_rng(3).integers(0, 256, (30, *COLOUR), np.uint8)
    ramp = np.add.outer(np.arange(50), np.arange(60))[..., None] * np.array([1, 2, 3])
    for array, coding in (
        (noise, RAW),
        (noise[:, :5, :7], RAW),
        (ramp.astype(np.uint8), WEBP),
    ):
        data = colours.compress(array)
        (chunk,) = Reader(io.BytesIO(data), "x").chunks(lambda *_: (1 << 20, 1 << 20))
        assert chunk.coding == coding
        np.testing.assert_array_equal(colours.decompress(data), array)


def test_pictures_that_have_not_three_channels_of_8_bits_are_refused(colours, tmp_path):
    for array, message in (
        (images(2, 0), "array is grey: this model takes pictures of 3 channels, red, green and blue. Give"),
        (np.zeros((9, 9, 4), np.uint8), "is in colour with transparency: .* such as pixel_predictor, or convert it"),
        (np.zeros((9, 9, 3), np.uint16), "must be uint8, or float .* received uint16"),
    ):
        with pytest.raises(ValueError, match=message):
            colours.compress(array)
    Image.fromarray(images(1, 0, COLOUR)[0]).save(tmp_path / "a.png")
    Image.fromarray(images(1, 0)[0, ..., 0]).save(tmp_path / "b.png")
    failed = []
    colours.compress_file([tmp_path / "b.png", tmp_path / "a.png"], tmp_path / "x.zoo", failed=failed)
    assert len(failed) == 1 and failed[0].startswith("b is grey: this model takes")
    np.testing.assert_array_equal(colours.picture(tmp_path / "x.zoo", 0), images(1, 0, COLOUR)[0])
    with pytest.raises(ValueError, match="b is grey: this model takes"):
        colours.compress_file([tmp_path / "b.png"], tmp_path / "y.zoo")
    assert not (tmp_path / "y.zoo").exists()


def test_colour_files_append_and_give_single_pictures(colours, tmp_path):
    first, second = images(3, 9, COLOUR), images(2, 10, COLOUR)
    np.save(tmp_path / "a.npy", first)
    np.save(tmp_path / "b.npy", second)
    colours.compress_file(tmp_path / "a.npy", tmp_path / "x.zoo")
    colours.compress_file(tmp_path / "b.npy", tmp_path / "x.zoo", append=True)
    np.testing.assert_array_equal(
        colours.decompress((tmp_path / "x.zoo").read_bytes()), np.concatenate([first, second])
    )
    np.testing.assert_array_equal(colours.picture(tmp_path / "x.zoo", 4), second[1])


def test_a_file_of_other_tiles_is_refused(colours, codec):
    """Grey tiles of the same size, and a header that says that they hold all channels."""
    header = dataclasses.replace(colours._stream.header([Section(2, 12, 8, 3)], 4), tile=(12, 8))
    with pytest.raises(CodecError, match=r"has tiles \(12, 8\): its model's are \(12, 8, 3\)"):
        colours.decompress(of_header(header))
    header = dataclasses.replace(codec._stream.header([Section(2, 12, 8, 3)], 4), tile=COLOUR)
    with pytest.raises(CodecError, match=r"has tiles \(12, 8, 3\): its model's are \(12, 8\)"):
        codec.decompress(of_header(header))
    header = colours._stream.header([Section(2, 12, 8, 1)], 4)
    with pytest.raises(CodecError, match="pictures have 1 channels, and tiles all 3 of them"):
        colours.decompress(of_header(header))
    header = dataclasses.replace(header, tile=(12, 0, 3))
    with pytest.raises(CodecError, match="strips have no tiles of all channels"):
        colours.decompress(of_header(header))


def of_header(header: Header) -> bytes:
    file = io.BytesIO()
    writer = Writer(file, header)
    writer.chunk(np.ones(30, np.uint32), MODEL)
    return file.getvalue()


def test_a_forged_header_of_colour_does_not_run_the_networks(colours, monkeypatch):
    assert colours.coder.probe
    monkeypatch.setattr(Network, "__call__", lambda *_: pytest.fail("a network ran"))
    for count, message in ((60, "words are too few for 60 tiles"), (5000, "are the most")):
        header = colours._stream.header([Section(count, 12, 8, 3)], 4)
        words = np.ones(30 if count == 60 else 40_000, np.uint32)
        file = io.BytesIO()
        Writer(file, dataclasses.replace(header, tiles_per_chunk=5000)).chunk(words, MODEL)
        with pytest.raises(CodecError, match=message):
            colours.decompress(file.getvalue())


@pytest.mark.parametrize("repaired", [False, True])
def test_damaged_files_of_colour(colours, repaired):
    fresh = Codec(colours._artifact)  # whose chunks become short
    files = codec_fuzz.sound_files(fresh, images(50, 3, COLOUR))
    tracemalloc.start()
    fuzz, rng = codec_fuzz.Fuzz(fresh, files, repaired=repaired), np.random.default_rng(3)
    for _ in range(6):
        for kind in fuzz.files:
            fuzz.check(kind, fuzz.damaged(kind, rng))
    tracemalloc.stop()
    assert not [failure for failure in fuzz.failures if failure["seconds"] < codec_fuzz.SECONDS]
    assert fuzz.slowest < 5 * codec_fuzz.SECONDS


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        ({"tile": np.array([12, 8, 2], np.int32)}, "tile must have even sides and 1 or 3 channels"),
        ({"tile": np.array([12, 8, 1], np.int32)}, r"pixel_position must be int32 \(4, 256\)"),
        ({"tile": np.array([12, 7, 3], np.int32)}, "tile must have even sides and 1 or 3 channels"),
        ({"linear": np.zeros((12, 3, 3, 4), np.int32)}, r"linear must be int32 \(12, 3, 3, 12\)"),
    ],
)
def test_tables_of_colour_that_contradict_themselves(colours, tmp_path, replace, message):
    with np.load(colours._artifact.file("lossless.npz")) as file:
        np.savez(tmp_path / "lossless.npz", **{**file, **replace})
    with pytest.raises(ValueError, match=f"holds no lossless tables: {message}"):
        lossless.LosslessTables.read(tmp_path / "lossless.npz")


def test_prediction_does_not_overflow(colours, monkeypatch):
    """Tables of the largest integers there are: nonsense, but frequencies all the same."""
    largest = np.full((12, 3, 3, 12), np.iinfo(np.int32).max, np.int32)
    tables = dataclasses.replace(colours.coder._tables, linear=largest, linear_bias=largest[:, 0, 0, 0])
    monkeypatch.setattr(colours.coder, "_tables", tables)
    array = np.full((2, *COLOUR), 255, np.uint8)
    words = colours.coder.pack(array)
    np.testing.assert_array_equal(colours.coder.unpack(words, 2), array)


def test_a_model_of_colour_from_training_to_restored_files(tmp_path, monkeypatch, capsys):
    (pictures := tmp_path / "pictures").mkdir()
    for index, picture in enumerate(images(40, 0, COLOUR)):
        Image.fromarray(picture).save(pictures / f"{index}.png")
    small = {"filters": 8, "top_dim": 4, "latent_channels": 1}
    options = {
        "size": (12, 8),
        "colour": True,
        "output": tmp_path / "mine",
        "overrides": small,
        "epochs": 2,
        "jit_compile": False,
    }
    trained = training.train("hierarchical_vae", data_source=str(pictures), **options)
    card = packaging.write_artifact(trained, tmp_path / "mine")
    metrics = card["metrics"]
    assert metrics["codec_bits_per_dimension"] == pytest.approx(metrics["codec_bits_per_pixel"] / 3)
    assert metrics["negative_elbo_bits_per_dimension"] > 1  # of a model that has hardly begun

    model, golden = zoo.load(tmp_path / "mine"), np.load(tmp_path / "mine" / "golden.npz")
    np.testing.assert_allclose(model.predict(golden["images"] / np.float32(255)), golden["reconstruction"], atol=1e-5)

    def run(*arguments):
        status, printed, error = run_here(monkeypatch, capsys, *arguments)
        assert status == 0, error
        return printed

    of_mine = ("--model", tmp_path / "mine")
    source, packed, restored = pictures / "3.png", tmp_path / "x.zoo", tmp_path / "y.png"
    result = json.loads(run("compress", source, "-o", packed, "--lossless", "--verify", "--json", *of_mine))
    assert result["exact"]
    run("decompress", packed, "-o", restored, *of_mine)
    np.testing.assert_array_equal(np.asarray(Image.open(restored)), np.asarray(Image.open(source)))
    Image.fromarray(images(1, 0)[0, ..., 0]).save(tmp_path / "grey.png")
    status, _, error = run_here(monkeypatch, capsys, "compress", tmp_path / "grey.png", "-o", packed, *of_mine)
    assert status == 2 and error.count("\n") == 1 and "grey is grey: this model takes" in error

    run("export", tmp_path / "mine", "-o", tmp_path / "encoder.tflite", "--part", "encoder", "--quantization", "int8")
    monkeypatch.chdir(tmp_path)  # where the pictures lie that the card names
    found = zoo.certify(tmp_path / "mine", tmp_path / "certificate", images=4)
    assert (
        found["agreement"]["saved_model"] < 1e-3 and "passed" in (tmp_path / "certificate/certificate.md").read_text()
    )

    run("benchmark", "codec", tmp_path / "mine", "--data", pictures, "-o", tmp_path / "benchmark")
    result = json.loads((tmp_path / "benchmark" / "codec-pictures.json").read_text())
    assert result["channels"] == 3 and not result["points"]
    assert set(result["lossless"]) == {"mine", "PNG", "WebP lossless", "JPEG XL lossless", "lzma"}
    held_out = trained.data.test
    file = io.BytesIO()
    Image.fromarray(mosaic(held_out)).save(file, "PNG", optimize=True)
    assert result["lossless"]["PNG"]["mosaic"] == pytest.approx(8 * len(file.getvalue()) / held_out.size)
    assert result["lossless"]["mine"]["mosaic"] == pytest.approx(metrics["codec_bits_per_dimension"], rel=1e-12)
