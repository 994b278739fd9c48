"""Curves of rate and PSNR: Bjøntegaard's difference, and the interpolation that it rests on."""

from collections.abc import Sequence

import numpy as np

from zoo import extras


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
    percent = bjontegaard().bd_rate(
        anchor_rate, anchor_psnr, rate, decibels, method="pchip", require_matching_points=False, min_overlap=0
    )
    return {"percent": float(percent), "low": low, "high": high}


def bjontegaard():
    """The library.

    Raises:
        ValueError: if it is missing.
    """
    with extras.needed("A BD-rate"):
        import bjontegaard
    return bjontegaard


def _cut(points: list[tuple[float, float]], low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Rates and PSNR of a curve between two PSNR, with its interpolated ends."""
    grid = np.array([low, *(d for _, d in points if low < d < high), high])
    return np.exp(log_rate(points)(grid)), grid


def log_rate(points: list[tuple[float, float]]):
    """The logarithm of the rate as a function of PSNR."""
    from scipy.interpolate import PchipInterpolator

    rates, decibels = np.transpose(points)
    decibels, first = np.unique(decibels, return_index=True)
    return PchipInterpolator(decibels, np.log(rates[first]))
