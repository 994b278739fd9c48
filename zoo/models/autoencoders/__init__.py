"""Autoencoders, one a file."""

from zoo.models.autoencoders.beta_vae import BetaVAE
from zoo.models.autoencoders.compressor import Compressor
from zoo.models.autoencoders.concrete_ae import ConcreteAE
from zoo.models.autoencoders.contractive_ae import ContractiveAE
from zoo.models.autoencoders.conv_ae import ConvAE
from zoo.models.autoencoders.conv_tied_ae import ConvTiedAE
from zoo.models.autoencoders.conv_vae import ConvVAE
from zoo.models.autoencoders.denoising_ae import DenoisingAE
from zoo.models.autoencoders.denoising_signal_ae import DenoisingSignalAE
from zoo.models.autoencoders.dense_ae import DenseAE
from zoo.models.autoencoders.detecting_ae import DetectingAE
from zoo.models.autoencoders.detecting_signal_ae import DetectingSignalAE
from zoo.models.autoencoders.hierarchical_vae import HierarchicalVAE
from zoo.models.autoencoders.map_ae import MapAE
from zoo.models.autoencoders.photo_compressor import PhotoCompressor
from zoo.models.autoencoders.photo_denoiser import PhotoDenoiser
from zoo.models.autoencoders.signal_ae import SignalAE
from zoo.models.autoencoders.sparse_ae import SparseAE
from zoo.models.autoencoders.stacked_ae import StackedAE
from zoo.models.autoencoders.summarizer import Summarizer
from zoo.models.autoencoders.tabular_ae import TabularAE
from zoo.models.autoencoders.text_ae import TextAE
from zoo.models.autoencoders.tied_ae import TiedAE
from zoo.models.autoencoders.unpool_ae import UnpoolAE
from zoo.models.autoencoders.vae import VAE

__all__ = [
    "BetaVAE",
    "Compressor",
    "ConcreteAE",
    "ContractiveAE",
    "ConvAE",
    "ConvTiedAE",
    "ConvVAE",
    "DenoisingAE",
    "DenoisingSignalAE",
    "DenseAE",
    "DetectingAE",
    "DetectingSignalAE",
    "HierarchicalVAE",
    "MapAE",
    "PhotoCompressor",
    "PhotoDenoiser",
    "SignalAE",
    "SparseAE",
    "StackedAE",
    "Summarizer",
    "TabularAE",
    "TextAE",
    "TiedAE",
    "UnpoolAE",
    "VAE",
]
