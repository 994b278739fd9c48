"""Batches for training, in an order that a resumed run continues exactly."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from zoo.data.packed import gathered, is_mapped


def training_batches(
    images: np.ndarray,
    batch_size: int,
    *,
    epochs: int,
    initial_epoch: int = 0,
    seed: int = 0,
    labels: np.ndarray | None = None,
    neighbours: np.ndarray | None = None,
    replicas: int = 1,
    own: Sequence[int] = (0,),
    parts: int = 1,
    keep_last: bool = False,
):
    """All batches from ``initial_epoch`` to ``epochs``, each epoch in a random order of its own.

    The order is a function of ``seed`` and the epoch's number alone, and neighbours are drawn by ``seed`` and the
    step's, so that a run resumed at epoch e sees what the uninterrupted run would have seen. A last batch that is not
    full is dropped, unless it is to be kept.

    Args:
        images: ``(n, ...)``, uint8 images, int16 signals, or int32 or floating-point, which is taken as it is. A mapped
            file is read batch by batch.
        batch_size: examples a batch; at most n.
        labels: ``(n, ...)``, which then come with their images.
        neighbours: indices ``(n, k)``, of which one an image is drawn, each as likely as the others: that image comes
            with it, in the place of a label.
        replicas: among which each batch is shared out evenly.
        own: numbers of the replicas whose shares are wanted, of each batch one after the other.
        parts: of a batch, of each of which every replica has its share (``zoo.backend.batch_in_parts``).
        keep_last: whether an epoch ends with a batch of the examples that are left; of one replica, without neighbours.

    Returns:
        A ``tf.data.Dataset`` of float32 batches, in [0, 1] where the images were uint8 and in [−1, 1] where they were
        int16, or of such batches and their labels or neighbours, and the number of batches an epoch.

    Raises:
        ValueError: if there are fewer images than one batch, a batch cannot be shared out evenly, or both labels and
            neighbours are given.
    """
    if labels is not None and neighbours is not None:
        raise ValueError("labels and neighbours were both given: a batch has room for one of them.")
    steps = -(-len(images) // batch_size) if keep_last else len(images) // batch_size
    if batch_size > len(images):
        raise ValueError(f"batch_size must be at most the number of training images: {batch_size} > {len(images)}.")
    parts = parts if replicas > 1 else 1
    if batch_size % (replicas * parts):
        raise ValueError(
            f"batch_size must be a multiple of {replicas * parts}, for {replicas} replicas to have equal shares of "
            f"{parts} parts: received {batch_size}."
        )
    indices = np.arange(batch_size).reshape(parts, replicas, -1).swapaxes(0, 1).reshape(replicas, -1)
    shares = tf.constant(indices[list(own)])
    taken = _taken(images)
    steps_of_one = {np.uint8: 255.0, np.int16: 32768.0}.get(images.dtype.type)
    dtype = tf.int32 if images.dtype == np.int32 else tf.float32
    targets = None if labels is None else tf.constant(labels)
    graph = None if neighbours is None else tf.constant(neighbours)

    def rows(chosen):
        pixels = tf.cast(taken(chosen), dtype)
        return pixels / steps_of_one if steps_of_one else pixels

    def batch(number):
        step, share = number // len(own), shares[number % len(own)]
        epoch, position = step // steps, step % steps
        indices = share + position * batch_size
        if keep_last:
            indices = indices[indices < len(images)]
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        chosen = tf.random.experimental.index_shuffle(indices, key, max_index=len(images) - 1)
        if graph is not None:
            draw = tf.random.stateless_uniform(
                [batch_size], tf.stack([tf.constant(seed, tf.int64), step]), maxval=graph.shape[1], dtype=tf.int32
            )
            drawn = tf.gather(draw, share)
            return rows(chosen), rows(tf.gather(tf.gather(graph, chosen), drawn, batch_dims=1))
        return rows(chosen) if targets is None else (rows(chosen), tf.gather(targets, chosen))

    numbers = tf.data.Dataset.range(initial_epoch * steps * len(own), epochs * steps * len(own))
    return numbers.map(batch, num_parallel_calls=1, deterministic=True).prefetch(tf.data.AUTOTUNE), steps


def ordered_batches(images: np.ndarray, batch_size: int, labels: np.ndarray | None = None):
    """All examples once and in their order, as a ``tf.data.Dataset`` of batches as those of ``training_batches``."""
    taken, steps = _taken(images), {np.uint8: 255.0, np.int16: 32768.0}.get(images.dtype.type, 1.0)

    def batch(start):
        chosen = tf.range(start, tf.minimum(start + batch_size, len(images)))
        pixels = tf.cast(taken(chosen), tf.float32) / steps
        return (pixels,) if labels is None else (pixels, tf.gather(tf.constant(labels), chosen))

    starts = tf.data.Dataset.range(0, len(images), batch_size)
    return starts.map(batch, num_parallel_calls=1, deterministic=True).prefetch(1)


def _taken(images: np.ndarray):
    """Indices ``(batch,)`` → those examples, in a graph."""
    if not is_mapped(images):
        table = tf.constant(images)
        return lambda chosen: tf.gather(table, chosen)

    def taken(chosen):
        rows = tf.numpy_function(lambda at: gathered(images, at), [chosen], images.dtype, stateful=False)
        return tf.ensure_shape(rows, [chosen.shape[0], *images.shape[1:]])

    return taken
