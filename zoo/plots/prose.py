"""Texts as pictures, for previews."""

import os
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.plots.style import new_figure, saved, style, with_palette

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TEXT_WIDTH = 100  # characters of a line of text


def texts(blocks: Sequence[Mapping[str, str]], path: str | os.PathLike | None = None) -> "Figure":
    """Draws texts with their labels, block by block, wrapped.

    Args:
        blocks: each label → text; lines of a text are kept.
        path: to save to.

    Raises:
        ValueError: if there are none, or the path cannot be written.
    """
    lines: list[tuple[str, str]] = []
    for block in blocks:
        for label, text in block.items():
            text = "".join(c if c.isprintable() or c == "\n" else "·" for c in text)  # which fonts lack
            wrapped = [part for line in text.split("\n") for part in textwrap.wrap(line, _TEXT_WIDTH) or [""]]
            lines += [(label if not at else "", part) for at, part in enumerate(wrapped)]
        lines.append(("", ""))
    if len(lines) < 2:
        raise ValueError("blocks must hold at least one text: received none.")
    with style():
        height, labels = 0.2 * len(lines) + 0.2, 0.09 * max(len(label) for label, _ in lines) + 0.3
        figure = new_figure(labels + 0.082 * _TEXT_WIDTH, height)
        for at, (label, line) in enumerate(lines):
            y = 1 - (0.2 * at + 0.2) / height
            figure.text(0.1 / figure.get_figwidth(), y, label, va="top", alpha=0.6)
            figure.text(labels / figure.get_figwidth(), y, line.replace("$", "\\$"), va="top")
        saved(figure, path)
        if path is not None and Path(path).suffix.lower() == ".png":
            with_palette(path)
        return figure
