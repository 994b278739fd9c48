"""Two coders of whole pictures in strips, whose every step is known: one exact, one lossy with a halo and qualities."""

import json

import numpy as np

from zoo import artifacts
from zoo.codec.coders import CODERS
from zoo.codec.format.fields import CodecError

ROWS = 7


class ExactStrips:
    """Differences between rows, a byte each, as words; 8 or 16 bits."""

    tables_file, offers, lossless, depths, qualities = "strips.npz", frozenset(), True, (8, 16), None
    tile, tiles_per_chunk, probe, halo = (ROWS, 0), 1, None, 0

    def __init__(self, artifact):
        artifact.file("strips.npz")

    def most_words(self, count, size):
        return 2 * size // 4 + 2

    def least_words(self, count, size, coded):
        return size / 64

    def estimated_words(self, content):
        return 0

    def pack(self, strip, advance=None):
        return words_of(np.diff(strip.own, axis=0, prepend=strip.own[:1] * 0).tobytes())

    def unpack(self, words, count, sizes, advance=None):
        size = int(np.prod(sizes))
        for dtype in (np.uint8, np.uint16):
            if len(words) == -(-size * dtype().itemsize // 4):
                levels = np.frombuffer(words.tobytes(), dtype)[:size].reshape(sizes)
                return np.cumsum(levels, axis=0, dtype=dtype)
        raise CodecError(f"its {len(words)} words are not those of {size} levels")


class LossyStrips(ExactStrips):
    """The mean of three rows, in steps of 9 less the quality; restored, the mean of three rows again."""

    lossless, depths, qualities, halo = False, (8,), (1.0, 4.0, 8.0), 1
    step = None

    def at(self, quality):
        coder = object.__new__(type(self))
        coder.step = 9 - quality
        return coder

    def pack(self, strip, advance=None):
        means = mean_of_three(strip.pixels / 1.0)[strip.above : len(strip.pixels) - strip.below]
        return words_of(np.floor(means / self.step).astype(np.uint8).tobytes())

    def render(self, before, strip, after, shape, depth):
        parts = [part for part in (before, strip, after) if part is not None]
        start = 0 if before is None else len(before)
        means = mean_of_three(np.concatenate(parts) * self.step)[start : start + len(strip)]
        assert means.shape == shape
        return np.floor(means).astype(np.uint8)

    def unpack(self, words, count, sizes, advance=None):
        size = int(np.prod(sizes))
        if len(words) != -(-size // 4):
            raise CodecError(f"its {len(words)} words are not those of {size} levels")
        return np.frombuffer(words.tobytes(), np.uint8)[:size].reshape(sizes)


def mean_of_three(rows):
    padded = np.concatenate([rows[:1], rows, rows[-1:]])
    return (padded[:-2] + padded[1:-1] + padded[2:]) / 3


def words_of(data: bytes) -> np.ndarray:
    return np.frombuffer(data + bytes(-len(data) % 4), "<u4")


def write(folder, coder: type, monkeypatch, medium: str = "image"):
    """An artefact whose manifest names a coder, which there is from now on."""
    monkeypatch.setitem(CODERS, coder.__name__, coder)
    folder.mkdir()
    (folder / "strips.npz").write_bytes(coder.__name__.encode())
    artifacts.write_manifest(folder, declared={"codec": {"coder": coder.__name__, "medium": medium}})
    assert json.loads((folder / "manifest.json").read_text())["codec"]["medium"] == medium
    return folder
