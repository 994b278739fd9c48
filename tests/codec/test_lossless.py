"""Bits-back coding: exact, as cheap as the bound, and refused where the networks differ."""

import keras
import numpy as np
import pytest

from zoo import artifacts, models
from zoo.codec import Codec, CodecError
from zoo.codec.coders import lossless
from zoo.codec.format.header import Probe
from zoo.exporting.lossless import write_lossless

pytestmark = pytest.mark.slow  # its model is trained first

SHAPE = (12, 8, 1)


def images(n: int, seed: int) -> np.ndarray:
    """Slopes with a little noise, uint8 ``(n, 12, 8, 1)``."""
    rng = np.random.default_rng(seed)
    start, rise = rng.uniform(40, 160, (n, 1, 1, 1)), rng.uniform(0, 8, (n, 1, 1, 1))
    smooth = start + rise * np.arange(12)[:, None, None] + rng.normal(0, 3, (n, *SHAPE))
    return np.clip(np.rint(smooth), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(0)
    model = models.HierarchicalVAE(image_shape=SHAPE, filters=8, top_dim=4, latent_channels=1, warmup_steps=50, seed=0)
    model.build()
    model.compile(keras.optimizers.Adam(5e-3))
    model.fit(images(2048, 0) / np.float32(255), batch_size=64, epochs=6, verbose=0)
    return model


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "slopes"
    folder.mkdir()
    write_lossless(trained, images(128, 1), folder)
    artifacts.write_manifest(folder)
    return folder


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
