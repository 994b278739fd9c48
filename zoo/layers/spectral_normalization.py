"""Spectral normalisation that leaves a frozen layer as it is."""

import keras

from zoo import backend
from zoo.backend import Tensor


@keras.saving.register_keras_serializable("zoo")
class SpectralNormalization(keras.layers.SpectralNormalization):
    """As ``keras.layers.SpectralNormalization``, which divides the kernel of a frozen layer too, whenever it is called.

    References:
        Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", algorithm 1.
    """

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        return super().call(inputs, training=training and self.layer.trainable)

    def normalized_weights(self) -> tuple[Tensor, Tensor]:
        vector_u, kernel = super().normalized_weights()
        return vector_u, backend.straight_through(kernel, self.kernel)
