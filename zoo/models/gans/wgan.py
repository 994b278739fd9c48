"""Wasserstein GAN.

Arjovsky, Chintala & Bottou 2017, "Wasserstein GAN", algorithm 1. Differs from the paper in its nets, DCGAN's for small
images. As in the paper: no sigmoid and no logarithm, clipping after every step of the critic, and RMSprop, as momentum
makes a moving critic unstable.
"""

import keras

from zoo.models.gans.dcgan import DCGAN


@keras.saving.register_keras_serializable("zoo")
class WGAN(DCGAN):
    """DCGAN's nets, the discriminator a critic whose weights are clipped, and the Wasserstein distance.

    The critic has no batch normalisation here, so that every variable that it trains is one that clipping bounds. Data
    flow and arguments: ``DCGAN``; ``clip`` is 0.01.
    """

    default_loss = "wasserstein"
    default_discriminator_steps = 5
    default_normalization = None

    def __init__(self, *, clip=0.01, **kwargs):
        super().__init__(clip=clip, **kwargs)

    def default_optimizer(self, learning_rate=5e-5):
        return keras.optimizers.RMSprop(learning_rate)
