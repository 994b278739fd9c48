"""The order in which the pixels of a picture are coded, and what is known of each: ever denser lattices.

::

    1 . . . 1      1 . . . 1      1 . 3 . 1      1 . 3 . 1
    . . . . .      . . . . .      . . . . .      . . . . .
    . . . . .  →   . . 2 . .  →   . . 2 . .  →   4 . 2 . 4     and again with half the spacing
    . . . . .      . . . . .      . . . . .      . . . . .
    1 . . . 1      1 . . . 1      1 . 3 . 1      1 . 3 . 1
                   diagonal       beside         below

Places and offsets are counted in the lattice's spacing. Beyond an edge the lattice is mirrored, which keeps a place's
kind.
"""

import dataclasses
import math

Offset = tuple[int, int]

MARGIN = 3  # the farthest offset
NEAR = 4  # offsets whose mean a pixel is compared with
COARSEST = 64  # spacing of the pixels that are coded without neighbours
LEVELS = 3  # networks: of spacing 1, of 2, and of 4 and more
PLANES = 3  # of a picture in colour: luma, and two of chroma
AROUND = tuple((row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if row or column)

# Activity: weighted mean of absolute differences, in sixteenths; its logarithm in steps of a third of an octave.
STEPS = 3  # of an octave
ACTIVITIES = 36
MOST_ACTIVITY = 2**14 - 1
FEATURE = 64  # what stands for 1 in a feature
MOST_FEATURE = 511
SCALE_STEPS = 6  # of an octave
SCALES = 56
LEAST_SCALE = 0.08  # levels
# A pixel's distribution is a logistic one, with a part of a wider one for what no neighbour foretells.
WIDE, WIDENING, WIDENED, LEAST_MASS = 0.04, 4.0, 0.5, 2.0**-22


def _cross(*places: Offset) -> tuple[Offset, ...]:
    """Offsets of all signs."""
    return tuple(
        dict.fromkeys((row * down, column * right) for row, column in places for down in (-1, 1) for right in (-1, 1))
    )


@dataclasses.dataclass(frozen=True)
class Kind:
    """Of a pass: which places it codes, and which it knows.

    Attributes:
        name: see the module.
        row, column: 0 or 1, the first of its places; the next are two further.
        offsets: of what it knows, the ``NEAR`` nearest first.
        weights: of the absolute differences of the first offsets, in the activity; their sum is 16.
    """

    name: str
    row: int
    column: int
    offsets: tuple[Offset, ...]
    weights: tuple[int, ...]


KINDS = (
    Kind("diagonal", 1, 1, _cross((1, 1), (1, 3), (3, 1), (3, 3)), (2,) * 4 + (1,) * 8),
    Kind("beside", 0, 1, _cross((0, 1), (1, 0), (1, 2), (2, 1), (0, 3), (3, 0)), (2,) * 4 + (1,) * 8),
    Kind("below", 1, 0, _cross((0, 1), (1, 0), (1, 1), (1, 2), (2, 1), (0, 3), (3, 0)), (2,) * 8),
)


Sum = dict[Offset, float]
"""Weights of the values at offsets."""

HERE: tuple[Sum, ...] = ({(0, 0): 1},)
ENERGY: tuple[Sum, ...] = (dict.fromkeys(AROUND, 2),)  # of another plane's errors


def mean_of(kind: Kind) -> tuple[Sum, ...]:
    """The mean of the nearest neighbours."""
    return (dict.fromkeys(kind.offsets[:NEAR], 1 / NEAR),)


def differences_of(kind: Kind) -> tuple[Sum, ...]:
    """Each neighbour without the mean of the nearest."""
    ((mean),) = mean_of(kind)
    negative = {offset: -weight for offset, weight in mean.items()}
    return tuple({**negative, offset: negative.get(offset, 0) + 1} for offset in kind.offsets)


def energy_of(kind: Kind) -> tuple[Sum, ...]:
    """Of the plane's own errors, in sixteenths as activities are."""
    return (dict.fromkeys(kind.offsets[:NEAR], 4),)


def beside_of(kind: Kind) -> tuple[Sum, ...]:
    """Of a plane that is known here: its pixel without the mean of the nearest, and each of those around without it."""
    ((mean),) = mean_of(kind)
    return (
        {(0, 0): 1, **{offset: -weight for offset, weight in mean.items()}},
        *({offset: 1, (0, 0): -1} for offset in AROUND),
    )


def level_of(spacing: int) -> int:
    """Which networks a spacing has."""
    return min(spacing.bit_length() - 1, LEVELS - 1)


def features_of(kind: Kind, plane: int) -> int:
    """How many features a network sees."""
    return len(kind.offsets) + 2 + plane * (len(AROUND) + 3)


def activity(index: int) -> float:
    """Levels that an index of the activity stands for."""
    return 2 ** ((index + 0.5) / STEPS) / 4


def index_of(sixteenths: int) -> int:
    """Index of an activity in sixteenths of a level."""
    return min(int(STEPS * math.log2((sixteenths + 4) / 4)), ACTIVITIES - 1)
