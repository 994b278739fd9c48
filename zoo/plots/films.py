"""Pictures that move."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.io import writing
from zoo.plots.pictures import eight_bit, mosaic, shown


def animation(
    steps: Sequence[np.ndarray],
    path: str | os.PathLike,
    *,
    columns: int | None = None,
    scale: int = 4,
    milliseconds: int = 100,
    back: bool = False,
) -> None:
    """Writes an animated GIF that repeats without end: at each step the same grid, with other images.

    Args:
        steps: each with images as of ``mosaic``, uint8 or float in [0, 1]: what a model generates after
            every epoch, or a traversal's or interpolation's ``(n, steps, …)`` with the first two axes exchanged.
        path: ``*.gif``.
        columns: of the grid; None for a grid that is about square.
        scale: screen pixels an image pixel.
        milliseconds: that each step is shown for.
        back: whether the film goes back the way it came, where it would otherwise jump from its end to its beginning.

    Raises:
        ValueError: if there are no steps, their shapes differ, the path has another suffix or cannot be written, or
            ``scale`` or ``milliseconds`` is below 1.
    """
    from PIL import Image

    if Path(path).suffix.lower() != ".gif":
        raise ValueError(f"path must end in .gif: received {os.fspath(path)!r}.")
    for name, value in (("scale", scale), ("milliseconds", milliseconds)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1: received {value}.")
    pictures = [eight_bit(mosaic(shown(images), columns, gap=1, background=1.0)) for images in steps]
    shapes = {picture.shape for picture in pictures}
    if len(shapes) != 1:
        raise ValueError(f"steps must be at least one, and their images of one shape: received {sorted(shapes)}.")
    if back:
        pictures += pictures[-2:0:-1]
    first, *others = (Image.fromarray(picture.repeat(scale, 0).repeat(scale, 1)) for picture in pictures)
    with writing.atomic_write(Path(path)) as file:
        first.save(file, format="GIF", save_all=True, append_images=others, duration=milliseconds, loop=0)
