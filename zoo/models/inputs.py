"""What models look at before they compute: shapes, types and values of examples, targets and weights."""

import types
from collections.abc import Mapping

import keras
import numpy as np
from keras import ops

from zoo import backend

MARGIN = 1e-3  # beyond a range, for rounding; values of another scale lie further out


class Bounds:
    """What floating-point values of an argument are to lie in, and the message about others.

    Args:
        name: of the argument.
        value_range: ``(low, high)``.
        margin: how far beyond values may lie.
    """

    def __init__(self, name: str, value_range: tuple[float, float] = (0, 1), margin: float = MARGIN):
        low, high = value_range
        self.name, self.expected = name, f"[{low}, {high}]"
        self.lowest, self.highest = low - margin, high + margin
        self.how = "divide 8-bit images by 255" if low == 0 else "divide 16-bit samples by 32768"

    @property
    def message(self) -> str:
        """About values out of bounds, with ``{}`` for the smallest and the largest."""
        return f"{self.name} must be in {self.expected}: received values from {{}} to {{}}; {self.how}."

    def check(self, values: np.ndarray) -> None:
        """Raises ValueError if one lies outside, or is NaN."""
        smallest, largest = float(values.min()), float(values.max())
        if not (self.lowest <= smallest and largest <= self.highest):
            raise ValueError(self.message.format(f"{smallest:g}", f"{largest:g}"))


def bounds_of(model, name: str) -> Bounds | None:
    """Of an argument that holds a model's examples; None where they are integers."""
    value_range = getattr(model, "value_range", (0, 1))
    return value_range and Bounds(name, value_range, getattr(model, "margin", MARGIN))


def check_divisible(image_shape: tuple[int, int, int], factor: int) -> None:
    """Checks the size of images that a model halves and doubles.

    Args:
        image_shape: ``(height, width, channels)``.
        factor: that height and width are multiples of.

    Raises:
        ValueError: if one is not, with the nearest size that is.
    """
    height, width, channels = image_shape
    if height % factor or width % factor:
        nearest = tuple(max(factor, round(side / factor) * factor) for side in (height, width))
        raise ValueError(
            f"image_shape must have a height and width divisible by {factor}: received {tuple(image_shape)}; the "
            f"nearest is {(*nearest, channels)}."
        )


def refuse(reasons: Mapping[str, str], **given) -> None:
    """Refuses arguments that a model does not count, where they are given.

    Args:
        reasons: name of an argument → why it is left out.
        given: arguments; None is none.

    Raises:
        ValueError: naming the first of them, and the reason.
    """
    for name, value in given.items():
        if value is not None and name in reasons:
            raise ValueError(f"{name} must be left out: {reasons[name]}.")


def mean(values, sample_weight=None):
    """The mean over a batch ``(b,)``, each example counted by its weight as Keras does: ``Σ wᵢ · valueᵢ / b``.

    Raises:
        ValueError: if the weights are not one number an example.
    """
    if sample_weight is None:
        return ops.mean(values)
    return ops.mean(values * ops.cast(one_an_example(sample_weight), values.dtype))


def one_an_example(sample_weight):
    """Weights ``(b,)``, of ``(b,)`` or ``(b, 1)``; raises ValueError for others."""
    sample_weight = ops.convert_to_tensor(sample_weight)
    if any(size != 1 for size in sample_weight.shape[1:]):
        raise ValueError(
            f"sample_weight must be one number an example, (n,): received the shape {tuple(sample_weight.shape)}."
        )
    return ops.reshape(sample_weight, (-1,))


def checked_examples(x, example_shape, dtype, bounds: Bounds, name="x", stride: int | None = None, values=True):
    """``x`` as a tensor of ``dtype``; None for its own.

    With a ``stride``, images may have any height and width that are multiples of it; without ``values``, these are not
    looked at.

    Raises:
        ValueError: if it is not ``(batch, *example_shape)``, not floating-point, or its values are at hand, not those
            of a graph, and lie out of bounds.
    """
    if stride is not None:
        sides = tuple(x.shape[1:-1])
        if len(x.shape) != 4 or x.shape[-1] != example_shape[-1] or any(n is not None and n % stride for n in sides):
            raise ValueError(
                f"{name} must have the shape (batch, height, width, {example_shape[-1]}), sides multiples of {stride}: "
                f"received {tuple(x.shape)}."
            )
    elif tuple(x.shape[1:]) != example_shape:
        raise ValueError(
            f"{name} must have the shape (batch, {', '.join(map(str, example_shape))}): received {tuple(x.shape)}."
        )
    if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(x.dtype)):
        raise ValueError(f"{name} must be floating-point in {bounds.expected}: received {x.dtype}; {bounds.how}.")
    if values and (found := at_hand(x)) is not None and found.size:
        bounds.check(found)
    return ops.convert_to_tensor(x, dtype=dtype)


def check_examples(name: str, examples: np.ndarray, batch_size: int | None, bounds: Bounds | None = None) -> None:
    """Looks an array ``(n, ...)`` through before it is computed with.

    Args:
        batch_size: examples a step, for the message; None where there are no steps.
        bounds: of its values; None for any.

    Raises:
        ValueError: if it is empty, holds NaN or infinity, or values out of bounds.
    """
    if not len(examples):
        raise ValueError(f"{name} must hold at least one example: received the shape {examples.shape}.")
    if not keras.backend.is_float_dtype(examples.dtype.name):
        return
    smallest, largest = float(examples.min()), float(examples.max())
    if not np.isfinite([smallest, largest]).all():
        finite = np.isfinite(examples).reshape(len(examples), -1).all(axis=1)
        index = int(finite.argmin())
        step = f", which is in step {index // batch_size + 1} where the order is not shuffled" if batch_size else ""
        raise ValueError(f"{name} must be finite: received NaN or infinity in example {index}{step}.")
    if bounds is not None:
        bounds.check(np.array([smallest, largest]))


def checked_source(source, bounds, batch_size: int | None = None):
    """A source of examples for Keras that is looked through: an array at once, others batch by batch.

    Args:
        source: as ``x`` of ``keras.Model.fit``: an array, a ``tf.data.Dataset``, a ``PyDataset`` or a generator; others
            are returned as they are.
        bounds: of the parts of a batch, ``Bounds`` or None each; of an array the first.
        batch_size: examples a step, for the message.
    """
    if (values := at_hand(source)) is not None:
        if values.ndim:
            check_examples(bounds[0].name if bounds[0] else "x", values, batch_size, bounds[0])
    elif not any(bounds):
        pass
    elif backend.is_dataset(source):
        return backend.within(source, [limits and (limits.lowest, limits.highest, limits.message) for limits in bounds])
    elif isinstance(source, keras.utils.PyDataset):
        return _CheckedDataset(source, bounds)
    elif isinstance(source, types.GeneratorType):
        return (_checked_batch(batch, bounds) for batch in source)
    return source


class _CheckedDataset(keras.utils.PyDataset):
    """Another dataset, each batch of which is looked at."""

    def __init__(self, source: keras.utils.PyDataset, bounds):
        super().__init__(source.workers, source.use_multiprocessing, source.max_queue_size)
        self.source, self.bounds = source, bounds

    @property
    def num_batches(self):
        return self.source.num_batches

    def __getitem__(self, index):
        return _checked_batch(self.source[index], self.bounds)

    def on_epoch_begin(self):
        self.source.on_epoch_begin()

    def on_epoch_end(self):
        self.source.on_epoch_end()


def _checked_batch(batch, bounds):
    parts = batch if isinstance(batch, (tuple, list)) else (batch,)
    for part, limits in zip(parts, bounds, strict=False):
        if limits is not None and (values := at_hand(part)) is not None and values.size:
            check_examples(limits.name, values, None, limits)
    return batch


def at_hand(x) -> np.ndarray | None:
    """The values of an array or an eager tensor; None of what is still to be computed, or is neither."""
    return backend.array_of(x)
