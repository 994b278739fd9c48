"""Measured signals in files: columns, units, rates, and every file that is none in one line."""

import numpy as np
import pytest
import soundfile

from zoo.io import signals

SCALE = signals.Scale(360, "mV", 200)


def steps(path, **options):
    (signal,) = signals.open_signals([path], SCALE, **options)
    found = np.concatenate(list(signal.read()))
    assert found.dtype == np.int16 and len(found) == signal.samples
    return found, signal


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("0.5\n-1\n0.005\n", None),
        ("mV\n0.5\n-1\n0.005\n", None),
        ("time,MLII,V5\n0,0.5,9\n1,-1,9\n2,0.005,9\n", "MLII"),
        ("time;MLII\r\n0;0.5\r\n1;-1\r\n2;0.005\r\n\r\n", "1"),
        ("0 0.5\n1 -1\n2 0.005\n", "1"),
        ("\ufeffa\tb\n0.5\t1\n-1\t1\n0.005\t1\n", "a"),
    ],
)
def test_tables_of_text(tmp_path, text, column):
    path = tmp_path / "beat.csv"
    path.write_text(text, encoding="utf-8", newline="")
    found, signal = steps(path, column=column)
    assert found.tolist() == [100, -200, 1] and signal.name == "beat" and not signal.changes


def test_arrays_and_wav_files(tmp_path):
    values = np.array([0.5, -1.0, 0.005])
    whole = (200 * values).astype(np.int16)
    for array, column in (
        (values, None),
        (values.astype(np.float32)[:, None], None),
        (whole, None),
        (np.stack([whole, 0 * whole], 1), "0"),
    ):
        np.save(tmp_path / "a.npy", array)
        assert steps(tmp_path / "a.npy", column=column)[0].tolist() == [100, -200, 1]
    soundfile.write(tmp_path / "a.wav", whole, 360)
    assert steps(tmp_path / "a.wav")[0].tolist() == [100, -200, 1]
    soundfile.write(tmp_path / "b.wav", np.stack([0 * values, values], 1) / 2, 360, "DOUBLE")
    assert steps(tmp_path / "b.wav", column="1")[0].tolist() == [50, -100, 0], "floats are millivolts"


def test_another_rate_is_converted_and_said(tmp_path):
    time = np.arange(2500) / 250
    np.save(tmp_path / "a.npy", np.sin(2 * np.pi * 3 * time))
    found, signal = steps(tmp_path / "a.npy", rate=250)
    assert signal.changes == ("resampled from 250 Hz to 360",) and len(found) == 3600
    expected = 200 * np.sin(2 * np.pi * 3 * np.arange(3600) / 360)
    assert np.abs(found - expected)[100:-100].max() <= 1
    soundfile.write(tmp_path / "a.wav", (1000 * np.sin(time)).astype(np.int16), 250)
    assert steps(tmp_path / "a.wav")[1].changes == ("resampled from 250 Hz to 360",)
    with pytest.raises(ValueError, match="a.wav states 250 Hz: leave out the rate of 360 Hz"):
        steps(tmp_path / "a.wav", rate=360)
    np.save(tmp_path / "one.npy", np.ones(1))
    assert steps(tmp_path / "one.npy", rate=100_000)[0].tolist() == [200]


@pytest.mark.parametrize(
    ("content", "column", "message"),
    [
        ("", None, "is empty: expected a number on each line"),
        ("\n\n", None, "is empty"),
        ("Dear reader,\nthis is a letter.\n", None, "holds no numbers: expected a column of samples"),
        ("a,b\n1,2\n", None, r"has 2 columns: name one of a, b \(--column\)"),
        ("a,b\n1,2\n", "c", "has no column 'c': expected one of a, b"),
        ("1\n2\nx\n", None, "has 'x' in the column 0 of row 3: expected a number"),
        ("a,b\n1,2\n1\n", "b", "has nothing in the column b of row 3"),
        ("1\nnan\n", None, "holds NaN or infinity, first as sample 1"),
        ("1\n400\n", None, "reaches 400 mV, beyond ±163.835: give mV, or int16 steps of 1/200 mV"),
        (b"\xff\xfe\x00\x81", None, "is no table of text: it is not in UTF-8"),
    ],
)
def test_tables_that_are_none(tmp_path, content, column, message):
    path = tmp_path / "beat.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        steps(path, column=column)


def test_other_files_that_are_none(tmp_path):
    for array, message in (
        (np.zeros((2, 3)), "has 3 columns: name one of 0, 1, 2"),
        (np.zeros(0), "must hold samples"),
        (np.zeros((2, 2, 2)), "must hold samples"),
        (np.zeros(3, np.int32), "must be int16 steps, or floats in the unit: received int32"),
        (np.array([0, np.inf]), "holds NaN or infinity"),
    ):
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(ValueError, match=message):
            steps(tmp_path / "a.npy")
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ValueError, match="a.png is no signal: expected a file in .csv, .npy, .wav"):
        steps(tmp_path / "a.png")
    with pytest.raises(ValueError, match="none.csv cannot be read: No such file"):
        steps(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="rate must be from 1 to 1,000,000 Hz: received 0"):
        steps(tmp_path / "a.npy", rate=0)
    (tmp_path / "good.csv").write_text("1\n")
    failed = []
    opened = signals.open_signals([tmp_path / "good.csv", tmp_path / "a.npy"], SCALE, failed=failed)
    assert [signal.name for signal in opened] == ["good"] and len(failed) == 1


def test_arrays_in_memory():
    assert np.concatenate([*signals.from_array(np.array([1.0, -0.5]), SCALE).read()]).tolist() == [200, -100]
    with pytest.raises(ValueError, match="array has 2 columns"):
        signals.from_array(np.zeros((3, 2)), SCALE)
