"""A zoo of trained autoencoders in Keras 3.

    >>> import zoo
    >>> model = zoo.load("denoising_ae")            # a trained, compiled Keras model
    >>> codec = zoo.Codec("compressor")             # int8 LiteRT encoder, entropy-coded bitstream

Everything is imported when it is first used: ``import zoo`` alone loads neither TensorFlow nor Keras.
"""

import importlib

__version__ = "0.1.0"

# Public name → the module that holds it.
_PUBLIC = {
    "load": "zoo.registry",
    "list_models": "zoo.registry",
    "info": "zoo.registry",
    "denoise": "zoo.denoising",
    "denoise_sound": "zoo.denoising",
    "embed": "zoo.embedding",
    "summarize": "zoo.summarization",
    "export": "zoo.exporting",
    "certify": "zoo.exporting",
    "Codec": "zoo.codec",
    "CodecError": "zoo.codec",
}
_SUBPACKAGES = {
    "artifacts",
    "codec",
    "data",
    "denoising",
    "embedding",
    "evaluation",
    "experiments",
    "exporting",
    "gallery",
    "layers",
    "losses",
    "maps",
    "models",
    "optimizers",
    "plots",
    "regularizers",
    "registry",
    "sklearn",
    "summarization",
    "training",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str):
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name in _SUBPACKAGES:
        return importlib.import_module(f"zoo.{name}")
    raise AttributeError(f"module 'zoo' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_PUBLIC, *_SUBPACKAGES})
