"""The structure that keras.io's examples have, written anew around this package's nets: what ours is timed against.

Their layers and optimisers are Keras' own, as tutorials have them.
"""

import keras
import tensorflow as tf

from zoo import layers, models

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
        with tf.GradientTape() as tape:
            z_mean, z_log_var = self.encoder(x, training=True)
            noise = keras.random.normal(tf.shape(z_mean), seed=self.seed_generator)
            reconstruction = self.decoder(z_mean + tf.exp(0.5 * z_log_var) * noise, training=True)
            crossentropy = keras.losses.binary_crossentropy(x, reconstruction)
            reconstruction_loss = tf.reduce_mean(tf.reduce_sum(crossentropy, axis=(1, 2)))
            divergence = -0.5 * (1 + z_log_var - tf.square(z_mean) - tf.exp(z_log_var))
            kl_loss = tf.reduce_mean(tf.reduce_sum(divergence, axis=1))
            total_loss = reconstruction_loss + kl_loss
        gradients = tape.gradient(total_loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        values = (total_loss, reconstruction_loss, kl_loss)
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
        number = tf.shape(real)[0]
        noise = keras.random.normal((number, self.latent_dim), seed=self.seed_generator)
        images = tf.concat([self.generator(noise, training=True), real], axis=0)
        labels = tf.concat([tf.ones((number, 1)), tf.zeros((number, 1))], axis=0)
        labels += 0.05 * tf.random.uniform(tf.shape(labels))
        with tf.GradientTape() as tape:
            d_loss = self.loss_function(labels, self.discriminator(images, training=True))
        gradients = tape.gradient(d_loss, self.discriminator.trainable_weights)
        self.discriminator_optimizer.apply_gradients(zip(gradients, self.discriminator.trainable_weights, strict=True))
        noise = keras.random.normal((number, self.latent_dim), seed=self.seed_generator)
        with tf.GradientTape() as tape:
            scores = self.discriminator(self.generator(noise, training=True), training=True)
            g_loss = self.loss_function(tf.zeros((number, 1)), scores)
        gradients = tape.gradient(g_loss, self.generator.trainable_weights)
        self.generator_optimizer.apply_gradients(zip(gradients, self.generator.trainable_weights, strict=True))
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

    def compile(self, **kwargs):
        super().compile(**kwargs)
        self.generator_optimizer = keras.optimizers.Adam(**WGAN_GP_ADAM)
        self.discriminator_optimizer = keras.optimizers.Adam(**WGAN_GP_ADAM)
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    def gradient_penalty(self, number, real, fake):
        alpha = tf.random.normal([number] + [1] * (len(real.shape) - 1), 0.0, 1.0)
        between = real + alpha * (fake - real)
        with tf.GradientTape() as tape:
            tape.watch(between)
            scores = self.discriminator(between, training=True)
        slope = tape.gradient(scores, [between])[0]
        norm = tf.sqrt(tf.reduce_sum(tf.square(slope), axis=list(range(1, len(real.shape)))))
        return tf.reduce_mean((norm - 1.0) ** 2)

    def train_step(self, real):
        number = tf.shape(real)[0]
        for _ in range(self.steps):
            noise = tf.random.normal((number, self.latent_dim))
            with tf.GradientTape() as tape:
                fake = self.generator(noise, training=True)
                fake_scores = self.discriminator(fake, training=True)
                real_scores = self.discriminator(real, training=True)
                cost = tf.reduce_mean(fake_scores) - tf.reduce_mean(real_scores)
                loss = cost + self.weight * self.gradient_penalty(number, real, fake)
            gradients = tape.gradient(loss, self.discriminator.trainable_variables)
            self.discriminator_optimizer.apply_gradients(
                zip(gradients, self.discriminator.trainable_variables, strict=True)
            )
        noise = tf.random.normal((number, self.latent_dim))
        with tf.GradientTape() as tape:
            generator_loss = -tf.reduce_mean(self.discriminator(self.generator(noise, training=True), training=True))
        gradients = tape.gradient(generator_loss, self.generator.trainable_variables)
        self.generator_optimizer.apply_gradients(zip(gradients, self.generator.trainable_variables, strict=True))
        return {"d_loss": loss, "g_loss": generator_loss}
