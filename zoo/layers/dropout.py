"""Dropout whose mask depends on an example's place in the batch, not on the replica that holds it."""

from typing import Any

import keras
from keras import ops

from zoo import backend
from zoo.backend import Tensor

_Mixin: Any = object  # for type checkers: what it calls is of the layer that it is mixed into


class _PerExample(_Mixin):
    """What the kinds share: on one device Keras' own, on several replicas the mask that one device would draw."""

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        if backend.replicas() == 1 or not training or not self.rate:
            return super().call(inputs, training=training)
        call = super().call

        def mask(shape):
            return call(ops.ones(shape, inputs.dtype), training=True)

        return inputs * backend.per_example(mask, ops.shape(inputs))


@keras.saving.register_keras_serializable("zoo")
class Dropout(_PerExample, keras.layers.Dropout):
    """As ``keras.layers.Dropout``; under ``tf.distribute`` replicas drop together what one device would drop.

    References:
        Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting".
    """


@keras.saving.register_keras_serializable("zoo")
class SpatialDropout1D(_PerExample, keras.layers.SpatialDropout1D):
    """As ``keras.layers.SpatialDropout1D``, whole channels; under ``tf.distribute`` as one device would."""


@keras.saving.register_keras_serializable("zoo")
class SpatialDropout2D(_PerExample, keras.layers.SpatialDropout2D):
    """As ``keras.layers.SpatialDropout2D``, whole channels; under ``tf.distribute`` as one device would.

    References:
        Tompson et al. 2015, "Efficient Object Localization Using Convolutional Networks".
    """
