"""Batches for training, in an order that a resumed run continues exactly."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from zoo.data.packed import gathered, is_mapped
from zoo.data.photographs import Crops


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
        images: ``(n, ...)``, uint8 images, int16 signals, or int32 or floating-point, which is taken as it is, or
            ``Crops``, of which every batch is drawn anew. A mapped file is read batch by batch.
        batch_size: examples a batch; at most n.
        labels: ``(n, ...)``, which then come with their images.
        neighbours: indices ``(n, k)``, of which one an image is drawn uniformly; that image takes a label's place.
        replicas: among which each batch is shared out evenly.
        own: numbers of the replicas whose shares are wanted, of each batch one after the other.
        parts: of a batch, of each of which every replica has its share (``zoo.backend.batch_in_parts``).
        keep_last: whether an epoch ends with a batch of the examples that are left; of one replica, without neighbours.

    Returns:
        A ``tf.data.Dataset`` of float32 batches, in [0, 1] where the images were uint8 and in [−1, 1] where they were
        int16, or of such batches and their labels or neighbours, and the number of batches an epoch.

    Raises:
        ValueError: for fewer images than a batch, a batch without equal shares, or both labels and neighbours.
    """
    if labels is not None and neighbours is not None:
        raise ValueError("labels and neighbours were both given: a batch has room for one of them.")
    steps = -(-len(images) // batch_size) if keep_last else len(images) // batch_size
    shares = tf.constant(_shares(batch_size, len(images), replicas, parts if replicas > 1 else 1)[list(own)])
    if isinstance(images, Crops):
        return _crop_batches(images, batch_size, range(initial_epoch * steps, epochs * steps), shares), steps
    rows = _rows(images)
    targets, graph = (None if part is None else tf.constant(part) for part in (labels, neighbours))

    def batch(number):
        step, share = number // len(own), shares[number % len(own)]
        epoch, indices = step // steps, share + step % steps * batch_size
        if keep_last:
            indices = indices[indices < len(images)]
        chosen = tf.random.experimental.index_shuffle(indices, _key(seed, epoch), max_index=len(images) - 1)
        if graph is not None:
            draws = tf.random.stateless_uniform([batch_size], _key(seed, step), maxval=graph.shape[1], dtype=tf.int32)
            return rows(chosen), rows(tf.gather(tf.gather(graph, chosen), tf.gather(draws, share), batch_dims=1))
        return rows(chosen) if targets is None else (rows(chosen), tf.gather(targets, chosen))

    numbers = tf.data.Dataset.range(initial_epoch * steps * len(own), epochs * steps * len(own))
    return numbers.map(batch, num_parallel_calls=1, deterministic=True).prefetch(tf.data.AUTOTUNE), steps


def _crop_batches(crops: Crops, batch_size: int, steps: range, shares: tf.Tensor):
    """Batches of crops, each a function of the seed and of the step's number."""
    parts = 2 if crops.jpeg else 1

    def batch(number):
        numbers = number // len(shares) * batch_size + tf.cast(tf.gather(shares, number % len(shares)), tf.int64)
        drawn = tf.numpy_function(crops.drawn, [numbers], parts * [tf.uint8], stateful=False)
        drawn = [tf.ensure_shape(part, [shares.shape[1], *crops.crop]) for part in drawn]
        drawn = [tf.cast(part, tf.float32) / 255.0 for part in drawn]
        return tuple(drawn) if parts > 1 else drawn[0]

    numbers = tf.data.Dataset.range(steps.start * len(shares), steps.stop * len(shares))
    return numbers.map(batch, num_parallel_calls=1, deterministic=True).prefetch(tf.data.AUTOTUNE)


def _key(seed: int, number):
    """Of what is drawn in an epoch, or a step."""
    return tf.stack([tf.constant(seed, tf.int64), number])


def _shares(batch_size: int, number: int, replicas: int, parts: int) -> np.ndarray:
    """Of each replica, which of a batch's examples are its own, ``(replicas, batch_size / replicas)``."""
    if batch_size > number:
        raise ValueError(f"batch_size must be at most the number of training images: {batch_size} > {number}.")
    if batch_size % (replicas * parts):
        raise ValueError(
            f"batch_size must be a multiple of {replicas * parts}, for {replicas} replicas to have equal shares of "
            f"{parts} parts: received {batch_size}."
        )
    return np.arange(batch_size).reshape(parts, replicas, -1).swapaxes(0, 1).reshape(replicas, -1)


def _rows(images: np.ndarray):
    """What gives the rows of some indices, as a batch has them: in [0, 1] of uint8, in [−1, 1] of int16."""
    taken, steps = _taken(images), {np.uint8: 255.0, np.int16: 32768.0}.get(images.dtype.type)
    dtype = tf.int32 if images.dtype == np.int32 else tf.float32

    def rows(chosen):
        pixels = tf.cast(taken(chosen), dtype)
        return pixels / steps if steps else pixels

    return rows


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
