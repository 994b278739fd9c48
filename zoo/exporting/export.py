"""``zoo.export``."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo import artifacts, registry
from zoo.exporting import litert

PARTS = ("encoder", "decoder", "model")
FORMATS = ("saved_model", "litert")


def export(
    model: keras.Model | str | os.PathLike,
    path: str | os.PathLike,
    *,
    format: str = "litert",
    quantization: str | None = None,
    part: str = "encoder",
    calibration: np.ndarray | None = None,
    batch_size: int = 1,
) -> Path:
    """Writes a model, or a half of it, for another runtime.

    Args:
        model: an autoencoder, or a name or folder as for ``zoo.load``.
        path: the file (``litert``) or folder (``saved_model``) to write; it must not exist as a folder.
        format: ``litert`` (builtin operators only) or ``saved_model``.
        quantization: of LiteRT: None, ``float16``, ``dynamic`` or ``int8``.
        part: ``encoder``, ``decoder`` or ``model``.
        calibration: images ``(n, height, width, channels)``, uint8 or float32 in [0, 1], for int8; those that a
            shipped model brings along (of its training split) by default.
        batch_size: first axis of the LiteRT file.

    Returns:
        The path.

    Raises:
        ValueError: for an unknown choice, an operator outside LiteRT's builtins, missing calibration, or a
            path that cannot be written.
    """
    if part not in PARTS:
        raise ValueError(f"part must be {', '.join(PARTS)}: received {part!r}.")
    if format not in FORMATS:
        raise ValueError(f"format must be {' or '.join(FORMATS)}: received {format!r}.")
    if format == "saved_model" and quantization is not None:
        raise ValueError(f"quantization is of format='litert': a SavedModel stays float32, received {quantization!r}.")
    if not isinstance(model, keras.Model):
        if calibration is None and quantization == "int8":
            calibration = stored_calibration(model)
        model = registry.load(model)
    if part != "model" and not hasattr(model, part):
        raise ValueError(f"{model.name} has no {part}: expected part='model'.")
    chosen: Any = model if part == "model" else getattr(model, part)
    path = Path(path)
    if format == "saved_model":
        return _saved_model(chosen, path)
    if quantization == "int8" and calibration is not None:
        calibration = calibration_inputs(calibration)
        if part == "decoder":
            calibration = model.encoder.predict(calibration, verbose=0)
    flatbuffer = litert.convert(
        _callable(chosen), quantization=quantization, calibration=calibration, batch_size=batch_size
    )
    with artifacts.atomic_write(path) as file:
        file.write(flatbuffer)
    return path


def stored_calibration(name: str | os.PathLike) -> np.ndarray:
    """The training images, uint8, that a trained model brings along for calibration."""
    with np.load(registry.artifact_of(name).file("calibration.npz"), allow_pickle=False) as file:
        return file["images"]


def calibration_inputs(images: np.ndarray) -> np.ndarray:
    """Images as float32 in [0, 1], uint8 divided by 255, from which int8 takes the input scale 1/255 exactly.

    The scale comes from the smallest and the largest value seen. Two corner pixels of the first image are set
    to 0 and 1, so that dark or pale calibration images give every encoder the same input: pixel p is int8 p − 128.
    """
    unit = images.astype(np.float32) / 255.0 if images.dtype == np.uint8 else np.array(images, np.float32)
    unit[0, 0, 0], unit[0, -1, -1] = 0.0, 1.0
    return unit


def _callable(model: keras.Model) -> keras.Model:
    """The model itself if it is functional; a subclassed one wrapped so, for its input shape to be known."""
    if hasattr(model, "input_shape"):
        return model
    inputs = keras.Input(model.image_shape)
    return keras.Model(inputs, model(inputs, training=False), name=model.name)


def _saved_model(model: keras.Model, path: Path) -> Path:
    if path.exists():
        raise ValueError(f"{path} exists already: give a new folder for the SavedModel.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        try:
            model.export(room / "saved_model", format="tf_saved_model", verbose=False)
            os.replace(room / "saved_model", path)
        finally:
            shutil.rmtree(room, ignore_errors=True)
    except OSError as error:
        raise ValueError(f"Cannot write {path}: {error.strerror or error}.") from None
    return path
