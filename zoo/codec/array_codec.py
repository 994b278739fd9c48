"""Arrays, sounds and texts in memory, to compressed bytes and back: what ``Codec`` does without files."""

import io
import os

import numpy as np

from zoo import artifacts
from zoo.codec import models
from zoo.codec.coders import CODERS, Coder
from zoo.codec.format import compact as compact_images
from zoo.codec.format.container import is_container
from zoo.codec.format.fields import CodecError
from zoo.codec.format.header import Header
from zoo.codec.media import Summary, medium_of
from zoo.codec.stream import Stream
from zoo.codec.tables import Tables
from zoo.codec.tiles import channels_of
from zoo.io.pictures import Source

MAX_BYTES = 1 << 31  # that are restored from any file


class ArrayCodec:
    """A trained model with its coder and its medium: see ``Codec``."""

    def __init__(self, model: str | os.PathLike | artifacts.Artifact = "photo_compressor", *, num_threads: int = 1):
        if not isinstance(model, (str, os.PathLike, artifacts.Artifact)):
            raise ValueError(
                f"model must be the name or the folder of a model: received {type(model).__name__}. Of a model of your "
                "own, give the folder that `zoo train` wrote."
            )
        artifact = model if isinstance(model, artifacts.Artifact) else artifacts.find(model)
        if not isinstance(num_threads, int) or num_threads < 1:
            raise ValueError(f"num_threads must be an integer ≥ 1: received {num_threads!r}.")
        self._artifact, self._num_threads, self.name = artifact, num_threads, artifact.name
        self.fingerprint = models.fingerprint_of(artifact)
        chosen = models.codec_of(artifact)
        self.coder = CODERS[chosen.coder](artifact)
        self._medium = medium_of(chosen.medium, self.coder)
        self._stream = Stream(self.name, self.fingerprint, self.coder, self._medium, num_threads)

    def __reduce__(self):
        # Interpreters and coders stay behind: the copy opens the files anew.
        return _opened, (type(self), self._artifact, self._num_threads)

    @property
    def tile(self) -> tuple[int, int]:
        """``(height, width)`` of a tile, the encoder's input."""
        return self.coder.tile[:2]

    @property
    def channels(self) -> int:
        """Of a tile: 3 of a model of colour tiles, which takes pictures of as many; else 1, whatever a picture has."""
        return channels_of(self.coder.tile)

    @property
    def what(self) -> str:
        """What the model compresses: ``pictures``, ``sounds`` or ``texts``."""
        return self._medium.what

    @property
    def unit(self) -> str:
        """What ``Progress`` counts in: ``pixels``, ``seconds`` or ``bytes``."""
        return self._medium.unit

    @property
    def lossless(self) -> bool:
        return self.coder.lossless

    @property
    def qualities(self) -> tuple[float, float, float] | None:
        """The lowest, the default and the highest quality that ``compress`` takes; None where there is no choice."""
        return self.coder.qualities

    @property
    def tables(self) -> Tables:
        """The integer tables of a lossy model, ``zoo.codec.tables.Tables``."""
        return self._lossy("tables").tables

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Symbols of images of the tile's size, by a lossy model.

        Args:
            images: uint8, or float in [0, 1], ``(n, height, width, 1)``.

        Returns:
            int16 ``(n, latent_dim)``, each within its alphabet.

        Raises:
            ValueError: if the images have another shape or dtype, or the model is lossless.
        """
        return self._lossy("encode").encode(images)

    def decode(self, symbols: np.ndarray) -> np.ndarray:
        """Images, uint8 ``(n, height, width, 1)``, of integer symbols ``(n, latent_dim)``.

        Raises:
            ValueError: if the symbols have another shape or dtype, or the model is lossless.
        """
        return self._lossy("decode").decode(symbols)

    def _lossy(self, what: str) -> Coder:
        """The coder, where it has what only some have."""
        if what in self.coder.offers:
            return self.coder
        if self.lossless:
            raise ValueError(f"{what} is of a model with a quantised code: {self.name} is lossless.")
        raise ValueError(f"{what} is of pictures: {self.name} compresses {self.what}, into containers.")

    def compress(
        self, array: np.ndarray | str | bytes, *, compact: bool = False, quality: float | None = None
    ) -> bytes:
        """Compresses an array of images, a sound, or a text into a container.

        Args:
            array: uint8, or float in [0, 1]: ``(h, w)``, ``(h, w, c)``, c from 1 to 4, or ``(n, h, w, c)``, of any
                size; uint16 too of a model that takes 16 bits. A sound at the model's sample rate: int16, or float in
                [−1, 1], ``(n,)`` or ``(n, 1)``. A text: a string, which is taken in UTF-8, or any bytes, also as uint8
                ``(n,)``.
            compact: for one grey image of the tile's size, the fewest bytes instead: one that tells
                the model, the symbols, and a check of 16 bits within them. For a packet, or a file
                an image.
            quality: of a model that has several; None for its usual one.

        Raises:
            ValueError: if it is anything else.

        Examples:
            >>> import numpy as np, zoo
            >>> codec = zoo.Codec("compressor")
            >>> picture = np.zeros((100, 60, 3), np.uint8)  # any size, grey or colour
            >>> data = codec.compress(picture)
            >>> restored = codec.decompress(data)
            >>> restored.shape, restored.dtype, len(data) < picture.size / 10
            ((100, 60, 3), dtype('uint8'), True)
        """
        source = self._medium.from_array(array)
        if compact:
            return self._compact(source)
        file = io.BytesIO()
        self._stream.write(file, [source], names=False, progress=None, quality=quality)
        return file.getvalue()

    def decompress(self, data: bytes, *, max_bytes: int = MAX_BYTES) -> np.ndarray | bytes:
        """Restores what ``compress`` was given: uint8, of the same shape; a sound as int16 ``(n,)``, a text as bytes.

        Args:
            data: a container, or a compact image, which is restored as ``(h, w, 1)``.
            max_bytes: size of the restored array that is still allowed; a forged container of a few
                kilobytes may announce gigabytes.

        Raises:
            CodecError: if the bytes are damaged, were written with another model, or restore to
                more than ``max_bytes``.
            ValueError: if the pictures are not of one shape.
        """
        name = "the container"
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise ValueError(f"data must be bytes: received {type(data).__name__}.")
        file = io.BytesIO(data)
        if not is_container(file):
            return self._restore_compact(bytes(data), name)
        readers, header = self._stream.read(file, name)
        shape = self._medium.array_shape(header, name)
        self._check_size(header, max_bytes, name)
        array, done = self._medium.empty(header), 0
        for batch in self._stream.restore(readers):
            array[done : done + len(batch)] = batch
            done += len(batch)
        return self._medium.value(array.reshape(shape))

    def _check_size(self, header: Header, max_bytes: int, name: str) -> None:
        size = self._medium.restored_bytes(header)
        if size > max_bytes:
            raise CodecError(
                f"{name} restores to {size:,} bytes: max_bytes allows {max_bytes:,}. If you trust it, give more "
                "(--max-bytes)."
            )

    def _compact(self, source: Source) -> bytes:
        coder = self._lossy("compact")
        if source.count != 1 or source.shape != (*self.tile, 1):
            raise ValueError(
                f"compact holds one grey image of {self.tile[0]} × {self.tile[1]} pixels: received {source.count} of "
                f"{source.shape}. Fit it (--fit crop, pad), or write a container."
            )
        (symbols,) = coder.encode(source.read(0, 1))
        return compact_images.pack(symbols, coder.tables, self.fingerprint)

    def _restore_compact(self, data: bytes, name: str) -> np.ndarray:
        """The image ``(h, w, 1)`` of a compact file."""
        if not data:
            raise CodecError(f"{name} is empty: expected a zoo container.")
        if "compact" not in self.coder.offers or data[:1] != self.fingerprint[:1]:
            raise CodecError(
                f"{name} is not a zoo container, nor a compact image of {models.identity(self.name, self.fingerprint)}."
            )
        try:
            symbols = compact_images.unpack(data, self.tables, self.fingerprint)
        except CodecError as error:
            raise CodecError(f"{name} is no compact image of {self.name}: {error}.") from None
        return self.decode(symbols[None])[0]

    def _summary(self, header: Header, size: int, sources=()) -> Summary:
        counts = {"pictures": header.pictures, "pixels": header.pixels, "tiles": header.tiles}
        return self._medium.summary({"model": header.model, **counts, "bytes": size}, sources)


def _opened(kind: type[ArrayCodec], artifact: artifacts.Artifact, num_threads: int) -> ArrayCodec:
    """What a pickled codec becomes."""
    return kind(artifact, num_threads=num_threads)
