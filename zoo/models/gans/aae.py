"""Adversarial autoencoder.

Makhzani et al. 2016, "Adversarial Autoencoders", §2. Differs from the paper in updating the encoder for reconstruction
and for the prior in one step.
"""

import math

import keras
from keras import layers, ops

from zoo import losses
from zoo.layers import LeakyReLU
from zoo.models.adversarial import AdversarialModel
from zoo.models.base import Reconstructing


@keras.saving.register_keras_serializable("zoo")
class AAE(Reconstructing, AdversarialModel):
    """An autoencoder whose codes no discriminator can tell from draws of N(0, I): it generates by decoding such draws.

        x (b, 28, 28, 1) → flatten 784 → [dense → relu] 512, 256 → z (b, 16)
        z (b, 16) → [dense → relu] 256, 512 → dense → sigmoid 784 → (b, 28, 28, 1)
        z of an image, or drawn (b, 16) → [dense → leaky relu] 128, 128 → score (b, 1)

    The prior's draws are the discriminator's real examples, the codes its fakes. Encoder and decoder minimise the
    squared error summed over an image plus ``adversarial_weight`` times the encoder's adversarial loss. ``encode``,
    ``decode`` and ``call`` are an autoencoder's; ``generator`` is the decoder.

    Args:
        hidden_units: widths of the encoder; the decoder's are the same in reverse.
        discriminator_units: widths of the discriminator.
        adversarial_weight: of the adversarial loss beside the reconstruction.
        image_shape, latent_dim, gradient_penalty_weight, r1_weight, clip, seed: see ``AdversarialModel``.
    """

    value_range = (0, 1)
    sees_images = False

    def __init__(
        self,
        *,
        latent_dim=16,
        hidden_units=(512, 256),
        discriminator_units=(128, 128),
        adversarial_weight=1.0,
        **kwargs,
    ):
        super().__init__(latent_dim=latent_dim, **kwargs)
        if self.num_classes:
            raise ValueError(f"num_classes must be 0, as an AAE takes no labels: received {self.num_classes}.")
        if not adversarial_weight > 0:
            raise ValueError(f"adversarial_weight must be above 0: received {adversarial_weight!r}.")
        self.hidden_units, self.discriminator_units = tuple(hidden_units), tuple(discriminator_units)
        self.adversarial_weight = adversarial_weight

        x = keras.Input(self.image_shape, name="x")
        h = layers.Flatten(data_format="channels_last")(x)
        for units in self.hidden_units:
            h = layers.Dense(units, "relu", kernel_initializer="he_normal")(h)
        self.encoder = keras.Model(x, layers.Dense(latent_dim, dtype="float32", name="z")(h), name="encoder")

        z = keras.Input((latent_dim,), name="z")
        y = z
        for units in reversed(self.hidden_units):
            y = layers.Dense(units, "relu", kernel_initializer="he_normal")(y)
        y = layers.Dense(math.prod(self.image_shape), "sigmoid", dtype="float32")(y)
        y = layers.Reshape(self.image_shape, dtype="float32", name="reconstruction")(y)
        self.decoder = self.generator = keras.Model(z, y, name="decoder")

        z = keras.Input((latent_dim,), name="z")
        h = z
        for units in self.discriminator_units:
            h = LeakyReLU(0.2)(layers.Dense(units, kernel_initializer="he_normal")(h))
        self.discriminator = keras.Model(z, layers.Dense(1, dtype="float32", name="score")(h), name="discriminator")

    @property
    def generator_variables(self):
        return [*self.encoder.trainable_variables, *self.decoder.trainable_variables]

    def real_examples(self, x, training=True):
        return self.noise_for(x, training)

    def fake_examples(self, x, labels, training=True):
        return self.applied(self.encoder, x, training)

    def generator_losses(self, x, labels):
        def loss():
            z = self.encoder(x, training=True)
            # Not by calling the loss, which Keras divides by the replicas, as `backend.gradients` does.
            error = ops.mean(losses.SquaredError().call(ops.cast(x, "float32"), self.decoder(z, training=True)))
            return error + self.adversarial_weight * self.adversarial_loss.generator(self.scores(z, frozen=True))

        return [(loss, self.generator_variables)]

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "discriminator_units": self.discriminator_units,
            "adversarial_weight": self.adversarial_weight,
        }
