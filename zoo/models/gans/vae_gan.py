"""Variational autoencoder with a learned similarity.

Larsen et al. 2016, "Autoencoding beyond pixels using a learned similarity metric", algorithm 1. Differs from the paper
in showing the discriminator as many fakes as real images, half of them reconstructions and half new ones.
"""

import keras
from keras import layers, ops

from zoo import backend, losses
from zoo.models.base import Reconstructing
from zoo.models.gans.dcgan import DCGAN
from zoo.models.gans.residual import CONVOLUTION
from zoo.models.variational import LOG_VAR_BOUNDS


@keras.saving.register_keras_serializable("zoo")
class VAEGAN(Reconstructing, DCGAN):
    """A VAE whose decoder is a generator, and whose error is measured in the discriminator's features.

        x (b, 28, 28, 1) → conv/2 (b, 14, 14, 32) → conv/2 (b, 7, 7, 64) → z_mean, z_log_var (b, 64) → z
        z, or noise (b, 64) → generator → (b, 28, 28, 1) → discriminator → features (b, 2048) → score (b, 1)

    With D_l the features, the encoder minimises ``KL(q(z|x) ‖ N(0, I)) + E`` and the generator
    ``reconstruction_weight · E`` plus its adversarial loss, where ``E = ½ ‖D_l(x) − D_l(x̃)‖²``, summed over the
    features, is the negative log likelihood of eq. 7. Generator and discriminator are ``DCGAN``'s.

    Args:
        reconstruction_weight: γ of eq. 9: what reconstruction counts beside fooling the discriminator.
        **kwargs: of ``DCGAN``: image_shape, filters, hidden_units, normalization, dropout, latent_dim,
            gradient_penalty_weight, r1_weight, clip, seed.
    """

    def __init__(self, *, reconstruction_weight=0.01, **kwargs):
        super().__init__(**kwargs)
        if self.num_classes:
            raise ValueError(f"num_classes must be 0, as a VAE-GAN takes no labels: received {self.num_classes}.")
        if not reconstruction_weight > 0:
            raise ValueError(f"reconstruction_weight must be above 0: received {reconstruction_weight!r}.")
        self.reconstruction_weight = reconstruction_weight

        x = keras.Input(self.image_shape, name="x")
        h = layers.Conv2D(self.filters, 4, 2, activation="relu", **CONVOLUTION)(x)
        h = layers.Conv2D(2 * self.filters, 4, 2, activation="relu", **CONVOLUTION)(h)
        h = layers.Flatten("channels_last")(h)
        z_mean = layers.Dense(self.latent_dim, dtype="float32", name="z_mean")(h)
        z_log_var = layers.Dense(self.latent_dim, dtype="float32", name="z_log_var")(h)
        self.encoder = keras.Model(x, z_mean, name="encoder")
        self.posterior = keras.Model(x, [z_mean, z_log_var], name="posterior")
        self.decoder = self.generator
        inputs, features = self.discriminator.input, self.discriminator.get_layer("features").output
        self.features = keras.Model(inputs, [features, self.discriminator.output], name="features")

    @property
    def generator_variables(self):
        return [*self.posterior.trainable_variables, *self.generator.trainable_variables]

    @property
    def batch_parts(self):
        return 2 * super().batch_parts  # half of the examples are reconstructed, as many others generated

    def train_step(self, *args):
        with backend.batch_in_parts(2):
            return super().train_step(*args)

    def fake_examples(self, x, labels, training=True):
        noise = self.noise_for(x, training)
        half = (ops.shape(x)[0] + 1) // 2  # of an only example, the reconstruction: nets take no empty batch
        z_mean, z_log_var = self.applied(self.posterior, x[:half], training)
        z = ops.concatenate([self._drawn(z_mean, z_log_var, noise[:half]), noise[half:]])
        return self.applied(self.generator, z, training)

    def generator_losses(self, x, labels):
        shared = {}

        def of_the_encoder():
            z_mean, z_log_var = self.posterior(x, training=True)
            z_log_var = ops.clip(z_log_var, *LOG_VAR_BOUNDS)
            z = self._drawn(z_mean, z_log_var, self.noise_for(x))
            images = self.generator(ops.concatenate([z, self.noise_for(x)]), training=True)
            number = ops.shape(x)[0]
            draws = None
            if self.augmentation.kinds:  # an image and its reconstruction are changed alike
                draws = self.augmentation.draws(2 * number)
                draws = ops.concatenate([draws[:number], draws])
            with backend.batch_in_parts(3):
                images = ops.concatenate([ops.cast(x, images.dtype), images])
                features, scores = self.applied(self.features, self.augmentation(images, training=True, draws=draws))
            features = ops.cast(features, "float32")
            error = ops.square(ops.stop_gradient(features[:number]) - features[number : 2 * number])
            shared["error"] = 0.5 * ops.mean(ops.sum(error, axis=-1))
            shared["scores"] = ops.cast(scores[number:], "float32")
            divergence = ops.mean(ops.sum(losses.gaussian_kl(z_mean, z_log_var), axis=-1))
            return divergence + shared["error"]

        def of_the_generator():
            adversarial = self.adversarial_loss.generator(shared["scores"])
            return adversarial + self.reconstruction_weight * shared["error"]

        return [
            (of_the_encoder, self.posterior.trainable_variables),
            (of_the_generator, self.generator.trainable_variables),
        ]

    def _drawn(self, z_mean, z_log_var, noise):
        return z_mean + ops.exp(0.5 * ops.clip(z_log_var, *LOG_VAR_BOUNDS)) * noise

    def get_config(self):
        return {**super().get_config(), "reconstruction_weight": self.reconstruction_weight}
