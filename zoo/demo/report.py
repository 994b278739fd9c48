"""The demo's outputs: a self-contained HTML page, picture grids and the figures as JSON."""

import base64
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo import __version__, pages, plots
from zoo.demo.measure import CONDITIONS, Comparison, Results
from zoo.demo.photographs import CROPPED, RATE, Photograph, Photographs
from zoo.demo.samples import ATTRIBUTION, CLASSES, PHOTOGRAPHS_ATTRIBUTION
from zoo.evaluation.image_formats import round_trip
from zoo.io import writing
from zoo.plots.pictures import eight_bit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    filters = {"picture": _picture, "svg": _svg, "kilobytes": _kilobytes, "photo": _photo}
    template = pages.template("zoo.demo", "report.html.j2", **filters)
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
        photographs=results.photographs,
        photo_charts=[photo_chart(results.photographs, dark=dark) for dark in (False, True) if results.photographs],
        cropped=CROPPED,
        crop_rate=RATE,
        attribution=ATTRIBUTION,
        photographs_attribution=PHOTOGRAPHS_ATTRIBUTION,
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


def photo_chart(photographs: Photographs, *, dark: bool = False):
    """PSNR against rate of the photographs: the codec's curve, and the formats'."""
    ours = [decibels for _, decibels in next(iter(photographs.curves.values()))]
    panels = {f"Mean of {len(photographs.each)} photographs, a file each": photographs.curves}
    return plots.rate_distortion(panels, psnr_range=(min(ours) - 1.5, max(ours) + 1.5), dark=dark)


def _before_and_after(one: Photograph) -> "Figure":
    """The middle of a photograph: as it is, compressed and restored, with noise, and denoised."""
    pictures = {
        "original": one.original,
        f"{one.bits_per_pixel:.2f} bits a pixel, {one.psnr:.1f} dB": one.restored,
        f"noisy, {one.noisy_psnr:.1f} dB": one.noisy,
        f"denoised, {one.denoised_psnr:.1f} dB": one.denoised,
    }
    middle = [picture[52:308, 64:320] for picture in pictures.values()]
    return plots.image_rows({"": np.stack(middle)}, columns=[*pictures], scale=1)


def _photo_grids(photographs: Photographs) -> dict[str, "Figure"]:
    """File name → figure: before and after, the zoomed crop, and rate against distortion."""
    each = photographs.each
    names = [one.name for one in each]
    rate = np.mean([one.bits_per_pixel for one in each])
    rows = {
        "Original": [one.original for one in each],
        f"From {rate:.2f}\nbits a pixel": [one.restored for one in each],
        "Noisy": [one.noisy for one in each],
        "Denoised": [one.denoised for one in each],
    }
    crops = {
        way if decibels is None else f"{way}\n{bits:.2f} bpp, {decibels:.1f} dB": picture
        for way, (picture, bits, decibels) in photographs.crops.items()
    }
    crop_row = {"": np.stack([*crops.values()])}
    return {
        "before_after.png": _before_and_after(next(one for one in each if one.name == CROPPED)),
        "photographs.png": plots.image_rows({k: np.stack(v) for k, v in rows.items()}, columns=names, scale=1),
        "photograph_crop.png": plots.image_rows(crop_row, columns=[*crops], scale=2),
        "photographs_rate_distortion.png": photo_chart(photographs),
    }


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
    if results.photographs:
        figures |= _photo_grids(results.photographs)
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


def _photo(picture: np.ndarray, scale: int = 1) -> str:
    """A picture in colour as the data URI of a WebP of high quality: a PNG of noise is large."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture.repeat(scale, 0).repeat(scale, 1)).save(file, "WEBP", quality=95)
    return _data_uri(file.getvalue(), "image/webp")


def _svg(figure) -> str:
    return _data_uri(plots.to_bytes(figure, "svg"), "image/svg+xml")


def _data_uri(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _kilobytes(size: int) -> str:
    return f"{size / 1000:,.0f} kB" if size >= 10_000 else f"{size:,} bytes"
