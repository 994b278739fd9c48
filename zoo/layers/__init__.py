"""Keras layers the zoo's models are made of."""

from zoo.layers.corruption import Corruption
from zoo.layers.entropy_bottleneck import EntropyBottleneck
from zoo.layers.residual_block import ResidualBlock2D
from zoo.layers.spatial_mixing import SpatialMixing
from zoo.layers.sub_pixel import SubPixelConv2D

__all__ = ["Corruption", "EntropyBottleneck", "ResidualBlock2D", "SpatialMixing", "SubPixelConv2D"]
