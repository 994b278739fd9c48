"""Small networks in exact integers, which give the same numbers on every machine: entropy coders may depend on them.

Sums of integers are exact in any order while they stay below 2^24 in float32 and below 2^53 in float64, so that a
matrix product runs at the speed of BLAS and still gives the same integer everywhere. What follows is integer
arithmetic: a multiplication, and a shift that rounds.

::

    integers (n, in) → matrix product, weights of few bits → + bias → · multiplier / 2^16, rounded → clipped to 0 … 255
"""

import dataclasses
from typing import Self

import numpy as np

SHIFT = 16  # bits of a multiplier's fraction
MOST = 255  # of an activation
EXACT = 2**24  # sums of float32 below it are exact in any order


def shifted(sums: np.ndarray, bits: int) -> np.ndarray:
    """``sums / 2^bits``, rounded to the nearest, halves upwards; int64."""
    return (sums + (1 << (bits - 1))) >> bits


def quantised(weights: np.ndarray, bits: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Weights ``(in, out)`` as integers, float32, and the scale of each output, ``(out,)``."""
    scales = np.abs(weights).max(axis=0) / (2 ** (bits - 1) - 1)
    scales[scales == 0] = 1.0
    return np.round(weights / scales).astype(np.float32), scales


@dataclasses.dataclass(frozen=True)
class IntegerDense:
    """A dense layer of integers.

    Attributes:
        weights: float32 ``(in, out)``, integers.
        bias: int64 ``(out,)``, in units of the sums; or ``(variants, out)``, see ``bias_at``.
        multiplier: int64 ``(out,)``, in 1/2^16: from sums to the unit of the output.
    """

    weights: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray

    @classmethod
    def of(
        cls,
        kernel: np.ndarray,
        bias: np.ndarray,
        inputs: float | np.ndarray,
        outputs: float | np.ndarray,
        bits: int = 8,
    ) -> Self:
        """Of a trained layer.

        Args:
            kernel: ``(in, out)``.
            bias: ``(out,)`` or ``(variants, out)``.
            inputs: what 1 of the integer inputs stands for, a number or ``(in,)``.
            outputs: what 1 of the integer outputs stands for, a number or ``(out,)``.
            bits: of a weight.
        """
        weights, scales = quantised(kernel * np.broadcast_to(inputs, kernel.shape[:1])[:, None], bits)
        multiplier = np.round(scales / outputs * 2**SHIFT).astype(np.int64)
        return cls(weights, np.round(bias / scales).astype(np.int64), multiplier)

    def check(self, most: float | np.ndarray) -> None:
        """That no sum of inputs of at most ``most``, a number or ``(in,)``, can leave the exact range.

        Raises:
            ValueError: if one can.
        """
        sums = np.broadcast_to(most, self.weights.shape[:1]) @ np.abs(self.weights).astype(np.float64)
        if sums.max(initial=0) >= EXACT:
            raise ValueError("its weights could sum to more than 2^24: they are not those of an integer network")
        if np.abs(self.bias).max(initial=0) >= 2**31 or np.abs(self.multiplier).max(initial=0) >= 2**31:
            raise ValueError(
                "its biases or multipliers need more than 31 bits: they are not those of an integer network"
            )

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Integers of the outputs, int64 ``(n, out)``, of integers ``(n, in)`` in float32."""
        return shifted((self.sums(inputs) + self.bias) * self.multiplier, SHIFT)

    def between(self, inputs: np.ndarray, low: int, part: int, bits: int) -> np.ndarray:
        """The same with a bias between those of two variants, ``part / 2^bits`` of the way from ``low`` on."""
        bias = interpolated(self.bias, low, part, bits)
        return shifted(((self.sums(inputs) << bits) + bias) * self.multiplier, SHIFT + bits)

    def rectified(self, inputs: np.ndarray, most: int) -> np.ndarray:
        """The outputs as inputs of the next layer, clipped to 0 … ``most``: ``activation``, in fast float32.

        The multipliers have to be powers of two of at most 1/2 (``halving``), so that each step is exact.
        """
        half = self.bias + (2 ** (SHIFT - 1)) // self.multiplier
        sums = inputs @ self.weights
        sums += half.astype(np.float32)
        sums *= (self.multiplier / 2**SHIFT).astype(np.float32)
        np.floor(sums, out=sums)
        return np.clip(sums, 0, most, out=sums)

    def sums(self, inputs: np.ndarray) -> np.ndarray:
        """The matrix product, exactly, int64."""
        return (inputs @ self.weights).astype(np.int64)


def halving(kernel: np.ndarray, inputs: float | np.ndarray, reach: np.ndarray, most: int) -> np.ndarray:
    """What 1 of a layer's outputs should stand for, ``(out,)``, so that its multipliers are powers of two.

    Args:
        kernel, inputs: as of ``IntegerDense.of``.
        reach: the outputs that ``most`` has to reach, ``(out,)``.
        most: of the integer outputs.
    """
    _, scales = quantised(kernel * np.broadcast_to(inputs, kernel.shape[:1])[:, None])
    return scales * 2.0 ** np.clip(np.ceil(np.log2(np.maximum(reach, 1e-9) / scales / most)), 1, SHIFT)


def interpolated(table: np.ndarray, low: int, part: int, bits: int) -> np.ndarray:
    """A row between rows ``low`` and ``low + 1`` of integers, times ``2^bits``."""
    return table[low] * ((1 << bits) - part) + (table[low + 1] * part if part else 0)


def activation(values: np.ndarray) -> np.ndarray:
    """ReLU, with its upper bound, as inputs of the next layer, float32."""
    return np.clip(values, 0, MOST).astype(np.float32)
