"""Signals as spectrograms."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.plots.style import new_figure, saved, style, with_palette

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def spectrograms(
    rows: Mapping[str, np.ndarray],
    path: str | os.PathLike | None = None,
    *,
    rate: int,
    title: str | None = None,
) -> "Figure":
    """Draws signals as spectrograms, one above the other, in dB below the strongest of the first one.

    Args:
        rows: label → samples ``(n,)``, of one length.
        path: to save to.
        rate: in Hz.
        title: above them.

    Raises:
        ValueError: if there are no rows, their lengths differ, or the path cannot be written.
    """
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    lengths = {len(samples) for samples in rows.values()}
    if len(lengths) != 1:
        raise ValueError(f"rows must hold signals of one length: received {sorted(lengths)}.")
    number, size = lengths.pop(), 256
    transform = ShortTimeFFT(hann(size, sym=False), size // 4, rate)
    power = {label: np.abs(transform.stft(np.asarray(samples, np.float64))) ** 2 for label, samples in rows.items()}
    top = max(float(next(iter(power.values())).max()), 1e-300)
    with style():
        figure = new_figure(7.2, 0.4 + 1.5 * len(rows), layout="constrained")
        grid, image = np.ravel(figure.subplots(len(rows), 1, sharex=True)), None
        for axes, (label, values) in zip(grid, power.items(), strict=True):
            decibel = 10 * np.log10(np.maximum(values / top, 1e-6))
            image = axes.imshow(
                decibel, origin="lower", aspect="auto", cmap="cividis", vmin=-60, vmax=0,
                extent=(*transform.extent(number)[:2], 0, rate / 2000),
            )  # fmt: skip
            axes.set(title=label, ylabel="kHz", xlim=(0, number / rate))
            axes.grid(False)
        grid[-1].set_xlabel("seconds")
        assert image is not None
        figure.colorbar(image, ax=list(grid), label="dB", shrink=0.8)
        if title:
            figure.suptitle(title, weight="bold")
        saved(figure, path)
        if path is not None and Path(path).suffix.lower() == ".png":
            with_palette(path)
        return figure
