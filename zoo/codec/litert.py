"""A LiteRT network, run batch by batch."""

import importlib.metadata
import os
import platform
import threading
from pathlib import Path

import numpy as np

from zoo.codec import flatbuffer


class Network:
    """One ``.tflite`` file, whose inputs and outputs all have a first axis for the batch.

    A batch is always full, so that no result depends on how many rows come with it. Each thread that
    runs it has an interpreter of its own, so that threads may share an instance.

    Args:
        path: of the file.
        threads: that a network computes with; None for as many as there are.
        reference: whether LiteRT's plain kernels run it, whose arithmetic LiteRT Micro shares, instead of XNNPACK's,
            which round otherwise and are many times faster.

    Raises:
        ValueError: if LiteRT cannot run it.
    """

    def __init__(self, path: Path, *, reference: bool = False, threads: int | None = 1):
        self._path, self._content, self._reference = path, path.read_bytes(), reference
        self._threads = threads or processors()
        try:
            flatbuffer.check(self._content)
        except ValueError as error:
            raise ValueError(f"{path} cannot be run: {error}.") from None
        self._local = threading.local()
        interpreter = self._interpreter
        self.inputs, self.outputs = interpreter.get_input_details(), interpreter.get_output_details()

    @property
    def input(self) -> dict:
        """LiteRT's details of the first input."""
        return self.inputs[0]

    @property
    def output(self) -> dict:
        """LiteRT's details of the first output."""
        return self.outputs[0]

    @property
    def runtime(self) -> str:
        """What its numbers depend on: LiteRT's version, its delegate, and the processor's vector instructions."""
        version = importlib.metadata.version("ai-edge-litert")
        # The interpreter lists a delegate as an operator, behind those that it took over.
        delegated = any(operator["op_name"] == "DELEGATE" for operator in self._interpreter._get_ops_details())
        kernels = "XNNPACK" if delegated else "plain kernels"
        features = np.show_config(mode="dicts")["SIMD Extensions"]
        names = " ".join([*features.get("baseline", ()), *features.get("found", ())])
        return f"LiteRT {version} with {kernels} on {platform.machine()} ({names or 'features unknown'})"

    def __call__(self, *rows: np.ndarray) -> list[np.ndarray]:
        """The outputs, each ``(n, …)``, of an array ``(n, …)`` for each input, of the input's dtype."""
        interpreter, count = self._interpreter, len(rows[0])
        results = [np.empty((count, *details["shape"][1:]), details["dtype"]) for details in self.outputs]
        batches = [np.zeros(details["shape"], details["dtype"]) for details in self.inputs]
        size = len(batches[0])
        for start in range(0, count, size):
            filled = min(size, count - start)
            for batch, array, details in zip(batches, rows, self.inputs, strict=True):
                batch[:filled] = array[start : start + filled].reshape(filled, *batch.shape[1:])
                interpreter.set_tensor(details["index"], batch)
            interpreter.invoke()
            for result, details in zip(results, self.outputs, strict=True):
                result[start : start + filled] = interpreter.get_tensor(details["index"])[:filled]
        return results

    def of_any_size(self, *rows: np.ndarray) -> np.ndarray:
        """The output of a network of one output, of inputs of other sides or another batch than the file's.

        Raises:
            ValueError: if the network cannot be run with such inputs.
        """
        interpreter = self._interpreter
        try:
            for details, array in zip(interpreter.get_input_details(), rows, strict=True):
                if tuple(details["shape"]) != array.shape:
                    interpreter.resize_tensor_input(details["index"], array.shape)
            interpreter.allocate_tensors()  # at once where no shape has changed
            for details, array in zip(self.inputs, rows, strict=True):
                interpreter.set_tensor(details["index"], np.ascontiguousarray(array))
            interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            shapes = ", ".join(str(array.shape) for array in rows)
            raise ValueError(f"{self._path} cannot be run for {shapes}: {' '.join(str(error).split())}") from None
        return interpreter.get_tensor(self.output["index"])

    @property
    def _interpreter(self):
        if not hasattr(self._local, "interpreter"):
            self._local.interpreter = self._open()
        return self._local.interpreter

    def _open(self):
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        kernels = OpResolverType.BUILTIN_REF if self._reference else OpResolverType.AUTO
        try:
            interpreter = Interpreter(
                model_content=self._content, num_threads=self._threads, experimental_op_resolver_type=kernels
            )
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{self._path} cannot be run: {' '.join(str(error).split())}") from None
        return interpreter


def processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def as_int8(examples: np.ndarray) -> np.ndarray:
    """What an encoder takes: of 8-bit pixels ``p`` the int8 numbers ``p − 128``, of 16-bit samples their upper half."""
    if examples.dtype == np.int16:
        return np.rint(examples / 256).clip(-128, 127).astype(np.int8)
    return (examples ^ 0x80).view(np.int8)


def quantized(inputs: np.ndarray, details: dict) -> np.ndarray:
    """The int8 integers of a tensor that stand nearest to numbers."""
    scale, zero = details["quantization"]
    return (np.rint(inputs / np.float32(scale)) + zero).clip(-128, 127).astype(np.int8)


def dequantized(output: np.ndarray, details: dict) -> np.ndarray:
    """What the integers of a tensor stand for, float32; those without a scale, such as switches, stay integers."""
    scale, zero = details["quantization"]
    return (output.astype(np.float32) - zero) * np.float32(scale) if scale else output
