"""Keras to LiteRT, with builtin operators only."""

import hashlib
import io
import json
import os
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.exporting.rewrite import dense_as_convolution

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

METADATA = "zoo.json"
QUANTIZATIONS = (None, "float16", "dynamic", "int8")
IO = ("int8", "uint8", "float32")  # types of an int8 file's input and output


def endpoint(model: keras.Model, batch_size: int | None = None):
    """What a signature runs, a function of the model's inputs, and their specifications."""
    signature = [
        tf.TensorSpec(
            (batch_size, *tensor.shape[1:]),
            tf.float32 if keras.backend.is_float_dtype(tensor.dtype) else tensor.dtype,
            name=f"x_{at}" if at else "x",
        )
        for at, tensor in enumerate(model.inputs)
    ]

    def serve(*inputs):
        return model(inputs[0] if len(inputs) == 1 else list(inputs), training=False)

    return serve, signature


def convert(
    model: keras.Model,
    *,
    name: str = "serving_default",
    quantization: str | None = None,
    calibration: np.ndarray | Sequence[np.ndarray] | None = None,
    batch_size: int = 1,
    io: str = "int8",
) -> bytes:
    """Converts a model to a LiteRT flatbuffer, with its inputs and outputs in the model's order.

    Args:
        model: built, in float32.
        name: of its signature.
        quantization: None; ``float16`` or ``dynamic`` (int8) weights with float32 input and output; ``int8``
            throughout, input and output too unless ``io`` says otherwise. Integer inputs and outputs stay as they are.
        calibration: examples of the model's input, ``(n, ...)``, from which int8 takes its ranges; of a model of
            several inputs, one such array for each.
        batch_size: first axis of inputs and outputs; fixed, as small runtimes plan their memory ahead.
        io: of ``int8``: ``int8``, ``uint8`` or ``float32``, which the file converts itself.

    Raises:
        ValueError: if an operator is not a LiteRT builtin, or ``int8`` comes without calibration for each input.
    """
    if quantization not in QUANTIZATIONS:
        raise ValueError(f"quantization must be none, float16, dynamic or int8: received {quantization!r}.")
    serve, signature = endpoint(model, batch_size)
    if len(signature) == 1 and calibration is not None:
        calibration = (calibration,)

    archive = keras.export.ExportArchive()  # `model.export` would free the first axis
    archive.track(model)
    archive.add_endpoint(name, serve, input_signature=signature)
    with tempfile.TemporaryDirectory() as folder:
        write_out(archive, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[name])
        return _convert(converter, model.name, quantization, signature, calibration, io)


def write_out(archive: keras.export.ExportArchive, folder: str | os.PathLike) -> None:
    """Writes a SavedModel.

    Raises:
        ValueError: if the folder cannot be written to, or its disk fills up.
    """
    try:
        archive.write_out(folder, verbose=False)
    except tf.errors.OpError as error:  # of TensorFlow's own file system
        reason = error.message.rpartition("; ")[2].partition(" [Op:")[0]
        raise ValueError(f"Cannot write to {folder}: {reason}. TMPDIR is the folder of temporary files.") from None


def _convert(
    converter,
    name: str,
    quantization: str | None,
    signature: "Sequence[tf.TensorSpec]",
    calibration: Sequence[np.ndarray] | None,
    io: str,
) -> bytes:
    # Keras' own export would add SELECT_TF_OPS, and the file would need the Flex delegate that no small
    # runtime has.
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantization is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantization == "int8":
        if calibration is None or not all(map(len, calibration)):
            raise ValueError("quantization='int8' needs calibration: give examples of the model's input.")
        if len(calibration) != len(signature) or len(set(map(len, calibration))) > 1:
            raise ValueError(
                f"calibration must be {len(signature)} arrays of equally many examples, one for each input: "
                f"received {len(calibration)} of {min(map(len, calibration))} or more."
            )
        converter.representative_dataset = lambda: _one_by_one(signature, calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.as_dtype(io)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
            warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is deprecated")  # its own
            flatbuffer = converter.convert()
    except Exception as error:  # the converter's own errors have no common public class
        line = next((line for line in str(error).splitlines() if "op" in line), str(error).splitlines()[0])
        raise ValueError(f"{name} does not convert to LiteRT builtins: {line.strip()}") from None
    foreign = [operator for operator in operators(flatbuffer) if operator.startswith("CUSTOM")]
    if foreign:
        raise ValueError(f"{name} needs operators outside LiteRT's builtins: {', '.join(foreign)}.")
    return _in_order(dense_as_convolution(flatbuffer) if quantization == "int8" else flatbuffer)


def _in_order(flatbuffer: bytes) -> bytes:
    """The same file with its inputs and outputs in the order of the signature, which the converter loses.

    LiteRT Micro knows no names.
    """
    from ai_edge_litert import schema_py_generated as schema

    ordered = bytearray(flatbuffer)
    model = schema.Model.GetRootAs(ordered, 0)
    graph, signature = model.Subgraphs(0), model.SignatureDefs(0)
    for indices, count, entry in (
        (graph.InputsAsNumpy(), signature.InputsLength(), signature.Inputs),
        (graph.OutputsAsNumpy(), signature.OutputsLength(), signature.Outputs),
    ):
        named = {entry(at).Name(): entry(at).TensorIndex() for at in range(count)}
        # x, x_1, …, x_10; output_0, …, output_10
        indices[:] = [named[name] for name in sorted(named, key=lambda name: (len(name), name))]
    return bytes(ordered)


def with_metadata(flatbuffer: bytes, *, model: str, part: str, sha256: str) -> bytes:
    """The file with ``zoo.json`` in a ZIP archive at its end, where TensorFlow Lite's metadata has associated files.

    ``unzip -p encoder.tflite zoo.json`` shows it; interpreters do not look there.

    Args:
        flatbuffer: as ``convert`` returns it.
        model: name of the model.
        part: what of it this is.
        sha256: digest of the model's weights, see ``weights_digest``.
    """
    content = {"model": model, "part": part, "sha256": sha256, **described(flatbuffer)}
    file = io.BytesIO(flatbuffer)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(zipfile.ZipInfo(METADATA), json.dumps(content) + "\n")  # of a fixed date
    return file.getvalue()


def described(flatbuffer: bytes) -> dict[str, Any]:
    """The ``signature`` of a LiteRT file, its ``inputs`` and ``outputs``: shape, dtype, and what integers stand for."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=flatbuffer)
    return {
        "signature": next(iter(interpreter.get_signature_list()), None),
        "inputs": [_described(details) for details in interpreter.get_input_details()],
        "outputs": [_described(details) for details in interpreter.get_output_details()],
    }


def metadata(flatbuffer: bytes) -> dict[str, Any] | None:
    """What ``with_metadata`` added, if it did."""
    try:
        with zipfile.ZipFile(io.BytesIO(flatbuffer)) as archive:
            return json.loads(archive.read(METADATA))
    except (zipfile.BadZipFile, KeyError):
        return None


def weights_digest(model: keras.Model) -> str:
    """Hexadecimal SHA-256 digest of a model's weights in their order, as little-endian float32."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight, "<f4").tobytes())
    return digest.hexdigest()


def _described(details: dict) -> dict[str, Any]:
    """A tensor's shape and dtype, and the real numbers that its integers stand for."""
    dtype = np.dtype(details["dtype"])
    described: dict[str, Any] = {"shape": details["shape"].tolist(), "dtype": dtype.name}
    scale, zero = details["quantization"]
    if scale:
        limits = np.iinfo(dtype)
        described |= {"scale": scale, "zero_point": zero}
        described["range"] = [(limit - zero) * scale for limit in (limits.min, limits.max)]
    return described


def output_count(flatbuffer: bytes) -> int:
    """Number of outputs of a LiteRT file."""
    from ai_edge_litert import schema_py_generated as schema

    return schema.Model.GetRootAs(flatbuffer, 0).Subgraphs(0).OutputsLength()


def served(folder: Path, signature: str, x: np.ndarray) -> list[np.ndarray]:
    """What a SavedModel's signature makes of examples, its outputs in their order."""
    outputs = tf.saved_model.load(str(folder)).signatures[signature](x=tf.constant(x))
    return [outputs[key].numpy() for key in sorted(outputs, key=lambda key: (len(key), key))]


def operators(flatbuffer: bytes) -> list[str]:
    """Sorted names of the operators of a LiteRT file; those that are not builtin start with ``CUSTOM``."""
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    model = schema.Model.GetRootAs(flatbuffer, 0)
    found = set()
    for i in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(i)
        builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        custom = code.CustomCode()
        found.add(f"CUSTOM {custom.decode()}" if custom else names[builtin])
    return sorted(found)


def _one_by_one(signature: "Sequence[tf.TensorSpec]", calibration: Sequence[np.ndarray]) -> Iterator[Any]:
    for example in zip(*calibration, strict=True):
        rows = [
            np.broadcast_to(np.asarray(row, spec.dtype.as_numpy_dtype), spec.shape)
            for spec, row in zip(signature, example, strict=True)
        ]
        # Several are named, for the converter's order is not the model's.
        yield rows if len(rows) == 1 else {spec.name: row for spec, row in zip(signature, rows, strict=True)}
