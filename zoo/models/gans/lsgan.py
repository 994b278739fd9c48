"""Least squares GAN.

Mao et al. 2017, "Least Squares Generative Adversarial Networks". Differs from the paper in its nets, which are DCGAN's.
"""

import keras

from zoo.models.gans.dcgan import DCGAN


@keras.saving.register_keras_serializable("zoo")
class LSGAN(DCGAN):
    """DCGAN's nets, whose scores are drawn to 1 and 0 by squares instead of by cross-entropy.

    A fake that is taken for real but lies far from the data still gets a gradient. Data flow and arguments: ``DCGAN``.
    """

    default_loss = "least_squares"
