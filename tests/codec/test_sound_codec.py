"""Sounds through ``zoo.Codec``: any length, from pieces, and every fault in the bytes found."""

import json

import numpy as np
import pytest
import soundfile
from tone_signals import tones

import zoo
from zoo.codec import CodecError
from zoo.codec.tables import Tables

pytestmark = pytest.mark.slow  # its model is trained first


@pytest.fixture(scope="module")
def codec(audio_model):
    return zoo.Codec(audio_model)


@pytest.mark.parametrize("n", [1, 511, 512, 513, 20_000])
def test_any_length_comes_back(codec, n):
    signal = tones(n, 1)
    data = codec.compress(signal)
    restored = codec.decompress(data)
    assert restored.dtype == np.int16 and restored.shape == (n,)
    np.testing.assert_array_equal(codec.decompress(codec.compress(signal / 32768)), restored)


def test_it_restores_a_signal_in_fewer_bytes(codec):
    signal = tones(80_000, 2)
    data = codec.compress(signal)
    restored = codec.decompress(data).astype(float)
    assert len(data) < 0.25 * 2 * len(signal)
    assert 10 * np.log10((signal.astype(float) ** 2).sum() / ((signal - restored) ** 2).sum()) > 3


def test_a_quieter_signal_is_restored_as_well(codec):
    signal = tones(80_000, 3)

    def snr(values):
        restored = codec.decompress(codec.compress(values)).astype(float)
        return 10 * np.log10((values.astype(float) ** 2).sum() / ((values - restored) ** 2).sum())

    assert snr((signal / 30).astype(np.int16)) > snr(signal) - 1.0


def test_silence_is_cheap_and_silent(codec):
    data = codec.compress(np.zeros(400_000, np.int16))
    assert np.abs(codec.decompress(data)).max() <= 1
    assert len(data) < 0.5 * len(codec.compress(tones(400_000, 4)))


def test_pieces_make_no_difference(codec, monkeypatch, tmp_path):
    from zoo.io import audio

    soundfile.write(tmp_path / "a.wav", tones(30_000, 5), 8000)
    codec.compress_file(tmp_path / "a.wav", tmp_path / "a.zoo", names=False)
    monkeypatch.setattr(audio, "BLOCK", 777)
    codec.compress_file(tmp_path / "a.wav", tmp_path / "b.zoo", names=False)
    assert (tmp_path / "a.zoo").read_bytes() == (tmp_path / "b.zoo").read_bytes()
    threaded = zoo.Codec(codec.coder._artifact.path, num_threads=2)
    threaded.compress_file(tmp_path / "a.wav", tmp_path / "c.zoo", names=False)
    assert (tmp_path / "a.zoo").read_bytes() == (tmp_path / "c.zoo").read_bytes()


def test_many_sounds_and_one_of_them(codec, tmp_path):
    signals = [tones(n, n) for n in (900, 5000, 5000, 1)]
    for index, signal in enumerate(signals):
        soundfile.write(tmp_path / f"{index}.wav", signal, 8000)
    codec.compress_file([tmp_path / f"{i}.wav" for i in range(3)], tmp_path / "x.zoo")
    summary = codec.compress_file(tmp_path / "3.wav", tmp_path / "x.zoo", append=True)
    assert summary.figures()["sounds"] == 1
    codec.decompress_file(tmp_path / "x.zoo", tmp_path / "out")
    for index, signal in enumerate(signals):
        restored, rate = soundfile.read(tmp_path / "out" / f"{index}.wav", dtype="int16")
        assert rate == 8000
        # The same as alone: a sound does not depend on its neighbours.
        np.testing.assert_array_equal(restored, codec.decompress(codec.compress(signal)))
        np.testing.assert_array_equal(codec.picture(tmp_path / "x.zoo", index), restored)
    for name, message in (("one.wav", "holds 4 sounds: restore them into a folder"), ("one.png", "holds sounds: give")):
        with pytest.raises(ValueError, match=message):
            codec.decompress_file(tmp_path / "x.zoo", tmp_path / name)
        assert not (tmp_path / name).exists()


def test_every_changed_byte_is_found(codec):
    data = bytearray(codec.compress(tones(3000, 6)))
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x55
        with pytest.raises(CodecError):
            codec.decompress(bytes(changed))
    for size in range(len(data)):
        with pytest.raises(CodecError):
            codec.decompress(bytes(data[:size]))


def test_levels_travel_with_the_symbols(codec):
    tables, rng = codec.tables, np.random.default_rng(0)
    symbols = rng.integers(tables.minimum, tables.minimum + tables.size, (50, tables.latent_dim))
    levels = rng.integers(0, 64, 50)
    words = tables.encode(symbols, tables.encode_levels(levels))
    found, same = tables.decode_with_levels(words, 50)
    np.testing.assert_array_equal(found, symbols)
    np.testing.assert_array_equal(same, levels)
    with pytest.raises(CodecError, match="do not end with the levels of 49 frames"):
        tables.decode_with_levels(words, 49)
    # A level that stays costs little.
    alone = len(tables.encode(symbols))
    assert len(tables.encode(symbols, tables.encode_levels(np.full(50, 48)))) <= alone + 2


def test_tables_of_a_signal_are_checked(audio_model):
    with np.load(audio_model / "codec.npz") as file:
        arrays = dict(file)
    for change, message in (
        ({"sample_rate": None}, "must come together"),
        ({"overlap": np.int16(63)}, "overlap must be even"),
        ({"sample_rate": np.int32(0)}, "sample_rate must be from 1"),
        ({"level_counts": arrays["level_counts"][:-1]}, "level_counts must be 127 numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            Tables(**(arrays | change))


def test_what_is_of_pictures_is_refused(codec, tmp_path):
    soundfile.write(tmp_path / "a.wav", tones(900, 0), 8000)
    with pytest.raises(ValueError, match="compact is of pictures"):
        codec.compress(tones(900, 0), compact=True)
    with pytest.raises(ValueError, match="encode is of pictures"):
        codec.encode(np.zeros((1, 1, 512, 1), np.uint8))
    for options in ({"fit": "crop"}, {"transform": lambda batch: batch}):
        with pytest.raises(ValueError, match="fit and denoise are of pictures"):
            codec.compress_file(tmp_path / "a.wav", tmp_path / "a.zoo", **options)
    assert not (tmp_path / "a.zoo").exists()


@pytest.fixture
def command(command_line, audio_model):
    """Runs a command line beside ``model``; returns its exit status and what it printed."""
    return command_line(audio_model)


def test_the_command_says_what_it_changed_and_what_failed(command, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([tones(8000, 1)] * 2, axis=1), 16000)
    (tmp_path / "b.wav").write_text("no sound")
    status, out, err = command("compress a.wav b.wav -o x.zoo --model model --json")
    result = json.loads(out)
    assert status == 1 and err.startswith("Failed: b.wav is not a sound")
    assert result["sounds"] == 1 and result["notes"] == ["a: resampled from 16,000 Hz, 2 channels mixed"]
    assert result["failed"][0].startswith("b.wav is not a sound") and result["seconds"] == pytest.approx(0.5)
    size = (tmp_path / "x.zoo").stat().st_size
    assert result["kilobits_per_second"] == pytest.approx(8 * size / 0.5 / 1000)
    assert command("decompress x.zoo -o y.wav --model model")[0] in (0, None)
    assert soundfile.info(tmp_path / "y.wav").frames == 4000
    with pytest.raises(ValueError, match="b.wav is not a sound"):
        command("compress b.wav -o z.zoo --model model")
    assert not (tmp_path / "z.zoo").exists()
    soundfile.write(tmp_path / "c.flac", tones(60_000, 2), 8000)
    whole = (tmp_path / "c.flac").read_bytes()
    (tmp_path / "c.flac").write_bytes(whole[: len(whole) // 2])
    status, out, err = command("compress c.flac a.wav -o z.zoo --model model --json")
    assert status == 1 and json.loads(out)["sounds"] == 1 and err.startswith("Failed: c.flac is damaged: ")


def test_verify_measures_the_error(command, codec, tmp_path):
    signal = tones(9000, 8)
    soundfile.write(tmp_path / "a.wav", signal, 8000)
    _, out, _ = command("compress a.wav -o x.zoo --model model --verify --json")
    restored = codec.decompress((tmp_path / "x.zoo").read_bytes()).astype(float)
    expected = 10 * np.log10((signal.astype(float) ** 2).sum() / ((signal - restored) ** 2).sum())
    assert json.loads(out)["snr"] == pytest.approx(expected)
