"""The models. Importing this package registers every class, so that ``keras.models.load_model`` finds it."""

from zoo.models.autoencoders import ConvAE, DenoisingAE, DenseAE
from zoo.models.base import Autoencoder

__all__ = ["Autoencoder", "ConvAE", "DenoisingAE", "DenseAE"]
