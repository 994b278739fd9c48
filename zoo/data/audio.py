"""Speech by name from tensorflow-datasets, or from a folder of the user's own recordings."""

import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from zoo.data.sets import load_rows
from zoo.io import audio

RATE = 8000  # of spoken_digit
# Of the speakers in alphabetical order, the last is the test's, and the one before for choices: training hears neither.
SPLITS = {"test": slice(-1, None), "validation": slice(-2, -1), "train": slice(None, -2)}
SPEEDS = ((21, 25), (23, 25), (1, 1), (27, 25), (6, 5))  # other voices of the same speakers: pitch and formants move
QUIETER = 12.0  # dB that a training frame is below its recording's peak at most
HOP = 240  # samples between training frames


def load_audio(name_or_folder: str, split: str, failed: list[str] | None = None, rate: int = RATE) -> list[np.ndarray]:
    """Recordings of a split, int16 ``(samples,)`` each.

    tensorflow-datasets' ``spoken_digit`` has one split and five speakers: the last speaker's recordings are the test's,
    those of the one before the validation's. Of a folder, every tenth recording is the test's, the one after it the
    validation's.

    Args:
        name_or_folder: ``spoken_digit``, or a folder of recordings, looked through recursively.
        split: ``train``, ``validation`` or ``test``.
        failed: gets a line for each recording of a folder that cannot be read, and the others are the data; None to
            raise instead.
        rate: that they are converted to, in Hz.

    Raises:
        ValueError: if the data cannot be had, or is too little for three splits.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be {', '.join(SPLITS)}: received {split!r}.")
    if name_or_folder != "spoken_digit":
        return _of_folder(name_or_folder, split, failed, rate)
    rows = load_rows(name_or_folder, "train", ("audio", "audio/filename"))
    named = sorted((row["audio/filename"].decode(), row["audio"]) for row in rows)
    speakers = sorted({speaker_of(name) for name, _ in named})[SPLITS[split]]
    found = [samples.astype(np.int16) for name, samples in named if speaker_of(name) in speakers]
    return found if rate == RATE else [audio.library("soxr").resample(samples, RATE, rate) for samples in found]


def speaker_of(filename: str) -> str:
    """Who speaks in a file of ``spoken_digit``, ``DIGIT_SPEAKER_NUMBER.wav``."""
    return filename.split("_")[1]


def _of_folder(folder: str, split: str, failed: list[str] | None, rate: int) -> list[np.ndarray]:
    if not Path(folder).is_dir():
        raise ValueError(f"Unknown data {folder!r}: expected a folder of recordings, or spoken_digit.")
    found = audio.open_audio([folder], rate, failed=failed)
    if len(found) < 10:
        raise ValueError(f"{folder} holds {len(found)} recordings: at least 10 are needed.")
    at = {"test": (0,), "validation": (1,), "train": range(2, 10)}[split]
    recordings = []
    for index, sound in enumerate(found):
        try:
            if index % 10 in at:
                recordings.append(np.concatenate([np.empty(0, np.int16), *sound.read()]))
        except ValueError as error:  # its header could be read, its samples not
            if failed is None:
                raise
            failed.append(str(error))
    return recordings


def frames(recordings: Iterable[np.ndarray], length: int) -> np.ndarray:
    """Recordings, each scaled to a peak of full scale, cut into frames: int16 ``(n, length, 1)``, without a rest."""
    joined = np.concatenate([_normal(recording) for recording in recordings])
    return _int16(joined[: len(joined) // length * length].reshape(-1, length, 1))


def varied_frames(recordings: Iterable[np.ndarray], length: int, seed: int) -> np.ndarray:
    """Frames to train with: of recordings at several speeds, overlapping, turned about and made quieter at random.

    Args:
        recordings: int16 ``(samples,)`` each.
        length: of a frame.
        seed: of sign and loudness.

    Returns:
        int16 ``(n, length, 1)``.
    """
    from scipy.signal import resample_poly

    rng = np.random.default_rng(seed)
    parts = []
    for recording, (up, down) in itertools.product(recordings, SPEEDS):
        samples = _normal(recording)
        if up != down:
            samples = resample_poly(samples, up, down).astype(np.float32)
        padded = np.concatenate([np.zeros(length // 2, np.float32), samples, np.zeros(length, np.float32)])
        cut = np.lib.stride_tricks.sliding_window_view(padded, length)[::HOP]
        gain = 10 ** (-rng.uniform(0, QUIETER, (len(cut), 1)) / 20) * rng.choice([-1, 1], (len(cut), 1))
        parts.append(_int16(cut * gain)[..., None])
    return np.concatenate(parts)


def _normal(recording: np.ndarray) -> np.ndarray:
    return recording.astype(np.float32) / max(1, int(np.abs(recording.astype(np.int32)).max()))


def _int16(samples: np.ndarray) -> np.ndarray:
    return np.rint(samples * 32768).clip(-32768, 32767).astype(np.int16)
