"""The replicas of ``tf.distribute`` that share a step: what one of them has to know so that all train as one would.

A replica sees its own part of the batch. Noise is drawn for the whole batch, of which it takes the rows of its own
examples; statistics of a batch are those of all parts; optimizers add gradients up, so losses are divided.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

_THREAD = threading.local()  # replicas on one machine are threads


def replicas() -> int:
    """How many replicas of ``tf.distribute`` share a step; 1 without."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def strategy_of(model: Any = None) -> Any:
    """The strategy that a model was made under, of None that of now."""
    return tf.distribute.get_strategy() if model is None else model.distribute_strategy


def share_of_loss(loss: Any) -> Any:
    """What a replica's loss, a mean over its own examples, counts for in the sum that optimizers take; 1 / replicas."""
    return loss / replicas() if replicas() > 1 else loss


@contextlib.contextmanager
def batch_in_parts(parts: int) -> Iterator[None]:
    """Inside, a batch is ``parts`` batches one after the other, of each of which every replica has its share.

    Such as real examples and then generated ones. Where one is inside the other, the numbers multiply.
    """
    before = _parts()
    _THREAD.parts = before * parts
    try:
        yield
    finally:
        _THREAD.parts = before


def per_example(draw: Any, shape: Any, axis: int = 0) -> Any:
    """Random numbers for a batch that depend on an example's place in the batch of all replicas, not on its replica.

    Every replica draws for the whole batch, as their generators are in the same state, and keeps its own rows: those
    that one device would draw for the same examples.

    Args:
        draw: shape → tensor.
        shape: of the replica's own numbers.
        axis: of the examples, of which all replicas have equally many.
    """
    replica = _replica()
    if replica is None:
        return draw(tuple(shape))
    shape, number, parts = list(shape), replica.num_replicas_in_sync, _parts()
    own = shape[axis]
    whole = draw((*shape[:axis], own * number, *shape[axis + 1 :]))
    split = (*shape[:axis], parts, number, own // parts, *shape[axis + 1 :])
    rows = tf.gather(tf.reshape(whole, split), replica.replica_id_in_sync_group, axis=axis + 1)
    return tf.reshape(rows, shape)


def mean_over_replicas(x: Any) -> Any:
    """The mean of a tensor, of one shape everywhere, over all replicas; gradients pass to all of them.

    Replicas wait for one another here. A model that has losses from ``add_loss`` must not do so while it is called:
    Keras keeps the losses of all replicas' layers in the same lists, and would mix them up.
    """
    replica = _replica()
    if replica is None:
        return x

    @tf.custom_gradient
    def call(x):
        return _mean(replica, x), lambda upstream: _mean(replica, upstream)

    return call(x)


def with_gradient_at_mean_over_replicas(function: Callable[[Any], Any], x: Any) -> Any:
    """``function(x)``, with the gradient that it has at the mean of ``x`` over all replicas.

    For a loss of a batch's statistics from ``add_loss``: its gradient on several replicas is then that of the whole
    batch. Its value stays that of the replica's own ``x``, as replicas must not wait for one another there
    (``mean_over_replicas``).

    Args:
        function: of a tensor, with a scalar result.
        x: float tensor of one shape on all replicas, which hold equally many examples.
    """
    replica = _replica()
    if replica is None:
        return function(x)

    @tf.custom_gradient
    def call(x):
        def gradient(upstream):
            mean = _mean(replica, x)
            with tf.GradientTape() as tape:
                tape.watch(mean)
                result = function(mean)
            return tape.gradient(result, mean, upstream)

        return function(x), gradient

    return call(x)


def whole_batch(x: Any) -> Any:
    """The rows of all replicas, ``(replicas · batch, ...)``, for a loss that compares each example with all others.

    Every replica then has the loss of the whole batch, of which ``share_of_loss`` keeps its share; the gradient goes to
    its own rows, in full.
    """
    replica = _replica()
    if replica is None:
        return x
    number, own = replica.num_replicas_in_sync, replica.replica_id_in_sync_group

    @tf.custom_gradient
    def call(x):
        rows = tf.shape(x)[0]

        def gradient(upstream):
            return number * upstream[own * rows : (own + 1) * rows]

        return _gathered(replica, x), gradient

    return call(x)


def _parts() -> int:
    return getattr(_THREAD, "parts", 1)


def _replica():
    """The context of this replica; None where there is but one, or while Keras builds, outside of any."""
    replica = tf.distribute.get_replica_context()
    return None if replica is None or replica.num_replicas_in_sync == 1 else replica


# On one machine by plain operations: in Keras' `fit`, TensorFlow 2.21's `all_reduce` fails with "Shape mismatch in the
# collective instance" as soon as there are other collectives than the optimizer's.


def _mean(replica, x):
    if _on_several_machines(replica):
        return replica.all_reduce(tf.distribute.ReduceOp.MEAN, x)
    add = lambda strategy, value: tf.add_n(strategy.experimental_local_results(value))  # noqa: E731
    return replica.merge_call(add, args=(x,)) / replica.num_replicas_in_sync


def _gathered(replica, x):
    if _on_several_machines(replica):
        return replica.all_gather(x, axis=0)
    join = lambda strategy, value: tf.concat(strategy.experimental_local_results(value), axis=0)  # noqa: E731
    return replica.merge_call(join, args=(x,))


def _on_several_machines(replica) -> bool:
    return replica.num_replicas_in_sync > len(replica.strategy.extended.worker_devices)
