"""The coders by the name that an artefact's manifest gives: what becomes of a chunk, one file a coder."""

from zoo.codec.coders.base import Coder
from zoo.codec.coders.latents import LatentCoder
from zoo.codec.coders.lossless import LosslessCoder
from zoo.codec.coders.lossy import LossyCoder, SignalCoder
from zoo.codec.coders.pixel_coder import PixelCoder
from zoo.codec.coders.text_coder import TextCoder

CODERS: dict[str, type[Coder]] = {
    "tiles": LossyCoder,
    "frames": SignalCoder,
    "bits_back": LosslessCoder,
    "pixels": PixelCoder,
    "tokens": TextCoder,
    "latents": LatentCoder,
}

__all__ = ["CODERS", "Coder"]
