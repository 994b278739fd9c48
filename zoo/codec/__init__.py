"""Images through an int8 LiteRT encoder into an entropy-coded, checksummed file, and back.

NumPy, constriction and a LiteRT interpreter are all it needs: neither TensorFlow nor Keras is
imported. The file is described byte by byte in ``FORMAT.md``. ``Codec`` joins a coder (``zoo.codec.coders``)
and a medium (``zoo.codec.media``), which the model's manifest names, over the container (``zoo.codec.format``).
"""

from zoo.codec.array_codec import ArrayCodec
from zoo.codec.codec import Codec
from zoo.codec.format.fields import CodecError
from zoo.codec.media import Summary

__all__ = ["ArrayCodec", "Codec", "CodecError", "Summary"]
