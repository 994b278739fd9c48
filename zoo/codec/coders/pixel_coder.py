"""Pictures to words without loss: each pixel by the distribution that integer networks give it.

Differs from bits-back coding in that nothing but integers decides a symbol, so that every machine restores every file.
"""

import numpy as np

from zoo import artifacts
from zoo.codec.coders.base import Advance, Strip
from zoo.codec.format.fields import CodecError
from zoo.codec.lattice import PLANES
from zoo.codec.pixels import MOST_VALUE, PixelTables, Planes, from_planes, to_planes

ROWS = 256  # of a strip
MOST_RATIO = 16  # of a strip's samples to its bytes, where it could be coded otherwise
SAMPLE_ROWS = 32  # of a strip, that show whether the model suits it
SAMPLE_COLUMNS = 512
BITS = 8  # of a level that is predicted; the rest is coded as it is


class PixelCoder:
    """What a pixel predictor does with strips.

    ::

        strip → bits above ``BITS``, as they are
              → three colours as luma and chroma; alpha and others each as a luma
              → planes, pass by pass: mean and scale → ANS → words

    Args:
        artifact: with ``pixels.npz``.
    """

    tables_file = "pixels.npz"
    offers: frozenset[str] = frozenset()
    lossless, depths, qualities, probe = True, (8, 16), None, None
    tile, tiles_per_chunk, halo = (ROWS, 0), 1, 0

    def __init__(self, artifact: artifacts.Artifact):
        self.tables = PixelTables.read(artifact.file("pixels.npz"))

    def most_words(self, count: int, size: int) -> int:
        """The most words that strips can take: a sample takes 24 bits, escaped 32 more, and what is not predicted 8."""
        return 2 * size + 4 * count

    def least_words(self, count: int, size: int, coded: bool) -> float:
        """The fewest words that strips of ``size`` samples are accepted in, so that few bytes do not buy much work."""
        return size / (4 * MOST_RATIO)

    def estimated_words(self, strip: Strip) -> float:
        """About how many words a strip takes, from some of its pixels."""
        pixels = strip.own
        height, width = (
            min(side, most) for side, most in zip(pixels.shape, (SAMPLE_ROWS, SAMPLE_COLUMNS), strict=False)
        )
        if 4 * height * width >= pixels.shape[0] * pixels.shape[1]:
            return 0
        top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
        some = pixels[top : top + height, left : left + width]
        return len(self.pack(Strip(some))) * pixels.size / some.size

    def pack(self, strip: Strip, advance: Advance | None = None) -> np.ndarray:
        """Uint32 words of a strip's own rows."""
        import constriction

        deep, pixels = strip.pixels.dtype == np.uint16, strip.own
        used = int(np.bitwise_or.reduce(pixels, axis=None))
        least = (used & -used).bit_length() - 1 if deep and used else 0
        rest = max(0, used.bit_length() - least - BITS)
        pixels = pixels.astype(np.int64) >> least
        coder, found = constriction.stream.stack.AnsCoder(), []
        for group in _groups(pixels.shape[2]):
            levels = pixels[..., group] >> rest
            planes = Planes(self.tables, *pixels.shape[:2])
            for values in to_planes(levels) if levels.shape[2] == PLANES else np.moveaxis(levels, -1, 0):
                for now, take in planes.passes():
                    new = values[now.places]
                    take(new)
                    found.append((new.astype(np.int16), now.means.astype(np.int16), now.scales.astype(np.uint8)))
                if advance:
                    advance((group.start + len(planes.known)) / (pixels.shape[2] + 1))
        if rest:
            coder.encode_reverse((pixels & (1 << rest) - 1).ravel().astype(np.int32), _uniform(rest))
        while found:
            self.tables.logistics.encode(coder, *(part.astype(np.int64) for part in found.pop()))
        head = np.array([least | rest << 4 | deep << 8], np.uint32)
        return np.concatenate([head, coder.get_compressed()])

    def unpack(self, words: np.ndarray, count: int, sizes: np.ndarray, advance: Advance | None = None) -> np.ndarray:
        """The strip, uint8 or uint16 ``(height, width, channels)``, that words stand for.

        Raises:
            CodecError: if they are not those of such a strip.
        """
        import constriction

        shape = height, width, channels = tuple(int(side) for side in sizes)
        head = int(words[0]) if len(words) else -1
        least, rest, deep = head & 15, head >> 4 & 15, head >> 8
        if not 0 <= deep <= 1 or least + rest > (16 - BITS if deep else 0):
            raise CodecError("its first word is that of no strip")
        try:
            coder = constriction.stream.stack.AnsCoder(np.ascontiguousarray(words[1:], np.uint32))
        except ValueError:
            raise CodecError("its last word is zero, which no coder writes") from None
        pixels = np.empty(shape, np.uint16 if deep else np.uint8)
        for group in _groups(channels):
            planes = Planes(self.tables, height, width)
            for _ in range(group.start, group.stop):
                for now, take in planes.passes():
                    take(self.tables.logistics.decode(coder, now.means, now.scales, MOST_VALUE))
                if advance:
                    advance((group.start + len(planes.known)) / (channels + 1))
            values = [values for values, _ in planes.known]
            levels = from_planes(values) if len(values) == PLANES else values[0][..., None]
            if levels.min() < 0 or levels.max() >= 1 << BITS:
                raise CodecError(f"its words stand for levels that {BITS} bits do not hold")
            pixels[..., group] = levels
        if rest:
            pixels <<= rest
            pixels |= coder.decode(_uniform(rest), pixels.size).reshape(shape).astype(pixels.dtype)
        if not coder.is_empty():
            raise CodecError(f"its words do not end with the pixels of a strip of {width} × {height}")
        return pixels << least if least else pixels


def _groups(channels: int) -> list[slice]:
    """Channels that are coded together: three of colour, each other one alone."""
    together = PLANES if channels in (PLANES, PLANES + 1) else 0
    alone = [slice(channel, channel + 1) for channel in range(together, channels)]
    return [slice(0, PLANES), *alone] if together else alone


def _uniform(bits: int):
    import constriction

    return constriction.stream.model.Uniform(1 << bits)
