"""Signals that are something like speech."""

import numpy as np

RATE = 8000


def tones(n: int, seed: int) -> np.ndarray:
    """Something like speech: harmonics of a moving pitch in syllables, int16 ``(n,)``."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / RATE
    phase = 2 * np.pi * np.cumsum(120 + 40 * np.sin(2 * np.pi * 0.7 * t + rng.uniform(0, 6))) / RATE
    voice = sum(rng.uniform(0.2, 1) / k * np.sin(k * phase) for k in range(1, 8))
    syllables = np.clip(np.sin(2 * np.pi * 2.3 * t + rng.uniform(0, 6)), 0, None)
    return np.rint(9000 * voice * syllables + rng.normal(0, 20, n)).clip(-32768, 32767).astype(np.int16)
