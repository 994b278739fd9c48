"""The model of signals, its loss, its data and its measures."""

import numpy as np
import pytest
import small
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


# Measured signals

ECG = {"example_shape": (128, 1), "overlap": 16, "latent_channels": 6, "num_priors": 3, "filters": ()}
ECG |= {"decoder_filters": (8, 32, 12), "encoder_blocks": (), "decoder_blocks": (0, 1, 0)}
ECG |= {"sample_rate": 360, "headroom": 16, "unit": "mV", "resolution": 200, "emphasis": 0.0}


def walks(number, length, seed=0):
    """Random walks, smoothed: int16 ``(number, length)``."""
    steps = np.random.default_rng(seed).normal(0, 30, (number, length + 7))
    smooth = np.lib.stride_tricks.sliding_window_view(np.cumsum(steps, axis=1), 8, axis=1).mean(axis=2)
    return np.rint(smooth - smooth.mean(axis=1, keepdims=True)).astype(np.int16)


def test_it_starts_as_the_principal_components_of_its_frames():
    model = models.SignalAE(**ECG, rate_weight=1e-5)
    model.build()
    frames = walks(300, 128)[..., None] / np.float32(4000)
    model.adapt(frames)
    pieces = frames.reshape(-1, 32)
    # Independent: the right singular vectors of all pieces.
    basis = np.linalg.svd(pieces, full_matrices=False)[2][:6]
    expected = (pieces @ basis.T @ basis).reshape(frames.shape)
    restored = np.asarray(model.decode(model.encode(frames)))
    np.testing.assert_allclose(restored, expected, atol=2e-5)
    code = np.asarray(model.encode(frames)).reshape(-1, 6)
    step = np.sqrt(6 * 1e-5 / np.log(2))  # a bit is worth 1e-5 where D = step² / 12 and dD/dR = −2 ln 2 D
    np.testing.assert_allclose(np.abs(code) / 0.25 * step, np.abs(pieces @ basis.T), atol=1e-4)
    with pytest.raises(ValueError, match=r"decoder_filters must be at least \(8, 32, 12\): received \(8, 16, 12\)"):
        models.SignalAE(**{**ECG, "decoder_filters": (8, 16, 12)}).adapt(frames)


def test_frames_are_those_of_the_codec():
    from zoo.codec import frames
    from zoo.data import DataSet

    model = models.SignalAE(**ECG)
    modality = modalities.of(model)
    assert (modality.name, modality.rate) == ("signal", 360)
    assert modality.described(model) == {"sample_rate": 360, "unit": "mV", "steps_per_unit": 200}
    signals = list(walks(3, 1000))
    data_set = modality.prepared(model, DataSet("x", "x", signals, signals[:1], signals[1:], ""))
    assert data_set.train.shape == (27, 128, 1) and data_set.test.shape == (18, 128, 1)
    cut = np.concatenate(list(frames.split([signals[0]], 128, 16)))
    levels, _ = frames.levels_of(cut, headroom=16)
    np.testing.assert_allclose(data_set.train[:9, :, 0] / 32768 * frames.scale_of(levels)[:, None], cut, atol=0.5)


def test_speech_keeps_its_rate_and_modality():
    model = small.AUTOENCODERS["signal_ae"]()
    assert (model.modality, model.sample_rate, modalities.of(model).rate) == ("audio", 8000, 8000)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sample_rate": 0}, "sample_rate must be an integer from 1 to 1,000,000: received 0"),
        ({"headroom": -1}, "headroom must be an integer from 0 to 64: received -1"),
        ({"unit": "mV", "resolution": 0}, "unit must be ASCII and come with a resolution above 0"),
        ({"unit": "µV"}, "unit must be ASCII"),
    ],
)
def test_rate_and_unit_are_checked(changes, message):
    with pytest.raises(ValueError, match=message):
        models.SignalAE(**{**ECG, **changes})
