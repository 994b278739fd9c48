"""Data: folders of pictures, reproducible batches, corruptions."""

import numpy as np
import pytest
from PIL import Image

from zoo import data
from zoo.data import corruption

rng = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path):
    for i in range(12):
        Image.fromarray(rng.integers(0, 256, (40 + i, 60, 3), dtype=np.uint8)).save(tmp_path / f"{i:02}.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


@pytest.mark.parametrize("fit", ["crop", "pad", "tile"])
def test_a_folder_of_pictures_is_split_three_ways(folder, fit):
    loaded = data.load(str(folder), fit=fit, seed=1)
    total = 12 * 2 if fit == "tile" else 12
    assert len(loaded.train) + len(loaded.validation) + len(loaded.test) == total
    assert len(loaded.test) == len(loaded.validation) == total // 10
    assert loaded.train.shape[1:] == (28, 28, 1) and loaded.train.dtype == np.uint8
    assert data.load(str(folder), fit=fit, seed=1).fingerprint == loaded.fingerprint
    assert data.load(str(folder), fit=fit, seed=2).fingerprint != loaded.fingerprint


def test_tiles_are_the_picture_itself(tmp_path):
    pixels = rng.integers(0, 256, (60, 90), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    tiles = data.load_pictures([tmp_path / "a.png"], fit="tile")
    assert len(tiles) == 6
    np.testing.assert_array_equal(tiles[4, :, :, 0], pixels[28:56, 28:56])


def test_padding_keeps_the_whole_picture(tmp_path):
    Image.new("L", (100, 50), 255).save(tmp_path / "a.png")
    (padded,) = data.load_pictures([tmp_path / "a.png"], fit="pad")
    assert (padded[:6] == 0).all() and (padded[8:20] == 255).all()


def test_a_notebook_shows_missing_data_as_one_line(capsys):
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell().run_cell("from zoo import data\ndata.load('no_such_set')")
    (line,) = capsys.readouterr().out.strip().splitlines()
    assert line.startswith("ValueError: Unknown data 'no_such_set'")


def test_errors_of_folders_say_what_to_do(tmp_path):
    with pytest.raises(ValueError, match="holds no pictures"):
        data.load_pictures([tmp_path])
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="a.png is not a picture"):
        data.load_pictures([tmp_path / "a.png"])
    Image.new("L", (20, 20)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="smaller than one tile"):
        data.load_pictures([tmp_path / "a.png"], fit="tile")
    with pytest.raises(ValueError, match="fit must be crop, pad, resize, tile, random-crop: received 'stretch'"):
        data.load_pictures([tmp_path / "a.png"], fit="stretch")
    with pytest.raises(ValueError, match="at least 10"):
        data.load(str(tmp_path))


def test_own_data_of_a_card_is_looked_for_in_the_working_directory_and_is_the_same(folder, tmp_path, monkeypatch):
    loaded = data.load(str(folder), seed=1)
    card = {"source": f"./{folder.name}", "fingerprint": loaded.fingerprint}
    monkeypatch.chdir(folder.parent)
    assert data.source_of(card) == f"./{folder.name}" and data.source_of(card, "other") == "other"
    data.check_same(loaded, card)
    with pytest.raises(ValueError, match="is not what the model was trained on, or it has changed"):
        data.check_same(data.load(str(folder), seed=2), card)
    monkeypatch.chdir("/")
    with pytest.raises(ValueError, match=f"was trained on ./{folder.name}, which is not in the working directory"):
        data.source_of(card)
    for name in ("mnist", "voc/2007", "emnist/letters:3.1.0"):
        assert data.source_of({"source": name}) == name
    for place in (str(folder), "../..", "./..", "./.", "./a/b", "a/../..", "~/photos", "", 7):
        with pytest.raises(ValueError, match="which is not in the working directory: go where it lies, or name data"):
            data.source_of({"source": place})


def test_missing_tfds_data_says_which_variable_to_set(monkeypatch, tmp_path):
    import tensorflow_datasets as tfds

    def offline(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", offline)
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path), raising=False)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "data_path", tmp_path / "nothing", raising=False)
    with pytest.raises(ValueError, match="set TFDS_DATA_DIR"):
        data.load_images("mnist", "train")
    with pytest.raises(ValueError, match="Unknown data 'mnits'"):
        data.load_images("mnits", "train")


def test_batches_cover_each_epoch_once_in_an_order_of_its_own():
    images = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    batches, steps = data.training_batches(images, 10, epochs=2, seed=3)
    seen = np.stack([np.rint(np.asarray(b)[:, 0, 0, 0] * 255).astype(int) for b in batches])
    assert steps == 4 and seen.shape == (8, 10)
    first, second = seen[:4].ravel(), seen[4:].ravel()
    assert sorted(first) == sorted(second) == list(range(40))
    assert (first != second).any()


def test_the_last_short_batch_is_kept_where_it_is_wanted():
    images = np.arange(10, dtype=np.float32).reshape(10, 1, 1, 1)
    batches, steps = data.training_batches(images, 4, epochs=2, seed=3, keep_last=True)
    found = [batch.numpy().ravel() for batch in batches]
    assert steps == 3 and [len(batch) for batch in found] == [4, 4, 2] * 2
    first, second = np.concatenate(found[:3]), np.concatenate(found[3:])
    assert sorted(first) == sorted(second) == list(range(10)) and (first != second).any()


def test_a_resumed_run_sees_what_the_uninterrupted_one_saw():
    images = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    whole = [np.asarray(b) for b in data.training_batches(images, 8, epochs=3, seed=5)[0]]
    rest = [np.asarray(b) for b in data.training_batches(images, 8, epochs=3, initial_epoch=2, seed=5)[0]]
    np.testing.assert_array_equal(whole[10:], rest)


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ValueError, match="batch_size must be at most the number of training images: 8 > 4"):
        data.training_batches(np.zeros((4, 1, 1, 1), np.uint8), 8, epochs=1)


def test_binarized_images_are_one_draw_with_the_probability_of_their_grey_value():
    grey = np.repeat(np.array([0, 64, 128, 255], np.uint8), 20_000).reshape(80, 25, 40, 1)
    whole = data.DataSet("grey", "grey", grey, grey[:4], grey[:2], "none", {"train": np.arange(80)})
    drawn = whole.binarized(seed=1)
    assert set(np.unique(drawn.train)) == {0, 255} and drawn.train.dtype == np.uint8
    shares = (drawn.train == 255).reshape(4, -1).mean(axis=1)
    np.testing.assert_allclose(shares, [0, 64 / 255, 128 / 255, 1], atol=0.015)
    assert shares[0] == 0 and shares[3] == 1
    assert drawn.fingerprint == whole.binarized(seed=1).fingerprint != whole.binarized(seed=2).fingerprint
    assert drawn.labels is whole.labels and drawn.source == "grey" and "binarized" in drawn.name


def test_standard_corruptions_are_what_they_are_called():
    grey = np.full((100, 30, 30, 1), 0.5, np.float32)
    noisy = {name: corrupt(grey) for name, corrupt in corruption.STANDARD.items()}
    assert set(noisy) == {"gaussian_0.3", "gaussian_0.5", "masking_0.5", "salt_and_pepper_0.3"}
    unclipped = (noisy["gaussian_0.3"] > 0) & (noisy["gaussian_0.3"] < 1)
    from scipy.stats import norm

    assert abs(unclipped.mean() - (norm.cdf(0.5 / 0.3) - norm.cdf(-0.5 / 0.3))) < 0.01
    assert abs((noisy["masking_0.5"] == 0).mean() - 0.5) < 0.01
    assert abs((noisy["salt_and_pepper_0.3"] != 0.5).mean() - 0.3) < 0.01
    assert abs((noisy["salt_and_pepper_0.3"] == 1).mean() - 0.15) < 0.01
    np.testing.assert_array_equal(noisy["gaussian_0.5"], corruption.STANDARD["gaussian_0.5"](grey))
