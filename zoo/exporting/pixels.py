"""Integer networks and tables of a trained pixel predictor."""

from pathlib import Path

import numpy as np

from zoo.codec import lattice, pixels
from zoo.codec.integers import SHIFT, IntegerDense, halving
from zoo.codec.lattice import ACTIVITIES, FEATURE, KINDS, LEVELS, PLANES
from zoo.codec.logistic import FRACTIONS, PRECISION, Logistics, counts_of
from zoo.exporting import tables
from zoo.models.pixel_predictor import PixelPredictor

SUPPORT = 127  # levels on either side of a mean; what lies beyond is escaped
REACH = 1.1  # of what hidden units were seen to reach


def write_pixels(model: PixelPredictor, images: np.ndarray, folder: Path) -> None:
    """Writes ``pixels.npz`` into a folder.

    Args:
        model: trained.
        images: uint8 ``(n, height, width, 3)``, of the training split, from which activations take their ranges.
        folder: of the artefact.
    """
    (folder / "pixels.npz").write_bytes(tables.to_bytes(arrays_of(model, images)))


def arrays_of(model: PixelPredictor, images: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of ``pixels.npz``."""
    scales = lattice.LEAST_SCALE * 2 ** (np.arange(lattice.SCALES) / lattice.SCALE_STEPS)
    activities = np.array([lattice.activity(index) for index in range(ACTIVITIES)])
    least = np.log2(activities / lattice.LEAST_SCALE) * lattice.SCALE_STEPS * pixels.SCALE_FRACTION
    unit = FEATURE / pixels.QUARTERS * 2**pixels.RECIPROCAL_SHIFT
    found = {
        "counts": _counts(scales),
        "index": np.array([lattice.index_of(value) for value in range(lattice.MOST_ACTIVITY + 1)], np.uint8),
        "reciprocals": np.round(unit / activities).astype(np.int32),
        "spreads": np.round(activities * FRACTIONS / pixels.MEAN_FRACTION * 2**SHIFT).astype(np.int32),
        "steps": np.round(least).astype(np.int32),
        "start": np.array([lattice.SCALES - 1] * PLANES, np.int32),
    }
    return found | _networks(model, found, images)


def _counts(scales: np.ndarray) -> np.ndarray:
    """Counts of the mixtures that the model is trained with (``zoo.codec.lattice``)."""
    wide = counts_of(lattice.WIDENING * scales + lattice.WIDENED, SUPPORT)
    counts = (1 - lattice.WIDE) * counts_of(scales, SUPPORT) + lattice.WIDE * wide
    counts = np.maximum(np.round(counts), 1).astype(np.int64)
    places = counts.argmax(axis=-1)[..., None]
    rest = 2**PRECISION - counts.sum(axis=-1, keepdims=True)
    np.put_along_axis(counts, places, np.take_along_axis(counts, places, -1) + rest, -1)
    return counts.astype(np.uint32)


def _networks(model: PixelPredictor, found: dict, images: np.ndarray) -> dict[str, np.ndarray]:
    """The networks' integers, side by side; the first layer's rows, and the last's, are filled up with zeros."""
    most, number = lattice.features_of(KINDS[-1], PLANES - 1), PLANES * len(KINDS) * LEVELS
    units = model.units
    arrays = {
        "first": np.zeros((number, most, units), np.int8), "second": np.zeros((number, units, units), np.int8),
        "out": np.zeros((number, units + most, 2), np.int8),
        **{f"{name}_bias": np.zeros((number, units), np.int32) for name in ("first", "second")},
        **{f"{name}_shift": np.zeros((number, units), np.uint8) for name in ("first", "second")},
        "out_bias": np.zeros((number, 2), np.int32), "out_multiplier": np.zeros((number, 2), np.int32),
    }  # fmt: skip
    reach = _reach(model, found, images)
    for place, key in enumerate(np.ndindex(PLANES, len(KINDS), LEVELS)):
        weights = _weights(model, key)
        layers = _integers(weights, reach[key])
        for name, layer in zip(("first", "second", "out"), layers, strict=True):
            arrays[name][place, : len(layer.weights)] = layer.weights
            arrays[f"{name}_bias"][place] = layer.bias
            if name == "out":
                arrays["out_multiplier"][place] = layer.multiplier
            else:
                arrays[f"{name}_shift"][place] = SHIFT - np.log2(layer.multiplier)
    return arrays


def _integers(weights, reach) -> list[IntegerDense]:
    """The three layers of a network."""
    (first, first_bias), (second, second_bias), (out, out_bias) = weights
    most, features = pixels.MOST_HIDDEN, 1 / FEATURE
    one = halving(first, features, reach[0], most)
    two = halving(second, one, reach[1], most)
    fractions = 1 / np.array([pixels.MEAN_FRACTION, pixels.SCALE_FRACTION * lattice.SCALE_STEPS])
    last = np.append(two, np.full(len(out) - len(two), features))
    return [
        IntegerDense.of(first, first_bias, features, one),
        IntegerDense.of(second, second_bias, one, two),
        IntegerDense.of(out, out_bias, last, fractions),
    ]


def _weights(model: PixelPredictor, key) -> list[tuple[np.ndarray, np.ndarray]]:
    plane, kind, level = key
    layers = model.network(KINDS[kind], plane, level)
    return [tuple(np.array(weight, np.float64) for weight in layer.get_weights()) for layer in layers]


class _Watched:
    """A network in floating point that remembers how far its hidden units reach."""

    def __init__(self, weights):
        self.weights, self.reach = weights, np.zeros((2, len(weights[1][0])))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        x = features = features / FEATURE
        for number, (kernel, bias) in enumerate(self.weights[:2]):
            x = np.maximum(x @ kernel + bias, 0)
            self.reach[number] = np.maximum(self.reach[number], REACH * x.max(axis=0, initial=0))
        kernel, bias = self.weights[2]
        found = np.concatenate([x, features], axis=1) @ kernel + bias
        return np.round(found * (pixels.MEAN_FRACTION, pixels.SCALE_FRACTION * lattice.SCALE_STEPS)).astype(np.int64)


def _reach(model: PixelPredictor, found: dict, images: np.ndarray) -> dict:
    """How far the hidden units of each network reach on some pictures."""
    networks = {key: _Watched(_weights(model, key)) for key in np.ndindex(PLANES, len(KINDS), LEVELS)}
    names = ("index", "reciprocals", "spreads", "steps", "start")
    float_tables = pixels.PixelTables(Logistics(found["counts"]), *(found[name] for name in names), networks)
    for image in images:
        planes = pixels.Planes(float_tables, *image.shape[:2])
        for values in pixels.to_planes(image):
            for now, take in planes.passes():
                take(values[now.places])
    return {key: network.reach for key, network in networks.items()}
