"""Autoencoders behind scikit-learn's interface."""

from zoo.sklearn.detector import AutoencoderDetector
from zoo.sklearn.normality import Normality, conformal_threshold
from zoo.sklearn.selector import ConcreteSelector
from zoo.sklearn.transformer import AutoencoderTransformer
from zoo.sklearn.weights import feature_importances

__all__ = [
    "AutoencoderDetector",
    "AutoencoderTransformer",
    "ConcreteSelector",
    "Normality",
    "conformal_threshold",
    "feature_importances",
]
