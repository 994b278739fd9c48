"""What a pixel predictor's integer networks know of each pixel: features, mean and scale, the same on every machine.

All that decides a symbol are integers below 2^24 in float32, whose sums are exact in any order: see
``zoo.codec.integers``.
"""

import dataclasses
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from zoo.codec import lattice
from zoo.codec.integers import EXACT, SHIFT, IntegerDense, shifted
from zoo.codec.lattice import ACTIVITIES, FEATURE, KINDS, LEVELS, MARGIN, MOST_FEATURE, NEAR, PLANES, Kind
from zoo.codec.logistic import FRACTIONS, Logistics
from zoo.codec.tables import read_arrays

QUARTERS = 4  # features are made of quarters of a level
RECIPROCAL_SHIFT = 7  # bits of a reciprocal's fraction
MOST_RECIPROCAL = 8191  # so that its product with the largest difference stays below 2^24
LOG_FEATURE = 16  # of a step between two activities' indices
MOST_LOG = ACTIVITIES * LOG_FEATURE
MOST_HIDDEN = 1023  # of an activation
MEAN_FRACTION = 256  # of the activity, in a network's mean
SCALE_FRACTION = 16  # of a scale's step, in a network's scale
MOST_MEAN, MOST_ERROR, MOST_VALUE = 512, 510, 511  # levels; values beyond are no pixel's
BLOCK = 1 << 13  # pixels at a time: as many as the processor's cache likes

Network = Callable[[np.ndarray], np.ndarray]
"""Features, float32 ``(n, features)``, to mean and scale, int64 ``(n, 2)``, in the fractions above."""

_ARRAYS = (
    "counts", "index", "reciprocals", "spreads", "steps", "start", "first", "first_bias", "first_shift", "second",
    "second_bias", "second_shift", "out", "out_bias", "out_multiplier",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class IntegerNetwork:
    """Two hidden layers, and one that sees the features too."""

    first: IntegerDense
    second: IntegerDense
    out: IntegerDense

    def __call__(self, features: np.ndarray) -> np.ndarray:
        units = len(self.second.weights)
        hidden = self.second.rectified(self.first.rectified(features, MOST_HIDDEN), MOST_HIDDEN)
        sums = hidden @ self.out.weights[:units] + features @ self.out.weights[units:]
        return shifted((sums.astype(np.int64) + self.out.bias) * self.out.multiplier, SHIFT)

    def check(self, count: int) -> None:
        """That all sums stay exact.

        Raises:
            ValueError: if one could not.
        """
        units = len(self.second.weights)
        features = np.full(count, max(MOST_FEATURE, MOST_LOG), np.float64)
        hidden = np.full(units, MOST_HIDDEN, np.float64)
        for layer, most in (
            (self.first, features), (self.second, hidden), (self.out, np.append(hidden, features)),
        ):  # fmt: skip
            layer.check(most)
            half = np.abs(layer.bias) + (0 if layer is self.out else (1 << SHIFT - 1) // layer.multiplier)
            if (most @ np.abs(layer.weights).astype(np.float64) + half).max() >= EXACT and layer is not self.out:
                raise ValueError("its biases could take sums beyond 2^24: they are not those of an integer network")


@dataclasses.dataclass(frozen=True)
class PixelTables:
    """The contents of a model's ``pixels.npz``.

    Attributes:
        logistics: the distributions.
        index: uint8 ``(2^14,)``, of an activity in sixteenths.
        reciprocals: int32 ``(36,)``, of each index, from quarters of a level to features, in 1/128.
        spreads: int32 ``(36,)``, from a network's mean to sixteenths of a level, in 1/2^16.
        steps: int32 ``(36,)``, scale of the activity itself, in sixteenths of a scale's step.
        start: int32 ``(3,)``, scales of the pixels of each plane that have no neighbours.
        networks: by plane, number of the kind, and level.
    """

    logistics: Logistics
    index: np.ndarray
    reciprocals: np.ndarray
    spreads: np.ndarray
    steps: np.ndarray
    start: np.ndarray
    networks: dict[tuple[int, int, int], Network]

    @classmethod
    def read(cls, path: Path) -> "PixelTables":
        """Reads ``pixels.npz``.

        Raises:
            ValueError: if it is no such file, or contradicts itself; the message names it.
        """
        try:
            return cls.of(read_arrays(path, _ARRAYS))
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} holds no tables of pixels: {' '.join(str(error).split())}") from None

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray]) -> "PixelTables":
        """From the arrays of the file.

        Raises:
            ValueError: if they contradict each other.
        """
        logistics = Logistics(arrays["counts"])
        units = arrays["second"].shape[-1]
        most, number = lattice.features_of(KINDS[-1], PLANES - 1), PLANES * len(KINDS) * LEVELS
        for name, dtype, shape in (
            ("index", np.uint8, (lattice.MOST_ACTIVITY + 1,)),
            *((name, np.int32, (ACTIVITIES,)) for name in ("reciprocals", "spreads", "steps")),
            ("start", np.int32, (PLANES,)),
            ("first", np.int8, (number, most, units)), ("second", np.int8, (number, units, units)),
            ("out", np.int8, (number, units + most, 2)),
            *((name, np.int32, (number, units)) for name in ("first_bias", "second_bias")),
            *((name, np.uint8, (number, units)) for name in ("first_shift", "second_shift")),
            *((name, np.int32, (number, 2)) for name in ("out_bias", "out_multiplier")),
        ):  # fmt: skip
            if arrays[name].dtype != dtype or arrays[name].shape != shape:
                raise ValueError(f"{name} must be {np.dtype(dtype)} {shape}.")
        for name, least, largest in (
            ("index", 0, ACTIVITIES - 1), ("reciprocals", 1, MOST_RECIPROCAL), ("spreads", 1, 2**23),
            ("steps", -(2**12), 2**12), ("start", 0, logistics.scales - 1),
            ("first_shift", 1, SHIFT), ("second_shift", 1, SHIFT),
        ):  # fmt: skip
            if arrays[name].min() < least or arrays[name].max() > largest:
                raise ValueError(f"{name} must be from {least} to {largest}.")
        networks = {}
        for number, key in enumerate(np.ndindex(PLANES, len(KINDS), LEVELS)):
            count = lattice.features_of(KINDS[key[1]], key[0])
            hidden = (_halving(arrays, name, number, count) for name in ("first", "second"))
            last = arrays["out"][number, : units + count], arrays["out_bias"][number], arrays["out_multiplier"][number]
            out = IntegerDense(last[0].astype(np.float32), last[1].astype(np.int64), last[2].astype(np.int64))
            networks[key] = IntegerNetwork(*hidden, out)
            networks[key].check(count)
        return cls(
            logistics, *(arrays[name] for name in ("index", "reciprocals", "spreads", "steps", "start")), networks
        )


def _halving(arrays, name: str, number: int, count: int) -> IntegerDense:
    weights = arrays[name][number].astype(np.float32)
    return IntegerDense(
        np.ascontiguousarray(weights[:count] if name == "first" else weights),
        arrays[f"{name}_bias"][number].astype(np.int64),
        1 << (SHIFT - arrays[f"{name}_shift"][number].astype(np.int64)),
    )


@dataclasses.dataclass
class Pass:
    """Pixels that are coded at once.

    Attributes:
        means: int64 ``(rows, columns)``, sixteenths of a level.
        scales: int64, indices, of the same shape.
        places: of the plane.
    """

    means: np.ndarray
    scales: np.ndarray
    places: tuple[slice, slice]


class Planes:
    """Planes of a picture, whose passes are run through one after the other, each once its pixels are known.

    Args:
        tables: of the model.
        height, width: of a plane.
    """

    def __init__(self, tables: PixelTables, height: int, width: int):
        self.tables, self.shape = tables, (height, width)
        self.known: list[tuple[np.ndarray, np.ndarray]] = []  # values and errors of the planes before

    def passes(self) -> Iterator[tuple[Pass, Callable[[np.ndarray], None]]]:
        """The passes of the next plane, and for each what has to be told its values before the next is asked for."""
        height, width = self.shape
        values, errors = np.zeros(self.shape, np.int16), np.zeros(self.shape, np.int16)
        coarsest = lattice.COARSEST
        sparse = slice(0, height, coarsest), slice(0, width, coarsest)
        shape, number = values[sparse].shape, min(len(self.known), PLANES - 1)
        middle = 128 if number == 0 else 0
        first = np.full(shape, middle * FRACTIONS), np.full(shape, self.tables.start[number], np.int64)

        def take(found: Pass, new: np.ndarray) -> None:
            values[found.places] = new
            if found.places != sparse:
                wrong = new - ((found.means + FRACTIONS // 2) >> 4)
                errors[found.places] = np.clip(wrong, -MOST_ERROR, MOST_ERROR)

        found = Pass(*first, sparse)
        yield found, lambda new: take(found, new)
        spacing = coarsest // 2
        while spacing:
            yield from self._level(spacing, number, values, errors, take)
            spacing //= 2
        self.known.append((values, errors))

    def _level(self, spacing, number, values, errors, take):
        others = [tuple(_padded(array, spacing) for array in pair) for pair in self.known]
        for index, kind in enumerate(KINDS):
            places = tuple(
                slice(start * spacing, side, 2 * spacing)
                for start, side in zip((kind.row, kind.column), self.shape, strict=True)
            )
            shape = values[places].shape
            if 0 in shape:
                continue
            network = self.tables.networks[number, index, lattice.level_of(spacing)]
            padded = _padded(values, spacing), _padded(errors, spacing)
            means, scales = np.empty(shape, np.int64), np.empty(shape, np.int64)
            rows = max(1, BLOCK // shape[1])
            for top in range(0, shape[0], rows):
                part = slice(top, min(top + rows, shape[0]))
                view = _View(kind, part, shape[1])
                means[part], scales[part] = self._parameters(network, view, padded, others)
            found = Pass(means, scales, places)
            yield found, lambda new, found=found: take(found, new)

    def _parameters(self, network: Network, view: "_View", own, others) -> tuple[np.ndarray, np.ndarray]:
        """Means and scales of some of a pass's pixels."""
        features, base, index = features_of(self.tables, view, own, others)
        mean, scale = network(features).T
        index = index.astype(np.int64)
        mean = np.clip(mean, -(1 << 16), 1 << 16) * self.tables.spreads[index]
        mean = shifted(mean, SHIFT) + base.astype(np.int64) * (FRACTIONS // QUARTERS)
        scale = scale + self.tables.steps[index] + SCALE_FRACTION // 2 >> 4
        shape, most = view.shape, MOST_MEAN * FRACTIONS
        return (
            np.clip(mean, -most, most).reshape(shape),
            np.clip(scale, 0, self.tables.logistics.scales - 1).reshape(shape),
        )


@dataclasses.dataclass(frozen=True)
class _View:
    """Some rows of a pass's places, on a lattice with its margin."""

    kind: Kind
    rows: slice
    columns: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.stop - self.rows.start, self.columns

    def at(self, padded: np.ndarray, offset=(0, 0)) -> np.ndarray:
        """The values at an offset from each place."""
        row = MARGIN + self.kind.row + offset[0] + 2 * self.rows.start
        column = MARGIN + self.kind.column + offset[1]
        return padded[row : row + 2 * self.shape[0] - 1 : 2, column : column + 2 * self.columns - 1 : 2]


def features_of(tables: PixelTables, view: _View, own, others) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a network sees of each place: the same as ``zoo.models.pixel_predictor`` has it, in integers.

    Args:
        tables: of the model.
        view: of the places.
        own, others: lattices of values and errors, with margins: of the plane, and of each one before it.

    Returns:
        Features, float32 ``(n, features)``; of each place four times the mean of its nearest neighbours, and its
        activity's index, ``(n,)``.
    """
    kind, shape = view.kind, view.shape
    count, number = len(kind.offsets), shape[0] * shape[1]
    linear = count + len(others) * (len(lattice.AROUND) + 2)
    total_features = lattice.features_of(kind, len(others))
    rows = np.empty((total_features, number), np.float32)
    places = rows.reshape(-1, *shape)
    for row, offset in enumerate(kind.offsets):
        places[row] = view.at(own[0], offset)
    base = rows[:NEAR].sum(axis=0)
    rows[:count] *= QUARTERS
    rows[:count] -= base
    weights = np.array(kind.weights, np.float32)
    activity = weights @ np.abs(rows[: len(weights)])
    energies = [4 * sum(np.abs(view.at(own[1], offset)) for offset in kind.offsets[:NEAR])]
    at = count
    for value, error in others:
        here, wrong = view.at(value), view.at(error)
        places[at] = QUARTERS * here - sum(view.at(value, offset) for offset in kind.offsets[:NEAR])
        places[at + 1] = QUARTERS * wrong
        for row, offset in enumerate(lattice.AROUND, at + 2):
            np.subtract(view.at(value, offset), here, out=places[row])
        rows[at + 2 : at + 2 + len(lattice.AROUND)] *= QUARTERS
        energies.append(2 * sum(np.abs(view.at(error, offset)) for offset in lattice.AROUND))
        activity += 4 * np.abs(rows[at + 1])
        at += 2 + len(lattice.AROUND)
    index = _index(tables, activity / QUARTERS)
    part = rows[:linear]
    part *= tables.reciprocals[index].astype(np.float32)
    part += 1 << RECIPROCAL_SHIFT - 1
    part *= 1 / (1 << RECIPROCAL_SHIFT)
    np.floor(part, out=part)
    np.clip(part, -MOST_FEATURE, MOST_FEATURE, out=part)
    steps = index.astype(np.float32)
    rows[linear] = (steps - ACTIVITIES // 2) * (FEATURE // 8)
    for row, energy in enumerate(energies, linear + 1):
        rows[row] = (_index(tables, energy.ravel()) - steps) * LOG_FEATURE
    return rows.T, base, index


def _index(tables: PixelTables, sixteenths: np.ndarray) -> np.ndarray:
    return tables.index[np.minimum(sixteenths, lattice.MOST_ACTIVITY).astype(np.int32)]


def _padded(plane: np.ndarray, spacing: int) -> np.ndarray:
    """A plane's lattice, float32, mirrored at its edges."""
    return np.pad(plane[::spacing, ::spacing].astype(np.float32), MARGIN, mode="reflect")


def to_planes(levels: np.ndarray) -> np.ndarray:
    """Luma and two planes of chroma, int16 ``(3, h, w)``, of colours, whole numbers ``(h, w, 3)``: "YCoCg-R"."""
    red, green, blue = np.moveaxis(levels.astype(np.int16), -1, 0)
    orange = red - blue
    middle = blue + (orange >> 1)
    chroma = green - middle
    return np.stack([middle + (chroma >> 1), orange, chroma])


def from_planes(planes: np.ndarray) -> np.ndarray:
    """The colours, int16 ``(h, w, 3)``."""
    luma, orange, chroma = planes
    middle = luma - (chroma >> 1)
    blue = middle - (orange >> 1)
    return np.stack([blue + orange, chroma + middle, blue], axis=-1)
