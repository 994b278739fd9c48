"""``zoo generate``: samples, traversals and interpolations of a shipped model."""

import json

import numpy as np
import pytest
from PIL import Image

from zoo.cli import main


def run(monkeypatch, *arguments) -> int:
    monkeypatch.setattr("sys.argv", ["zoo", "generate", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code or 0


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "images"), [("samples", 6), ("traversal", 60), ("interpolation", 60)])
def test_kinds(monkeypatch, capsys, tmp_path, kind, images):
    path = tmp_path / "images.npy"
    assert run(monkeypatch, "vae.mnist", "-o", path, "--kind", kind, "-n", 6, "--seed", 1, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"output": str(path), "kind": kind, "images": images}
    drawn = np.load(path)
    assert drawn.shape == (images, 28, 28, 1) and drawn.min() >= 0 and drawn.max() <= 1
    assert run(monkeypatch, "vae.mnist", "-o", tmp_path / "again.npy", "--kind", kind, "-n", 6, "--seed", 1) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "again.npy"), drawn)


def test_samples_look_like_digits(monkeypatch, tmp_path):
    """A nearest neighbour among real digits is much nearer than to noise of the same brightness."""
    from zoo import artifacts

    path = tmp_path / "images.npy"
    assert run(monkeypatch, "vae.mnist", "-o", path, "-n", 64) == 0
    with np.load(artifacts.find("vae.mnist").file("calibration.npz")) as file:
        real = file["images"].reshape(-1, 784) / 255.0

    def distance(images):
        return np.sqrt(((images[:, None] - real[None]) ** 2).sum(axis=-1)).min(axis=1).mean()

    samples = np.load(path).reshape(-1, 784)
    shuffled = np.random.default_rng(0).permuted(samples, axis=1)
    assert distance(samples) < 0.75 * distance(shuffled)


def test_a_picture(monkeypatch, tmp_path):
    assert run(monkeypatch, "vae.mnist", "-o", tmp_path / "digits.png", "-n", 4) == 0
    assert min(Image.open(tmp_path / "digits.png").size) > 56


def test_many_samples_are_several_pictures(monkeypatch, capsys, tmp_path):
    options = ("vae.mnist", "-n", 13, "--seed", 2, "--json")
    monkeypatch.setattr("zoo.generation.PAGE", 6)
    assert run(monkeypatch, *options, "-o", tmp_path / "many.png") == 0
    names = [str(tmp_path / f"many-{page}.png") for page in (1, 2, 3)]
    assert json.loads(capsys.readouterr().out) == {"output": names, "kind": "samples", "images": 13}
    assert sorted(map(str, tmp_path.iterdir())) == names
    assert run(monkeypatch, *options, "-o", tmp_path / "many.npy") == 0
    drawn = np.rint(255 * np.load(tmp_path / "many.npy"))[..., 0]
    for page, start in zip(names, (0, 6, 12), strict=True):  # every page begins with the sample that is its turn
        with Image.open(page) as picture:
            first = np.asarray(picture.convert("L"))[17:73:2, 17:73:2]  # within the margin, twice as large
        np.testing.assert_allclose(first, drawn[start], atol=2)


def test_a_film_is_the_steps_of_the_array_there_and_back(monkeypatch, tmp_path):
    options = ("--kind", "interpolation", "-n", 4, "--steps", 3)
    assert run(monkeypatch, "vae.mnist", "-o", tmp_path / "i.npy", *options) == 0
    assert run(monkeypatch, "vae.mnist", "-o", tmp_path / "i.gif", *options) == 0
    rows = np.rint(255 * np.load(tmp_path / "i.npy")).reshape(4, 3, 28, 28)
    with Image.open(tmp_path / "i.gif") as film:
        assert film.n_frames == 4
        for frame, step in enumerate([0, 1, 2, 1]):
            film.seek(frame)
            grid = np.asarray(film.convert("L"))[::4, ::4]
            np.testing.assert_array_equal(grid[29:, 29:], rows[3, step])


def test_a_traversal_is_labelled(monkeypatch, tmp_path):
    assert run(monkeypatch, "vae.mnist", "-o", tmp_path / "t.png", "--kind", "traversal", "-n", 2, "--steps", 5) == 0
    with Image.open(tmp_path / "t.png") as picture:
        assert picture.width > 2 * 5 * 28 + 30  # five images, and labels


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vae.mnist", "-o", "a.gif"], "output must be a picture or an array of samples"),
        (["vae.mnist", "-o", "a.gif", "--kind", "traversal", "--steps", "1"], "steps must be at least 2"),
        (["vae.mnist", "-o", "a.png", "--steps", "4"], "steps must be at least 2, of a traversal"),
        (["dense_ae", "-o", "a.png"], "dense_ae does not generate"),
        (["vae.mnist", "-o", "a.png", "-n", "0"], "number must be at least 1"),
        (["vea.mnist", "-o", "a.png"], "did you mean"),
        (["gan.mnist", "-o", "a.png", "-n", "342393"], "number must be at most 342392, which are 1 GiB of numbers"),
        (["vae.mnist", "-o", "a.png", "--kind", "traversal", "--steps", "1001"], "and at most 1000: received 1001"),
        (
            ["vae.mnist", "-o", "a.png", "--kind", "traversal", "--steps", "1000", "-n", "11"],
            "number and steps must make at most 10000 images: received 11 rows of 1000 steps",
        ),
    ],
)
def test_refuses_in_one_line(monkeypatch, capsys, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and not list(tmp_path.iterdir())
