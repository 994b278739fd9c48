"""A small model of sounds, trained for a moment on tones, and a folder of recordings."""

import json

import pytest
import soundfile
from tone_signals import RATE, tones


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """A folder of twelve WAV files of about a second."""
    folder = tmp_path_factory.mktemp("recordings")
    for index in range(12):
        soundfile.write(folder / f"{index:02}.wav", tones(7000 + 300 * index, index), RATE)
    return folder


@pytest.fixture(scope="session")
def sound_model(recordings, tmp_path_factory):
    """The folder of a model as ``zoo train`` writes it, with a codec."""
    from zoo import packaging, training

    folder = tmp_path_factory.mktemp("sound_model")
    small = {
        "filters": (8, 8, 16),
        "decoder_filters": (8, 8, 16),
        "encoder_blocks": (0, 1, 0),
        "decoder_blocks": (0, 1, 0),
        "latent_channels": 4,
        "tables": 3,
        "rate_weight": 0.0002,
    }
    recipe = {"epochs": 15, "batch_size": 16, "learning_rate": 5e-3}
    trained = training.train("signal_ae", data_source=str(recordings), output=folder, overrides=small, **recipe)
    packaging.write_artifact(trained, folder)
    assert json.loads((folder / "card.json").read_text())["metrics"]["codec_bytes"] > 0
    return folder
