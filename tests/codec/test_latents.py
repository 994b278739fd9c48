"""Photographs as latents: exact integers, the order of decoding, strips without seams, qualities and targets."""

import io
import json

import constriction
import keras
import numpy as np
import pytest
import small
from commands import run_here

from zoo import artifacts
from zoo.codec import Codec, CodecError
from zoo.codec.coders.base import Strip
from zoo.codec.coders.latents import LatentTables, _groups
from zoo.codec.integers import EXACT, IntegerDense, activation, interpolated, quantised, shifted
from zoo.codec.latents import Grid, passes
from zoo.codec.logistic import FRACTIONS, PRECISION, Logistics, counts_of
from zoo.codec.rate_control import Reached, choose
from zoo.exporting import litert
from zoo.exporting.latents import write_latents
from zoo.layers.latent_context import logistic_bits

rng = np.random.default_rng(0)
GROUPS = (2, 4, 6)


def picture(height, width, channels=3, seed=0) -> np.ndarray:
    """Something smooth with an edge."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = np.sin(y[..., None] / 9 + draw.random(channels) * 6) + np.cos(x[..., None] / 13 + draw.random(channels) * 6)
    return np.clip(120 + 45 * waves + 40 * (x > width / 2)[..., None], 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    made = small.PHOTOS["photo_compressor"]()
    made.build()
    patches = np.concatenate(
        [picture(64, 64, seed=s).reshape(4, 16, 4, 16, 3).swapaxes(1, 2).reshape(16, 16, 16, 3) for s in range(30)]
    )
    made.adapt(patches / np.float32(255))
    for weight in made.trainable_weights:  # so that nothing is zero by chance
        weight.assign_add(0.02 * np.random.default_rng(1).standard_normal(weight.shape))
    return made


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    """An artefact of it."""
    made = tmp_path_factory.mktemp("latents") / "photo"
    made.mkdir()
    crops = np.stack([picture(*model.image_shape[:2], seed=s) for s in range(8)])
    inputs = crops / np.float32(255)
    inputs[0, 0, 0], inputs[0, -1, -1] = 0, 1
    encoder = litert.convert(model.device_encoder(), name="encode", quantization="int8", calibration=inputs)
    (made / "encoder.tflite").write_bytes(encoder)
    write_latents(model, crops, made)
    artifacts.write_manifest(made, declared={"codec": {"coder": "latents", "medium": "image"}})
    return made


@pytest.fixture(scope="module")
def codec(folder):
    return Codec(folder)


# --- integers ---


def test_integer_layers_round_as_fractions_do():
    kernel, bias = rng.normal(size=(20, 7)), rng.normal(size=7)
    layer = IntegerDense.of(kernel, bias, inputs=0.1, outputs=0.05)
    x = rng.integers(-200, 200, (50, 20))
    exact = [[int(v) for v in row] for row in x.tolist()]
    weights = [[int(w) for w in row] for row in layer.weights.tolist()]
    for row, found in zip(exact, layer(x.astype(np.float32)), strict=True):
        for column in range(7):
            total = sum(a * weights[i][column] for i, a in enumerate(row)) + int(layer.bias[column])
            assert found[column] == (total * int(layer.multiplier[column]) + (1 << 15)) >> 16
    np.testing.assert_allclose(layer(x.astype(np.float32)) * 0.05, 0.1 * x @ kernel + bias, atol=1.0)


def test_a_layer_whose_sums_could_be_inexact_is_refused():
    layer = IntegerDense(np.full((200, 1), 127, np.float32), np.zeros(1, np.int64), np.ones(1, np.int64))
    layer.check(EXACT // (200 * 127) - 1)
    with pytest.raises(ValueError, match="more than 2\\^24"):
        layer.check(EXACT // (200 * 127) + 1)


def test_rounding_and_interpolation():
    assert shifted(np.array([7, 8, -8, -9]), 4).tolist() == [0, 1, 0, -1]  # halves upwards
    table = np.array([[0], [10], [40]])
    assert interpolated(table, 0, 16, 6) == 160 and interpolated(table, 1, 64, 6) == 40 * 64
    assert interpolated(table, 2, 0, 6) == 40 * 64, "the last row needs none after it"
    assert activation(np.array([-3, 100, 900])).tolist() == [0, 100, 255]
    weights, scales = quantised(np.array([[1.0, 0.0], [-0.5, 0.0]]))
    assert weights.tolist() == [[127, 0], [-64, 0]] and scales[1] == 1


# --- distributions ---


@pytest.fixture(scope="module")
def logistics():
    return Logistics(counts_of(np.exp([-3.0, -1.0, 0.5, 2.0, 4.0]), 20))


def test_counts_are_those_of_the_logistic_distribution(logistics):
    from scipy.stats import logistic

    edges = np.arange(-20, 22) - 0.5 - 5 / FRACTIONS
    expected = np.diff(logistic.cdf(edges, scale=np.exp(2.0)))
    np.testing.assert_allclose(logistics.counts[3, 5, :-1] / 2**PRECISION, expected, atol=2e-5)
    assert logistics.counts[3, 5, -1] / 2**PRECISION == pytest.approx(1 - expected.sum(), abs=1e-4)


def test_values_come_back_and_cost_what_is_said(logistics):
    scales = rng.integers(0, 5, 5000)
    means = rng.integers(-900, 900, 5000)
    values = np.round(means / FRACTIONS + np.exp([-3.0, -1.0, 0.5, 2.0, 4.0])[scales] * rng.logistic(size=5000))
    values = values.astype(np.int64)
    assert (np.abs(values - means / 16) > 21).any(), "some are escaped"
    coder = constriction.stream.stack.AnsCoder()
    logistics.encode(coder, values, means, scales)
    words = coder.get_compressed()
    bits = float(logistics.bits(values, means, scales).sum())
    assert bits <= 32 * len(words) <= bits + 64 + 0.001 * bits
    coder = constriction.stream.stack.AnsCoder(words)
    np.testing.assert_array_equal(logistics.decode(coder, means, scales, 10**6), values)
    assert coder.is_empty()
    with pytest.raises(CodecError, match="too large"):
        logistics.decode(constriction.stream.stack.AnsCoder(words), means, scales, 30)


def test_tables_that_are_none_are_refused():
    good = counts_of(np.array([1.0]), 4)
    for bad in (good[:, :5], good.astype(np.int64), good * 2):
        with pytest.raises(ValueError, match="counts"):
            Logistics(bad)


# --- order ---


def test_every_latent_is_decoded_once_after_what_it_is_predicted_from():
    rows, columns = np.arange(19)[:, None], np.arange(13)[None]
    done = np.zeros((19, 13, sum(GROUPS)), int)
    for step in passes(GROUPS):
        here, known = step.positions(rows, columns)
        group = slice(step.start, step.start + step.channels)
        assert (done[..., : step.start] == 1).all(), "all lower groups are there"
        assert (done[known][:, group] == 1).all() and (done[here][:, group] == 0).all()
        done[here, group] += 1
    assert (done == 1).all()


def test_the_order_gives_tensors_what_it_gives_arrays():
    rows, columns = np.arange(9)[:, None], np.arange(7)[None]
    for step in passes(GROUPS):
        for array, tensor in zip(
            step.positions(rows, columns),
            step.positions(keras.ops.convert_to_tensor(rows), keras.ops.convert_to_tensor(columns)),
            strict=True,
        ):
            np.testing.assert_array_equal(array, np.asarray(tensor))


def test_integers_are_near_the_network(model, codec):
    """Means and scales of the integer passes against the layer's, for symbols of a picture."""
    tables, crop = codec.coder.tables, picture(64, 96, seed=3)
    y = np.rint(model.encoder(crop[None] / np.float32(255)) / np.exp(model.log_steps.kernel.numpy()[3]))
    means, log_scales = (np.asarray(t)[0] for t in model.context(y, model.mixture(np.array([4.0], np.float32))))
    grid = Grid(tables.passes, y.shape[1:], 4 * 64)
    total = 0.0

    def values(found, at, mean, scale):
        nonlocal total
        group = slice(found.step.start, found.step.start + found.step.channels)
        own = y[0][at[0], at[1], group].astype(np.int64)
        total += tables.logistics.bits(own, mean, scale).sum()
        np.testing.assert_allclose(mean / FRACTIONS, means[at[0], at[1], group], atol=0.3)
        return own

    grid.run(values)
    expected = float(np.sum(logistic_bits(y[0], means, log_scales)))
    assert total == pytest.approx(expected, rel=0.02)


# --- the codec ---


@pytest.mark.parametrize(
    "shape", [(1, 1, 3), (1, 70, 3), (50, 1, 3), (33, 47, 3), (40, 64), (40, 64, 1), (20, 30, 4), (2, 17, 16, 3)]
)
def test_any_size_and_any_channels(codec, shape):
    array = (
        rng.integers(0, 256, shape, np.uint8)
        if len(shape) == 4
        else picture(*shape[:2], shape[2] if len(shape) == 3 else 1).reshape(shape)
    )
    restored = codec.decompress(codec.compress(array, quality=8))
    assert restored.shape == array.shape and restored.dtype == np.uint8
    if min(shape[:2]) > 16:
        assert np.abs(restored.astype(int) - array).mean() < 25


def test_higher_qualities_cost_more_and_give_more(codec):
    array = picture(96, 128)
    sizes, errors = [], []
    for quality in (1, 2.5, 4, 8):
        data = codec.compress(array, quality=quality)
        sizes.append(len(data))
        errors.append(np.square(codec.decompress(data).astype(float) - array).mean())
    assert sizes == sorted(sizes) and errors == sorted(errors, reverse=True)
    assert codec.compress(array) == codec.compress(array, quality=codec.qualities[1])
    with pytest.raises(ValueError, match="quality must be from 1.0 to 8.0: received 9"):
        codec.compress(array, quality=9)


def test_strips_and_tiles_show_no_seam(folder, monkeypatch):
    """In small strips and tiles, a picture is what it is in one, but for contexts, which begin anew in each strip."""
    import zoo.codec.coders.latents as coders

    array = picture(160, 208, seed=5)
    whole = Codec(folder).coder.at(5.0)
    latents = whole.latents(array)
    monkeypatch.setattr(coders, "TILE_COLUMNS", 4)
    np.testing.assert_allclose(whole.latents(array), latents, atol=1e-4)
    halo = whole.halo
    for top in range(0, 160, 48):
        below = min(halo, 160 - min(160, top + 48))
        part = array[max(0, top - halo) : top + 48 + halo]
        found = whole.latents(part, min(top, halo), below)
        np.testing.assert_allclose(found, latents[top // 16 : top // 16 + 3], atol=1e-4)
    symbols = np.rint(latents).astype(np.int16)
    monkeypatch.setattr(coders, "TILE_COLUMNS", 64)
    expected = whole.render(None, [symbols], None, (160, 208, 3), 8)
    monkeypatch.setattr(coders, "TILE_COLUMNS", 4)
    for top in range(0, 10, 5):
        before = [symbols[:top]] if top else None
        after = [symbols[top + 5 :]] if top < 5 else None
        found = whole.render(before, [symbols[top : top + 5]], after, (80, 208, 3), 8)
        assert np.abs(found.astype(int) - expected[16 * top : 16 * top + 80]).max() <= 1


def test_bytes_do_not_depend_on_threads(folder):
    import zoo.codec.coders.latents as coders

    array = picture(3 * coders.ROWS // 2, 24)
    data = Codec(folder).compress(array)
    assert Codec(folder, num_threads=2).compress(array) == data
    np.testing.assert_array_equal(Codec(folder, num_threads=2).decompress(data), Codec(folder).decompress(data))


def test_words_are_near_the_estimate(codec):
    coder, strip = codec.coder.at(6.0), Strip(picture(128, 160))
    words, bits = coder.pack(strip), coder.information(strip)
    assert bits <= 32 * len(words) <= 1.001 * bits + 64


def test_damaged_words_are_refused_or_give_a_picture(codec):
    coder = codec.coder.at(4.0)
    words = coder.pack(Strip(picture(48, 64)))
    for i in range(60):
        draw = np.random.default_rng(i)
        bad = words[: draw.integers(0, len(words))] if i % 3 == 0 else words.copy()
        if i % 3:
            bad[draw.integers(len(bad))] ^= np.uint32(1 << draw.integers(32))
        try:
            symbols = coder.unpack(bad, 1, np.array([48, 64, 3]))
        except CodecError as error:
            assert len(str(error).splitlines()) == 1
        else:
            assert coder.render(None, symbols, None, (48, 64, 3), 8).shape == (48, 64, 3)


def test_damaged_tables_are_refused(folder, tmp_path):
    with np.load(folder / "latents.npz") as file:
        arrays = {name: file[name] for name in file.files}
    LatentTables.read(folder / "latents.npz")
    for name, value in (
        ("groups", arrays["groups"][:2]),
        ("counts", arrays["counts"] + 1),
        ("kernel", arrays["kernel"][1:]),
    ):
        np.savez(tmp_path / "bad.npz", **{**arrays, name: value})
        with pytest.raises(ValueError, match="bad.npz is damaged"):
            LatentTables.read(tmp_path / "bad.npz")
    (tmp_path / "bad.npz").write_bytes(b"no")
    with pytest.raises(ValueError, match="is damaged"):
        LatentTables.read(tmp_path / "bad.npz")


def test_channels_are_coded_together_where_they_are_colours():
    assert [len(range(*g.indices(4))) for g in _groups(4)] == [3, 1]
    assert [len(range(*g.indices(2))) for g in _groups(2)] == [1, 1] and len(_groups(1)) == 1


# --- targets ---


def measure(quality):
    return Reached(quality, round(900 * 1.35**quality), 900 * 1.35**quality / 5e4, 24 + 1.3 * quality)


@pytest.mark.parametrize("target", [1300, 2000, 5555, 9000])
def test_the_highest_quality_within_so_many_bytes(target):
    tried = []
    found = choose(lambda q: tried.append(q) or measure(q), (1.0, 4.0, 8.0), max_bytes=target)
    assert found.bytes <= target and (found.bytes > 0.99 * target or found.quality == 8)
    assert len(tried) <= 6


def test_the_lowest_quality_of_so_many_decibels():
    found = choose(measure, (1.0, 4.0, 8.0), psnr=30.0)
    assert 30 <= found.psnr < 30.05
    assert choose(measure, (1.0, 4.0, 8.0), psnr=1.0).quality == 1


def test_targets_that_cannot_be_reached_say_what_can():
    with pytest.raises(ValueError, match="max_bytes 100 cannot be reached: the lowest quality, 1, takes 1,215 bytes"):
        choose(measure, (1.0, 4.0, 8.0), max_bytes=100)
    with pytest.raises(ValueError, match=r"psnr 50 cannot be reached: the highest quality, 8, gives 34.40 dB"):
        choose(measure, (1.0, 4.0, 8.0), psnr=50)
    for bad in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="bits_per_pixel must be a number above 0"):
            choose(measure, (1.0, 4.0, 8.0), bits_per_pixel=bad)
    with pytest.raises(ValueError, match="Give one target"):
        choose(measure, (1.0, 4.0, 8.0))


def test_targets_of_arrays_and_of_files(codec, tmp_path):
    from PIL import Image

    array = picture(96, 128)
    sizes = [len(codec.compress(array, quality=q)) for q in (1, 8)]
    target = sum(sizes) // 2
    found = codec.quality_for(array, max_bytes=target)
    assert len(codec.compress(array, quality=found.quality)) == found.bytes <= target
    Image.fromarray(array).save(tmp_path / "a.png")
    of_file = codec.quality_for([tmp_path / "a.png"], psnr=20.0)
    codec.compress_file(tmp_path / "a.png", tmp_path / "a.zoo", quality=of_file.quality)
    assert codec.quality(tmp_path / "a.png", tmp_path / "a.zoo")["psnr"] == pytest.approx(of_file.psnr)


def test_commands_with_a_quality_and_with_targets(folder, tmp_path, monkeypatch, capsys):
    from PIL import Image

    Image.fromarray(picture(64, 80)).save(tmp_path / "a.png")

    def run(*arguments):
        return run_here(monkeypatch, capsys, "compress", tmp_path / "a.png", *arguments)

    common = ("--model", folder, "-o", tmp_path / "a.zoo", "--json")
    code, out, _ = run(*common, "--quality", 6.5)
    assert code == 0 and json.loads(out)["quality"] == 6.5
    code, out, _ = run(*common, "--max-bytes", json.loads(out)["bytes"] - 1)
    assert code == 0 and json.loads(out)["quality"] < 6.5
    code, out, _ = run(*common, "--psnr", 20)
    assert code == 0 and json.loads(out)["psnr"] >= 20
    code, _, error = run(*common, "--psnr", 99)
    assert code == 2 and "cannot be reached" in error and len(error.strip().splitlines()) == 1
    code, _, error = run(*common, "--psnr", 30, "--quality", 2)
    assert code == 2 and "received both" in error
    code, _, error = run("--model", "compressor", "-o", tmp_path / "b.zoo", "--quality", 2)
    assert code == 2 and "has but one" in error and not (tmp_path / "b.zoo").exists()


def test_the_container_says_its_quality(codec):
    from zoo.codec.format.container import Reader

    data = codec.compress(picture(20, 20), quality=2.25)
    assert Reader(io.BytesIO(data), "x").header.quality == round(2.25 * 64)
