"""The codec beside the image formats: rate and distortion on a test split, every byte of real files counted."""

import itertools
import lzma
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo import data, extras, plots, registry
from zoo.codec import Codec
from zoo.evaluation.image_formats import ALL_FORMATS, LAYOUTS, Measurement, RateDistortion, code
from zoo.experiments.output import made, write

# dB at which a format's qualities are looked for; where it reaches less, its ends are measured.
TARGETS = (18, 19, 20, 21, 22, 23, 24, 25, 26, 28)
INTERVAL = (19.6, 24.0)  # dB that every BD-rate is taken over, as far as both curves reach
# Of one picture of all: it takes seconds a file, and in small files the container weighs more than the search gains.
OF_MOSAICS = ("AVIF, speed 0",)
CODECS = ("compressor", "hierarchical_vae")


def benchmark_codec(
    output: str | os.PathLike,
    data_source: str = "fashion_mnist",
    *,
    models: Sequence[str] = (),
    fit: str = "crop",
    images: int | None = None,
    progress: Any = None,
    failed: list[str] | None = None,
) -> dict[str, Any]:
    """Compresses the official test images with the codec's models and with the image formats.

    Each set is stored as one file of all (for a format one mosaic) and as a file an image (for the codec compact
    images). PSNR is of the mean squared error pooled over all pixels of all images.

    Args:
        output: folder for ``codec-DATA.json`` and ``codec-DATA.png``.
        data_source: name of a data set, or data of the user's own, as for ``zoo.data.load``.
        models: names of codec models, or folders of trained ones, of one size of pictures; none for those that are
            trained on the data set, and of the user's own data on the default one.
        fit: how a picture of another size meets that size, as for ``zoo.data.stream``.
        images: how many of the test images; None for all.
        progress: a started ``rich.progress.Progress``.
        failed: gets a line for each file that cannot be read, and the others are the data; None to raise instead.

    Returns:
        ``points``: every measurement; ``bd_rate``: of each format in percent, with the interval in dB;
        ``files``: for each quality of ours, the bytes an image of the best format at the same PSNR, and the saving;
        ``lossless``: bits a pixel of each.

    Raises:
        ValueError: if no model of the data has a codec, the folder cannot be written, or imagecodecs or bjontegaard
            is missing.
    """
    _bjontegaard()
    if images is not None and images < 1:
        raise ValueError(f"images must be at least 1: received {images}.")
    codecs = [Codec(name) for name in models or _codecs_of(data_source)]
    _check_sizes(codecs)
    loaded = data.load(data_source, image_shape=(*codecs[0].tile, 1), fit=fit, seed=0, failed=failed)
    chosen = loaded.test[:images]
    folder = made(output)
    ours, curves, exact = _measured(chosen, codecs, progress)
    points = [m for layout in LAYOUTS for m in [*ours[layout], *itertools.chain(*curves[layout].values())]]
    result = {
        "data": loaded.name,
        "images": len(chosen),
        "bd_rate": {
            name: bd_rate(_points(curve), _points(ours["mosaic"]), *INTERVAL)
            for name, curve in curves["mosaic"].items()
        },
        "files": [_beside(m, curves["files"], len(chosen)) for m in ours["files"]],
        "lossless": exact,
        "points": [
            {k: v for k, v in vars(m).items() if k != "seconds"}
            for m in sorted(points, key=lambda m: (m.layout, m.format))
        ],
    }
    _draw(folder, result, ours, curves)
    return result


def _measured(images: np.ndarray, codecs: list[Codec], progress: Any):
    """What ``_lossy`` and ``_lossless`` measure."""
    formats = [name for name, image_format in ALL_FORMATS.items() if image_format.qualities]
    tried = {layout: [name for name in formats if layout == "mosaic" or name not in OF_MOSAICS] for layout in LAYOUTS}
    total = sum(map(len, tried.values())) + len(LAYOUTS) * (len(ALL_FORMATS) - len(formats)) + len(codecs)
    task = progress and progress.add_task("", total=total, status="")

    def step(what: str) -> None:
        if progress:
            progress.update(task, description=what, advance=1)

    ours, curves = _lossy(images, [codec for codec in codecs if not codec.lossless], tried, step)
    return ours, curves, _lossless(images, [codec for codec in codecs if codec.lossless], step)


Curves = dict[str, dict[str, list[Measurement]]]


def _lossy(
    images: np.ndarray, codecs: list[Codec], tried: dict[str, list[str]], step: Callable[[str], None]
) -> tuple[dict[str, list[Measurement]], Curves]:
    """Layout → the points of the codecs; and layout → format → the points of its curve."""
    ours: dict[str, list[Measurement]] = {layout: [] for layout in LAYOUTS}
    for codec in codecs:
        step(codec.name)
        for layout in LAYOUTS:
            ours[layout].append(code(images, codec, layout, compact=layout == "files")[0])
    curves: Curves = {layout: {} for layout in LAYOUTS}
    for layout in LAYOUTS:
        for name in tried[layout]:
            step(f"{name}, {layout}")
            curves[layout][name] = _curve(RateDistortion(images, name, layout))
    return ours, curves


def _lossless(images: np.ndarray, codecs: list[Codec], step: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """Name of a codec or format → layout → bits a pixel."""
    exact = {}
    for codec in codecs:
        step(codec.name)
        exact[codec.name] = {"mosaic": code(images, codec, "mosaic")[0].bits_per_pixel}
    for name in (name for name, image_format in ALL_FORMATS.items() if not image_format.qualities):
        exact[name] = {}
        for layout in LAYOUTS:
            step(f"{name}, {layout}")
            exact[name][layout] = RateDistortion(images, name, layout).measure().bits_per_pixel
    lzma_bytes = len(lzma.compress(images.tobytes(), preset=9 | lzma.PRESET_EXTREME))
    return exact | {"lzma": {"mosaic": 8 * lzma_bytes / images.size}}


def _check_sizes(codecs: list[Codec]) -> None:
    tiles = {codec.tile: codec.name for codec in codecs}
    if len(tiles) > 1:
        sizes = ", ".join(f"{name} of {height} × {width}" for (height, width), name in tiles.items())
        raise ValueError(f"models must be of one size of pictures: received {sizes}.")


def _codecs_of(data_source: str) -> list[str]:
    """The models that data is compressed with: those trained on it, or, of other data, on fashion_mnist."""
    shipped = {
        name: registry.data_of(name)
        for name in registry.list_models(pretrained=True)
        if name.partition(".")[0] in CODECS
    }
    own = data_source not in shipped.values()
    return [name for name, of in shipped.items() if of == ("fashion_mnist" if own else data_source)]


def bd_rate(
    anchor: Sequence[tuple[float, float]], test: Sequence[tuple[float, float]], low: float, high: float
) -> dict[str, float] | None:
    """Bjøntegaard's mean difference of rate at equal PSNR, over an interval of PSNR.

    Args:
        anchor, test: points ``(bits per pixel, dB)``, at least two each.
        low, high: dB; cut to what both curves cover.

    Returns:
        ``percent``, negative where ``test`` needs less, ``low`` and ``high`` in dB; None where they share nothing.

    References:
        Bjøntegaard 2001, VCEG-M33; by piecewise cubic Hermite interpolation, as the library bjontegaard does it.
    """
    curves = [sorted(points, key=lambda point: point[1]) for points in (anchor, test)]
    low, high = max(low, *(c[0][1] for c in curves)), min(high, *(c[-1][1] for c in curves))
    if min(map(len, curves)) < 2 or low >= high:
        return None
    (anchor_rate, anchor_psnr), (rate, decibels) = (_cut(curve, low, high) for curve in curves)
    percent = _bjontegaard().bd_rate(
        anchor_rate, anchor_psnr, rate, decibels, method="pchip", require_matching_points=False, min_overlap=0
    )
    return {"percent": float(percent), "low": low, "high": high}


def _bjontegaard():
    with extras.needed("A BD-rate"):
        import bjontegaard
    return bjontegaard


def _cut(points: list[tuple[float, float]], low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Rates and PSNR of a curve between two PSNR, with its interpolated ends."""
    grid = np.array([low, *(d for _, d in points if low < d < high), high])
    return np.exp(_log_rate(points)(grid)), grid


def _log_rate(points: list[tuple[float, float]]):
    """The logarithm of the rate as a function of PSNR."""
    from scipy.interpolate import PchipInterpolator

    rates, decibels = np.transpose(points)
    decibels, first = np.unique(decibels, return_index=True)
    return PchipInterpolator(decibels, np.log(rates[first]))


def _curve(search: RateDistortion) -> list[Measurement]:
    """A format's points at the qualities nearest to the targets, those of a lower PSNR at no lower rate left out."""
    for decibels in TARGETS:
        search.at_psnr(decibels)
    front: list[Measurement] = []
    for measurement in search.measurements:
        if not front or measurement.psnr > front[-1].psnr:
            front.append(measurement)
    return front


def _points(measurements: list[Measurement]) -> list[tuple[float, float]]:
    return [(m.bits_per_pixel, m.psnr) for m in measurements]


def _beside(ours: Measurement, curves: dict[str, list[Measurement]], images: int) -> dict[str, Any]:
    """Bytes an image of ours and of the best format at our PSNR, interpolated; its lowest rate where it is better."""
    best, fewest = None, math.inf
    for name, curve in curves.items():
        points = sorted(_points(curve), key=lambda point: point[1])
        if ours.psnr > points[-1][1]:
            continue
        rate = float(np.exp(_log_rate(points)(ours.psnr))) if ours.psnr >= points[0][1] else points[0][0]
        if rate < fewest:
            best, fewest = name, rate
    each = ours.bytes / images
    other = fewest / ours.bits_per_pixel * each
    return {
        "model": ours.format,
        "psnr": ours.psnr,
        "bytes": each,
        "best_format": best,
        "its_bytes": other if best else None,
        "saving_percent": 100 * (each / other - 1) if best else None,
    }


def _shown(panels: dict[str, dict[str, list[tuple[float, float]]]]) -> tuple[float, float]:
    """The dB that a plot covers: where the codec's points lie, with room for the formats' beside them."""
    ours = [psnr for curves in panels.values() for _, psnr in curves.get("compressor", ()) if math.isfinite(psnr)]
    others = [psnr for curves in panels.values() for curve in curves.values() for _, psnr in curve]
    low, high = (min(ours), max(ours)) if ours else (min(others), max(others))
    return min(17.5, low - 3), max(28.5, high + 3)


def _draw(output: Path, result: dict[str, Any], ours, curves) -> None:
    write(result, output / f"codec-{result['data']}.json")
    titles = {"mosaic": "one file of all", "files": "a file an image"}
    panels = {
        titles[layout]: ({"compressor": _points(ours[layout])} if ours[layout] else {})
        | {name: _points(curve) for name, curve in curves[layout].items()}
        for layout in LAYOUTS
    }
    plots.rate_distortion(panels, output / f"codec-{result['data']}.png", psnr_range=_shown(panels))
