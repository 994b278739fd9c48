"""Denoising pictures and sounds of any size: in tiles, or in frames that overlap."""

from zoo.denoising.audio import denoise_audio, denoised_blocks, gated
from zoo.denoising.files import denoise_files
from zoo.denoising.images import denoise, tile_count
from zoo.denoising.photographs import PhotoDenoising

__all__ = ["PhotoDenoising", "denoise", "denoise_audio", "denoise_files", "denoised_blocks", "gated", "tile_count"]
