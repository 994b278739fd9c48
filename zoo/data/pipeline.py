"""Batches for training, in an order that a resumed run continues exactly.

With TensorFlow by ``tf.data``, in ``zoo.data.tensorflow_pipeline``; else by NumPy, in an order of its own.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from zoo.data.packed import gathered, is_mapped
from zoo.data.photographs import Crops

_UNITS = {np.uint8: np.float32(255), np.int16: np.float32(32768)}


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
    as_targets: bool = False,
) -> tuple[Any, int]:
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
        as_targets: whether each example comes with itself, as the target of its batch.
        keep_last: whether an epoch ends with a batch of the examples that are left; of one replica, without neighbours.

    Returns:
        Float32 batches, in [0, 1] where the images were uint8 and in [−1, 1] where they were int16, or such batches and
        their labels or neighbours, as a ``tf.data.Dataset``, or as a ``PyDataset`` where TensorFlow is not Keras'
        backend; and the number of batches an epoch.

    Raises:
        ValueError: for fewer images than a batch, a batch without equal shares, or both labels and neighbours.
    """
    if labels is not None and neighbours is not None:
        raise ValueError("labels and neighbours were both given: a batch has room for one of them.")
    steps = -(-len(images) // batch_size) if keep_last else len(images) // batch_size
    shares = _shares(batch_size, len(images), replicas, parts if replicas > 1 else 1)[list(own)]
    chosen = {"labels": labels, "neighbours": neighbours, "keep_last": keep_last}
    if keras.backend.backend() == "tensorflow":
        from zoo.data import tensorflow_pipeline

        options = {"epochs": epochs, "initial_epoch": initial_epoch, "seed": seed, **chosen}
        batches = tensorflow_pipeline.training_batches(images, batch_size, steps, shares, **options)
        return (batches.map(lambda x: (x, x)) if as_targets else batches), steps
    batch = (
        _crops(images, batch_size) if isinstance(images, Crops) else _rows(images, batch_size, steps, seed, **chosen)
    )
    first = initial_epoch * steps

    def one(number):
        found = batch(first + number)
        return (found, found) if as_targets else found

    return Batches((epochs - initial_epoch) * steps, one), steps


class Batches(keras.utils.PyDataset):
    """Batches that are made as they are asked for.

    Args:
        number: how many there are.
        make: number from 0 → batch.
    """

    def __init__(self, number: int, make: Callable[[int], Any]):
        super().__init__()
        self.number, self.make = number, make

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, index):
        if not 0 <= index < self.number:
            raise IndexError(index)
        return self.make(index)


def _crops(crops: Crops, batch_size: int) -> Callable[[int], Any]:
    """Batches of crops, each a function of the seed and of the step's number."""

    def batch(step):
        drawn = crops.drawn(np.arange(step * batch_size, (step + 1) * batch_size))
        drawn = [_unit(part) for part in (drawn if isinstance(drawn, (tuple, list)) else (drawn,))]
        return tuple(drawn) if len(drawn) > 1 else drawn[0]

    return batch


def _rows(images, batch_size, steps, seed, labels, neighbours, keep_last) -> Callable[[int], Any]:
    """Batches of rows, each epoch's in an order that is a function of the seed and of its number."""
    order = _Order(seed, len(images))

    def batch(step):
        epoch, place = divmod(step, steps)
        chosen = order.of(epoch)[place * batch_size : (place + 1) * batch_size]
        if neighbours is not None:
            draws = np.random.default_rng((seed, step, 1)).integers(neighbours.shape[1], size=len(chosen))
            return _taken(images, chosen), _taken(images, neighbours[chosen, draws])
        return _taken(images, chosen) if labels is None else (_taken(images, chosen), labels[chosen])

    return batch


class _Order:
    """The order of n examples in an epoch; the last that was asked for is kept."""

    def __init__(self, seed: int, number: int):
        self.seed, self.number, self.epoch = seed, number, -1

    def of(self, epoch: int) -> np.ndarray:
        if epoch != self.epoch:
            self.epoch, self.order = epoch, np.random.default_rng((self.seed, epoch)).permutation(self.number)
        return self.order


def _taken(images: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return _unit(gathered(images, chosen) if is_mapped(images) else images[chosen])


def _unit(rows: np.ndarray) -> np.ndarray:
    """As a batch has them: in [0, 1] of uint8, in [−1, 1] of int16, and float32 but of int32."""
    if rows.dtype == np.int32:
        return rows
    unit = _UNITS.get(rows.dtype.type)
    return rows.astype(np.float32) if unit is None else rows / unit


def ordered_batches(images: np.ndarray, batch_size: int, labels: np.ndarray | None = None) -> Any:
    """All examples once and in their order, in batches as those of ``training_batches``."""
    if keras.backend.backend() == "tensorflow":
        from zoo.data import tensorflow_pipeline

        return tensorflow_pipeline.ordered_batches(images, batch_size, labels)

    def batch(number):
        rows = np.arange(number * batch_size, min((number + 1) * batch_size, len(images)))
        return (_taken(images, rows),) if labels is None else (_taken(images, rows), labels[rows])

    return Batches(-(-len(images) // batch_size), batch)


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
