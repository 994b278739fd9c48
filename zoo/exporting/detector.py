"""A detector's score in integers, as ``c/zoo_detector.c`` computes it for LiteRT Micro."""

import dataclasses
from typing import Any

import numpy as np

from zoo.sklearn import Normality
from zoo.sklearn.normality import WEIGHTS

UNIT = 128  # that a standard deviation is counted in
PARTS = 256  # that a step of the code is cut into for its mean
SCALE_BITS = 20  # of the fixed-point scales of input and output
FACTOR_BITS = 20  # of the larger of the parts' factors
LARGEST = 2**64 - 1


@dataclasses.dataclass(frozen=True)
class IntegerDetector:
    """What ``zoo_detector`` of ``zoo_detector.h`` holds, and the same arithmetic in Python.

    Attributes: as there; ``whitening`` is ``(views, code · (code + 1) / 2)``, ``mean`` ``(views, code)``, ``weights``
        ``(views, numbers)``.
    """

    side: int
    channels: int
    requantize: np.ndarray
    mean: np.ndarray
    whitening: np.ndarray
    weights: np.ndarray
    input_scale: int
    output_scale: int
    input_zero: int
    output_zero: int
    code_shift: int
    error_shift: int
    code_factor: int
    error_factor: int
    threshold: int

    def scores(self, examples: np.ndarray, codes: np.ndarray, restored: np.ndarray) -> list[int]:
        """The score of each example: integers, in the steps and with the bounds of the C code.

        Args:
            examples: int8 ``(n, numbers)``, as they came.
            codes: int8 ``(n, views, code)``, of the encoder.
            restored: int8 ``(n, views, numbers)``, of the decoder.
        """
        rows, columns = np.tril_indices(self.mean.shape[1])
        totals = []
        for x, of_code, of_example in zip(examples.astype(np.int64), codes, restored, strict=True):
            total = 0
            for view in range(len(self.mean)):
                centred = PARTS * of_code[view].astype(np.int64) - self.mean[view]
                products = self.whitening[view].astype(np.int64) * centred[columns]
                sums = np.add.reduceat(products, np.flatnonzero(columns == 0))
                error = self.input_scale * (x - self.input_zero) - self.output_scale * (
                    of_example[view].astype(np.int64) - self.output_zero
                )
                distance = min(LARGEST, sum(_square(int(s), self.code_shift) for s in sums))
                missed = min(LARGEST, sum(_square(int(s), self.error_shift) for s in error * self.weights[view]))
                total += min(LARGEST, distance * self.code_factor) + min(LARGEST, missed * self.error_factor)
            totals.append(min(LARGEST, total))
        return totals


def integer_detector(
    normality: Normality, threshold: float, shape: tuple[int, ...], encoder: Any, decoder: Any
) -> IntegerDetector:
    """A detector for its int8 networks.

    Args:
        normality: of a model whose errors are an example less its reconstruction.
        threshold: of its scores.
        shape: of an example.
        encoder, decoder: ``zoo.codec.litert.Network`` of each half.

    Raises:
        ValueError: if the model has a likelihood or counts errors by their covariance, which C does not.
    """
    if len(normality.centre) != 2 or normality.error_whitening.ndim != 2:
        raise ValueError(
            "a detector in C scores codes, and the errors of more than 64 numbers: this one has a likelihood, or fewer."
        )
    (input_scale, input_zero), (code_scale, code_zero) = encoder.input["quantization"], encoder.output["quantization"]
    (taken_scale, taken_zero), (output_scale, output_zero) = (
        decoder.input["quantization"],
        decoder.output["quantization"],
    )
    values = (np.arange(-128, 128) - code_zero) * code_scale
    requantize = (np.rint(values / taken_scale) + taken_zero).clip(-128, 127).astype(np.int8)
    rows, columns = np.tril_indices(normality.code_mean.shape[1])
    whitening = UNIT * code_scale * normality.code_whitening[:, rows, columns]
    code_bits = _bits(np.abs(whitening).max(), 2**15 - 1)
    weights = UNIT * normality.error_whitening
    error_bits = _bits(weights.max(), 2**16 - 1)
    views, share = len(normality.code_mean), WEIGHTS[:2] / np.sum(WEIGHTS[:2])
    factors = share / (normality.spread * views * UNIT**2)
    scale = 2.0**FACTOR_BITS / factors.max()
    # What the parts' means take away is added to the threshold.
    limit = (threshold + np.sum(share * normality.centre / normality.spread)) * scale
    code_factor, error_factor = (int(n) for n in np.rint(factors * scale))
    return IntegerDetector(
        side=shape[0] if views > 1 else 0,
        channels=shape[-1],
        requantize=requantize,
        mean=np.rint(PARTS * (normality.code_mean / code_scale + code_zero)).astype(np.int32),
        whitening=np.rint(whitening * 2.0**code_bits).clip(-32767, 32767).astype(np.int16),
        weights=np.rint(weights * 2.0**error_bits).clip(0, 65535).astype(np.uint16),
        input_scale=int(np.rint(input_scale * 2**SCALE_BITS)),
        output_scale=int(np.rint(output_scale * 2**SCALE_BITS)),
        input_zero=int(input_zero),
        output_zero=int(output_zero),
        code_shift=code_bits + 8,  # of PARTS
        error_shift=error_bits + SCALE_BITS,
        code_factor=code_factor,
        error_factor=error_factor,
        threshold=int(np.clip(np.rint(limit), 0, 2.0**63)),
    )


def _bits(largest: float, limit: int) -> int:
    """By how many bits numbers can be moved up for the largest to stay within a limit; at least 0."""
    return int(np.clip(np.floor(np.log2(limit / max(float(largest), 1e-12))), 0, 30))


def _square(value: int, shift: int) -> int:
    size = abs(value)
    if shift:
        size = (size + (1 << (shift - 1))) >> shift
    return LARGEST if size > 2**32 - 1 else size * size
