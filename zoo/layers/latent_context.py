"""What is known of a latent before it is decoded: its mean and scale, from those that came before."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import layers, ops

from zoo.backend import Tensor
from zoo.codec.latents import SCALE_LOW, Pass, passes

LOG_SCALE_BOUNDS = (SCALE_LOW, 7.0)  # of the logistic distribution, in quantisation steps


@keras.saving.register_keras_serializable("zoo")
class LatentContext(keras.layers.Layer):
    """Mean and scale of each latent's logistic distribution, from the latents that are decoded before it.

        of every pass: compressed values of lower groups and of this one's known positions (b, h, w, c)
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

    def __init__(
        self,
        groups: Sequence[int],
        hidden: Sequence[int],
        *,
        qualities: int = 8,
        linear_groups: int = 4,
        **kwargs: Any,
    ) -> None:
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

    def _step(self, index: int, step: Pass) -> dict[str, Any]:
        group = self._group(step)
        width = self.hidden[group]
        field = {
            "kernel_size": step.kernel_size,
            "padding": "same",
            "dilation_rate": step.spacing,
            "data_format": "channels_last",
        }
        parts = {
            "field": layers.Conv2D(width, **field, dtype=self.dtype_policy, name=f"field_{index}"),
            "hidden": layers.Dense(width, "relu", dtype=self.dtype_policy, name=f"hidden_{index}"),
            "out": layers.Dense(
                2 * step.channels, kernel_initializer="zeros", dtype=self.dtype_policy, name=f"out_{index}"
            ),
        }
        if group < self.linear_groups and step.known:
            parts["linear"] = layers.Conv2D(
                step.channels,
                **field,
                use_bias=False,
                kernel_initializer="zeros",
                dtype="float32",
                name=f"linear_{index}",
            )
        for name, layer in parts.items():
            setattr(self, f"{name}_{index}", layer)
        return parts

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.biases, self.scales = [], []
        for index, (step, parts) in enumerate(zip(self.passes, self.steps, strict=True)):
            width = parts["field"].filters
            known = step.known
            parts["field"].build((*input_shape[:-1], max(known + (step.start == 0), 1)))
            parts["hidden"].build((*input_shape[:-1], width))
            parts["out"].build((*input_shape[:-1], width))
            if "linear" in parts:
                parts["linear"].build((*input_shape[:-1], known))
            self.biases.append(
                self.add_weight(shape=(self.qualities, width), initializer="zeros", name=f"bias_{index}")
            )
            self.scales.append(
                self.add_weight(shape=(self.qualities, step.channels), initializer="zeros", name=f"scale_{index}")
            )

    def set_scales(self, log_scales: Any) -> None:
        """Starts from log scales of latents about zero, ``(qualities, channels)``, in quantisation steps."""
        for step, weight in zip(self.passes, self.scales, strict=True):
            weight.assign(log_scales[:, step.start : step.start + step.channels])

    def call(self, y: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        y = ops.cast(y, "float32")
        compressed = self._compressed(y)
        means, log_scales = {}, {}
        for index, (step, here, known) in enumerate(self._masks(y)):
            mean, log_scale = self._mean_and_scale(index, step, known, y, compressed, quality)
            means[step.start] = means.get(step.start, 0.0) + mean * here
            log_scales[step.start] = log_scales.get(step.start, 0.0) + log_scale * here
        log_scales = ops.concatenate([*log_scales.values()], axis=-1)
        return ops.concatenate([*means.values()], axis=-1), ops.clip(log_scales, *LOG_SCALE_BOUNDS)

    def hidden_ranges(self, y: Any, quality: Any, quantile: float = 0.9999) -> Tensor:
        """A quantile of both hidden layers' activations in each pass, ``(passes, 2)``; arguments as of a call."""
        y = ops.cast(y, "float32")
        compressed = self._compressed(y)
        layers_of = (
            self._hidden(at, step, known, compressed, quality) for at, (step, _, known) in enumerate(self._masks(y))
        )
        return ops.stack(
            [ops.stack([ops.quantile(ops.cast(h, "float32"), quantile) for h in both]) for both in layers_of]
        )

    def _compressed(self, y: Tensor) -> Tensor:
        return ops.cast(ops.sign(y) * ops.log1p(ops.abs(y)), self.compute_dtype)

    def _masks(self, y: Tensor) -> Iterator[tuple[Pass, Tensor, Tensor]]:
        """Each pass, with its positions and those that were known before it, as float masks of the grid."""
        rows, columns = ops.arange(ops.shape(y)[1])[:, None], ops.arange(ops.shape(y)[2])[None]
        for step in self.passes:
            yield step, *(ops.cast(mask, "float32")[None, ..., None] for mask in step.positions(rows, columns))

    def _hidden(self, index: int, step: Pass, known: Tensor, compressed: Tensor, quality: Tensor) -> tuple[Any, Any]:
        """Activations of both hidden layers of a pass."""
        parts = self.steps[index]
        seen = [self._seen(compressed, step, known)] if step.known else []
        if step.start == 0:  # what lies outside the picture is as unknown as what is not decoded yet
            seen.append(ops.cast(known + ops.zeros_like(compressed[..., :1], "float32"), self.compute_dtype))
        x = ops.concatenate(seen, axis=-1) if len(seen) > 1 else seen[0]
        bias = ops.cast(ops.matmul(quality, self.biases[index])[:, None, None], self.compute_dtype)
        first = ops.relu(parts["field"](x) + bias)
        return first, parts["hidden"](first)

    def _mean_and_scale(
        self, index: int, step: Pass, known: Tensor, y: Tensor, compressed: Tensor, quality: Tensor
    ) -> tuple[Any, Any]:
        """Means and log scales of one pass, of which its positions are meant."""
        parts = self.steps[index]
        out = ops.cast(parts["out"](self._hidden(index, step, known, compressed, quality)[1]), "float32")
        mean, log_scale = ops.split(out, 2, axis=-1)
        if "linear" in parts:
            mean = mean + parts["linear"](self._seen(y, step, known))
        return mean, log_scale + ops.matmul(quality, self.scales[index])[:, None, None]

    @staticmethod
    def _seen(values: Tensor, step: Pass, known: Tensor) -> Tensor:
        """The values that a pass sees: all lower groups, and what is known of its own."""
        parts = [values[..., : step.start]] if step.start else []
        if step.refines:
            parts.append(values[..., step.start : step.start + step.channels] * ops.cast(known, values.dtype))
        return ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return input_shape, input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "groups": self.groups,
            "hidden": self.hidden,
            "qualities": self.qualities,
            "linear_groups": self.linear_groups,
        }


def logistic_bits(y: Any, means: Any, log_scales: Any) -> Tensor:
    """Bits of values ``y`` under logistic distributions integrated over a step about each; all of one shape."""
    # By the symmetry of the distribution, taken on the side where the difference of the two does not cancel.
    distance = -ops.abs(y - means)
    inverse = ops.exp(-log_scales)
    mass = ops.sigmoid((distance + 0.5) * inverse) - ops.sigmoid((distance - 0.5) * inverse)
    return -ops.log(ops.maximum(mass, 1e-6)) / math.log(2.0)
