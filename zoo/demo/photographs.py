"""What opens the demo: photographs, compressed beside today's formats and freed from noise."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import zoo
from zoo.data import corruption
from zoo.evaluation.metrics import mean_squared_error, psnr
from zoo.evaluation.photographs import Way, at_rate, measured, ways_of

CODEC, DENOISER = "photo_compressor", "photo_denoiser"
FORMATS = ("JPEG", "WebP", "AVIF")  # that every installation has
SIGMA = 25 / 255  # of the noise
RATE = 0.2  # bits a pixel of the crops
CROPPED, TOP, LEFT, CROP = "dog", 80, 130, 128  # the crop: of which photograph, where, and pixels a side


@dataclasses.dataclass(frozen=True)
class Photograph:
    """One photograph and what became of it; pictures uint8 ``(height, width, 3)``, PSNR of RGB in dB."""

    name: str
    original: np.ndarray
    restored: np.ndarray
    bits_per_pixel: float
    psnr: float
    noisy: np.ndarray
    denoised: np.ndarray
    noisy_psnr: float
    denoised_psnr: float
    denoising_seconds: float


@dataclasses.dataclass(frozen=True)
class Photographs:
    """All that is shown of photographs.

    Attributes:
        each: the photographs, compressed at the codec's usual quality.
        curves: way of storing them → mean ``(bits per pixel, dB)`` at some qualities; ours first.
        crops: way, or ``original`` → part of one photograph, from at most ``RATE`` bits a pixel, those and the dB.
    """

    each: list[Photograph]
    curves: dict[str, list[tuple[float, float]]]
    crops: dict[str, tuple[np.ndarray, float | None, float | None]]

    def rows(self) -> list[dict[str, Any]]:
        """A row of figures for each photograph."""
        arrays = ("original", "restored", "noisy", "denoised")
        return [{k: v for k, v in vars(one).items() if k not in arrays} for one in self.each]

    def to_json(self) -> dict[str, Any]:
        crops = [
            {"way": way, "bits_per_pixel": rate, "psnr": decibels}
            for way, (_, rate, decibels) in self.crops.items()
            if rate is not None
        ]
        return {"photographs": self.rows(), "curves": self.curves, "crop": {"photograph": CROPPED, "at": crops}}


def shipped() -> bool:
    """Whether both models are there."""
    return all(zoo.list_models(name, pretrained=True) for name in (CODEC, DENOISER))


def of_the_zoo(pictures: dict[str, np.ndarray], seed: int, advance: Callable[[str], None]) -> Photographs:
    """``measure`` with the zoo's own models."""

    def denoise(picture: np.ndarray) -> np.ndarray:
        return zoo.denoise(picture, DENOISER)

    return measure(pictures, zoo.Codec(CODEC), denoise, seed=seed, advance=advance)


def steps(pictures: dict[str, np.ndarray]) -> int:
    """How often ``measure`` reports."""
    return 2 * len(pictures) + 1 + len(FORMATS)


def measure(
    pictures: dict[str, np.ndarray],
    codec: Any,
    denoise: Callable[[np.ndarray], np.ndarray],
    *,
    seed: int = 0,
    advance: Callable[[str], None] = lambda what: None,
) -> Photographs:
    """Compresses and denoises photographs.

    Args:
        pictures: name → uint8 ``(height, width, 3)``; one of them is ``CROPPED``.
        codec: a ``zoo.Codec`` with qualities.
        denoise: uint8 picture → cleaned one.
        seed: of the noise.
        advance: called ``steps`` times, before each step, with what comes next.
    """
    ways = [way for way in ways_of([codec])[0] if way.steps and way.name in (codec.name, *FORMATS)]
    each = [_one(name, picture, codec, denoise, seed, advance) for name, picture in pictures.items()]
    curves: dict[str, list[tuple[float, float]]] = {}
    crops: dict[str, tuple[np.ndarray, float | None, float | None]] = {
        "original": (_crop(pictures[CROPPED]), None, None)
    }
    for way in ways:
        advance(f"photographs by {way.name}")
        curves[_short(way)] = [_mean(way, pictures, quality) for quality in way.qualities[::2]]
        found, restored = at_rate(way, pictures[CROPPED], RATE)
        crops[_short(way)] = (_crop(restored), found["bits_per_pixel"], found["psnr"])
    return Photographs(each, curves, crops)


def _one(name: str, picture: np.ndarray, codec: Any, denoise, seed: int, advance) -> Photograph:
    advance(f"compressing the photograph {name}")
    data = codec.compress(picture)
    restored = codec.decompress(data).reshape(picture.shape)
    noisy = corruption.gaussian(picture[None] / np.float32(255), SIGMA, seed)[0]
    noisy = np.rint(255 * np.clip(noisy, 0, 1)).astype(np.uint8)
    advance(f"denoising the photograph {name}")
    started = time.perf_counter()
    denoised = denoise(noisy)
    seconds = time.perf_counter() - started
    decibels = (psnr(mean_squared_error(picture[None], other[None])) for other in (restored, noisy, denoised))
    compressed, before, after = decibels
    rate = 8 * len(data) / picture[..., 0].size
    return Photograph(name, picture, restored, rate, compressed, noisy, denoised, before, after, seconds)


def _mean(way: Way, pictures: dict[str, np.ndarray], quality: Any) -> tuple[float, float]:
    """Bits a pixel and dB."""
    found = [measured(way, picture, quality)[0] for picture in pictures.values()]
    rate, decibels = (float(np.mean([min(one[key], 99.0) for one in found])) for key in ("bits_per_pixel", "psnr"))
    return rate, decibels


def _crop(picture: np.ndarray) -> np.ndarray:
    return picture[TOP : TOP + CROP, LEFT : LEFT + CROP]


def _short(way: Way) -> str:
    return way.name.partition(".")[0]
