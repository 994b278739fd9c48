"""TensorFlow's side of ``zoo.backend``."""

import contextlib
import os
import re

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context  # which has no public name

from zoo.backend import api
from zoo.backend.api import *  # noqa: F403
from zoo.backend.convolution import MANY_CHANNELS, conv2d, conv2d_transpose  # noqa: F401 - of the interface
from zoo.backend.replicas import (  # noqa: F401
    batch_in_parts,
    mean_over_replicas,
    per_example,
    replicas,
    share_of_loss,
    strategy_of,
    whole_batch,
    with_gradient_at_mean_over_replicas,
)

__all__ = [*api.__all__]

SEVERAL_STEPS = XLA_DROPS_CHECKS = True

_deterministic = False  # TensorFlow sets it for a process, and does not say how it is set


def start(threads: int | None = None, *, deterministic: bool = False) -> None:
    """Starts the runtime, with ``threads`` threads for each operation and one operation at a time.

    Args:
        threads: None for as many as there are.
        deterministic: whether the same operation on the same input always gives the same bits, however many threads
            share its work.

    Raises:
        ValueError: if ``threads`` is below 1.
        RuntimeError: if ``threads`` is given after the first operation ran.
    """
    global _deterministic
    configure(threads)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
        _deterministic = True
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)  # it takes all memory at once otherwise
    tf.get_logger().setLevel("ERROR")  # that a function is traced for each of many models is no concern of a user
    tf.zeros(())


def deterministic() -> bool:
    """Whether ``start`` was told to compute deterministically, which XLA has no part in."""
    return _deterministic


def configure(threads: int | None = None, *, processors: int = 1) -> None:
    """Says how the runtime is to be started.

    Args:
        threads: as of ``start``.
        processors: into how many devices the processor is cut, for ``tf.distribute`` without GPUs.

    Raises:
        ValueError, RuntimeError: as ``start``.
    """
    if processors > 1:
        device = tf.config.LogicalDeviceConfiguration()
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [device] * processors)
    if threads is not None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1: received {threads}.")
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        # Replicas wait for one another, and so each needs a thread that may.
        tf.config.threading.set_inter_op_parallelism_threads(processors)


def accelerators() -> int:
    """See ``zoo.backend.api``."""
    return sum(len(tf.config.list_physical_devices(kind)) for kind in ("GPU", "TPU"))


def check_process() -> None:
    """Refuses to go on in a process that was forked from one in which TensorFlow had started.

    TensorFlow's threads are not copied, and its first operation would wait for them for ever.

    Raises:
        RuntimeError: there.
    """
    if _started_before_fork:
        raise RuntimeError(
            "This process was forked after TensorFlow had started, and TensorFlow would wait for ever in it: start "
            'processes by multiprocessing.get_context("spawn"), or before the first model is loaded.'
        )


_started_before_fork = False


def _note_fork() -> None:
    global _started_before_fork
    _started_before_fork = getattr(context.context_safe(), "_initialized", False)


os.register_at_fork(after_in_child=_note_fork)


def compiled(function, *, jit_compile: bool = False):
    """A function of tensors as one graph, with XLA or without."""
    return tf.function(function, jit_compile=jit_compile)


def gradient(function, x, upstream=None):
    """The gradient of a function at ``x``, itself differentiable.

    Args:
        function: of a tensor, to a scalar.
        upstream: of a function with other results, what its Jacobian is multiplied by from the left, shaped as they.
    """
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return tape.gradient(value, x, upstream)


def gradients(function, groups):
    """Gradients of several losses, each by variables of its own.

    On several replicas of ``tf.distribute`` they are scaled so that their sum, which optimizers take, is the mean.

    Args:
        function: () → one scalar loss for each group.
        groups: lists of Keras variables.

    Returns:
        The losses, and for each a list of gradients like its group.
    """
    groups = [[v.value for v in group] for group in groups]
    with tf.GradientTape(persistent=len(groups) > 1, watch_accessed_variables=False) as tape:
        tape.watch(groups)
        values = function()
        scaled = [share_of_loss(value) for value in values]
    return values, [tape.gradient(value, group) for value, group in zip(scaled, groups, strict=True)]


def global_norm(gradients):
    """The Euclidean norm of all tensors of a list taken together; None counts for nothing."""
    return tf.linalg.global_norm(gradients)


def leaky_relu(x, slope: float):
    """``x`` where positive, else ``slope · x``, slope ≥ 0, with a second derivative that is known to be zero."""

    @tf.custom_gradient
    def call(x):
        y = tf.nn.leaky_relu(x, slope)

        def gradient(upstream):
            # With the features held fixed, a second differentiation has nothing to carry back through the layers below.
            # The result has the signs of x, and leaves TensorFlow free to fuse the rectifier with what is before it.
            return leaky_relu_gradient(upstream, tf.stop_gradient(y), slope)

        return y, gradient

    return call(x)


def leaky_relu_gradient(upstream, y, slope: float):
    """``upstream`` where ``y``, the rectifier's value, is positive, else ``slope · upstream``."""
    return tf.raw_ops.LeakyReluGrad(gradients=upstream, features=y, alpha=slope)


def guarded(x, value, least: int, message: str):
    """``x``, in a graph that fails with ``message`` before it is used where the integer ``value`` is below ``least``.

    Raises:
        CheckFailed: when the graph runs; ``plain_errors`` makes a ValueError of it.
    """
    with tf.control_dependencies([tf.debugging.Assert(value >= least, [message])]):
        return tf.identity(x)


# What a failed ``guarded`` raises.
CheckFailed = tf.errors.InvalidArgumentError


def array_of(x):
    """See ``zoo.backend.api``."""
    if isinstance(x, np.ndarray):
        return x
    return np.asarray(x.numpy()) if hasattr(x, "numpy") else None


def is_dataset(source) -> bool:
    """Whether batches come from ``tf.data``, so that ``within`` takes them."""
    return isinstance(source, tf.data.Dataset)


def within(dataset, bounds):
    """The same batches of ``tf.data``, which fail where a number lies outside its bounds or is none.

    Looked at by the input pipeline, on the processor, beside the step that runs: XLA, which leaves checks out of what
    it compiles, has no part in it.

    Args:
        dataset: of batches, or of tuples of them.
        bounds: for each part of a tuple ``(lowest, highest, message)``, the message with ``{}`` for the smallest and
            the largest value of a batch; None for a part that is not looked at, as are those of integers.

    Raises:
        CheckFailed: when such a batch is drawn; ``plain_errors`` makes a ValueError of it.
    """

    @tf.autograph.experimental.do_not_convert
    def look(*parts):
        pairs = zip(parts, bounds, strict=False)
        tests = [_outside(part, *limits) for part, limits in pairs if limits and _is_floating(part)]
        with tf.control_dependencies(tests):
            kept = tf.nest.map_structure(lambda part: tf.identity(part) if tf.is_tensor(part) else part, parts)
        return kept if isinstance(dataset.element_spec, tuple) else kept[0]

    return dataset.map(look)


def _is_floating(part) -> bool:
    return tf.is_tensor(part) and part.dtype.is_floating


def _outside(part, lowest, highest, message):
    """An operation that fails where a number lies outside; NaN is on neither side."""
    fits = tf.reduce_all(tf.logical_and(part >= lowest, part <= highest))

    def fail():
        ends = [tf.cast(end, tf.float32) for end in (tf.reduce_min(part), tf.reduce_max(part))]
        return tf.debugging.Assert(False, [tf.strings.format(message, ends)])

    return tf.cond(fits, lambda: tf.no_op(), fail)


@contextlib.contextmanager
def plain_errors():
    """Inside, a check that failed in a graph is a ValueError with the check's message alone."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = re.search(r"assertion failed: \[(\w+ must .*?)\]\n", error.message)
        if found is None:
            raise
        raise ValueError(found[1]) from None


def fusible(gradients) -> bool:
    """Whether ``fused_adam_step`` takes them: dense ones, outside of several replicas of ``tf.distribute``."""
    dense = not any(isinstance(gradient, tf.IndexedSlices) for gradient in gradients)
    return dense and replicas() == 1


def fused_adam_step(
    variables, momentums, velocities, gradients, *, learning_rate, beta_1, beta_2, epsilon, step
) -> None:
    """A step of Adam: one kernel for each variable and its two averages.

    Args:
        variables, momentums, velocities: lists of Keras variables.
        gradients: dense ones.
        step: integer tensor, 1 at the first step.
    """
    step = tf.cast(step, tf.float32)
    settings = {"lr": learning_rate, "beta1": beta_1, "beta2": beta_2, "epsilon": epsilon}
    settings |= {f"beta{n}_power": tf.pow(float(beta), step) for n, beta in ((1, beta_1), (2, beta_2))}
    settings = {name: tf.cast(value, tf.float32) for name, value in settings.items()}  # read once for all variables
    for variable, momentum, velocity, gradient in zip(variables, momentums, velocities, gradients, strict=True):
        dtype = variable.value.dtype
        tf.raw_ops.ResourceApplyAdam(
            var=variable.value.handle,
            m=momentum.value.handle,
            v=velocity.value.handle,
            grad=tf.cast(gradient, dtype),
            **{name: tf.cast(value, dtype) for name, value in settings.items()},
        )


def ms_ssim(picture, other) -> float:
    """``tf.image.ssim_multiscale`` of two uint8 pictures ``(height, width, channels)``, ≥ 161 pixels a side."""
    return float(tf.image.ssim_multiscale(picture[None], other[None], 255)[0])
