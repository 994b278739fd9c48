"""Artefacts: found by name or folder, checked before use, written whole or not at all."""

import hashlib
import json
import os
import zipfile

import pytest

from zoo import artifacts

WEIGHTS = bytes(range(256)) * 4


def make(folder, files=None):
    folder.mkdir(parents=True)
    for name, data in (files or {"model.keras": WEIGHTS, "card.json": b'{"name": "x"}'}).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    artifacts.write_manifest(folder)
    return folder


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A folder of shipped models: conv_ae with two tags, only_ae with one that is no default."""
    root = tmp_path / "savedmodels"
    for name in ("conv_ae/fashion_mnist", "conv_ae/mnist", "only_ae/mnist"):
        make(root / name)
    monkeypatch.setattr(artifacts, "shipped_root", lambda: root)
    return root


def test_manifest_holds_the_digest_of_every_other_file(tmp_path):
    folder = make(tmp_path / "a", {"model.keras": WEIGHTS, "saved_model/graph.pb": b"graph"})
    files = json.loads((folder / "manifest.json").read_text())["files"]
    assert files == {
        "model.keras": {"sha256": hashlib.sha256(WEIGHTS).hexdigest(), "bytes": 1024},
        "saved_model/graph.pb": {"sha256": hashlib.sha256(b"graph").hexdigest(), "bytes": 5},
    }
    artifacts.write_manifest(folder)  # again: the manifest does not list itself
    assert json.loads((folder / "manifest.json").read_text())["files"] == files


def test_a_manifest_lists_what_the_artefact_is_and_nothing_else(tmp_path):
    folder = make(tmp_path / "a")
    (folder / "photos").mkdir()
    for name in ("photos/secret.jpg", "notes.txt", ".zoo-0123456789ab", ".hidden"):
        (folder / name).touch()
    artifacts.write_manifest(folder, ["model.keras", "card.json"])
    assert set(artifacts.find(folder).manifest) == {"model.keras", "card.json"}
    artifacts.write_manifest(folder)
    assert set(artifacts.find(folder).manifest) == {"model.keras", "card.json", "photos/secret.jpg", "notes.txt"}


def test_names_are_sorted_and_need_a_manifest(shipped):
    (shipped / "broken_ae/mnist").mkdir(parents=True)
    assert artifacts.names() == ["conv_ae.fashion_mnist", "conv_ae.mnist", "only_ae.mnist"]


@pytest.mark.parametrize(
    "name, expected",
    [
        ("conv_ae", "conv_ae.fashion_mnist"),
        ("conv_ae.mnist", "conv_ae.mnist"),
        ("only_ae", "only_ae.mnist"),
    ],
)
def test_find_by_name(shipped, name, expected):
    artifact = artifacts.find(name)
    assert artifact.name == expected
    assert artifact.path == shipped / expected.replace(".", "/")


def test_find_by_folder(shipped, tmp_path):
    folder = make(tmp_path / "mine")
    for path in (folder, str(folder)):
        artifact = artifacts.find(path)
        assert (artifact.path, artifact.name) == (folder, "mine")
    assert artifact.card == {"name": "x"}
    assert artifact.has("model.keras") and not artifact.has("encoder.tflite")
    assert artifact.file("model.keras").read_bytes() == WEIGHTS


@pytest.mark.parametrize("name", ["conv_ee", "conv_ae.mnits", "con_ae.fashion_mnist"])
def test_unknown_name_offers_the_closest(shipped, name):
    with pytest.raises(ValueError, match=f"Unknown model '{name}': did you mean .*conv_ae"):
        artifacts.find(name)


def test_unlike_any_name_points_to_the_list(shipped):
    with pytest.raises(ValueError, match="Unknown model 'qqqq': `zoo list` shows the names"):
        artifacts.find("qqqq")


def test_folder_without_manifest(shipped, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty holds no trained model: expected manifest.json"):
        artifacts.find(tmp_path / "empty")


def altered(data):
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize(
    "damage, message",
    [
        (altered, r"is corrupt: expected sha256 [0-9a-f]{16}…, found sha256 [0-9a-f]{16}…"),
        (lambda data: data[:1000], "is corrupt: expected 1024 bytes, found 1000 bytes"),
        (lambda data: data + b"x", "is corrupt: expected 1024 bytes, found 1025 bytes"),
        (lambda data: b"", "is corrupt: expected 1024 bytes, found 0 bytes"),
    ],
)
def test_damaged_file_is_not_handed_out(tmp_path, damage, message):
    folder = make(tmp_path / "a")
    (folder / "model.keras").write_bytes(damage(WEIGHTS))
    with pytest.raises(ValueError, match=message) as error:
        artifacts.find(folder).file("model.keras")
    assert str(folder / "model.keras") in str(error.value) and "\n" not in str(error.value)


def test_missing_file(tmp_path):
    folder = make(tmp_path / "a")
    (folder / "model.keras").unlink()
    with pytest.raises(ValueError, match="model.keras cannot be read: No such file"):
        artifacts.find(folder).file("model.keras")


def test_file_outside_the_manifest(tmp_path):
    folder = make(tmp_path / "a")
    (folder / "extra.bin").write_bytes(b"not vouched for")
    with pytest.raises(ValueError, match="a has no extra.bin: it holds card.json, model.keras"):
        artifacts.find(folder).file("extra.bin")


@pytest.mark.parametrize("text", ["", "{", '{"files": ', "[]", "{}", '{"files": {"model.keras": 1}}'])
def test_damaged_manifest(tmp_path, text):
    folder = make(tmp_path / "a")
    (folder / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match="manifest.json"):
        artifacts.find(folder).file("model.keras")


DIGEST = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("../victim", {"sha256": DIGEST, "bytes": 1024}),
        ("versions/../../victim", {"sha256": DIGEST, "bytes": 1024}),
        ("/etc/passwd", {"sha256": DIGEST, "bytes": 1024}),
        ("C:\\victim", {"sha256": DIGEST, "bytes": 1024}),
        ("a\x00b", {"sha256": DIGEST, "bytes": 1024}),
        ("", {"sha256": DIGEST, "bytes": 1024}),
        ("model.keras", {"sha256": 12, "bytes": 1024}),
        ("model.keras", {"sha256": DIGEST[:-1], "bytes": 1024}),
        ("model.keras", {"sha256": DIGEST, "bytes": "1024"}),
        ("model.keras", {"sha256": DIGEST, "bytes": -1}),
        ("model.keras", {"sha256": DIGEST, "bytes": True}),
    ],
)
def test_a_manifest_of_a_stranger_names_files_of_its_folder_with_digests(tmp_path, name, entry):
    (tmp_path / "victim").write_bytes(WEIGHTS)
    folder = make(tmp_path / "a")
    (folder / "manifest.json").write_text(json.dumps({"files": {name: entry}}))
    for call in (lambda a: a.file(name), lambda a: a.versions(), lambda a: a.has(name)):
        with pytest.raises(ValueError, match="manifest.json is not a manifest: .* is no file of its folder"):
            call(artifacts.find(folder))


def test_links_do_not_lead_out_of_the_folder(tmp_path):
    (tmp_path / "victim").write_bytes(WEIGHTS)
    folder = make(tmp_path / "a")
    (folder / "model.keras").unlink()
    (folder / "model.keras").symlink_to(tmp_path / "victim")
    with pytest.raises(ValueError, match="model.keras leads out of its folder"):
        artifacts.find(folder).file("model.keras")
    (tmp_path / "other.json").write_text('{"files": {}}')
    (make(tmp_path / "b") / "manifest.json").unlink()
    (tmp_path / "b" / "manifest.json").symlink_to(tmp_path / "other.json")
    with pytest.raises(ValueError, match="manifest.json leads out of its folder"):
        artifacts.find(tmp_path / "b").has("model.keras")
    (folder / "model.keras").unlink()
    (folder / "copy").write_bytes(WEIGHTS)
    (folder / "model.keras").symlink_to("copy")
    (tmp_path / "link").symlink_to(folder)
    assert artifacts.find(tmp_path / "link").file("model.keras").read_bytes() == WEIGHTS


def test_pipes_are_no_files(tmp_path):
    folder = make(tmp_path / "a")
    (folder / "model.keras").unlink()
    os.mkfifo(folder / "model.keras")
    with pytest.raises(ValueError, match="model.keras must be a file: found a folder, a device or a pipe"):
        artifacts.find(folder).file("model.keras")


def test_an_archive_that_unpacks_to_far_more_than_it_is_is_not_handed_out(tmp_path):
    with zipfile.ZipFile(tmp_path / "zeros.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("small.npy", bytes(1 << 20))
    honest = (tmp_path / "zeros.npz").read_bytes()  # a thousandfold, but little
    # Its two directories announce 3 GB.
    bomb = honest.replace((1 << 20).to_bytes(4, "little"), (3 << 30).to_bytes(4, "little"))
    folder = make(tmp_path / "a", {"codec.npz": bomb, "golden.npz": honest, "model.keras": honest[:-30]})
    artifact = artifacts.find(folder)
    assert artifact.file("golden.npz").is_file()
    with pytest.raises(ValueError, match=r"codec.npz is refused: its [\d,]+ bytes would unpack to 3,221,225,472"):
        artifact.file("codec.npz")


@pytest.mark.parametrize("name", ["../victim", "/victim", "assets/../../victim"])
def test_an_archive_that_unpacks_to_other_places_is_not_handed_out(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr(name, b"x")
    folder = make(tmp_path / "a", {"model.keras": (tmp_path / "m.zip").read_bytes()})
    with pytest.raises(ValueError, match=f"model.keras is refused: '{name}' in it leads out of a folder"):
        artifacts.find(folder).file("model.keras")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' * 100_000])
def test_nested_json_is_one_line(tmp_path, text):
    folder = make(tmp_path / "a")
    (folder / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match="manifest.json cannot be read as JSON"):
        artifacts.find(folder).has("x")


def test_a_manifest_or_card_of_gigabytes_is_not_read(tmp_path):
    folder = make(tmp_path / "a")
    with open(folder / "manifest.json", "wb") as file:
        file.truncate(1 << 33)
    with pytest.raises(ValueError, match="manifest.json is not a manifest: it has more than 16,777,216 bytes"):
        artifacts.find(folder).has("x")


def test_a_name_too_long_for_the_file_system_is_unknown(shipped):
    with pytest.raises(ValueError, match="Unknown model 'aaaa"):
        artifacts.find("a" * 1024)


def test_a_card_says_what_it_lacks(tmp_path):
    card = artifacts.find(make(tmp_path / "a", {"card.json": b'{"name": "x", "data": {"seed": 1}}'})).card
    assert card == {"name": "x", "data": {"seed": 1}} and card.get("licence") is None and "licence" not in card
    for lacking in (lambda: card["architecture"], lambda: card["data"]["source"]):
        with pytest.raises(ValueError, match="card does not say its (architecture|source): expected one"):
            lacking()
    with pytest.raises(ValueError, match="card.json is no card: expected a mapping, found list"):
        _ = artifacts.find(make(tmp_path / "b", {"card.json": b"[]"})).card


def test_damaged_card(tmp_path):
    folder = make(tmp_path / "a")
    (folder / "card.json").write_bytes(b'{"name": "y"}')
    with pytest.raises(ValueError, match="card.json is corrupt"):
        _ = artifacts.find(folder).card
