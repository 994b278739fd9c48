"""``Codec``: arrays and files of images, of sounds or of texts, to compressed bytes and back."""

import collections
import contextlib
import dataclasses
import functools
import io
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np

from zoo import artifacts
from zoo.codec import compact as compact_images
from zoo.codec import models
from zoo.codec import tiles as _tiles
from zoo.codec.container import MODEL, Chunk, Reader, Writer, read_all
from zoo.codec.header import MAGIC, MAX_SAMPLES, CodecError, Header, Section, fits, run_lengths, tiles_of
from zoo.codec.lossless import LosslessCoder
from zoo.codec.lossy import LossyCoder, SignalCoder
from zoo.codec.media import Pictures, Sounds, Summary, Texts, mean_squared_error
from zoo.codec.tables import Tables
from zoo.codec.text_coder import TextCoder
from zoo.io.files import is_special, make_safe
from zoo.io.pictures import Source, Transform

Progress = Callable[[int, int], None]
"""Called now and then with what is done and with all: pixels of pictures, seconds of sounds, bytes of texts."""

MAX_BYTES = 1 << 31  # that are restored from any file; a large file may restore to ``MAX_TIMES`` its size
MAX_TIMES = 256
UNLIKELY = 2  # a model that seems to take so many times what a general codec takes is not asked


class Codec:
    """Compresses images with a trained model: lossily by its encoder, or without loss by its likelihood.

    ::

        picture ↔ tiles of the model's size ↔ words of 32 bits, many tiles a chunk ↔ container

    With a model of signals it compresses sounds: a sound is a picture of one row, and its tiles are frames that overlap
    (``zoo.codec.frames``). With a language model it compresses texts, without loss: their bytes are one row, and the
    tiles are runs of it (``zoo.codec.text_coder``). What is said of pictures below goes for them too, where it does not
    say otherwise.

    Of a lossy model's tiles the symbols are integers from end to end, so every machine restores the
    same ones; the decoder computes in float32, so another machine's pixels may differ by one level.
    What happens to a tile is written at ``zoo.codec.lossy`` and ``zoo.codec.lossless``.

    Args:
        model: name of a shipped model, or the folder of one that ``zoo train`` wrote; or an artefact itself.
        num_threads: chunks that are coded at the same time; the bytes do not depend on it.

    Raises:
        ValueError: if the model is unknown, damaged, or has no codec.
    """

    def __init__(self, model: str | os.PathLike | artifacts.Artifact = "compressor", *, num_threads: int = 1):
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
        self.coder = self._coder_of(artifact)
        self._medium = self._medium_of(self.coder)

    def __reduce__(self):
        # Interpreters and coders stay behind: the copy opens the files anew.
        return _opened, (type(self), self._artifact, self._num_threads)

    @staticmethod
    def _coder_of(artifact: artifacts.Artifact) -> LossyCoder | LosslessCoder | TextCoder:
        if artifact.has("text.npz"):
            return TextCoder(artifact)
        if not artifact.has("codec.npz"):
            return LosslessCoder(artifact)
        tables = Tables.read(artifact.file("codec.npz"))
        return (LossyCoder if tables.overlap is None else SignalCoder)(artifact, tables)

    @staticmethod
    def _medium_of(coder: LossyCoder | LosslessCoder | TextCoder) -> Pictures | Sounds | Texts:
        if isinstance(coder, TextCoder):
            return Texts(coder.tile[1])
        return (
            Sounds(coder.tables)
            if isinstance(coder, SignalCoder)
            else Pictures(coder.tile, exact=coder.probe is not None)
        )

    @classmethod
    def for_file(cls, path: str | os.PathLike, *, num_threads: int = 1) -> "Codec":
        """The codec of the model that a file needs, which must be a shipped one.

        Raises:
            CodecError: if the file is damaged, or its model is not at hand.
            ValueError: if the file cannot be read.
        """
        with _open(path) as file:
            if is_container(file):
                artifact = models.for_header(Reader(file, str(path)).header, str(path))
            else:
                artifact = models.for_compact(file.read(compact_images.MAX_BYTES + 1), str(path))
        return cls(artifact, num_threads=num_threads)

    @property
    def tile(self) -> tuple[int, int]:
        """``(height, width)`` of a tile, the encoder's input."""
        return self.coder.tile

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
        return self.coder.probe is not None

    @property
    def tables(self):
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

    def _lossy(self, what: str) -> LossyCoder:
        if self.lossless:
            raise ValueError(f"{what} is of a model with a quantised code: {self.name} is lossless.")
        if isinstance(self._medium, Sounds) and what != "tables":
            raise ValueError(f"{what} is of pictures: {self.name} compresses sounds, into containers.")
        return self.coder

    # Bytes

    def compress(self, array: np.ndarray | str | bytes, *, compact: bool = False) -> bytes:
        """Compresses an array of images, a sound, or a text into a container.

        Args:
            array: uint8, or float in [0, 1]: ``(h, w)``, ``(h, w, c)`` or ``(n, h, w, c)`` of any
                size, c 1 or 3. A sound at the model's sample rate: int16, or float in [−1, 1], ``(n,)`` or ``(n, 1)``.
                A text: a string, which is taken in UTF-8, or any bytes, also as uint8 ``(n,)``.
            compact: for one grey image of the tile's size, the fewest bytes instead: one that tells
                the model, the symbols, and a check of 16 bits within them. For a packet, or a file
                an image.

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
        self._write(file, [source], names=False, progress=None)
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
        readers, header = self._read(file, name)
        shape = self._medium.array_shape(header, name)
        self._check_size(header, max_bytes, name)
        array, done = self._medium.empty(header), 0
        for batch in self._restore(readers):
            array[done : done + len(batch)] = batch
            done += len(batch)
        return self._medium.value(array.reshape(shape))

    def _check_size(self, header: Header, max_bytes: int, name: str) -> None:
        size = header.samples * self._medium.bytes_per_sample
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
        if self.lossless or isinstance(self._medium, Sounds) or data[:1] != self.fingerprint[:1]:
            raise CodecError(
                f"{name} is not a zoo container, nor a compact image of {models.identity(self.name, self.fingerprint)}."
            )
        try:
            symbols = compact_images.unpack(data, self.tables, self.fingerprint)
        except CodecError as error:
            raise CodecError(f"{name} is no compact image of {self.name}: {error}.") from None
        return self.decode(symbols[None])[0]

    # Files

    def compress_file(
        self,
        inputs: str | os.PathLike | Sequence[str | os.PathLike],
        output: str | os.PathLike,
        *,
        fit: str = "tile",
        names: bool = True,
        append: bool = False,
        salvage: bool = False,
        compact: bool = False,
        transform: Transform | None = None,
        failed: list[str] | None = None,
        progress: Progress | None = None,
    ) -> Summary:
        """Compresses files into one container, holding few pictures and chunks at a time.

        Args:
            inputs: pictures that Pillow opens, ``.npy`` arrays, folders of pictures; of a model of signals, sounds that
                libsndfile opens, ``.npy`` arrays of samples, folders of sounds; of a language model, any files, and
                folders of texts.
            output: the container; replaced only when all is written.
            fit: ``tile`` keeps every picture's size; ``crop`` and ``pad`` scale each to one tile.
            names: whether to keep the inputs' names.
            append: whether to add them to the container that ``output`` is, of the same model. It
                grows in place, and is as it was if anything goes wrong.
            salvage: whether an end that an earlier append left torn is cut off first.
            compact: see ``compress``.
            transform: what each batch of pictures goes through first, such as ``zoo.denoise``.
            failed: gets a line for each input that cannot be read, and each file of a folder that is left out, and the
                others are compressed; None to raise for the former and leave out the latter.
            progress: see ``Progress``.

        Raises:
            ValueError: if an input cannot be read, or the output cannot be written, is an input, or is appended to
                by another process meanwhile.
            CodecError: if what is appended to is no sound container of this model.
        """
        inputs, output = _as_list(inputs), Path(output)
        artifacts.check_writable(output)
        if output.exists() and any(output.samefile(p) for p in inputs if os.path.exists(p)):
            raise ValueError(f"{output} is one of the inputs: give another output.")
        if append and compact:
            raise ValueError("append is of containers: a compact file holds one image.")
        with artifacts.locked(output) if append else contextlib.nullcontext():
            taken, end, size = self._end_of(output, salvage) if append else ((), None, None)
            sources = self._medium.open(inputs, fit, taken, failed, transform)
            if compact and len(sources) == 1:
                data = self._compact(sources[0])
                with artifacts.atomic_write(output) as file:
                    file.write(data)
                return self._summary_of_compact(len(data))
            if compact and sources:
                raise ValueError(f"compact holds one image: received {len(sources)} inputs.")
            while sources or not failed:
                try:
                    with artifacts.append(output, end, size) if append else artifacts.atomic_write(output) as file:
                        return self._write(file, sources, names, progress)
                except ValueError:
                    # That a picture's end is missing shows only when it is read: once more without those like it.
                    good = self._readable(sources, failed)
                    if len(good) == len(sources):
                        raise
                    sources, size = good, end
        raise ValueError(f"None of the inputs can be compressed: {failed[0]}")

    def _end_of(self, path: Path, salvage: bool) -> tuple[list[tuple[int, str]], int, int]:
        """Of a container that is to be appended to: the names it holds, where it ends, and the size of its file."""
        with _open(path) as file:
            readers, header = self._read(file, str(path), salvage=salvage)
            return header.picture_inputs(), readers[-1].skip(), os.fstat(file.fileno()).st_size

    def _readable(self, sources: list[Source], failed: list[str] | None) -> list[Source]:
        """The sources that can be read to their ends; a line each for the others, and all where ``failed`` is None."""
        good = []
        for source in sources:
            try:
                if failed is not None:
                    collections.deque(self._medium.rows(source), maxlen=0)
                good.append(source)
            except ValueError as error:
                failed.append(str(error))
        return good

    def decompress_file(
        self,
        path: str | os.PathLike,
        output: str | os.PathLike,
        *,
        salvage: bool = False,
        overwrite: bool = True,
        max_bytes: int | None = None,
        progress: Progress | None = None,
    ) -> Summary:
        """Restores a container's pictures into files, holding few pictures and chunks at a time.

        Args:
            path: the container, or a compact image.
            output: ``….npy`` for one array, ``….png`` for a single picture, ``….wav`` for a single sound, a name with
                any extension for a single text, else a folder for PNG or WAV files, or texts, named after the inputs: a
                name without extension, or a folder that is there. Nothing appears there before all is restored.
            salvage: whether to restore what precedes an append that was cut off or damaged.
            overwrite: whether files that are there already are replaced.
            max_bytes: as of ``decompress``; None for 2 GiB, or 256 times the size of the file where that is more.
            progress: see ``Progress``.

        Raises:
            CodecError: if the container is damaged, was written with another model, or restores to more than
                ``max_bytes``.
            ValueError: if the pictures do not suit the output, or it cannot be written.
        """
        output = Path(output)
        with _open(path) as file:
            if is_container(file):
                readers, header = self._read(file, str(path), salvage=salvage)
                if max_bytes is None:
                    max_bytes = max(MAX_BYTES, MAX_TIMES * os.fstat(file.fileno()).st_size)
                self._check_size(header, max_bytes, str(path))
                batches = self._restore(readers, progress)
                summary = self._summary(header, readers[-1].skip())
            else:
                data = file.read(compact_images.MAX_BYTES + 1)
                batches = iter([self._restore_compact(data, str(path))[None]])
                header, summary = self._header([Section(1, *self.tile, 1)], 3), self._summary_of_compact(len(data))
            self._medium.save(output, header, batches, str(path), overwrite)
            return summary

    def pictures(self, path: str | os.PathLike) -> Iterator[np.ndarray]:
        """Yields the restored pictures of a container in their order, uint8 ``(h, w, c)``; texts as uint8 ``(n,)``."""
        with _open(path) as file:
            if not is_container(file):
                yield self._restore_compact(file.read(compact_images.MAX_BYTES + 1), str(path))
                return
            readers, header = self._read(file, str(path))
            yield from self._medium.items(header, self._restore(readers))

    def picture(self, path: str | os.PathLike, index: int, *, salvage: bool = False) -> np.ndarray:
        """One picture of a container, uint8 ``(h, w, c)``, without restoring those before it.

        The chunks before its own are leapt over by their lengths; of a lossless model, whose images
        depend on each other, all of its chunk is restored.

        Args:
            path: the container.
            index: of the picture, from 0 in the container's order.
            salvage: see ``decompress_file``.

        Raises:
            CodecError: if the container is damaged there, or was written with another model.
            ValueError: if there is no such picture.
        """
        with _open(path) as file:
            readers, header = self._read(file, str(path), salvage=salvage)
            if not isinstance(index, int) or not 0 <= index < header.pictures:
                raise ValueError(f"index must be from 0 to {header.pictures - 1}: received {index!r}.")
            for reader in readers:
                if index < reader.header.pictures:
                    return self._one(reader, index)
                index -= reader.header.pictures
        raise AssertionError("the readers have the header's pictures")

    def decompress_picture(
        self,
        path: str | os.PathLike,
        index: int,
        output: str | os.PathLike,
        *,
        salvage: bool = False,
        overwrite: bool = True,
    ) -> None:
        """Restores one picture of a container, as ``picture`` does, into ``….png`` or ``….npy``.

        Raises:
            CodecError, ValueError: as ``picture``; also if the output has another ending or cannot be written.
        """
        picture = self.picture(path, index, salvage=salvage)
        artifacts.check_writable(output, overwrite=overwrite)
        self._medium.save_one(Path(output), picture)

    def _one(self, reader: Reader, index: int) -> np.ndarray:
        header, start = reader.header, 0
        for section in header.sections:
            tiles = tiles_of(section.shape, self.tile)
            if index < section.count:
                break
            start, index = start + tiles * section.count, index - section.count
        start += tiles * index
        size = header.tiles_per_chunk
        first, last = start // size, -(-(start + tiles) // size)
        parts = [self._unpack(reader, chunk) for chunk in reader.chunks(self.coder.words_per_tile, first, last)]
        start -= first * size
        rows, alone = _tiles.Rows([np.concatenate(parts)[start : start + tiles]]), dataclasses.replace(section, count=1)
        header = dataclasses.replace(header, sections=(alone,))
        return next(self._medium.items(header, self._medium.restored(rows, alone)))

    def mean_squared_error(
        self,
        inputs: str | os.PathLike | Sequence[str | os.PathLike],
        path: str | os.PathLike,
        *,
        fit: str = "tile",
        transform: Transform | None = None,
    ) -> float:
        """Error of a container's pictures against its inputs, over all samples, on [0, 1].

        Args:
            inputs, fit, transform: as for ``compress_file``.
            path: the container.

        Raises:
            ValueError: if the container does not hold pictures of these inputs.
        """
        mismatch = f"{path} does not hold the {self._medium.what} of these inputs"
        return mean_squared_error(*self._both(inputs, path, fit, transform), mismatch) / 255**2

    def quality(
        self,
        inputs: str | os.PathLike | Sequence[str | os.PathLike],
        path: str | os.PathLike,
        *,
        fit: str = "tile",
        transform: Transform | None = None,
        failed: list[str] | None = None,
    ) -> dict[str, float | None]:
        """What a container's pictures or sounds are worth beside its inputs: ``psnr``, or ``snr``, in dB.

        Args and errors: as of ``mean_squared_error``; ``failed`` as for ``compress_file``. None stands for infinity.
        """
        return self._medium.quality(*self._both(inputs, path, fit, transform, failed))

    def _both(self, inputs, path, fit, transform, failed=None) -> tuple[Iterator[np.ndarray], Iterator[np.ndarray]]:
        sources = self._readable(self._medium.open(_as_list(inputs), fit, (), failed, transform), failed)
        return itertools.chain.from_iterable(map(self._medium.whole, sources)), self.pictures(path)

    # The stream, common to bytes and files

    def _header(self, sections: list[Section], axes: int, names=()) -> Header:
        return Header(
            model=make_safe(self.name),
            fingerprint=self.fingerprint,
            tile=self.tile,
            sections=run_lengths(sections),
            axes=axes,
            names=names,
            tiles_per_chunk=self.coder.tiles_per_chunk,
            probe=self.coder.probe,
            coded=self.lossless,
        )

    def _write(
        self,
        file: BinaryIO,
        sources: list[Source],
        names: bool,
        progress: Progress | None,
    ) -> Summary:
        if not sources:
            raise ValueError(f"There is nothing to compress: give {self._medium.what}.")
        sections = [self._medium.section(source) for source in sources]
        for source, section in zip(sources, sections, strict=True):
            if not fits(section.shape, self.tile):
                raise ValueError(f"{source.name} is too large: {section.shape} exceeds {MAX_SAMPLES:,} samples.")
        header = self._header(
            sections,
            self._medium.axes(sources[0]) if len(sources) == 1 else 4,
            tuple((section.count, s.name) for section, s in zip(sections, sources, strict=True)) if names else (),
        )
        writer = Writer(file, header)
        rows = _tiles.Rows(itertools.chain.from_iterable(map(self._medium.rows, sources)))
        done = _Progress(progress, header.tiles, self._medium.units(header))
        chunks = rows.pieces(header.tiles_per_chunk)
        for content, coding in self._in_parallel(lambda chunk: self._pack(header, *chunk, done), enumerate(chunks)):
            writer.chunk(content, coding)
        writer.close()
        return self._summary(header, writer.size, sources)

    def _pack(self, header: Header, index: int, tiles: np.ndarray, done: "_Progress") -> tuple[np.ndarray | bytes, int]:
        """A chunk, and how it is coded: where it may say so, as whatever takes the fewest bytes."""
        first = index * header.tiles_per_chunk
        if first + len(tiles) > header.tiles:
            raise ValueError(f"The inputs gave more than {header.tiles} tiles: they changed while being read.")
        advance = done.chunk(len(tiles))
        if not header.coded:
            words = self.coder.pack(tiles, advance)
            advance(1)
            return words, MODEL
        coding, data = self._medium.store(header, first, tiles)
        best = data, coding
        if 4 * self.coder.estimated_words(tiles) <= UNLIKELY * len(data):
            words, size = self.coder.pack(tiles, advance), int(self._medium.sizes(header, first, len(tiles)).sum())
            if 4 * len(words) <= len(data) and len(words) >= self.coder.least_words(len(tiles), size, coded=True):
                best = words, MODEL
        advance(1)
        return best

    def _restore(self, readers: list[Reader], progress: Progress | None = None) -> Iterator[np.ndarray]:
        """Yields uint8 ``(n, h, w, c)``: all pictures in their order, some at a time."""
        total = sum(reader.header.tiles for reader in readers)
        done = _Progress(progress, total, sum(self._medium.units(reader.header) for reader in readers))
        for reader in readers:
            chunks = reader.chunks(self.coder.words_per_tile)
            unpack = functools.partial(self._unpack, reader, done=done)
            rows = _tiles.Rows(self._in_parallel(unpack, chunks))
            for section in reader.header.sections:
                yield from self._medium.restored(rows, section)
            rows.take(1)  # there is none: the last chunk is done with

    def _unpack(self, reader: Reader, chunk: Chunk, done: "_Progress | None" = None) -> np.ndarray:
        header, advance = reader.header, (done or _Progress(None, 1, 1)).chunk(chunk.tiles)
        try:
            if chunk.coding != MODEL:
                rows = self._medium.stored(header, chunk)
            else:
                sizes = self._medium.sizes(header, chunk.first, chunk.tiles)
                if len(chunk.content) < self.coder.least_words(chunk.tiles, int(sizes.sum()), header.coded):
                    raise CodecError(f"its {len(chunk.content)} words are too few for {chunk.tiles} tiles")
                rows = self.coder.unpack(chunk.content, chunk.tiles, sizes, advance)
        except CodecError as error:
            raise CodecError(f"{reader.name}, {chunk.where}: {error}.") from None
        advance(1)
        return rows

    def _in_parallel(self, work: Callable, items: Iterator) -> Iterator:
        """``map``, by as many threads as the codec has, with few items at a time."""
        if self._num_threads == 1:
            yield from map(work, items)
            return
        with ThreadPoolExecutor(self._num_threads) as pool:
            waiting: collections.deque = collections.deque()
            try:
                for item in items:
                    waiting.append(pool.submit(work, item))
                    if len(waiting) > self._num_threads:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _read(self, file: BinaryIO, name: str, *, salvage: bool = False) -> tuple[list[Reader], Header]:
        """The containers of a file, and a header for all of them, checked to be of this model."""
        readers, header = read_all(file, name, salvage=salvage)
        if header.fingerprint != self.fingerprint:
            raise CodecError(
                f"{name} needs the model {models.identity(header.model, header.fingerprint)}, "
                f"this codec is {models.identity(self.name, self.fingerprint)}: "
                "give that model's name or folder."
            )
        if header.tile != self.tile or (header.probe is None) == self.lossless:
            raise CodecError(f"{name} has tiles {header.tile}: its model's are {self.tile}.")
        if header.probe and header.probe.digest != self.coder.probe.digest:
            raise CodecError(
                f"{name} was written by {header.probe.runtime}, whose networks give other numbers than "
                f"{self.coder.probe.runtime} here: restore it where both agree."
            )
        self._medium.check(header, name)
        return readers, header

    def _summary(self, header: Header, size: int, sources=()) -> Summary:
        counts = {"pictures": header.pictures, "pixels": header.pixels, "tiles": header.tiles}
        return self._medium.summary({"model": header.model, **counts, "bytes": size}, sources)

    def _summary_of_compact(self, size: int) -> Summary:
        return Summary(self.name, 1, self.tile[0] * self.tile[1], 1, size)


class _Progress:
    """Adds up what threads have done of their chunks, and tells it in the units that a user knows."""

    def __init__(self, report: Progress | None, tiles: int, units: float):
        self._report, self._tiles, self._units = report, tiles, units
        self._done, self._lock = 0.0, threading.Lock()
        if report:
            report(0, round(units))

    def chunk(self, tiles: int) -> Callable[[float], None]:
        """A function that hears which part of a chunk of so many tiles is done."""
        before = 0.0

        def advance(part: float) -> None:
            nonlocal before
            if self._report:
                with self._lock:
                    self._done += (part - before) * tiles
                    before = part
                    self._report(round(self._done / self._tiles * self._units), round(self._units))

        return advance


def _opened(kind: type[Codec], artifact: artifacts.Artifact, num_threads: int) -> Codec:
    """What a pickled codec becomes."""
    return kind(artifact, num_threads=num_threads)


def read_header(path: str | os.PathLike) -> Header:
    """What a container says about itself, checked; its chunks are not read.

    Raises:
        CodecError: if it is no container or damaged.
        ValueError: if the file cannot be read.
    """
    with _open(path) as file:
        return read_all(file, str(path))[1]


def is_container(file: BinaryIO) -> bool:
    """Whether a file starts as a container does; otherwise it may be compact. Its position is kept at the start."""
    start = file.read(len(MAGIC))
    file.seek(0)
    return start == MAGIC


def _open(path: str | os.PathLike) -> BinaryIO:
    if is_special(path):
        raise ValueError(f"{path} is a device, a pipe or a socket: give a file.")
    try:
        return open(path, "rb")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None


def _as_list(inputs: str | os.PathLike | Iterable[str | os.PathLike]) -> list[str | os.PathLike]:
    return [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
