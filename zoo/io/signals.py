"""Measured signals in files: tables of text, .npy arrays and WAV files, read in a model's unit and at its rate."""

import csv
import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from zoo.io import audio
from zoo.io.audio import Sound
from zoo.io.files import Names, expand

TABLES = (".csv", ".tsv", ".txt")
EXTENSIONS = (".csv", ".npy", ".wav", ".tsv", ".txt")
_FULL = 32767  # the most steps of a sample


@dataclasses.dataclass(frozen=True)
class Scale:
    """What the samples of a model are.

    Attributes:
        rate: in Hz.
        unit: such as ``mV``.
        resolution: 16-bit steps a unit.
    """

    rate: int
    unit: str
    resolution: float

    def steps(self, values: np.ndarray, name: str) -> np.ndarray:
        """Values in the unit as int16 steps.

        Raises:
            ValueError: if one is not finite, or beyond 16 bits.
        """
        values = np.asarray(values, np.float64)
        if not np.isfinite(values).all():
            place = int(np.flatnonzero(~np.isfinite(values))[0])
            raise ValueError(f"{name} holds NaN or infinity, first as sample {place}: expected finite numbers.")
        largest, most = np.abs(values).max(initial=0), _FULL / self.resolution
        if largest > most:
            raise ValueError(
                f"{name} reaches {largest:.6g} {self.unit}, beyond ±{most:.6g}: give {self.unit}, or int16 steps of "
                f"1/{self.resolution:g} {self.unit}."
            )
        return np.rint(values * self.resolution).astype(np.int16)


def from_array(array: np.ndarray, scale: Scale, name: str = "array") -> Sound:
    """Samples ``(n,)`` or ``(n, 1)`` at the model's rate: int16 steps, or floats in the unit.

    Raises:
        ValueError: if the array has another shape or dtype, is empty, or holds numbers that are no samples.
    """
    return _sound(_one(np.asarray(array), None, name), scale.rate, scale, name)


def open_signals(
    inputs: Iterable[str | os.PathLike],
    scale: Scale,
    *,
    rate: float | None = None,
    column: str | None = None,
    taken: Iterable[tuple[int, str]] = (),
    failed: list[str] | None = None,
) -> list[Sound]:
    """Signals of files, each read whole.

    A table of text (CSV, or columns set apart by tabs, semicolons or spaces, perhaps with a header) holds numbers in
    the unit. A ``.npy`` array ``(n,)`` or ``(n, columns)`` holds floats in the unit, or int16 steps; a WAV file of
    integers steps, one of floats the unit. Another rate than the model's is converted (soxr, high quality).

    Args:
        inputs: paths of files, and folders of them.
        scale: of the model.
        rate: in Hz, of files that state none; None for the model's.
        column: name or number, from 0, of the column of a table or an array, or of the channel of a WAV file, that is
            read; needed where there are several.
        taken: ``(count, name)`` of inputs whose names no other may get.
        failed: gets a line for each input that cannot be read, and the others are returned; None to raise instead.

    Raises:
        ValueError: if an input is missing, no signal, empty or damaged, or has no such column.
    """
    if rate is not None and not 1 <= rate <= 1_000_000:
        raise ValueError(f"rate must be from 1 to 1,000,000 Hz: received {rate:g}.")
    names, signals = Names(taken), []
    for path, label in expand(inputs, EXTENSIONS, "signals", failed):
        try:
            values, found = _read(path, column)
            if rate is not None and found not in (None, rate):
                raise ValueError(f"{path} states {found:,} Hz: leave out the rate of {rate:g} Hz.")
            signal = _sound(values, found or rate or scale.rate, scale, str(path))
        except ValueError as error:
            if failed is None:
                raise
            failed.append(str(error))
            continue
        signals.append(dataclasses.replace(signal, name=names.unique(label, 1)))
    return signals


def _sound(values: np.ndarray, found: float, scale: Scale, name: str) -> Sound:
    """Samples, int16 steps or floats in the unit, at another rate as a signal at the model's."""
    changes: tuple[str, ...] = ()
    samples = values if values.dtype == np.int16 else scale.steps(values, name)
    if found != scale.rate:
        soxr = audio.library("soxr")
        whole = samples / scale.resolution if values.dtype == np.int16 else np.asarray(values, np.float64)
        resampled = soxr.resample(whole, found, scale.rate, quality="HQ")
        most = _FULL / scale.resolution
        samples = scale.steps(np.clip(resampled if len(resampled) else whole[:1], -most, most), name)
        changes = (f"resampled from {found:,g} Hz to {scale.rate:,}",)
    return Sound(name, len(samples), lambda: iter([samples]), changes)


def _read(path: Path, column: str | None) -> tuple[np.ndarray, float | None]:
    """Samples of one column, and the rate that the file states."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return _one(audio.load_array(path), column, str(path)), None
    if suffix in TABLES:
        return _table(path, column), None
    if suffix != ".wav":
        raise ValueError(f"{path} is no signal: expected a file in {', '.join(EXTENSIONS)}.")
    soundfile = audio.library("soundfile")
    with audio.open_file(path) as file:
        floats = file.subtype in ("FLOAT", "DOUBLE")
        try:
            samples = file.read(dtype="float64" if floats else "int16", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise ValueError(f"{path} is damaged: {error.error_string.rstrip('.')}.") from None
        return _one(samples, column, str(path)), file.samplerate


def _one(array: np.ndarray, column: str | None, name: str) -> np.ndarray:
    """One column of an array, int16 or float64 ``(n,)``."""
    if array.ndim not in (1, 2) or not array.size:
        raise ValueError(f"{name} must hold samples (n,) or (n, columns): received the shape {array.shape}.")
    if array.dtype != np.int16 and array.dtype.kind != "f":
        raise ValueError(f"{name} must be int16 steps, or floats in the unit: received {array.dtype}.")
    columns = array.reshape(len(array), -1).T
    place = _place(column, [str(number) for number in range(len(columns))], name)
    return columns[place] if array.dtype == np.int16 else columns[place].astype(np.float64)


def _place(column: str | None, names: list[str], name: str) -> int:
    """Which column is meant, by its name or its number."""
    if column is None and len(names) == 1:
        return 0
    shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    if column is None:
        raise ValueError(f"{name} has {len(names)} columns: name one of {shown} (--column).")
    if column in names:
        return names.index(column)
    if column.isdecimal() and int(column) < len(names):
        return int(column)
    raise ValueError(f"{name} has no column {column!r}: expected one of {shown} (--column).")


def _table(path: Path, column: str | None) -> np.ndarray:
    """A column of a table of text."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no table of text: it is not in UTF-8.") from None
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise ValueError(f"{path} is empty: expected a number on each line.")
    delimiter = next((mark for mark in ",;\t" if mark in lines[0]), None)
    rows = list(csv.reader(lines, delimiter=delimiter)) if delimiter else [line.split() for line in lines]
    headed = not any(_is_number(cell) for cell in rows[0])
    names = [cell.strip() for cell in rows[0]] if headed else [str(number) for number in range(len(rows[0]))]
    rows = rows[headed:]
    if not rows or not any(_is_number(cell) for cell in rows[0]):
        raise ValueError(f"{path} holds no numbers: expected a column of samples, perhaps below a header.")
    place = _place(column, names, str(path))
    try:
        return np.array([row[place] for row in rows], np.float64)
    except (ValueError, IndexError):
        for number, row in enumerate(rows, 1 + headed):
            if place >= len(row) or not _is_number(row[place]):
                cell = repr(row[place][:20]) if place < len(row) else "nothing"
                raise ValueError(
                    f"{path} has {cell} in the column {names[place]} of row {number}: expected a number."
                ) from None
        raise


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
