"""Autoencoders, one a file."""

from zoo.models.autoencoders.conv_ae import ConvAE
from zoo.models.autoencoders.denoising_ae import DenoisingAE
from zoo.models.autoencoders.dense_ae import DenseAE

__all__ = ["ConvAE", "DenoisingAE", "DenseAE"]
