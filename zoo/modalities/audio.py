"""Speech: frames int16 ``(n, length, 1)``, to a model float32 in [−1, 1]."""

from pathlib import Path

import numpy as np

from zoo.modalities.base import Modality, reconstructions

LEAST_SAMPLES = 256  # of a split of recordings: spectra are compared in windows of that length


class Audio(Modality):
    """Frames of recordings.

    Args:
        rate: of the model, in Hz.
    """

    name, example = "audio", "frame"
    sample, folder, any_size = "recording.wav", "recordings/", "any length"
    drawn = 30

    def __init__(self, rate: int = 8000):
        self.rate = rate

    def of(self, model):
        return type(self)(model.sample_rate)

    def described(self, model):
        return {"sample_rate": model.sample_rate}

    def load(self, source, shape, *, fit="crop", seed=0, failed=None):
        """Of a folder the last recordings of every ten measure; of a known set, a speaker of its own."""
        from zoo.data import DataSet, audio
        from zoo.data.images import LICENCES

        lines: list[str] | None = None if failed is None else []
        recordings = {split: audio.load_audio(source, split, lines, self.rate) for split in audio.SPLITS}
        if failed is not None and lines is not None:
            failed += dict.fromkeys(lines)  # a file whose header cannot be read fails for every split
        least = max(shape[0], LEAST_SAMPLES)
        if short := [split for split, parts in recordings.items() if sum(map(len, parts)) < least]:
            raise ValueError(
                f"{source} holds too little sound: the recordings for {', '.join(short)} must have {least} samples "
                "together, at least."
            )
        if silent := [split for split, parts in recordings.items() if not any(part.any() for part in parts)]:
            raise ValueError(f"{source} must hold sound: all recordings for {', '.join(silent)} are silent.")
        known = source in LICENCES
        return DataSet(
            source if known else Path(source).resolve().name,
            source if known else str(Path(source).resolve()),
            audio.varied_frames(recordings["train"], shape[0], seed),
            audio.frames(recordings["validation"], shape[0]),
            audio.frames(recordings["test"], shape[0]),
            LICENCES.get(source, "the user's own"),
        )

    def calibration_examples(self, examples, number):
        """Evenly spaced of the loudest eighth: quiet frames set no ranges."""
        energy = np.square(examples, dtype=np.float32).sum(axis=(1, 2))
        loud = np.sort(np.argsort(energy)[-max(1, len(examples) // 8) :])
        return super().calibration_examples(examples[loud], number)

    def calibration_inputs(self, model, examples):
        """The first frame's first and last sample become −1 and 127/128, so that the input scale is 1/128 exactly."""
        from zoo import data

        inputs = np.minimum(data.unit(examples), np.float32(127 / 128))
        inputs[0, 0], inputs[0, -1] = -1.0, 127 / 128
        return inputs

    def compared(self, clean, found):
        from zoo.evaluation import mean_squared_error, signal_to_noise

        return {"mse": mean_squared_error(clean, found), "snr": signal_to_noise(clean, found)}

    def measure_denoising(self, model, clean):
        from zoo.evaluation.audio import denoised_audio

        return denoised_audio(model, clean)

    def noisy(self, clean):
        from zoo.data import corruption

        return "noisy, 5 dB", corruption.signal_noise(clean, 5.0, 0.5, seed=0)

    def measure_codec(self, codec, data_set, split):
        from zoo import data
        from zoo.data.audio import RATE
        from zoo.evaluation import measure_audio

        unread: list[str] = []  # said when the data set was loaded
        rate = codec.tables.sample_rate or RATE
        return measure_audio(codec, data.load_audio(data_set.source, split, unread, rate))

    def preview(self, model, data_set, card, path):
        rows = reconstructions(model, data_set.test[: self.drawn])
        self.draw({"original": rows["original"], "restored": rows["reconstruction"]}, path)

    def python(self, name, examples):
        return [
            "import numpy as np",
            "import zoo",
            "",
            f"sound = np.zeros({2 * self.rate:_}, np.int16)  # yours: {self.rate / 1000:g} kHz, one channel",
        ]

    def draw(self, rows, path):
        from zoo import plots

        plots.spectrograms({label: frames.ravel() for label, frames in rows.items()}, path, rate=self.rate)
