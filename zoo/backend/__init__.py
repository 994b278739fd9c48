"""The one place below training that knows TensorFlow: what ``keras.ops`` lacks, or does not convert to LiteRT."""

from zoo.backend.convolution import MANY_CHANNELS, conv2d, conv2d_transpose
from zoo.backend.replicas import (
    batch_in_parts,
    mean_over_replicas,
    per_example,
    replicas,
    share_of_loss,
    whole_batch,
    with_gradient_at_mean_over_replicas,
)
from zoo.backend.tensorflow import (
    CheckFailed,
    compiled,
    configure,
    depth_to_space,
    fused_adam_step,
    fusible,
    global_norm,
    gradient,
    gradients,
    guarded,
    leaky_relu,
    leaky_relu_gradient,
    start,
)

__all__ = [
    "MANY_CHANNELS",
    "CheckFailed",
    "batch_in_parts",
    "compiled",
    "configure",
    "conv2d",
    "conv2d_transpose",
    "depth_to_space",
    "fused_adam_step",
    "fusible",
    "global_norm",
    "gradient",
    "gradients",
    "guarded",
    "leaky_relu",
    "leaky_relu_gradient",
    "mean_over_replicas",
    "per_example",
    "replicas",
    "share_of_loss",
    "start",
    "whole_batch",
    "with_gradient_at_mean_over_replicas",
]
