"""Measured signals through ``zoo.Codec``: units and rates of the model, and files that come back as what they were."""

import json

import numpy as np
import pytest
import soundfile
from commands import own_lines, run_here

import zoo
from zoo.codec.frames import HEADROOM
from zoo.codec.media.signals import percent_differences
from zoo.codec.tables import Tables

NAME = "signal_ae.ecg"


@pytest.fixture(scope="module")
def codec():
    return zoo.Codec(NAME)


@pytest.fixture(scope="module")
def heart():
    """Ten seconds in millivolts at 360 Hz that resemble an electrocardiogram: (3600,)."""
    time = np.arange(3600) / 360
    phase = (time % 0.83)[:, None] - np.array([0.20, 0.36, 0.38, 0.40, 0.66])
    waves = np.array([0.12, -0.1, 1.2, -0.25, 0.3]) * np.exp(-0.5 * (phase / [0.025, 0.01, 0.012, 0.01, 0.045]) ** 2)
    return waves.sum(axis=1) + 0.05 * np.sin(2 * np.pi * 0.3 * time)


def test_rate_unit_and_headroom_are_the_models(codec):
    assert (codec.tables.sample_rate, codec.tables.unit, codec.tables.resolution) == (360, "mV", 200)
    assert codec.tables.headroom > HEADROOM and (codec.what, codec.unit) == ("signals", "seconds")
    card = zoo.info(NAME)
    assert (card["sample_rate"], card["unit"], card["steps_per_unit"]) == (360, "mV", 200)
    speech = zoo.Codec("signal_ae")  # whose tables are older than the fields
    assert (speech.tables.sample_rate, speech.tables.unit, speech.tables.headroom) == (8000, "", HEADROOM)


@pytest.mark.parametrize("n", [1, 239, 240, 241, 3600])
def test_any_length_comes_back(codec, heart, n):
    data = codec.compress(heart[:n])
    restored = codec.decompress(data)
    assert restored.dtype == np.int16 and restored.shape == (n,)
    np.testing.assert_array_equal(codec.decompress(codec.compress(np.rint(200 * heart[:n]).astype(np.int16))), restored)


def test_fewer_bytes_and_near_the_original(codec, heart):
    long = np.tile(heart, 20)
    data = codec.compress(long)
    _, prdn = percent_differences(long, codec.decompress(data) / 200)
    assert len(data) < 11 / 8 * len(long) / 6 and prdn < 30


def test_two_models_have_two_rates(heart):
    sizes = [len(zoo.Codec(name).compress(np.tile(heart, 20))) for name in (NAME, "signal_ae.ecg_20")]
    assert sizes[1] < 0.75 * sizes[0]


def test_measures_by_hand():
    signal, restored = np.array([3.0, 5.0]), np.array([3.0, 4.0])
    prd, prdn = percent_differences(signal, restored)
    assert prd == pytest.approx(100 / np.sqrt(34)) and prdn == pytest.approx(100 / np.sqrt(2))
    moved, unmoved = percent_differences(signal + 1024, restored + 1024)
    assert moved < 0.1 < unmoved == pytest.approx(prdn), "an offset makes PRD small"
    for other in (restored[:1], restored[:, None]):
        with pytest.raises(ValueError, match=r"signal and restored must be \(n,\)"):
            percent_differences(signal, other)


@pytest.mark.parametrize("ending", [".csv", ".npy", ".wav"])
def test_a_file_comes_back_as_what_it_was(codec, heart, tmp_path, ending):
    given, back = tmp_path / f"beat{ending}", tmp_path / f"back{ending}"
    if ending == ".csv":
        given.write_text("mV\n" + "".join(f"{value:.6f}\n" for value in heart))
        read = lambda path: np.loadtxt(path, skiprows=1)  # noqa: E731
    elif ending == ".npy":
        np.save(given, heart)
        read = np.load
    else:
        soundfile.write(given, np.rint(200 * heart).astype(np.int16), 360)
        read = lambda path: soundfile.read(path, dtype="int16")[0] / 200  # noqa: E731
        assert soundfile.info(given).samplerate == 360
    summary = codec.compress_file(given, tmp_path / "x.zoo")
    assert summary.figures()["unit"] == "mV" and summary.seconds == 10
    zoo.Codec.for_file(tmp_path / "x.zoo").decompress_file(tmp_path / "x.zoo", back)
    np.testing.assert_allclose(read(back), codec.decompress(codec.compress(heart)) / 200, atol=0.0006)
    found = codec.quality(given, tmp_path / "x.zoo")
    assert 0 < found["prd"] <= found["prdn"] < 40
    if ending == ".wav":
        assert soundfile.info(back).samplerate == 360


def test_several_signals_and_one_of_them(codec, heart, tmp_path):
    for number in range(3):
        np.save(tmp_path / f"{number}.npy", heart[: 500 * (number + 1)])
    codec.compress_file([tmp_path / f"{number}.npy" for number in range(2)], tmp_path / "x.zoo")
    codec.compress_file(tmp_path / "2.npy", tmp_path / "x.zoo", append=True)
    codec.decompress_file(tmp_path / "x.zoo", tmp_path / "out")
    codec.decompress_picture(tmp_path / "x.zoo", 2, tmp_path / "one.csv")
    assert (tmp_path / "out/2.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()
    assert [len((tmp_path / f"out/{n}.csv").read_text().splitlines()) for n in range(3)] == [501, 1001, 1501]
    with pytest.raises(ValueError, match="one.png for a single signal|must end in .csv, .npy, .wav"):
        codec.decompress_picture(tmp_path / "x.zoo", 2, tmp_path / "one.png")
    with pytest.raises(ValueError, match="give a name in .csv, .npy, .wav"):
        codec.decompress_file(tmp_path / "x.zoo", tmp_path / "back.png")


def test_options_of_signals_are_refused_elsewhere(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(100, np.int16), 8000)
    with pytest.raises(ValueError, match="rate and column are of measured signals, and signal_ae.* compresses sounds"):
        zoo.Codec("signal_ae").compress_file(tmp_path / "a.wav", tmp_path / "x.zoo", rate=8000, column="0")


def test_from_the_command_line(heart, tmp_path, monkeypatch, capsys):
    rows = "".join(f"{at / 250:.3f},{value:.4f},0\n" for at, value in enumerate(heart))
    (tmp_path / "holter.csv").write_text("time,MLII,V5\n" + rows)
    arguments = ["compress", tmp_path / "holter.csv", "--model", NAME, "-o", tmp_path / "x.zoo"]
    options = ["--column", "MLII", "--rate", "250", "--verify", "--json"]
    _, printed, _ = run_here(monkeypatch, capsys, *arguments, *options)
    found = json.loads(printed)
    assert found["signals"] == 1 and found["sample_rate"] == 360 and found["seconds"] == pytest.approx(14.4)
    assert found["notes"] == ["holter: resampled from 250 Hz to 360"] and 0 < found["prd"] < 40
    status, _, error = run_here(monkeypatch, capsys, *arguments)
    assert status == 2 and "has 3 columns: name one of time, MLII, V5 (--column)" in own_lines(error)[0]
    (tmp_path / "letter.csv").write_text("Dear reader,\nthis is a letter.\n")
    letter = ["compress", tmp_path / "letter.csv", "--model", NAME, "-o", tmp_path / "y.zoo"]
    status, _, error = run_here(monkeypatch, capsys, *letter)
    assert status == 2 and "holds no numbers" in own_lines(error)[0]
    assert not (tmp_path / "y.zoo").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unit": None}, "unit, which must be printable, and resolution must come together"),
        ({"resolution": None}, "unit, which must be printable, and resolution must come together"),
        ({"resolution": 0.0}, "resolution must be above 0: received 0.0"),
        ({"headroom": 99}, "headroom must be from 0 to 64: received 99"),
    ],
)
def test_tables_that_contradict_themselves(codec, changes, message):
    with np.load(codec._artifact.file("codec.npz")) as file:
        arrays = dict(file)
    arrays |= changes
    with pytest.raises(ValueError, match=message):
        Tables(**{name: array for name, array in arrays.items() if array is not None})
