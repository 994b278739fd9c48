"""Residual networks of a GAN's two players.

Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", tables 3 and 4, and Miyato & Koyama
2018, "cGANs with Projection Discriminator". Differs from the papers in fewer channels, narrower at higher resolutions;
in sub-pixel convolutions for those of enlarged images; and in strided convolutions for averages.
"""

from collections.abc import Callable

from keras import layers, ops

from zoo.layers import BatchNormalization, Dropout, LeakyReLU, SubPixelConv2D

CONVOLUTION = {"padding": "same", "data_format": "channels_last"}
LEAST_SIDE = 4  # pixels of the coarsest features
MOST_WIDENING = 4  # of the channels, beside those at half of the resolution


def doublings(image_shape: tuple[int, int, int]) -> int:
    """How often images are halved until a side is odd or would be below 4."""
    height, width, _ = image_shape
    number = 0
    while height % 2 == width % 2 == 0 and min(height, width) // 2 >= LEAST_SIDE:
        height, width, number = height // 2, width // 2, number + 1
    return number


def _channels(filters: int, level: int) -> int:
    """At 1 / 2^level of the resolution."""
    return filters * min(2**level, 2 * MOST_WIDENING) // 2


def generator_features(y, label, *, image_shape, filters, num_classes):
    """From numbers ``(batch, n)`` to images ``(batch, *image_shape)``, unbounded.

        y (b, n) → dense (b, 4, 4, 8f/2) → for each doubling: [batch norm, relu, sub-pixel, batch norm, relu, conv]
        + [1×1 conv, pixels repeated] → … (b, h, w, f/2) → batch norm, relu, conv (b, h, w, channels)

    With a label, every batch norm has a scale and an offset for each class (de Vries et al. 2017).
    """
    height, width, channels = image_shape
    levels = doublings(image_shape)

    def normalized(x):
        if label is None:
            return layers.ReLU()(BatchNormalization(momentum=0.9)(x))
        x, size = BatchNormalization(momentum=0.9, center=False, scale=False)(x), x.shape[-1]
        scale, offset = (
            layers.Reshape((1, 1, size))(layers.Embedding(num_classes, size, embeddings_initializer=start)(label))
            for start in ("ones", "zeros")
        )
        return layers.ReLU()(layers.Add()([layers.Multiply()([x, scale]), offset]))

    start = (height >> levels, width >> levels, _channels(filters, levels))
    y = layers.Reshape(start)(layers.Dense(start[0] * start[1] * start[2])(y))
    for level in reversed(range(levels)):
        size = _channels(filters, level)
        straight = layers.Conv2D(size, 1, **CONVOLUTION)(y)
        straight = layers.UpSampling2D(2, data_format="channels_last")(straight)
        y = SubPixelConv2D(size)(normalized(y))
        if level:  # the last one's second convolution is that of the colours
            y = layers.Conv2D(size, 3, **CONVOLUTION)(normalized(y))
        y = layers.Add()([straight, y])
    return layers.Conv2D(channels, 3, dtype="float32", **CONVOLUTION)(normalized(y))


def discriminator_score(x, label, *, filters, num_classes, dropout, normalized: Callable):
    """From images ``(batch, height, width, channels)`` in [−1, 1] to features and scores, ``(batch, 1)``.

    x (b, h, w, c) → conv/2 (b, h/2, w/2, f) → for each further halving: [relu, conv, relu, conv/2] + [mean of 2×2
    pixels, 1×1 conv] → … (b, 4, 4, 4f) → [relu, conv, relu, conv] + itself → relu, sum of all pixels: features
    → dense, plus features · (vector of the class)
    """

    def convolved(h, size, kernel=3, strides=1):
        return normalized(layers.Conv2D(size, kernel, strides, **CONVOLUTION))(h)

    levels = doublings(x.shape[1:])
    h = convolved(x, _channels(filters, 1), 4, 2)
    for level in range(2, levels + 1):
        size = _channels(filters, level)
        straight = layers.AveragePooling2D(2, data_format="channels_last")(h)
        straight = convolved(straight, size, 1)
        h = convolved(LeakyReLU(0.2)(h), h.shape[-1])
        h = layers.Add()([straight, convolved(LeakyReLU(0.2)(h), size, 4, 2)])
    inner = convolved(LeakyReLU(0.2)(h), h.shape[-1])
    h = LeakyReLU(0.2)(layers.Add()([h, convolved(LeakyReLU(0.2)(inner), h.shape[-1])]))
    features = ops.sum(ops.cast(h, "float32"), axis=(1, 2))
    features = Dropout(dropout, dtype="float32", name="features")(features)
    score = normalized(layers.Dense(1, dtype="float32", name="score"))(features)
    if label is not None:
        vector = layers.Dense(features.shape[-1], use_bias=False, dtype="float32", name="class")
        kind = normalized(vector)(ops.one_hot(label, num_classes))
        score = layers.Add(dtype="float32")([score, ops.sum(kind * features, axis=-1, keepdims=True)])
    return score
