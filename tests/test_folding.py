"""Folded networks: the very bytes come back from the weights, on a device's Python too, and damage is one line."""

import json
import shutil

import numpy as np
import pytest

from zoo import artifacts, folded
from zoo.exporting import tables
from zoo.packaging.folding import fold

NAME = "beta_vae.mnist"  # the smallest


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def copy(tmp_path):
    """The shipped artefact in a folder that may be changed."""
    return shutil.copytree(artifacts.find(NAME).path, tmp_path / "copy")


def test_a_network_is_restored_once_and_checked_each_time(cache):
    artifact = artifacts.find(NAME)
    entry = artifact.manifest["encoder.tflite"]
    assert artifact.has("encoder.tflite") and not (artifact.path / "encoder.tflite").exists()
    path = artifact.file("encoder.tflite")
    assert path.is_relative_to(cache) and path.name == "encoder.tflite"
    assert (artifacts.sha256(path), path.stat().st_size) == (entry["sha256"], entry["bytes"])
    (artifact.path / "encoder.tflite.folded.npz").stat()
    before = path.stat().st_mtime_ns
    assert artifact.file("encoder.tflite") == path and path.stat().st_mtime_ns == before
    path.write_bytes(b"altered")
    assert artifacts.sha256(artifact.file("encoder.tflite")) == entry["sha256"]


def test_without_a_cache_it_lies_in_a_folder_of_the_process(tmp_path, monkeypatch):
    (tmp_path / "no folder").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no folder"))
    path = artifacts.find(NAME).file("encoder.tflite")
    assert artifacts.sha256(path) == artifacts.find(NAME).manifest["encoder.tflite"]["sha256"]
    assert not path.is_relative_to(tmp_path)


def test_folding_takes_little_and_gives_the_same_artefact(copy):
    shipped = artifacts.find(NAME)
    content = shipped.file("encoder.tflite").read_bytes()
    for file in copy.glob("*.folded.npz"):
        file.unlink()
    (copy / "encoder.tflite").write_bytes(content)
    artifacts.write_manifest(copy, declared={"codec": None})
    ((name, (before, after)),) = fold(copy).items()
    assert name == "encoder.tflite" and before == len(content) and after < before / 8
    assert sorted(path.name for path in copy.iterdir()) == sorted(path.name for path in shipped.path.iterdir())
    assert json.loads((copy / "manifest.json").read_text()) == shipped._document
    assert fold(copy) == {}
    artifacts.add(copy, {"note.txt": b"x"})
    assert artifacts.Artifact(copy, "x").manifest["encoder.tflite"] == shipped.manifest["encoder.tflite"]


def test_predictions_by_hand():
    weights = b"head" + np.array([[1, -2, 0.5], [4, 0, 3]], "<f4").tobytes()
    scales = np.array([4 / 127, 2 / 127, 3 / 127], "<f4").tobytes()
    rest = np.frombuffer(bytes(6) + b"\x01\x00" + scales, np.uint8)
    # (2, 3) becomes (3, 2), as a dense layer's kernel does, with a scale for each of its rows.
    link = [0, 9, 4, 2, 3, 1, 1, 1, 0, 2, 3, 8, 3, 0]
    file = tables.to_bytes({"rest": rest, "links": np.array([link])})
    expected = np.array([[32, 127], [-127, 0], [21, 127]], np.int8).tobytes() + b"\x01\x00" + scales
    assert folded.restore(file, weights) == expected
    half = tables.to_bytes(
        {"rest": np.zeros(12, np.uint8), "links": np.array([[0, 1, 4, 2, 3, 1, 1, *range(4), 0, 0, 0]])}
    )
    assert folded.restore(half, weights) == np.array([1, -2, 0.5, 4, 0, 3], "<f2").tobytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.update(rest=arrays["rest"] + np.uint8(1)), "comes out otherwise"),
        (lambda arrays: arrays.update(rest=arrays["rest"][:100]), "does not fit its model.keras"),
        (lambda arrays: arrays["links"].__setitem__((0, 2), 1 << 40), "does not fit its model.keras"),
        (lambda arrays: arrays["links"].__setitem__((0, 1), 7), "does not fit its model.keras"),
        (lambda arrays: arrays["links"].__setitem__((0, 3), -1), "does not fit its model.keras|comes out otherwise"),
        (lambda arrays: arrays.pop("links"), "does not fit its model.keras"),
    ],
)
def test_damage_is_one_line(copy, change, message):
    file = copy / ("encoder.tflite" + folded.SUFFIX)
    with np.load(file) as stored:
        arrays = dict(stored)
    change(arrays)
    artifacts.add(copy, {file.name: tables.to_bytes(arrays)})
    with pytest.raises(ValueError, match=f"encoder.tflite.folded.npz is corrupt: .*({message})") as error:
        artifacts.Artifact(copy, "copy").file("encoder.tflite")
    assert "\n" not in str(error.value)


def test_other_weights_are_refused(copy):
    shutil.copy(artifacts.find("beta_vae.fashion_mnist").path / "model.keras", copy / "model.keras")
    with pytest.raises(ValueError, match="model.keras is corrupt"):
        artifacts.Artifact(copy, "copy").file("encoder.tflite")


def test_nothing_of_tensorflow_is_needed(run_python, cache):
    code = f"""
import sys
from zoo import artifacts
print(artifacts.find({NAME!r}).file("encoder.tflite"))
assert not {{"tensorflow", "keras", "h5py"}} & set(sys.modules)
"""
    assert run_python(code, bare=True).strip().startswith(str(cache))
