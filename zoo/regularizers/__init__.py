"""Regularisers of activations, for ``activity_regularizer=`` of any Keras layer."""

from zoo.regularizers.sparsity import KLSparsity, L1Activity

__all__ = ["KLSparsity", "L1Activity"]
