"""Networks whose weights lie in ``model.keras`` already, so that an artefact holds every weight once.

A folded network is its ``.tflite`` file less what its weights are by those of the Keras file: byte for byte the
difference, modulo 256. Float weights differ by nothing, int8 ones by the few roundings that fell otherwise, so nearly
all of it is zeros. ``zoo.packaging.folding`` writes it, and ``restore`` gives back the very bytes, which the artefact's
manifest has the digest of. NumPy alone is needed, so that a device without h5py restores them: of the Keras file's
weights, each a plain run of float32 in ``model.weights.h5``, the folded file knows the place.

``NAME.tflite.folded.npz`` holds ``rest``, uint8 ``(bytes of the file,)``, and ``links``, int64 ``(weights, 14)``: the
offset in the ``.tflite`` file, its type (0 float32, 1 float16, 9 int8), the offset in ``model.weights.h5``, the shape
there (4) and the permutation of its axes (4), filled up with 1 and the axes' own numbers; the offset of the scales,
float32, how many they are, and the axis, after the permutation, that they belong to; zeros where there are none.
"""

import functools
import io
import math
import zipfile
from pathlib import Path

import numpy as np

SUFFIX = ".folded.npz"
WEIGHTS = "model.keras"
COLUMNS = 14
TYPES = {0: np.dtype("<f4"), 1: np.dtype("<f2"), 9: np.dtype("i1")}


def restore(folded: bytes, weights: bytes) -> bytes:
    """The ``.tflite`` file.

    Args:
        folded: content of ``NAME.tflite.folded.npz``.
        weights: content of ``model.weights.h5``.

    Raises:
        ValueError: if they do not belong together.
    """
    try:
        with np.load(io.BytesIO(folded), allow_pickle=False) as arrays:
            rest, links = arrays["rest"], arrays["links"]
        data = bytearray(rest.astype(np.uint8).tobytes())
        for link in links.astype(np.int64).reshape(-1, COLUMNS).tolist():
            place = slice(link[0], link[0] + math.prod(link[3:7]) * TYPES[link[1]].itemsize)
            found = np.frombuffer(predicted(link, data, weights).tobytes(), np.uint8)
            data[place] = (np.frombuffer(bytes(data[place]), np.uint8) + found).tobytes()
    except (KeyError, IndexError, TypeError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"it does not fit its {WEIGHTS}: {error}") from None
    return bytes(data)


def predicted(link: list[int], data: bytes | bytearray, weights: bytes) -> np.ndarray:
    """What the weights of a link are, of its type and in its order, by those of the Keras file.

    Args:
        link: a row of ``links``.
        data: the ``.tflite`` file, of which the scales alone are read.
        weights: content of ``model.weights.h5``.
    """
    _, kind, source, *rest = link
    shape, axes, (scales_at, count, axis) = rest[:4], rest[4:8], rest[8:]
    array = np.frombuffer(weights, "<f4", math.prod(shape), source).reshape(shape).transpose(axes)
    if kind != 9:
        return array.astype(TYPES[kind])
    scales = np.frombuffer(bytes(data[scales_at : scales_at + 4 * count]), "<f4")
    if count > 1:
        scales = scales.reshape([-1 if i == axis else 1 for i in range(4)])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.clip(np.round(array / scales), -127, 127)).astype(np.int8)


@functools.lru_cache(maxsize=1)
def weights_in(path: Path, digest: str) -> bytes:
    """``model.weights.h5`` of a Keras file; the last one is kept, as its networks are restored one after the other."""
    with zipfile.ZipFile(path) as archive:
        return archive.read("model.weights.h5")
