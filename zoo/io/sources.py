"""Pictures that are not yet read, and what is taken of them."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np


@dataclasses.dataclass(frozen=True)
class Take:
    """What is taken of a picture; what is not is said in ``Source.changes``, or the picture is refused.

    Attributes:
        exact: whether a picture that would be changed is refused; its colour profile is then kept, and else converted
            to sRGB.
        alpha: ``keep`` an alpha channel beside the colours, ``drop`` it, or ``refuse`` pictures with one. One that is
            opaque everywhere says nothing, and is left out.
        frames: whether all frames or pages of a file are pictures; else the first is.
        channels: whether arrays may have any number of channels; else 1 or 3.
        depth: bits that a level may have: 8, or 16 where the file has them.
    """

    exact: bool = False
    alpha: str = "drop"
    frames: bool = False
    channels: bool = False
    depth: int = 8


PIXELS = Take()  # of 8 bits, grey or in colour, as networks take them


@dataclasses.dataclass(frozen=True)
class Source:
    """One input: ``count`` pictures of one shape, not yet read.

    Attributes:
        name: without extension, unique among the inputs.
        count: number of pictures.
        shape: ``(height, width, channels)`` of each.
        axes: number of axes of the array that the input holds.
        read: ``read(start, stop)`` gives pictures as uint8, or uint16 of 16 bits, ``(stop - start, height, width,
            channels)``.
        changes: what the file holds and these pictures do not, such as ``16 bits made 8``; empty for nothing.
        depth: bits of a level.
        profile: the ICC colour profile that the pictures keep; empty for none.
    """

    name: str
    count: int
    shape: tuple[int, int, int]
    axes: int
    read: Callable[[int, int], np.ndarray]
    changes: tuple[str, ...] = ()
    depth: int = 8
    profile: bytes = b""

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """All pictures in their order, at most ``size`` at a time."""
        for start in range(0, self.count, size):
            yield self.read(start, min(start + size, self.count))
