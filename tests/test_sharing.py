"""Models handed on: push, pull, and what may leave the machine; on a hub on loopback."""

import json
import shutil

import hub_server
import numpy as np
import pytest
import yaml
from commands import run, run_here

import zoo
from zoo import artifacts, sharing

NAME = "beta_vae.mnist"  # the smallest
ADDRESS = "hf://owner/small"


def in_repository(hub, name: str = "owner/small") -> dict[str, bytes]:
    return hub.repositories[name][-1][1]


def front_of(readme: bytes) -> tuple[dict, str]:
    """The YAML of a model card, and its text."""
    _, front, text = readme.decode().split("---\n", 2)
    return yaml.safe_load(front), text


@pytest.fixture
def own(tmp_path):
    """A folder as ``zoo train --data ./pictures`` writes it: examples of the user's own, and no licence stated."""
    folder = shutil.copytree(artifacts.find(NAME).path, tmp_path / "own")
    card = json.loads((folder / "card.json").read_text())
    card |= {
        "name": "beta_vae trained on pictures",
        "tag": None,
        "licence": "not stated",
        "examples": [{"text": "mine"}],
    }
    card["data"] |= {"source": "./pictures", "licence": "unknown"}
    card["examples_licence"] = "unknown"
    (folder / "card.json").write_text(json.dumps(card))
    artifacts.write_manifest(folder, declared={"codec": None})
    return folder


def test_a_push_is_a_model_with_a_card_for_people_and_machines(hub):
    done = zoo.push(NAME, ADDRESS)
    files = in_repository(hub)
    assert done["commit"] == hub.repositories["owner/small"][-1][0] and done["left_out"] == []
    assert {"README.md", "manifest.json", "card.json", "model.keras", "config.json", "model.weights.h5"} <= set(files)
    front, text = front_of(files["README.md"])
    assert front["library_name"] == "keras" and front["license"] == "apache-2.0"
    assert front["datasets"] == ["ylecun/mnist"] and {"zoo", "beta_vae", "generate"} <= set(front["tags"])
    card = zoo.info(NAME)
    assert set(front["metrics"]) == {key for key, value in card["metrics"].items() if isinstance(value, float)}
    assert f"| psnr | {card['metrics']['psnr']:.6g} |" in text and f'zoo.load("{ADDRESS}")' in text
    assert "credit them, link the licence" in text and card["paper"] in text


def test_what_is_pulled_is_what_was_pushed(hub, tmp_path):
    zoo.push(NAME, ADDRESS)
    done = zoo.pull(ADDRESS, tmp_path / "mine")
    here, there = artifacts.find(tmp_path / "mine"), artifacts.find(NAME)
    assert set(here.manifest) == set(there.manifest)
    assert all(here.file(name) for name in here.manifest)
    weights = {name: entry for name, entry in here.manifest.items() if name != "card.json"}
    assert weights == {name: entry for name, entry in there.manifest.items() if name != "card.json"}
    pinned = f"{ADDRESS}#sha256={done['manifest_sha256']}"
    assert zoo.info(pinned)["name"] == NAME
    with pytest.raises(ValueError, match="mine holds a model already: give another folder"):
        zoo.pull(ADDRESS, tmp_path / "mine")


def test_a_pull_that_fails_leaves_nothing(hub, tmp_path):
    zoo.push(NAME, ADDRESS)
    in_repository(hub)["golden.npz"] = b"another"
    with pytest.raises(ValueError, match="golden.npz is cut, or not the file of its manifest: it ended after 7 of"):
        zoo.pull(ADDRESS, tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.slow
def test_push_pull_load_fit_push_keeps_outputs(hub, tmp_path):
    import keras

    import zoo.models  # noqa: F401 - registers the classes with Keras

    images = np.random.default_rng(0).random((16, 28, 28, 1), "float32")
    zoo.push(NAME, ADDRESS)
    zoo.pull(ADDRESS, tmp_path / "mine")
    expected = np.asarray(zoo.load(NAME).encode(images))
    model = zoo.load(tmp_path / "mine")
    for loaded in (model, zoo.load(ADDRESS), keras.saving.load_model(ADDRESS)):
        np.testing.assert_array_equal(np.asarray(loaded.encode(images)), expected)
    assert zoo.export(ADDRESS, tmp_path / "encoder.tflite", part="encoder").stat().st_size > 1000
    model.fit(images, epochs=1, batch_size=8, verbose=0)
    fitted = np.asarray(model.encode(images))
    assert np.abs(fitted - expected).max() > 0
    model.save(tmp_path / "fitted.keras")
    done = zoo.push(tmp_path / "fitted.keras", "hf://owner/fitted", licence="CC-BY-4.0")
    assert done["licence"] == "CC-BY-4.0" and done["examples"] == []
    np.testing.assert_array_equal(np.asarray(zoo.load("hf://owner/fitted").encode(images)), fitted)
    np.testing.assert_array_equal(np.asarray(keras.saving.load_model("hf://owner/fitted").encode(images)), fitted)
    front, text = front_of(in_repository(hub, "owner/fitted")["README.md"])
    assert front["license"] == "cc-by-4.0" and "datasets" not in front and "No figures were measured" in text


def test_a_codec_compresses_with_a_model_of_an_address(hub):
    zoo.push("conv_ae.mnist", "hf://owner/codec", examples=False)
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), np.uint8)
    data = zoo.Codec("hf://owner/codec").compress(images)
    np.testing.assert_array_equal(
        zoo.Codec("hf://owner/codec").decompress(data), zoo.Codec("conv_ae.mnist").decompress(
            zoo.Codec("conv_ae.mnist").compress(images)
        )
    )  # fmt: skip


def test_examples_of_the_users_own_leave_only_if_that_was_said(hub, own):
    with pytest.raises(
        ValueError, match=r"calibration.npz, golden.npz, preview.png, the examples in card.json hold exam"
    ):
        zoo.push(own, ADDRESS)
    assert "owner/small" not in hub.repositories, "nothing was sent"
    assert zoo.push(own, ADDRESS, examples=True)["left_out"] == []
    assert {"calibration.npz", "golden.npz", "preview.png"} <= set(in_repository(hub))
    done = zoo.push(own, ADDRESS, examples=False)
    files = in_repository(hub)
    assert done["left_out"] == ["calibration.npz", "golden.npz", "preview.png", "the examples in card.json"]
    assert not {"calibration.npz", "golden.npz", "preview.png"} & set(files), "those of before are gone too"
    assert b"mine" not in files["card.json"]
    artifact = artifacts.find(ADDRESS)
    assert all(artifact.file(name) for name in artifact.manifest) and not artifact.has("golden.npz")


def test_the_licence_of_a_users_model_is_the_users_to_state(hub, own):
    assert zoo.push(own, ADDRESS, examples=False)["licence"] == "not stated"
    front, text = front_of(in_repository(hub)["README.md"])
    assert "license" not in front and "Licence of the weights: not stated" in text and "Apache" not in text
    zoo.push(own, ADDRESS, examples=False, licence="My Terms 1.0")
    front, _ = front_of(in_repository(hub)["README.md"])
    assert (front["license"], front["license_name"]) == ("other", "my-terms-1.0")
    assert json.loads(in_repository(hub)["card.json"])["licence"] == "My Terms 1.0"


@pytest.mark.parametrize(
    "place", ["/".join(("", "home", "me", "x")), "/".join(("", "srv", "data", "scans")), "C:\\Users\\me", "~/pictures"]
)
def test_no_place_of_the_machine_leaves(hub, own, place):
    card = json.loads((own / "card.json").read_text())
    card["training"]["command"] = f"zoo train beta_vae --data {place}"
    (own / "card.json").write_text(json.dumps(card))
    artifacts.write_manifest(own, declared={"codec": None})
    with pytest.raises(ValueError, match="card.json names a place of this machine, .*: nothing was published"):
        zoo.push(own, ADDRESS, examples=False)
    assert "owner/small" not in hub.repositories


def test_texts_without_places_pass(tmp_path):
    texts = ["https://example.org/srv/data", "either/or, and/or/both", "savedmodels/a/b", "4/5", "a / b", "</a>"]
    (tmp_path / "card.json").write_text(json.dumps(texts))
    sharing.check_places(tmp_path)


@pytest.mark.parametrize("name", zoo.list_models(pretrained=True))
def test_cards_of_shipped_models_name_no_place(name, tmp_path):
    artifact = artifacts.find(name)
    for file in artifact.manifest:
        if file.endswith((".json", ".md", ".txt")):
            (tmp_path / file.replace("/", "-")).write_bytes(artifact.file(file).read_bytes())
    sharing.check_places(tmp_path)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("owner/small", "address must be hf://owner/name: received"),
        ("https://example.org/m", "address must be hf://owner/name, without"),
        ("hf://owner/small@v1", "address must be hf://owner/name, without"),
    ],
)
def test_a_push_goes_to_the_hub(address, message):
    with pytest.raises(ValueError, match=message):
        zoo.push(NAME, address)


def test_a_push_replaces_a_model_and_nothing_else(hub):
    hub.commit("owner/small", {"thesis.pdf": b"%PDF"})
    with pytest.raises(ValueError, match=r"hf://owner/small holds something else \(thesis.pdf\)"):
        zoo.push(NAME, ADDRESS)
    assert set(in_repository(hub)) == {"thesis.pdf"}


def test_a_push_that_is_refused_is_one_line_and_publishes_nothing(hub, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "hf_of_another")
    status, _, err = run_here(monkeypatch, capsys, "push", NAME, ADDRESS)
    assert status == 2 and err.startswith("zoo: hf://owner/small is refused (401") and err.count("\n") == 1
    assert set(in_repository(hub)) == {".gitattributes"}


def test_the_commands_push_and_pull(hub, tmp_path):
    done = run("push", NAME, ADDRESS, "--without-examples", "--json", cwd=tmp_path, bare=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["left_out"] == ["calibration.npz", "golden.npz", "preview.png"]
    assert hub_server.TOKEN not in done.stdout + done.stderr
    done = run("pull", ADDRESS, "--json", cwd=tmp_path, bare=True)
    assert json.loads(done.stdout)["folder"] == "small" and (tmp_path / "small/model.keras").is_file()
    assert "tensorflow" not in done.stderr


def test_a_model_that_needs_a_newer_zoo_is_one_line(hub, tmp_path):
    import zipfile

    folder = shutil.copytree(artifacts.find(NAME).path, tmp_path / "newer")
    with zipfile.ZipFile(folder / "model.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["config.json"] = (
        parts["config.json"].replace(b"zoo>BetaVAE", b"zoo>NewerVAE").replace(b"BetaVAE", b"NewerVAE")
    )
    with zipfile.ZipFile(folder / "model.keras", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    for file in folder.glob("*.folded.npz"):
        file.unlink()
    artifacts.write_manifest(folder, declared={"codec": None})
    with pytest.raises(ValueError, match=r"it is a 'NewerVAE', which zoo [\d.]+ does not have: update the zoo"):
        zoo.load(folder)
