"""Measured signals with a unit, such as an ECG in millivolts: frames int16 ``(n, length, 1)``, of level 1."""

import dataclasses
from pathlib import Path
from typing import cast

import numpy as np

from zoo.modalities.audio import Audio

ADAPTING_FRAMES = 8000


class Signal(Audio):
    """Frames of signals as the codec cuts them."""

    name, example = "signal", "frame"
    sample, folder, any_size = "beat.csv", "", "any length, from CSV, .npy or WAV"
    drawn = 6

    def load(self, source, shape, *, fit="crop", seed=0, failed=None):
        """The heartbeats of the MIT-BIH database as signals, one a person, not yet cut: ``prepared`` does that."""
        from zoo.data import DataSet, heartbeats
        from zoo.data.images import LICENCES

        # Signals of several lengths are no array yet.
        train, validation, test = (
            cast(np.ndarray, [person.samples for person in heartbeats.load_people(split, source)])
            for split in heartbeats.PEOPLE
        )
        place = source if source == heartbeats.MITBIH else str(Path(source).resolve())
        return DataSet(heartbeats.MITBIH, place, train, validation, test, LICENCES[heartbeats.MITBIH])

    def prepared(self, model, data_set):
        """Frames that the codec makes of each person's signal."""

        def frames_of(signals):
            return np.concatenate([framed(model, signal) for signal in signals])

        splits = ("train", "validation", "test")
        return dataclasses.replace(data_set, **{split: frames_of(getattr(data_set, split)) for split in splits})

    def adapted(self, model, data_set):
        """The same; the model starts from their principal components."""
        from zoo import data

        prepared = self.prepared(model, data_set)
        model.adapt(data.unit(prepared.train[:: max(1, len(prepared.train) // ADAPTING_FRAMES)]))
        return prepared

    def calibration_examples(self, examples, number):
        """Evenly spaced: levels make quiet frames as loud as others."""
        return super(Audio, self).calibration_examples(examples, number)

    def calibration_inputs(self, model, examples):
        """One frame is scaled to a peak of 127/128, and one, upside down, to −1: the input scale is 1/128 exactly.

        A sample of −1 beside others, as in frames of sound, would stretch the ranges of all layers.
        """
        from zoo import data

        inputs = np.minimum(data.unit(examples), np.float32(127 / 128))
        for place, peak in enumerate((127 / 128, -1.0)):
            largest = inputs[place].ravel()[np.abs(inputs[place]).argmax()]
            inputs[place] *= np.float32(peak) / largest
        return inputs

    def described(self, model):
        return {"sample_rate": model.sample_rate, "unit": model.unit, "steps_per_unit": model.resolution}

    def measure_codec(self, codec, data_set, split):
        from zoo.data import load_people
        from zoo.evaluation import measure_codec_of_people

        return measure_codec_of_people(codec, load_people(split, data_set.source))

    def python(self, name, examples):
        return [
            "import numpy as np",
            "import zoo",
            "",
            "signal = np.zeros(3_600)  # yours, one lead, in the unit and at the rate that the card says",
        ]

    def draw(self, rows, path):
        from zoo import plots

        seconds = {label: np.arange(frames.size) / self.rate for label, frames in rows.items()}
        series = {label: (seconds[label], frames.ravel()) for label, frames in rows.items()}
        plots.lines(series, path, x_label="seconds", y_label="of the frame's level")


def framed(model, signal: np.ndarray) -> np.ndarray:
    """Frames of a signal as the codec cuts them, each divided by its level: int16 ``(n, length, 1)``, 32768 for 1."""
    from zoo.codec import frames

    cut = np.concatenate(list(frames.split([signal], model.example_shape[0], model.overlap)))
    levels, _ = frames.levels_of(cut, headroom=model.headroom)
    normal = cut * (frames.FULL_SCALE / frames.scale_of(levels))[:, None]
    return np.rint(normal).clip(-32768, 32767).astype(np.int16)[..., None]
