"""Streams of examples: folders, patterns, arrays, tables and sets of tensorflow-datasets, cut to the model's size."""

import hashlib
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from zoo import data
from zoo.data import packed

rng = np.random.default_rng(0)


def picture(path, height=40, width=60):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    """Twelve colour pictures in folders of two classes."""
    for i in range(12):
        picture(tmp_path / "photos" / ("cats", "dogs")[i % 2] / f"{i:02}.png", 40 + i)
    return tmp_path / "photos"


def test_a_folder_a_pattern_and_their_pictures_are_one_stream(folder):
    (*whole,) = data.stream(folder, image_shape=(16, 24, 3))
    assert [part.images.shape for part in whole] == 12 * [(1, 16, 24, 3)] and whole[0].images.dtype == np.uint8
    assert [part.names[0] for part in whole][:2] == ["cats/00", "cats/02"] and whole[6].labels == ["dogs"]
    dogs = list(data.stream(f"{folder}/dogs/*.png", image_shape=(16, 24, 3)))
    assert [part.names for part in dogs] == [[f"{i:02}"] for i in range(1, 12, 2)]
    np.testing.assert_array_equal(dogs[0].images, whole[6].images)
    both = list(data.stream(f"{folder}/**/*.png", image_shape=(16, 24, 3)))
    assert [part.labels for part in both] == [part.labels for part in whole]
    with pytest.raises(ValueError, match=r"\*.jpg matches no file: expected a pattern such as photos/\*\*/\*.jpg"):
        data.stream(f"{folder}/*.jpg")


def test_a_shuffled_stream_is_of_its_seed(folder):
    orders = [[p.names[0] for p in data.stream(folder, shuffle=True, seed=seed)] for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2] and sorted(orders[0]) == sorted(orders[2])
    rows = np.arange(2000, dtype=np.uint8).reshape(2000, 1, 1, 1)
    parts = [p.images.ravel() for p in data.stream(rows, image_shape=(1, 1, 1), shuffle=True)]
    assert [len(part) for part in parts] == [1024, 976] and (np.concatenate(parts) != rows.ravel()).any()
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.sort(rows.ravel()))


@pytest.mark.parametrize(
    ("fit", "number", "said"),
    [
        ("crop", 12, "12 pictures, centre-cropped to 16 × 24, colour"),
        ("pad", 12, "12 pictures, padded to 16 × 24, colour"),
        ("resize", 12, "12 pictures, stretched to 16 × 24, colour"),
        ("tile", 56, "12 pictures, cut into 56 tiles of 16 × 24, colour"),
        ("random-crop", 56, "12 pictures, 56 random crops of 16 × 24, colour"),
    ],
)
def test_what_was_done_to_the_pictures_is_said(folder, fit, number, said):
    loaded = data.load(folder, image_shape=(16, 24, 3), fit=fit)
    assert loaded.summary == said
    assert len(loaded.train) + len(loaded.validation) + len(loaded.test) == number
    assert data.load(folder, image_shape=(16, 24, 3), fit=fit).fingerprint == loaded.fingerprint


def test_random_crops_are_of_the_picture_and_of_the_seed(tmp_path):
    pixels = rng.integers(0, 256, (40, 50, 1), dtype=np.uint8)
    Image.fromarray(pixels[..., 0]).save(tmp_path / "a.png")
    options = {"image_shape": (8, 12, 1), "fit": "random-crop"}
    first, again, other = (next(data.stream(tmp_path, seed=s, **options)).images for s in (0, 0, 1))
    windows = np.lib.stride_tricks.sliding_window_view(pixels[..., 0], (8, 12)).reshape(-1, 8, 12)
    assert len(first) == 5 * 4 and all((windows == crop[..., 0]).all(axis=(1, 2)).any() for crop in first)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    small = next(data.stream(tmp_path, image_shape=(100, 60, 1), fit="random-crop")).images  # scaled up
    assert small.shape == (2, 100, 60, 1)


def test_crops_of_one_picture_stay_in_one_split(tmp_path):
    for grey in range(10):
        (tmp_path / "p").mkdir(exist_ok=True)
        Image.new("L", (40, 40), 20 * grey).save(tmp_path / "p" / f"{grey}.png")
    loaded = data.load(tmp_path / "p", image_shape=(8, 8, 1), fit="random-crop")
    assert [len(split) for split in (loaded.train, loaded.validation, loaded.test)] == [200, 25, 25]
    splits = [set(np.unique(split)) for split in (loaded.train, loaded.validation, loaded.test)]
    assert [len(found) for found in splits] == [8, 1, 1] and len(set.union(*splits)) == 10


def test_folders_are_labels_and_keep_their_names(folder):
    loaded = data.load(folder, image_shape=(8, 8, 3))
    assert loaded.classes == ("cats", "dogs") and sorted(loaded.labels) == ["test", "train", "validation"]
    picture(folder / "loose.png")
    assert data.load(folder, image_shape=(8, 8, 3)).labels is None


def test_labels_follow_their_pictures(tmp_path):
    for i in range(20):
        (tmp_path / str(i % 2)).mkdir(exist_ok=True)
        Image.new("L", (8, 8), 255 * (i % 2)).save(tmp_path / str(i % 2) / f"{i}.png")
    loaded = data.load(tmp_path, image_shape=(8, 8, 1))
    for split, labels in loaded.labels.items():
        np.testing.assert_array_equal(getattr(loaded, split)[:, 0, 0, 0], 255 * labels)


def test_arrays_and_tables_are_split_as_a_folder_is(tmp_path):
    images, labels = rng.integers(0, 256, (20, 8, 8, 1), dtype=np.uint8), np.arange(20) % 11
    np.save(tmp_path / "a.npy", images)
    np.savez(tmp_path / "b.npz", images=images, labels=labels)
    header = ",".join([*map(str, range(64)), "label"])
    table = np.column_stack([images.reshape(20, -1), labels])
    np.savetxt(tmp_path / "c.csv", table, "%d", ",", header=header.replace("0,", "p0,", 1), comments="")
    np.save(tmp_path / "d.npy", images / 255)
    sources = [images, *(tmp_path / name for name in ("a.npy", "b.npz", "c.csv", "d.npy"))]
    loaded = [data.load(source, image_shape=(8, 8, 1)) for source in sources]
    assert len({one.fingerprint for one in loaded}) == 1 and loaded[0].train.shape == (16, 8, 8, 1)
    assert loaded[2].classes == loaded[3].classes == tuple(map(str, range(11))) and loaded[1].labels is None
    np.testing.assert_array_equal(loaded[2].labels["train"], loaded[3].labels["train"])
    assert loaded[0].source == "./array" and loaded[1].name == "a.npy"


def test_the_splits_of_a_file_are_kept(tmp_path):
    images, labels = rng.integers(0, 256, (30, 8, 8), dtype=np.uint8), np.arange(30) % 3
    np.savez(tmp_path / "a.npz", x_train=images[:20], y_train=labels[:20], x_test=images[20:], y_test=labels[20:])
    loaded = data.load(tmp_path / "a.npz", image_shape=(8, 8, 1))
    np.testing.assert_array_equal(loaded.test[..., 0], images[20:])
    np.testing.assert_array_equal(loaded.labels["test"], labels[20:])
    assert [len(loaded.train), len(loaded.validation)] == [18, 2]


@pytest.fixture
def sets(monkeypatch):
    """Sets of tensorflow-datasets: pictures of several sizes, and no pictures."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    pictures = {
        "image": tfds.features.Image(shape=(None, None, 3)),
        "label": tfds.features.ClassLabel(names=["old", "new"]),
    }
    numbers = {"train": 30, "validation": 6}

    def rows(split):
        for i in range(numbers[split]):
            yield {"image": np.full((20 + i, 30, 3), 8 * i, np.uint8), "label": i % 2}

    signature = {"image": tf.TensorSpec((None, None, 3), tf.uint8), "label": tf.TensorSpec((), tf.int64)}
    builders = {
        "mixed_pictures": SimpleNamespace(
            info=SimpleNamespace(features=pictures, splits=numbers),
            as_dataset=lambda split: tf.data.Dataset.from_generator(lambda: rows(split), output_signature=signature),
        ),
        "no_pictures": SimpleNamespace(info=SimpleNamespace(features={"text": tfds.features.Text()}, splits=numbers)),
    }
    monkeypatch.setattr(tfds, "builder", lambda name: builders[name])
    for builder in builders.values():
        builder.data_path = Path("/")


@pytest.mark.parametrize("name", ["mixed_pictures", "tfds:mixed_pictures"])
def test_a_set_of_pictures_of_any_size_is_fitted(name, sets):
    loaded = data.load(name, image_shape=(16, 12, 1))
    assert loaded.name == "mixed_pictures" and loaded.source == name
    assert [len(loaded.train), len(loaded.validation), len(loaded.test)] == [27, 3, 6]
    np.testing.assert_array_equal(loaded.labels["train"], loaded.train[:, 8, 6, 0] // 8 % 2)
    assert loaded.classes == ("old", "new")
    assert loaded.summary == "36 pictures, centre-cropped to 16 × 12, grey"
    read = data.load_examples([name], image_shape=(16, 12, 1), split="validation")
    assert read.labels == 3 * ["old", "new"] and read.images.shape == (6, 16, 12, 1)
    assert data.source_of({"source": name}) == name


def test_a_set_without_pictures_or_splits_is_one_line(sets):
    with pytest.raises(ValueError, match="no_pictures has no pictures: it has text"):
        data.load("tfds:no_pictures")
    with pytest.raises(ValueError, match="has no images in a split 'test': it has train, validation"):
        data.load_examples(["mixed_pictures"])


def test_an_unknown_set_is_one_line():
    with pytest.raises(ValueError, match="Unknown data 'tfds:no_such_set'"):
        data.load("tfds:no_such_set")


def test_one_unreadable_file_among_many_is_listed(folder):
    (folder / "dogs" / "broken.jpg").write_bytes(b"no picture")
    failed = []
    loaded = data.load(folder, image_shape=(8, 8, 3), failed=failed)
    assert loaded.summary.startswith("12 pictures") and len(failed) == 1 and "broken.jpg is not a picture" in failed[0]
    with pytest.raises(ValueError, match="broken.jpg is not a picture"):
        data.load(folder, image_shape=(8, 8, 3))


def test_a_folder_of_one_picture_is_one_line(tmp_path):
    picture(tmp_path / "one.png")
    with pytest.raises(ValueError, match=r"holds 1 pictures: at least 10 are needed\.$"):
        data.load(tmp_path, image_shape=(8, 8, 3))
    assert len(data.load(tmp_path, image_shape=(8, 8, 3), fit="tile").train) == 29  # of 35 tiles


def test_examples_beside_memory_are_the_same(folder, monkeypatch):
    options = {"image_shape": (16, 24, 3), "fit": "tile", "seed": 3}
    kept = data.load(folder, **options)
    monkeypatch.setattr(packed, "IN_MEMORY", 0)
    monkeypatch.setattr(packed, "ROWS", 5)
    mapped = data.load(folder, **options)
    assert packed.is_mapped(mapped.train) and not packed.is_mapped(kept.train)
    assert mapped.fingerprint == kept.fingerprint
    digest = hashlib.sha256()
    for split in (kept.train, kept.validation, kept.test):
        digest.update(repr(split.shape).encode() + split.tobytes())
    assert kept.fingerprint == digest.hexdigest()[:16]
    np.testing.assert_array_equal(data.unit(mapped.test), data.unit(kept.test))
    assert type(data.unit(mapped.test)) is np.ndarray
    with pytest.raises(ValueError, match="read-only"):
        mapped.train[0] = 0


def test_batches_of_a_mapped_file_are_those_of_memory(folder, monkeypatch):
    loaded = data.load(folder, image_shape=(16, 24, 3), fit="tile")
    monkeypatch.setattr(packed, "IN_MEMORY", 0)
    mapped = data.load(folder, image_shape=(16, 24, 3), fit="tile")
    for options in ({}, {"keep_last": True}, {"labels": loaded.labels["train"]}):
        both = [data.training_batches(one.train, 8, epochs=2, seed=5, **options)[0] for one in (loaded, mapped)]
        assert both[0].element_spec == both[1].element_spec
        for one, other in zip(*both, strict=True):
            for a, b in zip(keras.tree.flatten(one), keras.tree.flatten(other), strict=True):
                np.testing.assert_array_equal(a, b)


def test_examples_may_lie_in_memory_of_another_library():
    foreign = np.frombuffer(bytes(range(24)), np.uint8).reshape(2, 3, 4, 1)
    held = data.DataSet("foreign", "foreign", foreign, foreign, foreign, "none")
    own = data.DataSet("own", "own", *3 * [foreign.copy()], "none")
    assert held.fingerprint == own.fingerprint and not packed.is_mapped(foreign)


def test_a_full_disk_is_one_line(monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packed.tempfile, "TemporaryFile", full)
    with pytest.raises(ValueError, match="No space left on device. Set TMPDIR to a folder of a disk with more room"):
        data.load(rng.integers(0, 256, (20, 8, 8, 1), dtype=np.uint8), image_shape=(8, 8, 1))


def test_bytes_that_are_read_of_a_mapped_file_are_let_go_of(monkeypatch):
    """A pass over all of a file leaves less of it in memory than a batch."""
    monkeypatch.setattr(packed, "IN_MEMORY", 0)
    pack = packed.Pack((1 << 12,))
    for value in range(8):
        pack.add(np.full((1024, 1 << 12), value, np.uint8))
    (examples,) = pack.arranged(np.arange(8192)[::-1])

    def resident():
        status = open("/proc/self/status").read()
        return 1024 * int(status.split("RssFile:")[1].split()[0])

    before = resident()
    for start in range(0, 8192, 512):
        assert packed.gathered(examples, np.arange(start, start + 512)).mean() == 7 - start // 1024
    assert resident() - before < 4 << 20  # of 32 MiB
