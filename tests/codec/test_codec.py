"""``Codec`` end to end: against NumPy, against FORMAT.md, and with what a user can get wrong."""

import concurrent.futures
import dataclasses
import io
import multiprocessing
import os
import pickle
import tracemalloc
from pathlib import Path

import joblib
import numpy as np
import pytest
from block_means import CONSTANT, LEVELS, blobs, block_means, write_tables
from reference import ans_decode, parse

from zoo import artifacts
from zoo.codec import Codec, CodecError, models, tiles
from zoo.codec.comparison import beside_jpeg
from zoo.codec.format.container import Writer, read_header
from zoo.codec.format.header import Section
from zoo.io import writing


def restored_by_numpy(symbols: np.ndarray) -> np.ndarray:
    """The decoder in closed form: symbol / 32 + 1 / 2, clipped, each for 4 × 4 pixels."""
    means = np.clip(symbols / (LEVELS - 1) + 0.5, 0, 1).reshape(-1, 7, 7, 1)
    return np.rint(255 * means.repeat(4, 1).repeat(4, 2)).astype(np.uint8)


def test_symbols_and_images_equal_numpy(codec):
    images = blobs(300, seed=1)
    symbols = codec.encode(images)
    assert symbols.dtype == np.int16 and symbols.shape == (300, 49)
    expected = (block_means(images) / 255 - 0.5) * (LEVELS - 1)
    expected[:, CONSTANT] = 3
    assert np.abs(symbols - expected).max() <= 0.5 + 0.5 * (LEVELS - 1) / 255  # two roundings
    np.testing.assert_array_equal(codec.decode(symbols), restored_by_numpy(symbols))
    np.testing.assert_array_equal(codec.encode(images.astype(np.float32) / 255), symbols)


def test_a_result_does_not_depend_on_its_batch(codec):
    images = blobs(29, seed=2)  # a multiple of neither network's batch
    symbols = codec.encode(images)
    np.testing.assert_array_equal(np.concatenate([codec.encode(i[None]) for i in images]), symbols)
    restored = codec.decode(symbols)
    np.testing.assert_array_equal(np.concatenate([codec.decode(s[None]) for s in symbols]), restored)


def test_the_bytes_are_those_that_format_md_describes(codec):
    images = blobs(1500, seed=3)
    data = codec.compress(images)
    parsed = parse(data)
    assert parsed["sections"] == [(1500, 28, 28, 1)] and parsed["names"] == []
    assert [count for count, _ in parsed["chunks"]] == [1024, 476]
    tables = [counts.tolist() for counts in codec.tables.counts[0]]
    rows = [np.array(ans_decode(words, tables, count)) for count, words in parsed["chunks"][1:]]
    symbols = np.concatenate(rows, 1).T + codec.tables.minimum
    np.testing.assert_array_equal(symbols, codec.encode(images[1024:]))


def test_the_file_costs_the_entropy_and_next_to_nothing_more(codec):
    images = blobs(10_000, seed=4)
    data = codec.compress(images)
    assert 8 * len(data) == pytest.approx(codec.tables.information(codec.encode(images)), rel=0.01)
    payload = sum(4 * len(words) for _, words in parse(data)["chunks"])
    assert len(data) - payload < 0.003 * payload


@pytest.mark.parametrize(
    "shape",
    [
        (28, 28),
        (1, 1),
        (61, 45),
        (28, 29, 1),
        (30, 57, 3),
        (1, 28, 28, 1),
        (5, 13, 90, 3),
        (2100, 28, 28, 1),
        (3, 300, 500, 1),
    ],
)
def test_arrays_come_back_in_their_shape(codec, shape):
    rng = np.random.default_rng(len(shape))
    array = rng.integers(0, 256, shape, np.uint8)
    data = codec.compress(array)
    restored = codec.decompress(data)
    assert restored.shape == shape and restored.dtype == np.uint8
    # Tile by tile, by hand: pad, take block means, restore, crop.
    full = array.reshape({2: (1, *shape, 1), 3: (1, *shape), 4: shape}[len(shape)])
    height, width = full.shape[1:3]
    padded = np.pad(full, ((0, 0), (0, -height % 28), (0, -width % 28), (0, 0)), mode="edge")
    expected = np.empty_like(padded)
    for y in range(0, padded.shape[1], 28):
        for x in range(0, padded.shape[2], 28):
            for c in range(padded.shape[3]):
                tiles = padded[:, y : y + 28, x : x + 28, c : c + 1]
                expected[:, y : y + 28, x : x + 28, c : c + 1] = restored_by_numpy(codec.encode(tiles))
    np.testing.assert_array_equal(restored, expected[:, :height, :width].reshape(shape))
    assert codec.compress(array) == data  # the same every time


def test_floats_are_rounded_to_pixels(codec):
    array = blobs(3, seed=5)
    for dtype in (np.float16, np.float32, np.float64):
        assert codec.compress((array / 255).astype(dtype)) == codec.compress(array)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 28, 28), np.uint8), r"received \(4, 28, 28\). Give the channels an axis"),
        (np.zeros((28, 28, 5), np.uint8), r"received \(28, 28, 5\)"),
        (np.zeros(28, np.uint8), r"received \(28,\)"),
        (np.zeros((0, 28, 28, 1), np.uint8), "holds no pixels"),
        (np.zeros((28, 28), np.int32), "must be uint8, or float in .* received int32"),
        (np.zeros((28, 28), bool), "received bool"),
        (np.array(["a"]), "must have a shape"),
        (np.full((28, 28), 1.01), r"must be in \[0, 1\]: received numbers from 1.01 to 1.01"),
        (np.full((28, 28), -0.01), r"must be in \[0, 1\]"),
        (np.full((28, 28), np.nan), r"must be in \[0, 1\]"),
        (np.broadcast_to(np.uint8(0), (1 << 30, 2)), "exceeds 1,073,741,824 samples"),
    ],
)
def test_arrays_that_are_no_images(codec, array, message):
    with pytest.raises(ValueError, match=message):
        codec.compress(array)


def test_encode_and_decode_check_their_arguments(codec):
    with pytest.raises(ValueError, match=r"images must be \(n, 28, 28, 1\): received \(2, 28, 27, 1"):
        codec.encode(np.zeros((2, 28, 27, 1), np.uint8))
    with pytest.raises(ValueError, match=r"images must be uint8, or float .* received int64"):
        codec.encode(np.zeros((2, 28, 28, 1), np.int64))
    with pytest.raises(ValueError, match=r"symbols must be integers \(n, 49\): received int16"):
        codec.decode(np.zeros((2, 48), np.int16))
    with pytest.raises(ValueError, match=r"symbols must be integers \(n, 49\): received float64"):
        codec.decode(np.zeros((2, 49)))
    with pytest.raises(ValueError, match="data must be bytes: received str"):
        codec.decompress("abc")


def test_another_models_bytes_are_refused(codec, copy_model):
    other = Codec(copy_model("retrained", seed=1))
    data = other.compress(blobs(2, seed=6))
    with pytest.raises(CodecError, match=r"needs the model retrained \(tables .* is means \(tables"):
        codec.decompress(data)


def test_a_copy_of_the_model_restores_the_bytes(codec, copy_model):
    images = blobs(2, seed=6)
    renamed = Codec(copy_model("renamed"))
    np.testing.assert_array_equal(renamed.decompress(codec.compress(images)), codec.decompress(codec.compress(images)))


def test_bytes_that_announce_too_much(codec):
    data = codec.compress(np.zeros((100, 28, 28, 1), np.uint8))
    with pytest.raises(CodecError, match="restores to 78,400 bytes: max_bytes allows 78,399"):
        codec.decompress(data, max_bytes=78_399)
    assert codec.decompress(data, max_bytes=78_400).shape == (100, 28, 28, 1)


def declared(folder, entry) -> None:
    """Writes the manifest of a copy anew, with an entry for its codec."""
    artifacts.write_manifest(folder, declared={"codec": entry})


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (None, "new cannot compress: it has no codec.npz"),
        ([], "The manifest of new is damaged: its codec is no mapping"),
        (
            {"coder": "tiles"},
            "new needs the medium 'None', this release has image, audio, signal, text: update the zoo",
        ),
        ({"coder": "x", "medium": "image"}, "new needs the coder 'x', this release has tiles, frames, bits_back"),
        ({"coder": "bits_back", "medium": "image"}, "new has no lossless.npz, which its coder needs"),
        ({"coder": "frames", "medium": "audio"}, "The codec.npz of new is of pictures: its manifest says otherwise"),
    ],
)
def test_the_manifest_decides(copy_model, entry, message):
    folder = copy_model("new")
    declared(folder, entry)
    with pytest.raises(ValueError, match=message):
        Codec(folder)


def test_a_folder_of_an_earlier_release_is_told_by_its_tables(codec, copy_model):
    old, new = copy_model("old"), copy_model("new")
    declared(new, {"coder": "tiles", "medium": "image"})
    for name in artifacts.names():  # what is inferred is what the shipped manifests say
        artifact = artifacts.find(name)
        said = models.declaration_of(artifact)
        # Those of that time.
        if said is None or (said.coder in ("tiles", "frames", "bits_back", "tokens") and said.medium != "signal"):
            assert models._inferred(artifact) == said
    assert not artifacts.find(old).declares("codec")
    images = blobs(2, seed=0)
    for folder in (old, new):
        found = Codec(folder).decompress(Codec(folder).compress(images))
        np.testing.assert_array_equal(found, codec.decompress(codec.compress(images)))
    artifacts.add(new, {"notes.txt": b"x"})  # keeps what the manifest says
    assert artifacts.find(new).declared("codec") == {"coder": "tiles", "medium": "image"}


def test_models_without_a_codec(model_folder, copy_model, tmp_path):
    folder = copy_model("no_tables")
    (folder / "codec.npz").unlink()
    artifacts.write_manifest(folder)
    with pytest.raises(ValueError, match="no_tables cannot compress: it has no codec.npz"):
        Codec(folder)
    with pytest.raises(ValueError, match="Unknown model 'conv_aee'"):
        Codec("conv_aee")


@pytest.mark.parametrize("name", ["encoder.tflite", "decoder.tflite", "codec.npz"])
def test_altered_files_are_refused(copy_model, name):
    folder = copy_model("altered")
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ValueError, match=f"{name} is corrupt: expected sha256"):
        codec = Codec(folder)
        codec.decompress(codec.compress(np.zeros((28, 28), np.uint8)))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("encoder.tflite", "decoder.tflite", "must take and give int8"),
        ("decoder.tflite", "encoder.tflite", "must take and give float32"),
        ("encoder.tflite", b"", "cannot be run"),
        ("decoder.tflite", b"TFL3" * 100, "cannot be run"),
    ],
)
def test_networks_that_do_not_fit(copy_model, model_folder, name, content, message):
    folder = copy_model("unfit")
    content = (model_folder / content).read_bytes() if isinstance(content, str) else content
    (folder / name).write_bytes(content)
    artifacts.write_manifest(folder)
    with pytest.raises(ValueError, match=message):
        codec = Codec(folder)
        codec.decompress(codec.compress(np.zeros((28, 28), np.uint8)))


def test_tables_of_another_size_do_not_fit(copy_model):
    folder = copy_model(
        "unfit",
        minimum=np.zeros(2, np.int16),
        size=np.full(2, 2, np.int16),
        counts=np.full(4, 2**23, np.uint32),
    )
    with pytest.raises(ValueError, match="does not fit codec.npz"):
        Codec(folder).compress(np.zeros((28, 28), np.uint8))


def test_neither_tensorflow_nor_keras_nor_pillow_is_imported(run_python, model_folder):
    code = f"""
import sys, numpy as np, zoo
codec = zoo.Codec({str(model_folder)!r})
codec.decompress(codec.compress(np.zeros((30, 30, 3), np.uint8)))
print(sorted({{"tensorflow", "keras", "PIL", "matplotlib"}} & sys.modules.keys()))
"""
    assert run_python(code, bare=True).strip() == "[]"


@pytest.mark.parametrize("name", ["compressor", "hierarchical_vae", "signal_ae", "summarizer"])
def test_codecs_go_through_pickles_and_processes(name):
    codec = Codec(name, num_threads=2)
    value = {"pictures": np.zeros((3, 28, 28, 1), np.uint8), "sounds": np.zeros(900, np.int16), "texts": b"The mean."}
    value = value[codec.what]
    data = codec.compress(value)
    for used in (Codec(name), codec):
        copy = pickle.loads(pickle.dumps(used))
        assert copy.compress(value) == data and copy.fingerprint == codec.fingerprint
    assert pickle.loads(pickle.dumps(codec))._num_threads == 2


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_codecs_in_pools(codec, start):
    images = blobs(4, seed=3)
    expected = [codec.compress(image) for image in images]
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context(start)) as pool:
        assert list(pool.map(codec.compress, images)) == expected


@pytest.mark.parametrize("name", ["compressor", "hierarchical_vae", "signal_ae", "summarizer"])
def test_a_used_codec_is_shared_by_threads(name):
    """Each of many threads gets what one alone gets, while the others compress and restore other things."""
    codec, rng = Codec(name), np.random.default_rng(0)
    values = {
        "pictures": [blobs(3, seed) for seed in range(4)],
        "sounds": [rng.integers(-9000, 9000, 3000).astype(np.int16) for _ in range(4)],
        "texts": [b"The mean of %d arrays." % number for number in range(4)],
    }[codec.what]
    alone = [Codec(name).compress(value) for value in values]
    restored = [codec.decompress(data) for data in alone]

    def both(number: int):
        return codec.compress(values[number % 4]), codec.decompress(alone[number % 4])

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for number, (data, found) in enumerate(pool.map(both, range(12))):
            assert data == alone[number % 4]
            np.testing.assert_array_equal(np.asarray(found), np.asarray(restored[number % 4]))


def test_a_forked_process_uses_the_codec_it_inherits(codec):
    images = blobs(3, seed=5)
    data = codec.compress(images)  # the interpreters are there before the fork
    context = multiprocessing.get_context("fork")
    parent, child = context.Pipe()
    process = context.Process(target=lambda: child.send(codec.compress(codec.decompress(codec.compress(images)))))
    process.start()
    assert parent.poll(60)
    assert parent.recv() == codec.compress(codec.decompress(data))
    process.join()


def test_codecs_in_joblib(codec):
    images = blobs(3, seed=3)
    found = joblib.Parallel(2)(joblib.delayed(codec.compress)(image) for image in images)
    assert found == [codec.compress(image) for image in images]


def test_threads_leave_the_process_as_it_was(run_python, tmp_path):
    """Descriptors and umask are the caller's: nobody changes them, even for a moment."""
    code = f"""
import os, stat, threading
import numpy as np

def refuse(*_):
    raise AssertionError("a setting of the process was changed")

os.umask(0o027)
os.dup2 = os.umask = refuse
import zoo

codec, before, failed = zoo.Codec("compressor"), os.fstat(2), []

def work(number):
    try:
        path = f"{tmp_path}/{{number}}"
        np.save(path + ".npy", np.zeros((2, 28, 28, 1), np.uint8))
        codec.compress_file(path + ".npy", path + ".zoo")
        codec.decompress_file(path + ".zoo", path + ".png.npy")
        assert stat.S_IMODE(os.stat(path + ".zoo").st_mode) == 0o640
    except BaseException as error:
        failed.append(repr(error))

threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert (before.st_ino, before.st_dev) == (os.fstat(2).st_ino, os.fstat(2).st_dev)
print(failed)
"""
    assert run_python(code, bare=True).strip() == "[]"


def test_a_model_itself_is_no_codec():
    class Model:
        pass

    for wrong in (Model(), 3, None):
        with pytest.raises(ValueError, match="model must be the name or the folder of a model: received ") as error:
            Codec(wrong)
        assert len(str(error.value).splitlines()) == 1


# Files


def test_files_equal_bytes(codec, tmp_path):
    images = blobs(1100, seed=7)
    np.save(tmp_path / "images.npy", images)
    summary = codec.compress_file(tmp_path / "images.npy", tmp_path / "x.zoo", names=False)
    data = (tmp_path / "x.zoo").read_bytes()
    assert data == codec.compress(images)
    assert (summary.pictures, summary.pixels, summary.tiles) == (1100, 1100 * 784, 1100)
    assert summary.bytes == len(data) and summary.model == "means"
    assert summary.bits_per_pixel == pytest.approx(8 * len(data) / (1100 * 784))
    progress = []
    restored = codec.decompress_file(
        tmp_path / "x.zoo", tmp_path / "y.npy", progress=lambda *step: progress.append(step)
    )
    assert restored == summary and progress == [(0, 862_400), (802_816, 862_400), (862_400, 862_400)]  # pixels
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), codec.decompress(data))
    error = np.square(images / 255 - codec.decompress(data) / 255).mean()
    assert codec.mean_squared_error(tmp_path / "images.npy", tmp_path / "x.zoo") == pytest.approx(error)


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3), (2, 20, 30, 1)])
def test_an_array_file_comes_back_in_its_shape(codec, tmp_path, shape):
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    codec.compress_file(tmp_path / "a.npy", tmp_path / "x.zoo")
    codec.decompress_file(tmp_path / "x.zoo", tmp_path / "b.npy")
    assert np.load(tmp_path / "b.npy").shape == shape


def test_memory_stays_constant(codec, tmp_path):
    images = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.uint8, (50_000, 28, 28, 1))  # 39 MB of zeros
    del images
    codec.decode(codec.encode(np.zeros((1, 28, 28, 1), np.uint8)))
    tracemalloc.start()
    codec.compress_file(tmp_path / "a.npy", tmp_path / "x.zoo")
    codec.decompress_file(tmp_path / "x.zoo", tmp_path / "b.npy")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16_000_000  # 78 MB go through
    assert np.load(tmp_path / "b.npy", mmap_mode="r").shape == (50_000, 28, 28, 1)


def test_pictures_are_an_iterator(codec, tmp_path):
    np.save(tmp_path / "a.npy", blobs(5, seed=8))
    np.save(tmp_path / "b.npy", blobs(1, seed=9, size=40)[0])
    codec.compress_file([tmp_path / "a.npy", tmp_path / "b.npy"], tmp_path / "x.zoo")
    shapes = [picture.shape for picture in codec.pictures(tmp_path / "x.zoo")]
    assert shapes == [(28, 28, 1)] * 5 + [(40, 40, 1)]
    with pytest.raises(ValueError, match="holds pictures of 2 shapes"):
        codec.decompress((tmp_path / "x.zoo").read_bytes())
    with pytest.raises(ValueError, match="holds pictures of 2 shapes"):
        codec.decompress_file(tmp_path / "x.zoo", tmp_path / "y.npy")
    with pytest.raises(ValueError, match="holds 6 pictures: give a folder instead of"):
        codec.decompress_file(tmp_path / "x.zoo", tmp_path / "y.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npy", "b.npy", "x.zoo"]


@pytest.mark.parametrize("output", ["out.npy", "out.png", "out"])
def test_nothing_is_left_of_a_damaged_file(codec, tmp_path, output):
    image = np.random.default_rng(0).integers(0, 256, (28 * 30, 28 * 40), np.uint8)  # two chunks
    data = bytearray(codec.compress(image))
    data[-10] ^= 1
    (tmp_path / "x.zoo").write_bytes(data)
    with pytest.raises(CodecError, match="x.zoo, byte .*chunk 2 of 2 at byte .* is corrupt"):
        codec.decompress_file(tmp_path / "x.zoo", tmp_path / output)
    assert [p.name for p in tmp_path.iterdir()] == ["x.zoo"]


def test_inputs_and_outputs_that_cannot_be_used(codec, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((28, 28), np.uint8))
    source, container = tmp_path / "a.npy", tmp_path / "x.zoo"
    with pytest.raises(ValueError, match="is one of the inputs"):
        codec.compress_file(source, tmp_path / "." / "a.npy")
    with pytest.raises(ValueError, match="Cannot write .*: No such file"):
        codec.compress_file(source, tmp_path / "missing" / "x.zoo")
    with pytest.raises(ValueError, match="Cannot write .*: it is a folder"):
        codec.compress_file(source, tmp_path)
    with pytest.raises(ValueError, match="nothing to compress"):
        codec.compress_file([], container)
    with pytest.raises(ValueError, match="fit must be tile, crop, pad: received 'stretch'"):
        codec.compress_file(source, container, fit="stretch")
    with pytest.raises(ValueError, match="none.zoo cannot be read: No such file"):
        codec.decompress_file(tmp_path / "none.zoo", tmp_path / "out")
    with pytest.raises(ValueError, match="cannot be read: Is a directory"):
        codec.decompress_file(tmp_path, tmp_path / "out")
    codec.compress_file(source, container)
    with pytest.raises(ValueError, match="Cannot write into .*a.npx?.*: it is a file"):
        (tmp_path / "a.npx").touch()
        codec.decompress_file(container, tmp_path / "a.npx")
    with pytest.raises(ValueError, match="Cannot write into .*: No such file"):
        codec.decompress_file(container, tmp_path / "missing" / "out")
    with pytest.raises(ValueError, match="does not hold the pictures of these inputs"):
        codec.mean_squared_error([source, source], container)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npx", "a.npy", "x.zoo"]


def test_for_file_finds_the_model_that_the_container_names(codec, model_folder, tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", blobs(2, seed=10))
    codec.compress_file(tmp_path / "a.npy", tmp_path / "x.zoo")
    with pytest.raises(CodecError, match=r"x.zoo needs the model means \(tables .*Unknown model"):
        Codec.for_file(tmp_path / "x.zoo")
    shipped = tmp_path / "savedmodels" / "means" / "blobs"
    shipped.mkdir(parents=True)
    for file in model_folder.iterdir():
        (shipped / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(artifacts, "shipped_root", lambda: tmp_path / "savedmodels")
    found = Codec.for_file(tmp_path / "x.zoo")
    assert found.name == "means.blobs" and found.fingerprint == codec.fingerprint
    header = read_header(tmp_path / "x.zoo")
    assert header.model == "means" and header.names == ((2, "a"),)


@pytest.mark.parametrize("name", ["evil", "e" * 1024])
def test_a_file_does_not_open_a_folder_that_happens_to_lie_here(codec, copy_model, tmp_path, monkeypatch, name):
    """The model that a container names is a shipped one, or none; a name of any length is one line."""
    folder = copy_model("evil")
    monkeypatch.chdir(folder.parent)
    data = io.BytesIO()
    Writer(data, dataclasses.replace(codec._stream.header([Section(1, 28, 28, 1)], 2), model=name))
    (tmp_path / "x.zoo").write_bytes(data.getvalue() + bytes(5))
    with pytest.raises(CodecError, match="x.zoo needs the model e.*Of a model of your own, give the folder"):
        Codec.for_file(tmp_path / "x.zoo")
    with pytest.raises(ValueError, match="Unknown model"):
        Codec("e" * 1024)


@pytest.mark.parametrize("replacement", [blobs(1500, seed=1), blobs(4000, seed=1), blobs(3000, seed=1)])
def test_an_array_that_is_replaced_while_it_is_compressed(codec, tmp_path, replacement):
    np.save(tmp_path / "a.npy", blobs(3000, seed=0))

    def replace(pictures):
        np.save(tmp_path / "b.npy", replacement)
        os.replace(tmp_path / "b.npy", tmp_path / "a.npy")
        return pictures

    with pytest.raises(ValueError, match="a.npy changed while it was read"):
        codec.compress_file(tmp_path / "a.npy", tmp_path / "x.zoo", transform=replace)
    assert not (tmp_path / "x.zoo").exists()


@pytest.mark.parametrize("tiles", [1, 4])
def test_inputs_that_give_other_tiles_than_they_promised(codec, monkeypatch, tiles):
    monkeypatch.setattr(type(codec._medium), "rows", lambda *_: iter([np.zeros((tiles, 28, 28, 1), np.uint8)] * 1024))
    with pytest.raises(ValueError, match="The inputs gave .*: they changed while being read"):
        codec.compress(np.zeros((2000, 28, 28, 1), np.uint8))


def test_files_that_announce_too_much(codec, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3000, 28, 28, 1), np.uint8))
    codec.compress_file(tmp_path / "a.npy", tmp_path / "x.zoo")
    size = 3000 * 784
    with pytest.raises(
        CodecError, match=f"x.zoo restores to {size:,} bytes: max_bytes allows {size - 1:,}.*--max-bytes"
    ):
        codec.decompress_file(tmp_path / "x.zoo", tmp_path / "b.npy", max_bytes=size - 1)
    assert not (tmp_path / "b.npy").exists()
    codec.decompress_file(tmp_path / "x.zoo", tmp_path / "b.npy", max_bytes=size)


def test_a_small_file_does_not_fill_a_disk(codec, tmp_path):
    data = io.BytesIO()
    writer = Writer(
        data, dataclasses.replace(codec._stream.header([Section(3 << 20, 28, 28, 1)], 4), tiles_per_chunk=1 << 16)
    )
    for _ in range(48):
        writer.chunk(np.zeros(0, np.uint32))
    writer.close()
    (tmp_path / "x.zoo").write_bytes(data.getvalue())
    with pytest.raises(CodecError, match="restores to 2,466,250,752 bytes: max_bytes allows 2,147,483,648"):
        codec.decompress_file(tmp_path / "x.zoo", tmp_path / "b.npy")
    assert not (tmp_path / "b.npy").exists()


def test_any_folder_name_makes_a_readable_container(copy_model):
    folder = copy_model("a: b\\c\n\udcff")
    codec = Codec(folder)
    array = blobs(1, seed=11)
    np.testing.assert_array_equal(
        Codec(folder).decompress(codec.compress(array)),
        codec.decode(codec.encode(array)),
    )


def test_tables_are_named_by_their_digest(copy_model):
    folder: Path = copy_model("means")
    before = Codec(folder).fingerprint
    write_tables(folder, seed=2)
    artifacts.write_manifest(folder)
    assert Codec(folder).fingerprint != before


# Appending, single pictures, threads, compact images


def test_appended_pictures_follow_in_their_order(codec, copy_model, tmp_path):
    first, second = blobs(1030, seed=20), blobs(3, seed=21)
    np.save(tmp_path / "a.npy", first)
    np.save(tmp_path / "b.npy", second)
    path = tmp_path / "x.zoo"
    codec.compress_file(tmp_path / "a.npy", path)
    before = path.read_bytes()
    codec.compress_file(tmp_path / "b.npy", path, append=True)
    codec.compress_file(tmp_path / "b.npy", path, append=True)
    assert path.read_bytes().startswith(before)
    everything = np.concatenate([first, second, second])
    expected = codec.decode(codec.encode(everything))
    np.testing.assert_array_equal(codec.decompress(path.read_bytes()), expected)
    summary = codec.decompress_file(path, tmp_path / "out")
    assert summary.pictures == 1036 and summary.bytes == path.stat().st_size
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert len(names) == 1036 and {"a_0000.png", "b_2.png", "b.npy_2.png"} <= names
    for index in (0, 1023, 1024, 1029, 1030, 1035):
        np.testing.assert_array_equal(codec.picture(path, index), expected[index])
    codec.decompress_picture(path, 1033, tmp_path / "one.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "one.npy"), expected[1033])
    for index in (-1, 1036, 1.0):
        with pytest.raises(ValueError, match="index must be from 0 to 1035"):
            codec.picture(path, index)
    with pytest.raises(ValueError, match="output must end in .png or .npy"):
        codec.decompress_picture(path, 0, tmp_path / "one.jpg")
    with pytest.raises(CodecError, match="needs the model means"):
        Codec(copy_model("other", seed=1)).compress_file(tmp_path / "b.npy", path, append=True)
    with pytest.raises(ValueError, match="none.zoo cannot be read"):
        codec.compress_file(tmp_path / "b.npy", tmp_path / "none.zoo", append=True)


def test_an_append_that_fails_leaves_the_file_as_it_was(codec, tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", blobs(2100, seed=22))
    path = tmp_path / "x.zoo"
    codec.compress_file(tmp_path / "a.npy", path)
    before, calls = path.read_bytes(), []

    def full(words, _chunk=Writer.chunk):
        raise OSError(28, "No space left on device")

    def chunk(self, words, coding, _chunk=Writer.chunk):
        calls.append(words)
        if len(calls) == 3:
            full(words)
        _chunk(self, words, coding)

    monkeypatch.setattr(Writer, "chunk", chunk)
    with pytest.raises(ValueError, match="Cannot append to .*x.zoo: No space left on device. It is as it was"):
        codec.compress_file(tmp_path / "a.npy", path, append=True)
    assert path.read_bytes() == before and len(calls) == 3
    calls.clear()
    with pytest.raises(ValueError, match="Cannot write .*x.zoo: No space left"):
        codec.compress_file(tmp_path / "a.npy", path)
    assert path.read_bytes() == before and sorted(p.name for p in tmp_path.iterdir()) == ["a.npy", "x.zoo"]


def test_an_append_to_a_full_disk_leaves_no_byte(tmp_path):
    class Full(io.FileIO):
        full = True

        def write(self, data):
            if self.full:
                type(self).full = False  # what is cut off makes room again
                raise OSError(28, "No space left on device")
            return super().write(data)

    path = tmp_path / "x"
    path.write_bytes(b"before")
    opened = open

    def limited(file, mode="r", **options):
        return io.BufferedRandom(Full(file, "r+b")) if mode == "r+b" else opened(file, mode, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builtins.open", limited)
        with pytest.raises(ValueError, match="No space left on device. It is as it was"):
            with writing.append(path) as file:
                file.write(b"more than the file had")
    assert path.read_bytes() == b"before"


def test_a_torn_append_leaves_what_was_before(codec, tmp_path):
    np.save(tmp_path / "a.npy", blobs(3, seed=22))
    np.save(tmp_path / "b.npy", blobs(1500, seed=23))
    path, torn = tmp_path / "x.zoo", tmp_path / "torn.zoo"
    codec.compress_file(tmp_path / "a.npy", path)
    size, before = path.stat().st_size, codec.decompress(path.read_bytes())
    codec.compress_file(tmp_path / "b.npy", path, append=True)
    whole = path.read_bytes()
    for cut in (size + 1, size + 8, size + 30, size + 90, (size + len(whole)) // 2, len(whole) - 1):
        torn.write_bytes(whole[:cut])  # as a killed process leaves it
        with pytest.raises(CodecError, match=r"an append cut off.*`zoo decompress --salvage` restores the 3 pictures"):
            codec.decompress_file(torn, tmp_path / "y.npy")
        with pytest.raises(CodecError, match="an append cut off"):
            codec.compress_file(tmp_path / "a.npy", torn, append=True)
        check_salvage(codec, torn, size, before, tmp_path)
    # What a crash may leave of a file whose length is on the disk already, and a bit that flipped later.
    zeros = whole[: size + 60] + bytes(len(whole) - size - 60)
    flipped = bytearray(whole)
    flipped[-9] ^= 1
    for damaged in (zeros, bytes(flipped)):
        torn.write_bytes(damaged)
        with pytest.raises(CodecError):
            codec.decompress_file(torn, tmp_path / "y.npy")
        check_salvage(codec, torn, size, before, tmp_path)
    assert codec.decompress_file(path, tmp_path / "y.npy", salvage=True).pictures == 1503  # nothing is torn
    shorter = bytearray(whole[:size])
    shorter[-9] ^= 1
    for damaged in (whole[: size - 1], bytes(shorter)):
        torn.write_bytes(damaged)
        for salvage in (False, True):
            with pytest.raises(CodecError, match="truncated|corrupt") as error:
                codec.decompress_file(torn, tmp_path / "y.npy", salvage=salvage)
            assert "salvage" not in str(error.value)
    torn.write_bytes(whole[:-1])
    codec.compress_file(tmp_path / "a.npy", torn, append=True, salvage=True)
    np.testing.assert_array_equal(codec.decompress(torn.read_bytes()), np.concatenate([before, before]))


def check_salvage(codec, torn, size, before, tmp_path):
    summary = codec.decompress_file(torn, tmp_path / "y.npy", salvage=True)
    assert summary.pictures == 3 and summary.bytes == size
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), before)
    np.testing.assert_array_equal(codec.picture(torn, 2, salvage=True), before[2])


def test_a_transform_comes_before_compression(codec, tmp_path):
    images = blobs(3000, seed=24)
    np.save(tmp_path / "a.npy", images)
    path, sizes = tmp_path / "x.zoo", []

    def inverted(pictures):
        sizes.append(len(pictures))
        return 255 - pictures

    codec.compress_file(tmp_path / "a.npy", path, transform=inverted)
    np.testing.assert_array_equal(codec.decompress(path.read_bytes()), codec.decompress(codec.compress(255 - images)))
    assert sum(sizes) == 3000 and len(sizes) > 1
    error = codec.mean_squared_error(tmp_path / "a.npy", path, transform=inverted)
    assert error < 0.1 * codec.mean_squared_error(tmp_path / "a.npy", path)
    before = path.read_bytes()
    for wrong in (lambda pictures: pictures[:, 1:], lambda pictures: pictures / 255):
        with pytest.raises(ValueError, match="transform must keep uint8"):
            codec.compress_file(tmp_path / "a.npy", path, transform=wrong)
    assert path.read_bytes() == before


def test_a_picture_of_several_tiles_and_sections(codec, tmp_path):
    rng = np.random.default_rng(23)
    pictures = [rng.integers(0, 256, shape, np.uint8) for shape in ((30, 60, 3), (28, 28), (30, 60, 3), (300, 500))]
    for index, picture in enumerate(pictures):
        np.save(tmp_path / f"{index}.npy", picture)
    codec.compress_file([tmp_path / f"{index}.npy" for index in range(4)], tmp_path / "x.zoo")
    for index, restored in enumerate(codec.pictures(tmp_path / "x.zoo")):
        np.testing.assert_array_equal(codec.picture(tmp_path / "x.zoo", index), restored)


def test_threads_do_not_change_the_bytes(codec, model_folder, tmp_path):
    images = blobs(5000, seed=24)
    np.save(tmp_path / "a.npy", images)
    parallel = Codec(model_folder, num_threads=3)
    data = codec.compress(images)
    assert parallel.compress(images) == data
    np.testing.assert_array_equal(parallel.decompress(data), codec.decompress(data))
    damaged = data[:-1] + bytes([data[-1] ^ 1])
    with pytest.raises(CodecError, match="chunk 5 of 5"):
        parallel.decompress(damaged)
    with pytest.raises(ValueError, match="num_threads must be an integer ≥ 1: received 0"):
        Codec(model_folder, num_threads=0)


def test_compact_images(codec, copy_model, tmp_path):
    images = blobs(40, seed=25)
    restored = codec.decode(codec.encode(images))
    other = Codec(copy_model("other", seed=1))
    for image, expected in zip(images, restored, strict=True):
        data = codec.compress(image, compact=True)
        np.testing.assert_array_equal(codec.decompress(data), expected)
        # One byte for the model, 17 bits for the check, 7 that a coder below 24 bits may waste, less than a byte more.
        assert 8 * len(data) <= codec.tables.information(codec.encode(image[None])) + 8 + 17 + 7 + 8
        with pytest.raises(CodecError, match="nor a compact image of other|no compact image of other"):
            other.decompress(data)
        with pytest.raises(CodecError, match="no compact image of means"):
            codec.decompress(data[:-1])
    np.save(tmp_path / "a.npy", images[0])
    summary = codec.compress_file(tmp_path / "a.npy", tmp_path / "x.zoo", compact=True)
    assert summary.bytes == (tmp_path / "x.zoo").stat().st_size and summary.pictures == 1
    assert codec.decompress_file(tmp_path / "x.zoo", tmp_path / "y.npy") == summary
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), restored[0])
    np.testing.assert_array_equal(next(codec.pictures(tmp_path / "x.zoo")), restored[0])
    codec.decompress_file(tmp_path / "x.zoo", tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["picture.png"]
    with pytest.raises(CodecError, match="neither a zoo container nor a compact file of a shipped model"):
        Codec.for_file(tmp_path / "x.zoo")
    for array in (images[:2], np.zeros((28, 28, 3), np.uint8), np.zeros((28, 27), np.uint8)):
        with pytest.raises(ValueError, match="compact holds one grey image of 28 × 28 pixels"):
            codec.compress(array, compact=True)
    with pytest.raises(ValueError, match="append is of containers"):
        codec.compress_file(tmp_path / "a.npy", tmp_path / "x.zoo", compact=True, append=True)


def test_what_an_earlier_version_wrote_can_still_be_read(codec, copy_model, model_folder, tmp_path, monkeypatch):
    images = blobs(5, seed=30)
    np.save(tmp_path / "a.npy", images)
    np.save(tmp_path / "b.npy", images[:1])
    codec.compress_file(tmp_path / "a.npy", tmp_path / "x.zoo")
    codec.compress_file(tmp_path / "b.npy", tmp_path / "x.z", compact=True)
    # The model is trained anew: it has other tables, and keeps the old ones with their decoder.
    folder = copy_model("means", seed=1)
    old = folder / "versions" / codec.fingerprint.hex()
    old.mkdir(parents=True)
    for name in ("codec.npz", "decoder.tflite"):
        (old / name).write_bytes((model_folder / name).read_bytes())
    artifacts.write_manifest(folder)
    shipped = tmp_path / "savedmodels" / "means" / "blobs"
    shipped.parent.mkdir(parents=True)
    folder.rename(shipped)
    monkeypatch.setattr(artifacts, "shipped_root", lambda: tmp_path / "savedmodels")
    assert Codec("means").fingerprint != codec.fingerprint
    for name in ("x.zoo", "x.z"):
        found = Codec.for_file(tmp_path / name)
        assert found.fingerprint == codec.fingerprint
        restored = np.stack(list(found.pictures(tmp_path / name)))
        np.testing.assert_array_equal(restored, codec.decode(codec.encode(images[: len(restored)])))


def test_a_jpeg_beside():
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)[..., None]
    worse = (
        (smooth.astype(int) + np.random.default_rng(0).integers(-20, 21, smooth.shape)).clip(0, 255).astype(np.uint8)
    )
    ratio, psnr = beside_jpeg(smooth, worse, 100_000)
    assert ratio > 100 and psnr == pytest.approx(10 * np.log10(255**2 / np.mean((smooth / 1.0 - worse) ** 2)), abs=1e-3)
    assert beside_jpeg(smooth, smooth, 10) is None


def test_pieces_of_a_large_picture_are_its_tiles():
    rgb = np.random.default_rng(0).integers(0, 256, (20, 31, 3), np.uint8)
    pieces = np.concatenate(list(tiles.pieces(rgb, (7, 9))))
    np.testing.assert_array_equal(pieces, tiles.split(rgb[None], (7, 9)))
