"""Max pooling that keeps its switches, and unpooling.

Built from strided slices, comparisons, selections, concatenations and reshapes: ``argmax`` and one-hot encodings
would need operators that LiteRT or LiteRT Micro lack.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.backend import Tensor


@keras.saving.register_keras_serializable("zoo")
class MaxPoolWithSwitches2D(keras.layers.Layer):
    """Max pooling, and where in its window each maximum was.

    A switch is the position of the maximum in its window, row by row: ``row·pool_width + column``. The first of
    equal maxima wins, and it alone gets the gradient. ``padding="valid"`` drops the rows and columns that fill no
    window, as PyTorch's ``MaxPool2d(pool_size, return_indices=True)`` does. ``padding="same"`` completes the windows
    as Keras does, with ``missing // 2`` rows and columns before the image and the others after it, which never win;
    PyTorch's ``ceil_mode=True`` would put all of them after it.

    The switch s of window (i, j) is PyTorch's flat index ``row·width + column`` of the input, where
    ``row = i·pool_height + s // pool_width − top`` and ``column = j·pool_width + s % pool_width − left``; top and
    left are the rows and columns put before the image.

    Args:
        pool_size: height and width of the windows, a positive integer for both or a pair.
        padding: ``valid`` or ``same``.
        strides: None or the same as ``pool_size``; windows that overlap could not be unpooled.

    Call arguments:
        x: ``(batch, height, width, channels)``, of fixed height and width.

    Returns:
        The pair ``(pooled, switches)``, both ``(batch, pooled_height, pooled_width, channels)``; switches are int32.

    Raises:
        ValueError: if an argument is none of these, or the input's size is not fixed or fills no window.

    References:
        Zeiler & Fergus 2014, "Visualizing and Understanding Convolutional Networks", §2.1.

    Examples:
        >>> import numpy as np
        >>> from zoo import layers
        >>> x = np.array([[1, 2, 0, 0], [3, 0, 0, 9]], "float32").reshape(1, 2, 4, 1)
        >>> pooled, switches = layers.MaxPoolWithSwitches2D(2)(x)
        >>> np.ravel(pooled).tolist(), np.ravel(switches).tolist()
        ([3.0, 9.0], [2, 3])
    """

    def __init__(
        self,
        pool_size: int | tuple[int, int] = 2,
        padding: str = "valid",
        *,
        strides: int | tuple[int, int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = _pair("pool_size", pool_size)
        if padding not in ("valid", "same"):
            raise ValueError(f"padding must be valid or same: received {padding!r}.")
        if strides is not None and _pair("strides", strides) != self.pool_size:
            raise ValueError(f"strides must equal pool_size, {self.pool_size}: received {strides!r}.")
        self.padding = padding
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        (_, height, width, _), (_, rows, columns, _) = x.shape, self.compute_output_shape(x.shape)[0]
        pool_height, pool_width = self.pool_size
        x, top = _completed(x, 1, rows * pool_height - height)
        x, left = _completed(x, 2, columns * pool_width - width)
        pooled = switches = None
        for row in range(pool_height):
            for column in range(pool_width):
                values = x[:, row : rows * pool_height : pool_height, column : columns * pool_width : pool_width, :]
                position = row * pool_width + column
                if top or left:
                    # What completes a window copies the image's edge. Where a copy comes before its original, the
                    # original's position stands for both, and so the order of first maxima is the image's own.
                    true_rows, true_columns = np.full((rows, 1, 1), row), np.full((columns, 1), column)
                    true_rows[0], true_columns[0] = max(row, top), max(column, left)
                    position = (true_rows * pool_width + true_columns).astype("int32")
                if pooled is None:
                    pooled, switches = values, ops.zeros_like(values, dtype="int32") + position
                else:
                    # The last position to exceed all before it is the largest such: a maximum, because LiteRT Micro
                    # selects between floats and int8 only. Of equal values, `maximum` gives its first the gradient.
                    switches = ops.maximum(switches, ops.cast(values > pooled, "int32") * position)
                    pooled = ops.maximum(pooled, values)
        return pooled, switches

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        batch, *size, channels = input_shape
        if None in size:
            raise ValueError(f"{type(self).__name__} needs a fixed height and width: received {tuple(input_shape)}.")
        up = 1 if self.padding == "same" else 0
        pooled = [(n + up * (pool - 1)) // pool for n, pool in zip(size, self.pool_size, strict=True)]
        if 0 in pooled:
            raise ValueError(f"pool_size must be at most the input's size, {tuple(size)}: received {self.pool_size}.")
        return (batch, *pooled, channels), (batch, *pooled, channels)

    def compute_output_spec(self, x: Tensor) -> Any:
        shape, _ = self.compute_output_shape(x.shape)
        return keras.KerasTensor(shape, self.compute_dtype), keras.KerasTensor(shape, "int32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pool_size": self.pool_size, "padding": self.padding}


@keras.saving.register_keras_serializable("zoo")
class MaxUnpool2D(keras.layers.Layer):
    """Puts every value where its switch says and zeros elsewhere: PyTorch's ``MaxUnpool2d``.

    Args:
        pool_size: as of the ``MaxPoolWithSwitches2D`` that made the switches.
        output_size: height and width of that layer's input; None where they are multiples of ``pool_size``. A size
            above ``pooled·pool_size`` is taken for one that ``padding="valid"`` cut, one below it for one that
            ``padding="same"`` completed.

    Call arguments:
        inputs: the pair ``(pooled, switches)``, both ``(batch, pooled_height, pooled_width, channels)``, of fixed
            height and width; switches are integers.

    Returns:
        ``(batch, height, width, channels)``.

    Raises:
        ValueError: if ``output_size`` cannot be pooled to the input's size, the pair's shapes differ, or the
            switches are not integers.

    References:
        Zeiler & Fergus 2014, "Visualizing and Understanding Convolutional Networks", §2.1.

    Examples:
        >>> import numpy as np
        >>> from zoo import layers
        >>> pooled, switches = np.array([[[[3.0], [9.0]]]], "float32"), np.array([[[[2], [3]]]])
        >>> np.squeeze(layers.MaxUnpool2D(2)([pooled, switches])).tolist()
        [[0.0, 0.0, 0.0, 0.0], [3.0, 0.0, 0.0, 9.0]]
    """

    def __init__(
        self, pool_size: int | tuple[int, int] = 2, output_size: tuple[int, int] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = _pair("pool_size", pool_size)
        self.output_size = None if output_size is None else _pair("output_size", output_size)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        pooled, switches = inputs
        dtype = keras.backend.standardize_dtype(switches.dtype)
        if not keras.backend.is_int_dtype(dtype):
            raise ValueError(f"switches must be integers: received {dtype}.")
        _, height, width, _ = self.compute_output_shape((pooled.shape, switches.shape))
        pool_height, pool_width = self.pool_size
        zero = ops.cast(0, pooled.dtype)
        unpooled = _interleaved(
            [
                [
                    ops.where(ops.equal(switches, row * pool_width + column), pooled, zero)
                    for column in range(pool_width)
                ]
                for row in range(pool_height)
            ]
        )
        for axis, size in ((1, height), (2, width)):
            excess = unpooled.shape[axis] - size
            if excess < 0:
                unpooled = ops.pad(unpooled, [(0, -excess if axis == at else 0) for at in range(4)])
            elif excess > 0:
                before = excess // 2
                kept = slice(before, before + size)
                unpooled = unpooled[:, kept] if axis == 1 else unpooled[:, :, kept]
        return unpooled

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        pooled, switches = (tuple(shape) for shape in input_shape)
        if pooled[1:] != switches[1:]:
            raise ValueError(f"switches must have the shape of pooled: expected {pooled}, received {switches}.")
        batch, *size, channels = pooled
        whole = _grown(self, size)
        if self.output_size is None:
            return (batch, *whole, channels)
        for n, full, pool in zip(self.output_size, whole, self.pool_size, strict=True):
            if not full - pool < n < full + pool:
                raise ValueError(
                    f"output_size must differ from {whole} by less than pool_size, {self.pool_size}: "
                    f"received {self.output_size}."
                )
        return (batch, *self.output_size, channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pool_size": self.pool_size, "output_size": self.output_size}


@keras.saving.register_keras_serializable("zoo")
class FixedUnpool2D(keras.layers.Layer):
    """Puts every value at one fixed position of its window and zeros elsewhere.

    Args:
        pool_size: height and width of the windows, a positive integer for both or a pair.
        position: row and column in the window.

    Call arguments:
        x: ``(batch, height, width, channels)``, of fixed height and width.

    Returns:
        ``(batch, height·pool_height, width·pool_width, channels)``.

    Raises:
        ValueError: if ``position`` is outside the window.

    References:
        Dosovitskiy et al. 2015, "Learning to Generate Chairs with Convolutional Neural Networks", §3.2.

    Examples:
        >>> import numpy as np
        >>> from zoo import layers
        >>> x = np.array([[[[3.0], [9.0]]]], "float32")
        >>> np.squeeze(layers.FixedUnpool2D(2, position=(0, 1))(x)).tolist()
        [[0.0, 3.0, 0.0, 9.0], [0.0, 0.0, 0.0, 0.0]]
    """

    def __init__(
        self, pool_size: int | tuple[int, int] = 2, position: str | tuple[int, int] = (0, 0), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = _pair("pool_size", pool_size)
        inside = {(row, column) for row in range(self.pool_size[0]) for column in range(self.pool_size[1])}
        if not isinstance(position, (tuple, list)) or tuple(position) not in inside:
            raise ValueError(f"position must be a row and a column within {self.pool_size}: received {position!r}.")
        self.position = tuple(position)
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        self.compute_output_shape(x.shape)
        pool_height, pool_width = self.pool_size
        zeros = ops.zeros_like(x)
        return _interleaved(
            [
                [x if (row, column) == self.position else zeros for column in range(pool_width)]
                for row in range(pool_height)
            ]
        )

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        batch, *size, channels = input_shape
        return (batch, *_grown(self, size), channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pool_size": self.pool_size, "position": self.position}


@keras.saving.register_keras_serializable("zoo")
class NearestUnpool2D(keras.layers.Layer):
    """Repeats every value over its window.

    Args:
        pool_size: height and width of the windows, a positive integer for both or a pair.

    Call arguments:
        x: ``(batch, height, width, channels)``, of fixed height and width.

    Returns:
        ``(batch, height·pool_height, width·pool_width, channels)``.

    Examples:
        >>> import numpy as np
        >>> from zoo import layers
        >>> x = np.array([[[[3.0], [9.0]]]], "float32")
        >>> np.squeeze(layers.NearestUnpool2D((1, 2))(x)).tolist()
        [3.0, 3.0, 9.0, 9.0]
    """

    def __init__(self, pool_size: int | tuple[int, int] = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pool_size = _pair("pool_size", pool_size)
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        self.compute_output_shape(x.shape)
        pool_height, pool_width = self.pool_size
        return _interleaved([[x] * pool_width] * pool_height)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        batch, *size, channels = input_shape
        return (batch, *_grown(self, size), channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pool_size": self.pool_size}


def _pair(name: str, value) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in pair):
        raise ValueError(f"{name} must be a positive integer or a pair of them: received {value!r}.")
    return pair


def _grown(layer, size) -> tuple[int, ...]:
    if None in size:
        raise ValueError(f"{type(layer).__name__} needs a fixed height and width: received {tuple(size)}.")
    return tuple(n * pool for n, pool in zip(size, layer.pool_size, strict=True))


def _completed(x, axis: int, missing: int):
    """``x`` with ``missing`` copies of its edges along an axis, cut where negative; and how many stand before it.

    Copies, because a constant below all values would spoil the range of int8.
    """
    if missing <= 0:
        return x, 0  # the slices of the windows leave the rest out
    first, last = (x[:, :1], x[:, -1:]) if axis == 1 else (x[:, :, :1], x[:, :, -1:])
    before = missing // 2
    return ops.concatenate([first] * before + [x] + [last] * (missing - before), axis), before


def _interleaved(windows):
    """The image whose pixel (i·m + row, j·n + column) is pixel (i, j) of ``windows[row][column]``, m rows of n."""
    _, height, width, channels = windows[0][0].shape
    grown = (-1, height, width * len(windows[0]), channels)
    rows = [ops.reshape(ops.concatenate(row, axis=-1), grown) for row in windows]
    return ops.reshape(ops.concatenate(rows, axis=2), (-1, height * len(rows), *grown[2:]))
