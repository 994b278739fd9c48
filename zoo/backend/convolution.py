"""Convolutions of many channels, whose gradients are convolutions and products that a processor is quick at.

TensorFlow's kernels for the gradients of a convolution, and so for a transposed convolution, reach on a processor a
tenth to a half of the speed of its plain convolution where channels are many, and a hundredth where the kernel covers
the image. Spelled out as a plain convolution at the low resolution and as a product of patches, they reach the same
speed. With fewer than ``MANY_CHANNELS`` channels on either side TensorFlow's own are quicker: use those.
``zoo benchmark train`` measures both.
"""

from typing import Any

import tensorflow as tf

# Channels on either side from which these are quicker than TensorFlow's: measured.
MANY_CHANNELS = 128
# Up to so many positions of the kernel on the image, the gradient of the kernel is quicker as a product of patches.
FEW_PLACES = 16


def conv2d(x: Any, kernel: Any, strides: int) -> Any:
    """The convolution without padding of ``(b, h, w, c)`` with ``(k, k, c, filters)``, both of known shapes.

    Returns:
        ``(b, (h − k) // strides + 1, (w − k) // strides + 1, filters)``.
    """

    @tf.custom_gradient
    def call(x, kernel):
        def gradients(upstream):
            size = tuple(x.shape[1:3])
            return _transposed(upstream, kernel, strides, size), _of_kernel(x, upstream, kernel, strides)

        return tf.nn.conv2d(x, kernel, strides, "VALID"), gradients

    return call(x, kernel)


def conv2d_transpose(x: Any, kernel: Any, strides: int) -> Any:
    """The adjoint of ``conv2d``: of ``(b, h, w, c)`` with ``(k, k, filters, c)``, all of known shapes.

    Returns:
        ``(b, (h − 1)·strides + k, (w − 1)·strides + k, filters)``.

    References:
        Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning", §4.
    """
    size = tuple((n - 1) * strides + k for n, k in zip(x.shape[1:3], kernel.shape[:2], strict=True))

    @tf.custom_gradient
    def call(x, kernel):
        def gradients(upstream):
            return tf.nn.conv2d(upstream, kernel, strides, "VALID"), _of_kernel(upstream, x, kernel, strides)

        return _transposed(x, kernel, strides, size), gradients

    return call(x, kernel)


def _transposed(y, kernel, strides, size):
    """What ``conv2d`` of an image of this size, with this kernel, carries back from ``y``."""
    rows, columns, channels, filters = kernel.shape
    if y.shape[1] == y.shape[2] == 1:
        # The kernel has one position: each number of y spreads over a patch of its own.
        patch = tf.matmul(tf.reshape(y, (-1, filters)), tf.reshape(kernel, (-1, filters)), transpose_b=True)
        image = tf.reshape(patch, (-1, rows, columns, channels))
    else:
        image = _in_phases(y, kernel, strides)
    # Rows and columns that the kernel never reached get zeros; such that it reached with its zeros only are cut off.
    image = image[:, : size[0], : size[1]]
    missing = [[0, whole - part] for whole, part in zip(size, image.shape[1:3], strict=True)]
    return tf.pad(image, [[0, 0], *missing, [0, 0]]) if any(map(any, missing)) else image


def _in_phases(y, kernel, strides):
    """The transposed convolution: pixels of the same phase, position modulo strides, see the same taps of the kernel.

    They are a plain convolution of ``y`` each, together one whose channels become the pixels between (Shi et al. 2016).
    """
    rows, columns, channels, filters = kernel.shape
    convolved: Any = tf.nn.conv2d  # whose declared types know no explicit padding
    taps = [-(-rows // strides), -(-columns // strides)]  # that a phase has at most, along each axis
    if rows % strides == columns % strides == 0:
        phases = tf.reshape(kernel, (taps[0], strides, taps[1], strides, channels, filters))
        phases = tf.reverse(tf.transpose(phases, (0, 2, 5, 1, 3, 4)), (0, 1))
        phases = tf.reshape(phases, (*taps, filters, strides**2 * channels))
        image = convolved(y, phases, 1, [[0, 0], *[[n - 1, n - 1] for n in taps], [0, 0]])
    else:  # phases have different numbers of taps: one convolution each, without multiplying zeros
        images = []
        for row in range(strides):
            for column in range(strides):
                phase = kernel[row::strides, column::strides]
                own = phase.shape[:2]
                if 0 in own:  # strides above the kernel's size leave pixels that nothing reaches
                    grown = [n + most - 1 for n, most in zip(y.shape[1:3], taps, strict=True)]
                    images.append(tf.zeros(tf.concat([tf.shape(y)[:1], [*grown, channels]], axis=0), y.dtype))
                    continue
                phase = tf.transpose(tf.reverse(phase, (0, 1)), (0, 1, 3, 2))
                sides = [[n - 1, most - 1] for n, most in zip(own, taps, strict=True)]
                images.append(convolved(y, phase, 1, [[0, 0], *sides, [0, 0]]))
        image = tf.concat(images, axis=-1)
    return tf.nn.depth_to_space(image, strides) if strides > 1 else image


def _of_kernel(x, y, kernel, strides):
    """What ``conv2d`` of ``x`` with this kernel carries back to the kernel from ``y``."""
    rows, columns, channels, filters = kernel.shape
    steps = [1, strides, strides, 1]
    if y.shape[1] * y.shape[2] <= FEW_PLACES:
        patches = tf.image.extract_patches(x, [1, rows, columns, 1], steps, [1, 1, 1, 1], "VALID")
        patches = tf.reshape(patches, (-1, rows * columns * channels))
        return tf.reshape(tf.matmul(patches, tf.reshape(y, (-1, filters)), transpose_a=True), kernel.shape)
    return tf.raw_ops.Conv2DBackpropFilter(
        input=x, filter_sizes=kernel.shape, out_backprop=y, strides=steps, padding="VALID"
    )
