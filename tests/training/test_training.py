"""``zoo train``: from a folder of pictures to a loadable model, through kill -9."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import small
from PIL import Image

import zoo
from zoo import data, evaluation, packaging, registry, tasks, training
from zoo.training import Checkpoint

rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Sixty small pictures with something to learn in them: bright squares."""
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(60):
        pixels = rng.integers(0, 40, (28, 28), dtype=np.uint8)
        row, column = rng.integers(0, 18, 2)
        pixels[row : row + 10, column : column + 10] += 200
        Image.fromarray(pixels).save(folder / f"{i:02}.png")
    return folder


def run(pictures, output, **options):
    options = {"epochs": 3, "batch_size": 16, "seed": 4, **options}
    return training.train("dense_ae", data_source=str(pictures), output=output, **options)


def weights(result):
    return [np.asarray(w) for w in result.model.weights]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(pictures, tmp_path):
    first, second, other = (run(pictures, tmp_path / name, seed=seed) for name, seed in (("a", 4), ("b", 4), ("c", 5)))
    for a, b in zip(weights(first), weights(second), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert any((a != c).any() for a, c in zip(weights(first), weights(other), strict=True))


def test_the_record_says_whether_xla_ran(pictures, tmp_path, run_python):
    printed = run_python(
        f"""
import warnings
from zoo import backend, training
warnings.filterwarnings("error", message=".*jit_compile.*")
for name in ("free", "fixed"):
    options = {{"data_source": {str(pictures)!r}, "epochs": 1, "batch_size": 16}}
    options["output"] = {str(tmp_path)!r} + "/" + name
    record = training.train("dense_ae", **options).record
    print(record["recipe"]["jit_compile"], record["jit_compile"], record["deterministic"])
    backend.start(deterministic=True)
"""
    )
    assert printed.split() == ["True", "True", "False", "True", "False", "True"]


def test_validation_is_held_out_of_the_training_data(pictures, tmp_path):
    data = run(pictures, tmp_path / "a", epochs=1).data
    parts = [{image.tobytes() for image in split} for split in (data.train, data.validation, data.test)]
    assert [len(part) for part in parts] == [48, 6, 6]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dense_ae", "conv_ae", "denoising_ae", "map_ae", "wgan_gp"])
def test_kill_and_resume_equals_the_uninterrupted_run(name, pictures, tmp_path):
    """Killed by SIGKILL in the middle of an epoch; noise carries its generators' state over.

    Weights and the losses of all later epochs are those of the run that was left alone.
    """
    script = tmp_path / "train.py"
    script.write_text(
        f"""
import sys, keras, numpy as np
import tensorflow as tf
tf.config.experimental.enable_op_determinism()
from zoo import training, registry
import dataclasses
from zoo.registry import CATALOG
folder, resume, slow = sys.argv[1], sys.argv[2] == "resume", sys.argv[2] == "slow"
if slow:  # leaves time to be killed in
    import time
    end = training.Checkpoint.on_epoch_end
    def waiting(self, epoch, logs=None):
        end(self, epoch, logs)
        print("epoch", epoch, flush=True)
        time.sleep(30 if epoch == 1 else 0)
    training.Checkpoint.on_epoch_end = waiting
result = training.train("{name}", data_source={str(pictures)!r}, output=folder, resume=resume,
                        epochs=4, batch_size=16, seed=4, dtype_policy="float32")
np.savez(folder + ".npz", *[np.asarray(w) for w in result.model.weights], **result.history)
"""
    )
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}

    def start(folder, mode):
        command = [sys.executable, str(script), str(tmp_path / folder), mode]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    assert start("whole", "run").wait() == 0
    killed = start("killed", "slow")
    while "epoch 1" not in killed.stdout.readline():
        assert killed.poll() is None
    time.sleep(0.2)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert start("killed", "resume").wait() == 0
    with np.load(tmp_path / "whole.npz") as whole, np.load(tmp_path / "killed.npz") as resumed:
        for key in whole.files:
            np.testing.assert_allclose(whole[key], resumed[key], atol=1e-6)


def test_a_checkpoint_carries_the_state_of_seed_generators(tmp_path):
    from zoo import layers

    def make():
        model = keras.Sequential(
            [keras.Input((4,)), layers.Corruption(masking=(0.5, 0.5), seed=1), keras.layers.Dense(2)]
        )
        model.compile("adam", "mse")
        model.optimizer.build(model.trainable_variables)
        return model

    x = np.ones((8, 4), np.float32)
    model = make()
    checkpoint = Checkpoint(tmp_path / "c.npz", {"run": 1})
    model.fit(x, np.zeros((8, 2)), epochs=2, verbose=0, callbacks=[checkpoint])
    resumed = make()
    assert Checkpoint(tmp_path / "c.npz", {"run": 1}).restore(resumed) == 2
    for _ in range(2):
        np.testing.assert_array_equal(model(x, training=True), resumed(x, training=True))


@pytest.mark.slow
def test_a_checkpoint_of_another_run_is_refused(pictures, tmp_path):
    run(pictures, tmp_path, epochs=1)
    with pytest.raises(ValueError, match="is of another run: its recipe.batch_size is 16, this run's is 8"):
        run(pictures, tmp_path, epochs=1, batch_size=8, resume=True)
    (tmp_path / "checkpoint.npz").write_bytes(b"PK damaged")
    with pytest.raises(ValueError, match="not a readable checkpoint"):
        run(pictures, tmp_path, epochs=1, resume=True)


@pytest.mark.slow
def test_a_disk_that_fills_up_keeps_the_last_checkpoint(pictures, tmp_path, monkeypatch):
    whole = weights(run(pictures, tmp_path / "whole"))
    save, written = np.savez, []

    def filling_up(file, **arrays):
        written.append(file)
        if len(written) == 2:
            file.write(b"PK, and then no more")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(file, **arrays)

    monkeypatch.setattr(np, "savez", filling_up)
    with pytest.raises(ValueError, match="Cannot write .*checkpoint.npz: No space left on device"):
        run(pictures, tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["checkpoint.npz"]
    for a, b in zip(whole, weights(run(pictures, tmp_path / "full", resume=True)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_an_unfinished_training_is_not_overwritten(pictures, tmp_path):
    run(pictures, tmp_path, epochs=1)
    with pytest.raises(ValueError, match="unfinished training: add --resume"):
        run(pictures, tmp_path, epochs=1)


def test_the_second_of_two_trainings_in_one_folder_is_refused(pictures, tmp_path, monkeypatch):
    load, refused = data.load, []

    def meanwhile(*arguments, **options):
        with pytest.raises(ValueError, match="is being written by another process"):
            run(pictures, tmp_path, epochs=1)
        refused.append(True)
        return load(*arguments, **options)

    monkeypatch.setattr(data, "load", meanwhile)
    run(pictures, tmp_path, epochs=1)
    assert refused == [True] and [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be an integer ≥ 1"),
        ({"learning_rate": -1.0}, "learning_rate must be above 0"),
        ({"discriminator_learning_rate": 0.1}, "The recipe has no field discriminator_learning_rate: it has epochs"),
    ],
)
def test_bad_recipes(pictures, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        run(pictures, tmp_path, **options)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_stops_the_run(pictures, tmp_path):
    with pytest.raises(ValueError, match="The loss is .* at epoch 1, step"):
        run(pictures, tmp_path, learning_rate=1e30)


@pytest.fixture(scope="module")
def trained(pictures, tmp_path_factory):
    """A conv_ae trained by the command, from a folder of pictures of which one is broken."""
    folder = tmp_path_factory.mktemp("trained") / "squares"
    folder.mkdir()
    (folder / "notes.txt").write_text("the user's")
    photos = shutil.copytree(pictures, folder.parent / "photos")
    (photos / "broken.jpg").write_bytes(b"no picture")
    command = [sys.executable, "-c", "from zoo.cli import main; main()", "train", "conv_ae", "--data", str(photos)]
    options = ["--epochs", "2", "--batch-size", "16", "--seed", "7", "-o", str(folder), "--json"]
    process = subprocess.run(
        command + options, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()}
    )
    assert process.returncode == 1, process.stderr
    assert process.stderr.splitlines()[-1].startswith(f"Failed: {photos}/broken.jpg is not a picture")
    return folder, json.loads(process.stdout)


@pytest.mark.slow
def test_the_command_writes_all_that_a_shipped_model_has(trained):
    folder, card = trained
    assert {p.name for p in folder.iterdir()} == {
        "model.keras", "encoder.tflite", "decoder.tflite", "codec.npz", "calibration.npz", "golden.npz",
        "preview.png", "history.json", "card.json", "manifest.json", "notes.txt",
    }  # fmt: skip
    assert "notes.txt" not in json.loads((folder / "manifest.json").read_text())["files"]
    assert card == json.loads((folder / "card.json").read_text()) == zoo.info(folder)
    assert card["training"]["seed"] == 7 and card["training"]["epochs"] == 2 and card["training"]["seconds"] > 0
    assert "train conv_ae" in card["training"]["command"] and card["data"]["fingerprint"]
    assert card["training"]["deterministic"] and not card["training"]["jit_compile"]
    assert card["data"]["source"] == "./photos" and card["training"]["recipe"]["data"] == "photos"
    assert card["licence"] == "not stated"
    # Neither the card nor any other file says where things lay.
    assert not [path for path in folder.iterdir() if os.fsencode(folder.parent) in path.read_bytes()]
    assert {"tensorflow", "keras", "numpy", "python"} == set(card["training"]["versions"])
    assert len(json.loads((folder / "history.json").read_text())["val_loss"]) == 2


@pytest.mark.slow
def test_the_folder_loads_evaluates_and_compresses(trained, pictures):
    folder, card = trained
    model = zoo.load(folder)
    with np.load(folder / "golden.npz") as golden:
        np.testing.assert_allclose(model(golden["images"] / np.float32(255)), golden["reconstruction"], atol=1e-5)
    images = np.stack([np.asarray(Image.open(p))[..., None] for p in sorted(pictures.glob("*.png"))])
    codec = zoo.Codec(folder)
    assert codec.decompress(codec.compress(images)).shape == images.shape
    from zoo import evaluate

    found, known = evaluate(folder, str(pictures)), dict(card["metrics"])
    assert (
        found.pop("not_measured") == known.pop("not_measured") == {"knn5_accuracy": "needs labels: the data has none"}
    )
    assert found == pytest.approx(known, rel=1e-3)


@pytest.mark.slow
def test_a_finished_folder_is_not_trained_over(trained, pictures):
    with pytest.raises(ValueError, match="holds a trained model already"):
        run(pictures, trained[0])


# A user's own files: few, broken, of the wrong kind


@pytest.fixture
def few(pictures, tmp_path):
    """A folder of the first n pictures."""

    def folder(n):
        (tmp_path / "few").mkdir()
        for path in sorted(pictures.glob("*.png"))[:n]:
            (tmp_path / "few" / path.name).symlink_to(path)
        return tmp_path / "few"

    return folder


def small_config(name):
    config = small.SMALL[name]().get_config()
    return {key: value for key, value in config.items() if key not in ("name", "dtype", "trainable")}


def trained_on(folder, name, output, **options):
    """A small model after one epoch of a folder's pictures."""
    options = {"epochs": 1, "overrides": small_config(name), **options}
    return training.train(name, data_source=str(folder), output=output, **options)


OF_PICTURES = [n for n in small.SMALL if registry.spec_of(n).modality == "image"]


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_PICTURES)
def test_a_dozen_pictures_train_a_model_or_are_refused_before(name, few, tmp_path):
    output = tmp_path / "mine"
    if registry.spec_of(name).labelled:
        with pytest.raises(ValueError, match=f"{name} learns from labels, which .* lacks"):
            trained_on(few(12), name, output)
        assert not output.exists()
        return
    if name == "detecting_ae":
        with pytest.raises(ValueError, match="few must hold at least 20 normal examples beside .*: received 18"):
            trained_on(few(20), name, output)
        assert not output.exists()
        return
    # Two validation images, as vae_gan halves its batches.
    card = packaging.write_artifact(trained_on(few(20), name, output), output, licence="CC-BY-4.0")
    assert card["licence"] == "CC-BY-4.0" and card["data"]["source"] == "./few"
    assert zoo.load(output).count_params() == card["parameters"] and card["data"]["test"] == 2
    assert card == zoo.info(output) and not (output / "checkpoint.npz").exists()


def test_a_map_of_few_pictures_says_what_is_not_measured():
    images = rng.integers(0, 256, (25, *small.SHAPE["image_shape"]), dtype=np.uint8)
    model = small.SMALL["map_ae"]()
    for number in (1, 24, 25):
        few_images = data.DataSet("few", "./few", images, images[:1], images[:number], "none")
        found = tasks.measure_split(model, few_images)
        missing = found["not_measured"]
        assert {"mse", "psnr"} <= set(found) and missing["knn5_accuracy"] == "needs labels: the data has none"
        if number < 25:
            assert missing["trustworthiness"] == f"needs 25 images: the split has {number}"
        else:
            assert 0 <= found["trustworthiness"] <= 1 and "trustworthiness" not in missing


def test_a_gan_of_other_pictures_says_that_its_samples_are_not_measured():
    images = rng.integers(0, 256, (8, *small.SHAPE["image_shape"]), dtype=np.uint8)
    few_images = data.DataSet("few", "/photos/few", images, images, images, "none")
    found = tasks.measure_split(small.SMALL["gan"](), few_images)
    assert set(found) == {"not_measured"} and "--classifier" in found["not_measured"]["samples"]


def test_broken_pictures_are_listed_and_the_others_are_the_data(few, tmp_path):
    folder, failed = few(14), []
    whole = (folder / "03.png").read_bytes()
    (folder / "03.png").unlink()
    (folder / "03.png").write_bytes(whole[: len(whole) // 2])
    (folder / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="03.png is a damaged picture"):
        data.load(str(folder))
    loaded = data.load(str(folder), failed=failed)
    assert [len(loaded.train), len(loaded.validation), len(loaded.test)] == [11, 1, 1]
    assert len(failed) == 2 and "03.png is a damaged picture" in failed[0] and "a.jpg is not a picture" in failed[1]


def test_too_few_pictures_are_refused_with_those_that_cannot_be_read(few, tmp_path):
    folder = few(9)
    (folder / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="holds 9 pictures: at least 10 are needed, and 1 that cannot be read.*a.jpg"):
        trained_on(folder, "dense_ae", tmp_path / "runs" / "mine", failed=[])
    assert not (tmp_path / "runs").exists(), "what was made for it is removed"
    (tmp_path / "kept").mkdir()
    with pytest.raises(ValueError, match="at least 10"):
        trained_on(folder, "dense_ae", tmp_path / "kept", failed=[])
    assert (tmp_path / "kept").is_dir(), "the user's own folder stays"


@pytest.mark.parametrize("name", ["compressor", "conv_ae"])
def test_a_codec_of_colours_is_refused_before_it_is_trained(name, few, tmp_path):
    with pytest.raises(ValueError, match=rf"image_shape of {name} must be \(height, width, 1\)"):
        trained_on(few(12), name, tmp_path / "mine", overrides={**small_config(name), "image_shape": (12, 8, 3)})
    assert not (tmp_path / "mine").exists()


def test_texts_of_the_wrong_kind_are_refused_before_training(tmp_path):
    (tmp_path / "s.txt").write_text("\n".join(small.sentences(200)))
    with pytest.raises(ValueError, match="summarizer cannot be trained on s: expected documents with their summaries"):
        training.train("summarizer", data_source=str(tmp_path / "s.txt"), output=tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_sentences_that_are_all_long_are_measured_as_far_as_they_can_be():
    texts = [" ".join(small.sentences(8)[:8])] * 3
    found = evaluation.measure_sentences(small.SMALL["text_ae"](), texts)
    assert set(found) == {"words_recovered_of_all", "short_sentences"} and found["short_sentences"] == 0
