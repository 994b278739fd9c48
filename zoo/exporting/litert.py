"""Keras to LiteRT, with builtin operators only."""

import tempfile
import warnings
from collections.abc import Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf

from zoo.codec.litert import quiet_stderr

QUANTIZATIONS = (None, "float16", "dynamic", "int8")


def convert(
    model: keras.Model,
    *,
    quantization: str | None = None,
    calibration: np.ndarray | None = None,
    batch_size: int = 1,
) -> bytes:
    """Converts a model of one input and one output to a LiteRT flatbuffer.

    Args:
        model: built, in float32.
        quantization: None; ``float16`` or ``dynamic`` (int8) weights with float32 input and output; ``int8``
            throughout, input and output too.
        calibration: examples of the model's input, ``(n, ...)`` float32, from which int8 takes its ranges.
        batch_size: first axis of input and output; fixed, as small runtimes plan their memory ahead.

    Raises:
        ValueError: if an operator is not a LiteRT builtin, or ``int8`` comes without calibration.
    """
    if quantization not in QUANTIZATIONS:
        raise ValueError(f"quantization must be none, float16, dynamic or int8: received {quantization!r}.")
    signature = tf.TensorSpec((batch_size, *model.input_shape[1:]), tf.float32, name="x")
    archive = keras.export.ExportArchive()  # `model.export` would free the first axis
    archive.track(model)
    archive.add_endpoint("serve", lambda x: model(x, training=False), input_signature=[signature])
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        return _convert(converter, model.name, quantization, calibration)


def _convert(converter, name: str, quantization: str | None, calibration: np.ndarray | None) -> bytes:
    # Keras' own export would add SELECT_TF_OPS, and the file would need the Flex delegate that no small
    # runtime has.
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantization is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantization == "int8":
        if calibration is None or not len(calibration):
            raise ValueError("quantization='int8' needs calibration: give examples of the model's input.")
        converter.representative_dataset = lambda: _one_by_one(calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
            with quiet_stderr():  # the converter prints its settings
                flatbuffer = converter.convert()
    except Exception as error:  # the converter's own errors have no common public class
        line = next((line for line in str(error).splitlines() if "op" in line), str(error).splitlines()[0])
        raise ValueError(f"{name} does not convert to LiteRT builtins: {line.strip()}") from None
    foreign = [operator for operator in operators(flatbuffer) if operator.startswith("CUSTOM")]
    if foreign:
        raise ValueError(f"{name} needs operators outside LiteRT's builtins: {', '.join(foreign)}.")
    return flatbuffer


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


def _one_by_one(examples: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
    for example in examples:
        yield [np.asarray(example, np.float32)[None]]
