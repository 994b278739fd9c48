"""The model of signals, its loss, its data and its measures."""

import numpy as np
import pytest
from tone_signals import tones

from zoo import data, evaluation, losses, modalities, models
from zoo.codec.frames import crossfade
from zoo.data import audio


def test_the_loss_is_the_emphasised_error_as_it_is_heard():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 3, 96, 1)).astype(np.float32)
    error = (x - y)[..., 0] * crossfade(96, 16)
    expected = (error[:, 0] ** 2 + ((error[:, 1:] - 0.7 * error[:, :-1]) ** 2).sum(axis=1)).mean()
    loss = losses.WindowedSquaredError(overlap=16, emphasis=0.7)
    assert float(loss(x, y)) == pytest.approx(expected, rel=1e-5)
    again = losses.WindowedSquaredError.from_config(loss.get_config())
    assert float(again(x, y)) == float(loss(x, y))
    assert float(losses.WindowedSquaredError(overlap=0)(x, y)) == pytest.approx(float(losses.SquaredError()(x, y)))
    with pytest.raises(ValueError, match="emphasis must be from 0 to below 1"):
        losses.WindowedSquaredError(overlap=16, emphasis=1.0)


def test_the_default_loss_is_that_of_the_model():
    model = models.SignalAE(example_shape=(96, 1), overlap=16, emphasis=0.5, latent_channels=2)
    model.compile()
    x = np.random.default_rng(0).normal(0, 0.2, (2, 96, 1)).astype(np.float32)
    loss = model.evaluate(x, verbose=0)
    expected = float(losses.WindowedSquaredError(overlap=16, emphasis=0.5)(x, model.predict(x, verbose=0)))
    model(x)
    assert loss - float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)


def test_arguments():
    with pytest.raises(ValueError, match="length divisible by 32"):
        models.SignalAE(example_shape=(100, 1))
    with pytest.raises(ValueError, match="example_shape must be two positive integers"):
        models.SignalAE(example_shape=(96, 1, 1))
    with pytest.raises(ValueError, match="overlap must be from 0 to half of the length, 48"):
        models.SignalAE(example_shape=(96, 1), overlap=50)
    with pytest.raises(
        ValueError, match=r"floating-point in \[-1, 1\]: received int16; divide 16-bit samples by 32768"
    ):
        models.SignalAE(example_shape=(96, 1), overlap=16).encode(np.zeros((1, 96, 1), np.int16))


def test_si_sdr_in_closed_form():
    signal, noise = np.array([3.0, 0, 4, 0]), np.array([0.0, 0.5, 0, 0])
    assert evaluation.si_sdr(signal, signal + noise) == pytest.approx(20.0)
    assert evaluation.si_sdr(signal, 7 * (signal + noise)) == pytest.approx(20.0)
    assert evaluation.signal_to_noise(signal, signal + noise) == pytest.approx(20.0)
    assert evaluation.signal_to_noise(signal, 2 * signal) == pytest.approx(0.0)
    assert evaluation.si_sdr(signal, 3 * signal) > 250
    with pytest.raises(ValueError, match="must not be silent"):
        evaluation.si_sdr(np.zeros(4), signal)
    with pytest.raises(ValueError, match=r"must be \(samples,\)"):
        evaluation.si_sdr(signal, signal[:3])


def test_the_log_spectral_distance_of_a_gain_is_the_gain():
    signal = np.random.default_rng(0).normal(size=8000)
    assert evaluation.log_spectral_distance(signal, 10 * signal, floor=300) == pytest.approx(20.0, abs=1e-6)
    assert evaluation.log_spectral_distance(signal, signal) == 0
    with pytest.raises(ValueError, match="at least 256 samples"):
        evaluation.log_spectral_distance(signal[:100], signal[:100])


def test_stoi_is_the_mean_over_passages():
    import pystoi

    signal = tones(90_000, 0).astype(float)
    noisy = signal + np.random.default_rng(0).normal(0, 2000, len(signal))
    expected = np.mean([pystoi.stoi(signal[a : a + 40_000], noisy[a : a + 40_000], 8000) for a in (0, 40_000)])
    assert evaluation.stoi(signal, noisy, 8000) == pytest.approx(expected)
    with pytest.raises(ValueError, match="must last 5 seconds"):
        evaluation.stoi(signal[:100], noisy[:100], 8000)


def test_recordings_of_a_folder_go_to_one_split_each(recordings):
    found = {split: audio.load_audio(str(recordings), split) for split in ("train", "validation", "test")}
    assert {split: len(rows) for split, rows in found.items()} == {"train": 8, "validation": 2, "test": 2}
    np.testing.assert_array_equal(found["test"][1], tones(7000 + 3000, 10))
    with pytest.raises(ValueError, match="split must be"):
        audio.load_audio(str(recordings), "training")
    with pytest.raises(ValueError, match="expected a folder of recordings, or spoken_digit"):
        audio.load_audio("no-such-set", "test")


def test_speakers_are_in_one_split_only(monkeypatch):
    names = [f"{digit}_{speaker}_0.wav" for digit in range(2) for speaker in ("theo", "ann", "yw", "bob", "cleo")]
    rows = [{"audio/filename": name.encode(), "audio": np.array([len(name), n])} for n, name in enumerate(names)]
    monkeypatch.setattr("zoo.data.audio.load_rows", lambda *_: rows)
    counts = {s: sorted(int(r[1]) for r in audio.load_audio("spoken_digit", s)) for s in audio.SPLITS}
    assert counts == {"train": [1, 3, 4, 6, 8, 9], "validation": [0, 5], "test": [2, 7]}


def test_frames_to_train_with(recordings):
    loaded = modalities.get("audio").load(str(recordings), (96, 1), seed=3)
    again = modalities.get("audio").load(str(recordings), (96, 1), seed=3)
    assert loaded.train.dtype == np.int16 and loaded.train.shape[1:] == (96, 1)
    np.testing.assert_array_equal(loaded.train, again.train)
    assert np.abs(loaded.test.astype(int)).max() >= 32767  # each recording at its peak
    unit = data.unit(loaded.test)
    assert unit.dtype == np.float32 and np.abs(unit).max() <= 1
    seconds = sum(len(r) for r in audio.load_audio(str(recordings), "train")) / 8000
    expected = seconds * 8000 / audio.HOP * sum(up / down for up, down in audio.SPEEDS)
    assert len(loaded.train) == pytest.approx(expected, rel=0.1)


def test_the_microphone_of_the_encoder_has_eight_bits():
    from zoo.codec.litert import as_int8

    samples = np.array([[-32768, -129, -128, 0, 127, 129, 32767]], np.int16)
    np.testing.assert_array_equal(as_int8(samples), [[-128, -1, 0, 0, 0, 1, 127]])
