"""The one place below training that knows TensorFlow: what ``keras.ops`` lacks, or does not convert to LiteRT."""

from zoo.backend.tensorflow import (
    CheckFailed,
    depth_to_space,
    gradient,
    gradients,
    guarded,
    start,
    with_gradient_at_replicas_mean,
)

__all__ = [
    "CheckFailed",
    "depth_to_space",
    "gradient",
    "gradients",
    "guarded",
    "start",
    "with_gradient_at_replicas_mean",
]
