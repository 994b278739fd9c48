"""Compact images: one tile in the fewest bytes (``FORMAT.md``), for a packet or a file an image."""

import numpy as np

from zoo.codec.tables import Tables

MAX_BYTES = 1 << 16  # more than one tile can take


def pack(symbols: np.ndarray, tables: Tables, fingerprint: bytes) -> bytes:
    """A byte that tells the model by its fingerprint, and the symbols ``(latent_dim,)`` with their check."""
    return fingerprint[:1] + tables.encode_one(symbols, fingerprint)


def unpack(data: bytes, tables: Tables, fingerprint: bytes) -> np.ndarray:
    """The symbols, int16 ``(latent_dim,)``, that ``pack`` made these bytes of; the first is for the caller to look at.

    Raises:
        CodecError: if they are damaged, or of another model.
    """
    return tables.decode_one(data[1:], fingerprint)
