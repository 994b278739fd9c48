"""``zoo embed``: codes of the user's own examples, in their order, and maps that open."""

import base64
import io
import json
import os
import re
import sys

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo import data, maps
from zoo.cli import main
from zoo.demo import samples
from zoo.embedding import in_the_plane

MODEL = "dense_ae"
SAMPLES = samples.load()
IMAGES = SAMPLES.images[:12]
rng = np.random.default_rng(0)


def run(monkeypatch, *arguments):
    """Exit status of the command."""
    monkeypatch.setattr(sys, "argv", ["zoo", "embed", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    return stopped.value.code or 0


@pytest.fixture(scope="module")
def codes():
    return np.asarray(zoo.load(MODEL).encode(IMAGES / np.float32(255)))


@pytest.fixture
def folder(tmp_path):
    """Pictures of two kinds, one of them no picture."""
    for index, image in enumerate(IMAGES[:4]):
        place = tmp_path / "pictures" / ("odd" if index % 2 else "even")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(place / f"{index}.png")
    (tmp_path / "pictures" / "odd" / "2.png").write_text("no picture")
    whole = (tmp_path / "pictures" / "even" / "0.png").read_bytes()
    (tmp_path / "pictures" / "even" / "cut.png").write_bytes(whole[: len(whole) // 2])
    return tmp_path / "pictures"


def write_csv(path, rows, header=None):
    lines = [",".join(map(str, row)) for row in ([header] if header else []) + [list(row) for row in rows]]
    path.write_text("\n".join(lines) + "\n")
    return path


PIXELS = [f"pixel{index}" for index in range(784)]


@pytest.mark.slow
def test_the_codes_are_the_models_own_and_flat(codes):
    for images in (IMAGES, IMAGES[..., 0], IMAGES.reshape(12, 784), IMAGES / np.float32(255)):
        np.testing.assert_allclose(zoo.embed(images, MODEL), codes, atol=1e-5)
    assert zoo.embed(IMAGES, MODEL).dtype == np.float32
    many = zoo.embed(np.repeat(IMAGES, 50, axis=0), MODEL)  # more than one batch
    np.testing.assert_allclose(many, np.repeat(codes, 50, axis=0), atol=1e-5)
    vae = zoo.load("beta_vae")
    np.testing.assert_allclose(zoo.embed(IMAGES, vae), zoo.embed(IMAGES, vae))  # the mean, not a draw
    assert zoo.embed(IMAGES, "denoising_ae").shape == (12, 7 * 7 * 12)
    assert zoo.embed(IMAGES, "unpool_ae").shape == (12, 620)  # z and its switches


@pytest.mark.parametrize(
    ("images", "model", "message"),
    [
        (IMAGES[:, :20], MODEL, r"images must be \(n, 28, 28, 1\)"),
        (IMAGES[:0], MODEL, r"n ≥ 1: received \(0, 28, 28, 1\)"),
        (IMAGES.astype(int), MODEL, "images must be uint8, or float"),
        (IMAGES, "classifier", "model must have an encoder"),
        (MODEL, IMAGES, "model must be a model, its name or its folder: received ndarray"),
        (IMAGES.astype(np.float32), MODEL, r"images must be in \[0, 1\]: received values from 0 to 255; divide 8-bit"),
        (np.full((1, 28, 28, 1), np.nan), MODEL, "images must be finite"),
    ],
)
def test_what_embed_refuses(images, model, message):
    with pytest.raises(ValueError, match=message):
        zoo.embed(images, model)


def test_every_kind_of_file_gives_the_same_codes(tmp_path, codes):
    labels = SAMPLES.labels[:12]
    np.save(tmp_path / "a.npy", IMAGES)
    np.savez(tmp_path / "b.npz", x_test=IMAGES[..., 0], y_test=labels, x_train=IMAGES[:2], y_train=labels[:2])
    flat = IMAGES.reshape(12, 784)
    write_csv(tmp_path / "c.csv", flat)
    labelled = [[*row[:5], f"no {label}", *row[5:]] for row, label in zip(flat.tolist(), labels, strict=True)]
    write_csv(tmp_path / "d.csv", labelled, [*PIXELS[:5], "Label", *PIXELS[5:]])
    write_csv(tmp_path / "e.csv", flat / 255)
    quoted = (tmp_path / "d.csv").read_text().replace("Label", '"label"')
    (tmp_path / "f.csv").write_text("\ufeff" + re.sub(r"no (\d)", r'"no, \1"', quoted))  # as spreadsheets write it
    for name in ("a.npy", "b.npz", "c.csv", "d.csv", "e.csv", "f.csv"):
        read = data.load_examples([tmp_path / name])
        np.testing.assert_allclose(zoo.embed(read.images, MODEL), codes, atol=1e-4)
        assert read.names[3] == f"{name}[3]" and not read.failures
    assert data.load_examples([tmp_path / "b.npz"]).labels == [str(label) for label in labels]
    assert data.load_examples([tmp_path / "d.csv"]).labels == [f"no {label}" for label in labels]
    assert data.load_examples([tmp_path / "f.csv"]).labels == [f"no, {label}" for label in labels]
    both = data.load_examples([tmp_path / "a.npy", tmp_path / "d.csv"])
    assert both.labels == [""] * 12 + [f"no {label}" for label in labels]
    assert len(data.load_examples([tmp_path / "b.npz"], split="train").images) == 2
    assert len(data.load_examples([tmp_path / "b.npz"], array="x_train").images) == 2


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_pictures_of_another_size_and_colour_are_fitted(tmp_path, fit):
    Image.fromarray(np.full((20, 60, 3), (255, 0, 0), np.uint8)).save(tmp_path / "red.png")
    np.save(tmp_path / "wide.npy", np.full((2, 20, 60, 1), 200, np.uint8))
    read = data.load_examples([tmp_path / "red.png", tmp_path / "wide.npy"], fit=fit)
    assert read.images.shape == (3, 28, 28, 1)
    assert read.images[0, 14, 14, 0] == pytest.approx(round(0.299 * 255) / 255)
    assert (read.images[1, 0] == 0).all() == (fit == "pad")


def test_files_that_cannot_be_read_are_left_out_and_listed(folder, tmp_path, codes, monkeypatch, capsys):
    assert run(monkeypatch, MODEL, folder, tmp_path / "missing.csv", "-o", tmp_path / "c.npy", "--json") == 1
    done = capsys.readouterr()
    result = json.loads(done.out)
    np.testing.assert_allclose(np.load(tmp_path / "c.npy"), codes[[0, 2, 1, 3]], atol=1e-5)
    assert result["names"] == ["even/0", "even/2", "odd/1", "odd/3"] and result["numbers"] == 32
    assert [re.search("2.png is not a|cut.png is a damaged|missing.csv cannot be read", f)[0][:3]
            for f in sorted(result["failed"])] == ["mis", "cut", "2.p"]  # fmt: skip
    assert [line for line in done.err.splitlines() if line.startswith("Failed: ")] == [
        f"Failed: {failure}" for failure in result["failed"]
    ]
    assert data.load_examples([folder]).labels == ["even", "even", "odd", "odd"]


BAD = {
    "empty.npy": (b"", "holds no arrays of numbers"),
    "empty.csv": (b"", "empty.csv is empty"),
    "header.csv": ((",".join(PIXELS) + "\n").encode(), "must hold 1 or more rows of numbers"),
    "short.csv": (b"1,2,3\n", "has 3 columns of pixels: the model takes 784. A column of labels needs a heading"),
    "text.csv": (",".join(["a"] * 784).encode() + b"\n" + b",".join([b"x"] * 784), "holds 'x', which is no number"),
    "ragged.csv": (b",".join([b"1"] * 784) + b"\n" + b",".join([b"1"] * 700), "row 2: 700 values"),
    "nan.csv": (b",".join([b"nan"] * 2 + [b"1"] * 782), "row 1: column '0' is empty, NaN or infinite, one of 2"),
    "large.csv": (b",".join([b"256"] * 784), "received numbers from 1.004 to 1.004"),
    "binary.csv": (bytes(range(128, 256)), "is no table"),
    "note.txt": (b"hello", "is not a picture"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_in_one_line(name, tmp_path):
    content, message = BAD[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        data.load_examples([tmp_path / name])
    assert name in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["pipe.npy", "pipe.npz", "pipe.csv", "pipe.png"])
def test_a_pipe_is_refused_and_not_waited_for(name, tmp_path):
    os.mkfifo(tmp_path / name)
    with pytest.raises(ValueError, match=f"{name} is a device, a pipe or a socket: give a file"):
        data.load_examples([tmp_path / name])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((3, 28, 28), np.nan), "received NaN or infinity"),
        (np.full((3, 28, 28), 7.0), "received numbers from 7 to 7"),
        (np.zeros((3, 64), np.uint8), r"must hold examples \(n, 784\)"),
        (np.zeros((0, 28, 28), np.uint8), r"received \(0, 28, 28, 1\)"),
        (np.zeros((3, 28, 28), int), "must be uint8"),
        (np.array([IMAGES[0], IMAGES[0, :20]], dtype=object), "holds no arrays of numbers in one shape"),
    ],
)
def test_bad_arrays_are_refused(array, message, tmp_path):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(ValueError, match=message):
        data.load_examples([tmp_path / "a.npy"])


def test_a_file_of_several_arrays_asks_which(tmp_path):
    np.savez(tmp_path / "a.npz", first=IMAGES, second=IMAGES)
    with pytest.raises(ValueError, match="holds first, second: say which with --array"):
        data.load_examples([tmp_path / "a.npz"])
    with pytest.raises(ValueError, match="has no array 'third': it holds first, second"):
        data.load_examples([tmp_path / "a.npz"], array="third")
    assert len(data.load_examples([tmp_path / "a.npz"], array="second").images) == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no_such_model", "x.npy"), "Unknown model"),
        ((MODEL, "./missing"), "missing cannot be read"),
        ((MODEL, "no_such_set"), "Unknown data 'no_such_set'"),
        ((MODEL, "x.npy", "--fit", "stretch"), "fit must be crop, pad, resize, tile"),
        (("dcgan", "x.npy"), "must have an encoder"),
        (("signal_ae", "x.npy"), "The model takes signals (576, 1): expected one of pictures"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_2(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", IMAGES)
    assert run(monkeypatch, *arguments, "-o", "c.npy") == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("zoo: ")]
    assert len(lines) == 1 and message in lines[0]
    assert not (tmp_path / "c.npy").exists()


def test_a_map_without_bokeh_says_what_to_install_before_any_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "bokeh", None)
    assert run(monkeypatch, MODEL, "missing", "-o", tmp_path / "c.npy", "--plot", tmp_path / "m.html") == 2
    assert "pip install 'autoencoder-zoo[maps]'" in capsys.readouterr().err


def test_longer_codes_are_projected_by_their_principal_components():
    codes = rng.normal(size=(200, 5)) @ np.diag([3, 0.1, 2, 0.1, 0.1])
    points, share = in_the_plane(codes)
    values, vectors = np.linalg.eigh(np.cov(codes.T))
    assert share == pytest.approx(values[-2:].sum() / values.sum())
    expected = (codes - codes.mean(axis=0)) @ vectors[:, :-3:-1]
    np.testing.assert_allclose(np.abs(points), np.abs(expected), atol=1e-4)  # an axis has no sign
    np.testing.assert_array_equal(in_the_plane(codes[:, :2])[0], codes[:, :2])
    np.testing.assert_array_equal(in_the_plane(codes[:, :1])[0], np.pad(codes[:, :1], ((0, 0), (0, 1))))
    assert in_the_plane(codes[:1])[0].shape == (1, 2)


def documents(page):
    """Bokeh's own description of what a page draws."""
    script = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.S)[1]
    return json.loads(script.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"'))


def found(node, name):
    """All objects of a kind within a description."""
    if isinstance(node, dict):
        if node.get("name") == name:
            yield node
        node = node.values()
    for child in node if not isinstance(node, (str, int, float, type(None))) else ():
        yield from found(child, name)


def test_the_map_holds_every_point_its_picture_and_its_label_and_needs_no_network(tmp_path, monkeypatch, capsys):
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=SAMPLES.labels[:12])
    page = tmp_path / "map.html"
    arguments = (MODEL, tmp_path / "a.npz", "-o", tmp_path / "c.npy", "--plot", page, "--limit", 9)
    assert run(monkeypatch, *arguments) == 0
    assert "9 of 12 points are shown" in capsys.readouterr().out
    text = page.read_text()
    tags = re.sub(r"(<script[^>]*>).*?</script>", r"\1", text, flags=re.S)
    assert not re.search(r"<(script|link|img)[^>]* (src|href)=", tags)
    described = documents(text)
    sources = list(found(described, "ColumnDataSource"))
    columns = [dict(source["attributes"]["data"]["entries"]) for source in sources]
    pictures = {
        name: np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2]))))
        for column in columns
        for name, picture in zip(column["name"], column["picture"], strict=True)
    }
    assert len(pictures) == 9
    for name, picture in pictures.items():
        np.testing.assert_array_equal(picture, IMAGES[int(name[len("a.npz[") : -1]), ..., 0])
    labels = {name: label for column in columns for name, label in zip(column["name"], column["label"], strict=True)}
    assert all(label == str(SAMPLES.labels[int(name[len("a.npz[") : -1])]) for name, label in labels.items())
    assert len(list(found(described, "LegendItem"))) == len(columns) == len(set(labels.values()))
    title = next(found(described, "Title"))["attributes"]["text"]
    assert "principal components 1 and 2 of 32 numbers" in title and "9 of 12 at random" in title


def test_many_kinds_of_labels_are_told_by_pointing_only(tmp_path):
    points = rng.random((30, 2))
    images = np.zeros((30, 8, 200, 3), np.float32)
    labels = [f"<{index}>" for index in range(30)]
    maps.interactive(points, images, labels, tmp_path / "m.html", labels=labels, title="</script><b>")
    described = documents((tmp_path / "m.html").read_text())
    assert not list(found(described, "LegendItem")) and len(list(found(described, "ColumnDataSource"))) == 1
    picture = dict(next(found(described, "ColumnDataSource"))["attributes"]["data"]["entries"])["picture"][0]
    assert Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2]))).size == (64, 3)


def test_tensorboard_opens_the_projector_folder(tmp_path, monkeypatch):
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.projector import projector_plugin
    from werkzeug.test import Client
    from werkzeug.wrappers import Response

    np.savez(tmp_path / "a.npz", images=IMAGES, labels=SAMPLES.labels[:12])
    folder = tmp_path / "projector"
    assert run(monkeypatch, MODEL, tmp_path / "a.npz", "-o", tmp_path / "c.npy", "--projector", folder) == 0
    context = base_plugin.TBContext(logdir=str(folder), multiplexer=EventMultiplexer())
    plugin = projector_plugin.ProjectorPlugin(context)
    clients = {route: Client(app, Response) for route, app in plugin.get_plugin_apps().items()}
    assert json.loads(clients["/runs"].get("/runs").data) == ["."]
    (config,) = json.loads(clients["/info"].get("/info?run=.").data)["embeddings"]
    query = f"?run=.&name={config['tensorName']}"
    tensor = np.frombuffer(clients["/tensor"].get(f"/tensor{query}").data, np.float32)
    np.testing.assert_allclose(tensor.reshape(12, 32), np.load(tmp_path / "c.npy"), rtol=1e-6)
    metadata = clients["/metadata"].get(f"/metadata{query}").data.decode().splitlines()
    assert metadata[0] == "name\tlabel" and metadata[4] == f"a.npz[3]\t{SAMPLES.labels[3]}" and len(metadata) == 13
    sprite = np.asarray(Image.open(io.BytesIO(clients["/sprite_image"].get(f"/sprite_image{query}").data)))
    width, height = config["sprite"]["singleImageDim"]
    assert (width, height) == (28, 28) and sprite.shape == (4 * 28, 4 * 28)
    np.testing.assert_array_equal(sprite[28:56, 28:56], IMAGES[5, ..., 0])


def test_sprites_stay_within_what_the_projector_takes(tmp_path, monkeypatch):
    monkeypatch.setattr(maps, "SPRITE", 100)
    images = np.zeros((30, 40, 20, 3), np.float32)
    maps.projector(rng.random((30, 2)), images, [str(i) for i in range(30)], tmp_path / "p")
    assert Image.open(tmp_path / "p" / "sprite.png").size == (6 * 8, 6 * 16)
    assert (tmp_path / "p" / "metadata.tsv").read_text().splitlines()[0] == "0"  # a single column has no heading
