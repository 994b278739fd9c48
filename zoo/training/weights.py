"""Weights: what a training starts from, and how those that ship are rounded."""

import hashlib
import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import keras
import ml_dtypes
import numpy as np

from zoo import registry


def load_weights(model: keras.Model, source: str | os.PathLike) -> str:
    """Gives a built model the weights of a file or of another model of its configuration.

    Args:
        model: of the zoo.
        source: a ``.keras`` file, a trained model's name or folder; or a ``.npz`` file whose arrays ``e0``, ``e1``, …
            are the trainable variables in their order, or, where it has none such, all of whose arrays are, sorted by
            the numbers in their names. Arrays ``w0``, … beside them are those of ``model.variables`` that are there.

    Returns:
        A digest of the weights, 16 hexadecimal digits.

    Raises:
        ValueError: if the source cannot be read, or its arrays do not fit.
    """
    if str(source).endswith(".npz"):
        _assign_arrays(model, Path(source))
    else:
        other = registry.load(source)
        _assign(model.weights, [keras.ops.convert_to_numpy(weight) for weight in other.weights], source)
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight, np.float32))
    return digest.hexdigest()[:16]


def _assign_arrays(model: keras.Model, path: Path) -> None:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if re.search(r"\d+$", name)}
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is no .npz file of weights: {' '.join(str(error).split())}") from None
    averages = {name: array for name, array in arrays.items() if re.fullmatch(r"e\d+", name)}
    chosen = averages or arrays
    names = sorted(chosen, key=lambda name: int(re.search(r"\d+$", name)[0]))  # type: ignore[index]
    _assign(model.trainable_variables, [chosen[name] for name in names], path)
    others = [v for v in model.weights if not any(v is trained for trained in model.trainable_variables)]
    for index, variable in enumerate(model.variables if averages else ()):
        if any(variable is other for other in others) and f"w{index}" in arrays:
            _assign([variable], [arrays[f"w{index}"]], path)


def _assign(variables: Sequence, arrays: Sequence[np.ndarray], source: str | os.PathLike) -> None:
    expected, found = ([tuple(part.shape) for part in parts] for parts in (variables, arrays))
    if expected != found:
        first = next((at for at, pair in enumerate(zip(expected, found, strict=False)) if pair[0] != pair[1]), None)
        what = f"{len(expected)} arrays, found {len(found)}"
        if first is not None:
            what = f"{expected[first]} for {variables[first].path}, found {found[first]}"
        raise ValueError(f"The weights of {source} do not fit: expected {what}. Give weights of this configuration.")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array.astype(np.float32) if array.dtype.kind == "f" else array)


def rounded(weights: list[np.ndarray], steps: int | None = None) -> list[np.ndarray]:
    """Weights as shipped models have them: float32 of 8 significant bits; integers as they are.

    Args:
        weights: of a model.
        steps: of matrices, in a standard deviation, at least: whole steps of a power of two instead, of which 8 add
            noise of 0.05 standard deviations. None for 8 significant bits throughout.
    """
    if steps:
        weights = [_in_steps(w, steps) if w.ndim > 1 and w.dtype.kind == "f" and w.std() else w for w in weights]
    return [w.astype(ml_dtypes.bfloat16).astype(np.float32) if w.dtype.kind == "f" else w for w in weights]


def _in_steps(weights: np.ndarray, steps: int) -> np.ndarray:
    step = 2.0 ** np.floor(np.log2(weights.std() / steps) + 0.5)
    return (np.rint(weights / step) * step).astype(np.float32)
