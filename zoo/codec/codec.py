"""``Codec``: arrays and files of images, of sounds or of texts, to compressed bytes and back."""

import collections
import contextlib
import itertools
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from zoo.codec import models
from zoo.codec.array_codec import MAX_BYTES, ArrayCodec
from zoo.codec.format import compact as compact_images
from zoo.codec.format.container import Reader, is_container, open_file
from zoo.codec.format.header import Section
from zoo.codec.media import Summary
from zoo.codec.media.base import mean_squared_error
from zoo.codec.rate_control import Reached, choose
from zoo.codec.stream import Progress
from zoo.io import writing
from zoo.io.pictures import Source, Transform

MAX_TIMES = 256  # its size, that a large file may restore to where that is more than ``MAX_BYTES``


class Codec(ArrayCodec):
    """Compresses images with a trained model: lossily by its encoder, or without loss by its likelihood.

    ::

        picture ↔ tiles of the model's size ↔ words of 32 bits, many tiles a chunk ↔ container

    With a model of signals it compresses sounds: a sound is a picture of one row, and its tiles are frames that overlap
    (``zoo.codec.frames``). With a language model it compresses texts, without loss: their bytes are one row, and the
    tiles are runs of it (``zoo.codec.coders.text_coder``). What is said of pictures below goes for them too, where it
    does not say otherwise.

    Of a lossy model's tiles the symbols are integers from end to end, so every machine restores the
    same ones; the decoder computes in float32, so another machine's pixels may differ by one level.
    What happens to a tile is written at ``zoo.codec.coders.lossy`` and ``zoo.codec.coders.lossless``.

    Args:
        model: name of a shipped model, or the folder of one that ``zoo train`` wrote; or an artefact itself.
        num_threads: chunks that are coded at the same time; the bytes do not depend on it.

    Raises:
        ValueError: if the model is unknown, damaged, or has no codec.
    """

    @classmethod
    def for_file(cls, path: str | os.PathLike, *, num_threads: int = 1) -> "Codec":
        """The codec of the model that a file needs, which must be a shipped one.

        Raises:
            CodecError: if the file is damaged, or its model is not at hand.
            ValueError: if the file cannot be read.
        """
        with open_file(path) as file:
            if is_container(file):
                artifact = models.for_header(Reader(file, str(path)).header, str(path))
            else:
                artifact = models.for_compact(file.read(compact_images.MAX_BYTES + 1), str(path))
        return cls(artifact, num_threads=num_threads)

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
        quality: float | None = None,
        rate: float | None = None,
        column: str | None = None,
    ) -> Summary:
        """Compresses files into one container, holding few pictures and chunks at a time.

        Args:
            inputs: pictures that Pillow opens, ``.npy`` arrays, folders of pictures; of a model of sounds, those
                that libsndfile opens, ``.npy`` arrays of samples, folders of them; of measured signals, tables of
                text, ``.npy`` arrays and WAV files; of a language model, any files, and
                folders of texts.
            output: the container; replaced only when all is written.
            fit: ``tile`` keeps every picture's size; ``crop`` and ``pad`` scale each to one tile.
            names: whether to keep the inputs' names.
            append: whether to add them to the container that ``output`` is, of the same model. It
                grows in place, and is as it was if anything goes wrong.
            salvage: whether an end that an earlier append left torn is cut off first.
            compact, quality: see ``compress``.
            transform: what each batch of pictures goes through first, such as ``zoo.denoise``.
            failed: gets a line for each input that cannot be read, and each file of a folder that is left out, and the
                others are compressed; None to raise for the former and leave out the latter.
            progress: see ``Progress``.
            rate, column: of measured signals: see ``zoo.io.signals.open_signals``.

        Raises:
            ValueError: if an input cannot be read, or the output cannot be written, is an input, or is appended to
                by another process meanwhile.
            CodecError: if what is appended to is no sound container of this model.
        """
        inputs, output = _as_list(inputs), Path(output)
        writing.check_writable(output)
        if output.exists() and any(output.samefile(p) for p in inputs if os.path.exists(p)):
            raise ValueError(f"{output} is one of the inputs: give another output.")
        if append and compact:
            raise ValueError("append is of containers: a compact file holds one image.")
        with writing.locked(output) if append else contextlib.nullcontext():
            taken, end, size = self._end_of(output, salvage) if append else ((), None, None)
            sources = self._opened(inputs, fit, taken, failed, transform, rate, column)
            if compact and sources:
                return self._write_compact(sources, output)
            while sources or not failed:
                try:
                    with writing.append(output, end, size) if append else writing.atomic_write(output) as file:
                        return self._summary(*self._stream.write(file, sources, names, progress, quality), sources)
                except ValueError:
                    # That a picture's end is missing shows only when it is read: once more without those like it.
                    good = self._readable(sources, failed)
                    if len(good) == len(sources):
                        raise
                    sources, size = good, end
        raise ValueError(f"None of the inputs can be compressed: {failed[0]}")

    def _write_compact(self, sources: list[Source], output: Path) -> Summary:
        if len(sources) > 1:
            raise ValueError(f"compact holds one image: received {len(sources)} inputs.")
        data = self._compact(sources[0])
        with writing.atomic_write(output) as file:
            file.write(data)
        return self._summary(self._stream.header([Section(1, *self.tile, 1)], 3), len(data))

    def _end_of(self, path: Path, salvage: bool) -> tuple[list[tuple[int, str]], int, int]:
        """Of a container that is to be appended to: the names it holds, where it ends, and the size of its file."""
        with open_file(path) as file:
            readers, header = self._stream.read(file, str(path), salvage=salvage)
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
            output: ``….npy`` for one array, ``….png`` for a single picture, ``….wav`` for a single sound, ``….csv`` for
                a single measured signal, in its unit as ``….npy`` is, a name with
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
        with open_file(path) as file:
            if is_container(file):
                readers, header = self._stream.read(file, str(path), salvage=salvage)
                if max_bytes is None:
                    max_bytes = max(MAX_BYTES, MAX_TIMES * os.fstat(file.fileno()).st_size)
                self._check_size(header, max_bytes, str(path))
                batches = self._stream.restore(readers, progress)
                summary = self._summary(header, readers[-1].skip())
            else:
                data = file.read(compact_images.MAX_BYTES + 1)
                batches = iter([self._restore_compact(data, str(path))[None]])
                header = self._stream.header([Section(1, *self.tile, 1)], 3)
                summary = self._summary(header, len(data))
            self._medium.save(output, header, batches, str(path), overwrite)
            return summary

    def pictures(self, path: str | os.PathLike) -> Iterator[np.ndarray]:
        """Yields the restored pictures of a container in their order, uint8 ``(h, w, c)``; texts as uint8 ``(n,)``."""
        with open_file(path) as file:
            if not is_container(file):
                yield self._restore_compact(file.read(compact_images.MAX_BYTES + 1), str(path))
                return
            readers, header = self._stream.read(file, str(path))
            yield from self._medium.items(header, self._stream.restore(readers))

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
        return self._picture(path, index, salvage)[0]

    def _picture(self, path: str | os.PathLike, index: int, salvage: bool) -> tuple[np.ndarray, Section]:
        with open_file(path) as file:
            readers, header = self._stream.read(file, str(path), salvage=salvage)
            if not isinstance(index, int) or not 0 <= index < header.pictures:
                raise ValueError(f"index must be from 0 to {header.pictures - 1}: received {index!r}.")
            for reader in readers:
                if index < reader.header.pictures:
                    return self._stream.one(reader, index)
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
        picture, section = self._picture(path, index, salvage)
        writing.check_writable(output, overwrite=overwrite)
        self._medium.save_one(Path(output), picture, section)

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
        rate: float | None = None,
        column: str | None = None,
    ) -> dict[str, float | None]:
        """What a container's items are worth beside its inputs: ``psnr`` or ``snr`` in dB, ``prd`` and ``prdn`` in %.

        Args and errors: as of ``mean_squared_error``; the others as for ``compress_file``. None stands for infinity.
        """
        return self._medium.quality(*self._both(inputs, path, fit, transform, failed, rate, column))

    def quality_for(
        self,
        inputs: np.ndarray | str | os.PathLike | Sequence[str | os.PathLike],
        *,
        bits_per_pixel: float | None = None,
        psnr: float | None = None,
        max_bytes: int | None = None,
        fit: str = "tile",
        names: bool = True,
        transform: Transform | None = None,
        advance: Callable[[Reached], None] | None = None,
    ) -> Reached:
        """The quality that meets a target, one of three, found by a few trials.

        Args:
            inputs, fit, names, transform: as for ``compress_file``; or an array as ``compress`` takes it.
            bits_per_pixel: the highest quality whose container takes at most so many.
            psnr: the lowest quality that gives at least so many dB.
            max_bytes: the highest quality whose container takes at most so many.
            advance: hears of each trial.

        Returns:
            The quality, and what it gives: ``codec.compress(picture, quality=found.quality)``.

        Raises:
            ValueError: if not one target is given, no quality meets it, or the model has but one quality.

        Examples:
            >>> import numpy as np, zoo
            >>> codec = zoo.Codec()
            >>> picture = np.random.default_rng(0).integers(0, 255, (64, 48, 3), np.uint8)
            >>> found = codec.quality_for(picture, max_bytes=2000)
            >>> len(codec.compress(picture, quality=found.quality)) == found.bytes <= 2000
            True
        """
        if self.qualities is None:
            raise ValueError(
                f"A target is of a model with several qualities, such as photo_compressor: {self.name} has one."
            )

        def measure(quality: float) -> Reached:
            if isinstance(inputs, np.ndarray):
                size, pixels, found = self._tried(inputs, quality, psnr is not None)
            else:
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder, "trial.zoo")
                    options = {"fit": fit, "transform": transform, "failed": []}
                    summary = self.compress_file(inputs, path, names=names, quality=quality, **options)
                    size, pixels = summary.bytes, summary.pixels
                    found = self.quality(inputs, path, **options)["psnr"] if psnr is not None else None
            reached = Reached(quality, size, 8 * size / pixels, found)
            if advance is not None:
                advance(reached)
            return reached

        return choose(measure, self.qualities, bits_per_pixel=bits_per_pixel, psnr=psnr, max_bytes=max_bytes)

    def _tried(self, array: np.ndarray, quality: float, restored: bool) -> tuple[int, int, float | None]:
        """Bytes of an array's container, its pixels, and the PSNR of what is restored where that is asked for."""
        data = self.compress(array, quality=quality)
        source = self._medium.from_array(array)
        pixels = source.count * source.shape[0] * source.shape[1]
        if not restored:
            return len(data), pixels, None
        whole = (np.concatenate([*self._medium.whole(source)]), self.decompress(data))
        error = float(np.square(whole[0].astype(np.float64).ravel() - whole[1].ravel()).mean())
        return len(data), pixels, 10 * math.log10(255**2 / error) if error else None

    def _opened(self, inputs, fit, taken, failed, transform, rate, column) -> list:
        """The inputs, not yet read."""
        given = {name: value for name, value in (("rate", rate), ("column", column)) if value is not None}
        if given and self._medium.name != "signal":
            raise ValueError(
                f"{' and '.join(given)} are of measured signals, and {self.name} compresses {self.what}: leave them "
                "out, or give a model such as signal_ae.ecg."
            )
        return self._medium.open(inputs, fit, taken, failed, transform, **given)

    def _both(
        self, inputs, path, fit, transform, failed=None, rate=None, column=None
    ) -> tuple[Iterator[np.ndarray], Iterator[np.ndarray]]:
        opened = self._opened(_as_list(inputs), fit, (), failed, transform, rate, column)
        sources = self._readable(opened, failed)
        return itertools.chain.from_iterable(map(self._medium.whole, sources)), self.pictures(path)


def _as_list(inputs: str | os.PathLike | Iterable[str | os.PathLike]) -> list[str | os.PathLike]:
    return [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
