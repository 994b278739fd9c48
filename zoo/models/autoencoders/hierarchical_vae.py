"""Hierarchical variational autoencoder of 8-bit pixels, the lossless codec's model.

Two layers of latents, of which the posterior runs from the top down as in Sønderby et al. 2016, "Ladder Variational
Autoencoders", with the pixels' likelihood of Salimans et al. 2017, "PixelCNN++". Differs from the latter in the order
of the pixels: four interleaved quarters, each given those before it and the latents, as in Reed et al. 2017, "Parallel
Multiscale Autoregressive Density Estimation", so that decoding takes four passes instead of one a pixel.
"""

import math

import keras
import numpy as np
from keras import layers, ops

from zoo import backend, losses
from zoo.codec.coders.lossless import QUARTERS
from zoo.layers import ResidualBlock2D, SubPixelConv2D
from zoo.models.blocks import conv
from zoo.models.inputs import check_divisible, mean
from zoo.models.variational import LOG_VAR_BOUNDS, BoundedAutoencoder

MEAN_BOUNDS = (-0.05, 1.05)  # of the components' means, where pixels are in [0, 1]
# Of what the likelihood adds to the linear prediction in colour: in the first quarter, and in the others.
CORRECTION_BOUNDS = ((-0.5, 0.5), (-0.25, 0.25))
RIDGE = 1e-3  # added to each squared weight's factor, an image, so that flat images have a solution too


@keras.saving.register_keras_serializable("zoo")
class HierarchicalVAE(BoundedAutoencoder):
    """Two layers of Gaussian latents, and pixels in four quarters that follow each other.

        x (b, 28, 28, 1) ── top_posterior ──────→ z2 (b, 32)
        x, z2 ───────────── posterior ──────────→ z1 (b, 7, 7, 4)
        z2 ──────────────── prior of z1 ────────→ mean, log variance (b, 7, 7, 4)
        z1, z2, x ───────── likelihood ─────────→ 4 × means, log scales, logits (b, 14, 14, components),
                                                  of quarter k from the quarters before k alone

    In colour, each channel of a quarter is one of 12 such steps, and the likelihood's means are corrections of a linear
    prediction from the planes before, 3 × 3 places of each, the same place's other channels among them. That keeps out
    of the int8 networks what has to be precise. ``adapt`` starts it as the least squares of images; training goes on.

    Training minimises the negative evidence lower bound in bits a pixel,

        −log p(x|z1, z2) + KL(q(z2|x) ‖ N(0, I)) + KL(q(z1|x, z2) ‖ p(z1|z2)),

    which is what bits-back coding takes for an image (Townsend, Bird & Barber 2019). ``encode`` gives the posterior's
    means ``[z2, z1]``; ``decode`` fills in quarter after quarter with the expected pixels. ``fit`` takes no other loss.
    Of ``fit(x, y)`` the pixels are those of y, by the posterior of x.

    Args:
        image_shape: shape ``(height, width, channels)``; height and width are multiples of 4.
        filters: channels of all convolutions.
        top_dim: length of z2.
        latent_channels: channels of z1, at a quarter of the resolution.
        blocks: residual blocks before the first quarter at each resolution; each further quarter has one.
        components: of a pixel's mixture.
        dropout: fraction of the channels dropped in the quarters' blocks, in training.
        warmup_steps: steps over which the weight of the divergences rises to 1.
        seed: of the draws.
    """

    coder = "bits_back"  # of ``zoo.codec``

    def __init__(
        self,
        *,
        image_shape=(28, 28, 1),
        filters=32,
        top_dim=32,
        latent_channels=4,
        blocks=1,
        components=3,
        dropout=0.0,
        warmup_steps=800,
        seed=None,
        **kwargs,
    ):
        super().__init__(image_shape=image_shape, warmup_steps=warmup_steps, **kwargs)
        height, width, channels = self.image_shape
        check_divisible(self.image_shape, 4)
        self.planes = len(QUARTERS) * channels
        self.filters, self.top_dim, self.latent_channels, self.blocks = filters, top_dim, latent_channels, blocks
        self.components, self.dropout, self.seed = components, dropout, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.code_shape = (height // 4, width // 4, latent_channels)

        self.top_posterior = self._top_posterior()
        self.posterior = self._posterior()
        self.prior = self._prior()
        self.likelihood = self._likelihood()
        self.prediction = None if channels == 1 else self._prediction()
        x = keras.Input(self.image_shape, name="x")
        z2 = self.top_posterior(x)[0]
        self.encoder = keras.Model(x, [z2, self.posterior([x, z2])[0]], name="encoder")
        z2, z1 = keras.Input((top_dim,), name="z2"), keras.Input(self.code_shape, name="z1")
        filled = _Filled(self.likelihood, self.prediction, name="reconstruction")
        self.decoder = keras.Model([z2, z1], filled([z2, z1]), name="decoder")

    def _features(self, x):
        """What both posteriors see of an image, at a quarter of its resolution."""
        x = conv(self.filters)(layers.Concatenate()([x[:, row::2, column::2] for row, column in QUARTERS]))
        x = conv(self.filters, 4, strides=2)(ResidualBlock2D(self.filters)(x))
        return ResidualBlock2D(self.filters)(x)

    def _spread(self, z2):
        """The top layer's latents over the positions of the lower one's."""
        height, width, _ = self.code_shape
        narrow = layers.Dense(height * width * (self.filters // 4), "relu", kernel_initializer="he_normal")(z2)
        x = conv(self.filters)(layers.Reshape((height, width, self.filters // 4))(narrow))
        return ResidualBlock2D(self.filters)(x)

    def _top_posterior(self):
        x = keras.Input(self.image_shape, name="x")
        flat = layers.Flatten(data_format="channels_last")(conv(self.filters // 4, 1)(self._features(x)))
        outputs = [layers.Dense(self.top_dim, dtype="float32", name=name)(flat) for name in ("mean", "log_var")]
        return keras.Model(x, outputs, name="top_posterior")

    def _posterior(self):
        x, z2 = keras.Input(self.image_shape, name="x"), keras.Input((self.top_dim,), name="z2")
        y = ResidualBlock2D(self.filters)(_joined(self.filters, self._features(x), self._spread(z2)))
        return keras.Model([x, z2], self._gaussian(y), name="posterior")

    def _prior(self):
        z2 = keras.Input((self.top_dim,), name="z2")
        return keras.Model(z2, self._gaussian(conv(self.filters)(self._spread(z2))), name="prior")

    def _gaussian(self, x):
        return [_linear(x, self.latent_channels, name) for name in ("mean", "log_var")]

    def _likelihood(self):
        x = keras.Input(self.image_shape, name="x")
        z2, z1 = keras.Input((self.top_dim,), name="z2"), keras.Input(self.code_shape, name="z1")
        y = _joined(self.filters, self._spread(z2), z1)
        for _ in range(self.blocks):
            y = ResidualBlock2D(self.filters)(y)
        y = SubPixelConv2D(self.filters, activation="relu")(y)
        for _ in range(self.blocks):
            y = ResidualBlock2D(self.filters)(y)
        planes, channels = _planes(x), self.image_shape[-1]
        outputs = []
        for index in range(self.planes):
            if index:
                y = _joined(self.filters, y, layers.Concatenate()(planes[:index]) if index > 1 else planes[0])
                y = ResidualBlock2D(self.filters, dropout=self.dropout)(y)
            # Within bounds, for int8 to have steps of about a level.
            if index and channels > 1:
                means, bounds = _linear(y, self.components, f"means_{index}", kernel="zeros"), CORRECTION_BOUNDS
                outputs.append(ops.clip(means, *bounds[index >= channels]))
            else:
                outputs.append(ops.clip(_linear(y, self.components, f"means_{index}", 0.5), *MEAN_BOUNDS))
            log_scales = _linear(y, self.components, f"log_scales_{index}", -2.5)
            outputs.append(ops.clip(log_scales, *losses.likelihood.LOG_SCALE_BOUNDS))
            outputs.append(_linear(y, self.components, f"logits_{index}"))
        return keras.Model([x, z2, z1], outputs, name="likelihood")

    def _prediction(self):
        x = keras.Input(self.image_shape, name="x", dtype="float32")
        planes = [ops.pad(plane, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric") for plane in _planes(x)]
        outputs = []
        for index in range(1, self.planes):
            before = layers.Concatenate(dtype="float32")(planes[:index]) if index > 1 else planes[0]
            convolution = layers.Conv2D(
                1, 3, kernel_initializer="zeros", dtype="float32", name=f"plane_{index}", data_format="channels_last"
            )
            outputs.append(convolution(before))
        return keras.Model(x, outputs, name="prediction")

    def adapt(self, images):
        """Starts the linear prediction as the least squares of images ``(n, *image_shape)`` in [0, 1].

        The likelihood's scales start as those of its errors. Of a grey model nothing changes.
        """
        if self.prediction is None:
            return
        planes = np.stack(_planes(np.asarray(images, np.float64)), axis=0)[..., 0]
        padded = np.pad(planes, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
        height, width = planes.shape[2:]
        shifted = [padded[..., row : row + height, column : column + width] for row in range(3) for column in range(3)]
        for index, plane in enumerate(planes):
            seen = np.stack([*(shift[k] for shift in shifted for k in range(index)), np.ones_like(plane)])
            seen = seen.reshape(len(seen), -1)
            penalty = np.diag([RIDGE * len(planes[0])] * (len(seen) - 1) + [0.0])
            solution = np.linalg.solve(seen @ seen.T + penalty, seen @ plane.ravel())
            if index:
                convolution = self.prediction.get_layer(f"plane_{index}")
                convolution.kernel.assign(solution[:-1].reshape(3, 3, index, 1))
                convolution.bias.assign(solution[-1:])
            # A logistic distribution's deviation is 1.8 times its scale.
            scale = (plane.ravel() - solution @ seen).std() / 1.8 + 0.1 / 255
            self.likelihood.get_layer(f"log_scales_{index}").bias.assign(np.full(self.components, np.log(scale)))

    def build(self, input_shape=None):
        self.built = True  # every part is functional

    def call(self, x, training=False):
        if not training:
            return super().call(x)
        x = self._checked(x)
        likelihood, divergence, expected = self._bound(x, self._target(x), training=True)
        self.add_loss(self._bits(self._warmup() * divergence - likelihood, self._sample_weight()))
        return expected

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if training:  # `call` has added it
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        x = self._checked(x)
        likelihood, divergence, _ = self._bound(x, x if y is None else self._checked(y, "y"), training=False)
        return backend.share_of_loss(self._bits(divergence - likelihood, sample_weight))

    def generate(self, n: int, seed: int | None = None):
        """``n`` new images, ``(n, *image_shape)``: latents drawn from their priors, quarters filled in as expected."""
        if not isinstance(n, int) or n < 1:
            raise ValueError(f"n must be an integer ≥ 1: received {n!r}.")
        draws = keras.random.SeedGenerator(seed)
        z2 = keras.random.normal((n, self.top_dim), seed=draws)
        return self.decode([z2, self._draw(self.prior(z2, training=False), draws)])

    def log_likelihood_bound(self, x):
        """The evidence lower bound of ``log p(x)`` in nats, ``(batch,)``, from one draw of the latents."""
        x = self._checked(x)
        likelihood, divergence, _ = self._bound(x, x, training=False)
        return likelihood - divergence

    def _bound(self, x, target, training):
        """Log likelihood of the target and divergence in nats, ``(batch,)``, and the expected pixels."""
        top = self.top_posterior(x, training=training)
        z2 = self._draw(top, self.seed_generator)
        lower = self.posterior([x, z2], training=training)
        z1 = self._draw(lower, self.seed_generator)
        prior = self.prior(z2, training=training)
        divergence = _divergence(top) + _divergence(lower, prior)
        outputs = self.likelihood([target, z2, z1], training=training)
        target = ops.cast(target, "float32")
        predicted = self.prediction and self.prediction(target)
        likelihood, expected = 0.0, []
        for index, plane in enumerate(_planes(target)):
            means, log_scales, logits = _parameters(outputs, predicted, index)
            mass = losses.discretized_logistic_mixture(plane, means, log_scales, logits)
            likelihood = likelihood + ops.sum(mass, axis=(1, 2))
            expected.append(_expected(means, logits))
        return likelihood, divergence, _woven(expected)

    def _draw(self, parameters, seed):
        mean, log_var = parameters
        noise = backend.per_example(lambda shape: keras.random.normal(shape, seed=seed), ops.shape(mean))
        return mean + ops.exp(0.5 * ops.clip(log_var, *LOG_VAR_BOUNDS)) * noise

    def _bits(self, nats, sample_weight):
        return mean(nats, sample_weight) / (math.log(2.0) * math.prod(self.image_shape))

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "top_dim": self.top_dim,
            "latent_channels": self.latent_channels,
            "blocks": self.blocks,
            "components": self.components,
            "dropout": self.dropout,
            "seed": self.seed,
        }


class _Filled(layers.Layer):
    """Images ``(batch, *image_shape)`` of latents ``[z2, z1]``: each plane as expected from those before it."""

    def __init__(self, likelihood: keras.Model, prediction: keras.Model | None, **kwargs):
        super().__init__(**kwargs)
        self.likelihood, self.prediction = likelihood, prediction

    def call(self, latents):
        z2, z1 = latents
        height, width, channels = self.likelihood.input_shape[0][1:]
        planes, number = [], len(QUARTERS) * channels
        empty = ops.zeros((ops.shape(z2)[0], height // 2, width // 2, 1), self.compute_dtype)
        for index in range(number):
            x = _woven([*planes, *[empty] * (number - index)])
            predicted = self.prediction and self.prediction(ops.cast(x, "float32"))
            means, _, logits = _parameters(self.likelihood([x, z2, z1], training=False), predicted, index)
            planes.append(ops.cast(ops.clip(_expected(means, logits), 0.0, 1.0), self.compute_dtype))
        return ops.cast(_woven(planes), "float32")

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], *self.likelihood.input_shape[0][1:])


def _parameters(outputs, predicted, index):
    """Means, log scales and logits of a plane's components, of the likelihood's outputs and the linear predictions."""
    means, log_scales, logits = outputs[3 * index : 3 * index + 3]
    if predicted and index:
        means = ops.clip(means + predicted[index - 1], *MEAN_BOUNDS)
    return means, log_scales, logits


def _expected(means, logits):
    return ops.sum(ops.softmax(logits) * means, axis=-1, keepdims=True)


def _planes(x):
    """Images as planes ``(batch, height / 2, width / 2, 1)``: the channels of each quarter, ordered as ``QUARTERS``."""
    quarters = [x[:, row::2, column::2] for row, column in QUARTERS]
    channels = x.shape[-1]
    if channels == 1:
        return quarters
    return [quarter[..., channel : channel + 1] for quarter in quarters for channel in range(channels)]


def _woven(planes):
    """The images whose ``_planes`` these are."""
    channels = len(planes) // len(QUARTERS)
    if channels > 1:
        return ops.concatenate([_woven(planes[channel::channels]) for channel in range(channels)], axis=-1)
    at = dict(zip(QUARTERS, planes, strict=True))
    rows = [ops.stack([at[row, 0], at[row, 1]], axis=3) for row in (0, 1)]  # (b, h, w, 2, 1)
    height, width = planes[0].shape[1:3]
    rows = [ops.reshape(row, (-1, height, 2 * width, 1)) for row in rows]
    return ops.reshape(ops.stack(rows, axis=2), (-1, 2 * height, 2 * width, 1))


def _divergence(posterior, prior=(0.0, None)):
    """``KL(posterior ‖ prior)`` in nats, ``(batch,)``, of Gaussians given as ``(mean, log_var)``."""
    (mean, log_var), (prior_mean, prior_log_var) = posterior, prior
    if prior_log_var is not None:
        prior_log_var = ops.clip(prior_log_var, *LOG_VAR_BOUNDS)
    nats = losses.gaussian_kl(mean, ops.clip(log_var, *LOG_VAR_BOUNDS), prior_mean, prior_log_var)
    return ops.sum(nats, axis=tuple(range(1, len(nats.shape))))


def _joined(filters, *inputs):
    """A convolution over several inputs side by side, as a sum: each keeps a range of its own in int8."""
    parts = [
        layers.Conv2D(
            filters,
            3,
            padding="same",
            use_bias=not index,
            kernel_initializer=keras.initializers.VarianceScaling(2.0 / len(inputs)),
            data_format="channels_last",
        )(x)
        for index, x in enumerate(inputs)
    ]
    return layers.ReLU()(layers.Add()(parts))


def _linear(x, filters, name, bias=0.0, kernel="glorot_uniform"):
    options = {"kernel_initializer": kernel, "bias_initializer": keras.initializers.Constant(bias)}
    return layers.Conv2D(filters, 1, **options, dtype="float32", name=name, data_format="channels_last")(x)
