"""Measured signals with a unit, such as an ECG in millivolts, as overlapping frames, and their files."""

import dataclasses
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo.codec.format.header import Header, Section
from zoo.codec.media.base import check_folder, mean_squared_error, notes
from zoo.codec.media.sounds import Sounds
from zoo.codec.media.summary import SignalSummary
from zoo.io import audio, signals, writing
from zoo.io.files import write_folder

ENDINGS = (".csv", ".npy", ".wav")


@dataclasses.dataclass(frozen=True)
class Signals(Sounds):
    """Signals of one channel in int16 steps of the model's unit; frames and levels are those of sounds."""

    name, what, unit = "signal", "signals", "seconds"

    @property
    def scale(self) -> signals.Scale:
        """What a sample is."""
        return signals.Scale(self.tables.sample_rate, self.tables.unit, self.tables.resolution)

    def from_array(self, array: np.ndarray) -> audio.Sound:
        return signals.from_array(array, self.scale)

    def open(self, inputs, fit="tile", taken=(), failed=None, transform=None, rate=None, column=None):
        if fit != "tile" or transform is not None:
            raise ValueError("fit and denoise are of pictures: leave them out for signals.")
        return signals.open_signals(inputs, self.scale, rate=rate, column=column, taken=taken, failed=failed)

    def save(self, output: Path, header: Header, blocks: Iterator[np.ndarray], name: str, overwrite=True) -> None:
        """Writes all signals of a container called ``name``: see ``Codec.decompress_file``."""
        if output.suffix.lower() in ENDINGS:
            self.array_shape(header, name)
            signal = np.concatenate([np.empty(0, np.int16), *blocks])
            with writing.atomic_write(output, overwrite=overwrite) as target:
                self._written(signal, target, output.suffix.lower())
            return
        check_folder(output, f"{name} holds signals: give a name in {', '.join(ENDINGS)}")
        items = self.items(header, blocks)
        write_folder(output, header.picture_names(), items, ".csv", self._write, overwrite=overwrite)

    def save_one(self, output: Path, sound: np.ndarray, section: Section) -> None:
        if output.suffix.lower() not in ENDINGS:
            raise ValueError(f"output must end in {', '.join(ENDINGS)} for a single signal: received {output}.")
        with writing.atomic_write(output) as target:
            self._written(sound, target, output.suffix.lower())

    def _write(self, sound: np.ndarray, target) -> None:
        self._written(sound, target, ".csv")

    def _written(self, signal: np.ndarray, target, ending: str) -> None:
        """A signal as a table or an array in the unit, or as a WAV file of steps."""
        resolution = self.tables.resolution
        if ending == ".wav":
            with audio.writer(target, self.tables.sample_rate) as file:
                file.write(signal)
        elif ending == ".npy":
            np.save(target, (signal / resolution).astype(np.float32))
        else:
            digits = max(0, math.ceil(math.log10(resolution)))
            lines = (f"{step / resolution:.{digits}f}\n" for step in signal.tolist())
            target.write((self.tables.unit + "\n" + "".join(lines)).encode())

    def quality(self, originals: Iterable[np.ndarray], restored: Iterable[np.ndarray]) -> dict[str, float | None]:
        """PRD and PRDN in per cent, see ``percent_differences``; None of a signal that is 0, or does not change."""
        originals = list(originals)
        samples = sum(map(len, originals))
        error = samples * mean_squared_error(originals, restored, "The container does not hold these signals")
        joined = np.concatenate(originals).astype(np.float64)
        energy, spread = float(np.square(joined).sum()), float(np.square(joined - joined.mean()).sum())
        return {name: 100 * math.sqrt(error / of) if of else None for name, of in (("prd", energy), ("prdn", spread))}

    def summary(self, figures: dict[str, Any], sources=()) -> SignalSummary:
        more = {"sample_rate": self.tables.sample_rate, "signal_unit": self.tables.unit}
        return SignalSummary(**figures, **more, notes=notes(sources))


def percent_differences(signal: np.ndarray, restored: np.ndarray) -> tuple[float, float]:
    """PRD and PRDN of a restored signal ``(n,)``: the root of the error's energy over the signal's, in per cent.

    PRD = 100 √(Σ (x − x̂)² / Σ x²) depends on where 0 is: with the converter's offset of 1024 left in, any codec looks
    good. So samples are to be taken from the line between beats. PRDN has the signal's mean taken off below the
    fraction line, and does not depend on that.

    References:
        Zigel, Cohen & Katz 2000, "The Weighted Diagnostic Distortion (WDD) Measure for ECG Signal Compression", IEEE
        TBME 47, eq. 1 to 3; Blanco-Velasco et al. 2005, "On the use of PRD and CR parameters for ECG compression".

    Examples:
        >>> import numpy as np
        >>> from zoo.codec.media.signals import percent_differences
        >>> [round(value, 3) for value in percent_differences(np.array([2.0, 4.0]), np.array([2.0, 3.0]))]
        [22.361, 70.711]
    """
    signal, restored = np.asarray(signal, np.float64), np.asarray(restored, np.float64)
    if signal.ndim != 1 or signal.shape != restored.shape or not np.ptp(signal):
        raise ValueError(
            f"signal and restored must be (n,), and the signal must change: received {signal.shape} and "
            f"{restored.shape}."
        )
    error = np.square(signal - restored).sum()
    of = np.square(signal).sum(), np.square(signal - signal.mean()).sum()
    return tuple(float(100 * np.sqrt(error / energy)) for energy in of)
