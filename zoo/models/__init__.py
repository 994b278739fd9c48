"""The models. Importing this package registers every class, so that ``keras.models.load_model`` finds it."""

from zoo.models import autoencoders, gans
from zoo.models.adversarial import AdversarialModel
from zoo.models.autoencoders import *  # noqa: F403 - each folder lists its own
from zoo.models.base import Autoencoder
from zoo.models.classifier import Classifier
from zoo.models.gans import *  # noqa: F403
from zoo.models.pixel_predictor import PixelPredictor
from zoo.models.variational import VariationalAutoencoder

__all__ = [
    *autoencoders.__all__,
    *gans.__all__,
    "AdversarialModel",
    "Autoencoder",
    "Classifier",
    "PixelPredictor",
    "VariationalAutoencoder",
]  # noqa: PLE0604
