"""The one place below training that knows TensorFlow: what ``keras.ops`` lacks, or does not convert to LiteRT."""

from typing import Any, TypeAlias

import keras

if keras.backend.backend() != "tensorflow":
    raise ValueError(
        f"KERAS_BACKEND must be tensorflow, which the zoo's models run on: received {keras.backend.backend()!r}."
    )

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
    check_process,
    compiled,
    configure,
    depth_to_space,
    deterministic,
    fused_adam_step,
    fusible,
    global_norm,
    gradient,
    gradients,
    guarded,
    is_dataset,
    leaky_relu,
    leaky_relu_gradient,
    ms_ssim,
    plain_errors,
    start,
    within,
)

# Of Keras' backend, or what Keras makes one of. Keras has no type for it.
Tensor: TypeAlias = Any

__all__ = [
    "MANY_CHANNELS",
    "CheckFailed",
    "Tensor",
    "batch_in_parts",
    "check_process",
    "compiled",
    "configure",
    "conv2d",
    "conv2d_transpose",
    "depth_to_space",
    "deterministic",
    "fused_adam_step",
    "fusible",
    "global_norm",
    "gradient",
    "gradients",
    "guarded",
    "is_dataset",
    "leaky_relu",
    "leaky_relu_gradient",
    "mean_over_replicas",
    "ms_ssim",
    "per_example",
    "plain_errors",
    "replicas",
    "share_of_loss",
    "start",
    "whole_batch",
    "with_gradient_at_mean_over_replicas",
    "within",
]
