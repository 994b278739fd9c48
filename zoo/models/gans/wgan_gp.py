"""Wasserstein GAN with gradient penalty.

Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", algorithm 1. Differs from the paper in its nets, DCGAN's
for small images.
"""

import keras

from zoo import optimizers
from zoo.models.gans.dcgan import DCGAN


@keras.saving.register_keras_serializable("zoo")
class WGANGP(DCGAN):
    """DCGAN's nets, the discriminator a critic whose slope between real and fake examples is drawn to 1.

    The critic has no batch normalisation: the penalty is on each example's own gradient. Data flow and arguments:
    ``DCGAN``; ``gradient_penalty_weight`` is 10.
    """

    default_loss = "wasserstein"
    default_discriminator_steps = 5
    default_normalization = None

    def __init__(self, *, gradient_penalty_weight=10.0, **kwargs):
        super().__init__(gradient_penalty_weight=gradient_penalty_weight, **kwargs)

    def default_optimizer(self, learning_rate=1e-4):
        return optimizers.Adam(learning_rate, beta_1=0.0, beta_2=0.9)
