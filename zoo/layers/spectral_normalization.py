"""Spectral normalisation that leaves a frozen layer as it is."""

import keras


@keras.saving.register_keras_serializable("zoo")
class SpectralNormalization(keras.layers.SpectralNormalization):
    """As ``keras.layers.SpectralNormalization``, which divides the kernel of a frozen layer too, whenever it is called.

    References:
        Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", algorithm 1.
    """

    def call(self, inputs, training=False):
        return super().call(inputs, training=training and self.layer.trainable)
