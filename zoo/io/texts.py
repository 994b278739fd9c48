"""The user's own texts: found, and read a piece at a time; whatever bytes a file holds, it is one text."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from zoo.io.files import Names, expand

EXTENSIONS = (
    ".txt", ".md", ".rst", ".log", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".html", ".htm", ".yaml", ".yml", ".toml",
    ".ini", ".cfg", ".tex", ".bib", ".srt", ".py", ".pyi", ".ipynb", ".c", ".h", ".cc", ".cpp", ".hpp", ".java", ".js",
    ".ts", ".css", ".sh", ".sql", ".rs", ".go", ".r", ".rb", ".pl", ".eml",
)  # fmt: skip
BLOCK = 1 << 16  # bytes that are read at once


@dataclasses.dataclass(frozen=True)
class Text:
    """One input, not yet read.

    Attributes:
        name: with its extension, unique among the inputs.
        size: in bytes.
        read: gives them anew, some at a time.
    """

    name: str
    size: int
    read: Callable[[], Iterator[bytes]]


def are_texts(inputs: Iterable[Path]) -> bool:
    """Whether more of the files, or in folders, look like texts than like anything else."""
    files = [file for path in inputs for file in (path.rglob("*") if path.is_dir() else [path]) if file.suffix]
    return 2 * sum(file.suffix.lower() in EXTENSIONS for file in files) > len(files)


def from_value(value: "str | bytes | np.ndarray", name: str = "text") -> Text:
    """A string, bytes, or uint8 ``(n,)`` as a text.

    Raises:
        ValueError: if it is anything else, or a string that UTF-8 cannot write.
    """
    if isinstance(value, str):
        try:
            content = value.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{name} cannot be written in UTF-8: {error.reason} at {error.start}.") from None
    elif isinstance(value, (bytes, bytearray, memoryview)):
        content = bytes(value)
    elif getattr(value, "dtype", None) == np.uint8 and value.ndim == 1:
        content = value.tobytes()
    else:
        found = f"{value.dtype} {value.shape}" if hasattr(value, "dtype") else type(value).__name__
        raise ValueError(f"{name} must be a string, bytes, or uint8 (n,): received {found}.")
    return Text(name, len(content), lambda: iter([content] if content else []))


def open_texts(
    inputs: Iterable[str | os.PathLike],
    taken: Iterable[tuple[int, str]] = (),
    failed: list[str] | None = None,
) -> list[Text]:
    """Texts of files, whatever they hold, and of folders, those whose names end like a text's (``EXTENSIONS``).

    Args:
        inputs: paths.
        taken: ``(count, name)`` of inputs whose names no other may get.
        failed: gets a line for each input that cannot be opened and each file of a folder that is no text by its name,
            and the others are returned; None to raise for the former and leave out the latter.

    Raises:
        ValueError: if an input is missing or unreadable.
    """
    names, texts = Names(taken), []
    for path, label in expand(inputs, EXTENSIONS, "texts", failed):
        try:
            text = _open(path)
        except ValueError as error:
            if failed is None:
                raise
            failed.append(str(error))
            continue
        texts.append(dataclasses.replace(text, name=names.unique(label, 1, whole=True)))
    return texts


def _open(path: Path) -> Text:
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None

    def read() -> Iterator[bytes]:
        total = 0
        with open(path, "rb") as file:
            while content := file.read(BLOCK):
                total += len(content)
                yield content
        if total != size:
            raise ValueError(f"{path} changed while it was read: it had {size:,} bytes, then {total:,}.")

    return Text("", size, read)
