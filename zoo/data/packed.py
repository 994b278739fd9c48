"""Examples beside memory: packed into a file of the temporary folder, and mapped."""

import mmap
import tempfile

import numpy as np

IN_MEMORY = 1 << 28  # bytes of examples up to which they are kept in memory
ROWS = 4096  # copied at once


class Pack:
    """Examples of one shape and any number, written one after the other and then put in order.

    The file has no name: it goes when the last array of it does. ``TMPDIR`` says where the temporary folder is.

    Args:
        shape: of one example, which is uint8.
    """

    def __init__(self, shape: tuple[int, ...]):
        self.shape, self.count = tuple(shape), 0
        self._file = _file()

    def add(self, examples: np.ndarray) -> None:
        """Appends examples, uint8 ``(n, *shape)``; raises ValueError where the disk is full."""
        _write(self._file, examples)
        self.count += len(examples)

    def arranged(self, *orders: np.ndarray) -> list[np.ndarray]:
        """Read-only arrays ``(n, *shape)`` of the examples at each of several lists of n positions."""
        if not self.count:
            return [np.empty((0, *self.shape), np.uint8) for _ in orders]
        packed = _mapped(self._file, self.count, self.shape)
        if packed.nbytes <= IN_MEMORY:
            return [np.array(packed[order]) for order in orders]
        file = _file()
        for order in orders:
            for start in range(0, len(order), ROWS):
                _write(file, gathered(packed, order[start : start + ROWS]))
        whole = _mapped(file, sum(map(len, orders)), self.shape)
        ends = np.cumsum([len(order) for order in orders])
        return [whole[end - len(order) : end] for end, order in zip(ends, orders, strict=True)]


class Pictures:
    """Pictures of any size, written one after the other into such a file; each is read from it where it is asked for.

    Args:
        channels: of each.
    """

    def __init__(self, channels: int):
        self.shapes: list[tuple[int, int, int]] = []
        self._channels, self._file, self._starts, self._whole = channels, _file(), [0], None

    def __len__(self) -> int:
        return len(self.shapes)

    def add(self, picture: np.ndarray) -> None:
        """Appends a picture, uint8 ``(h, w, channels)``; raises ValueError where the disk is full."""
        _write(self._file, picture)
        self.shapes.append(picture.shape)
        self._starts.append(self._starts[-1] + picture.size)
        self._whole = None

    def __getitem__(self, index: int) -> np.ndarray:
        """A read-only picture, of which only what is copied is read."""
        if self._whole is None:
            self._whole = _mapped(self._file, self._starts[-1], ())
        return self._whole[self._starts[index] : self._starts[index + 1]].reshape(self.shapes[index])


def is_mapped(examples: np.ndarray) -> bool:
    """Whether an array lies in a file."""
    return isinstance(examples, np.memmap) and examples.base is not None


def gathered(examples: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """A copy of some examples. What is read of a file's is let go of: all of it would pile up in memory."""
    rows = np.array(examples[indices])
    base = examples
    while base is not None and not isinstance(base, mmap.mmap):
        base = getattr(base, "base", None)  # the last may be of another library
    if base is not None:
        base.madvise(mmap.MADV_DONTNEED)
    return rows


def _file():
    try:
        return tempfile.TemporaryFile(prefix="zoo-")
    except OSError as error:
        raise _full(error) from None


def _write(file, examples: np.ndarray) -> None:
    try:
        file.write(np.ascontiguousarray(examples, np.uint8).data)
    except OSError as error:
        raise _full(error) from None


def _full(error: OSError) -> ValueError:
    return ValueError(
        f"Cannot write examples to {tempfile.gettempdir()}: {error.strerror or error}. Set TMPDIR to a folder of a "
        "disk with more room."
    )


def _mapped(file, count: int, shape: tuple[int, ...]) -> np.memmap:
    try:
        file.flush()
    except OSError as error:
        raise _full(error) from None
    return np.memmap(file, np.uint8, "r", shape=(count, *shape))
