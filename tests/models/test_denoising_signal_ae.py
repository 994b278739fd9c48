"""The denoiser of speech: its noise, its code, and sounds of any length through it."""

import json

import numpy as np
import pytest
import soundfile
import typer
from checks import check_layer
from scipy.signal import lfilter
from tone_signals import tones

import zoo
from zoo import models
from zoo.cli.denoise import denoise as denoise_command
from zoo.data import corruption
from zoo.denoising import gated
from zoo.evaluation import si_sdr
from zoo.layers import SignalNoise
from zoo.layers.signal_noise import coloured

SMALL = {
    "example_shape": (96, 1),
    "latent_channels": 8,
    "filters": (4, 6, 8),
    "decoder_filters": (4, 6, 8),
    "encoder_blocks": (0, 0, 1),
    "decoder_blocks": (0, 0, 1),
}


def test_the_noise_is_a_layer():
    x = np.random.default_rng(0).uniform(-1, 1, (2, 96, 1)).astype(np.float32)
    np.testing.assert_array_equal(check_layer(lambda: SignalNoise(seed=0), x), x)


@pytest.mark.parametrize("colour", [0.0, 0.5, 0.95])
def test_coloured_noise_is_that_of_the_recursion(colour):
    white = np.random.default_rng(0).normal(size=(3, 576, 1)).astype(np.float32)
    found = np.asarray(coloured(white, np.full((3, 1, 1), colour, np.float32)))
    expected = np.sqrt(1 - colour**2) * lfilter([1.0], [1.0, -colour], white, axis=1)
    # The series ends after 128 terms, of which the first left out weighs 0.95 ** 128.
    np.testing.assert_allclose(found, expected, atol=5e-3)


def test_levels_of_the_noise_lie_between_the_bounds():
    x = np.zeros((400, 576, 1), np.float32)
    noise = np.asarray(SignalNoise(decibels=(-40, -20), colours=(0, 0), seed=1)(x, training=True))
    decibels = 20 * np.log10(noise.std(axis=(1, 2)))
    assert -40.6 < decibels.min() < -38.5 and -21.5 < decibels.max() < -19.4
    assert abs(np.mean(decibels) + 30) < 1
    neighbours = np.asarray(SignalNoise(colours=(0.9, 0.9), seed=1)(x, training=True))[..., 0]
    correlation = np.corrcoef(neighbours[:, 200:-1].ravel(), neighbours[:, 201:].ravel())[0, 1]
    assert correlation == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"decibels": (-10, -20)}, "decibels must be bounds low ≤ high"),
        ({"colours": (0, 1)}, "colours must be bounds 0 ≤ low ≤ high < 1"),
    ],
)
def test_bounds_are_checked(bounds, message):
    with pytest.raises(ValueError, match=message):
        SignalNoise(**bounds)


def test_it_adds_noise_in_training_only():
    model = models.DenoisingSignalAE(**SMALL)
    x = np.random.default_rng(0).uniform(-1, 1, (2, 96, 1)).astype(np.float32)
    np.testing.assert_array_equal(model(x), model(x))
    assert (np.asarray(model(x, training=True)) != np.asarray(model(x, training=True))).any()
    assert model.encode(x).shape == (2, 24)


def test_the_code_is_smaller_than_the_frame():
    with pytest.raises(ValueError, match="latent_channels must be from 1 to 31: received 32"):
        models.DenoisingSignalAE(example_shape=(96, 1), latent_channels=32)


@pytest.mark.parametrize("decibels", [0.0, 10.0])
def test_noise_of_a_ratio(decibels):
    signal = tones(20_000, 0).astype(float)
    for colour in (0.0, 0.9):
        noisy = corruption.signal_noise(signal, decibels, colour, seed=0)
        found = 10 * np.log10(np.sum(signal**2) / np.sum((noisy - signal) ** 2))
        assert found == pytest.approx(decibels)


def speech_and_noise(decibels, seconds=6, seed=0):
    """Syllables with pauses between, and pink noise."""
    speech, rng = tones(8000 * seconds, seed).astype(float), np.random.default_rng(seed)
    frequencies = np.maximum(np.fft.rfftfreq(len(speech), 1 / 8000), 20)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(len(speech))) / np.sqrt(frequencies), len(speech))
    return speech, noise * np.sqrt((speech**2).sum() / (noise**2).sum()) * 10 ** (-decibels / 20)


def test_the_gate_takes_out_steady_noise_where_a_model_is_right():
    speech, noise = speech_and_noise(10.0)
    found = gated(speech + noise, speech)
    assert si_sdr(speech, found) > si_sdr(speech, speech + noise) + 5


@pytest.mark.parametrize("decibels", [0.0, 10.0, 20.0, 40.0])
def test_the_gate_never_returns_less_than_the_input(decibels):
    """Of models that take out half of the speech, or all of the sound: what comes and goes is no noise."""
    speech, noise = speech_and_noise(decibels)
    noisy = speech + noise
    for found in (0.5 * speech, np.zeros_like(noisy), noisy):
        assert si_sdr(speech, gated(noisy, found)) > si_sdr(speech, noisy) - 0.1


@pytest.mark.parametrize("n", [1, 63, 255, 256, 257, 40_000])
def test_a_gate_of_any_length(n):
    signal = tones(n, 0).astype(float)
    np.testing.assert_allclose(gated(signal, signal), signal, atol=1e-6)
    assert gated(signal, np.zeros(n)).shape == (n,)


def test_sections_are_gated_as_the_whole(monkeypatch):
    from zoo.denoising import audio

    speech, noise = speech_and_noise(5.0, seconds=8)
    noisy, found = (np.rint(values).astype(np.int16) for values in (speech + noise, 0.9 * speech))
    whole = np.rint(gated(noisy, found))
    monkeypatch.setattr(audio, "SECTION", 1 << 14)
    for size in (997, 30_000, 64_000):
        pairs = ((noisy[at : at + size], found[at : at + size]) for at in range(0, len(noisy), size))
        done = []
        parts = list(audio._in_sections(pairs, len(noisy), done.append))
        assert sum(done) == len(noisy) and len(parts) == 4
        np.testing.assert_allclose(np.concatenate(parts), whole, atol=1)


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 95, 96, 97, 1000])
@pytest.mark.parametrize("overlap", [None, 0, 16])
def test_sounds_of_any_length(n, overlap):
    signal = tones(n, 0)
    model = models.DenoisingSignalAE(**SMALL)
    found = zoo.denoise_audio(signal, model, overlap=overlap)
    assert found.shape == (n,) and found.dtype == np.int16
    as_float = zoo.denoise_audio((signal / 32768).astype(np.float32)[:, None], model, overlap=overlap)
    assert as_float.dtype == np.float32 and as_float.shape == (n, 1)
    np.testing.assert_allclose(as_float[:, 0] * 32768, found, atol=0.51)


def test_what_no_sound_or_denoiser_is():
    model = models.DenoisingSignalAE(**SMALL)
    with pytest.raises(ValueError, match="overlap must be an even integer from 0 to 48: received 50"):
        zoo.denoise_audio(tones(100, 0), model, overlap=50)
    with pytest.raises(ValueError, match="model must be a denoising autoencoder of signals"):
        zoo.denoise_audio(tones(100, 0), "denoising_ae")
    with pytest.raises(ValueError, match=r"must hold samples \(n,\)"):
        zoo.denoise_audio(np.zeros((3, 4)), model)


@pytest.mark.parametrize("decibels", [5.0, 10.5, 20.0, 40.0])
def test_the_shipped_denoiser_makes_ordinary_noisy_speech_no_worse(decibels):
    speech, noise = speech_and_noise(decibels)
    gain = 0.9 * 32767 / np.abs(speech + noise).max()
    noisy = np.rint(gain * (speech + noise)).astype(np.int16)
    assert si_sdr(speech, zoo.denoise_audio(noisy)) > si_sdr(speech, noisy) - 0.1


def test_the_shipped_denoiser_cleans_speech_like_sounds():
    card = zoo.info("denoising_signal_ae")["metrics"]
    for kind in corruption.SIGNAL_STANDARD:
        assert card[kind]["denoised_si_sdr"] > card[kind]["noisy_si_sdr"] + 1


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", tones(16_000, 1), 8000)
    soundfile.write("b.flac", tones(16_000, 2), 16_000)
    (tmp_path / "c.wav").write_text("no sound")
    soundfile.write("d.flac", tones(60_000, 2), 8000)
    (tmp_path / "d.flac").write_bytes((tmp_path / "d.flac").read_bytes()[:30_000])
    app = typer.Typer(add_completion=False)
    app.command()(denoise_command)
    status = app("a.wav d.flac b.flac c.wav -o out --noise 0.05 --json".split(), standalone_mode=False)
    printed = capsys.readouterr()
    rows = json.loads(printed.out)["rows"]
    assert status == 1 and printed.err.startswith("Failed: d.flac is damaged: ")
    assert json.loads(printed.out)["failed"][1].startswith("c.wav is not a sound")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.wav", "b.wav", "before-after.png"]
    assert [row["name"] for row in rows] == ["a", "b"] and rows[1]["changes"] == "resampled from 16,000 Hz"
    assert soundfile.info("out/a.wav").frames == 16_000 and soundfile.info("out/b.wav").frames == 8000
    noise = 0.05 * 32768 * np.random.default_rng(0).standard_normal(16_000)
    clean = tones(16_000, 1).astype(float)
    assert rows[0]["noisy_si_sdr"] == pytest.approx(10 * np.log10((clean**2).sum() / (noise**2).sum()), abs=0.2)
    assert (tmp_path / "out" / "before-after.png").stat().st_size > 10_000
    with pytest.raises(ValueError, match="c.wav is not a sound"):
        app("c.wav -o out2".split(), standalone_mode=False)
