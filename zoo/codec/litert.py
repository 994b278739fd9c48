"""A LiteRT network, run batch by batch."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np


class Network:
    """One ``.tflite`` file of one input and one output, both with a first axis for the batch.

    A batch is always full, so that no result depends on how many rows come with it.

    Args:
        path: of the file.
        num_threads: threads of the interpreter.

    Raises:
        ValueError: if LiteRT cannot run it.
    """

    def __init__(self, path: Path, num_threads: int):
        from ai_edge_litert.interpreter import Interpreter

        try:
            with quiet_stderr():
                self._interpreter = Interpreter(model_content=path.read_bytes(), num_threads=num_threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{path} cannot be run: {' '.join(str(error).split())}") from None
        self.input = self._interpreter.get_input_details()[0]
        self.output = self._interpreter.get_output_details()[0]

    def __call__(self, rows: np.ndarray, prepare: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Outputs ``(n, …)`` of rows ``(n, …)``; ``prepare`` turns some rows into input."""
        outputs = np.empty((len(rows), *self.output["shape"][1:]), self.output["dtype"])
        batch = np.zeros(self.input["shape"], self.input["dtype"])
        size = len(batch)
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            batch[: len(part)] = prepare(part).reshape(len(part), *batch.shape[1:])
            self._interpreter.set_tensor(self.input["index"], batch)
            self._interpreter.invoke()
            output = self._interpreter.get_tensor(self.output["index"])
            outputs[start : start + size] = output[: len(part)]
        return outputs


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keeps LiteRT from announcing its delegate on stderr, for which it has no switch.

    Its errors are not lost: they are raised.
    """
    try:
        saved = os.dup(2)
    except OSError:  # a process without stderr
        yield
        return
    try:
        with open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
