"""The structure that keras.io's examples have, written anew around this package's nets: what ours is timed against.

Their layers and optimisers are Keras' own, as tutorials have them; a gradient tape is ``zoo.backend.gradients``.
"""

import keras
from keras import ops

from zoo import backend, layers, models

WGAN_GP_ADAM = {"learning_rate": 1e-4, "beta_1": 0.0, "beta_2": 0.9}


def plain(net: keras.Model) -> keras.Model:
    """The same net of Keras' own layers, where this package has one of its own in place of Keras'."""

    def copied(layer):
        if isinstance(layer, keras.Model):
            return plain(layer)
        if isinstance(layer, layers.LeakyReLU):
            return keras.layers.LeakyReLU(layer.negative_slope)
        kind = type(layer)
        for own in (layers.BatchNormalization, layers.Conv2D, layers.Conv2DTranspose, layers.Dropout):
            if kind is own:
                kind = getattr(keras.layers, own.__name__)
        return kind.from_config(layer.get_config())

    return keras.models.clone_model(net, clone_function=copied)


class VAE(keras.Model):
    """Of "Variational AutoEncoder".

    Args:
        model: whose posterior and decoder are trained.
    """

    def __init__(self, model: models.VariationalAutoencoder):
        super().__init__()
        self.encoder, self.decoder = plain(model.posterior), plain(model.decoder)
        self.seed_generator = keras.random.SeedGenerator(1337)
        names = ("total_loss", "reconstruction_loss", "kl_loss")
        self.trackers = {name: keras.metrics.Mean(name=name) for name in names}

    def compile(self, **kwargs):
        super().compile(optimizer=keras.optimizers.Adam(), **kwargs)

    @property
    def metrics(self):
        return list(self.trackers.values())

    def train_step(self, x):
        def loss():
            z_mean, z_log_var = self.encoder(x, training=True)
            noise = keras.random.normal(ops.shape(z_mean), seed=self.seed_generator)
            reconstruction = self.decoder(z_mean + ops.exp(0.5 * z_log_var) * noise, training=True)
            crossentropy = keras.losses.binary_crossentropy(x, reconstruction)
            reconstruction_loss = ops.mean(ops.sum(crossentropy, axis=(1, 2)))
            divergence = -0.5 * (1 + z_log_var - ops.square(z_mean) - ops.exp(z_log_var))
            kl_loss = ops.mean(ops.sum(divergence, axis=1))
            parts.extend((reconstruction_loss, kl_loss))
            return [reconstruction_loss + kl_loss]

        parts: list = []
        (total_loss,), (gradients,) = backend.gradients(loss, [self.trainable_weights])
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        values = (total_loss, *parts)
        for tracker, value in zip(self.trackers.values(), values, strict=True):
            tracker.update_state(value)
        return {name: tracker.result() for name, tracker in self.trackers.items()}


class DCGAN(keras.Model):
    """Of "DCGAN to generate face images": noisy labels, and a second batch of fakes for the generator.

    Args:
        model: whose generator and discriminator are trained.
    """

    def __init__(self, model: models.AdversarialModel):
        super().__init__()
        self.generator, self.discriminator = plain(model.generator), plain(model.discriminator)
        self.latent_dim = model.latent_dim
        self.seed_generator = keras.random.SeedGenerator(1337)
        self.trackers = [keras.metrics.Mean(name=name) for name in ("d_loss", "g_loss")]

    def compile(self, **kwargs):
        super().compile(**kwargs)
        self.loss_function = keras.losses.BinaryCrossentropy(from_logits=True)
        self.generator_optimizer = keras.optimizers.Adam(1e-4)
        self.discriminator_optimizer = keras.optimizers.Adam(1e-4)
        self.generator_optimizer.build(self.generator.trainable_weights)
        self.discriminator_optimizer.build(self.discriminator.trainable_weights)

    @property
    def metrics(self):
        return self.trackers

    def train_step(self, real):
        number = ops.shape(real)[0]
        noise = keras.random.normal((number, self.latent_dim), seed=self.seed_generator)
        images = ops.concatenate([self.generator(noise, training=True), real], axis=0)
        labels = ops.concatenate([ops.ones((number, 1)), ops.zeros((number, 1))], axis=0)
        labels += 0.05 * keras.random.uniform(ops.shape(labels), seed=self.seed_generator)
        weights = self.discriminator.trainable_weights
        (d_loss,), (gradients,) = backend.gradients(
            lambda: [self.loss_function(labels, self.discriminator(images, training=True))], [weights]
        )
        self.discriminator_optimizer.apply_gradients(zip(gradients, weights, strict=True))
        noise = keras.random.normal((number, self.latent_dim), seed=self.seed_generator)

        def loss():
            scores = self.discriminator(self.generator(noise, training=True), training=True)
            return [self.loss_function(ops.zeros((number, 1)), scores)]

        weights = self.generator.trainable_weights
        (g_loss,), (gradients,) = backend.gradients(loss, [weights])
        self.generator_optimizer.apply_gradients(zip(gradients, weights, strict=True))
        for tracker, value in zip(self.trackers, (d_loss, g_loss), strict=True):
            tracker.update_state(value)
        return {tracker.name: tracker.result() for tracker in self.trackers}


class WGANGP(keras.Model):
    """Of "WGAN-GP overriding Model.train_step".

    For each of the critic's k steps, on the whole batch, it draws noise, runs the generator in the mode of training,
    scores fake and real images in two passes, and takes the gradient penalty at points of a normal distribution; then
    the generator moves.

    Args:
        model: whose generator and discriminator are trained.
        steps: k of the critic.
        weight: of the gradient penalty.
    """

    def __init__(self, model: models.AdversarialModel, steps: int, weight: float):
        super().__init__()
        self.generator, self.discriminator = plain(model.generator), plain(model.discriminator)
        self.latent_dim, self.steps, self.weight = model.latent_dim, steps, weight
        self.seed_generator = keras.random.SeedGenerator(1337)

    def compile(self, **kwargs):
        super().compile(**kwargs)
        self.generator_optimizer = keras.optimizers.Adam(**WGAN_GP_ADAM)
        self.discriminator_optimizer = keras.optimizers.Adam(**WGAN_GP_ADAM)
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    def gradient_penalty(self, number, real, fake):
        shape = (number,) + (1,) * (len(real.shape) - 1)
        alpha = keras.random.normal(shape, seed=self.seed_generator)
        slope = backend.gradient(lambda x: self.discriminator(x, training=True), real + alpha * (fake - real))
        norm = ops.sqrt(ops.sum(ops.square(slope), axis=tuple(range(1, len(real.shape)))))
        return ops.mean((norm - 1.0) ** 2)

    def train_step(self, real):
        number = ops.shape(real)[0]
        weights = self.discriminator.trainable_variables

        def critic_loss():
            fake = self.generator(noise, training=True)
            fake_scores = self.discriminator(fake, training=True)
            real_scores = self.discriminator(real, training=True)
            cost = ops.mean(fake_scores) - ops.mean(real_scores)
            return [cost + self.weight * self.gradient_penalty(number, real, fake)]

        def generator_loss():
            return [-ops.mean(self.discriminator(self.generator(noise, training=True), training=True))]

        for _ in range(self.steps):
            noise = keras.random.normal((number, self.latent_dim), seed=self.seed_generator)
            (d_loss,), (gradients,) = backend.gradients(critic_loss, [weights])
            self.discriminator_optimizer.apply_gradients(zip(gradients, weights, strict=True))
        noise = keras.random.normal((number, self.latent_dim), seed=self.seed_generator)
        weights = self.generator.trainable_variables
        (g_loss,), (gradients,) = backend.gradients(generator_loss, [weights])
        self.generator_optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return {"d_loss": d_loss, "g_loss": g_loss}
