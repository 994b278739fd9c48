"""What is known of a latent before it is decoded: its mean and scale, from those that came before."""

import dataclasses
import math

import keras
from keras import layers, ops

LOG_SCALE_BOUNDS = (-3.2, 7.0)  # of the logistic distribution, in quantisation steps
LATTICES = (4, 2, 1)  # spacings at which the first group is refined


@dataclasses.dataclass(frozen=True)
class Pass:
    """Latents that are decoded at once: some channels, at some places of the grid.

    Attributes:
        start, channels: of the group; all channels below ``start`` are known everywhere.
        kind: which places: ``sparse``, ``even``, ``diagonal`` or ``straight`` (``places``).
        spacing: of the lattice, in places of the grid.
        kernel_size: of the field that the pass sees, dilated by ``spacing``.
    """

    start: int
    channels: int
    kind: str
    spacing: int = 1
    kernel_size: int = 3

    @property
    def refines(self) -> bool:
        """Whether some places of its own channels are known before it."""
        return self.kind in ("diagonal", "straight")

    def places(self, rows, columns):
        """Whether each place ``(rows, columns)`` belongs to the pass, and whether it was known before it, as 0 or 1.

        ``rows`` and ``columns`` are integer tensors ``(height, 1)`` and ``(1, width)``. ``sparse``: both multiples of
        twice the spacing. ``diagonal``: both odd multiples of it, so that the four known neighbours lie on diagonals.
        ``straight``: multiples of it with an odd sum, so that the four nearest lie beside and above.
        """
        d = self.spacing
        coarse = ops.logical_and(rows % (2 * d) == 0, columns % (2 * d) == 0)
        diagonal = ops.logical_and(rows % (2 * d) == d, columns % (2 * d) == d)
        if self.kind == "sparse":
            return coarse, ops.zeros_like(coarse)
        if self.kind == "diagonal":
            return diagonal, coarse
        fine = ops.logical_and(rows % d == 0, columns % d == 0)
        even = (rows // d + columns // d) % 2 == 0
        if self.kind == "even":  # the first half of a checkerboard, of which nothing is known
            return even, ops.zeros_like(even)
        return ops.logical_and(fine, ops.logical_not(even)), ops.logical_and(fine, even)


def passes(groups) -> list[Pass]:
    """The order of decoding, of channels in ``groups``.

    The first group, which holds most of a picture's large structure, is refined from a sparse lattice to ever denser
    ones, so that 1 of 64 places is decoded without a neighbour; the others take a checkerboard's two halves (He et al.
    2021, "Checkerboard Context Model for Efficient Learned Image Compression").
    """
    found = [Pass(0, groups[0], "sparse", LATTICES[0], 1)]
    for spacing in LATTICES:
        found += [Pass(0, groups[0], "diagonal", spacing), Pass(0, groups[0], "straight", spacing, 5)]
    start = groups[0]
    for channels in groups[1:]:
        found += [Pass(start, channels, "even"), Pass(start, channels, "straight")]
        start += channels
    return found


@keras.saving.register_keras_serializable("zoo")
class LatentContext(keras.layers.Layer):
    """Mean and scale of each latent's logistic distribution, from the latents that are decoded before it.

        of every pass: compressed values of lower groups and of this one's known places (b, h, w, c)
                       → conv k×k + bias of the quality → conv 1×1 → conv 1×1 → mean, log scale (b, h, w, 2·channels)
                       values themselves → conv k×k, linear → added to the mean

    All sums are of integers times weights, so that a decoder can compute them exactly: values compressed to
    ``sign(y)·log(1 + |y|)`` come from a table, and no activation but ReLU is used.

    Args:
        groups: channels of each group, in the order of decoding.
        hidden: channels of the hidden layers of each group's passes.
        qualities: number of qualities, each with biases of its own; between two of them, these are interpolated.
        linear_groups: groups whose means see the values themselves.

    Call arguments:
        y: latents in quantisation steps, ``(batch, height, width, sum(groups))``, rounded.
        quality: weights of the qualities, ``(batch, qualities)``, which sum to 1.

    Returns:
        Means and log scales in quantisation steps, two tensors of the shape of ``y``.

    References:
        Minnen & Singh 2020, "Channel-wise Autoregressive Entropy Models"; He et al. 2022, "ELIC" (uneven groups, and
        a checkerboard in each).
    """

    def __init__(self, groups, hidden, *, qualities=8, linear_groups=4, **kwargs):
        super().__init__(autocast=False, **kwargs)  # latents are integers that 16 bits do not hold
        if len(groups) != len(hidden):
            raise ValueError(f"hidden must have one number a group: expected {len(groups)}, received {len(hidden)}.")
        self.groups, self.hidden = tuple(groups), tuple(hidden)
        self.qualities, self.linear_groups = qualities, linear_groups
        self.passes = passes(self.groups)
        self.steps = [self._step(index, step) for index, step in enumerate(self.passes)]

    def _group(self, step: Pass) -> int:
        starts = [sum(self.groups[:index]) for index in range(len(self.groups))]
        return starts.index(step.start)

    def _step(self, index: int, step: Pass) -> dict:
        group = self._group(step)
        width = self.hidden[group]
        field = {"kernel_size": step.kernel_size, "padding": "same", "dilation_rate": step.spacing}
        parts = {
            "field": layers.Conv2D(width, **field, dtype=self.dtype_policy, name=f"field_{index}"),
            "hidden": layers.Dense(width, "relu", dtype=self.dtype_policy, name=f"hidden_{index}"),
            "out": layers.Dense(
                2 * step.channels, kernel_initializer="zeros", dtype=self.dtype_policy, name=f"out_{index}"
            ),
        }
        if group < self.linear_groups and self._known_channels(step):
            parts["linear"] = layers.Conv2D(
                step.channels, **field, use_bias=False, kernel_initializer="zeros", dtype="float32", name=f"linear_{index}"
            )
        for name, layer in parts.items():
            setattr(self, f"{name}_{index}", layer)
        return parts

    def build(self, input_shape):
        self.biases, self.scales = [], []
        for index, (step, parts) in enumerate(zip(self.passes, self.steps, strict=True)):
            width = parts["field"].filters
            known = self._known_channels(step)
            parts["field"].build((*input_shape[:-1], max(known + (step.start == 0), 1)))
            parts["hidden"].build((*input_shape[:-1], width))
            parts["out"].build((*input_shape[:-1], width))
            if "linear" in parts:
                parts["linear"].build((*input_shape[:-1], known))
            self.biases.append(self.add_weight(shape=(self.qualities, width), initializer="zeros", name=f"bias_{index}"))
            self.scales.append(
                self.add_weight(shape=(self.qualities, step.channels), initializer="zeros", name=f"scale_{index}")
            )

    @staticmethod
    def _known_channels(step: Pass) -> int:
        return step.start + (step.channels if step.refines else 0)

    def set_scales(self, log_scales):
        """Starts from log scales of latents about zero, ``(qualities, channels)``, in quantisation steps."""
        for step, weight in zip(self.passes, self.scales, strict=True):
            weight.assign(log_scales[:, step.start : step.start + step.channels])

    def call(self, y, quality):
        y = ops.cast(y, "float32")
        compressed = ops.cast(ops.sign(y) * ops.log1p(ops.abs(y)), self.compute_dtype)
        rows, columns = ops.arange(ops.shape(y)[1])[:, None], ops.arange(ops.shape(y)[2])[None]
        means, log_scales = {}, {}
        for index, step in enumerate(self.passes):
            here, known = (ops.cast(mask, "float32")[None, ..., None] for mask in step.places(rows, columns))
            mean, log_scale = self._parameters(index, step, known, y, compressed, quality)
            means[step.start] = means.get(step.start, 0.0) + mean * here
            log_scales[step.start] = log_scales.get(step.start, 0.0) + log_scale * here
        log_scales = ops.concatenate([*log_scales.values()], axis=-1)
        return ops.concatenate([*means.values()], axis=-1), ops.clip(log_scales, *LOG_SCALE_BOUNDS)

    def _parameters(self, index, step, known, y, compressed, quality):
        """Means and log scales of one pass, of which its places are meant."""
        parts = self.steps[index]
        seen = [self._seen(compressed, step, known)] if self._known_channels(step) else []
        if step.start == 0:  # what lies outside the picture is as unknown as what is not decoded yet
            seen.append(ops.cast(known + ops.zeros_like(y[..., :1]), self.compute_dtype))
        x = ops.concatenate(seen, axis=-1) if len(seen) > 1 else seen[0]
        bias = ops.cast(ops.matmul(quality, self.biases[index])[:, None, None], self.compute_dtype)
        out = ops.cast(parts["out"](parts["hidden"](ops.relu(parts["field"](x) + bias))), "float32")
        mean, log_scale = ops.split(out, 2, axis=-1)
        if "linear" in parts:
            mean = mean + parts["linear"](self._seen(y, step, known))
        return mean, log_scale + ops.matmul(quality, self.scales[index])[:, None, None]

    @staticmethod
    def _seen(values, step: Pass, known):
        """The values that a pass sees: all lower groups, and what is known of its own."""
        parts = [values[..., : step.start]] if step.start else []
        if step.refines:
            parts.append(values[..., step.start : step.start + step.channels] * ops.cast(known, values.dtype))
        return ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]

    def compute_output_shape(self, input_shape):
        return input_shape, input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "groups": self.groups,
            "hidden": self.hidden,
            "qualities": self.qualities,
            "linear_groups": self.linear_groups,
        }


def logistic_bits(y, means, log_scales):
    """Bits of values ``y`` under logistic distributions integrated over a step about each; all of one shape."""
    # By the symmetry of the distribution, taken on the side where the difference of the two does not cancel.
    distance = -ops.abs(y - means)
    inverse = ops.exp(-log_scales)
    mass = ops.sigmoid((distance + 0.5) * inverse) - ops.sigmoid((distance - 0.5) * inverse)
    return -ops.log(ops.maximum(mass, 1e-6)) / math.log(2.0)
