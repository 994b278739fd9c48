"""``Codec``: arrays and files of images to compressed bytes and back."""

import dataclasses
import functools
import io
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from zoo import artifacts
from zoo.codec import pictures as _pictures
from zoo.codec import tiles as _tiles
from zoo.codec.container import (
    MAX_SAMPLES,
    CodecError,
    Header,
    Reader,
    Section,
    Writer,
    fits,
    make_safe,
    run_lengths,
    tiles_of,
)
from zoo.codec.litert import Network
from zoo.codec.tables import Tables

Progress = Callable[[int, int], None]
"""Called now and then with the number of tiles done and of all."""

_BATCH_TILES = 2048  # small pictures are cut up and put together in groups of about this size


@dataclasses.dataclass(frozen=True)
class Summary:
    """What was compressed or restored.

    Attributes:
        model: name of the model in the container.
        pictures: number of pictures.
        pixels: of all of them; a colour pixel counts once.
        tiles: that went through the network.
        bytes: of the container, all of them.
    """

    model: str
    pictures: int
    pixels: int
    tiles: int
    bytes: int

    @property
    def bits_per_pixel(self) -> float:
        return 8 * self.bytes / self.pixels

    def figures(self) -> dict[str, str | int | float]:
        """What the commands print of it."""
        names = ("model", "pictures", "pixels", "bytes", "bits_per_pixel")
        return {name: getattr(self, name) for name in names}


class Codec:
    """Compresses images with a model's int8 LiteRT encoder and its integer entropy tables.

    ::

        picture → tiles → int8 encoder → codes → look-up → symbols → ANS → words → chunks
        picture ← tiles ← float decoder  ←  symbol × step  ← symbols ← ANS ← words ← chunks

    Symbols are integers from end to end, so every machine restores the same ones; the decoder
    computes in float32, so another machine's pixels may differ by one level. The codec is lossy. An
    instance is not thread-safe: its interpreters hold one batch.

    Args:
        model: name of a shipped model, or the folder of one that ``zoo train`` wrote.
        num_threads: threads of each LiteRT interpreter.

    Raises:
        ValueError: if the model is unknown, damaged, or has no codec.
    """

    def __init__(self, model: str | os.PathLike = "conv_ae", *, num_threads: int = 1):
        self._artifact = artifact = artifacts.find(model)
        self._num_threads = num_threads
        if not artifact.has("codec.npz"):
            raise ValueError(f"{artifact.name} cannot compress: it has no codec.npz, as conv_ae has.")
        self.name = artifact.name
        path = artifact.file("codec.npz")
        self.tables = Tables.read(path)
        self.fingerprint = bytes.fromhex(artifact.manifest["codec.npz"]["sha256"])[:8]

    @classmethod
    def for_file(cls, path: str | os.PathLike, *, num_threads: int = 1) -> "Codec":
        """The codec of the model that a container names.

        Raises:
            CodecError: if the container is damaged, or its model is not at hand.
        """
        header = read_header(path)
        try:
            return cls(header.model, num_threads=num_threads)
        except ValueError as error:
            raise CodecError(
                f"{path} needs the model {_identity(header.model, header.fingerprint)}: "
                f"{error} Of a model of your own, give the folder."
            ) from None

    @property
    def tile(self) -> tuple[int, int]:
        """``(height, width)`` of a tile, the encoder's input."""
        return self.tables.tile[:2]

    # Networks

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Symbols of images of the tile's size.

        Args:
            images: uint8, or float in [0, 1], ``(n, height, width, 1)``.

        Returns:
            int16 ``(n, latent_dim)``, each within its alphabet.

        Raises:
            ValueError: if the images have another shape or dtype.
        """
        images = np.asarray(images)
        if images.shape[1:] != self.tables.tile:
            raise ValueError(f"images must be (n, {', '.join(map(str, self.tables.tile))}): received {images.shape}.")
        codes = self._encoder(_pictures.to_uint8(images), _as_int8)
        return self.tables.symbols(codes.reshape(len(images), -1))

    def decode(self, symbols: np.ndarray) -> np.ndarray:
        """Images, uint8 ``(n, height, width, 1)``, of integer symbols ``(n, latent_dim)``.

        Raises:
            ValueError: if the symbols have another shape or dtype.
        """
        symbols = np.asarray(symbols)
        shape, size = symbols.shape, self.tables.latent_dim
        if len(shape) != 2 or shape[1] != size or symbols.dtype.kind not in "iu":
            raise ValueError(f"symbols must be integers (n, {size}): received {symbols.dtype} {shape}.")
        images = self._decoder(symbols, lambda part: part.astype(np.float32) * self.tables.step)
        return np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8).reshape(-1, *self.tables.tile)

    @functools.cached_property
    def _encoder(self) -> Network:
        path = self._artifact.file("encoder.tflite")
        network = Network(path, self._num_threads)
        scale, zero = network.input["quantization"]
        if network.input["dtype"] != np.int8 or network.output["dtype"] != np.int8:
            raise ValueError(f"{path} must take and give int8: export it with --quantization int8.")
        # A pixel p is then the code p - 128 exactly, and no rounding comes between picture and
        # network.
        if zero != -128 or abs(scale * 255 - 1) > 1e-4:
            raise ValueError(
                f"{path} must have the input scale 1/255 and zero point -128: received {scale:.6g} and {zero}."
            )
        self._check_sizes(path, network.input, network.output)
        return network

    @functools.cached_property
    def _decoder(self) -> Network:
        path = self._artifact.file("decoder.tflite")
        network = Network(path, self._num_threads)
        if network.input["dtype"] != np.float32 or network.output["dtype"] != np.float32:
            raise ValueError(f"{path} must take and give float32.")
        self._check_sizes(path, network.output, network.input)
        return network

    def _check_sizes(self, path: Path, image: dict, code: dict) -> None:
        if (
            np.prod(image["shape"][1:]) != np.prod(self.tables.tile)
            or np.prod(code["shape"][1:]) != self.tables.latent_dim
        ):
            raise ValueError(
                f"{path} does not fit codec.npz: its images are {image['shape'][1:].tolist()}, "
                f"its codes {code['shape'][1:].tolist()}, "
                f"expected {self.tables.tile} and {self.tables.latent_dim} numbers."
            )

    # Bytes

    def compress(self, array: np.ndarray) -> bytes:
        """Compresses an array of images into a container.

        Args:
            array: uint8, or float in [0, 1]: ``(h, w)``, ``(h, w, c)`` or ``(n, h, w, c)`` of any
                size, c 1 or 3.

        Raises:
            ValueError: if it is anything else.
        """
        source = _pictures.from_array(np.asarray(array))
        file = io.BytesIO()
        self._write(file, [source], names=False, progress=None)
        return file.getvalue()

    def decompress(self, data: bytes, *, max_bytes: int = 1 << 31) -> np.ndarray:
        """Restores the array that ``compress`` was given: uint8, of the same shape.

        Args:
            data: a container.
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
        reader = Reader(io.BytesIO(data), name)
        header = self._check(reader)
        shape = _array_shape(header, name)
        if header.samples > max_bytes:
            raise CodecError(f"{name} restores to {header.samples:,} bytes: max_bytes allows {max_bytes:,}.")
        array, done = np.empty((header.pictures, *header.sections[0].shape), np.uint8), 0
        for batch in self._restore(reader):
            array[done : done + len(batch)] = batch
            done += len(batch)
        return array.reshape(shape)

    # Files

    def compress_file(
        self,
        inputs: str | os.PathLike | Sequence[str | os.PathLike],
        output: str | os.PathLike,
        *,
        fit: str = "tile",
        names: bool = True,
        progress: Progress | None = None,
    ) -> Summary:
        """Compresses files into one container, holding one picture and one chunk at a time.

        Args:
            inputs: pictures that Pillow opens, ``.npy`` arrays, folders of pictures.
            output: the container; replaced only when all is written.
            fit: ``tile`` keeps every picture's size; ``crop`` and ``pad`` scale each to one tile.
            names: whether to keep the inputs' names.
            progress: called with tiles done and tiles in all.

        Raises:
            ValueError: if an input cannot be read, or the output cannot be written or is an input.
        """
        inputs, output = _as_list(inputs), Path(output)
        if output.exists() and any(output.samefile(p) for p in inputs if os.path.exists(p)):
            raise ValueError(f"{output} is one of the inputs: give another output.")
        sources = _pictures.open_sources(inputs, fit, self.tile)
        with artifacts.atomic_write(output) as file:
            return self._write(file, sources, names, progress)

    def decompress_file(
        self,
        path: str | os.PathLike,
        output: str | os.PathLike,
        *,
        progress: Progress | None = None,
    ) -> Summary:
        """Restores a container's pictures into files, holding one picture and one chunk at a time.

        Args:
            path: the container.
            output: ``….npy`` for one array, ``….png`` for a single picture, else a folder for PNG
                files named after the inputs. Nothing appears there before all is restored.
            progress: called with tiles done and tiles in all.

        Raises:
            CodecError: if the container is damaged, or was written with another model.
            ValueError: if the pictures do not suit the output, or it cannot be written.
        """
        output = Path(output)
        with _open(path) as file:
            reader = Reader(file, str(path))
            header = self._check(reader)
            batches = self._restore(reader, progress)
            if output.suffix.lower() == ".npy":
                shape = _array_shape(header, str(path))
                with artifacts.atomic_write(output) as target:
                    layout = {"descr": "|u1", "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(target, layout)
                    for batch in batches:
                        target.write(np.ascontiguousarray(batch))
            elif output.suffix.lower() == ".png":
                if header.pictures > 1:
                    raise ValueError(f"{path} holds {header.pictures} pictures: give a folder instead of {output}.")
                with artifacts.atomic_write(output) as target:
                    for picture in itertools.chain.from_iterable(batches):
                        _pictures.write_png(picture, target)
            else:
                _pictures.write_folder(output, header.picture_names(), itertools.chain.from_iterable(batches))
            return _summary(header, os.fstat(file.fileno()).st_size)

    def pictures(self, path: str | os.PathLike) -> Iterator[np.ndarray]:
        """Yields the restored pictures of a container in their order, uint8 ``(h, w, c)``."""
        with _open(path) as file:
            reader = Reader(file, str(path))
            self._check(reader)
            yield from itertools.chain.from_iterable(self._restore(reader))

    def mean_squared_error(
        self,
        inputs: str | os.PathLike | Sequence[str | os.PathLike],
        path: str | os.PathLike,
        *,
        fit: str = "tile",
    ) -> float:
        """Error of a container's pictures against its inputs, over all samples, on [0, 1].

        Raises:
            ValueError: if the container does not hold pictures of these inputs.
        """
        sources = _pictures.open_sources(_as_list(inputs), fit, self.tile)
        originals = itertools.chain.from_iterable(self._batches(sources))
        total = samples = 0
        for original, restored in itertools.zip_longest(originals, self.pictures(path)):
            if original is None or restored is None or original.shape != restored.shape:
                raise ValueError(f"{path} does not hold the pictures of these inputs.")
            difference = original.astype(np.int32) - restored
            total += int(np.square(difference, dtype=np.int64).sum())
            samples += difference.size
        return total / samples / 255**2

    # The stream, common to bytes and files

    def _write(
        self,
        file: BinaryIO,
        sources: list[_pictures.Source],
        names: bool,
        progress: Progress | None,
    ) -> Summary:
        if not sources:
            raise ValueError("There is nothing to compress: give at least one picture.")
        header = Header(
            model=make_safe(self.name),
            fingerprint=self.fingerprint,
            tile=self.tile,
            sections=run_lengths([Section(s.count, *s.shape) for s in sources]),
            axes=sources[0].axes if len(sources) == 1 else 4,
            names=tuple((s.count, s.name) for s in sources) if names else (),
        )
        for source in sources:
            if not fits(source.shape, self.tile):
                raise ValueError(f"{source.name} is too large: {source.shape} exceeds {MAX_SAMPLES:,} samples.")
        writer = Writer(file, header)
        rows = _tiles.Rows(_tiles.split(batch, self.tile) for batch in self._batches(sources))
        done = 0
        while (tiles := rows.take(header.tiles_per_chunk)) is not None:
            writer.chunk(self.tables.encode(self.encode(tiles)))
            done += len(tiles)
            if progress:
                progress(done, header.tiles)
        return _summary(header, writer.size)

    def _restore(self, reader: Reader, progress: Progress | None = None) -> Iterator[np.ndarray]:
        """Yields uint8 ``(n, h, w, c)``: all pictures in their order, some at a time."""
        rows = _tiles.Rows(self._restored_tiles(reader, progress))
        for section in reader.header.sections:
            tiles, size = tiles_of(section.shape, self.tile), self._batch(section.shape)
            for start in range(0, section.count, size):
                count = min(size, section.count - start)
                yield _tiles.join(rows.take(count * tiles), section.shape)
        rows.take(1)  # nothing may follow: the reader checks that the file ends here

    def _restored_tiles(self, reader: Reader, progress: Progress | None) -> Iterator[np.ndarray]:
        done = 0
        # 24 bits are the most that a symbol costs: a word a symbol is more than ever needed.
        for words, count, where in reader.chunks(words_per_tile=self.tables.latent_dim):
            try:
                symbols = self.tables.decode(words, count)
            except CodecError as error:
                raise CodecError(f"{reader.name}, {where}: {error}.") from None
            yield self.decode(symbols)
            done += count
            if progress:
                progress(done, reader.header.tiles)

    def _batches(self, sources: list[_pictures.Source]) -> Iterator[np.ndarray]:
        for source in sources:
            yield from source.batches(self._batch(source.shape))

    def _batch(self, shape: tuple[int, int, int]) -> int:
        return max(1, _BATCH_TILES // tiles_of(shape, self.tile))

    def _check(self, reader: Reader) -> Header:
        header = reader.header
        if header.fingerprint != self.fingerprint:
            raise CodecError(
                f"{reader.name} needs the model {_identity(header.model, header.fingerprint)}, "
                f"this codec is {_identity(self.name, self.fingerprint)}: "
                "give that model's name or folder."
            )
        if header.tile != self.tile:
            raise CodecError(f"{reader.name} has tiles {header.tile}: its model's are {self.tile}.")
        return header


def read_header(path: str | os.PathLike) -> Header:
    """What a container says about itself, checked; its chunks are not read.

    Raises:
        CodecError: if it is no container or damaged.
        ValueError: if the file cannot be read.
    """
    with _open(path) as file:
        return Reader(file, str(path)).header


def _open(path: str | os.PathLike) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None


def _as_list(inputs: str | os.PathLike | Iterable[str | os.PathLike]) -> list[str | os.PathLike]:
    return [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)


def _as_int8(pixels: np.ndarray) -> np.ndarray:
    return (pixels ^ 0x80).view(np.int8)  # p - 128


def _identity(name: str, fingerprint: bytes) -> str:
    return f"{name} (tables {fingerprint.hex()})"


def _summary(header: Header, size: int) -> Summary:
    return Summary(header.model, header.pictures, header.pixels, header.tiles, size)


def _array_shape(header: Header, name: str) -> tuple[int, ...]:
    if len(header.sections) > 1:
        raise ValueError(f"{name} holds pictures of {len(header.sections)} shapes: restore them into a folder.")
    shape = (header.pictures, *header.sections[0].shape)
    return {2: shape[1:3], 3: shape[1:], 4: shape}[header.axes]
