"""The quality that meets a target: of bytes, of bits a pixel, or of distortion."""

import math
from collections.abc import Callable
from typing import NamedTuple, Self

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
    found = _Search(measure, name, target, [round(quality * QUALITY_STEPS) for quality in qualities]).run()
    if found.step is None:
        raise ValueError(_unreachable(name, target, found.end))
    return found.seen[found.step]


class _Search:
    """The nearest quality on the good side of a target, in steps, by where the line through two trials meets it.

    Attributes:
        seen: step → what it gives, in the order of the trials.
        step: the best; None until one is good.
    """

    def __init__(self, measure: Callable[[float], Reached], name: str, target: float, steps: list[int]):
        self._measure, self._name, self._target = measure, name, target
        self._low, self._usual, self._high = steps
        self._at_least = name == "psnr"
        self._slope, self._close = (SLOPE_PSNR, CLOSE_PSNR) if self._at_least else (SLOPE_BYTES, CLOSE_BYTES)
        self.seen: dict[int, Reached] = {}
        self.step: int | None = None

    def run(self) -> Self:
        below, above = self._low - 1, self._high + 1  # the highest known to lie below the target, the lowest above it
        step = self._usual
        while above - below > 1:
            found = self._excess(step)
            good = found >= 0 if self._at_least else found <= 0
            if good and (self.step is None or (step < self.step if self._at_least else step > self.step)):
                self.step = step
            if good and abs(found) <= self._close:
                break
            if found > 0 or (found == 0 and self._at_least):
                above = step
            else:
                below = step
            step = self._next(step, found, below, above)
        return self

    @property
    def end(self) -> Reached:
        """What the quality gives that comes nearest to a target out of reach."""
        step = self._high if self._at_least else self._low
        self._excess(step)
        return self.seen[step]

    def _excess(self, step: int) -> float:
        """How far above the target a quality is: in dB, or in log(bytes)."""
        if step not in self.seen:
            self.seen[step] = self._measure(step / QUALITY_STEPS)
        found = self.seen[step]
        if self._at_least:
            return (math.inf if found.psnr is None else found.psnr) - self._target
        return math.log((found.bytes if self._name == "max_bytes" else found.bits_per_pixel) / self._target)

    def _next(self, step: int, found: float, below: int, above: int) -> int:
        """The next quality to try."""
        self._slope = _slope(self.seen, self._excess, self._slope)
        # A little to the good side of where the line meets the target, so that the search ends there.
        aim = (self._close / 2 if self._at_least else -self._close / 2) - found
        step = min(max(step + round(aim / self._slope * QUALITY_STEPS), below + 1), above - 1)
        return (below + above) // 2 if above - below > 1 and step in self.seen else step


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
