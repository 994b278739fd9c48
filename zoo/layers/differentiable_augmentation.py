"""Augmentation that gradients pass through, for the discriminator of a GAN."""

from typing import Any

import keras
from keras import ops

from zoo import backend
from zoo.backend import Tensor

KINDS = ("colour", "translation", "cutout")
DRAWS = 7  # numbers that one image's augmentation takes
MOVE, HOLE = 1 / 8, 1 / 2  # fractions of height and width


@keras.saving.register_keras_serializable("zoo")
class DifferentiableAugmentation(keras.layers.Layer):
    """Changes images at random in training, real and generated ones alike, and leaves them alone at inference.

    A discriminator that sees nothing else cannot learn its training set by heart, and the generator, whose gradient
    passes through the changes, does not learn to make them.

    Args:
        kinds: any of ``colour``: brightness, saturation and contrast; ``translation``: by whole pixels, up to an eighth
            of each side; ``cutout``: a rectangle of half of each side, anywhere, is blank. What comes in from an edge
            and what is cut out is middle grey.
        seed: of the layer's own generator.

    Call arguments:
        x: images ``(batch, height, width, channels)`` in [0, 1]; values of the result may lie beyond.
        training: whether to change them.
        draws: what ``draws`` gave, for images that shall be changed alike; None for new ones.

    Raises:
        ValueError: for an unknown kind.

    References:
        Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training", §4.

    Examples:
        >>> import numpy as np
        >>> from zoo import layers
        >>> augmentation = layers.DifferentiableAugmentation(("cutout",), seed=0)
        >>> x = np.ones((1, 8, 8, 1), "float32")
        >>> float(np.min(augmentation(x, training=True)))
        0.5
        >>> float(np.min(augmentation(x)))
        1.0
    """

    def __init__(self, kinds: tuple[str, ...] = KINDS, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        unknown = [kind for kind in kinds if kind not in KINDS]
        if isinstance(kinds, str) or unknown:
            received = repr(kinds) if isinstance(kinds, str) else ", ".join(map(str, unknown))
            raise ValueError(f"kinds must be of {', '.join(KINDS)}: received {received}.")
        self.kinds, self.seed = tuple(kinds), seed
        if kinds:  # without any, it has no state: models that were saved before it existed load
            self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def draws(self, number: Tensor | int) -> Tensor:
        """What changes so many images, each in its own way: uniform numbers ``(number, 7)``."""
        return backend.per_example(lambda shape: keras.random.uniform(shape, seed=self.seed_generator), (number, DRAWS))

    def call(self, x: Tensor, training: bool | None = False, draws: Tensor | None = None) -> Tensor:
        if not training or not self.kinds:
            return x
        draws = self.draws(ops.shape(x)[0]) if draws is None else draws
        u: Any = ops.reshape(ops.cast(draws, x.dtype), (-1, DRAWS, 1, 1, 1))
        y = x - 0.5
        if "colour" in self.kinds:
            y = y + 0.5 * (u[:, 0] - 0.5)
            grey = ops.mean(y, axis=3, keepdims=True)
            y = grey + 2 * u[:, 1] * (y - grey)
            middle = ops.mean(y, axis=(1, 2, 3), keepdims=True)
            y = middle + (0.5 + u[:, 2]) * (y - middle)
        if "translation" in self.kinds:
            rows, columns = (_moves(x.shape[axis], u[:, 2 + axis, :, :, 0], x.dtype) for axis in (1, 2))
            y = ops.einsum("bij,bjkc->bikc", rows, y)
            y = ops.einsum("bik,bjkc->bjic", columns, y)
        if "cutout" in self.kinds:
            rows, columns = (_hole(x.shape[axis], u[:, 4 + axis, 0, :, 0], x.dtype) for axis in (1, 2))
            y = y * (1 - rows[:, :, None, None] * columns[:, None, :, None])
        return y + 0.5

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kinds": self.kinds, "seed": self.seed}


def _moves(size, draw, dtype):
    """Matrices ``(batch, size, size)`` that move rows of pixels by up to ``MOVE`` either way; of ``(batch, 1, 1)``."""
    most = int(size * MOVE + 0.5)
    steps = ops.floor(draw * (2 * most + 1)) - most
    places = ops.cast(ops.arange(size), dtype)
    return ops.cast(ops.equal(places[None, :, None] + ops.cast(steps, dtype), places[None, None, :]), dtype)


def _hole(size, draw, dtype):
    """1 where a hole of ``HOLE`` covers a row of pixels, ``(batch, size)``, its middle anywhere; of ``(batch, 1)``."""
    length = int(size * HOLE + 0.5)
    start = ops.cast(ops.floor(draw * (size + 1 - length % 2)), dtype) - length // 2
    places = ops.cast(ops.arange(size), dtype)[None]
    return ops.cast(ops.logical_and(places >= start, places < start + length), dtype)
