"""The flowers of the zoo's own photographs, from a folder that is laid out like it."""

import numpy as np
import pytest
from PIL import Image

from zoo import data, modalities

rng = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Twelve photographs of two kinds, wide and tall by turns, dark on the left or above and light opposite."""
    place = tmp_path / "train" / "flowers"
    place.mkdir(parents=True)
    rows = ["file,author,licence"]
    for index in range(12):
        pixels = np.broadcast_to(np.linspace(0, 255, 30).astype(np.uint8)[None, :, None], (20, 30, 3))
        name = f"{('rose', 'daisy')[index % 2]}-{index:02}.jpg"
        Image.fromarray(pixels if index % 4 < 2 else pixels.swapaxes(0, 1).copy()).save(place / name, quality=95)
        rows.append(f"train/flowers/{name},Author {index},CC BY 2.0")
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.setenv("ZOO_PHOTOS", str(tmp_path))
    return tmp_path


def test_each_photograph_gives_three_squares_and_its_kind(folder):
    loaded = data.load_flowers(image_shape=(8, 8, 3))
    assert (loaded.train.shape, loaded.validation.shape, loaded.test.shape) == (
        (30, 8, 8, 3),
        (3, 8, 8, 3),
        (3, 8, 8, 3),
    )
    assert loaded.classes == ("daisy", "rose") and loaded.source == "flowers"
    for split in ("train", "validation", "test"):
        images, labels = getattr(loaded, split), loaded.labels[split]
        assert len(labels) == len(images) and (labels.reshape(-1, 3) == labels[::3, None]).all()
        first, middle, last = images.reshape(-1, 3, 8, 8, 3).mean(axis=(2, 3, 4)).T
        assert (first < middle).all() and (middle < last).all(), "from the dark end to the light one"
    assert len(loaded.credits) == 10 and all(row["author"].startswith("Author") for row in loaded.credits)


def test_splits_are_of_photographs_and_follow_the_seed(folder):
    names = [{row["file"] for row in data.load_flowers(image_shape=(8, 8, 1), seed=seed).credits} for seed in (0, 0, 1)]
    assert names[0] == names[1] != names[2]


def test_models_of_images_take_them_by_name(folder):
    loaded = modalities.get("image").load("flowers", (8, 8, 1))
    assert loaded.train.shape[1:] == (8, 8, 1) and "CC BY" in loaded.licence


def test_what_is_not_at_hand_is_said(folder, monkeypatch):
    with pytest.raises(ValueError, match="flowers are squares: expected one size, received 8 × 12"):
        data.load_flowers(image_shape=(8, 12, 3))
    for path in (folder / "train" / "flowers").glob("rose*"):
        path.unlink()
    with pytest.raises(ValueError, match="has 6 pictures in train/flowers: expected at least 10"):
        data.load_flowers()
    monkeypatch.delenv("ZOO_PHOTOS")
    with pytest.raises(ValueError, match="photos are not at hand: ZOO_PHOTOS is not set"):
        data.load_flowers()
