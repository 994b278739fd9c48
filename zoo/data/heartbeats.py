"""Heartbeats of the MIT-BIH Arrhythmia Database, by people: beats with labels, and the signals that they are cut from.

The data does not come with the zoo. It is one ``.npz`` file, whose place the variable ZOO_MITBIH says; docs/signals.md
says how the file is made of PhysioNet's records.
"""

import dataclasses
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

MITBIH, FILE = "mitbih", "ZOO_MITBIH"  # the data set, and the variable that says where its file lies
RATE = 360  # Hz
UNITS = 200  # of the converter, a millivolt
BITS = 11  # of a sample, as it was recorded
CLASSES = ("N", "S", "V", "F", "Q")
BEFORE = 100  # samples of a beat before its R peak
# The halves of de Chazal et al. 2004, without the paced records 102, 104, 107 and 217. 201 of their first half is of
# the same person as 202 of the second, and left out: nobody in the test split is heard by training.
PEOPLE = {
    "train": (101, 106, 108, 109, 112, 115, 116, 118, 122, 124, 203, 205, 207, 208, 215, 220, 230),
    "validation": (114, 119, 209, 223),
    "test": (
        *(100, 103, 105, 111, 113, 117, 121, 123, 200, 202, 210),
        *(212, 213, 214, 219, 221, 222, 228, 231, 232, 233, 234),
    ),
}
GAP = 256  # samples between two beats' windows that are bridged at most
_FIELDS = {"beat": ("i", 2), "label": ("iu", 1), "record": ("iu", 1), "sample": ("iu", 1)}
_STRETCHED, _CUT = (-3071, 1023), 4  # the range that some files stretch every record to, and what its end may lack


@dataclasses.dataclass(frozen=True)
class Beats:
    """Heartbeats in the order of their records and times.

    Attributes:
        beats: int16 ``(n, length)``, at 360 Hz, in 200ths of a millivolt from the median of the record; the R peak is
            at sample 100.
        labels: uint8 ``(n,)``, places in ``CLASSES``: N normal, S supraventricular, V ventricular, F fusion, Q unknown,
            as ANSI/AAMI EC57 groups them.
        records: ``(n,)``, the record, which is a person.
        samples: ``(n,)``, where in the record the R peak is.
    """

    beats: np.ndarray
    labels: np.ndarray
    records: np.ndarray
    samples: np.ndarray

    def __len__(self) -> int:
        return len(self.beats)

    def __getitem__(self, chosen) -> "Beats":
        """Some of the beats, by a slice, a mask or indices."""
        return Beats(*(getattr(self, field.name)[chosen] for field in dataclasses.fields(self)))


@dataclasses.dataclass(frozen=True)
class Stretch:
    """A signal of one person without long gaps.

    Attributes:
        record: of the person.
        samples: int16 ``(m,)``, at 360 Hz, in 200ths of a millivolt.
        known: bool ``(m,)``; false where the file has no beat's window, and a straight line bridges the gap.
    """

    record: int
    samples: np.ndarray
    known: np.ndarray


def load_beats(split: str, source: str | os.PathLike = MITBIH) -> Beats:
    """The heartbeats of a split's people.

    Args:
        split: ``train`` or ``validation``, people of de Chazal's DS1, or ``test``, those of DS2.
        source: ``mitbih``, whose file the variable ZOO_MITBIH names, or a path of such a file: an ``.npz`` with
            ``beat``, int16 ``(n, length)``, ``label``, ``record`` and ``sample`` ``(n,)``.

    Raises:
        ValueError: if the split is unknown, the file is not there or no such file, or lacks people of the split.

    References:
        Moody & Mark 2001, "The impact of the MIT-BIH Arrhythmia Database"; de Chazal, O'Dwyer & Reilly 2004,
        "Automatic classification of heartbeats using ECG morphology and heartbeat interval features".
    """
    if split not in PEOPLE:
        raise ValueError(f"split must be {', '.join(PEOPLE)}: received {split!r}.")
    path = _path(source)
    arrays = _read(path)
    parts = []
    for record in PEOPLE[split]:
        places = np.flatnonzero(arrays["record"] == record)
        if not len(places):
            raise ValueError(f"{path} has no beats of the record {record}, which is of the split {split}.")
        places = places[np.argsort(arrays["sample"][places], kind="stable")]
        beats = _centred(arrays["beat"][places])
        parts.append(Beats(beats, *(arrays[name][places] for name in ("label", "record", "sample"))))
    fields = (np.concatenate([getattr(part, field.name) for part in parts]) for field in dataclasses.fields(Beats))
    return Beats(*fields)


def load_stretches(split: str, source: str | os.PathLike = MITBIH) -> list[Stretch]:
    """The signals that the beats of a split's people are cut from, as far as their windows reach.

    Windows that overlap or touch are joined. Between others a straight line bridges at most 256 samples; a longer gap
    ends a signal.

    Args and errors: as of ``load_beats``.
    """
    beats = load_beats(split, source)
    return [stretch for record in PEOPLE[split] for stretch in _joined(beats[beats.records == record])]


def load_people(split: str, source: str | os.PathLike = MITBIH) -> list[Stretch]:
    """One signal a person: their stretches of ``load_stretches``, one after the other.

    Args and errors: as of ``load_beats``.
    """
    people: dict[int, list[Stretch]] = {}
    for stretch in load_stretches(split, source):
        people.setdefault(stretch.record, []).append(stretch)
    return [
        Stretch(
            record, np.concatenate([part.samples for part in parts]), np.concatenate([part.known for part in parts])
        )
        for record, parts in people.items()
    ]


def _joined(beats: Beats) -> Iterator[Stretch]:
    """The signals of one record."""
    starts = beats.samples.astype(np.int64) - BEFORE
    length = beats.beats.shape[1]
    for places in np.split(np.arange(len(beats)), np.flatnonzero(np.diff(starts) > length + GAP) + 1):
        first = starts[places[0]]
        samples = np.zeros(starts[places[-1]] + length - first, np.float64)
        known = np.zeros(len(samples), bool)
        for place in places:
            at = slice(starts[place] - first, starts[place] - first + length)
            samples[at], known[at] = beats.beats[place], True
        samples = np.interp(np.arange(len(samples)), np.flatnonzero(known), samples[known])
        yield Stretch(int(beats.records[0]), np.rint(samples).astype(np.int16), known)


def _path(source: str | os.PathLike) -> Path:
    if os.fspath(source) != MITBIH:
        return Path(source)
    path = os.environ.get(FILE, "")
    if not path or not Path(path).is_file():
        found = f"{FILE} is {path}, which is no file" if path else f"{FILE} is not set"
        raise ValueError(
            f"{MITBIH} is not at hand: {found}. Set it to the .npz file of heartbeats; docs/signals.md says how it is "
            "made."
        )
    return Path(path)


def _read(path: Path) -> dict[str, np.ndarray]:
    expected = ", ".join(_FIELDS)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in _FIELDS}
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is no .npz file of heartbeats with {expected}: {reason}") from None
    for name, (kinds, axes) in _FIELDS.items():
        if arrays[name].dtype.kind not in kinds or arrays[name].ndim != axes:
            raise ValueError(
                f"{name} of {path} must be integers with {axes} axes: received {arrays[name].dtype} of the shape "
                f"{arrays[name].shape}."
            )
        if len(arrays[name]) != len(arrays["beat"]):
            raise ValueError(f"{path} has {len(arrays['beat'])} beats, and {len(arrays[name])} of {name}.")
    if arrays["label"].size and arrays["label"].max() >= len(CLASSES):
        raise ValueError(f"label of {path} must be below {len(CLASSES)}: received {arrays['label'].max()}.")
    return {**arrays, "label": arrays["label"].astype(np.uint8)}


def _centred(beats: np.ndarray) -> np.ndarray:
    """The beats of a record in the converter's units, from their median."""
    units = _unstretched(beats)
    return (units - np.int64(np.median(units))).clip(-32768, 32767).astype(np.int16)


def _unstretched(beats: np.ndarray) -> np.ndarray:
    """The converter's units of a record, but for an offset.

    Some files have each record stretched to −3071 … 1023, and rounded. If all values are whole steps of one such
    stretch, rounded, it is undone, and else nothing is changed: chance does not place hundreds of values so.
    """
    (low, high), found = _STRETCHED, np.unique(beats).astype(np.float64)
    if found[0] != low or not high - _CUT <= found[-1] <= high:
        return beats.astype(np.int64)
    for steps in range(len(found) - 1, 1 << BITS):
        places, gain, offset = np.rint((found - low) * (steps / (found[-1] - low))), 0.0, 0.0
        for _ in range(2):  # a line through all values, and their places by it
            mean, mid = places.mean(), found.mean()
            gain = ((places - mean) @ (found - mid)) / np.square(places - mean).sum()
            offset = mid - gain * mean
            places = np.rint((found - offset) / gain)
        if np.abs(found - gain * places - offset).max() < 0.55:
            return places.astype(np.int64)[np.searchsorted(found, beats)]
    return beats.astype(np.int64)
