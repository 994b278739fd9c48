"""Folds the networks of a trained model: what lies in its ``model.keras`` already is not stored twice."""

import itertools
import struct
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np

from zoo import artifacts, folded
from zoo.codec.flatbuffer import Table
from zoo.exporting import tables
from zoo.io import writing

FEWEST = 64  # weights of a tensor that a link is worth
MOST_WRONG = 0.1  # of a tensor's bytes; above, it is another


def fold(folder: str | Path) -> dict[str, tuple[int, int]]:
    """Replaces each ``.tflite`` file of an artefact by its folded form, and says so in the manifest.

    ``Artifact.file`` gives the same bytes as before.

    Args:
        folder: of the artefact, on which nobody else works.

    Returns:
        File → bytes before and after; empty where there is nothing to fold.

    Raises:
        ValueError: if the folder is no sound artefact, or cannot be written.
    """
    folder = Path(folder)
    artifact = artifacts.Artifact(folder, folder.name)
    plain = [name for name in artifact.manifest if name.endswith(".tflite") and (folder / name).is_file()]
    if not plain:
        return {}
    weights = zipfile.ZipFile(artifact.file(folded.WEIGHTS)).read("model.weights.h5")
    sources = _sources(weights)
    sizes = {}
    for name in plain:
        data = artifact.file(name).read_bytes()
        content = _folded(data, weights, sources)
        if folded.restore(content, weights) != data:
            raise ValueError(f"{folder / name} cannot be folded: it would come out otherwise.")
        with writing.atomic_write(folder / (name + folded.SUFFIX)) as file:
            file.write(content)
        sizes[name] = (len(data), len(content))
    kept = [name for name in artifact.declared("files") if name not in plain]
    artifacts.write_manifest(folder, [*kept, *(name + folded.SUFFIX for name in plain)], artifact.declarations)
    for name in plain:
        (folder / name).unlink()
    return sizes


def _folded(data: bytes, weights: bytes, sources: list[tuple[int, tuple[int, ...]]]) -> bytes:
    rest, links = bytearray(data), []
    for at, kind, size, scales in _constants(data):
        bytes_ = np.frombuffer(data[at : at + size], np.uint8)
        best, fewest = None, MOST_WRONG * size
        for source, shape in sources:
            for link in _links(at, kind, size, source, shape, scales):
                difference = bytes_ - np.frombuffer(folded.predicted(link, data, weights).tobytes(), np.uint8)
                if (wrong := np.count_nonzero(difference)) < fewest:
                    best, fewest = (link, difference), wrong
            if best and not fewest:
                break
        if best:
            links.append(best[0])
            rest[at : at + size] = best[1].tobytes()
    arrays = {
        "rest": np.frombuffer(bytes(rest), np.uint8),
        "links": np.array(links, np.int64).reshape(-1, folded.COLUMNS),
    }
    return tables.to_bytes(arrays)


def _links(at: int, kind: int, size: int, source: int, shape: tuple[int, ...], scales: tuple) -> Iterator[list[int]]:
    """The ways in which a tensor can be a Keras weight with its axes in another order."""
    scales_at, count, own_shape, axis = scales
    if np.prod(shape) * folded.TYPES[kind].itemsize != size or len(shape) > 4:
        return
    filled = (*shape, *(1,) * (4 - len(shape)))
    wanted = [extent for extent in own_shape if extent != 1]
    seen = set()
    for axes in itertools.permutations(range(4)):
        longer = tuple(a for a in axes if filled[a] != 1)  # where an axis of 1 stands does not matter
        if longer in seen or [filled[a] for a in longer] != wanted:
            continue
        seen.add(longer)
        # The scales' axis is counted among those that are longer than 1, too.
        nth = sum(extent != 1 for extent in own_shape[:axis])
        of_scales = axes.index(longer[nth]) if count > 1 else 0
        yield [at, kind, source, *filled, *axes, scales_at, count, of_scales]


def _constants(data: bytes) -> Iterator[tuple[int, int, int, tuple]]:
    """Of each constant tensor: offset, type and bytes; and where its scales are, how many, its shape, their axis."""
    model = Table(data, struct.unpack_from("<I", data)[0])
    buffers, seen = model.tables(4), set()
    for tensor in (t for graph in model.tables(2) for t in graph.tables(0)):
        kind, index = tensor.number(1, "<b"), tensor.number(2, "<I")
        if kind not in folded.TYPES or index in seen or 0 not in buffers[index]:
            continue
        at, size = buffers[index].place(0)
        if size < FEWEST * folded.TYPES[kind].itemsize:
            continue
        seen.add(index)
        scales_at, count, axis = 0, 0, 0
        if kind == 9:
            if 4 not in tensor or 2 not in tensor.table(4):
                continue
            quantization = tensor.table(4)
            (scales_at, count), axis = quantization.place(2), quantization.number(6, "<i")
        yield at, kind, size, (scales_at, count, tuple(tensor.vector(0, "<i4").tolist()), axis)


def _sources(weights: bytes) -> list[tuple[int, tuple[int, ...]]]:
    """Offset and shape of each float32 weight in ``model.weights.h5`` that is a plain run of numbers."""
    import h5py

    found = []

    def visit(name: str, item) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype == np.float32 and item.size >= FEWEST and item.ndim <= 4:
            offset = item.id.get_offset()
            if offset is not None and "optimizer" not in name:
                found.append((offset, item.shape))

    with h5py.File(BytesIO(weights)) as file:
        file.visititems(visit)
    return found
