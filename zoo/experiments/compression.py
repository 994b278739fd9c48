"""The codec beside the image formats: rate and distortion on a test split, every byte of real files counted."""

import glob
import itertools
import lzma
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo import data, plots, registry
from zoo.codec import Codec
from zoo.evaluation.image_formats import ALL_FORMATS, LAYOUTS, Measurement, RateDistortion, code
from zoo.experiments import photographs
from zoo.experiments.output import made, write
from zoo.experiments.rates import bd_rate, bjontegaard, log_rate
from zoo.io.pictures import open_sources

# dB at which a format's qualities are looked for; where it reaches less, its ends are measured.
TARGETS = (18, 19, 20, 21, 22, 23, 24, 25, 26, 28)
INTERVAL = (19.6, 24.0)  # dB that every BD-rate is taken over, as far as both curves reach
# Of one picture of all: it takes seconds a file, and in small files the container weighs more than the search gains.
OF_MOSAICS = ("AVIF, speed 0",)
CODECS = ("compressor", "hierarchical_vae")
OF_PHOTOGRAPHS = ("photo_compressor", "pixel_predictor")  # of whole pictures, where they are shipped


def benchmark_codec(
    output: str | os.PathLike,
    data_source: str = "fashion_mnist",
    *,
    models: Sequence[str] = (),
    fit: str = "crop",
    images: int | None = None,
    progress: Any = None,
    failed: list[str] | None = None,
    interval: tuple[float, float] | None = None,
    perceptual: bool = False,
    pictures: str | os.PathLike | None = None,
) -> dict[str, Any]:
    """Compresses the official test images with the codec's models and with the image formats.

    Of pictures of the user's own, whole ones are compressed by models of photographs: see ``benchmark_photographs`` for
    what is measured and returned then. What follows is of models of tiles.

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
        interval, perceptual, pictures: of photographs, as of ``benchmark_photographs``; None for its interval.

    Returns:
        ``points``: every measurement; ``bd_rate``: of each format in percent, with the interval in dB;
        ``files``: for each quality of ours, the bytes an image of the best format at the same PSNR, and the saving;
        ``lossless``: bits a pixel of each, in colour bits per dimension, which are those of a pixel by its
        ``channels``. Models of colour tiles are lossless: of their data no lossy format is measured, and nothing drawn.

    Raises:
        ValueError: if no model of the data has a codec, the folder cannot be written, or imagecodecs or bjontegaard
            is missing.
    """
    bjontegaard()
    if images is not None and images < 1:
        raise ValueError(f"images must be at least 1: received {images}.")
    codecs = [Codec(name) for name in models or _codecs_of(data_source)]
    if any(_of_whole_pictures(codec) for codec in codecs):
        options = {"interval": interval or photographs.INTERVAL, "perceptual": perceptual, "pictures": pictures}
        return _photographs(output, data_source, codecs, images, failed, progress=progress, **options)
    if interval or perceptual or pictures:
        raise ValueError("interval, perceptual and pictures are of photographs: give a folder of pictures as data.")
    _check_sizes(codecs)
    loaded = data.load(data_source, image_shape=(*codecs[0].tile, codecs[0].channels), fit=fit, seed=0, failed=failed)
    chosen = loaded.test[:images]
    folder = made(output)
    ours, curves, exact = _measured(chosen, codecs, progress)
    result = _figures(loaded.name, len(chosen), ours, curves, exact) | {"channels": chosen.shape[-1]}
    write(result, folder / f"codec-{result['data']}.json")
    if result["points"]:
        _draw(folder, result, ours, curves)
    return result


def _of_whole_pictures(codec: Codec) -> bool:
    return codec.what == "pictures" and codec.tile[1] == 0


def _photographs(
    output, data_source: str, codecs: list[Codec], images: int | None, failed, **options
) -> dict[str, Any]:
    """Whole pictures of a folder, which are opened before anything is written."""
    if others := [codec.name for codec in codecs if not _of_whole_pictures(codec)]:
        raise ValueError(f"models must all be of whole pictures, or all of tiles: received {', '.join(others)} too.")
    low, high = options["interval"]
    if not low < high:
        raise ValueError(f"interval must rise: received {low} to {high} dB.")
    if options["pictures"] and Path(options["pictures"]).suffix != ".png":
        raise ValueError(f"pictures must be a name in .png: received {options['pictures']}.")
    sources = open_sources([data_source], failed=failed)[:images]
    if not sources:
        raise ValueError(f"data must hold pictures: none of {data_source} can be read.")
    name = Path(data_source).resolve().stem
    return photographs.benchmark_photographs(made(output), name, sources, codecs, **options)


def _measured(images: np.ndarray, codecs: list[Codec], progress: Any):
    """What ``_lossy`` and ``_lossless`` measure."""
    formats = [name for name, image_format in ALL_FORMATS.items() if image_format.qualities]
    tried = {layout: [name for name in formats if layout == "mosaic" or name not in OF_MOSAICS] for layout in LAYOUTS}
    if images.shape[-1] > 1:
        tried = {layout: [] for layout in LAYOUTS}
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
    """Name of a codec or format → layout → bits a pixel, or per dimension."""
    exact, channels = {}, images.shape[-1]
    for codec in codecs:
        step(codec.name)
        exact[codec.name] = {"mosaic": code(images, codec, "mosaic")[0].bits_per_pixel / channels}
    for name in (name for name, image_format in ALL_FORMATS.items() if not image_format.qualities):
        exact[name] = {}
        for layout in LAYOUTS:
            step(f"{name}, {layout}")
            exact[name][layout] = RateDistortion(images, name, layout).measure().bits_per_pixel / channels
    lzma_bytes = len(lzma.compress(images.tobytes(), preset=9 | lzma.PRESET_EXTREME))
    return exact | {"lzma": {"mosaic": 8 * lzma_bytes / images.size}}


def _figures(
    data_name: str, images: int, ours: dict[str, list[Measurement]], curves: Curves, exact: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """What ``benchmark_codec`` returns, of what ``_measured`` found with so many images."""
    points = [m for layout in LAYOUTS for m in [*ours[layout], *itertools.chain(*curves[layout].values())]]
    return {
        "data": data_name,
        "images": images,
        "bd_rate": {
            name: bd_rate(_points(curve), _points(ours["mosaic"]), *INTERVAL)
            for name, curve in curves["mosaic"].items()
        },
        "files": [_beside(m, curves["files"], images) for m in ours["files"]],
        "lossless": exact,
        "points": [
            {k: v for k, v in vars(m).items() if k != "seconds"}
            for m in sorted(points, key=lambda m: (m.layout, m.format))
        ],
    }


def _check_sizes(codecs: list[Codec]) -> None:
    tiles = {(*codec.tile, codec.channels): codec.name for codec in codecs}
    if len(tiles) > 1:
        sizes = ", ".join(f"{name} of {' × '.join(map(str, tile))}" for tile, name in tiles.items())
        raise ValueError(f"models must be of one size of pictures: received {sizes}.")


def _codecs_of(data_source: str) -> list[str]:
    """The models that data is compressed with: those trained on it, or, of other data, on fashion_mnist."""
    shipped = {
        name: registry.data_of(name)
        for name in registry.list_models(pretrained=True)
        if name.partition(".")[0] in CODECS
    }
    own = data_source not in shipped.values()
    files = os.path.exists(data_source) or glob.has_magic(data_source)
    if own and files and (whole := [name for name in OF_PHOTOGRAPHS if registry.list_models(name, pretrained=True)]):
        return whole
    return [name for name, of in shipped.items() if of == ("fashion_mnist" if own else data_source)]


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
        rate = float(np.exp(log_rate(points)(ours.psnr))) if ours.psnr >= points[0][1] else points[0][0]
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
    titles = {"mosaic": "one file of all", "files": "a file an image"}
    panels = {
        titles[layout]: ({"compressor": _points(ours[layout])} if ours[layout] else {})
        | {name: _points(curve) for name, curve in curves[layout].items()}
        for layout in LAYOUTS
    }
    plots.rate_distortion(panels, output / f"codec-{result['data']}.png", psnr_range=_shown(panels))
