"""The quality that meets a target: of bytes, of bits a pixel, or of distortion."""

import math
from collections.abc import Callable
from typing import NamedTuple

from zoo.codec.format.header import QUALITY_STEPS

CLOSE_BYTES, CLOSE_PSNR = 0.005, 0.02  # of a target's bytes, and dB, within which the search ends
SLOPE_BYTES, SLOPE_PSNR = 0.3, 1.2  # of a first guess: growth of log(bytes), and dB, from one quality to the next


class Reached(NamedTuple):
    """What a quality gives.

    Attributes:
        quality: of the coder.
        bytes: of the container.
        bits_per_pixel: of all its bytes.
        psnr: in dB; None where it was not asked for.
    """

    quality: float
    bytes: int
    bits_per_pixel: float
    psnr: float | None = None


def choose(
    measure: Callable[[float], Reached],
    qualities: tuple[float, float, float],
    *,
    bits_per_pixel: float | None = None,
    psnr: float | None = None,
    max_bytes: int | None = None,
) -> Reached:
    """The highest quality that takes no more than a target allows, or the lowest that is as near as it asks for.

    Figures grow with the quality, nearly in a straight line (of bytes their logarithm), so that a few measurements
    are enough.

    Args:
        measure: quality → what it gives.
        qualities: lowest, usual and highest.
        bits_per_pixel, psnr, max_bytes: the target, one of them.

    Raises:
        ValueError: if none or several are given, one is no number above 0, or no quality reaches it.
    """
    targets = {"bits_per_pixel": bits_per_pixel, "psnr": psnr, "max_bytes": max_bytes}
    given = {name: value for name, value in targets.items() if value is not None}
    if len(given) != 1:
        raise ValueError(f"Give one target of {', '.join(targets)}: received {', '.join(given) or 'none'}.")
    ((name, target),) = given.items()
    if not (isinstance(target, (int, float)) and 0 < target < math.inf):
        raise ValueError(f"{name} must be a number above 0: received {target!r}.")
    low, usual, high = (round(quality * QUALITY_STEPS) for quality in qualities)
    seen: dict[int, Reached] = {}

    def excess(step: int) -> float:
        """How far above the target a quality is: in dB, or in log(bytes)."""
        if step not in seen:
            seen[step] = measure(step / QUALITY_STEPS)
        found = seen[step]
        if name == "psnr":
            return (math.inf if found.psnr is None else found.psnr) - target
        return math.log((found.bytes if name == "max_bytes" else found.bits_per_pixel) / target)

    at_least = name == "psnr"
    slope, close = (SLOPE_PSNR, CLOSE_PSNR) if at_least else (SLOPE_BYTES, CLOSE_BYTES)
    below, above = low - 1, high + 1  # the highest known to lie at or below the target, the lowest above it
    step, best = usual, None
    while above - below > 1:
        found = excess(step)
        good = found >= 0 if at_least else found <= 0
        if good and (best is None or (step < best if at_least else step > best)):
            best = step
        if good and abs(found) <= close:
            break
        if found > 0 or (found == 0 and at_least):
            above = step
        else:
            below = step
        slope = _slope(seen, excess, slope)
        # A little to the good side of where the line meets the target, so that the search ends there.
        aim = (close / 2 if at_least else -close / 2) - found
        step = min(max(step + round(aim / slope * QUALITY_STEPS), below + 1), above - 1)
        if above - below > 1 and step in seen:
            step = (below + above) // 2
    if best is None:
        step = high if at_least else low
        excess(step)
        raise ValueError(_unreachable(name, target, seen[step]))
    return seen[best]


def _slope(seen: dict[int, Reached], excess: Callable[[int], float], before: float) -> float:
    """Growth from one quality to the next, by the two last measurements."""
    if len(seen) < 2:
        return before
    first, second = [*seen][-2:]
    found = (excess(second) - excess(first)) / (second - first) * QUALITY_STEPS
    return found if 0.2 * before < found < 5 * before else before


def _unreachable(name: str, target: float, found: Reached) -> str:
    if name == "psnr":
        return (
            f"psnr {target:g} cannot be reached: the highest quality, {found.quality:g}, gives {found.psnr:.2f} dB. "
            "Ask for less, or keep every pixel (--lossless)."
        )
    size = f"{found.bytes:,} bytes, {found.bits_per_pixel:.3f} bits a pixel"
    return f"{name} {target:g} cannot be reached: the lowest quality, {found.quality:g}, takes {size}."
