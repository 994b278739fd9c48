"""A zoo of trained autoencoders in Keras 3.

    >>> import zoo
    >>> model = zoo.load("denoising_ae")            # a trained, compiled Keras model
    >>> codec = zoo.Codec("compressor")             # int8 LiteRT encoder, entropy-coded bitstream

Everything is imported when it is first used: ``import zoo`` alone loads neither TensorFlow nor Keras. What there is
stands in ``__init__.pyi``, which editors and type checkers read too.
"""

import lazy_loader

from zoo import deprecations, extras

__version__ = "0.1.0"
_imported, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str):
    with extras.needed(f"zoo.{name}"):
        return _imported(deprecations.export_name(name))
