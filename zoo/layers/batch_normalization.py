"""Batch normalisation by the statistics of the whole batch, on however many replicas."""

import keras
from keras import ops

from zoo import backend


@keras.saving.register_keras_serializable("zoo")
class BatchNormalization(keras.layers.BatchNormalization):
    """As ``keras.layers.BatchNormalization``; under ``tf.distribute`` all replicas have the whole batch's statistics.

    What ``synchronized=True`` is for, which fails in TensorFlow 2.21 beside other collectives of the same step
    (``zoo.backend.mean_over_replicas`` does not). Not for a model with losses from ``add_loss``, see there.

    References:
        Ioffe & Szegedy 2015, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
        Shift".
    """

    def _moments(self, inputs, mask):
        if backend.replicas() == 1 or mask is not None:
            return super()._moments(inputs, mask)
        axes = self._reduction_axes
        mean = backend.mean_over_replicas(ops.mean(inputs, axis=axes))
        # As in tf.nn.moments, the mean counts as a constant: its derivative vanishes.
        deviation = inputs - ops.stop_gradient(ops.reshape(mean, self._broadcast(inputs)))
        return mean, backend.mean_over_replicas(ops.mean(ops.square(deviation), axis=axes))

    def _broadcast(self, inputs):
        return [1 if axis in self._reduction_axes else size for axis, size in enumerate(inputs.shape)]
