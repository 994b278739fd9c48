"""The codec beside today's image formats on photographs: one file a picture, every byte of it counted."""

import dataclasses
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from zoo import evaluation, plots
from zoo.codec import Codec
from zoo.evaluation.photographs import Way, at_rate, measured, one_core, ways_of
from zoo.experiments.output import write
from zoo.experiments.rates import bd_rate
from zoo.io.pictures import Source

INTERVAL = (25.0, 32.0)  # dB that BD-rates are taken over, as far as both curves reach
RATES = (0.1, 0.2, 0.4)  # bits a pixel at which pictures are looked at
ANCHOR, YARDSTICK = "JPEG", "AVIF"  # of BD-rates, and of times
CROP = 192  # pixels a side of the crops to look at


def benchmark_photographs(
    output: Path,
    name: str,
    sources: Sequence[Source],
    codecs: Sequence[Codec],
    *,
    interval: tuple[float, float] = INTERVAL,
    perceptual: bool = False,
    pictures: str | os.PathLike | None = None,
    progress: Any = None,
) -> dict[str, Any]:
    """Measures codecs of whole pictures and the formats of ``PHOTOGRAPHS``, picture by picture, on one core.

    Args:
        output: folder for ``codec-NAME.json`` and ``codec-NAME.png``.
        name: of the pictures.
        sources: of them; grey ones are measured in three equal channels.
        codecs: with qualities, or lossless.
        interval: dB that BD-rates are taken over.
        perceptual: whether MS-SSIM and SSIMULACRA 2 are measured too, at ``RATES``; some seconds a file.
        pictures: a PNG file for crops at ``RATES``; None for none.
        progress: a started ``rich.progress.Progress``.

    Returns:
        ``points``: of each way and quality, the means of the pictures' bits a pixel and PSNR of RGB in dB, and the
        medians of the seconds; ``bd_rate`` against JPEG in percent, by format, with its interval; ``times``: seconds
        near the interval's middle, and their ratios to AVIF's, medians of the pictures'; ``lossless``: bits a pixel;
        ``perceptual``: the means at ``RATES``; ``settings``; ``absent``: formats whose package is not installed.
    """
    ways, absent = ways_of(codecs)
    found = _found(sources, ways, RATES if perceptual or pictures else (), perceptual, progress)
    curves: dict[str, list[dict[str, Any]]] = {way.name: [] for way in ways if way.steps}
    for key, rows in found.files.items():
        if key[1] is not None:
            curves[key[0]].append(_mean(key, rows))
    points = {which: [(p["bits_per_pixel"], p["psnr"]) for p in curve if p["psnr"]] for which, curve in curves.items()}
    number = len(next(iter(found.files.values())))
    result = {
        "data": name,
        "pictures": number,
        "interval": list(interval),
        "bd_rate": {w: bd_rate(points[ANCHOR], curve, *interval) for w, curve in points.items() if w != ANCHOR},
        "times": _times(found.files, curves, sum(interval) / 2),
        "points": sum(curves.values(), []),
        "lossless": {key[0]: _mean(key, rows) for key, rows in found.files.items() if key[1] is None},
        "perceptual": _at_rates(found.at_rates),
        "settings": {way.name: way.settings for way in ways},
        "absent": absent,
    }
    write(result, output / f"codec-{name}.json")
    most = interval[1] + 4
    shown = {which: [p for p in curve if p[1] <= most] or curve[:1] for which, curve in points.items() if curve}
    least = min(decibels for curve in shown.values() for _, decibels in curve)
    panels = {f"{number:,} photograph{'s' * (number > 1)}, a file each": shown}
    plots.rate_distortion(panels, output / f"codec-{name}.png", psnr_range=(least - 0.5, most))
    if pictures:
        _draw(found, list(curves), Path(pictures))
    return result


@dataclasses.dataclass
class _Found:
    """What was measured: a row for each picture, by way and quality; at ``RATES``; and crops of those."""

    files: dict[tuple[str, Any], list[dict[str, float]]]
    at_rates: list[dict[str, Any]]
    crops: list[tuple[str, list[np.ndarray]]]


def _found(sources, ways: list[Way], rates: Sequence[float], perceptual: bool, progress: Any) -> _Found:
    """Measures one picture after the other, so that whatever else the machine does meets all ways alike."""
    shown = [way for way in ways if way.steps]
    total = sum(source.count for source in sources) * (sum(len(w.qualities) for w in ways) + len(rates) * len(shown))
    task = progress and progress.add_task("", total=total, status="")

    def step(what: str) -> None:
        if progress:
            progress.update(task, description=what, advance=1)

    found = _Found({}, [], [])
    with one_core():
        for label, picture in _pictures(sources):
            for way in ways:
                for quality in way.qualities:
                    step(f"{label}, {way.name}")
                    found.files.setdefault((way.name, quality), []).append(measured(way, picture, quality)[0])
            for rate in rates:
                row = [_cropped(picture)]
                for way in shown:
                    step(f"{label}, {way.name}, {rate} bits a pixel")
                    at, restored = at_rate(way, picture, rate)
                    row.append(_cropped(restored))
                    if perceptual:
                        at["ms_ssim"] = evaluation.ms_ssim(picture, restored)
                        at["ssimulacra2"] = evaluation.ssimulacra2(picture, restored)
                    found.at_rates.append({"rate": rate, "format": way.name, "picture": label, **at})
                found.crops.append((f"{label}, {rate} bits a pixel", row))
    return found


def _pictures(sources: Sequence[Source]) -> Iterator[tuple[str, np.ndarray]]:
    for source in sources:
        for index in range(source.count):
            (picture,) = source.read(index, index + 1)
            label = source.name if source.count == 1 else f"{source.name} {index}"
            yield label, np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))


def _mean(key: tuple[str, Any], rows: list[dict[str, float]]) -> dict[str, Any]:
    means = {name: float(np.mean([row[name] for row in rows])) for name in ("bits_per_pixel", "psnr")}
    if math.isinf(means["psnr"]):
        means["psnr"] = None  # JSON has no infinity
    seconds = {name: median(row[name] for row in rows) for name in ("encode_seconds", "decode_seconds")}
    return {"format": key[0], "quality": key[1], **means, **seconds}


def _times(files: dict, curves: dict[str, list[dict]], decibels: float) -> list[dict[str, Any]]:
    """Seconds of each way at the quality whose PSNR is nearest to some dB, beside AVIF's of the same pictures."""
    chosen = {
        name: files[name, min(curve, key=lambda p: abs((p["psnr"] or 100) - decibels))["quality"]]
        for name, curve in curves.items()
    }
    rows = []
    for name, found in chosen.items():
        row: dict[str, Any] = {"format": name, "psnr": float(np.mean([file["psnr"] for file in found]))}
        for key in ("encode_seconds", "decode_seconds"):
            row[key] = median(file[key] for file in found)
            if YARDSTICK in chosen:
                ratios = [ours[key] / theirs[key] for ours, theirs in zip(found, chosen[YARDSTICK], strict=True)]
                row[key.replace("seconds", f"to_{YARDSTICK.lower()}")] = median(ratios)
        rows.append(row)
    return rows


def _at_rates(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The means over the pictures, by rate and format; ``above`` counts those whose lowest quality takes more."""
    rows = []
    for rate, name in dict.fromkeys((row["rate"], row["format"]) for row in found):
        mine = [row for row in found if (row["rate"], row["format"]) == (rate, name)]
        keys = [key for key in ("bits_per_pixel", "psnr", "ms_ssim", "ssimulacra2") if key in mine[0]]
        above = sum(row["bits_per_pixel"] > rate for row in mine)
        rows.append(
            {"rate": rate, "format": name, **{k: float(np.mean([r[k] for r in mine])) for k in keys}, "above": above}
        )
    return rows


def _cropped(picture: np.ndarray) -> np.ndarray:
    """The middle of a picture; of a smaller one, all of it and black."""
    top, left = (max(0, (side - CROP) // 2) for side in picture.shape[:2])
    crop = picture[top : top + CROP, left : left + CROP]
    return np.pad(crop, [(0, CROP - side) for side in crop.shape[:2]] + [(0, 0)])


def _draw(found: _Found, names: list[str], path: Path) -> None:
    """A row for each picture and rate: the original, and what each way makes of it, with its rate and dB."""
    rows = {}
    for index, (label, row) in enumerate(found.crops):
        at = found.at_rates[index * len(names) : (index + 1) * len(names)]
        lines = [f"{one['format']}: {one['bits_per_pixel']:.2f}, {one['psnr']:.1f} dB" for one in at]
        rows["\n".join([label, *lines])] = np.stack(row)
    plots.image_rows(rows, path, columns=["original", *names], scale=1)
