"""Denoising pictures and sounds of any size with a model of small ones: overlapping tiles, or frames, blended."""

from zoo.denoising.audio import denoise_audio, denoised_blocks, gated
from zoo.denoising.files import denoise_files
from zoo.denoising.images import denoise, tile_count

__all__ = ["denoise", "denoise_files", "denoise_audio", "denoised_blocks", "gated", "tile_count"]
