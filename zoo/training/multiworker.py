"""Several machines that train one model, under Keras' ``fit``."""

import keras
import tensorflow as tf


class MultiWorkerStrategy(tf.distribute.MultiWorkerMirroredStrategy):
    """``tf.distribute.MultiWorkerMirroredStrategy``, under which Keras 3's ``fit`` works (keras-team/keras#20585).

    Keras asks it for two things that it cannot do: the mean of scalars, a step's losses and metrics, over their first
    axis; and the mean of all replicas' batches as a tuple, of which Keras only wants the shapes, to build with.
    """

    def reduce(self, reduce_op, value, axis):
        if isinstance(value, (tuple, list, dict)):
            return keras.tree.map_structure(lambda part: self.experimental_local_results(part)[0], value)
        return super().reduce(reduce_op, value, axis=None if axis == 0 and value.shape.rank == 0 else axis)
