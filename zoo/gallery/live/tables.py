"""A photo compressor's tables as a browser takes them: an index in JSON, and one run of bytes."""

import json

import numpy as np

from zoo.codec.coders.latents import LatentTables
from zoo.codec.format.header import QUALITY_STEPS
from zoo.codec.integers import MOST as MOST_ACTIVATION
from zoo.codec.integers import SHIFT
from zoo.codec.latents import FEATURES

EXACT = 2**53  # below it, JavaScript's only type of number holds every integer
_INTEGERS = ("int8", "int16", "int32", "uint32")
_ALIGNMENT = 8


def packed(tables: LatentTables) -> tuple[bytes, bytes]:
    """The index, JSON in UTF-8, and the arrays, each in the smallest type that holds it, little-endian.

    The index has, of the name of each array, its ``type``, its ``shape``, and its ``offset`` in the bytes, a multiple
    of 8.

    Raises:
        ValueError: if a sum of the contexts could reach 2^53, which JavaScript would round.
    """
    check_exact(tables)
    index, content = {}, bytearray()
    for name, array in tables.arrays().items():
        array = smallest(np.asarray(array))
        index[name] = {"type": array.dtype.name, "shape": list(array.shape), "offset": len(content)}
        content += array.astype(array.dtype.newbyteorder("<")).tobytes()
        content += bytes(-len(content) % _ALIGNMENT)
    return json.dumps(index).encode(), bytes(content)


def smallest(array: np.ndarray) -> np.ndarray:
    """Integers in the first of the types that holds them all; floats as they are."""
    if array.dtype.kind == "f":
        return array
    for name in _INTEGERS:
        limits = np.iinfo(name)
        if limits.min <= array.min(initial=0) and array.max(initial=0) <= limits.max:
            return array.astype(name)
    raise ValueError(f"its numbers need more than 32 bits: up to {array.max()}")


def check_exact(tables: LatentTables) -> None:
    """That no step of a context's arithmetic leaves the integers that float64 holds.

    Raises:
        ValueError: if one might.
    """
    for found in tables.passes:
        for name, most, times in (
            ("field", FEATURES[-1], QUALITY_STEPS),
            ("hidden", MOST_ACTIVATION, 1),
            ("out", MOST_ACTIVATION, 1),
        ):
            layer = getattr(found, name)
            sums = float(most) * np.abs(layer.weights).astype(np.float64).sum(axis=0)
            bias = np.abs(layer.bias).reshape(-1, len(sums)).max(axis=0)
            reached = (sums + bias) * times * np.abs(layer.multiplier) + times * 2.0 ** (SHIFT - 1)
            if reached.max(initial=0) >= EXACT:
                raise ValueError("its contexts need integers of more than 53 bits, which JavaScript would round")
