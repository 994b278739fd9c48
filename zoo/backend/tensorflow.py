"""TensorFlow's side of ``zoo.backend``."""

import tensorflow as tf


def depth_to_space(x, block_size: int):
    """Moves blocks of channels into space, ``(b, h, w, c·k²) -> (b, h·k, w·k, c)``.

    One LiteRT builtin (DEPTH_TO_SPACE), where reshapes and a transpose of six axes would be three
    operators, one of which LiteRT Micro lacks.
    """
    return tf.nn.depth_to_space(x, block_size)
