"""The demo's outputs: a self-contained HTML page, picture grids and the figures as JSON."""

import base64
import io
import json
from pathlib import Path

import numpy as np

from zoo import __version__, pages, plots
from zoo.demo.measure import CONDITIONS, Comparison, Results
from zoo.demo.samples import ATTRIBUTION, CLASSES
from zoo.evaluation.image_formats import round_trip
from zoo.io import writing
from zoo.plots.pictures import eight_bit

REPORT = "report.html"
LAYOUT_TITLES = {"mosaic": "All images in one file", "files": "One file each"}


def write(results: Results, folder: Path) -> list[Path]:
    """Writes everything into ``folder``; nothing is written before all of it has been made.

    Returns:
        The files' paths, the report first.

    Raises:
        ValueError: if a file cannot be written.
    """
    pictures = _restored_by_format(results)
    files = {
        REPORT: html(results, pictures).encode(),
        **_grids(results, pictures),
        "results.json": json.dumps(results.to_json(), indent=2, allow_nan=False).encode() + b"\n",
    }
    paths = [folder / name for name in files]
    # The report last, so that what it stands for is there.
    for path, data in reversed(list(zip(paths, files.values(), strict=True))):
        with writing.atomic_write(path) as file:
            file.write(data)
    return paths


def html(results: Results, pictures: dict[str, np.ndarray]) -> str:
    """The report as one page without outside resources.

    Args:
        results: what to report.
        pictures: caption → the samples as restored by a format, to show beside ours.
    """
    template = pages.template("zoo.demo", "report.html.j2", picture=_picture, svg=_svg, kilobytes=_kilobytes)
    mosaic, files = results.comparisons
    return template.render(
        results=results,
        mosaic=mosaic,
        files=files,
        pictures=pictures,
        shown=results.samples.first_of_each_class(),
        clean=results.samples.images,
        hardest=min(results.denoising, key=lambda d: d.noisy_psnr),
        layouts=LAYOUT_TITLES,
        conditions=CONDITIONS,
        sizes={(a["model"].partition(".")[0], a["file"]): a["bytes"] for a in results.artefacts},
        chart=chart(results.comparisons),
        dark_chart=chart(results.comparisons, dark=True),
        attribution=ATTRIBUTION,
        version=__version__,
    )


def chart(comparisons: list[Comparison], *, dark: bool = False):
    """PSNR against rate, a panel a layout: our codec's point, and all that was measured."""
    panels = {}
    for comparison in comparisons:
        measured = {comparison.ours.format: [comparison.ours], **comparison.searched}
        panels[LAYOUT_TITLES[comparison.layout]] = {
            label: [(m.bits_per_pixel, m.psnr) for m in series] for label, series in measured.items()
        }
    ours = comparisons[0].ours.psnr
    return plots.rate_distortion(panels, psnr_range=(ours - 4, ours + 6), dark=dark)


def _restored_by_format(results: Results) -> dict[str, np.ndarray]:
    """Caption → samples as each format restores them from a mosaic of at least our rate."""
    images = results.samples.images
    restored = {}
    for name, m in results.comparisons[0].same_rate.items():
        caption = f"{name}, {m.bits_per_pixel:.2f} bpp, {m.psnr:.1f} dB"
        restored[caption] = round_trip(images, name, m.quality)[1]
    return restored


def _grids(results: Results, pictures: dict[str, np.ndarray]) -> dict[str, bytes]:
    """File name → PNG."""
    shown = results.samples.first_of_each_class()
    images = results.samples.images
    ours = results.comparisons[0]
    figures = {"rate_distortion.png": chart(results.comparisons)}
    for d in results.denoising:
        rows = {
            "Original": images[shown],
            f"Noisy\n{d.noisy_psnr:.1f} dB": d.noisy[shown],
            f"Denoised\n{d.denoised_psnr:.1f} dB": d.denoised[shown],
        }
        figures[f"denoising_{d.name}.png"] = plots.image_rows(rows, title=d.title, columns=CLASSES)
    caption = f"{ours.ours.format}, {ours.ours.bits_per_pixel:.2f} bpp, {ours.ours.psnr:.1f} dB"
    rows = {"Original": images, caption: ours.restored, **pictures}
    figures["compression.png"] = plots.image_rows(
        {label.replace(", ", "\n", 1): images[shown] for label, images in rows.items()},
        title="Compressed to the same size, or the next that the format has",
        columns=CLASSES,
    )
    number = len(images)
    figures["original.png"] = plots.image_grid(images, title=f"The {number} test images")
    figures["restored.png"] = plots.image_grid(
        ours.restored, title=f"The same, restored from a file of {ours.ours.bytes:,} bytes"
    )
    return {name: plots.to_bytes(figure, "png") for name, figure in figures.items()}


def _picture(images: np.ndarray, columns: int = 5, scale: int = 3) -> str:
    """Images on a grid with transparent gaps, as the data URI of a PNG."""
    from PIL import Image

    images = eight_bit(images)
    grey = plots.mosaic(images, columns, gap=1)
    opaque = plots.mosaic(np.full_like(images, 255), columns, gap=1)
    picture = np.stack([grey, opaque], axis=-1).repeat(scale, 0).repeat(scale, 1)
    file = io.BytesIO()
    Image.fromarray(picture, "LA").save(file, "PNG", optimize=True)
    return _data_uri(file.getvalue(), "image/png")


def _svg(figure) -> str:
    return _data_uri(plots.to_bytes(figure, "svg"), "image/svg+xml")


def _data_uri(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _kilobytes(size: int) -> str:
    return f"{size / 1000:,.0f} kB" if size >= 10_000 else f"{size:,} bytes"
