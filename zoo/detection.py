"""What does not fit: examples unlike those that an autoencoder learned as normal."""

import contextlib
import csv
import io
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo import artifacts, evaluation, modalities, packaging, plots, registry, training
from zoo.evaluation.outliers import DETECTOR, read_detector
from zoo.exporting import tables
from zoo.io import writing
from zoo.sklearn import conformal_threshold
from zoo.sklearn.normality import LEAST


class Detector:
    """A trained autoencoder, and what normal examples are like to it.

    Args:
        name: a model's name, such as ``detecting_ae``, or the folder of one that ``zoo detect --save`` or ``zoo train
            detecting_ae`` wrote.

    Attributes:
        name: of the model.
        model: the autoencoder.
        normality: the ``zoo.sklearn.Normality`` that scores are made by.
        held_out: the scores of normal examples that it was not fitted on, ascending: what thresholds are set by.
        false_alarms: the share of normal examples that lie beyond its own threshold.

    Raises:
        ValueError: for an unknown name, or a model without ``detector.npz``, or with a damaged one.
    """

    def __init__(self, name: str | os.PathLike) -> None:
        artifact = registry.artifact_of(name)
        self.normality, self.held_out, self.false_alarms = read_detector(artifact)
        self.name, self.model = artifact.name, registry.loaded(name)
        self.modality = modalities.of(self.model)

    def scores(self, examples: Any, *, advance: Callable[[int], None] | None = None) -> np.ndarray:
        """How unlike normal examples others are, float64 ``(n,)``: the higher, the less they fit.

        Args:
            examples: what the model takes: images, uint8 or float in [0, 1], stretches of a signal in their own unit,
                or a table without gaps.
            advance: called with the number of examples done, for a progress bar.

        Raises:
            ValueError: for examples of another shape, or with NaN.
        """
        return self._scored(self._given(examples), advance)[0]

    def parts(self, examples: Any) -> dict[str, np.ndarray]:
        """What scores are made of, in standard deviations from normal: ``code``, ``error``, and ``likelihood``."""
        return self._scored(self._given(examples), None)[1]

    def threshold(self, false_alarms: float | None = None) -> float:
        """The score that new normal examples exceed with this probability at most; None for the detector's own share.

        Raises:
            ValueError: for a share that the held-out examples cannot tell; see ``zoo.sklearn.conformal_threshold``.
        """
        return conformal_threshold(self.held_out, self.false_alarms if false_alarms is None else false_alarms)

    def predict(self, examples: Any, false_alarms: float | None = None) -> np.ndarray:
        """Which examples do not fit, bool ``(n,)``; raises as ``scores`` and ``threshold``."""
        return self.scores(examples) > self.threshold(false_alarms)

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """The share of normal examples that would have such scores, ``(n,)``, by the held-out ones."""
        beyond = len(self.held_out) - np.searchsorted(self.held_out, scores, side="left")
        return (1 + beyond) / (1 + len(self.held_out))

    def _given(self, examples: Any) -> np.ndarray:
        given = self.modality.given(self.model, examples)
        _check_complete(given)
        return given

    def _scored(self, given: np.ndarray, advance: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        measured = evaluation.measured(self.model, given, advance=advance)
        parts = self.normality.parts(*measured)
        return self.normality.scores(*measured), self.normality.standardised(parts)


def detect(
    data: str | os.PathLike | Sequence[str | os.PathLike],
    *,
    fit: str | os.PathLike | None = None,
    model: str | os.PathLike | None = None,
    output: str | os.PathLike | None = None,
    save: str | os.PathLike | None = None,
    false_alarms: float | None = None,
    plot: str | os.PathLike | None = None,
    epochs: int | None = None,
    seed: int = 0,
    size: str | None = None,
    split: str = "test",
    array: str | None = None,
    progress: Any = None,
) -> dict[str, Any]:
    """Scores how unlike normal examples others are, and says which do not fit: ``zoo detect``.

    Args:
        data: a table (``.csv``, ``.npy``), pictures, folders of them, arrays, a name of tensorflow-datasets, or
            several.
        fit: normal examples of the same kind, on which a detector is trained first; a tenth of them is held out to set
            the threshold, and a tenth to measure it. None for a ``model`` that is fitted.
        model: a detector's name or folder; with ``fit`` the architecture that is trained, or the folder of a trained
            autoencoder, which stays as it is. None for ``tabular_ae`` of tables and ``detecting_ae`` of pictures.
        output: a ``.csv`` file for the scores; None for none.
        save: a new folder for the fitted detector, with its threshold; None for none.
        false_alarms: the share of new normal examples that may be called unfit; None for the detector's own, or 1 %,
            or as small a share as the held-out examples can tell.
        plot: a picture of the scores; None for none.
        epochs: passes over the normal examples; None for the recipe's.
        seed: of the training, and of what is held out.
        size: of pictures that are trained on, such as 64; None for the model's own.
        split, array: of tensorflow-datasets' names and ``.npz`` files, as of ``zoo.data.stream``.
        progress: a started ``rich.progress.Progress`` to report to.

    Returns:
        ``examples``, ``unfit`` (how many), ``threshold``, ``false_alarms``, ``held_out_normal`` (how many examples back
        the threshold), ``rows``: of each example its ``name``, ``score``, parts, ``p_value`` and whether it is
        ``unfit``; and ``failed``, a line for each input that could not be read.

    Raises:
        ValueError: for data that cannot be read, fewer than 20 normal examples, NaN, a share that the held-out examples
            cannot tell, or a model that is no detector.
    """
    inputs = [data] if isinstance(data, (str, os.PathLike)) else list(data)
    for path, extensions in ((output, (".csv",)), (plot, (".png", ".svg", ".pdf"))):
        if path is not None and Path(path).suffix.lower() not in extensions:
            name = "output" if path == output else "plot"
            raise ValueError(f"{name} must end in {' or '.join(extensions)}: received {path}.")
        if path is not None:
            writing.check_writable(path)
    if false_alarms is not None and not 0 < false_alarms < 1:
        raise ValueError(f"false_alarms must be a share above 0 and below 1, such as 0.01: received {false_alarms!r}.")
    if fit is None and (model is None or save is not None):
        raise ValueError("fit must name normal examples (--fit NORMAL), or model a fitted detector (--model NAME).")
    with _fitted(fit, model, save, false_alarms, progress, epochs=epochs, seed=seed, size=size) as detector:
        threshold = detector.threshold(false_alarms)
        found = detector.modality.read(detector.model, inputs, split=split, array=array)
        given = detector._given(found.images)
        task = progress and progress.add_task("scoring", total=len(given), status="examples")
        advance = None if progress is None else lambda done: progress.update(task, advance=done)
        scores, parts = detector._scored(given, advance)
    p_values = detector.p_values(scores)
    rows = [
        {
            "name": name,
            "score": float(scores[at]),
            **{part: float(values[at]) for part, values in parts.items()},
            "p_value": float(p_values[at]),
            "unfit": bool(scores[at] > threshold),
        }
        for at, name in enumerate(found.names)
    ]
    _write(rows, output)
    if plot is not None:
        plots.scores({"normal, held out": detector.held_out, "examples": scores}, plot, threshold=threshold)
    return {
        "model": detector.name,
        "examples": len(rows),
        "unfit": sum(row["unfit"] for row in rows),
        "threshold": threshold,
        "false_alarms": detector.false_alarms if false_alarms is None else false_alarms,
        "held_out_normal": len(detector.held_out),
        "rows": rows,
        "failed": list(found.failures),
    }


@contextlib.contextmanager
def _fitted(fit: Any, model: Any, save: Any, false_alarms: float | None, progress: Any, **options: Any) -> Iterator:
    """The detector that is asked for, trained first where normal examples are given."""
    if fit is None:
        yield Detector(model)
        return
    if save is not None and Path(save).exists():
        raise ValueError(f"{save} exists already: give a new folder.")
    model = ("tabular_ae" if _is_table(fit) else "detecting_ae") if model is None else os.fspath(model)
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        room = Path(temporary) / "detector"
        if save is not None:
            room = stack.enter_context(writing.staging(writing.make_folder(Path(save).parent))) / Path(save).name
        if registry.is_folder(model):
            _refit(model, fit, room, false_alarms, options["seed"])
        else:
            _train(model, fit, room, false_alarms, progress, **options)
        if save is not None:
            os.replace(room, save)
            room = Path(save)
        yield Detector(room)


def _train(model: str, fit: Any, room: Path, false_alarms: float | None, progress: Any, **options: Any) -> None:
    """Trains an architecture on normal examples, and writes a detector."""
    spec = registry.spec_of(model)
    modality = modalities.get(spec.modality)
    if "reconstruct" not in spec.tasks:
        raise ValueError(f"model must be an autoencoder, such as detecting_ae: received {model!r}.")
    changes = {key: value for key, value in options.items() if value is not None}
    overrides = training.sized(model, changes.pop("size", None), None, modality.arguments(fit, seed=options["seed"]))
    untrained = registry.create(model, **overrides)
    _check_normal(modality.load(fit, untrained.example_shape, seed=options["seed"]), fit, false_alarms)
    found = training.train(model, data_source=fit, output=room, progress=progress, overrides=overrides, **changes)
    packaging.write_artifact(found, room, progress=progress)
    if "detect" not in spec.tasks:
        _add(room, found.model, found.data, false_alarms)
    elif false_alarms is not None:
        with np.load(room / DETECTOR, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        conformal_threshold(arrays["held_out"], false_alarms)
        artifacts.add(room, {DETECTOR: tables.to_bytes({**arrays, "false_alarms": np.array(false_alarms)})})


def _refit(model: str, fit: Any, room: Path, false_alarms: float | None, seed: int) -> None:
    """Makes a trained autoencoder a detector, its network as it is."""
    artifact, network = registry.artifact_of(model), registry.loaded(model)
    modality = modalities.of(network)
    if not hasattr(network, "encode"):
        raise ValueError(f"model must be an autoencoder: received {artifact.name}.")
    loaded = modality.load(fit, network.example_shape, seed=seed)
    _check_normal(loaded, fit, false_alarms)
    room.mkdir()
    files = {name: artifact.file(name).read_bytes() for name in artifact.manifest if not name.startswith("versions/")}
    for name, content in files.items():
        (room / name).write_bytes(content)
    declared = {"codec": artifact.declared("codec")} if artifact.declares("codec") else None
    artifacts.write_manifest(room, sorted(files), declared)
    _add(room, network, modality.prepared(network, loaded), false_alarms)


def _add(room: Path, network: Any, data_set: Any, false_alarms: float | None) -> None:
    """Writes what normal examples are like into a model's folder."""
    arrays = evaluation.fitted_detector(network, data_set.train, data_set.validation, false_alarms=false_alarms)
    artifacts.add(room, {DETECTOR: tables.to_bytes(arrays)})


def _check_normal(data_set: Any, fit: Any, false_alarms: float | None) -> None:
    """Refuses too few normal examples, for a share of false alarms too, and gaps, before anything is trained."""
    splits = [data_set.train, data_set.validation, data_set.test]
    if (number := sum(map(len, splits))) < LEAST:
        raise ValueError(f"{fit} must hold at least {LEAST} normal examples to fit a detector: received {number}.")
    if false_alarms is not None:
        conformal_threshold(np.zeros(len(data_set.validation)), false_alarms)
    for split in splits:
        for column in split.dtype.names or ():
            values = split[column]
            if (values == "").any() if values.dtype.kind == "U" else np.isnan(values).any():
                raise ValueError(
                    f"{fit}: column {column!r} has NaN or empty cells: a detector needs every cell. tabular_ae fills "
                    "them in (model.impute)."
                )


def _check_complete(examples: np.ndarray) -> None:
    if np.isnan(examples).any():
        row = int(np.isnan(examples).reshape(len(examples), -1).any(axis=1).argmax())
        raise ValueError(f"examples must be complete: received NaN, or an empty cell, in row {row}.")


def _is_table(source: Any) -> bool:
    """Whether normal examples are a table: a file of rows, or one that scikit-learn brings along."""
    from zoo.data.tables import BUNDLED

    if os.fspath(source) in BUNDLED or Path(source).suffix.lower() == ".csv":
        return True
    if Path(source).suffix.lower() != ".npy" or not Path(source).is_file():
        return False
    try:
        return np.load(source, mmap_mode="r", allow_pickle=False).ndim == 2
    except (OSError, EOFError, ValueError):
        return False


def _write(rows: list[dict[str, Any]], output: str | os.PathLike | None) -> None:
    if output is None:
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, [*rows[0]], lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "unfit": int(row["unfit"])} for row in rows)
    with writing.atomic_write(output) as file:
        file.write(text.getvalue().encode())
