"""What a coder is: the contract between a trained model's networks and tables, and the container."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from zoo import artifacts
from zoo.codec.format.header import Probe

Advance = Callable[[float], None]
"""Hears which part of a chunk is done, from 0 to 1."""


class Coder(Protocol):
    """Turns the content of a chunk into words of 32 bits, and back.

    It is made of an artefact alone. It holds no state between chunks, so that threads may share it.

    Attributes:
        tables_file: file of the artefact with its tables; the digest of that file is the model's fingerprint.
        offers: which of ``tables``, ``encode``, ``decode`` and ``compact`` of ``Codec`` it has.
        lossless: whether the content comes back exactly; each chunk may then be coded otherwise.
        depths: bits of the levels that it takes: 8, or 8 and 16.
        qualities: the lowest, the default and the highest that ``at`` takes; None where there is no choice.
        tile: ``(height, width)`` of its unit, which has one channel; ``(height, width, 3)`` of one that has all three
            of a colour picture. Width 0 stands for strips: as many rows of a whole picture, in all channels
            (``StripCoder``).
        tiles_per_chunk: units of a chunk.
        probe: what networks that decide symbols have to give where a file is restored; None where none does.
    """

    tables_file: ClassVar[str]
    offers: ClassVar[frozenset[str]]
    lossless: ClassVar[bool]
    depths: ClassVar[tuple[int, ...]]
    qualities: ClassVar[tuple[float, float, float] | None]
    tiles_per_chunk: int
    tile: tuple[int, ...]
    probe: Probe | None

    def __init__(self, artifact: artifacts.Artifact): ...

    def most_words(self, count: int, size: int) -> int:
        """The most words that ``count`` units of ``size`` samples can take; more are refused unread."""
        ...

    def least_words(self, count: int, size: int, coded: bool) -> float:
        """The fewest words that ``count`` units of ``size`` samples are accepted in, so few bytes do not buy much work.

        Args:
            count, size: of the units, and of the samples in them.
            coded: whether the chunk says how it is coded, so that the writer had a choice.
        """
        ...

    def estimated_words(self, content: Any) -> float:
        """About how many words a content takes; asked of lossless coders alone, which may code a chunk otherwise."""
        ...

    def pack(self, content: Any, advance: Advance | None = None) -> np.ndarray:
        """Uint32 words of a chunk's content, as the medium cuts it: an array of tiles, or a ``Strip``."""
        ...

    def unpack(self, words: np.ndarray, count: int, sizes: np.ndarray, advance: Advance | None = None) -> Any:
        """The units that words stand for.

        Args:
            words: uint32.
            count: of the units.
            sizes: samples of each, int64 ``(count,)``; of a strip, its height, width and channels, ``(3,)``.
            advance: see ``Advance``.

        Raises:
            CodecError: if they are not those of such units.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Strip:
    """Rows of a whole picture, with those around them that the coder asks for.

    Attributes:
        pixels: uint8 or uint16 ``(above + height + below, width, channels)``.
        above, below: rows around the strip's own; fewer than ``StripCoder.halo`` at the picture's edges.
    """

    pixels: np.ndarray
    above: int = 0
    below: int = 0

    @property
    def own(self) -> np.ndarray:
        """The strip's own rows, ``(height, width, channels)``."""
        return self.pixels[self.above : len(self.pixels) - self.below]

    def __len__(self) -> int:
        return 1


class StripCoder(Coder, Protocol):
    """A coder of pictures of any size, strip by strip: ``tile`` is ``(rows of a strip, 0)``, ``tiles_per_chunk`` 1.

    Each strip has a stream of words of its own, so that strips are coded in parallel and one is found without the
    others. What ``unpack`` gives are pixels of a lossless coder, and of a lossy one whatever ``render`` takes.

    Attributes:
        halo: rows of the picture above and below a strip that ``pack`` sees, so that no seam shows.
    """

    halo: int

    def at(self, quality: float) -> Self:
        """The coder at a quality from ``qualities``; not asked where these are None."""
        ...

    def render(self, before: Any, strip: Any, after: Any, shape: tuple[int, int, int], depth: int) -> np.ndarray:
        """The pixels of a strip; not asked of lossless coders.

        Args:
            before, strip, after: what ``unpack`` gave of the strip and its neighbours; None beyond the picture's edges.
            shape: ``(height, width, channels)`` of the strip.
            depth: bits of a level.

        Returns:
            uint8, or uint16 of 16 bits, of that shape.
        """
        ...
