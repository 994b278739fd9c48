"""What autoencoders of signals share: an encoder of strided convolutions, and a decoder of sub-pixel ones."""

import keras
from keras import layers

from zoo.layers import ResidualBlock1D

STRIDE = 32  # samples for each position of the code


def checked_length(example_shape) -> int:
    """The length of a frame.

    Raises:
        ValueError: if it is no multiple of ``STRIDE``.
    """
    if example_shape[0] % STRIDE:
        raise ValueError(f"example_shape must have a length divisible by {STRIDE}: received {example_shape!r}.")
    return example_shape[0]


def audio_encoder(example_shape, latent_channels, filters, blocks):
    """Frames ``(b, length, channels)`` to a code ``(b, length / 32 · latent_channels)``.

    Args:
        example_shape: ``(length, channels)`` of a frame.
        latent_channels: numbers of the code for each 32 samples.
        filters: channels at a 4th, 16th and 32nd of the rate; none for a linear encoder, one convolution of 64 samples,
            whose int8 sums are rounded once.
        blocks: residual blocks, in the same order.
    """
    if not filters and not blocks:
        return keras.Sequential([_linear(latent_channels), _code(example_shape, latent_channels)], name="encoder")
    body = []
    for width, number, (kernel, strides) in zip(filters, blocks, ((16, 4), (8, 4), (4, 2)), strict=True):
        body += [conv1d(width, kernel, strides), *(ResidualBlock1D(width) for _ in range(number))]
    last = layers.Conv1D(latent_channels, 1, dtype="float32", data_format="channels_last")
    return keras.Sequential([*body, last, _code(example_shape, latent_channels)], name="encoder")


def audio_decoder(example_shape, latent_channels, filters, blocks):
    """A code back to frames, by convolutions whose channels become the samples between (``SubPixelConv2D``).

    Args:
        example_shape, latent_channels: as of the encoder.
        filters: channels at a 4th, 16th and 32nd of the rate.
        blocks: residual blocks, in the same order.
    """
    time, channels = example_shape[0] // STRIDE, example_shape[1]
    body = [layers.Reshape((time, latent_channels)), conv1d(filters[-1], 3)]
    for at, factor in ((2, 2), (1, 4), (0, 4)):
        body += [ResidualBlock1D(filters[at]) for _ in range(blocks[at])]
        if at:
            body += _sub_pixel(time, factor, filters[at - 1], "relu")
        else:
            body += _sub_pixel(time, factor, channels, None, dtype="float32", name="reconstruction")
        time *= factor
    return keras.Sequential(body, name="decoder")


def _linear(latent_channels):
    """A lapped transform: each 32 samples, and the 16 before and after them, to their part of the code."""
    return layers.Conv1D(
        latent_channels, 2 * STRIDE, STRIDE, padding="same", dtype="float32", data_format="channels_last"
    )


def _code(example_shape, latent_channels):
    return layers.Reshape((example_shape[0] // STRIDE * latent_channels,), dtype="float32", name="z")


def conv1d(filters, kernel_size, strides=1):
    """A convolution along time with ReLU that keeps the length, but for its strides."""
    return layers.Conv1D(
        filters,
        kernel_size,
        strides,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
        data_format="channels_last",
    )


def _sub_pixel(time, upsampling, filters, activation, dtype=None, name=None):
    """Layers from ``time`` steps to ``time · upsampling``: a convolution whose channels become the steps between."""
    return [
        layers.Conv1D(
            filters * upsampling, 3, padding="same", activation=activation, dtype=dtype, data_format="channels_last"
        ),
        layers.Reshape((time * upsampling, filters), dtype=dtype, name=name),
    ]
