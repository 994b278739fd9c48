"""TensorFlow's side of ``zoo.backend``."""

import tensorflow as tf


def start(threads: int | None = None) -> None:
    """Starts the runtime, with ``threads`` threads for each operation and one operation at a time.

    Raises:
        ValueError: if ``threads`` is below 1.
        RuntimeError: if ``threads`` is given after the first operation ran.
    """
    if threads is not None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1: received {threads}.")
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.zeros(())


def depth_to_space(x, block_size: int):
    """Moves blocks of channels into space, ``(b, h, w, c·k²) -> (b, h·k, w·k, c)``.

    One LiteRT builtin (DEPTH_TO_SPACE), where reshapes and a transpose of six axes would be three
    operators, one of which LiteRT Micro lacks.
    """
    return tf.nn.depth_to_space(x, block_size)
