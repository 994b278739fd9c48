"""Heartbeats, or other stretches of a signal about an event: numbers ``(n, length, 1)``, to a model in [−1, 1]."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

from zoo.modalities.base import Modality, reconstructions

HELD_OUT = 10  # of so many stretches of the user's own one is validated on, and one measured on
ROOM = 1.5  # that later stretches have above the largest of those at hand


class Heartbeat(Modality):
    """Stretches of a signal, each taken from its median."""

    name, example = "heartbeat", "heartbeat"
    sample, folder, any_size = "beats.npy", "beats.npy", "a row a stretch, of the model's length"
    python_of_latents = ("z = model.encode(beats)", "reconstruction = model.decode(z)")

    def arguments(self, source, *, seed=0):
        """The scale, of the user's own data."""
        from zoo.data import heartbeats

        if isinstance(source, str) and source == heartbeats.MITBIH:
            return {}
        values = _array(source)
        return {"full_scale": float(ROOM * np.abs(_centred(values)).max()) or 1.0}

    def load(self, source, shape, *, fit="crop", seed=0, failed=None):
        """Of ``mitbih`` the beats of the people of each split; of an array or a file a tenth each, at random.

        In the data's own unit, float32: ``prepared`` brings them to a model's scale.
        """
        from zoo.data import DataSet, heartbeats

        if isinstance(source, str) and source == heartbeats.MITBIH:
            beats = {split: heartbeats.load_beats(split) for split in ("train", "validation", "test")}
            splits = [_stretches(part.beats, shape, source) for part in beats.values()]
            labels = {split: part.labels.astype(np.int64) for split, part in beats.items()}
            return DataSet(source, source, *splits, _licence(), labels, classes=heartbeats.CLASSES)
        found = _stretches(_array(source), shape, _name(source))
        held_out = len(found) // HELD_OUT
        if not held_out:
            raise ValueError(f"{_name(source)} must hold at least {HELD_OUT} stretches: received {len(found)}.")
        order = np.random.default_rng(seed).permutation(len(found))
        test, validation, train = np.split(found[order], [held_out, 2 * held_out])
        place = "./array" if isinstance(source, np.ndarray) else str(Path(source).resolve())
        return DataSet(_name(source), place, train, validation, test, "the user's own")

    def prepared(self, model, data_set):
        """int16, full scale at 32767."""
        splits = ("train", "validation", "test")
        return dataclasses.replace(data_set, **{s: _scaled(getattr(data_set, s), model.full_scale) for s in splits})

    def calibration_inputs(self, model, examples):
        """The first stretch's first and last sample become −1 and 127/128, so that the input scale is exactly 1/128."""
        from zoo import data

        inputs = np.minimum(data.unit(examples), np.float32(127 / 128))
        inputs[0, 0], inputs[0, -1] = -1.0, 127 / 128
        return inputs

    def read(self, model, inputs, **options):
        from zoo.data import Examples

        parts: list[np.ndarray] = []
        names: list[str] = []
        failures: list[str] = []
        for source in inputs:
            try:
                values = _array(source, options.get("array"), options.get("split") or "test")
                parts.append(_stretches(values, model.example_shape, _name(source)))
            except ValueError as error:
                failures.append(str(error))
                continue
            names += [f"{_name(source)}[{row}]" for row in range(len(parts[-1]))]
        if not parts:
            raise ValueError(failures[0] if failures else "data must name at least one input: received none.")
        return Examples(_scaled(np.concatenate(parts), model.full_scale), names, None, tuple(failures))

    def given(self, model, examples):
        from zoo import data

        examples = np.asarray(examples)
        if examples.dtype == np.int16 and examples.shape[1:] == tuple(model.example_shape):  # as ``read`` makes them
            return data.unit(examples)
        return data.unit(_scaled(_stretches(examples, model.example_shape, "examples"), model.full_scale))

    def thumbnails(self, examples):
        return None

    def compared(self, clean, found):
        from zoo.evaluation import mean_squared_error, signal_to_noise

        return {"mse": mean_squared_error(clean, found), "snr": signal_to_noise(clean, found)}

    def preview(self, model, data_set, card, path):
        self.draw(reconstructions(model, data_set.test[: self.drawn]), path)

    def python(self, name, examples):
        return [
            "import numpy as np",
            "import zoo",
            "",
            f'model = zoo.load("{name}")',
            "beats = np.zeros((1, 256, 1), np.float32)  # yours, in [-1, 1]",
        ]

    def draw(self, rows, path):
        from zoo import plots

        examples = np.stack([*rows.values()])[..., 0]  # (rows, examples, samples)
        gap = np.full((*examples.shape[:2], 8), np.nan, np.float32)
        joined = np.concatenate([examples, gap], axis=2).reshape(len(rows), -1)
        place = np.arange(joined.shape[1], dtype=float)
        series = {label: (place, values) for label, values in zip(rows, joined, strict=True)}
        plots.lines(series, path, x_label="sample", y_label="of full scale")


def _licence() -> str:
    from zoo.data import heartbeats
    from zoo.data.images import LICENCES

    return LICENCES.get(heartbeats.MITBIH) or heartbeats.LICENCE


def _array(source: Any, array: str | None = None, split: str = "test") -> np.ndarray:
    """Stretches of a source, as it has them.

    Args:
        source: an array, a ``.npy``, ``.npz`` or ``.csv`` file of numbers, a row a stretch, or ``mitbih``.
        array: name of the array of a ``.npz`` file that has several.
        split: of ``mitbih``.

    Raises:
        ValueError: if it is none of these.
    """
    from zoo.data import heartbeats, load_cells

    if isinstance(source, np.ndarray):
        return source
    if os.fspath(source) == heartbeats.MITBIH:
        return heartbeats.load_beats(split).beats
    if os.fspath(source).endswith(".npy"):
        try:
            return np.load(source, allow_pickle=False)
        except (OSError, EOFError, ValueError) as error:
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())
            raise ValueError(f"{source} cannot be read: {reason}.") from None
    cells = load_cells(source, array=array)
    columns = cells.dtype.names or ()
    if any(cells.dtype[column].kind != "f" for column in columns):
        raise ValueError(f"{source} must hold numbers alone, a row a stretch: received text too.")
    return np.stack([cells[column] for column in columns], axis=1)


def _stretches(values: np.ndarray, shape: tuple[int, ...], name: str) -> np.ndarray:
    """Stretches from their medians, float32 ``(n, *shape)``."""
    values = np.asarray(values)
    if values.dtype.kind not in "iuf" or not values.size or values.size != len(values) * np.prod(shape):
        raise ValueError(
            f"{name} must be numbers (n, {', '.join(map(str, shape))}), n ≥ 1: received {values.dtype} {values.shape}."
        )
    values = values.reshape(-1, *shape).astype(np.float32)
    finite = np.isfinite(values).all(axis=(1, 2))
    if not finite.all():
        raise ValueError(f"{name} must be finite: received NaN or infinity in row {int(finite.argmin())}.")
    return _centred(values)


def _centred(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float32)
    return values - np.median(values, axis=1, keepdims=True)


def _scaled(values: np.ndarray, full_scale: float) -> np.ndarray:
    return np.rint(np.clip(values / full_scale, -1, 1) * 32767).astype(np.int16)


def _name(source: Any) -> str:
    return "array" if isinstance(source, np.ndarray) else Path(source).name
