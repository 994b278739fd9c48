"""The one place below training that knows TensorFlow: what ``keras.ops`` lacks, or does not convert to LiteRT."""

from zoo.backend.tensorflow import (
    CheckFailed,
    depth_to_space,
    fused_adam_step,
    fusible,
    global_norm,
    gradient,
    gradients,
    guarded,
    leaky_relu,
    leaky_relu_gradient,
    replicas,
    start,
    with_gradient_at_replicas_mean,
)

__all__ = [
    "CheckFailed",
    "depth_to_space",
    "fused_adam_step",
    "fusible",
    "global_norm",
    "gradient",
    "gradients",
    "guarded",
    "leaky_relu",
    "leaky_relu_gradient",
    "replicas",
    "start",
    "with_gradient_at_replicas_mean",
]
