"""What variational autoencoders share: posterior, prior, and the bounds they are trained by."""

import math

import keras
from keras import layers, ops

from zoo import backend, losses
from zoo.layers import CouplingFlow, GaussianSampling
from zoo.models.base import Autoencoder
from zoo.models.inputs import mean, one_an_example

# Outside these bounds a variance or its inverse overflows half precision; trained posteriors lie within.
LOG_VAR_BOUNDS = (-10.0, 4.0)


class BoundedAutoencoder(Autoencoder):
    """An autoencoder that is trained by a bound of its own, whose divergence is warmed up.

    Args:
        image_shape: shape ``(height, width, channels)``.
        warmup_steps: steps over which the weight of the divergence rises to its full value, so that the decoder learns
            to use the code before it is charged for it.

    References:
        Sønderby et al. 2016, "Ladder Variational Autoencoders", §2.3: the warm-up.
    """

    def __init__(self, *, image_shape=(28, 28, 1), warmup_steps=0, **kwargs):
        super().__init__(image_shape=image_shape, **kwargs)
        if warmup_steps < 0:
            raise ValueError(f"warmup_steps must be at least 0: received {warmup_steps!r}.")
        self.warmup_steps = warmup_steps

    def compile(self, optimizer="adam", loss=None, **kwargs):
        """As ``keras.Model.compile``, without a loss: the model has its own."""
        if loss is not None:
            raise ValueError(f"loss must be left out, as a variational autoencoder's is its bound: received {loss!r}.")
        super().compile(optimizer=optimizer, **kwargs)

    def default_loss(self):
        return None

    def _warmup(self):
        # Steps are counted by the optimizer, whose state survives a checkpoint.
        if not self.warmup_steps or getattr(self, "optimizer", None) is None:
            return 1.0
        return ops.minimum((ops.cast(self._iterations(), "float32") + 1.0) / self.warmup_steps, 1.0)

    def get_config(self):
        return {**super().get_config(), "warmup_steps": self.warmup_steps}


class VariationalAutoencoder(BoundedAutoencoder):
    """A Gaussian posterior over codes, a prior, and a Bernoulli decoder.

        x → posterior → z_mean, z_log_var → z ~ N(z_mean, exp(z_log_var)) → decoder → p, the pixels' probabilities

    ``encode`` and ``encoder`` give ``z_mean``; nothing is drawn outside training. Training minimises, in nats an
    image and averaged over the batch,

        samples = 1:  −log p(x|z) + beta · KL(q(z|x) ‖ p(z)),    the negative evidence lower bound
        samples > 1:  −log mean over draws of p(x|z) p(z) / q(z|x),    the importance-weighted bound

    ``fit`` takes no other loss: ``loss`` and ``val_loss`` are this bound. Of ``fit(x, y)`` the likelihood is that of y,
    such as the clean image of a noisy one, by the posterior of x. A subclass calls ``_assemble`` at the end
    of its constructor.

    Args:
        image_shape: shape ``(height, width, channels)``.
        latent_dim: length of the code.
        samples: draws for each image in training.
        beta: weight of the divergence.
        free_bits: nats that each number of the code may carry uncharged.
        warmup_steps: steps over which the weight of the divergence rises to ``beta``, so that the decoder learns to
            use the code before it is charged for it.
        prior_couplings: couplings of a learned prior, see ``zoo.layers.CouplingFlow``; 0 for N(0, I).
        prior_units: width of the couplings' networks.
        seed: of the draws.

    Raises:
        ValueError: if an argument is out of its range, or beta or free_bits are combined with what they are not
            defined for: importance weighting, and, for free_bits, a learned prior.

    References:
        Kingma & Welling 2014, eqs. 7–10; Burda, Grosse & Salakhutdinov 2016, "Importance Weighted Autoencoders", eq. 8;
        Sønderby et al. 2016, "Ladder Variational Autoencoders", §2.3: the warm-up.
    """

    def __init__(
        self,
        *,
        image_shape=(28, 28, 1),
        latent_dim=32,
        samples=1,
        beta=1.0,
        free_bits=0.0,
        warmup_steps=0,
        prior_couplings=0,
        prior_units=128,
        seed=None,
        **kwargs,
    ):
        super().__init__(image_shape=image_shape, warmup_steps=warmup_steps, **kwargs)
        if not isinstance(latent_dim, int) or latent_dim < 1:
            raise ValueError(f"latent_dim must be an integer ≥ 1: received {latent_dim!r}.")
        for name, value in (("beta", beta), ("free_bits", free_bits)):
            if value < 0:
                raise ValueError(f"{name} must be at least 0: received {value!r}.")
        if samples != 1 and (beta != 1 or free_bits):
            raise ValueError(
                f"samples must be 1 where beta is not 1 or free_bits is not 0, as the importance-weighted bound has no "
                f"divergence of its own: received {samples!r}."
            )
        if prior_couplings and free_bits:
            raise ValueError("free_bits must be 0 with a learned prior, whose divergence is not a sum over the code.")
        self.latent_dim, self.beta, self.free_bits = latent_dim, beta, free_bits
        self.prior_couplings, self.prior_units = prior_couplings, prior_units
        self.sampling = GaussianSampling(samples, seed=seed, dtype="float32", name="sampling")
        self.prior = CouplingFlow(prior_couplings, prior_units, name="prior") if prior_couplings else None

    def _assemble(self, inputs, features, logits: keras.Model):
        """Makes ``encoder``, ``posterior`` and ``decoder`` of an input, its features and the decoder up to log odds."""
        z_mean = layers.Dense(self.latent_dim, dtype="float32", name="z_mean")(features)
        z_log_var = layers.Dense(self.latent_dim, dtype="float32", name="z_log_var")(features)
        self.encoder = keras.Model(inputs, z_mean, name="encoder")
        self.posterior = keras.Model(inputs, [z_mean, z_log_var], name="posterior")
        self.logits = logits
        z = keras.Input((self.latent_dim,), name="z")
        probabilities = layers.Activation("sigmoid", dtype="float32", name="reconstruction")(logits(z))
        self.decoder = keras.Model(z, probabilities, name="decoder")

    def build(self, input_shape=None):
        super().build(input_shape)
        if self.prior is not None and not self.prior.built:
            self.prior.build((None, self.latent_dim))

    def call(self, x, training=False):
        if not training:
            return super().call(x)
        x = self._checked(x)
        bound, logits = self._negative_bound(x, self._target(x), self._sample_weight(), training=True)
        self.add_loss(bound)
        return ops.sigmoid(logits[: ops.shape(x)[0]])

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if training:  # `call` has added it
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        x = self._checked(x)
        target = x if y is None else self._checked(y, "y")
        return backend.share_of_loss(self._negative_bound(x, target, sample_weight, training=False)[0])

    def log_weights(self, x, samples: int):
        """Log importance weights ``log p(x|z) + log p(z) − log q(z|x)`` in nats, ``(samples, batch)``.

        Their mean over draws is the evidence lower bound; the logarithm of the mean of their exponentials is the
        importance-weighted bound of ``log p(x)``, which tightens as ``samples`` grows.
        """
        x = self._checked(x)
        return self._log_weights(x, x, samples, training=False)[0]

    def generate(self, n: int, seed: int | None = None):
        """``n`` new images: the pixels' probabilities, ``(n, *image_shape)``, for codes drawn from the prior."""
        if not isinstance(n, int) or n < 1:
            raise ValueError(f"n must be an integer ≥ 1: received {n!r}.")
        return self.decode(self.from_noise(keras.random.normal((n, self.latent_dim), seed=seed)))

    def from_noise(self, noise):
        """The codes that the prior makes of standard normal noise, ``(batch, latent_dim)``."""
        return noise if self.prior is None else self.prior.inverse(noise)

    def to_noise(self, z):
        """The noise ``ε`` that the prior would make the codes of, ``(batch, latent_dim)``.

        Where straight lines and single coordinates keep to codes that the decoder knows.
        """
        return z if self.prior is None else self.prior(z)[0]

    def interpolate(self, first, second, steps: int = 8):
        """Images on the way from one code to another, ``(steps, *image_shape)``, both ends included.

        Args:
            first, second: codes ``(latent_dim,)``.
            steps: images, at least 2.
        """
        ends = self.to_noise(ops.stack([ops.convert_to_tensor(first), ops.convert_to_tensor(second)]))
        share = ops.reshape(ops.linspace(0.0, 1.0, steps), (-1, 1))
        return self.decode(self.from_noise((1 - share) * ends[0] + share * ends[1]))

    def traverse(self, z, dimension: int, values):
        """Images of one code as one of its coordinates takes other values, ``(len(values), *image_shape)``.

        Args:
            z: a code ``(latent_dim,)``.
            dimension: which coordinate of its noise, from 0.
            values: what it becomes, in standard deviations of the prior.
        """
        if not 0 <= dimension < self.latent_dim:
            raise ValueError(f"dimension must be from 0 to {self.latent_dim - 1}: received {dimension!r}.")
        noise = ops.repeat(self.to_noise(ops.convert_to_tensor(z)[None]), len(values), axis=0)
        chosen = ops.cast(ops.arange(self.latent_dim) == dimension, noise.dtype)
        column = ops.reshape(ops.convert_to_tensor(values, dtype=noise.dtype), (-1, 1))
        return self.decode(self.from_noise(noise * (1 - chosen) + column * chosen))

    def _posterior_of(self, x, training):
        z_mean, z_log_var = self.posterior(x, training=training)
        return z_mean, ops.clip(z_log_var, *LOG_VAR_BOUNDS)

    def _log_likelihood(self, x, logits, samples):
        logits = ops.cast(ops.reshape(logits, (samples, -1, math.prod(self.image_shape))), "float32")
        target = ops.reshape(ops.cast(x, "float32"), (1, -1, math.prod(self.image_shape)))
        return ops.sum(target * logits - ops.softplus(logits), axis=-1)

    def _log_weights(self, x, target, samples, training, divergence_weight=1.0):
        """The weights, of the target's likelihood, and the log odds of all draws, the batch's first draws first."""
        z_mean, z_log_var = self._posterior_of(x, training)
        z = self.sampling.draw(z_mean, z_log_var, samples)
        with backend.batch_in_parts(samples):
            logits = self.logits(z, training=training)
        per_draw = (samples, -1, self.latent_dim)
        log_likelihood = self._log_likelihood(target, logits, samples)
        noise = (ops.reshape(z, per_draw) - z_mean) * ops.exp(-0.5 * z_log_var)
        log_posterior = _log_normal(noise) - 0.5 * ops.sum(z_log_var, axis=-1)
        log_prior = _log_normal(z) if self.prior is None else self.prior.log_prob(z)
        log_ratio = ops.reshape(log_prior, (samples, -1)) - log_posterior
        return log_likelihood + divergence_weight * log_ratio, logits

    def _negative_bound(self, x, target, sample_weight, training):
        samples, weight = self.sampling.samples, self.beta * (self._warmup() if training else 1.0)
        if samples > 1:
            weights, logits = self._log_weights(x, target, samples, training, weight)
            return mean(math.log(samples) - ops.logsumexp(weights, axis=0), sample_weight), logits
        z_mean, z_log_var = self._posterior_of(x, training)
        z = self.sampling.draw(z_mean, z_log_var, 1)
        logits = self.logits(z, training=training)
        if self.prior is None:
            divergence = losses.gaussian_kl(z_mean, z_log_var)
            if sample_weight is not None:
                divergence = divergence * ops.cast(one_an_example(sample_weight), divergence.dtype)[:, None]
            divergence = losses.free_bits(divergence, self.free_bits)
        else:  # the entropy in closed form, as a draw would only add noise
            divergence = mean(-losses.gaussian_entropy(z_log_var) - self.prior.log_prob(z), sample_weight)
        log_likelihood = ops.reshape(self._log_likelihood(target, logits, 1), (-1,))
        return weight * divergence - mean(log_likelihood, sample_weight), logits

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "samples": self.sampling.samples,
            "beta": self.beta,
            "free_bits": self.free_bits,
            "prior_couplings": self.prior_couplings,
            "prior_units": self.prior_units,
            "seed": self.sampling.seed,
        }


def _log_normal(values):
    return -0.5 * ops.sum(ops.square(values) + math.log(2 * math.pi), axis=-1)
