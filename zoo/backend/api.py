"""What every backend of Keras gives the zoo beside ``keras.ops``, as it is where a step has one device.

``zoo.backend.tensorflow``, ``zoo.backend.jax`` and ``zoo.backend.torch`` hold these names, and put their own in place
of those that differ. Nothing here belongs to one backend.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops

from zoo import extras

__all__ = [
    "DYNAMIC_SHAPES",
    "MANY_CHANNELS",
    "SEVERAL_STEPS",
    "XLA_DROPS_CHECKS",
    "CheckFailed",
    "Tensor",
    "accelerators",
    "apply_gradients",
    "array_of",
    "batch_in_parts",
    "check_process",
    "compiled",
    "configure",
    "conv2d",
    "conv2d_transpose",
    "deterministic",
    "fused_adam_step",
    "fusible",
    "global_norm",
    "gradient",
    "gradients",
    "guarded",
    "is_dataset",
    "jit_compile",
    "leaky_relu",
    "leaky_relu_gradient",
    "mean_over_replicas",
    "ms_ssim",
    "per_example",
    "plain_errors",
    "replicas",
    "share_of_loss",
    "start",
    "state_of",
    "step",
    "straight_through",
    "strategy_of",
    "whole_batch",
    "with_gradient_at_mean_over_replicas",
    "within",
]

# Of Keras' backend, or what Keras makes one of. Keras has no type for it.
Tensor: TypeAlias = Any

# Whether a compiled step takes tensors whose shapes depend on values, such as all tokens but padding.
DYNAMIC_SHAPES = True
# Channels from which ``conv2d`` and ``conv2d_transpose`` are quicker than Keras' own.
MANY_CHANNELS: float = float("inf")
# Whether a call of the runtime makes several steps, and so with less of Python between them.
SEVERAL_STEPS = False
# Whether a step that XLA compiles is without the checks that stand in it.
XLA_DROPS_CHECKS = False

_deterministic = False


class CheckFailed(Exception):
    """What a failed ``guarded`` raises; not where shapes are known as a step is traced."""


class OneDevice:
    """The strategy of a training on one device, as those of ``tf.distribute``."""

    num_replicas_in_sync = 1
    cluster_resolver = None

    def scope(self) -> contextlib.AbstractContextManager:
        return contextlib.nullcontext()


_ONE_DEVICE = OneDevice()


def start(threads: int | None = None, *, deterministic: bool = False) -> None:
    """Starts the runtime, see ``zoo.backend.tensorflow.start``."""
    global _deterministic
    configure(threads)
    _deterministic = deterministic


def deterministic() -> bool:
    """Whether ``start`` was told to compute deterministically."""
    return _deterministic


def configure(threads: int | None = None, *, processors: int = 1) -> None:
    """Says how the runtime is to be started, see ``zoo.backend.tensorflow.configure``.

    Raises:
        ValueError: if ``threads`` is given, of a backend that takes all there are.
    """
    if threads is not None:
        raise ValueError(
            f"threads must be left out with the backend {keras.backend.backend()}, which takes all processors that "
            f"the process may use: received {threads}; on Linux, taskset limits them."
        )


def accelerators() -> int:
    """How many GPUs or TPUs the backend sees."""
    raise NotImplementedError


def check_process() -> None:
    """Refuses to go on in a forked process that the backend cannot compute in."""


def strategy_of(model: Any = None) -> Any:
    """The strategy of ``tf.distribute`` that a model was made under, of None that of now; else one of one device."""
    return _ONE_DEVICE


def jit_compile(wanted: bool) -> bool | str:
    """Whether steps are compiled as one, of a recipe that has XLA compile TensorFlow's or not; ``auto`` as of Keras."""
    return wanted


def compiled(function: Callable[..., Any], *, jit_compile: bool = False) -> Callable[..., Any]:
    """A function of tensors as one graph, where the backend has graphs."""
    return function


# --- a step ---


@contextlib.contextmanager
def state_of(model: keras.Model, *state: Any) -> Iterator[None]:
    """Inside, the variables of a model have the values of a step's state, of a backend whose steps carry one."""
    yield


def step(model: keras.Model, function: Callable[[Any], Any], *arguments: Any) -> Any:
    """A training or test step of a model, of what Keras calls it with: the data, after the state, if there is one.

    Args:
        model: whose variables ``function`` changes.
        function: data → logs.

    Returns:
        What Keras expects of such a step: the logs, and the state, if there is one.
    """
    return function(*arguments)


def apply_gradients(optimizer: keras.optimizers.Optimizer, gradients: list, variables: list) -> None:
    """One step of an optimizer, inside of ``step``."""
    optimizer.apply(gradients, variables)


def straight_through(new: Tensor, old: Tensor) -> Tensor:
    """``new``, to be assigned to the variable of ``old`` in a step; a gradient by that variable is one by ``new``."""
    return new


def global_norm(gradients: list) -> Tensor:
    """The Euclidean norm of all tensors of a list taken together; None counts for nothing."""
    squares = [ops.sum(ops.square(ops.cast(part, "float32"))) for part in gradients if part is not None]
    return ops.sqrt(sum(squares, ops.zeros((), "float32")))


def leaky_relu(x: Tensor, slope: float) -> Tensor:
    """``x`` where positive, else ``slope · x``, slope ≥ 0."""
    return ops.where(x > 0, x, slope * x)


def leaky_relu_gradient(upstream: Tensor, y: Tensor, slope: float) -> Tensor:
    """``upstream`` where ``y``, the rectifier's value, is positive, else ``slope · upstream``."""
    return ops.where(y > 0, upstream, slope * upstream)


def conv2d(x: Tensor, kernel: Tensor, strides: int) -> Tensor:
    """The convolution without padding of ``(b, h, w, c)`` with ``(k, k, c, filters)``."""
    return ops.conv(x, kernel, strides, "valid", data_format="channels_last")


def conv2d_transpose(x: Tensor, kernel: Tensor, strides: int) -> Tensor:
    """The adjoint of ``conv2d``: of ``(b, h, w, c)`` with ``(k, k, filters, c)``."""
    return ops.conv_transpose(x, kernel, strides, "valid", data_format="channels_last")


def fusible(gradients: list) -> bool:
    """Whether ``fused_adam_step`` takes them."""
    return False


def fused_adam_step(variables: list, momentums: list, velocities: list, gradients: list, **settings: Any) -> None:
    """A step of Adam in one kernel for each variable, of a backend that has such a kernel."""
    raise NotImplementedError


def gradient(function: Callable[[Tensor], Tensor], x: Tensor, upstream: Tensor | None = None) -> Tensor:
    """The gradient of a function at ``x``, itself differentiable.

    Args:
        function: of a tensor, to a scalar.
        upstream: of a function with other results, what its Jacobian is multiplied by from the left, shaped as they.
    """
    raise NotImplementedError


def gradients(function: Callable[[], list], groups: Any) -> tuple[list, list[list]]:
    """Gradients of several losses, each by variables of its own.

    On several replicas of ``tf.distribute`` they are scaled so that their sum, which optimizers take, is the mean.

    Args:
        function: () → one scalar loss for each group.
        groups: lists of Keras variables.

    Returns:
        The losses, and for each a list of gradients like its group.
    """
    raise NotImplementedError


# --- the values of data ---


def array_of(x: Any) -> np.ndarray | None:
    """The values of an array or of a tensor that has been computed; None of what is still to be, or is neither."""
    raise NotImplementedError


def is_dataset(source: Any) -> bool:
    """Whether batches come from ``tf.data``, so that ``within`` takes them."""
    return False


def within(dataset: Any, bounds: Any) -> Any:
    """The same batches of ``tf.data``, which fail where a number lies outside its bounds or is none."""
    raise NotImplementedError


def guarded(x: Tensor, value: Tensor, least: int, message: str) -> Tensor:
    """``x``, in a graph that fails with ``message`` where the integer ``value`` is below ``least``."""
    return x


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Inside, a check that failed in a graph is a ValueError with the check's message alone."""
    yield


def ms_ssim(picture: np.ndarray, other: np.ndarray) -> float:
    """``tf.image.ssim_multiscale`` of two uint8 pictures ``(height, width, channels)``, ≥ 161 pixels a side."""
    raise ValueError(
        f"MS-SSIM is TensorFlow's, and Keras' backend is {keras.backend.backend()}: run it with "
        f"KERAS_BACKEND=tensorflow and {extras.install('tensorflow')}."
    )


# --- replicas, of which there is one ---


def replicas() -> int:
    """How many replicas of ``tf.distribute`` share a step; 1 without."""
    return 1


def share_of_loss(loss: Tensor) -> Tensor:
    """What a replica's loss counts for in the sum that optimizers take."""
    return loss


def batch_in_parts(parts: int) -> contextlib.AbstractContextManager:
    """Inside, a batch is ``parts`` batches one after the other, of each of which every replica has its share."""
    return contextlib.nullcontext()


def per_example(draw: Callable[[tuple], Tensor], shape: Any, axis: int = 0) -> Tensor:
    """Random numbers for a batch, ``draw`` of ``shape``, that depend on an example's place and not on its replica."""
    return draw(tuple(shape))


def mean_over_replicas(x: Tensor) -> Tensor:
    """The mean of a tensor over all replicas; gradients pass to all of them."""
    return x


def with_gradient_at_mean_over_replicas(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """``function(x)``, with the gradient that it has at the mean of ``x`` over all replicas."""
    return function(x)


def whole_batch(x: Tensor) -> Tensor:
    """The rows of all replicas."""
    return x
