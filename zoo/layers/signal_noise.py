"""Noise for denoising autoencoders of signals."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo import backend
from zoo.backend import Tensor


@keras.saving.register_keras_serializable("zoo")
class SignalNoise(keras.layers.Layer):
    """Adds Gaussian noise in training, of a level and colour of each example's own, and leaves it alone at inference.

    White noise ``w`` through a one-pole low-pass, ``nₜ = √(1 − a²) wₜ + a nₜ₋₁``, keeps its variance: it is white for
    ``a`` = 0, and falls by 6 dB an octave, as that of wind or traffic, towards 1.

    Args:
        decibels: bounds ``(low, high)`` of the noise's level, below a full scale of 1; uniform between them.
        colours: bounds of ``a``, from 0 to below 1.
        seed: seed of the layer's own generator.

    Call arguments:
        x: ``(batch, time, channels)``.
        training: whether to add noise.

    Raises:
        ValueError: if bounds are out of their range or order.
    """

    def __init__(
        self,
        *,
        decibels: Sequence[Any] = (-40.0, -12.0),
        colours: Sequence[Any] = (0.0, 0.95),
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if len(decibels) != 2 or not decibels[0] <= decibels[1]:
            raise ValueError(f"decibels must be bounds low ≤ high: received {decibels!r}.")
        if len(colours) != 2 or not 0 <= colours[0] <= colours[1] < 1:
            raise ValueError(f"colours must be bounds 0 ≤ low ≤ high < 1: received {colours!r}.")
        self.decibels, self.colours, self.seed = tuple(decibels), tuple(colours), seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, x: Tensor, training: bool | None = False) -> Tensor:
        if not training:
            return x
        batch, time, channels = ops.shape(x)[0], x.shape[1], x.shape[2]
        level, colour = (
            backend.per_example(lambda s, b=b: keras.random.uniform(s, *b, seed=self.seed_generator), (batch, 1, 1))
            for b in (self.decibels, self.colours)
        )
        white = backend.per_example(
            lambda shape: keras.random.normal(shape, seed=self.seed_generator), (batch, time, channels)
        )
        noise = ops.power(10.0, level / 20) * coloured(white, colour)
        return x + ops.cast(noise, x.dtype)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "decibels": self.decibels, "colours": self.colours, "seed": self.seed}


def coloured(white: Any, colour: Any) -> Tensor:
    """White noise ``(batch, time, channels)`` through the low-pass of each example's ``colour``, ``(batch, 1, 1)``.

    The filter's response is doubled in length seven times, ``(1 + a z⁻¹)(1 + a² z⁻²)(1 + a⁴ z⁻⁴) …``, which makes 128
    terms of its geometric series; before the frame there is silence, and the variance settles within it.
    """
    noise, power, shift = white, colour, 1
    for _ in range(7):
        moved = ops.pad(noise[:, :-shift], [[0, 0], [shift, 0], [0, 0]])
        noise, power, shift = noise + power * moved, power * power, 2 * shift
    return ops.sqrt(1 - colour * colour) * noise
