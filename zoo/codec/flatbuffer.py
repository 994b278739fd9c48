"""Looks through a ``.tflite`` file before LiteRT does, which trusts what stands in it.

A FlatBuffer is tables, vectors and strings that lead to each other by offsets. Here every offset is followed within
the file's bounds, and what the numbers mean is compared with what a network can be: tensors that exist, of the size
that their constants have, each written before it is read, and operators whose kernels the zoo's models use. A file
that passes may still compute nonsense. The layout is that of LiteRT's ``schema.fbs``.
"""

import math
import struct

import numpy as np

MOST_BYTES = 1 << 28  # of one tensor, and of all that are no constants
# Bytes of types: float32, float16, int32, uint8, int64, bool, int16, int8.
SIZES = {0: 4, 1: 2, 2: 4, 3: 1, 4: 8, 6: 1, 7: 2, 9: 1}
# ADD, AVERAGE_POOL_2D, …: arithmetic, comparison, layers and changes of shape; no custom operator, no control flow, no
# variables, nothing that calls other graphs.
OPERATORS = frozenset(
    [*range(7), 8, 9, 11, 14, 17, 18, 19, 21, 22, 23, 25, 26, 28, 34, 36, 39, 40, 41, 42, 43, 45, 47, 49]
    + [*range(53, 68), *range(69, 79), 81, 82, 83, 84, 85, 86, 87, 88, 89, 92, 94, *range(97, 103), 104, 107, 108]
    + [111, 114, 117, 123, 126, 128, 130, 150]
)
# Of one input, whose shape the output has: FLOOR, DEQUANTIZE, LOGISTIC, …, and RESHAPE, which keeps the number.
_ELEMENTWISE = frozenset((6, 8, 14, 19, 21, 25, 28, 47, 53, 59, 66, 73, 75, 76, 92, 98, 101, 104, 111, 114, 117, 150))
_RESHAPE = 22
# Options in which a number must be at least 1, by their type: strides, windows, blocks; and dilations, of which 1 may
# be left out.
_POSITIVE = {1: (1, 2), 2: (1, 2), 5: (1, 2, 3, 4), 19: (0,), 49: (1, 2), 94: (0,)}
_DILATIONS = {1: (4, 5), 2: (5, 6)}
_VECTORS = {17: 0, 30: 0}  # options with a vector of int32, of a new shape and of axes


class Table:
    """A table of a FlatBuffer; every field is checked to lie in the file."""

    def __init__(self, data: bytes, at: int):
        self._data, self._at = data, at
        vtable = at - self._read("<i", at)
        size, self._size = self._read("<H", vtable), self._read("<H", vtable + 2)
        if size < 4 or size % 2 or at + self._size > len(data) or vtable + size > len(data):
            raise ValueError(f"the table at byte {at} leaves the file")
        self._fields = struct.unpack_from(f"<{size // 2 - 2}H", data, vtable + 4)

    def __contains__(self, field: int) -> bool:
        return field < len(self._fields) and self._fields[field] != 0

    def number(self, field: int, layout: str, default: int = 0) -> int:
        if field not in self:
            return default
        if self._fields[field] + struct.calcsize(layout) > self._size:
            raise ValueError(f"field {field} of the table at byte {self._at} leaves it")
        return self._read(layout, self._at + self._fields[field])

    def vector(self, field: int, dtype: str) -> np.ndarray:
        """Its numbers; none where the field is absent."""
        if field not in self:
            return np.zeros(0, dtype)
        at = self._target(field)
        count, size = self._read("<I", at), np.dtype(dtype).itemsize
        if at + 4 + count * size > len(self._data) or (at + 4) % min(size, 8):
            raise ValueError(f"the vector at byte {at} leaves the file, or is not aligned")
        return np.frombuffer(self._data, dtype, count, at + 4)

    def place(self, field: int) -> tuple[int, int]:
        """Where the numbers of a vector begin in the file, and how many they are."""
        at = self._target(field)
        return at + 4, self._read("<I", at)

    def table(self, field: int) -> "Table":
        return Table(self._data, self._target(field))

    def tables(self, field: int) -> list["Table"]:
        offsets = self.vector(field, "<u4")
        start = self._target(field) + 4 if field in self else 0
        return [Table(self._data, start + 4 * index + int(offset)) for index, offset in enumerate(offsets)]

    def check_string(self, field: int) -> None:
        length = len(self.vector(field, "u1"))
        if field in self and self._read("<B", self._target(field) + 4 + length):
            raise ValueError(f"the string in field {field} of the table at byte {self._at} does not end")

    def _target(self, field: int) -> int:
        return self._at + self._fields[field] + self.number(field, "<I")

    def _read(self, layout: str, at: int) -> int:
        if at < 0 or at + struct.calcsize(layout) > len(self._data) or at % struct.calcsize(layout):
            raise ValueError(f"byte {at} lies outside the file, or is not aligned")
        return struct.unpack_from(layout, self._data, at)[0]


def check(data: bytes) -> None:
    """Looks through a ``.tflite`` file.

    Raises:
        ValueError: if it is none, an offset leaves it, or its numbers are those of no network.
    """
    if data[4:8] != b"TFL3":
        raise ValueError("it does not begin as a LiteRT file does")
    model = Table(data, int.from_bytes(data[:4], "little"))
    graphs, buffers = model.tables(2), model.tables(4)
    _expect(model.number(0, "<I") == 3, "its schema is not of version 3")
    _expect(len(graphs) == 1, f"it has {len(graphs)} graphs: expected one")
    for buffer in buffers:
        _expect(not buffer.number(1, "<Q") and not buffer.number(2, "<Q"), "a buffer lies outside the file's tables")
    lengths = [len(buffer.vector(0, "u1")) for buffer in buffers]
    model.check_string(3)
    for entry in model.tables(6):  # metadata
        entry.check_string(0)
        _expect(entry.number(1, "<I") < len(buffers), "metadata has no buffer")
    codes = [max(code.number(0, "<b"), code.number(3, "<i")) for code in model.tables(1)]
    for code in codes:
        _expect(code in OPERATORS, f"operator {code} is none of those that the zoo runs")
    (graph,) = graphs
    constant = _check_tensors(graph.tables(0), lengths)
    _check_operators(graph, codes, constant, [tuple(t.vector(0, "<i4").tolist()) for t in graph.tables(0)])
    for signature in model.tables(7):
        for field in (0, 1):
            for entry in signature.tables(field):
                entry.check_string(0)
                _expect(entry.number(1, "<I") < len(constant), "a signature has no tensor")
        signature.check_string(2)
        _expect(signature.number(4, "<I") == 0, "a signature has no graph")


def _check_tensors(tensors: list[Table], lengths: list[int]) -> list[bool]:
    """Which of the tensors are constants, after their shapes, buffers and scales were compared."""
    constant, free = [], 0
    for tensor in tensors:
        shape, kind, buffer = tensor.vector(0, "<i4"), tensor.number(1, "<b"), tensor.number(2, "<I")
        _expect(kind in SIZES, f"a tensor has the type {kind}")
        _expect(len(shape) <= 6 and (shape > 0).all(), f"a tensor has the shape {shape.tolist()}")
        size = SIZES[kind]
        for side in shape.tolist():
            size *= side
        _expect(size <= MOST_BYTES, f"a tensor has the shape {shape.tolist()}, more than {MOST_BYTES:,} bytes")
        _expect(buffer < len(lengths), "a tensor has no buffer")
        _expect(lengths[buffer] in (0, size), f"a tensor of {size:,} bytes has {lengths[buffer]:,}")
        _expect(6 not in tensor and 9 not in tensor and not tensor.number(5, "<B"), "a tensor is sparse or a variable")
        signature = tensor.vector(7, "<i4")
        _expect(len(signature) in (0, len(shape)), "a tensor has two shapes")
        tensor.check_string(3)
        if 4 in tensor:
            _check_scales(tensor.table(4), shape)
        constant.append(lengths[buffer] > 0)
        free += 0 if constant[-1] else size
    _expect(free <= MOST_BYTES, f"its tensors take {free:,} bytes: {MOST_BYTES:,} are the most")
    return constant


def _check_scales(quantization: Table, shape: np.ndarray) -> None:
    scales, zeros, axis = quantization.vector(2, "<f4"), quantization.vector(3, "<i8"), quantization.number(6, "<i")
    for field in (0, 1):
        quantization.vector(field, "<f4")
    _expect(quantization.number(4, "<B") == 0, "a tensor is quantised in an unknown way")
    _expect(len(scales) == len(zeros), "a tensor has more scales than zero points, or fewer")
    _expect(len(scales) <= 1 or (0 <= axis < len(shape) and len(scales) == shape[axis]), "a tensor has other scales")
    _expect(bool(np.isfinite(scales).all() and (scales > 0).all()), "a tensor's scale is not positive")
    _expect(bool((np.abs(zeros) <= 1 << 16).all()), "a tensor's zero point is too large")


def _check_operators(graph: Table, codes: list[int], constant: list[bool], shapes: list[tuple[int, ...]]) -> None:
    """That each operator reads what is there already, and writes what nobody has written."""
    inputs, outputs = graph.vector(1, "<i4").tolist(), graph.vector(2, "<i4").tolist()
    graph.check_string(4)
    ready = list(constant)
    for index in (*inputs, *outputs):
        _expect(0 <= index < len(constant), "the graph has no such tensor")
    for index in inputs:
        _expect(not constant[index], "an input is a constant")
        ready[index] = True
    for operator in graph.tables(3):
        _expect(operator.number(0, "<I") < len(codes), "an operator has no code")
        # Nothing custom, no variables, no state, and no options of later schemas.
        for field in (5, 7, 8):
            _expect(not len(operator.vector(field, "u1")), "an operator has custom options or a state")
        _expect(not operator.number(9, "<Q") and 12 not in operator, "an operator has options that are not known")
        read, written = operator.vector(1, "<i4").tolist(), operator.vector(2, "<i4").tolist()
        for index in read:
            _expect(index == -1 or (0 <= index < len(ready) and ready[index]), "an operator reads what is not there")
        for index in written:
            _expect(0 <= index < len(ready) and not ready[index], "an operator writes what is there already")
            ready[index] = True
        _check_options(operator)
        code = codes[operator.number(0, "<I")]
        if code == _RESHAPE or code in _ELEMENTWISE:
            _expect(bool(read and written) and read[0] >= 0, "an operator has no input or no output")
            before, after = shapes[read[0]], shapes[written[0]]
            same = before == after or (code == _RESHAPE and math.prod(before) == math.prod(after))
            _expect(same, f"an operator makes {after} of {before}, which have to be alike")
    _expect(all(ready[index] for index in outputs), "an output is written by no operator")


def _check_options(operator: Table) -> None:
    kind = operator.number(3, "<B")
    _expect(kind == 0 or 4 in operator, "an operator lacks its options")
    if not kind:
        return
    options = operator.table(4)
    for field in (*_POSITIVE.get(kind, ()), *_DILATIONS.get(kind, ())):
        found = options.number(field, "<i", int(field in _DILATIONS.get(kind, ())))
        _expect(1 <= found <= 4096, "a stride, a window or a block is not positive")
    if kind in _VECTORS:
        options.vector(_VECTORS[kind], "<i4")


def _expect(right: bool, message: str) -> None:
    if not right:
        raise ValueError(message)
