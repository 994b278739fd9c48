"""The order in which a grid of latents is decoded, and what is known of each from those before it, in exact integers.

Latents are integers ``(rows, columns, channels)``, in groups of channels. A pass decodes some channels at some
positions at once, by a mean and a scale for each that a small network computes from what is decoded already::

    symbols → compressed values (a table of about 16 · log(1 + |v|)) → field k×k + bias of the quality → 0 … 255
            → hidden → 0 … 255 → out → mean in sixteenths, index of a scale
    symbols → field k×k, linear → added to the mean

All of it is integer arithmetic (``zoo.codec.integers``), so that every machine decodes the same symbols.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from zoo.codec.format.header import QUALITY_STEPS
from zoo.codec.integers import IntegerDense, activation, interpolated, shifted

LATTICES = (4, 2, 1)  # spacings at which the first group is refined
MOST = 4095  # of a symbol's magnitude
FEATURE_STEPS = 16  # to 1 of the compressed values
FEATURES = np.round(FEATURE_STEPS * np.log1p(np.arange(MOST + 1))).astype(np.float32)
SCALE_LOW, SCALE_STEP, SCALES = -3.2, 1 / 7, 64  # log scales −3.2 … 5.8
SCALE_BITS = 4  # of an index of a scale's fraction before it is rounded
LINEAR_BITS = 12  # of a linear weight's fraction
QUALITY_BITS = QUALITY_STEPS.bit_length() - 1
MARGIN = 8  # positions around the grid that no field leaves
BLOCK = 4096  # positions whose fields are in memory at once


@dataclasses.dataclass(frozen=True)
class Pass:
    """Latents that are decoded at once: some channels, at some positions of the grid.

    Attributes:
        start, channels: of the group; all channels below ``start`` are known everywhere.
        kind: which positions: ``sparse``, ``even``, ``diagonal`` or ``straight`` (``positions``).
        spacing: of the lattice, in positions of the grid.
        kernel_size: of the field that the pass sees, dilated by ``spacing``.
    """

    start: int
    channels: int
    kind: str
    spacing: int = 1
    kernel_size: int = 3

    @property
    def refines(self) -> bool:
        """Whether some positions of its own channels are known before it."""
        return self.kind in ("diagonal", "straight")

    @property
    def known(self) -> int:
        """Channels that it sees."""
        return self.start + (self.channels if self.refines else 0)

    def positions(self, rows: Any, columns: Any) -> tuple[Any, Any]:
        """Whether each position belongs to the pass, and whether it was known before it.

        ``sparse``: both coordinates multiples of twice the spacing. ``diagonal``: both odd multiples of it, so that
        the four known neighbours lie on diagonals. ``straight``: multiples of it with an odd sum, so that the four
        nearest lie beside, above and below.

        Args:
            rows, columns: integers ``(height, 1)`` and ``(1, width)``, arrays or tensors.
        """
        d = self.spacing
        coarse = (rows % (2 * d) == 0) & (columns % (2 * d) == 0)
        nothing = coarse & (rows < 0)
        if self.kind == "sparse":
            return coarse, nothing
        if self.kind == "diagonal":
            return (rows % (2 * d) == d) & (columns % (2 * d) == d), coarse
        even = (rows // d + columns // d) % 2 == 0
        if self.kind == "even":  # the first half of a checkerboard, of which nothing is known
            return even, nothing
        fine = (rows % d == 0) & (columns % d == 0)
        return fine & ((rows // d + columns // d) % 2 == 1), fine & even


def passes(groups: tuple[int, ...]) -> list[Pass]:
    """The order of decoding, of channels in ``groups``.

    The first group, which holds most of a picture's large structure, is refined from a sparse lattice to ever denser
    ones, so that 1 of 64 positions is decoded without a neighbour; the others take a checkerboard's two halves (He et
    al. 2021, "Checkerboard Context Model for Efficient Learned Image Compression").
    """
    found = [Pass(0, groups[0], "sparse", LATTICES[0], 1)]
    for spacing in LATTICES:
        found += [Pass(0, groups[0], "diagonal", spacing), Pass(0, groups[0], "straight", spacing, 5)]
    start = groups[0]
    for channels in groups[1:]:
        found += [Pass(start, channels, "even"), Pass(start, channels, "straight")]
        start += channels
    return found


@dataclasses.dataclass(frozen=True)
class IntegerPass:
    """The network of a pass, in integers.

    Attributes:
        step: of the order.
        field, hidden, out: its layers; the field has a bias for each quality.
        scale_offsets: int64 ``(qualities, channels)``, in 1/16 of an index of a scale.
        linear: float64 ``(k · k · known, channels)``, integers in 1/4096, or None.
    """

    step: Pass
    field: IntegerDense
    hidden: IntegerDense
    out: IntegerDense
    scale_offsets: np.ndarray
    linear: np.ndarray | None

    LAYERS = ("field", "hidden", "out")

    def check(self) -> None:
        """That its sums are exact.

        Raises:
            ValueError: if they might not be, or the arrays do not fit each other.
        """
        fields, channels = self.step.kernel_size**2, self.step.channels
        inputs = fields * (self.step.known + (self.step.start == 0))
        if self.field.weights.shape[0] != max(inputs, 1) or self.out.weights.shape[1] != 2 * channels:
            raise ValueError(f"its contexts do not fit the groups: received fields of {self.field.weights.shape}")
        self.field.check(FEATURES[-1])
        self.hidden.check(255)
        self.out.check(255)
        if self.linear is not None and (
            self.linear.shape != (fields * self.step.known, channels)
            or MOST * np.abs(self.linear).sum(axis=0).max(initial=0) * 16 >= 2**53
        ):
            raise ValueError("its linear weights do not fit the groups, or are too large")

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """As arrays of a file."""
        found = {f"{prefix}scale_offsets": self.scale_offsets.astype(np.int32)}
        for name in self.LAYERS:
            layer = getattr(self, name)
            found[f"{prefix}{name}_weights"] = layer.weights.astype(np.int16)
            found[f"{prefix}{name}_bias"] = layer.bias.astype(np.int32)
            found[f"{prefix}{name}_multiplier"] = layer.multiplier.astype(np.int32)
        if self.linear is not None:
            found[f"{prefix}linear"] = self.linear.astype(np.int32)
        return found

    @classmethod
    def read(cls, step: Pass, arrays: Mapping[str, np.ndarray], prefix: str) -> "IntegerPass":
        """From arrays of a file.

        Raises:
            ValueError: if they are not those of a pass.
        """
        layers = [
            IntegerDense(
                arrays[f"{prefix}{name}_weights"].astype(np.float32),
                arrays[f"{prefix}{name}_bias"].astype(np.int64),
                arrays[f"{prefix}{name}_multiplier"].astype(np.int64),
            )
            for name in cls.LAYERS
        ]
        linear = arrays.get(f"{prefix}linear")
        offsets = arrays[f"{prefix}scale_offsets"].astype(np.int64)
        found = cls(step, *layers, offsets, None if linear is None else linear.astype(np.float64))
        found.check()
        return found


class Grid:
    """Latents of which ever more are known, pass after pass.

    Args:
        passes: in their order.
        shape: ``(rows, columns, channels)``.
        quality: in steps of a header, from 64 on.
    """

    def __init__(self, passes: list[IntegerPass], shape: tuple[int, int, int], quality: int):
        self.passes = passes
        rows, columns, channels = shape
        padded = rows + 2 * MARGIN, columns + 2 * MARGIN
        self.symbols = np.zeros((*padded, channels), np.float32)
        # Beside the compressed values of all channels, whether those of the first group are known.
        self._features = np.zeros((*padded, channels + 1), np.float32)
        self._shape = rows, columns
        qualities = len(passes[0].scale_offsets)
        self._low = min(quality // QUALITY_STEPS - 1, qualities - 2)
        self._part = quality - (self._low + 1) * QUALITY_STEPS

    def steps(self) -> Iterator[tuple[IntegerPass, tuple[np.ndarray, np.ndarray]]]:
        """Each pass that has positions in the grid, with their rows and columns."""
        rows, columns = np.arange(self._shape[0])[:, None], np.arange(self._shape[1])[None]
        for found in self.passes:
            here, _ = found.step.positions(rows, columns)
            if here.any():
                yield found, here.nonzero()

    def parameters(self, found: IntegerPass, at: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Means in sixteenths and indices of scales of a pass, int64 ``(positions, channels)``."""
        blocks = [
            self._parameters(found, at[0][start : start + BLOCK], at[1][start : start + BLOCK])
            for start in range(0, len(at[0]), BLOCK)
        ]
        means, scales = zip(*blocks, strict=True)
        return np.concatenate(means), np.concatenate(scales)

    def _parameters(self, found: IntegerPass, rows, columns) -> tuple[np.ndarray, np.ndarray]:
        step, known = found.step, found.step.known
        if step.start == 0:
            seen = np.concatenate([self._features[..., :known], self._features[..., -1:]], axis=-1)
        else:
            seen = self._features[..., :known]
        field = _fields(seen, step, rows, columns)
        hidden = activation(found.field.between(field, self._low, self._part, QUALITY_BITS))
        out = found.out(activation(found.hidden(hidden)))
        means, scales = out[:, : step.channels], out[:, step.channels :]
        if found.linear is not None:
            products = _fields(self.symbols[..., :known].astype(np.float64), step, rows, columns) @ found.linear
            means = means + shifted(products.astype(np.int64) * 16, LINEAR_BITS)
        offsets = interpolated(found.scale_offsets, self._low, self._part, QUALITY_BITS)
        scales = shifted((scales << QUALITY_BITS) + offsets, SCALE_BITS + QUALITY_BITS)
        return means, np.clip(scales, 0, SCALES - 1)

    def set(self, found: IntegerPass, at: tuple[np.ndarray, np.ndarray], values: np.ndarray) -> None:
        """Makes the values of a pass, int64 ``(positions, channels)`` of at most ``MOST``, known."""
        step = found.step
        rows, columns = at[0] + MARGIN, at[1] + MARGIN
        group = slice(step.start, step.start + step.channels)
        self.symbols[rows, columns, group] = values
        self._features[rows, columns, group] = np.sign(values) * FEATURES[np.abs(values)]
        if step.start == 0:
            self._features[rows, columns, -1] = 1

    def run(self, values: Callable[[IntegerPass, tuple, np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        """All passes; ``values(pass, positions, means, scales)`` gives the values of each. Returns symbols, int16."""
        for found, at in self.steps():
            self.set(found, at, values(found, at, *self.parameters(found, at)))
        return self.symbols[MARGIN:-MARGIN, MARGIN:-MARGIN].astype(np.int16)


def _fields(padded: np.ndarray, step: Pass, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """What a pass sees at positions, ``(positions, k · k · channels)``."""
    reach = step.kernel_size // 2 * step.spacing
    offsets = range(-reach, reach + 1, step.spacing)
    views = [padded[rows + (MARGIN + dy), columns + (MARGIN + dx)] for dy in offsets for dx in offsets]
    return np.concatenate(views, axis=1) if len(views) > 1 else views[0]
