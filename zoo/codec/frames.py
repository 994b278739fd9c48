"""Signals of any length as overlapping frames of the model's length, each with a level, and back."""

from collections.abc import Iterable, Iterator

import numpy as np

LEVELS = 64  # loudness of a frame, in steps of 1.5 dB: 2 ** ((level - 63) / 4) of full scale is its 1
FULL_SCALE = 32768
DECAY_FRAMES = 8  # in which the loudness of late falls by a step
HEADROOM = 4  # steps that a level is above what its frame needs at most: noise of a pause takes fewer bits so
# The largest sample that each level takes.
PEAKS = np.floor(FULL_SCALE * 2.0 ** ((np.arange(LEVELS) - (LEVELS - 1)) / 4)).astype(np.int64)


def crossfade(length: int, overlap: int) -> np.ndarray:
    """The weights of a frame, float32 ``(length,)``: 1, but for a raised cosine over the overlap at both ends.

    The weights of two neighbours sum to 1 where they overlap (Allen & Rabiner 1977, "A Unified Approach to Short-Time
    Fourier Analysis and Synthesis": overlap-add).
    """
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(overlap) + 0.5) / max(overlap, 1))
    return np.concatenate([rise, np.ones(length - 2 * overlap), rise[::-1]]).astype(np.float32)


def scale_of(levels: np.ndarray) -> np.ndarray:
    """What a sample of 1 stands for at each level, in 16-bit samples, float32."""
    return np.float32(FULL_SCALE) * np.exp2((np.asarray(levels, np.float32) - (LEVELS - 1)) / 4)


def split(blocks: Iterable[np.ndarray], length: int, overlap: int) -> Iterator[np.ndarray]:
    """Cuts one signal into frames of ``length`` samples; each begins ``length − overlap`` after the one before.

    The first begins half an overlap before the signal, and the last reaches at least as far beyond its end; what lies
    outside is silent.

    Args:
        blocks: the signal, int16 ``(m,)``, in pieces of any length.
        length: of a frame.
        overlap: samples that two neighbours share, an even number.

    Yields:
        int16 ``(frames, length)``, some frames at a time; of n samples ⌈n / (length − overlap)⌉ in all.
    """
    hop, rest, total, done = length - overlap, np.zeros(overlap // 2, np.int16), 0, 0
    for block in blocks:
        total += len(block)
        rest = np.concatenate([rest, block])
        count = (len(rest) - overlap) // hop
        if count > 0:
            yield np.lib.stride_tricks.sliding_window_view(rest, length)[::hop][:count].copy()
            rest, done = rest[count * hop :], done + count
    left = -(-total // hop) - done
    if left > 0:
        rest = np.concatenate([rest, np.zeros(max(0, left * hop + overlap - len(rest)), np.int16)])
        yield np.lib.stride_tricks.sliding_window_view(rest, length)[::hop][:left].copy()


def levels_of(
    frames: np.ndarray, state: tuple[int, int] = (0, 0), headroom: int = HEADROOM
) -> tuple[np.ndarray, tuple[int, int]]:
    """The level of each frame: that of how loud the signal is of late, but near to what the frame needs.

    So it follows at once where a signal becomes silent or quiet: what the networks get wrong is a share of the frame's
    own loudness.

    Args:
        frames: int16 ``(n, length)``.
        state: what the frames before left, ``(0, 0)`` at the start of a signal.
        headroom: steps between a level and the lowest one that the frame's samples fit in, at most.

    Returns:
        Integers ``(n,)``, and the state after them.
    """
    needed = np.searchsorted(PEAKS, np.abs(frames.astype(np.int64)).max(axis=1)).clip(max=LEVELS - 1)
    late, held = state
    levels = np.empty(len(frames), np.int64)
    for at, lowest in enumerate(needed):
        held += 1
        if lowest >= late:
            late, held = int(lowest), 0
        elif held >= DECAY_FRAMES:
            late, held = late - 1, 0
        levels[at] = min(late, lowest + headroom)
    return levels, (late, held)


class OverlapAdd:
    """Fades frames, in their order, into one signal.

    Args:
        samples: length of the signal.
        length, overlap: as they were ``split`` by.
    """

    def __init__(self, samples: int, length: int, overlap: int):
        self._left, self._length, self._overlap = samples, length, overlap
        self._hop, self._window = length - overlap, crossfade(length, overlap)
        self._frames = -(-samples // self._hop)
        # Before the first frame there is none to fade from: it counts in full.
        self._sum, self._weight = np.zeros(overlap, np.float32), np.zeros(overlap, np.float32)
        self._skip = overlap // 2

    def add(self, frames: np.ndarray) -> np.ndarray:
        """Adds frames, float32 ``(n, length)``; returns the samples that they complete, int16 ``(m,)``."""
        count, hop, overlap = len(frames), self._hop, self._overlap
        total = np.zeros(count * hop + overlap, np.float32)
        weight = np.zeros_like(total)
        total[:overlap], weight[:overlap] = self._sum, self._weight
        for at, frame in enumerate(frames * self._window):
            total[at * hop : at * hop + self._length] += frame
            weight[at * hop : at * hop + self._length] += self._window
        self._sum, self._weight = total[count * hop :], weight[count * hop :]
        self._frames -= count
        # The last frame of the signal has none to fade into either.
        end = count * hop + (0 if self._frames else overlap)
        ready = (total[self._skip : end] / weight[self._skip : end])[: self._left]
        self._skip = 0
        self._left -= len(ready)
        return np.rint(ready).clip(-FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
