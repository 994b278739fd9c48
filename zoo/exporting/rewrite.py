"""Changes of a LiteRT file that leave its numbers as they are, for runtimes that take less.

- ``dense_as_convolution``: LiteRT's plain kernels compute FULLY_CONNECTED with int8 weights of a scale per channel by
  another rounding than LiteRT Micro's; for CONV_2D both have the same one. What XNNPACK gives does not change.
- ``for_size``: a microcontroller has room for a small tile.
- ``float_edges``: LiteRT.js takes float32, and no int8.
"""

import copy

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_IDENTIFIER = b"TFL3"
_ALIGNMENT = 16  # of a buffer's data, as the schema demands and Python's packing forgets


def dense_as_convolution(flatbuffer: bytes) -> bytes:
    """The file with each FULLY_CONNECTED of int8 weights as RESHAPE, CONV_2D, RESHAPE."""
    model = _opened(flatbuffer)
    for graph in model.subgraphs:
        operators = []
        for operator in graph.operators:
            if _is_dense(model, graph, operator):
                operators += _convolution(model, graph, operator)
            else:
                operators.append(operator)
        graph.operators = operators
    _drop_unused(model)
    return _packed(model, len(flatbuffer))


def for_size(flatbuffer: bytes, height: int, width: int) -> bytes:
    """A file of convolutions alone for inputs ``(1, height, width, channels)`` instead of its own size.

    Raises:
        ValueError: if a layer's size would be no whole number.
    """
    model = _opened(flatbuffer)
    for graph in model.subgraphs:
        own = [*graph.tensors[graph.inputs[0]].shape[1:3]]
        for tensor in graph.tensors:
            stored = model.buffers[tensor.buffer].data
            if stored is not None and len(stored):  # weights
                continue
            sides = [at * new / old for at, new, old in zip(tensor.shape[1:3], (height, width), own, strict=True)]
            if any(side != int(side) for side in sides):
                raise ValueError(f"size must divide as {own[0]} × {own[1]} does: received {height} × {width}.")
            tensor.shape = [tensor.shape[0], *map(int, sides), tensor.shape[3]]
            tensor.shapeSignature = None
    return _packed(model, len(flatbuffer))


def float_edges(flatbuffer: bytes) -> bytes:
    """The file with float32 inputs and outputs: those of int8 behind a QUANTIZE, or before a DEQUANTIZE."""
    model = _opened(flatbuffer)
    changed = False
    for number, graph in enumerate(model.subgraphs):
        graph.inputs, graph.outputs = list(graph.inputs), list(graph.outputs)
        signatures = [found for found in model.signatureDefs or () if found.subgraphIndex == number]
        for edges, entries in (
            (graph.inputs, [entry for found in signatures for entry in found.inputs]),
            (graph.outputs, [entry for found in signatures for entry in found.outputs]),
        ):
            for place, inner in enumerate(edges):
                if graph.tensors[inner].type != schema.TensorType.INT8:
                    continue
                outer = _tensor_like(graph, inner, graph.tensors[inner].shape)
                tensor = graph.tensors[outer]
                tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None
                if edges is graph.inputs:
                    graph.operators.insert(0, _operator(model, schema.BuiltinOperator.QUANTIZE, 1, [outer], [inner]))
                else:
                    dequantize = _operator(model, schema.BuiltinOperator.DEQUANTIZE, 2, [inner], [outer])
                    graph.operators.append(dequantize)
                edges[place], changed = outer, True
                for entry in entries:
                    entry.tensorIndex = outer if entry.tensorIndex == inner else entry.tensorIndex
    return _packed(model, len(flatbuffer)) if changed else flatbuffer


def _opened(flatbuffer: bytes):
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(flatbuffer, 0))


def _packed(model, size: int) -> bytes:
    model.buffers = [_aligned(buffer) for buffer in model.buffers]
    builder = flatbuffers.Builder(size)
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def _is_dense(model, graph, operator) -> bool:
    code = model.operatorCodes[operator.opcodeIndex]
    if max(code.builtinCode, code.deprecatedBuiltinCode) != schema.BuiltinOperator.FULLY_CONNECTED:
        return False
    weights = graph.tensors[operator.inputs[1]]
    stored = model.buffers[weights.buffer].data  # of a product of two activations there is none
    return weights.type == schema.TensorType.INT8 and stored is not None and len(stored) > 0


def _convolution(model, graph, dense) -> list:
    x, weights, *bias = dense.inputs
    (y,) = dense.outputs
    bias = bias[0] if bias and bias[0] >= 0 else _no_bias(model, graph, x, weights)
    units, size = graph.tensors[weights].shape
    rows = int(np.prod(graph.tensors[x].shape)) // size
    shared = sum(weights in operator.inputs for operator in graph.operators) > 1
    kernel = len(graph.tensors) if shared else weights
    if shared:
        graph.tensors.append(copy.copy(graph.tensors[weights]))
    graph.tensors[kernel].shape = [units, 1, 1, size]
    before, into = _reshape(model, graph, x, [1, rows, 1, size])
    image = _tensor_like(graph, y, [1, rows, 1, units])
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideH = options.strideW = 1
    options.fusedActivationFunction = dense.builtinOptions.fusedActivationFunction
    convolution = _operator(model, schema.BuiltinOperator.CONV_2D, 3, [into, kernel, bias], [image])
    convolution.builtinOptionsType, convolution.builtinOptions = schema.BuiltinOptions.Conv2DOptions, options
    after, _ = _reshape(model, graph, image, graph.tensors[y].shape, y)
    return [before, convolution, after]


def _reshape(model, graph, source: int, shape, target: int | None = None):
    """The operator, and the tensor it makes."""
    constant = _constant(model, graph, b"shape", np.asarray(shape, np.int32))
    if target is None:
        target = _tensor_like(graph, source, shape)
    return _operator(model, schema.BuiltinOperator.RESHAPE, 1, [source, constant], [target]), target


def _no_bias(model, graph, x: int, weights: int) -> int:
    """A bias of zeros, which a convolution cannot do without."""
    weights = graph.tensors[weights]
    index = _constant(model, graph, b"bias", np.zeros(weights.shape[0], np.int32))
    quantization = schema.QuantizationParametersT()
    quantization.scale = np.asarray(weights.quantization.scale) * graph.tensors[x].quantization.scale[0]
    quantization.zeroPoint = np.zeros(len(quantization.scale), np.int64)
    graph.tensors[index].quantization = quantization
    return index


def _constant(model, graph, name: bytes, values: np.ndarray) -> int:
    """A new tensor of int32 numbers ``(n,)``."""
    buffer, tensor = schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.name, tensor.type = name, schema.TensorType.INT32
    tensor.shape, tensor.buffer = [len(values)], len(model.buffers) - 1
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _tensor_like(graph, index: int, shape) -> int:
    """A new tensor of another's dtype and scale, computed and not stored."""
    like, tensor = graph.tensors[index], schema.TensorT()
    tensor.name, tensor.type, tensor.quantization = b"dense", like.type, like.quantization
    tensor.shape, tensor.buffer = [int(n) for n in shape], 0
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _operator(model, builtin: int, version: int, inputs: list[int], outputs: list[int]):
    builtins = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    if builtin not in builtins:
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, builtin, version
        model.operatorCodes.append(code)
        builtins.append(builtin)
    operator = schema.OperatorT()
    operator.opcodeIndex = builtins.index(builtin)
    operator.inputs, operator.outputs = inputs, outputs
    return operator


def _drop_unused(model) -> None:
    """Leaves out the codes of operators that are no longer there: small runtimes register each."""
    used = sorted({operator.opcodeIndex for graph in model.subgraphs for operator in graph.operators})
    model.operatorCodes = [model.operatorCodes[index] for index in used]
    for graph in model.subgraphs:
        for operator in graph.operators:
            operator.opcodeIndex = used.index(operator.opcodeIndex)


class _AlignedBuffer(schema.BufferT):
    def Pack(self, builder):
        if self.data is None:
            return super().Pack(builder)
        content = np.asarray(self.data, np.uint8).tobytes()
        builder.StartVector(1, len(content), _ALIGNMENT)
        builder.head -= len(content)
        builder.Bytes[builder.head : builder.head + len(content)] = content
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


def _aligned(buffer):
    aligned = _AlignedBuffer()
    aligned.__dict__.update(buffer.__dict__)
    return aligned


def in_parts_of(flatbuffer: bytes, step: float) -> bytes:
    """The int8 file with an output whose integers are an odd part of a step, 1, 1/3, 1/5, …, each, and 0 for 0.

    Rounding such integers to whole steps gives what rounding the output itself would: no value is rounded twice. The
    range is at least a quarter larger than what calibration found, but for a step that 8 bits cannot divide so.
    """
    changed = bytearray(flatbuffer)
    model = schema.Model.GetRootAs(changed, 0)
    graph = model.Subgraphs(0)
    makers = {graph.Operators(at).Outputs(0): graph.Operators(at) for at in range(graph.OperatorsLength())}
    chain = [graph.Outputs(0)]
    while _builtin(model, makers[chain[-1]]) == schema.BuiltinOperator.RESHAPE:
        chain.append(makers[chain[-1]].Inputs(0))
    quantization = graph.Tensors(chain[0]).Quantization()
    scale, zero = float(quantization.Scale(0)), int(quantization.ZeroPoint(0))
    largest = 1.25 * scale * max(127 - zero, 128 + zero)
    odd = max(1, 2 * int((127 * step / largest - 1) // 2) + 1)
    for tensor in chain:
        quantization = graph.Tensors(tensor).Quantization()
        quantization.ScaleAsNumpy()[0], quantization.ZeroPointAsNumpy()[0] = step / odd, 0
    return bytes(changed)


def _builtin(model, operator) -> int:
    """Which builtin an operator is."""
    code = model.OperatorCodes(operator.OpcodeIndex())
    return max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
