"""The models. Importing this package registers every class, so that ``keras.models.load_model`` finds it."""

from zoo.models.autoencoders import (
    VAE,
    BetaVAE,
    ContractiveAE,
    ConvAE,
    ConvTiedAE,
    ConvVAE,
    DenoisingAE,
    DenseAE,
    SparseAE,
    StackedAE,
    TiedAE,
    UnpoolAE,
)
from zoo.models.base import Autoencoder
from zoo.models.variational import VariationalAutoencoder

__all__ = [
    "Autoencoder",
    "BetaVAE",
    "ContractiveAE",
    "ConvAE",
    "ConvTiedAE",
    "ConvVAE",
    "DenoisingAE",
    "DenseAE",
    "SparseAE",
    "StackedAE",
    "TiedAE",
    "UnpoolAE",
    "VAE",
    "VariationalAutoencoder",
]
