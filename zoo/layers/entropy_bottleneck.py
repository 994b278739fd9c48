"""Quantisation with a learned prior."""

import math
from typing import Any

import keras
from keras import ops

from zoo import backend, deprecations
from zoo.backend import Tensor


@keras.saving.register_keras_serializable("zoo")
class EntropyBottleneck(keras.layers.Layer):
    """Rounds a code to whole steps and charges for the bits that an entropy coder will need.

    Each latent number has a prior of its own, a mixture of logistic distributions integrated over the
    quantisation cell. In training, the rate is that of the code plus uniform noise of one step, which is
    differentiable and bounds the rate of the rounded code; what goes on to the decoder is the rounded code,
    with the gradient of the identity (the straight-through estimator).

    One static prior for all examples ignores the dependence between latent numbers. With ``num_priors`` above 1, each
    is a prior of every latent number, an example uses the one that costs it the fewest bits, and the rate includes the
    bits of its index; in training the choice is soft: the latent code's likelihood is that of the mixture of all.

    Args:
        rate_weight: factor of the rate, in bits an example, that is added to the model's loss.
        step: quantisation step in units of the code, so that an encoder whose outputs are near 1 starts
            with about ``1 / step`` levels; a badly scaled start costs rate for the whole training.
        mixtures: logistic components of each prior.
        num_priors: priors that an example can choose among.
        seed: seed of the layer's own generator.

    Call arguments:
        z: ``(batch, latent_dim)``.
        sample_weight: what each example's rate counts, ``(batch,)``; None for 1.

    Returns:
        The quantised code, ``(batch, latent_dim)``, a multiple of ``step``.

    References:
        Ballé et al. 2017, "End-to-end Optimized Image Compression", eq. 10–13 (uniform noise, rate);
        Minnen & Singh 2020, "Channel-wise Autoregressive Entropy Models", §3.3 (noise for the rate, rounding
        for the distortion).
    """

    @deprecations.renamed_arguments(tables="num_priors")
    def __init__(
        self,
        *,
        rate_weight: float = 1.0,
        step: float = 0.125,
        mixtures: int = 3,
        num_priors: int = 1,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("dtype", "float32")  # a probability mass of 1e-7 does not survive 16 bits
        super().__init__(**kwargs)
        for argument, value in (
            ("rate_weight", rate_weight),
            ("step", step),
            ("mixtures", mixtures),
            ("num_priors", num_priors),
        ):
            if value < 0 or (value == 0 and argument != "rate_weight"):
                raise ValueError(f"{argument} must be positive: received {value!r}.")
        self.rate_weight, self.step, self.mixtures, self.seed = rate_weight, step, mixtures, seed
        self.num_priors = num_priors
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        shape = (input_shape[-1], self.mixtures)
        if self.num_priors > 1:  # a single prior has no axis for it, as in the files of earlier releases
            shape = (self.num_priors, *shape)
            self.table_logits = self.add_weight(shape=shape[:1], initializer="zeros", name="table_logits")
        self.means = self.add_weight(
            shape=shape, initializer=keras.initializers.RandomNormal(stddev=2.0, seed=self.seed), name="means"
        )
        self.log_scales = self.add_weight(shape=shape, initializer="ones", name="log_scales")
        self.logits = self.add_weight(shape=shape, initializer="zeros", name="logits")

    def call(self, z: Tensor, training: bool | None = False, sample_weight: Tensor = None) -> Tensor:
        y = z / self.step
        rounded = y + ops.stop_gradient(ops.round(y) - y)
        if training:
            noise = backend.per_example(
                lambda shape: keras.random.uniform(shape, -0.5, 0.5, seed=self.seed_generator), ops.shape(y)
            )
            rate = self.rate(y + noise, soft=True)
        else:
            rate = self.rate(rounded)
        if sample_weight is not None:
            rate = rate * ops.cast(ops.reshape(sample_weight, (-1,)), rate.dtype)
        self.add_loss(self.rate_weight * ops.mean(rate))
        return rounded * self.step

    def rate(self, y: Tensor, soft: bool = False) -> Tensor:
        """Bits, ``(batch,)``, of a code ``y`` in units of the step: by its best prior, or ``soft`` by all."""
        bits = ops.sum(self.bits(y), axis=-1)
        if self.num_priors == 1:
            return bits
        bits = bits + self.index_bits()
        return -ops.logsumexp(-bits * math.log(2.0), axis=-1) / math.log(2.0) if soft else ops.min(bits, axis=-1)

    def index_bits(self) -> Tensor:
        """Bits, ``(num_priors,)``, that the index of each prior takes."""
        return -ops.log_softmax(self.table_logits) / math.log(2.0)

    def bits(self, y: Tensor) -> Tensor:
        """Bits of a code ``y`` ``(batch, latent_dim)`` in units of the step.

        Returns:
            ``(batch, latent_dim)``, or, with several priors, ``(batch, num_priors, latent_dim)``.
        """
        y = y[..., None] if self.num_priors == 1 else y[:, None, :, None]
        upper, lower = (ops.sigmoid((y + half - self.means) * ops.exp(-self.log_scales)) for half in (0.5, -0.5))
        mass = ops.sum(ops.softmax(self.logits, axis=-1) * (upper - lower), axis=-1)
        return -ops.log(mass + 1e-7) / math.log(2.0)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return input_shape

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "EntropyBottleneck":
        return super().from_config(deprecations.current_arguments(cls.__init__, config, quiet=True))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rate_weight": self.rate_weight,
            "step": self.step,
            "mixtures": self.mixtures,
            "num_priors": self.num_priors,
            "seed": self.seed,
        }
