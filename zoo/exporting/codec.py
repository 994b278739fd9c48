"""What an entropy coder needs of a trained model, beside its int8 encoder: networks and tables."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from zoo.codec.litert import Network, as_int8
from zoo.data import DataSet
from zoo.exporting import litert, tables
from zoo.exporting.export import PARTS
from zoo.exporting.language import write_text
from zoo.exporting.latents import write_latents
from zoo.exporting.lossless import write_lossless
from zoo.exporting.pixels import write_pixels

EXAMPLES = 64  # training crops that show how far the hidden units of a pixel predictor reach


def write_codec(model: keras.Model, data_set: DataSet, calibration: np.ndarray | None, folder: Path) -> None:
    """Writes the files of a model's entropy coder, which its attribute ``coder`` names.

    Args:
        model: trained.
        data_set: that it was trained on.
        calibration: training examples from which int8 takes its ranges.
        folder: of the artefact, whose ``encoder.tflite`` is written.

    Raises:
        ValueError: if a network does not convert to LiteRT's builtins.
    """
    WRITERS[model.coder](model, data_set, calibration, folder)


def _write_tiles(model, data_set, calibration, folder: Path) -> None:
    _write_tables(model, data_set, folder, tile=model.image_shape)


def _write_frames(model, data_set, calibration, folder: Path) -> None:
    tile = (1, model.example_shape[0] - model.overlap, 1)
    _write_tables(model, data_set, folder, tile=tile, **tables.signal_tables(model))


def _write_tables(model, data_set, folder: Path, *, tile, **more) -> None:
    """The decoder and the integer tables, which are counted over all training examples' codes."""
    decoder = litert.convert(model.decoder, name=PARTS["decoder"], quantization="float16")
    identity = {"model": folder.name, "sha256": litert.weights_digest(model)}
    (folder / "decoder.tflite").write_bytes(litert.with_metadata(decoder, part="decoder", **identity))
    network = Network(folder / "encoder.tflite")
    (codes,) = network(as_int8(data_set.train))
    built = tables.build_tables(model.bottleneck, *network.output["quantization"], codes, tile)
    (folder / "codec.npz").write_bytes(tables.to_bytes(built | more))


WRITERS: dict[str, Callable] = {
    "tiles": _write_tiles,
    "frames": _write_frames,
    "bits_back": lambda model, data_set, calibration, folder: write_lossless(model, calibration, folder),
    "latents": lambda model, data_set, calibration, folder: write_latents(model, calibration, folder),
    "pixels": lambda model, data_set, calibration, folder: write_pixels(model, data_set.train[:EXAMPLES], folder),
    "tokens": lambda model, data_set, calibration, folder: write_text(
        model, data_set.train, data_set.validation, folder
    ),
}
