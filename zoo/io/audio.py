"""The user's own sounds: opened one after the other, read a piece at a time at the model's rate, and written."""

import collections
import dataclasses
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from zoo import extras
from zoo.io.files import Names, expand

AAC = (".m4a", ".aac")  # of phones, by the extra m4a
EXTENSIONS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au", ".w64", *AAC)
BLOCK = 1 << 16  # samples that are read at once
# libsndfile's names of what holds more than 16 bits.
_FINER = {"PCM_24": "24 bits", "PCM_32": "32 bits", "FLOAT": "floats", "DOUBLE": "floats"}
# What libsndfile's log says of a file that ends too early; a size of 2 GiB or more stands for one that was not known.
_CUT = re.compile(r"^\s*(?:data|SSND)\s*: (\d+) \(should be (\d+)\)", re.M)
_CUT_OGG = "Last page lacks an end-of-stream bit"
UNKNOWN_SIZE = (1 << 31) - (1 << 16)


@dataclasses.dataclass(frozen=True)
class Sound:
    """One input, not yet read.

    Attributes:
        name: without extension, unique among the inputs.
        samples: at the model's rate, after mixing.
        read: gives them anew, int16 ``(m,)`` at a time.
        changes: what was done to the file to fit the model, such as ``resampled from 44,100 Hz``, and whether it ends
            before its header says; empty for nothing.
    """

    name: str
    samples: int
    read: Callable[[], Iterator[np.ndarray]]
    changes: tuple[str, ...] = ()


def are_audio(inputs: Iterable[Path]) -> bool:
    """Whether more of the files, or in folders, look like sounds than like anything else."""
    files = [file for path in inputs for file in (path.rglob("*") if path.is_dir() else [path]) if file.suffix]
    return 2 * sum(file.suffix.lower() in EXTENSIONS for file in files) > len(files)


def to_int16(array: np.ndarray, name: str = "samples") -> np.ndarray:
    """Samples as int16: those already are returned as they are, floats in [−1, 1] become 32768ths.

    Raises:
        ValueError: if the array is neither, or holds numbers outside [−1, 1].
    """
    if array.dtype == np.int16:
        return array
    if array.dtype.kind != "f":
        raise ValueError(f"{name} must be int16, or float in [-1, 1]: received {array.dtype}.")
    if array.size and not (array.min() >= -1 and array.max() <= 1):  # NaN fails both
        raise ValueError(f"{name} must be in [-1, 1]: received numbers from {array.min():.4g} to {array.max():.4g}.")
    return np.rint(array * 32768).clip(-32768, 32767).astype(np.int16)


def from_array(array: np.ndarray, name: str = "array") -> Sound:
    """Samples ``(n,)`` or ``(n, 1)`` at the model's rate as a sound.

    Raises:
        ValueError: if the array has another shape or dtype, or is empty.
    """
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] != 1) or not array.size:
        raise ValueError(f"{name} must hold samples (n,) or (n, 1): received the shape {array.shape}.")
    samples = to_int16(array.reshape(-1), name)
    return Sound(name, len(samples), lambda: iter([samples]))


def open_audio(
    inputs: Iterable[str | os.PathLike],
    rate: int,
    taken: Iterable[tuple[int, str]] = (),
    failed: list[str] | None = None,
) -> list[Sound]:
    """Sounds of files: whatever libsndfile opens, ``.npy`` arrays of samples, and folders of sounds.

    Several channels are mixed into one, their mean, and another sample rate is converted (soxr, high quality). Of a
    file only the header is read here; with ``failed``, all of it, so that a damaged one is known before the others are
    worked on.

    Args:
        inputs: paths.
        rate: of the model, in Hz.
        taken: ``(count, name)`` of inputs whose names no other may get.
        failed: gets a line for each input that cannot be opened and each file of a folder that is no sound by its name,
            and the others are returned; None to raise for the former and leave out the latter.

    Raises:
        ValueError: if an input is missing, unreadable, no sound, or empty.
    """
    names, sounds = Names(taken), []
    for path, label in expand(inputs, EXTENSIONS, "sounds", failed):
        try:
            sound = from_array(load_array(path), str(path)) if path.suffix.lower() == ".npy" else _open(path, rate)
            if failed is not None and path.suffix.lower() != ".npy":
                collections.deque(_blocks(path), maxlen=0)
        except ValueError as error:
            if failed is None:
                raise
            failed.append(str(error))
            continue
        sounds.append(dataclasses.replace(sound, name=names.unique(label, 1)))
    return sounds


def load_array(path: Path) -> np.ndarray:
    """The array of a ``.npy`` file.

    Raises:
        ValueError: if it cannot be read, or is no such file.
    """
    try:
        return np.load(path, allow_pickle=False)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is no .npy array of numbers: {' '.join(str(error).split())}") from None


def _open(path: Path, rate: int) -> Sound:
    with open_file(path) as file:
        channels, found, frames, subtype = file.channels, file.samplerate, file.frames, file.subtype
        cut = _cut_short(file.extra_info, frames / found)
    if not frames:
        raise ValueError(f"{path} holds no samples: expected a sound of at least one.")
    samples = max(1, -(-frames * rate // found))
    changes = [cut] if cut else []
    if found != rate:
        changes.append(f"resampled from {found:,} Hz")
    if subtype in _FINER:
        changes.append(f"{_FINER[subtype]} made 16 bits")
    if channels > 1:
        changes.append(f"{channels} channels mixed")

    def read() -> Iterator[np.ndarray]:
        left = samples
        for block in _resampled(_blocks(path), found, rate):
            block = np.rint(block * 32768).clip(-32768, 32767).astype(np.int16)[:left]
            left -= len(block)
            yield block
        if left:  # a filter's delay, or a header that announced more than there is
            yield np.zeros(left, np.int16)

    return Sound("", samples, read, tuple(changes))


def _cut_short(log: str, seconds: float) -> str | None:
    """What is to be said of a file that ends before its header says, by libsndfile's log of it."""
    found = _CUT.search(log)
    announced, there = map(int, found.groups()) if found else (0, 0)
    if there < announced < UNKNOWN_SIZE:
        return f"cut short: {seconds:.4g} of {seconds * announced / max(there, 1):.4g} seconds are there"
    return f"cut short after {seconds:.4g} seconds" if _CUT_OGG in log else None


def _blocks(path: Path) -> Iterator[np.ndarray]:
    """The channels' mean, float32 ``(m,)`` at a time.

    Raises:
        ValueError: if the file is damaged, or holds numbers that are not finite.
    """
    soundfile = library("soundfile")
    with open_file(path) as file:
        blocks, done = file.blocks(BLOCK, dtype="float32", always_2d=True), 0
        while True:
            try:
                block = next(blocks, None)
            except soundfile.LibsndfileError as error:
                seconds = done / file.samplerate
                raise ValueError(
                    f"{path} is damaged: it cannot be read beyond {seconds:.4g} of {file.frames / file.samplerate:.4g} "
                    f"seconds ({error.error_string.removeprefix('Error : ').rstrip('.')})."
                ) from None
            if block is None:
                return
            done += len(block)
            mixed = block.mean(axis=1)
            if not np.isfinite(mixed).all():
                raise ValueError(f"{path} holds NaN or infinity: expected finite samples.")
            yield mixed


def _resampled(blocks: Iterator[np.ndarray], found: int, rate: int) -> Iterator[np.ndarray]:
    if found == rate:
        yield from blocks
        return
    soxr = library("soxr")
    stream = soxr.ResampleStream(found, rate, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def open_file(path: Path):
    """A ``soundfile.SoundFile`` to read from; raises ``ValueError`` for what is none."""
    soundfile = library("soundfile")
    if path.suffix.lower() in AAC and path.is_file():
        return _from_aac(path)
    try:
        return soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        if not path.exists():
            raise ValueError(f"{path} cannot be read: No such file or directory.") from None
        reason = error.error_string.rstrip(".")
        raise ValueError(f"{path} is not a sound: expected WAV, FLAC, OGG, MP3 or .npy ({reason}).") from None


def _from_aac(path: Path):
    """The samples of an AAC file, decoded into an unnamed WAV file."""
    with extras.needed(f"{path} is AAC, which"):
        import av
    soundfile, decoded = library("soundfile"), tempfile.TemporaryFile()
    try:
        with av.open(str(path)) as container:
            (stream, *_) = container.streams.audio or [None]
            if stream is None:
                raise ValueError(f"{path} is not a sound: it holds none.")
            channels, planar = stream.layout.nb_channels, av.AudioResampler("s16", stream.layout, stream.rate)
            with soundfile.SoundFile(decoded, "w", stream.rate, channels, "PCM_16", format="WAV") as wav:
                for frame in container.decode(stream):
                    for part in planar.resample(frame):
                        wav.write(part.to_ndarray().reshape(-1, channels))
    except av.FFmpegError as error:  # pyright: ignore[reportPrivateImportUsage]
        raise ValueError(f"{path} is a damaged sound: {error.strerror}.") from None
    decoded.seek(0)
    return soundfile.SoundFile(decoded)


def writer(file: BinaryIO, rate: int):
    """A ``soundfile.SoundFile`` that writes 16-bit WAV of one channel; its ``write`` takes int16 ``(m,)``."""
    return library("soundfile").SoundFile(file, "w", rate, 1, "PCM_16", format="WAV")


def library(name: str):
    """A module that reading sounds takes; raises ``zoo.extras.MissingPackage`` where it is not installed."""
    import importlib

    try:
        return importlib.import_module(name)
    except (ImportError, OSError):  # OSError: without libsndfile itself
        raise extras.missing("Reading or writing sounds", name) from None
