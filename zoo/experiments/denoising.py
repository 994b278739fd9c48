"""Denoisers of photographs beside classical ones, on any folder of pictures."""

import importlib
import importlib.util
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zoo import extras
from zoo.denoising import PhotoDenoising
from zoo.experiments.output import made, write
from zoo.io import pictures

SIGMAS = (15.0, 25.0, 50.0)
PAGES, PAGE_SIZE, PAGE_SEED = 8, 448, 1
CHOSEN_ON = 3  # pictures that the strength of a classical denoiser is the best for
# Strengths that are tried, as shares of the noise's standard deviation.
TOTAL_VARIATION, NON_LOCAL_MEANS = (0.4, 0.55, 0.7, 1.0), (0.3, 0.5, 0.7, 0.9)

Denoiser = Callable[[np.ndarray], np.ndarray]
Items = list[tuple[str, Callable[[], np.ndarray]]]  # the name of each picture, and what reads it


def benchmark_denoising(
    output: str | os.PathLike,
    inputs: Sequence[str | os.PathLike],
    *,
    sigmas: Sequence[float] = SIGMAS,
    models: Sequence[str] = ("photo_denoiser",),
    seeds: int = 1,
    pages: int = PAGES,
    classical: bool = True,
    threads: int | None = None,
    progress: Any = None,
    failed: list[str] | None = None,
) -> dict[str, Any]:
    """Adds white noise to pictures, clips and rounds it to 8 bits, and measures what denoisers make of them.

    The strength of a classical one is the best of four for the first pictures themselves, which no user could know.

    Args:
        output: folder for ``denoising.json``.
        inputs: pictures and folders of pictures, of any size, grey or in colour.
        sigmas: standard deviations of the noise, of 255.
        models: names or folders of denoisers of photographs.
        seeds: draws of the noise, whose figures are averaged.
        pages: how many pages of text are drawn and measured apart; 0 for none.
        classical: whether total variation (Chambolle) is measured too and, where OpenCV is installed, non-local means.
        threads: of the models; None for all.
        progress: a started ``rich.progress.Progress``.
        failed: gets a line for each file that cannot be read, and the others are measured; None to raise instead.

    Returns:
        ``rows``: for photographs and pages, and each σ, the mean PSNR in dB of ``noisy`` and of what each denoiser
        makes; ``strengths`` of the classical ones; ``seconds``: of a picture, in the median; ``pictures``: every one's
        PSNR.

    Raises:
        ValueError: for an argument out of its range, pictures that cannot be read, a model that is no denoiser of
            photographs, or, with ``classical``, if scikit-image is missing.
    """
    _check(sigmas, seeds, pages)
    learned = {name: PhotoDenoising(name, threads=threads) for name in models}
    sets = _sets(inputs, pages, failed)
    folder, others = made(output), _classical() if classical else {}
    total = sum(map(len, sets.values())) * len(sigmas) * seeds
    task = progress and progress.add_task("denoising", total=total, status="")
    result: dict[str, Any] = {"rows": [], "strengths": [], "seconds": {}, "pictures": []}
    seconds: dict[str, list[float]] = {}
    for label, items in sets.items():
        for sigma in sigmas:
            chosen = {name: _strongest(make, items, sigma) for name, make in others.items()}
            fitted = {name: others[name](strength * sigma) for name, strength in chosen.items()}
            found = _measured(items, sigma, seeds, {**learned, **fitted}, seconds, task and (progress, task))
            result["pictures"] += [{"of": label, "sigma": sigma, **row} for row in found]
            result["rows"].append({"of": label, "sigma": sigma, "pictures": len(items), **_means(found)})
            if chosen:
                result["strengths"].append({"of": label, "sigma": sigma, **chosen})
    result["seconds"] = {name: float(np.median(times)) for name, times in seconds.items()}
    write(result, folder / "denoising.json")
    return result


def _check(sigmas: Sequence[float], seeds: int, pages: int) -> None:
    if not sigmas or not all(0 < sigma <= 255 for sigma in sigmas):
        raise ValueError(f"sigma must be above 0 and at most 255, in levels of 8 bits: received {[*sigmas]}.")
    for name, value, least in (("seeds", seeds, 1), ("pages", pages, 0)):
        if value < least:
            raise ValueError(f"{name} must be at least {least}: received {value}.")


def _sets(inputs: Sequence[str | os.PathLike], pages: int, failed: list[str] | None) -> dict[str, Items]:
    """What is measured apart: ``photographs`` and, if any are drawn, ``pages``."""
    from zoo.data import pages as drawn_pages

    sources = pictures.open_sources(inputs, failed=failed)
    if not sources:
        raise ValueError(f"None of the inputs can be read: {failed[0] if failed else 'none was given'}")
    sets: dict[str, Items] = {
        "photographs": [(s.name, lambda s=s, at=at: s.read(at, at + 1)[0]) for s in sources for at in range(s.count)]
    }
    if pages:
        drawn = drawn_pages.draw(pages, size=PAGE_SIZE, seed=PAGE_SEED)
        sets["pages"] = [(f"page {at}", lambda one=one: one) for at, one in enumerate(drawn)]
    return sets


def _measured(
    items, sigma: float, seeds: int, denoisers: dict[str, Denoiser], seconds, reported
) -> list[dict[str, Any]]:
    """A row for each picture and seed: PSNR before and after."""
    rows = []
    for seed in range(seeds):
        for index, (name, read) in enumerate(items):
            clean = read()
            noisy = _noisy(clean, sigma, seed, index)
            row = {"name": name, "seed": seed, "noisy": _psnr(clean, noisy)}
            for denoiser, run in denoisers.items():
                start = time.perf_counter()
                restored = run(noisy)
                seconds.setdefault(denoiser, []).append(time.perf_counter() - start)
                row[denoiser] = _psnr(clean, restored)
            rows.append(row)
            if reported:
                reported[0].advance(reported[1])
    return rows


def _means(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Of what ``_measured`` found, over pictures and seeds."""
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0] if key not in ("name", "seed")}


def _noisy(clean: np.ndarray, sigma: float, seed: int, index: int) -> np.ndarray:
    """A picture with noise of its own, clipped and rounded as a file of 8 bits is."""
    noise = np.random.default_rng([seed, index]).standard_normal(clean.shape)
    return np.rint(np.clip(clean + sigma * noise, 0, 255)).astype(np.uint8)


def _psnr(clean: np.ndarray, found: np.ndarray) -> float:
    """In dB, of 8-bit pictures."""
    error = np.mean((clean.astype(np.float64) - found) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def _classical() -> dict[str, Callable[[float], Denoiser]]:
    """Name → denoiser of a strength, in levels of 8 bits."""
    with extras.needed("Total variation"):
        from skimage.restoration import denoise_tv_chambolle

    def total_variation(strength: float) -> Denoiser:
        def run(noisy: np.ndarray) -> np.ndarray:
            found = denoise_tv_chambolle(noisy / np.float32(255), weight=strength / 255, channel_axis=-1)
            return np.rint(255 * np.clip(found, 0, 1)).astype(np.uint8)

        return run

    denoisers: dict[str, Callable[[float], Denoiser]] = {"total_variation": total_variation}
    if importlib.util.find_spec("cv2"):
        denoisers["non_local_means"] = _non_local_means(importlib.import_module("cv2"))
    return denoisers


def _non_local_means(cv2: Any) -> Callable[[float], Denoiser]:
    """OpenCV's, of colours in Lab."""

    def of_strength(strength: float) -> Denoiser:
        def run(noisy: np.ndarray) -> np.ndarray:
            if noisy.shape[-1] == 1:
                return cv2.fastNlMeansDenoising(noisy[..., 0], None, strength, 7, 21)[..., None]
            found = cv2.fastNlMeansDenoisingColored(noisy[..., ::-1].copy(), None, strength, strength, 7, 21)
            return found[..., ::-1]

        return run

    return of_strength


def _strongest(make: Callable[[float], Denoiser], items, sigma: float) -> float:
    """The share of σ that is best for the first pictures."""
    shares = TOTAL_VARIATION if make.__name__ == "total_variation" else NON_LOCAL_MEANS
    few = [(clean, _noisy(clean, sigma, 0, at)) for at, clean in enumerate(read() for _, read in items[:CHOSEN_ON])]
    return max(shares, key=lambda share: sum(_psnr(clean, make(share * sigma)(noisy)) for clean, noisy in few))
