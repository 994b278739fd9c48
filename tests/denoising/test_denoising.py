"""Denoising pictures of any size: tiles that overlap, against a plain loop; and the command."""

import json

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo import models
from zoo.cli import main
from zoo.denoising import denoise, tile_count

rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def denoiser():
    return models.DenoisingAE(image_shape=(8, 8, 1), filters=8, blocks=1, latent_channels=4, global_units=8)


class Identity(models.DenoisingAE):
    """Gives back what it gets, so that only the tiling is left to see."""

    def predict_on_batch(self, x):
        return x


class Where(models.DenoisingAE):
    """Gives back how far right a pixel lies in its tile."""

    def predict_on_batch(self, x):
        return np.broadcast_to(np.linspace(0, 1, 8, dtype=np.float32)[:, None], x.shape)


def make(kind):
    return kind(image_shape=(8, 8, 1), filters=8, blocks=1, latent_channels=4, global_units=8)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(8, 8), (5, 3), (21, 30), (21, 30, 3), (2, 13, 9, 1), (1, 1)])
@pytest.mark.parametrize("overlap", [0, 3, 7])
def test_tiles_cover_every_pixel(shape, overlap):
    picture = rng.integers(0, 256, shape, dtype=np.uint8)
    restored = denoise(picture, make(Identity), overlap=overlap)
    assert restored.dtype == np.uint8
    np.testing.assert_array_equal(restored, picture)
    floats = (picture / 255).astype(np.float32)
    np.testing.assert_allclose(denoise(floats, make(Identity), overlap=overlap), floats, atol=0.003)


def test_overlapping_tiles_are_blended_by_their_distance_from_the_edge():
    overlap, step, width = 4, 4, 16
    total, weight = np.zeros(width), np.zeros(width)
    for left in range(0, width - 8 + 1, step):
        for column in range(8):
            w = min(min(column + 1, 8 - column) / (overlap + 1), 1)
            total[left + column] += w * column / 7
            weight[left + column] += w
    restored = denoise(np.zeros((8, width), np.float32), make(Where), overlap=overlap)
    np.testing.assert_allclose(restored, np.broadcast_to(total / weight, (8, width)), atol=1e-6)


def test_one_tile_is_the_models_own_output(denoiser):
    picture = rng.random((8, 8), dtype=np.float32)
    as_255ths = np.rint(255 * picture) / np.float32(255)
    expected = denoiser.predict(as_255ths[None, ..., None], verbose=0)[0, ..., 0]
    np.testing.assert_allclose(denoise(picture, denoiser), expected, atol=1e-5)


def test_progress_counts_all_tiles(denoiser):
    done = []
    denoise(np.zeros((21, 30, 3), np.uint8), denoiser, advance=done.append)
    assert sum(done) == tile_count((21, 30, 3), (8, 8)) == 3 * 5 * 7


@pytest.mark.parametrize(
    ("picture", "arguments", "message"),
    [
        (np.zeros((4, 4), int), {}, "must be uint8, or float"),
        (np.zeros((0, 4), np.uint8), {}, "holds no pixels"),
        (np.zeros((8, 8), np.uint8), {"overlap": 8}, "overlap must be an integer from 0 to 7"),
        (np.zeros((8, 8), np.uint8), {"overlap": -1}, "overlap must be an integer from 0 to 7"),
        (np.full((8, 8), np.nan, np.float32), {}, "must be in"),
    ],
)
def test_bad_input(denoiser, picture, arguments, message):
    with pytest.raises(ValueError, match=message):
        denoise(picture, denoiser, **arguments)


def test_a_model_that_is_no_denoiser_is_refused():
    with pytest.raises(ValueError, match="model must be a denoising autoencoder"):
        zoo.denoise(np.zeros((28, 28), np.uint8), "dense_ae")


def test_shipped_denoiser_cleans_a_mosaic_of_garments():
    from zoo.data import corruption
    from zoo.demo import samples
    from zoo.evaluation import mean_squared_error, psnr

    clean = zoo.plots.mosaic(samples.load().images[:16])  # (112, 112), and tiles that cut garments
    noisy = np.rint(255 * corruption.gaussian(clean / np.float32(255), 0.3, seed=0)).astype(np.uint8)
    restored = zoo.denoise(noisy)
    gain = psnr(mean_squared_error(clean, restored)) - psnr(mean_squared_error(clean, noisy))
    assert gain > 3


def run(monkeypatch, *arguments) -> int:
    """The command in this process, which has TensorFlow loaded; returns the exit status."""
    monkeypatch.setattr("sys.argv", ["zoo", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code or 0


def test_command(tmp_path, monkeypatch, capsys):
    colour = np.repeat(rng.integers(0, 256, (30, 40, 1), dtype=np.uint8), 3, axis=2)
    Image.fromarray(colour).save(tmp_path / "photo.png")
    np.save(tmp_path / "stack.npy", rng.random((2, 28, 28, 1)))
    inputs = [tmp_path / "photo.png", tmp_path / "stack.npy"]
    assert run(monkeypatch, "denoise", *inputs, "-o", tmp_path / "out", "--noise", 0.1, "--json") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["name"] for row in rows] == ["photo", "stack_0", "stack_1"]
    assert all(row["noisy_psnr"] < 25 for row in rows)
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"photo.png", "stack_0.png", "stack_1.png", "before-after.png"}
    assert Image.open(tmp_path / "out" / "photo.png").size == (40, 30)
    assert Image.open(tmp_path / "out" / "before-after.png").size == (88, 30)


def test_originals_and_results_are_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "before-after.png"):
        Image.fromarray(rng.integers(0, 256, (30, 30), dtype=np.uint8)).save(name)
    original = (tmp_path / "photo.png").read_bytes()
    assert run(monkeypatch, "denoise", "photo.png", "-o", ".") == 2
    assert "Cannot write photo.png: it exists already" in capsys.readouterr().err
    assert (tmp_path / "photo.png").read_bytes() == original
    # An input of the comparison's name has a result of its own.
    assert run(monkeypatch, "denoise", "before-after.png", "photo.png", "-o", "out") == 0
    sizes = {path.name: Image.open(path).size for path in (tmp_path / "out").iterdir()}
    assert sizes == {"before-after.png.png": (30, 30), "photo.png": (30, 30), "before-after.png": (68, 30)}
    assert run(monkeypatch, "denoise", "photo.png", "-o", ".", "--overwrite") == 0
    assert (tmp_path / "photo.png").read_bytes() != original


def test_a_damaged_picture_loses_no_other(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(rng.integers(0, 256, (90, 90, 3), dtype=np.uint8)).save("whole.jpg")
    whole = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    Image.fromarray(np.zeros((30, 30), np.uint8)).save("in/a.png")
    assert run(monkeypatch, "denoise", "cut.jpg", "whole.jpg", "in", "-o", "out", "--json") == 1
    result = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in result["rows"]] == ["whole", "a"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"whole.png", "a.png", "before-after.png"}
    left_out, damaged = result["failed"]
    assert "notes.txt is left out" in left_out and "cut.jpg is a damaged picture" in damaged
    assert run(monkeypatch, "denoise", "cut.jpg", "cut.jpg", "-o", "out2") == 2
    assert "None of the inputs can be denoised: cut.jpg" in capsys.readouterr().err
    assert not (tmp_path / "out2").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.png"], "missing.png cannot be read"),
        (["photo.png", "-o", "out.png"], "Cannot write into out.png: it is a file's name; give that of a folder"),
        (["photo.png", "--model", "dense_ae"], "model must be a denoising autoencoder"),
        (["photo.png", "--noise", "0"], "noise must be above 0"),
        (["photo.png", "--model", "denoising_ae", "--overlap", "28"], "overlap must be an integer from 0 to 27"),
        (["photo.png", "--overlap", "3"], "overlap must be left out"),
    ],
)
def test_command_refuses_in_one_line_and_writes_nothing(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((30, 30), np.uint8)).save("photo.png")
    assert run(monkeypatch, "denoise", "-o", "out", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()
