"""Spectrally normalised GAN.

Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks". Differs from the paper in its smaller
nets, which are DCGAN's; the normalisation is Keras' own, one step of the power method for each call.
"""

import keras

from zoo.models.gans.dcgan import DCGAN


@keras.saving.register_keras_serializable("zoo")
class SNGAN(DCGAN):
    """DCGAN's nets, the discriminator's kernels divided by their largest singular value, and the hinge loss.

    That bounds the discriminator's slope without a penalty, at the price of one product a kernel. Data flow and
    arguments: ``DCGAN``.
    """

    default_loss = "hinge"
    default_normalization = "spectral"
