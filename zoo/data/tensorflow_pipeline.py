"""``zoo.data.pipeline`` by ``tf.data``."""

import numpy as np
import tensorflow as tf

from zoo.data.packed import gathered, is_mapped
from zoo.data.photographs import Crops


def training_batches(
    images, batch_size, steps, shares, *, epochs, initial_epoch, seed, labels, neighbours, keep_last
) -> tf.data.Dataset:
    """See ``zoo.data.training_batches``: of each batch the shares, ``(own, examples)``, one after the other."""
    shares = tf.constant(shares)  # (own, examples)
    if isinstance(images, Crops):
        return _crop_batches(images, batch_size, range(initial_epoch * steps, epochs * steps), shares)
    rows = _rows(images)
    targets, graph = (None if part is None else tf.constant(part) for part in (labels, neighbours))

    def batch(number):
        step, share = number // len(shares), shares[number % len(shares)]
        epoch, indices = step // steps, share + step % steps * batch_size
        if keep_last:
            indices = indices[indices < len(images)]
        chosen = tf.random.experimental.index_shuffle(indices, _key(seed, epoch), max_index=len(images) - 1)
        if graph is not None:
            draws = tf.random.stateless_uniform([batch_size], _key(seed, step), maxval=graph.shape[1], dtype=tf.int32)
            return rows(chosen), rows(tf.gather(tf.gather(graph, chosen), tf.gather(draws, share), batch_dims=1))
        return rows(chosen) if targets is None else (rows(chosen), tf.gather(targets, chosen))

    numbers = tf.data.Dataset.range(initial_epoch * steps * len(shares), epochs * steps * len(shares))
    return numbers.map(batch, num_parallel_calls=1, deterministic=True).prefetch(tf.data.AUTOTUNE)


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


def _rows(images: np.ndarray):
    """What gives the rows of some indices, as a batch has them: in [0, 1] of uint8, in [−1, 1] of int16."""
    taken, steps = _taken(images), {np.uint8: 255.0, np.int16: 32768.0}.get(images.dtype.type)
    dtype = tf.int32 if images.dtype == np.int32 else tf.float32

    def rows(chosen):
        pixels = tf.cast(taken(chosen), dtype)
        return pixels / steps if steps else pixels

    return rows


def ordered_batches(images: np.ndarray, batch_size: int, labels: np.ndarray | None = None):
    """See ``zoo.data.ordered_batches``."""
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
