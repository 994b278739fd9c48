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


def with_gradient_at_replicas_mean(function, x):
    """``function(x)``, with the gradient that it has at the mean of ``x`` over all replicas of ``tf.distribute``.

    For a loss of a batch's statistics, whose gradient on several replicas is then that of the whole batch. Its value
    stays that of the replica's own ``x``: while a model is called, replicas must not wait for one another, as Keras
    keeps the losses of all their layers in the same lists, and would mix them up.

    Args:
        function: of a tensor, with a scalar result.
        x: float tensor of one shape on all replicas, which hold equally many examples.
    """
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:  # None: while Keras builds, outside of any replica
        return function(x)

    @tf.custom_gradient
    def call(x):
        def gradient(upstream):
            mean = _replicas_mean(replica, x)
            with tf.GradientTape() as tape:
                tape.watch(mean)
                result = function(mean)
            return tape.gradient(result, mean, upstream)

        return function(x), gradient

    return call(x)


def _replicas_mean(replica, x):
    if replica.num_replicas_in_sync > len(replica.strategy.extended.worker_devices):  # on several machines
        return replica.all_reduce(tf.distribute.ReduceOp.MEAN, x)

    # On one machine by plain additions: in Keras' `fit`, TensorFlow 2.21's `all_reduce` fails with "Shape mismatch in
    # the collective instance" as soon as there are other collectives than the optimizer's.
    def mean(strategy, value):
        return tf.add_n(strategy.experimental_local_results(value)) / replica.num_replicas_in_sync

    return replica.merge_call(mean, args=(x,))
