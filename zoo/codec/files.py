"""The files of a command: its inputs, the names that they are restored by, and the folder that they are restored to."""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from zoo.codec.container import MAX_NAME_BYTES, make_safe


def expand(inputs: Iterable[str | os.PathLike], extensions: tuple[str, ...], what: str) -> Iterator[tuple[Path, str]]:
    """Every file of the inputs, with the path that its name is made of; folders are looked through recursively.

    Args:
        inputs: files, and folders of files.
        extensions: of the files that are taken from a folder.
        what: they are, for messages.

    Raises:
        ValueError: if a folder holds none of them.
    """
    for path in map(Path, inputs):
        if not path.is_dir():
            yield path, path.name
            continue
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in extensions and p.is_file())
        if not files:
            raise ValueError(f"{path} holds no {what}: expected files such as {', '.join(extensions[:4])}.")
        for file in files:
            yield file, file.relative_to(path).as_posix()


def write_folder(
    folder: Path, names: Iterable[str], items: Iterable[Any], suffix: str, write: Callable[[Any, BinaryIO], None]
) -> None:
    """Writes items into files of these names, in a hidden folder first; moves them when all are there.

    Args:
        folder: made if need be.
        names: of the files, relative paths without suffix.
        items: as many.
        suffix: of the files.
        write: writes an item into a file.

    Raises:
        ValueError: if the folder cannot be written to.
    """
    if folder.exists() and not folder.is_dir():
        other = f"a name in .npy or {suffix}" if suffix else "a name with an extension"
        raise ValueError(f"Cannot write into {folder}: it is a file; give a folder, or {other}.")
    staging = None
    try:
        beside = folder if folder.is_dir() else folder.absolute().parent
        staging = Path(tempfile.mkdtemp(dir=beside, prefix=".zoo."))
        files = []
        for name, item in zip(names, items, strict=True):
            target = staging / f"{name}{suffix}"
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "xb") as file:  # names that a file system takes for one must not be lost
                write(item, file)
            files.append(target.relative_to(staging))
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging / file, folder / file)
    except OSError as error:
        raise ValueError(f"Cannot write into {folder}: {error.strerror or error}.") from None
    finally:
        if staging:
            with contextlib.suppress(OSError):
                shutil.rmtree(staging)


class Names:
    """Gives every input a name that no other has, also after numbering the pictures of an array.

    Args:
        taken: ``(count, name)`` of inputs that are there already.
    """

    def __init__(self, taken: Iterable[tuple[int, str]] = ()):
        self._names: set[str] = set()
        self._numbered: set[str] = set()
        self._stems: set[str] = set()
        for count, name in taken:
            self.take(name, count)

    def unique(self, label: str, count: int, *, whole: bool = False) -> str:
        """The label without its extension, or ``whole``, made unlike all others."""
        base, extension = os.path.splitext(make_safe(label[-MAX_NAME_BYTES // 8 :]))
        candidate, number = f"{base}{extension}" if whole else base, 1
        while not self._free(candidate, count):
            number += 1
            if whole:
                candidate = f"{base}_{number}{extension}"
            else:
                candidate = f"{base}{extension}" if number == 2 else f"{base}{extension}_{number - 1}"
        self.take(candidate, count)
        return candidate

    def take(self, name: str, count: int) -> None:
        self._names.add(name)
        self._stems.add(_stem(name))
        if count > 1:
            self._numbered.add(name)

    def _free(self, name: str, count: int) -> bool:
        clash = name in self._stems if count > 1 else _stem(name) in self._numbered
        return name not in self._names and not clash


def _stem(name: str) -> str:
    """The name of the array whose numbered picture could be called ``name``."""
    return re.sub(r"_\d+$", "", name)
