"""A pixel predictor's tables with drawn weights, made without training."""

import numpy as np

from zoo import artifacts
from zoo.codec import lattice
from zoo.exporting.pixels import arrays_of

UNITS = 6
rng = np.random.default_rng(0)


class Layer:
    def __init__(self, *shape, scale):
        self.weights = [rng.normal(0, scale, shape), rng.normal(0, 0.1, shape[-1:])]

    def get_weights(self):
        return self.weights


class Drawn:
    """What ``zoo.exporting.pixels`` asks of a model."""

    units = UNITS

    def __init__(self):
        self.networks = {}

    def network(self, kind, plane, level):
        count = lattice.features_of(kind, plane)
        made = Layer(count, UNITS, scale=0.2), Layer(UNITS, UNITS, scale=0.4), Layer(UNITS + count, 2, scale=0.02)
        return self.networks.setdefault((kind.name, plane, level), made)


def slopes(*shape, seed=0) -> np.ndarray:
    """Smooth pictures with a little noise, uint8 of a shape ``(height, width, channels)``."""
    draw = np.random.default_rng(seed)
    rows, columns = np.arange(shape[0])[:, None, None], np.arange(shape[1])[None, :, None]
    smooth = 120 + 50 * np.sin(rows / 9 + np.arange(shape[2])) + 40 * np.cos(columns / 13)
    return np.clip(np.rint(smooth + draw.normal(0, 2, shape)), 0, 255).astype(np.uint8)


def arrays() -> dict[str, np.ndarray]:
    return arrays_of(Drawn(), slopes(40, 48, 3)[None])


def write(folder, tables):
    """An artefact of these tables."""
    folder.mkdir()
    np.savez(folder / "pixels.npz", **tables)
    artifacts.write_manifest(folder, declared={"codec": {"coder": "pixels", "medium": "image"}})
    return folder
