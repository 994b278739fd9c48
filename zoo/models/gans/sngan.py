"""Spectrally normalised GAN.

Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks". Differs from the paper in its smaller
nets, which are DCGAN's, and in multiplying the score by 16; the normalisation is Keras' own, one step of the power
method for each call.
"""

import keras

from zoo.models.gans.dcgan import DCGAN


@keras.saving.register_keras_serializable("zoo")
class SNGAN(DCGAN):
    """DCGAN's nets, the discriminator's kernels divided by their largest singular value, and the hinge loss.

    As matrices, that is: a convolution may stretch an image by somewhat more than 1. So the discriminator's slope stays
    within bounds without a penalty, at the price of one product a kernel. Each layer passes on
    a part of what its bound allows, so that few scores would reach the hinge loss's margin at ±1: ``score_scale`` is
    16. Data flow and arguments: ``DCGAN``.
    """

    default_loss = "hinge"
    default_normalization = "spectral"
    default_score_scale = 16.0
