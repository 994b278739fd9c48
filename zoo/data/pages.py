"""Scanned pages and screenshots, drawn: what a photograph's crops lack, and people have."""

import functools
import importlib
from pathlib import Path

import numpy as np

# Whose documentation the words are, of Python's own.
MODULES = (
    "argparse", "asyncio", "collections", "datetime", "decimal", "json", "logging", "os", "pathlib", "re", "socket",
    "string", "threading", "unittest",
)  # fmt: skip
TYPEFACES = ("DejaVuSans", "DejaVuSerif", "cmr10", "STIXGeneral")
SIZE = 448  # of a page, pixels
LONGEST_WORD, WORDS_OF_A_LINE = 17, 30


def draw(number: int, *, size: int = SIZE, seed: int = 0) -> np.ndarray:
    """Pages of text with boxes: two fifths as a screen shows them, the others slightly turned, blurred and shaded.

    Words are of Python's documentation, typefaces those that come with Matplotlib.

    Args:
        number: of pages.
        size: height and width.
        seed: of all that is drawn; a page is the same whatever others there are.

    Returns:
        uint8 ``(number, size, size, 3)``.
    """
    pages = [_page(np.random.default_rng([seed, index]), size) for index in range(number)]
    return np.stack(pages) if pages else np.empty((0, size, size, 3), np.uint8)


def _page(rng: np.random.Generator, size: int) -> np.ndarray:
    from PIL import Image, ImageDraw, ImageFilter

    dark, screen = rng.random() < 0.2, rng.random() < 0.4
    paper = np.full(3, rng.uniform(0, 0.18) if dark else rng.uniform(0.88, 1))
    if rng.random() < 0.3:
        paper = np.clip(paper + rng.normal(0, 0.03, 3), 0, 1)
    ink = np.full(3, rng.uniform(0.75, 1) if dark else rng.uniform(0, 0.2))
    image = Image.new("RGB", (size, size), _colour(paper))
    _write(ImageDraw.Draw(image), rng, size, ink)
    if screen:
        return np.asarray(image)
    if rng.random() < 0.7:
        image = image.rotate(rng.normal(0, 1.2), Image.Resampling.BICUBIC, fillcolor=_colour(paper))
    light = np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.9)))) / 255
    if rng.random() < 0.6:
        shade = np.linspace(0, rng.normal(0, 0.08), size)
        shade = shade[:, None, None] if rng.random() < 0.5 else shade[None, :, None]
        light = light * (1 - 0.5 * abs(shade.flat[0] + shade.flat[-1]) + shade)
    return np.rint(255 * np.clip(light, 0, 1)).astype(np.uint8)


def _write(canvas, rng: np.random.Generator, size: int, ink: np.ndarray) -> None:
    """Lines of words from the top to the bottom, now and then in another size, and boxes."""
    from PIL import ImageFont

    def font(largest: int):
        points = int(rng.integers(9, largest))
        return points, ImageFont.truetype(typefaces[rng.integers(len(typefaces))], points)

    words, typefaces = _words(), _typefaces()
    top, (points, face) = int(rng.integers(0, 20)), font(26)
    while top < size:
        if rng.random() < 0.08:
            points, face = font(34)
            if rng.random() < 0.5:
                colour, left = tuple(int(v) for v in rng.integers(0, 255, 3)), int(rng.integers(0, size // 2))
                box = (left, top, left + int(rng.integers(20, 200)), top + int(rng.integers(2, 60)))
                canvas.rectangle(box, fill=colour if rng.random() < 0.5 else None, outline=colour)
        colour = ink if rng.random() < 0.85 else rng.random(3)
        first = int(rng.integers(len(words) - WORDS_OF_A_LINE))
        left = int(rng.integers(0, 24)) if rng.random() < 0.2 else 12
        line = " ".join(words[first : first + WORDS_OF_A_LINE])
        canvas.text((left, top), line, font=face, fill=_colour(colour))
        top += int(points * rng.uniform(1.15, 1.6))


def _colour(parts: np.ndarray) -> tuple[int, ...]:
    return tuple(int(255 * part) for part in parts)


@functools.cache
def _words() -> list[str]:
    modules = [importlib.import_module(name) for name in MODULES]
    texts = [str(getattr(module, name).__doc__ or "") for module in modules for name in dir(module)]
    return [word for word in " ".join(texts).split() if len(word) <= LONGEST_WORD]


@functools.cache
def _typefaces() -> list[str]:
    import matplotlib

    found = sorted(Path(matplotlib.get_data_path(), "fonts/ttf").glob("*.ttf"))
    return [str(path) for path in found if path.name.startswith(TYPEFACES) and "Display" not in path.name]
