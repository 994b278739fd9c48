"""Heartbeats by people: splits, units, and the signals that beats are cut from."""

import os

import numpy as np
import pytest

from zoo import data
from zoo.data import heartbeats

RECORDS = [record for people in heartbeats.PEOPLE.values() for record in people]


@pytest.fixture
def beats_file(tmp_path, monkeypatch):
    """A file of three beats of each record, made by ``write``; the variable names it."""

    def write(beat=None, **changes):
        number = 3 * len(RECORDS)
        arrays = {
            "beat": np.random.default_rng(0).integers(-200, 200, (number, 16)).astype(np.int16),
            "label": np.arange(number, dtype=np.uint8) % 5,
            "record": np.repeat(RECORDS, 3).astype(np.uint16),
            "sample": np.tile([500, 300, 310], len(RECORDS)).astype(np.uint32),
        }
        arrays |= {"beat": beat} if beat is not None else {}
        arrays |= changes
        path = tmp_path / "beats.npz"
        np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
        monkeypatch.setenv("ZOO_MITBIH", str(path))
        return path, arrays

    return write


def test_nobody_is_in_two_splits():
    assert len(RECORDS) == len(set(RECORDS)) == 43
    assert not {102, 104, 107, 217} & {*RECORDS}, "paced"
    assert 202 in heartbeats.PEOPLE["test"] and 201 not in RECORDS, "they are of one person"


def test_beats_of_a_split_in_the_order_of_time(beats_file):
    path, arrays = beats_file()
    found = data.load_beats("validation")
    assert found.records.tolist() == np.repeat(heartbeats.PEOPLE["validation"], 3).tolist()
    assert found.samples.tolist() == [300, 310, 500] * 4
    rows = np.flatnonzero(arrays["record"] == 114)[[1, 2, 0]]
    own = arrays["beat"][rows].astype(int)
    np.testing.assert_array_equal(found.beats[:3], own - int(np.median(own)))
    assert found.labels[:3].tolist() == arrays["label"][rows].tolist()
    assert len(found[found.labels == 0]) == (found.labels == 0).sum()
    np.testing.assert_array_equal(data.load_beats("validation", path).beats, found.beats)


def test_windows_that_overlap_are_joined_and_a_gap_is_bridged(beats_file):
    long = np.arange(400).astype(np.int16)  # a signal whose values are its times
    beat = np.stack([long[at : at + 16] for at in (200, 0, 10)] * len(RECORDS))
    beats_file(beat)
    (first, *_) = found = data.load_stretches("validation")
    assert [stretch.record for stretch in found] == list(heartbeats.PEOPLE["validation"])
    middle = int(np.median(beat[:3]))
    np.testing.assert_array_equal(first.samples, long[:216] - middle)  # a straight line is what was left out
    np.testing.assert_array_equal(np.flatnonzero(~first.known), np.arange(26, 200))


def test_a_long_gap_ends_a_signal(beats_file):
    beats_file(sample=np.tile([900, 300, 310], len(RECORDS)))
    lengths = [len(stretch.samples) for stretch in data.load_stretches("validation")]
    assert lengths == [26, 16] * 4


def test_records_that_were_stretched_are_put_back(beats_file):
    rng = np.random.default_rng(1)
    units = np.rint(np.cumsum(rng.normal(0, 3, (3 * len(RECORDS), 512)), axis=1)).astype(int)
    for rows in np.split(np.arange(len(units)), len(RECORDS)):
        units[rows] -= units[rows].min()
        units[rows[0], 0] = max(250, units[rows].max())  # of half a millivolt at least
    steps = np.repeat(units.reshape(len(RECORDS), -1).max(axis=1), 3)[:, None]
    stretched = np.rint(units * (4094 / steps) - 3071).astype(np.int16)
    beats_file(stretched)
    expected = units[3 * RECORDS.index(103) : 3 * RECORDS.index(103) + 3][[1, 2, 0]]
    found = data.load_beats("test")
    np.testing.assert_array_equal(found.beats[found.records == 103], expected - int(np.median(expected)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": None}, "is no .npz file of heartbeats with beat, label, record, sample: 'label is not a file"),
        ({"beat": np.zeros((3, 16))}, "beat of .* must be integers with 2 axes: received float64"),
        ({"sample": np.zeros(2, np.uint32)}, "has 129 beats, and 2 of sample"),
        ({"label": np.full(129, 7)}, "label of .* must be below 5: received 7"),
        ({"record": np.full(129, 100)}, "has no beats of the record 101, which is of the split train"),
    ],
)
def test_other_files_are_refused(beats_file, changes, message):
    beats_file(**changes)
    with pytest.raises(ValueError, match=message):
        data.load_beats("train")


def test_a_file_that_is_not_there_is_one_line(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="split must be train, validation, test: received 'all'"):
        data.load_beats("all")
    monkeypatch.delenv("ZOO_MITBIH", raising=False)
    with pytest.raises(ValueError, match="mitbih is not at hand: ZOO_MITBIH is not set. Set it to the .npz file"):
        data.load_beats("test")
    monkeypatch.setenv("ZOO_MITBIH", str(tmp_path / "none.npz"))
    with pytest.raises(ValueError, match="ZOO_MITBIH is .*none.npz, which is no file"):
        data.load_stretches("test")
    (tmp_path / "text.npz").write_text("no numbers")
    with pytest.raises(ValueError, match="text.npz is no .npz file of heartbeats"):
        data.load_beats("test", tmp_path / "text.npz")


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("ZOO_MITBIH"), reason="ZOO_MITBIH does not say where the data lies")
def test_the_real_data():
    counts = {split: np.bincount(data.load_beats(split).labels, minlength=5) for split in heartbeats.PEOPLE}
    # de Chazal et al. 2004, table 1 has 49,691 beats in DS2 as well.
    assert counts["test"].tolist() == [44239, 1837, 3220, 388, 7]
    test = data.load_beats("test")
    heights = np.median(test.beats[test.records == 100].max(axis=1)) / heartbeats.UNITS
    assert 1.2 < heights < 1.4, "the R waves of record 100 are 1.3 mV high"
