"""The demo's measurements, as functions of arrays: what is denoised, coded and compared."""

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from zoo.data import corruption
from zoo.demo.photographs import Photographs
from zoo.demo.samples import ATTRIBUTION, Samples
from zoo.evaluation.image_formats import FORMATS, Measurement, RateDistortion, code
from zoo.evaluation.metrics import mean_squared_error, psnr

# Name in zoo.data.corruption.STANDARD → what a reader calls it.
CORRUPTIONS = {
    "gaussian_0.3": "Gaussian noise, σ = 0.3",
    "gaussian_0.5": "Gaussian noise, σ = 0.5",
    "masking_0.5": "50 % of the pixels masked",
    "salt_and_pepper_0.3": "30 % salt and pepper",
}
# Field of ``Comparison`` → what a reader calls it.
CONDITIONS = {"same_psnr": "same PSNR", "same_rate": "same rate", "lossless": "lossless"}
# Ticks of progress that ``run`` reports: the corruptions, our codec and each format, twice.
STEPS = len(CORRUPTIONS) + 2 * (1 + len(FORMATS))


class Coder(Protocol):
    """What the demo asks of ``zoo.Codec``."""

    name: str

    def compress(self, array: np.ndarray, *, compact: bool = False) -> bytes: ...

    def decompress(self, data: bytes) -> np.ndarray: ...


@dataclasses.dataclass(frozen=True)
class Denoising:
    """One corruption of all images and its removal; images float32 ``(n, h, w, 1)``, PSNR in dB."""

    name: str
    title: str
    noisy: np.ndarray
    denoised: np.ndarray
    noisy_psnr: float
    denoised_psnr: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Our codec beside the image formats, for one way of storing the images.

    Attributes:
        layout: ``mosaic`` (all images in one file of ours, or in one large picture) or ``files``, of ours compact ones.
        ours: the codec's measurement; its ``format`` is the model's name.
        restored: the images from our file, uint8, shaped as they came.
        same_psnr: lossy format → at the quality whose PSNR is nearest to ours.
        same_rate: lossy format → at the lowest quality that spends at least our bits per pixel.
        lossless: lossless format → its one measurement.
        searched: lossy format → every quality the search came by, by rising rate.
    """

    layout: str
    ours: Measurement
    restored: np.ndarray
    same_psnr: dict[str, Measurement]
    same_rate: dict[str, Measurement]
    lossless: dict[str, Measurement]
    searched: dict[str, list[Measurement]]


@dataclasses.dataclass(frozen=True)
class Results:
    """All that the demo shows.

    Attributes:
        samples: the images, as they are.
        denoising: one entry a corruption.
        comparisons: one a layout, ``mosaic`` first.
        artefacts: files of the models used: ``{"model", "file", "bytes"}``.
        seconds: step → wall time.
        seed: of the corruptions.
        photographs: what opens the report; None where their models are not shipped.
    """

    samples: Samples
    denoising: list[Denoising]
    comparisons: list[Comparison]
    artefacts: list[dict[str, Any]]
    seconds: dict[str, float]
    seed: int
    photographs: Photographs | None = None

    def denoising_rows(self) -> list[dict[str, Any]]:
        """The denoising table."""
        return [
            {
                "corruption": d.title,
                "noisy_psnr": d.noisy_psnr,
                "denoised_psnr": d.denoised_psnr,
                "gain": d.denoised_psnr - d.noisy_psnr,
                "seconds": d.seconds,
            }
            for d in self.denoising
        ]

    def compression_rows(self) -> list[dict[str, Any]]:
        """The compression table: no ``psnr`` where nothing is lost, no ``compared_at`` for ours."""
        rows = []
        for comparison in self.comparisons:
            rows.append(_row(comparison.ours, None))
            for condition in CONDITIONS:
                rows.extend(_row(m, condition) for m in getattr(comparison, condition).values())
        return rows

    def to_json(self) -> dict[str, Any]:
        """All figures as plain values."""
        return {
            "images": len(self.samples.images),
            "source": ATTRIBUTION,
            "seed": self.seed,
            "denoising": self.denoising_rows(),
            "compression": self.compression_rows(),
            "artefacts": self.artefacts,
            "seconds": self.seconds,
            **(self.photographs.to_json() if self.photographs else {}),
        }


def run(
    samples: Samples,
    denoise: Callable[[np.ndarray], np.ndarray],
    codec: Coder,
    artefacts: list[dict[str, Any]],
    *,
    seed: int = 0,
    advance: Callable[[str], None] = lambda what: None,
) -> Results:
    """Measures everything.

    Args:
        samples: what to denoise and to code.
        denoise: float32 images ``(n, h, w, 1)`` in [0, 1] → cleaned ones.
        codec: a ``zoo.Codec``.
        artefacts: passed on to ``Results``.
        seed: of the corruptions.
        advance: called ``STEPS`` times, before each step, with what comes next.
    """
    denoising = measure_denoising(samples.images, denoise, seed=seed, advance=advance)
    started = time.perf_counter()
    mosaic, files = comparisons = [
        compare(samples.images, codec, layout, advance=advance) for layout in ("mosaic", "files")
    ]
    comparing = time.perf_counter() - started
    seconds = {
        "denoising": sum(d.seconds for d in denoising),
        "codec_one_file": mosaic.ours.seconds,
        "codec_one_file_each": files.ours.seconds,
        "image_formats": comparing - mosaic.ours.seconds - files.ours.seconds,
    }
    return Results(samples, denoising, comparisons, artefacts, seconds, seed)


def measure_denoising(
    images: np.ndarray,
    denoise: Callable[[np.ndarray], np.ndarray],
    *,
    seed: int = 0,
    advance: Callable[[str], None] = lambda what: None,
) -> list[Denoising]:
    """Corrupts uint8 images ``(n, h, w, 1)`` in each standard way and cleans them."""
    clean = images.astype(np.float32) / np.float32(255)
    results = []
    for name, title in CORRUPTIONS.items():
        advance(f"denoising: {title}")
        noisy = corruption.STANDARD[name](clean, seed)
        started = time.perf_counter()
        denoised = denoise(noisy)
        seconds = time.perf_counter() - started
        before, after = (psnr(mean_squared_error(clean, x)) for x in (noisy, denoised))
        results.append(Denoising(name, title, noisy, denoised, before, after, seconds))
    return results


def compare(
    images: np.ndarray,
    codec: Coder,
    layout: str,
    *,
    advance: Callable[[str], None] = lambda what: None,
) -> Comparison:
    """Codes uint8 images ``(n, h, w, 1)`` with ours, and with every format at our PSNR and rate."""
    advance(f"compressing: {_short(codec.name)}, {layout}")
    ours, restored = code(images, codec, layout, compact=layout == "files")
    ours = dataclasses.replace(ours, format=_short(codec.name))
    same_psnr, same_rate, lossless, searched = {}, {}, {}, {}
    for name, image_format in FORMATS.items():
        advance(f"compressing: {name}, {layout}")
        search = RateDistortion(images, name, layout)
        if not image_format.qualities:
            lossless[name] = search.measure()
            continue
        same_psnr[name] = search.at_psnr(ours.psnr)
        same_rate[name] = search.at_rate(ours.bits_per_pixel)
        searched[name] = search.measurements
    return Comparison(layout, ours, restored, same_psnr, same_rate, lossless, searched)


def _row(measurement: Measurement, condition: str | None) -> dict[str, Any]:
    row = dataclasses.asdict(measurement)
    row["psnr"] = None if math.isinf(measurement.psnr) else measurement.psnr
    return {
        "layout": row.pop("layout"),
        "format": row.pop("format"),
        "compared_at": condition,
        **row,
    }


def _short(name: str) -> str:
    """The architecture alone: the demo has one model of each."""
    return name.partition(".")[0]
