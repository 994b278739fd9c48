"""``zoo compress`` and ``zoo decompress``, as a user types them."""

import json
import os

import numpy as np
import pytest
import typer
from block_means import blobs
from PIL import Image

from zoo.cli.compress import compress


@pytest.fixture
def zoo(command_line, model_folder):
    """Runs a command line beside ``model``; returns what it printed."""
    run = command_line(model_folder)
    return lambda line: run(line)[1]


def test_pictures_and_back(zoo, tmp_path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    colour = np.concatenate([blobs(1, seed=s, size=50)[0] for s in range(3)], axis=-1)
    Image.fromarray(colour).save(tmp_path / "in" / "sub" / "colour.png")
    Image.fromarray(blobs(1, seed=4, size=28)[0, ..., 0]).save(tmp_path / "in" / "grey.bmp")
    result = json.loads(zoo("compress in -o x.zoo --model model --verify --json"))
    size = (tmp_path / "x.zoo").stat().st_size
    assert result["pictures"] == 2 and result["pixels"] == 2500 + 784 and result["bytes"] == size
    assert result["bits_per_pixel"] == pytest.approx(8 * size / 3284)
    restored = json.loads(zoo("decompress x.zoo -o out --model model --json"))
    assert restored["pictures"] == 2 and restored["model"] == "means"
    files = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*"))
    assert files == ["grey.png", "sub", "sub/colour.png"]
    pairs = [
        (np.asarray(Image.open(tmp_path / a)), np.asarray(Image.open(tmp_path / b)))
        for a, b in (("in/grey.bmp", "out/grey.png"), ("in/sub/colour.png", "out/sub/colour.png"))
    ]
    error = np.concatenate([(a / 255 - b / 255).ravel() ** 2 for a, b in pairs]).mean()
    assert result["psnr"] == pytest.approx(-10 * np.log10(error)) and result["psnr"] > 15


def test_arrays_and_single_pictures(zoo, tmp_path):
    images = blobs(12, seed=5)
    np.save(tmp_path / "a.npy", images)
    zoo("compress a.npy -o x.zoo --model model")
    zoo("decompress x.zoo -o out --model model")
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == [f"a_{i:02}.png" for i in range(12)]
    zoo("decompress x.zoo -o b.npy --model model")
    np.testing.assert_array_equal(
        np.load(tmp_path / "b.npy")[3, ..., 0],
        np.asarray(Image.open(tmp_path / "out" / "a_03.png")),
    )
    zoo("compress out/a_03.png -o one.zoo --model model --fit crop --no-names")
    zoo("decompress one.zoo -o one.png --model model")
    assert Image.open(tmp_path / "one.png").size == (28, 28)
    zoo("decompress one.zoo -o nameless --model model")
    assert [p.name for p in (tmp_path / "nameless").iterdir()] == ["picture.png"]


def test_an_existing_folder_keeps_its_other_files(zoo, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    np.save(tmp_path / "a.npy", blobs(1, seed=6))
    zoo("compress a.npy -o x.zoo --model model")
    for option in ("", " --overwrite"):
        zoo(f"decompress x.zoo -o out --model model{option}")
        assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "mine.txt"]


@pytest.mark.parametrize("output", ["out", "a.png", "a.npy"])
def test_originals_are_not_replaced_without_a_word(zoo, tmp_path, output):
    np.save(tmp_path / "b.npy", blobs(1, seed=6))
    (tmp_path / "out").mkdir()
    originals = [tmp_path / name for name in ("out/b.png", "a.png", "a.npy")]
    for path in originals:
        path.write_text("mine")
        path.chmod(0o640)
    zoo("compress b.npy -o x.zoo --model model")
    for picture in ("", " --picture 0")[: 2 if output != "out" else 1]:
        with pytest.raises(ValueError, match="exists already.*--overwrite"):
            zoo(f"decompress x.zoo -o {output}{picture} --model model")
    assert [path.read_text() for path in originals] == ["mine"] * 3
    zoo(f"decompress x.zoo -o {output} --model model --overwrite")
    assert sum(path.read_bytes() != b"mine" for path in originals) == 1
    assert {path.stat().st_mode & 0o777 for path in originals} == {0o640}


def test_stored_names_do_not_lead_out_of_the_folder(zoo, tmp_path):
    (tmp_path / "in" / "link").mkdir(parents=True)
    for name in ("a.png", "link/x.png"):
        Image.fromarray(blobs(1, seed=4)[0, ..., 0]).save(tmp_path / "in" / name)
    zoo("compress in -o x.zoo --model model")
    (tmp_path / "victim").mkdir()
    (tmp_path / "out").mkdir()
    for target, place in (("../victim", "out/link"), ("victim/a.png", "out/a.png")):
        (tmp_path / place).symlink_to(target)
        with pytest.raises(ValueError, match=f"{place} is a link. Remove it"):
            zoo("decompress x.zoo -o out --model model --overwrite")
        assert not list((tmp_path / "victim").iterdir())
        (tmp_path / place).unlink()
        assert not list((tmp_path / "out").iterdir()), "nothing of it appears"


def test_a_move_that_fails_midway_is_undone(zoo, tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", blobs(3, seed=8))
    zoo("compress a.npy -o x.zoo --model model")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a_1.png").write_text("mine")
    replace, moved = os.replace, []

    def failing(source, target):
        moved.append(target)
        if str(target).endswith("a_2.png"):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(ValueError, match="Cannot write into out: No space left on device"):
        zoo("decompress x.zoo -o out --model model --overwrite")
    assert len(moved) >= 3
    assert {p.name: p.read_text() for p in (tmp_path / "out").iterdir()} == {"a_1.png": "mine"}


def test_a_table_is_printed(zoo, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((28, 28), np.uint8))
    text = zoo("compress a.npy -o x.zoo --model model --verify")
    for word in ("x.zoo", "means", "pictures", "bytes", "bits per pixel", "psnr"):
        assert word in text


def test_a_batch_goes_on_without_what_cannot_be_opened(tmp_path, zoo, capsys):
    np.save(tmp_path / "a.npy", blobs(2, seed=7))
    (tmp_path / "b.png").write_text("no picture")
    app = typer.Typer(add_completion=False)
    app.command()(compress)
    status = app("a.npy b.png none.npy -o x.zoo --model model --json".split(), standalone_mode=False)
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert status == 1 and result["pictures"] == 2 and len(result["failed"]) == 2
    assert printed.err.splitlines() == [f"Failed: {line}" for line in result["failed"]]
    assert "b.png is not a picture" in printed.err and "none.npy cannot be read" in printed.err
    zoo("decompress x.zoo -o out --model model")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a_0.png", "a_1.png"]


def test_a_batch_goes_on_past_what_is_damaged_and_says_what_it_leaves_out(command_line, model_folder, tmp_path):
    run = command_line(model_folder)
    (tmp_path / "in" / ".git").mkdir(parents=True)
    whole = blobs(3, seed=3, size=60)[..., 0].transpose(1, 2, 0)
    Image.fromarray(whole).save(tmp_path / "whole.jpg")
    data = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    Image.fromarray(blobs(1, seed=4)[0, ..., 0]).save(tmp_path / "in" / "b.png")
    for name in ("a.xcf", "notes.txt", ".hidden", ".git/config"):
        (tmp_path / "in" / name).touch()
    (tmp_path / "in" / "to").symlink_to(tmp_path)
    (tmp_path / "in" / "lost.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    status, out, err = run("compress whole.jpg cut.jpg in pipe.png -o x.zoo --model model --verify --json")
    result = json.loads(out)
    assert status == 1 and result["pictures"] == 2 and result["psnr"] > 10
    assert [line.removeprefix("Failed: ") for line in err.splitlines()] == result["failed"]
    for name, reason in (
        ("in/a.xcf", "is left out: it is none of the pictures"),
        ("in/notes.txt", "is left out: it is none of the pictures"),
        ("in/to", "is left out: it is a link to a folder"),
        ("in/lost.png", "is left out: it is no regular file"),
        ("pipe.png", "is a device, a pipe or a socket"),
        ("cut.jpg", "is a damaged picture"),
    ):
        (line,) = (line for line in result["failed"] if line.startswith(f"{name} "))
        assert reason in line
    assert len(result["failed"]) == 6
    # An append that fails on the way goes on as well, and what it has written is cut off first.
    status, out, err = run("compress cut.jpg whole.jpg -o x.zoo --model model --append --json")
    assert status == 1 and json.loads(out)["pictures"] == 1
    assert json.loads(run("decompress x.zoo -o out --model model --json")[1])["pictures"] == 3


def test_which_kind_of_files_is_meant_is_said(zoo, tmp_path):
    (tmp_path / "notes").write_text("a text without an extension")
    with pytest.raises(ValueError, match="notes is not a picture: .* As a text, .* --model summarizer takes any file"):
        zoo("compress notes -o x.zoo")
    np.save(tmp_path / "a.npy", blobs(1, seed=1))
    result = json.loads(zoo("compress notes a.npy -o x.zoo --json"))
    assert "--model summarizer" in result["failed"][0] and result["pictures"] == 1
    with pytest.raises(ValueError) as error:
        zoo("compress notes -o x.zoo --model model")
    assert "summarizer" not in str(error.value)


def test_a_folder_that_cannot_be_read_is_said(zoo, tmp_path, monkeypatch):
    (tmp_path / "in" / "closed").mkdir(parents=True)
    Image.fromarray(blobs(1, seed=4)[0, ..., 0]).save(tmp_path / "in" / "b.png")
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    result = json.loads(zoo("compress in -o x.zoo --model model --json"))
    assert result["pictures"] == 1 and result["failed"] == ["in/closed cannot be read: Permission denied."]


def test_the_second_of_two_appends_is_refused(codec, zoo, tmp_path):
    np.save(tmp_path / "a.npy", blobs(3, seed=8))
    zoo("compress a.npy -o x.zoo --model model")

    def transform(pictures):  # while the first one works
        with pytest.raises(ValueError, match="x.zoo is being written by another process"):
            codec.compress_file(tmp_path / "a.npy", tmp_path / "x.zoo", append=True)
        return pictures

    codec.compress_file(tmp_path / "a.npy", tmp_path / "x.zoo", append=True, transform=transform)
    assert codec.decompress_file(tmp_path / "x.zoo", tmp_path / "b.npy").pictures == 6


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("compress a.npy -o - --model model", "Cannot write -: results do not go to standard output"),
        ("decompress x.zoo -o - --model model", "Cannot write -: results do not go to standard output"),
        ("compress a.npy -o y.png --model model", "output must be the name of a container, such as y.zoo"),
        ("compress a.npy -o pipe --model model", "Cannot write pipe: it is a device, a pipe or a socket"),
        ("compress a.npy -o /dev/null --model model", "Cannot write /dev/null: it is a device"),
        ("decompress x.zoo -o pipe --model model --picture 0", "Cannot write pipe: it is a device"),
        ("compress pipe -o y.zoo --model model", "pipe is a device, a pipe or a socket: give a file"),
        ("decompress pipe -o out --model model", "pipe is a device, a pipe or a socket: give a file"),
        ("decompress x.zoo -o s.flac --model model", "x.zoo holds pictures: give a name in .png or .npy, or a folder"),
        ("decompress x.zoo -o no/out --model model", "Cannot write into no/out: No such file or directory"),
        ("compress a.npy -o a.npy --model model", "a.npy is one of the inputs"),
        ("compress none.png -o y.zoo --model model", "none.png cannot be read: No such file"),
        ("compress x.zoo -o y.zoo --model model", "x.zoo is not a picture"),
        ("compress x.zoo none.png -o y.zoo --model model", "None of the inputs can be compressed: x.zoo is not a"),
        ("compress a.npy -o no/y.zoo --model model", "Cannot write no/y.zoo"),
        ("compress a.npy -o y.zoo --model mode1", "Unknown model 'mode1'"),
        ("compress a.npy -o y.zoo --model model --fit zoom", "fit must be tile, crop, pad"),
        ("decompress x.zoo -o out", "x.zoo needs the model means"),
        ("decompress a.npy -o out --model model", "a.npy is not a zoo container"),
        ("decompress none.zoo -o out --model model", "none.zoo cannot be read"),
        ("decompress cut.zoo -o out --model model", "cut.zoo, byte .* truncated or corrupt"),
        ("decompress x.zoo -o a.wav --model model", "x.zoo holds pictures: give a name in .png"),
        ("decompress x.zoo -o a.txt --model model", "Cannot write into a.txt: it is a file"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(zoo, tmp_path, line, message):
    np.save(tmp_path / "a.npy", blobs(2, seed=7))
    (tmp_path / "a.txt").touch()
    os.mkfifo(tmp_path / "pipe")
    zoo("compress a.npy -o x.zoo --model model")
    (tmp_path / "cut.zoo").write_bytes((tmp_path / "x.zoo").read_bytes()[:-9])
    before = sorted(p.name for p in tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=message) as error:
        zoo(line)
    assert len(str(error.value).splitlines()) == 1
    assert sorted(p.name for p in tmp_path.rglob("*")) == before


def test_appending_and_single_pictures(zoo, tmp_path):
    np.save(tmp_path / "a.npy", blobs(3, seed=8))
    np.save(tmp_path / "b.npy", blobs(2, seed=9))
    zoo("compress a.npy -o x.zoo --model model")
    result = json.loads(zoo("compress b.npy -o x.zoo --model model --append --json"))
    assert result["pictures"] == 2
    assert json.loads(zoo("decompress x.zoo -o all.npy --model model --json"))["pictures"] == 5
    result = json.loads(zoo("decompress x.zoo --picture 4 -o one.png --model model --json"))
    assert result == {"output": "one.png", "model": "means", "picture": 4}
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "one.png")), np.load(tmp_path / "all.npy")[4, ..., 0]
    )
    with pytest.raises(ValueError, match="index must be from 0 to 4: received 5"):
        zoo("decompress x.zoo --picture 5 -o one.png --model model")


def test_salvaging_and_denoising(zoo, tmp_path):
    images = blobs(4, seed=11)
    noisy = np.clip(images + np.random.default_rng(0).normal(0, 60, images.shape), 0, 255).astype(np.uint8)
    np.save(tmp_path / "noisy.npy", noisy)
    zoo("compress noisy.npy -o x.zoo --model model")
    zoo("compress noisy.npy -o clean.zoo --model model --denoise --denoiser denoising_ae.mnist")
    errors = {}
    for name in ("x", "clean"):
        zoo(f"decompress {name}.zoo -o {name}.npy --model model")
        errors[name] = np.mean((np.load(tmp_path / f"{name}.npy").astype(float) - images) ** 2)
    assert errors["clean"] < errors["x"]
    with pytest.raises(ValueError, match="must be a denoising autoencoder"):
        zoo("compress noisy.npy -o y.zoo --model model --denoise --denoiser dense_ae")
    with open(tmp_path / "x.zoo", "ab") as file:
        file.write((tmp_path / "clean.zoo").read_bytes()[:-3])
    with pytest.raises(ValueError, match="--salvage"):
        zoo("decompress x.zoo -o y.npy --model model")
    assert json.loads(zoo("decompress x.zoo -o y.npy --model model --salvage --overwrite --json"))["pictures"] == 4
    zoo("decompress x.zoo -o y.png --picture 3 --model model --salvage")
    zoo("compress noisy.npy -o x.zoo --model model --append --salvage")
    assert json.loads(zoo("decompress x.zoo -o y.npy --model model --overwrite --json"))["pictures"] == 8


def test_a_compact_image(zoo, tmp_path):
    Image.fromarray(blobs(1, seed=10, size=40)[0, ..., 0]).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="compact holds one grey image of 28 × 28 pixels: received 1 of .40, 40, 1."):
        zoo("compress a.png -o x.z --model model --compact")
    result = json.loads(zoo("compress a.png -o x.z --model model --compact --fit crop --verify --json"))
    assert result["bytes"] == (tmp_path / "x.z").stat().st_size < 40 and result["psnr"] > 15
    zoo("decompress x.z -o b.png --model model")
    assert Image.open(tmp_path / "b.png").size == (28, 28)


def test_a_lossy_model_is_not_lossless(zoo, tmp_path):
    np.save(tmp_path / "a.npy", blobs(1, seed=11))
    with pytest.raises(ValueError, match="means is lossy: leave out --lossless"):
        zoo("compress a.npy -o x.zoo --model model --lossless")
    assert not (tmp_path / "x.zoo").exists()


def test_what_is_left_out_is_said(zoo, tmp_path):
    Image.fromarray(np.dstack([*blobs(3, seed=0), np.full((28, 28, 1), 255, np.uint8)])).save(tmp_path / "a.png")
    result = json.loads(zoo("compress a.png -o x.zoo --model model --json"))
    assert result["notes"] == ["a: opaque alpha channel left out"]
    assert "opaque alpha channel left out" in zoo("compress a.png -o x.zoo --model model")


def test_transparency_is_refused_or_kept(zoo, tmp_path):
    picture = np.dstack([blobs(1, seed=s)[0] for s in range(4)])
    Image.fromarray(picture).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="a.png has transparency, which this model does not keep: flatten it, or use"):
        zoo("compress a.png -o x.zoo --model model")
    assert not (tmp_path / "x.zoo").exists()
    assert json.loads(zoo("compress a.png -o x.zoo --lossless --verify --json"))["exact"]
    zoo("decompress x.zoo -o b.png")
    with Image.open(tmp_path / "b.png") as image:
        assert image.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(image), picture)


def test_lossless_means_it(zoo, tmp_path):
    Image.fromarray(blobs(1, seed=0)[0, ..., 0].astype(np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="a.png would not be kept exactly .16 bits made 8.: convert it"):
        zoo("compress a.png -o x.zoo --lossless --verify --model hierarchical_vae")
    assert not (tmp_path / "x.zoo").exists()
    assert json.loads(zoo("compress a.png -o x.zoo --lossless --verify --json"))["exact"]
    picture = blobs(1, seed=4)[0, ..., 0]
    Image.fromarray(picture).save(tmp_path / "b.png")
    result = json.loads(zoo("compress b.png -o x.zoo --lossless --verify --json"))
    assert result["exact"] is True and result["psnr"] is None
    zoo("decompress x.zoo -o c.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "c.png")), picture)
    with pytest.raises(ValueError, match="No model keeps sounds without loss: leave out --lossless, or use FLAC"):
        zoo("compress b.wav -o y.zoo --lossless")


def test_which_model_pictures_go_to(zoo, tmp_path):
    """Grey pictures of 28 × 28 pixels go to the small models; all others, and mixtures, to those of photographs."""
    small, large, colour = blobs(1, seed=0)[0, ..., 0], np.zeros((28, 29), np.uint8), np.zeros((28, 28, 3), np.uint8)
    for name, picture in (("small", small), ("large", large), ("colour", colour), ("deep", small.astype(np.uint16))):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    np.save(tmp_path / "stack.npy", blobs(2, seed=1))
    lossy, exact = "photo_compressor.photos", "pixel_predictor.photos"
    for inputs, models in (
        ("small.png stack.npy", ("compressor.fashion_mnist_q3", "hierarchical_vae.fashion_mnist")),
        *((name, (lossy, exact)) for name in ("large.png", "colour.png", "deep.png", "small.png large.png")),
    ):
        for option, model in zip(("", "--lossless"), models, strict=True):
            assert json.loads(zoo(f"compress {inputs} -o {len(inputs)}{model}.zoo {option} --json"))["model"] == model


def test_a_photograph_is_warned_of(command_line, model_folder, tmp_path):
    """Where a JPEG of the same quality is smaller: of smooth colour, in tiles that cost as much as any."""
    run = command_line(model_folder)
    slope = np.add.outer(np.arange(140), np.arange(196)) // 2
    Image.fromarray(np.stack([slope, slope, slope[::-1]], -1).astype(np.uint8)).save(tmp_path / "photo.png")
    _, out, err = run("compress photo.png -o x.zoo --model model --json")
    assert "photo takes about" in json.loads(out)["warning"]
    assert err.startswith("Warning: photo takes about") and "times the bytes of a JPEG of the same quality" in err
    Image.fromarray(blobs(1, seed=4)[0, ..., 0]).save(tmp_path / "small.png")
    assert "warning" not in json.loads(run("compress small.png -o x.zoo --model model --json")[1])


def test_sizes_that_a_user_may_raise(zoo, tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    Image.fromarray(blobs(1, seed=4, size=50)[0, ..., 0]).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="a.png has too many pixels: if you trust it, give --max-pixels"):
        zoo("compress a.png -o x.zoo --model model --max-pixels 2499")
    zoo("compress a.png -o x.zoo --model model --max-pixels 2500")
    zoo("compress a.png -o x.zoo --model model")  # the library's own limit does not hold
    with pytest.raises(ValueError, match="restores to 2,500 bytes: max_bytes allows 2,499. .*--max-bytes"):
        zoo("decompress x.zoo -o out --model model --max-bytes 2499")
    assert not (tmp_path / "out").exists()
    zoo("decompress x.zoo -o out --model model --max-bytes 2500")


def test_long_texts_are_announced_and_counted_in_bytes(capsys):
    from zoo.cli.compress import TEXT_SPEED, advancing

    class Bar:
        def update(self, task, **counts):
            self.counts = counts

    bar = Bar()
    advance = advancing(bar, 0, "bytes")
    advance(0, 600 * TEXT_SPEED)
    assert "3,000,000 bytes of text, at about 5,000 a second: 10.0 minutes" in capsys.readouterr().err
    advance(1000, 600 * TEXT_SPEED)
    assert bar.counts == {"completed": 1000, "total": 3_000_000} and not capsys.readouterr().err
