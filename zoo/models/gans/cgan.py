"""Conditional GAN.

Mirza & Osindero 2014, "Conditional Generative Adversarial Nets". Differs from the paper in its nets, DCGAN's instead of
maxout perceptrons.
"""

import keras

from zoo.models.gans.dcgan import DCGAN


@keras.saving.register_keras_serializable("zoo")
class CGAN(DCGAN):
    """DCGAN's nets, both of which see the label: ``generate(n, labels=…)`` draws the class asked for.

    Data flow and arguments: ``DCGAN``; ``num_classes`` is 10.
    """

    def __init__(self, *, num_classes=10, **kwargs):
        super().__init__(num_classes=num_classes, **kwargs)
        if not self.num_classes:
            raise ValueError("num_classes must be at least 2: received 0; without labels, it is a DCGAN.")
