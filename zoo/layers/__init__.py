"""Keras layers the zoo's models are made of."""

from zoo.layers.attention_block import AttentionBlock
from zoo.layers.batch_normalization import BatchNormalization
from zoo.layers.bounded_silu import bounded_silu
from zoo.layers.camera_noise import CameraNoise
from zoo.layers.concrete_selector import ConcreteSelector
from zoo.layers.convolution import Conv2D, Conv2DTranspose
from zoo.layers.corruption import Corruption
from zoo.layers.coupling_flow import CouplingFlow
from zoo.layers.deconvolution import Deconvolution2D
from zoo.layers.differentiable_augmentation import DifferentiableAugmentation
from zoo.layers.dropout import Dropout, SpatialDropout1D, SpatialDropout2D
from zoo.layers.entropy_bottleneck import EntropyBottleneck
from zoo.layers.k_sparse import KSparse
from zoo.layers.latent_context import LatentContext
from zoo.layers.leaky_relu import LeakyReLU
from zoo.layers.patch_transform import PatchAnalysis, PatchSynthesis, Whitening
from zoo.layers.pooling import FixedUnpool2D, MaxPoolWithSwitches2D, MaxUnpool2D, NearestUnpool2D
from zoo.layers.position_binding import PositionBinding
from zoo.layers.position_embedding import PositionEmbedding
from zoo.layers.residual_block import ResidualBlock1D, ResidualBlock2D
from zoo.layers.reversible import ReversibleConv2D, ReversibleDense
from zoo.layers.sampling import GaussianSampling
from zoo.layers.signal_noise import SignalNoise
from zoo.layers.spatial_mixing import SpatialMixing
from zoo.layers.spectral_normalization import SpectralNormalization
from zoo.layers.sub_pixel import SubPixelConv2D
from zoo.layers.text_tokenizer import TextTokenizer

__all__ = [
    "AttentionBlock",
    "BatchNormalization",
    "CameraNoise",
    "ConcreteSelector",
    "Conv2D",
    "Conv2DTranspose",
    "Corruption",
    "CouplingFlow",
    "Deconvolution2D",
    "DifferentiableAugmentation",
    "Dropout",
    "EntropyBottleneck",
    "FixedUnpool2D",
    "GaussianSampling",
    "KSparse",
    "LatentContext",
    "LeakyReLU",
    "MaxPoolWithSwitches2D",
    "MaxUnpool2D",
    "NearestUnpool2D",
    "PatchAnalysis",
    "PatchSynthesis",
    "PositionBinding",
    "PositionEmbedding",
    "ResidualBlock1D",
    "ResidualBlock2D",
    "ReversibleConv2D",
    "ReversibleDense",
    "SignalNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialMixing",
    "SpectralNormalization",
    "SubPixelConv2D",
    "TextTokenizer",
    "Whitening",
    "bounded_silu",
]
