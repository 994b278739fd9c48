"""Opening sounds of the user's own: rates, channels, and files that are none."""

import sys

import numpy as np
import pytest
import soundfile
from tone_signals import tones

from zoo.io import audio


def opened(path, rate=8000):
    (sound,) = audio.open_audio([path], rate)
    samples = np.concatenate(list(sound.read()))
    assert samples.dtype == np.int16 and len(samples) == sound.samples
    return sound, samples


def test_the_models_rate_is_read_as_it_is(tmp_path):
    signal = tones(200_000, 0)  # several blocks
    soundfile.write(tmp_path / "a.wav", signal, 8000)
    sound, samples = opened(tmp_path / "a.wav")
    np.testing.assert_array_equal(samples, signal)
    assert sound.name == "a" and sound.changes == ()


@pytest.mark.parametrize(("rate", "extension"), [(44100, "flac"), (16000, "wav"), (4000, "wav")])
def test_another_rate_is_converted(tmp_path, rate, extension):
    t = np.arange(2 * rate) / rate
    soundfile.write(tmp_path / f"a.{extension}", 0.5 * np.sin(2 * np.pi * 440 * t), rate)
    sound, samples = opened(tmp_path / f"a.{extension}")
    assert sound.samples == 16000 and sound.changes == (f"resampled from {rate:,} Hz",)
    expected = 16384 * np.sin(2 * np.pi * 440 * np.arange(16000) / 8000)
    assert np.abs(samples - expected)[400:-400].max() < 40


def test_channels_are_mixed(tmp_path):
    left, right = tones(9000, 1), tones(9000, 2)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], axis=1), 8000)
    sound, samples = opened(tmp_path / "a.wav")
    np.testing.assert_allclose(samples, (left.astype(float) + right) / 2, atol=0.51)
    assert sound.changes == ("2 channels mixed",)


def test_arrays_of_samples(tmp_path):
    signal = tones(500, 3)
    np.save(tmp_path / "a.npy", signal)
    np.testing.assert_array_equal(opened(tmp_path / "a.npy")[1], signal)
    np.save(tmp_path / "b.npy", signal[:, None] / 32768)
    np.testing.assert_array_equal(opened(tmp_path / "b.npy")[1], signal)
    np.testing.assert_array_equal(audio.to_int16(np.array([-1.0, 0.5, 1.0])), [-32768, 16384, 32767])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 2)), r"samples \(n,\) or \(n, 1\): received the shape \(4, 2\)"),
        (np.zeros(0), r"received the shape \(0,\)"),
        (np.array([0.5, np.nan]), r"must be in \[-1, 1\]"),
        (np.array([0.5, 1.5]), r"must be in \[-1, 1\]: received numbers from 0.5 to 1.5"),
        (np.zeros(4, np.int32), "must be int16, or float"),
    ],
)
def test_arrays_that_are_no_samples(array, message):
    with pytest.raises(ValueError, match=message):
        sound = audio.from_array(array)
        list(sound.read())


def test_files_that_are_no_sounds(tmp_path):
    (tmp_path / "text.wav").write_text("not a sound")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 8000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.1, np.nan]), 8000, subtype="FLOAT")
    (tmp_path / "none").mkdir()
    for name, message in (
        ("text.wav", "is not a sound: expected WAV"),
        ("missing.wav", "cannot be read: No such file"),
        ("empty.wav", "holds no samples"),
        ("none", "holds no sounds: expected files such as .wav"),
    ):
        with pytest.raises(ValueError, match=message):
            audio.open_audio([tmp_path / name], 8000)
    with pytest.raises(ValueError, match="holds NaN or infinity"):
        opened(tmp_path / "nan.wav")


def test_a_damaged_flac_is_one_line(tmp_path):
    soundfile.write(tmp_path / "a.flac", tones(200_000, 0), 8000)
    content = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(content[: len(content) // 2])
    (tmp_path / "changed.flac").write_bytes(content[:60_000] + b"\x55" * 400 + content[60_400:])
    for name in ("cut.flac", "changed.flac"):
        with pytest.raises(
            ValueError, match=rf"{name} is damaged: it cannot be read beyond .* of 25 seconds \("
        ) as error:
            opened(tmp_path / name)
        assert "\n" not in str(error.value)
    failed = []
    found = audio.open_audio([tmp_path], 8000, failed=failed)
    assert (
        [sound.name for sound in found] == ["a"] and len(failed) == 2 and all("is damaged" in line for line in failed)
    )


@pytest.mark.parametrize("extension", ["wav", "aiff"])
def test_what_is_shorter_than_its_header_says_is_told(tmp_path, extension):
    signal = tones(16_000, 0)
    soundfile.write(tmp_path / f"a.{extension}", signal, 8000)
    content = (tmp_path / f"a.{extension}").read_bytes()
    (tmp_path / f"a.{extension}").write_bytes(content[: len(content) // 2 + 30])
    sound, samples = opened(tmp_path / f"a.{extension}")
    assert sound.changes[0].startswith("cut short: 1 of ")
    np.testing.assert_array_equal(samples, signal[: len(samples)])


def test_a_cut_ogg_is_told(tmp_path):
    soundfile.write(tmp_path / "a.ogg", tones(80_000, 0), 8000)
    content = (tmp_path / "a.ogg").read_bytes()
    (tmp_path / "a.ogg").write_bytes(content[: len(content) // 2])
    assert opened(tmp_path / "a.ogg")[0].changes[0].startswith("cut short after ")


def test_a_stream_whose_length_was_not_known_is_whole(tmp_path):
    soundfile.write(tmp_path / "a.wav", tones(1000, 0), 8000)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[4:8] = content[40:44] = b"\xff" * 4
    (tmp_path / "a.wav").write_bytes(content)
    assert opened(tmp_path / "a.wav")[0].changes == ()


def test_a_batch_goes_on_without_what_fails(tmp_path):
    soundfile.write(tmp_path / "a.wav", tones(100, 0), 8000)
    (tmp_path / "b.wav").write_text("no")
    failed = []
    found = audio.open_audio([tmp_path / "b.wav", tmp_path], 8000, failed=failed)
    assert [sound.name for sound in found] == ["a"] and len(failed) == 2


def test_a_folder_keeps_its_names(tmp_path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for name in ("x.wav", "sub/x.wav", "sub/y.flac"):
        soundfile.write(tmp_path / "in" / name, tones(50, 0), 8000)
    assert [sound.name for sound in audio.open_audio([tmp_path / "in"], 8000)] == ["sub/x", "sub/y", "x"]
    assert audio.are_audio([tmp_path / "in"]) and not audio.are_audio([tmp_path / "a.png", tmp_path / "b.wav"])


def test_recordings_of_phones_are_read_by_an_extra(tmp_path, monkeypatch):
    """A tone comes back through AAC; a damaged file is one line."""
    import av

    tone = (8000 * np.sin(np.arange(16000) * 2 * np.pi * 440 / 16000)).astype(np.int16)
    with av.open(str(tmp_path / "a.m4a"), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
        frame.rate = 16000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    (sound,) = audio.open_audio([tmp_path / "a.m4a"], 8000)
    samples = np.concatenate(list(sound.read())).astype(float)
    peak = np.abs(np.fft.rfft(samples)).argmax() * 8000 / len(samples)
    assert abs(len(samples) - 8000) < 1100 and abs(peak - 440) < 2 and 7000 < np.abs(samples).max() < 9000
    (tmp_path / "b.m4a").write_bytes(b"no sound")
    with pytest.raises(ValueError, match="b.m4a is a damaged sound"):
        audio.open_audio([tmp_path / "b.m4a"], 8000)


def test_without_the_extra_a_recording_of_a_phone_says_which(tmp_path, monkeypatch):
    (tmp_path / "a.m4a").write_bytes(b"not looked at")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ValueError, match=r"a.m4a is AAC, which needs PyAV: pip install 'autoencoder-zoo\[m4a\]'"):
        audio.open_audio([tmp_path / "a.m4a"], 8000)
