"""Maps of codes for a browser: one HTML page by Bokeh, or a folder for TensorBoard's projector."""

import base64
import io
import math
import os
from collections.abc import Iterable, Sequence

import numpy as np

from zoo import extras, plots
from zoo.io import pictures, writing

LABELS = 20  # more kinds are told by pointing at them, not by colour
THUMBNAIL = 64  # pixels along the longer side, at most
SPRITE = 8192  # pixels along a side, at most: what TensorBoard's projector takes
_SHAPES = ("circle", "square", "diamond", "inverted_triangle", "triangle", "plus")  # as zoo.plots' markers
_PICTURE = '<img src="@picture" width="@width" height="@height" style="image-rendering: pixelated">\n'
_TOOLTIP = """
<div style="display: flex; gap: 8px; align-items: center">
{picture}<span>@name<br><b>@label</b></span></div>
"""


def interactive(
    points: np.ndarray,
    images: np.ndarray | None,
    names: Sequence[str],
    path: str | os.PathLike,
    *,
    labels: Sequence[str] | None = None,
    title: str = "",
) -> None:
    """Writes a map that a browser opens without a network: pointing at a place shows its picture.

    The wheel zooms, dragging moves, and a click on a label in the legend mutes its points.

    Args:
        points: ``(n, 2)``.
        images: float in [0, 1], ``(n, height, width, channels)``, 1 or 3 channels; None where the examples are no
            pictures.
        names: n.
        path: of the HTML file.
        labels: n, which points are coloured by where there are at most 20 kinds.
        title: above the map.

    Raises:
        ValueError: if Bokeh is missing, or the path cannot be written.
    """
    check_bokeh()
    from bokeh.embed import file_html
    from bokeh.models import ColumnDataSource, HoverTool
    from bokeh.plotting import figure
    from bokeh.resources import INLINE

    thumbnails = None if images is None else _thumbnails(images, THUMBNAIL)
    tooltip = _TOOLTIP.replace("{picture}", "" if images is None else _PICTURE)
    kinds = sorted(set(labels or [""]), key=_natural)
    by_colour = labels is not None and len(kinds) <= LABELS
    chart = figure(
        title=title,
        tools=["pan", "wheel_zoom", "box_zoom", "reset", "save", HoverTool(tooltips=tooltip, limit=3)],
        active_scroll="wheel_zoom",
        sizing_mode="stretch_both",
        match_aspect=True,
    )
    of_label = np.asarray(labels if labels is not None else [""] * len(points))
    for index, kind in enumerate(kinds if by_colour else [None]):
        chosen = np.arange(len(points)) if kind is None else np.flatnonzero(of_label == kind)
        source = ColumnDataSource(_columns(chosen, points, thumbnails, names, of_label))
        chart.scatter(
            "x", "y", source=source, size=6, marker=_SHAPES[index % len(_SHAPES)],
            color=plots.PALETTE[index % len(plots.PALETTE)], alpha=0.7, line_color=None, muted_alpha=0.04,
            **({"legend_label": kind or "no label"} if by_colour else {}),  # pyright: ignore[reportCallIssue]
        )  # fmt: skip
    if by_colour:
        legend = chart.legend[0]
        legend.click_policy = "mute"
        chart.add_layout(legend, "right")
    page = file_html(chart, INLINE, title=title)
    with writing.atomic_write(path) as file:
        file.write(page.encode())


def _columns(
    chosen: np.ndarray, points: np.ndarray, thumbnails: np.ndarray | None, names: Sequence[str], labels: np.ndarray
) -> dict[str, np.ndarray | list]:
    """What Bokeh draws and tells of the chosen rows, by the names that the tooltip refers to."""
    return {
        "x": points[chosen, 0],
        "y": points[chosen, 1],
        **({} if thumbnails is None else _pictures(thumbnails[chosen])),
        "name": [names[int(row)] for row in chosen],
        "label": [str(labels[row]) for row in chosen],
    }


def _pictures(thumbnails: np.ndarray) -> dict[str, list]:
    scale, number = max(1, round(112 / max(thumbnails.shape[1:3]))), len(thumbnails)
    height, width = (scale * side for side in thumbnails.shape[1:3])
    return {"picture": [*map(_data_url, thumbnails)], "width": [width] * number, "height": [height] * number}


def check_bokeh() -> None:
    """Raises a ``ValueError`` where the library that draws interactive maps is missing."""
    with extras.needed("An interactive map"):
        import bokeh  # noqa: F401


def projector(
    codes: np.ndarray,
    images: np.ndarray | None,
    names: Sequence[str],
    folder: str | os.PathLike,
    *,
    labels: Sequence[str] | None = None,
) -> None:
    """Writes a folder that ``tensorboard --logdir FOLDER`` opens in its projector, with all numbers of the codes.

    Args:
        codes: ``(n, numbers)``.
        images: float in [0, 1], ``(n, height, width, channels)``, 1 or 3 channels; shrunk to what one sprite holds;
            None where the examples are no pictures.
        names: n.
        folder: made if need be; files of an earlier export are replaced.
        labels: n.

    Raises:
        ValueError: if the folder cannot be written to.
    """
    folder = writing.make_folder(folder)
    metadata = [[name] for name in names]
    if labels is not None:  # of a single column the projector reads no header
        metadata = [["name", "label"], *map(list, zip(names, labels, strict=True))]
    files: dict[str, str | bytes] = {
        "tensors.tsv": _table([f"{value:.9g}" for value in code] for code in codes),
        "metadata.tsv": _table(metadata),
    }
    configuration = '  tensor_name: "codes"\n  tensor_path: "tensors.tsv"\n  metadata_path: "metadata.tsv"\n'
    if images is not None:
        files["sprite.png"], (height, width) = _sprite(images)
        size = f"    single_image_dim: {width}\n    single_image_dim: {height}\n"
        configuration += f'  sprite {{\n    image_path: "sprite.png"\n{size}  }}\n'
    files["projector_config.pbtxt"] = f"embeddings {{\n{configuration}}}\n"
    for name, content in files.items():
        with writing.atomic_write(folder / name) as file:
            file.write(content if isinstance(content, bytes) else content.encode())


def _sprite(images: np.ndarray) -> tuple[bytes, tuple[int, int]]:
    """All images in one PNG, as the projector wants it, and the height and width of each.

    A square: as many rows as columns, the last ones empty.
    """
    columns = math.ceil(math.sqrt(len(images)))
    thumbnails = _thumbnails(images, min(THUMBNAIL, SPRITE // columns))
    height, width = thumbnails.shape[1:3]
    cells = np.zeros((columns * columns, *thumbnails.shape[1:]), np.uint8)
    cells[: len(thumbnails)] = thumbnails
    sprite = cells.reshape(columns, columns, *thumbnails.shape[1:]).swapaxes(1, 2)
    picture = io.BytesIO()
    pictures.write_png(sprite.reshape(columns * height, columns * width, -1), picture)
    return picture.getvalue(), (height, width)


def _thumbnails(images: np.ndarray, side: int) -> np.ndarray:
    """uint8 ``(n, h, w, c)`` whose longer side is at most ``side``."""
    pixels = np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8)
    height, width = pixels.shape[1:3]
    if max(height, width) <= side:
        return pixels
    size = (max(1, round(height * side / max(height, width))), max(1, round(width * side / max(height, width))))
    source = pictures.fitted(pictures.from_array(pixels), "crop", size)
    return np.concatenate([source.read(index, index + 1) for index in range(len(pixels))])


def _data_url(picture: np.ndarray) -> str:
    file = io.BytesIO()
    pictures.write_png(picture, file)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _table(rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells, parted by tabs; what would part them within a cell becomes a blank."""
    return "".join("\t".join(" ".join(cell.split()) for cell in row) + "\n" for row in rows)


def _natural(label: str) -> tuple[int, float, str]:
    """Sorts numbers by their value, before texts."""
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label
