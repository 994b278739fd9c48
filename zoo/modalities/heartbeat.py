"""Heartbeats, or other stretches of a signal about an event: numbers ``(n, length, 1)``, to a model in [−1, 1].

Before a model's scale is known, each has what is usual of its source beside it, ``(n, length, 2)``.
"""

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

from zoo.modalities.base import Modality, reconstructions

HELD_OUT = 10  # of so many stretches of the user's own one is validated on, and one measured on
ROOM = 1.5  # that later stretches have above the largest of those at hand
LEAST = 20  # stretches of a source that tell what is usual of it


class Heartbeat(Modality):
    """Stretches of a signal, each taken from its median.

    A model whose ``usual`` is true gets what they differ by from their source's median stretch, in units of its peak:
    of heartbeats from the usual beat of the person. A source, such as a file, is of one person then.
    """

    name, example = "heartbeat", "heartbeat"
    sample, folder, any_size = "beats.npy", "beats.npy", "a row a stretch, of the model's length"
    drawn = 6
    python_of_latents = ("z = model.encode(beats)", "reconstruction = model.decode(z)")

    def arguments(self, source, *, seed=0):
        """The scale, of the user's own data."""
        from zoo.data import heartbeats

        if isinstance(source, str) and source == heartbeats.MITBIH:
            return {}
        values = _array(source)
        return {"full_scale": float(ROOM * np.abs(_centred(values)).max()) or 1.0, "usual": False}

    def load(self, source, shape, *, fit="crop", seed=0, failed=None):
        """Of ``mitbih`` the beats of the people of each split; of an array or a file a tenth each, at random.

        In the data's own unit, float32: ``prepared`` brings them to a model's scale.
        """
        from zoo.data import DataSet, heartbeats
        from zoo.data.sets import LICENCES

        if isinstance(source, str) and source == heartbeats.MITBIH:
            beats = {split: heartbeats.load_beats(split) for split in ("train", "validation", "test")}
            train, validation, test = (_of_people(part, shape) for part in beats.values())
            labels = {split: part.labels.astype(np.int64) for split, part in beats.items()}
            known = {"labels": labels, "classes": heartbeats.CLASSES}
            return DataSet(source, source, train, validation, test, LICENCES[source], **known)
        found = _beside_usual(_stretches(_array(source), shape, _name(source)))
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
        return dataclasses.replace(data_set, **{split: _scaled(getattr(data_set, split), model) for split in splits})

    def calibration_inputs(self, model, examples):
        """The examples as they are: normal ones reach a part of full scale, and int8 has its steps there."""
        from zoo import data

        return np.minimum(data.unit(examples), np.float32(127 / 128))

    def read(self, model, inputs, **options):
        from zoo.data import Examples, heartbeats

        parts: list[np.ndarray] = []
        names: list[str] = []
        failures: list[str] = []
        for source in inputs:
            try:
                if source == heartbeats.MITBIH:
                    found = _of_people(heartbeats.load_beats(options.get("split") or "test"), model.example_shape)
                else:
                    values = _array(source, options.get("array"))
                    found = _given(_stretches(values, model.example_shape, _name(source)), model, _name(source))
                parts.append(_scaled(found, model))
            except ValueError as error:
                failures.append(str(error))
                continue
            names += [f"{_name(source)}[{row}]" for row in range(len(parts[-1]))]
        if not parts:
            raise ValueError(failures[0] if failures else "data must name at least one input: received none.")
        return Examples(np.concatenate(parts), names, None, tuple(failures))

    def given(self, model, examples):
        from zoo import data

        examples = np.asarray(examples)
        if examples.dtype == np.int16 and examples.shape[1:] == tuple(model.example_shape):  # as ``read`` makes them
            return data.unit(examples)
        found = _given(_stretches(examples, model.example_shape, "examples"), model, "examples")
        return data.unit(_scaled(found, model))

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
            "beats = np.zeros((20, 256, 1), np.float32)  # yours: 20 or more of one person",
        ]

    def draw(self, rows, path):
        from zoo import plots

        examples = np.stack([*rows.values()])[..., 0]  # (rows, examples, samples)
        gap = np.full((*examples.shape[:2], 8), np.nan, np.float32)
        joined = np.concatenate([examples, gap], axis=2).reshape(len(rows), -1)
        place = [float(at) for at in range(joined.shape[1])]
        series = {label: (place, values.tolist()) for label, values in zip(rows, joined, strict=True)}
        plots.lines(series, path, x_label="sample", y_label="of full scale")


def _array(source: Any, array: str | None = None) -> np.ndarray:
    """Stretches of a source, as it has them.

    Args:
        source: an array, or a ``.npy``, ``.npz`` or ``.csv`` file of numbers, a row a stretch.
        array: name of the array of a ``.npz`` file that has several.

    Raises:
        ValueError: if it is none of these.
    """
    from zoo.data import load_cells

    if isinstance(source, np.ndarray):
        return source
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


def _of_people(beats: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The beats of several people, each beside the usual one of its person."""
    found = _stretches(beats.beats, shape, "mitbih")
    found = np.concatenate([found, np.empty_like(found)], axis=2)
    for record in np.unique(beats.records):
        rows = beats.records == record
        found[rows, :, 1:] = np.median(found[rows, :, :1], axis=0)
    return found


def _beside_usual(values: np.ndarray) -> np.ndarray:
    """Stretches of one source and, as further channels, their median stretch."""
    return np.concatenate([values, np.broadcast_to(np.median(values, axis=0), values.shape)], axis=2)


def _given(values: np.ndarray, model: Any, name: str) -> np.ndarray:
    if model.usual and len(values) < LEAST:
        raise ValueError(
            f"{name} must hold at least {LEAST} stretches of one source, to tell what is usual of it: received "
            f"{len(values)}."
        )
    return _beside_usual(values)


def _scaled(values: np.ndarray, model: Any) -> np.ndarray:
    """Stretches, beside what is usual, as a model has them: int16, full scale at 32767."""
    values, usual = np.split(values, 2, axis=2)
    if model.usual:
        peak = np.abs(usual).max(axis=(1, 2), keepdims=True)
        values = (values - usual) / np.where(peak > 0, peak, 1)
    return np.rint(np.clip(values / model.full_scale, -1, 1) * 32767).astype(np.int16)


def _name(source: Any) -> str:
    return "array" if isinstance(source, np.ndarray) else Path(source).name
