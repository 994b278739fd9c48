"""``zoo train`` on any backend: recipe, checkpoint, resume, artefact; and what needs no backend at all."""

import shutil
import sys

import keras
import numpy as np
import pytest

import zoo
from zoo import packaging, training
from zoo.demo import samples

SMALL = {
    "dense_ae": {"hidden_units": (16, 8), "latent_dim": 4},
    "wgan_gp": {"filters": 4},
    "beta_vae": {"filters": 8, "latent_dim": 4},  # which counts the steps of its warm-up
}


class Copied(training.Checkpoint):
    """Keeps what is on the disk after the first epoch: what a power cut would leave."""

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        cut = self.path.parent.parent / "cut"
        if epoch == 0 and not cut.exists():
            cut.mkdir()
            shutil.copy(self.path, cut)


@pytest.mark.parametrize("name", SMALL)
def test_a_training_is_resumed_as_if_never_stopped(name, tmp_path, monkeypatch):
    monkeypatch.setattr(training.run, "Checkpoint", Copied)
    images = samples.load().images[:60]

    def run(folder, **options):
        keras.utils.clear_session()  # the same names in every run
        changes = {"epochs": 2, "batch_size": 16, "dtype_policy": "float32"}
        options |= {"data_source": images, "overrides": SMALL[name], **changes}
        return training.train(name, output=tmp_path / folder, **options)

    whole, resumed = run("whole"), run("cut", resume=True)
    for key, values in whole.history.items():
        assert np.isfinite(values).all() and len(values) == 2
        np.testing.assert_allclose(resumed.history[key], values, rtol=1e-4, atol=1e-5, err_msg=key)
    for a, b in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-2)  # rounded to a bfloat16's 8 bits

    card = packaging.write_artifact(whole, tmp_path / "whole")
    assert keras.backend.backend() in card["training"]["versions"]
    model = zoo.load(tmp_path / "whole")
    if name == "wgan_gp":
        assert model.generate(2, seed=0).shape == (2, 28, 28, 1)
    else:
        x = images[:2] / np.float32(255)
        assert model.predict(x, verbose=0).shape == x.shape


def test_what_this_backend_cannot_do_is_one_line(tmp_path):
    if keras.backend.backend() == "tensorflow":
        zoo.export("dense_ae.mnist", tmp_path / "m.tflite")
        return
    with pytest.raises(ValueError, match="^Export goes by TensorFlow, .*KERAS_BACKEND=tensorflow"):
        zoo.export("dense_ae.mnist", tmp_path / "m.tflite")
    with pytest.raises(ValueError, match="strategy and devices must be left out"):
        training.distribution.start("mirrored")


def test_the_codec_needs_no_backend_and_tensorflow_is_not_imported():
    images = samples.load().images[:4]
    codec = zoo.Codec("compressor")
    assert codec.decompress(codec.compress(images)).shape == images.shape
    if keras.backend.backend() != "tensorflow":
        assert "tensorflow" not in sys.modules
