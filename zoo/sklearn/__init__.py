"""Autoencoders behind scikit-learn's interface."""

from zoo.sklearn.selector import ConcreteSelector
from zoo.sklearn.transformer import AutoencoderTransformer
from zoo.sklearn.weights import feature_importances

__all__ = ["AutoencoderTransformer", "ConcreteSelector", "feature_importances"]
