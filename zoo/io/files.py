"""The files of a command: its inputs, the names that they are restored by, and the folder that they are restored to."""

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from zoo.io import writing

MAX_NAME_BYTES = 1024
MAX_PART_BYTES = 200  # of a name between slashes, as it is written: file systems take 255, with what is added to it
# What Windows takes for a device in any folder, whatever its extension.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)", re.IGNORECASE)


def expand(
    inputs: Iterable[str | os.PathLike], extensions: tuple[str, ...], what: str, failed: list[str] | None = None
) -> Iterator[tuple[Path, str]]:
    """Every file of the inputs, with the path that its name is made of; folders are looked through recursively.

    Of a folder, files of other kinds are left out, and so are links to folders, which may lead anywhere.

    Args:
        inputs: files, and folders of files.
        extensions: of the files that are taken from a folder.
        what: they are, for messages.
        failed: gets a line for each input that cannot be read and, hidden ones aside, for each file of a folder that is
            left out; None to raise for the former and to leave the latter out.

    Raises:
        ValueError: if an input has an empty name, cannot be read, is a device, a pipe or a socket, or is a folder that
            holds none of the files.
    """
    for given in inputs:
        if not os.fspath(given):
            raise ValueError(f"The name of an input is empty: give a file or a folder of {what}.")
        path = Path(given)
        if os.path.isdir(path):
            found, unreadable, others = _look_through(path, extensions, what)
            if not found:
                unreadable.insert(0, f"{path} holds no {what}: expected files such as {', '.join(extensions[:4])}.")
        elif is_special(path):
            found, unreadable, others = [], [f"{path} is a device, a pipe or a socket: give a file."], []
        else:
            found, unreadable, others = [(path, path.name)], [], []
        if failed is not None:
            failed += [*unreadable, *others]
        elif unreadable:
            raise ValueError(unreadable[0])
        yield from found


def is_special(path: str | os.PathLike) -> bool:
    """Whether a path is a device, a pipe or a socket, which may have no end and is not read."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def _look_through(
    folder: Path, extensions: tuple[str, ...], what: str
) -> tuple[list[tuple[Path, str]], list[str], list[str]]:
    """The files of a folder, with their paths in it; a line each for what cannot be read, and for what is left out."""
    found, unreadable, others = [], [], []

    def report(error: OSError) -> None:
        unreadable.append(f"{error.filename} cannot be read: {error.strerror}.")

    for root, folders, files in os.walk(folder, onerror=report):
        for path in sorted(Path(root, name) for name in (*folders, *files)):
            label = path.relative_to(folder).as_posix()
            if os.path.isdir(path):
                reason = "a link to a folder: give that folder itself" if path.is_symlink() else None
            elif path.suffix.lower() not in extensions:
                reason = f"none of the {what} ({', '.join(extensions[:3])}, …)"
            elif path.is_file():
                found.append((path, label))
                continue
            else:
                reason = "no regular file"
            if reason and not any(part.startswith(".") for part in Path(label).parts):
                others.append(f"{path} is left out: it is {reason}.")
    return sorted(found), unreadable, others


def write_folder(
    folder: Path,
    names: Iterable[str],
    items: Iterable[Any],
    suffix: str,
    write: Callable[[Any, BinaryIO], None],
    *,
    overwrite: bool = True,
    failed: list[str] | None = None,
) -> None:
    """Writes items into files of these names, in a hidden folder first; moves them when all are there.

    Args:
        folder: made if need be.
        names: of the files, relative paths without suffix.
        items: as many.
        suffix: of the files.
        write: writes an item into a file.
        overwrite: whether files that are there already are replaced, keeping their modes and owners.
        failed: gets a line for each item of which ``write`` raises ``ValueError``, and the others are written; None to
            raise instead.

    Raises:
        ValueError: if the folder cannot be written to, a name leads through a link or is there already; the folder is
            as it was.
    """
    if folder.exists() and not folder.is_dir():
        other = f", or a name in .npy or {suffix}" if suffix else ""
        raise ValueError(f"Cannot write into {folder}: it is a file; give a folder{other}.")
    if is_file_name(folder):
        raise ValueError(f"Cannot write into {folder}: it is a file's name; give that of a folder, without extension.")
    names = [f"{name}{suffix}" for name in names]
    for name in names:
        _check_free(folder, name, overwrite)
    writing.check_name(folder)
    new = not folder.exists()
    try:
        folder.mkdir(exist_ok=True)
        with writing.staging(folder) as room:
            staged = []
            for name, item in zip(names, items, strict=True):
                (room / name).parent.mkdir(parents=True, exist_ok=True)
                try:
                    with open(room / name, "xb") as file:  # names that a file system takes for one must not be lost
                        write(item, file)
                except ValueError as error:
                    if failed is None:
                        raise
                    failed.append(str(error))
                else:
                    staged.append(name)
            for name in staged:
                _check_free(folder, name, overwrite)
            _move(room, folder, staged)
    except OSError as error:
        raise ValueError(f"Cannot write into {folder}: {error.strerror or error}.") from None
    finally:
        if new:
            with contextlib.suppress(OSError):  # it holds something
                folder.rmdir()


def is_file_name(path: Path) -> bool:
    """Whether a name that is not there yet has an extension, and so does not mean a folder."""
    return bool(re.fullmatch(r"\.[A-Za-z]\w*", path.suffix)) and not path.exists()


def _check_free(folder: Path, name: str, overwrite: bool) -> None:
    """Refuses a name in a folder that leads through a link, or that is there already."""
    target = folder / name
    for path in (target, *target.parents[: len(Path(name).parts) - 1]):
        if path.is_symlink():
            raise ValueError(f"Cannot write {target}: {path} is a link. Remove it, or give another folder.")
    if target.is_dir():
        raise ValueError(f"Cannot write {target}: it is a folder.")
    if target.exists() and not overwrite:
        raise ValueError(
            f"Cannot write {target}: it exists already. Give another folder, or --overwrite to replace it."
        )


def _move(room: Path, folder: Path, names: list[str]) -> None:
    """Moves files into a folder; if one of them does not go, the folder is as it was."""
    with writing.staging(folder) as kept:
        done: list[tuple[Path, Path | None]] = []
        made: list[Path] = []
        try:
            for number, name in enumerate(names):
                target, old = folder / name, None
                for parent in reversed(target.parents[: len(Path(name).parts) - 1]):
                    if not parent.exists():
                        parent.mkdir()
                        made.append(parent)
                if target.exists():
                    old = kept / str(number)
                    try:
                        os.link(target, old)
                    except OSError:  # a file system without hard links
                        shutil.copy2(target, old)
                    writing.take_after(room / name, target.stat())
                done.append((target, old))
                os.replace(room / name, target)
        except BaseException:
            for target, old in done:
                with contextlib.suppress(OSError):
                    target.unlink() if old is None else os.replace(old, target)
            for parent in reversed(made):
                with contextlib.suppress(OSError):
                    parent.rmdir()
            raise


def is_safe_name(name: str) -> bool:
    """Whether a name is a relative path that stays below the folder it is restored into."""
    # Windows takes dots and spaces off the end of a part: ".. " is "..", and "..." is the folder itself.
    parts = name.split("/")
    return name.isprintable() and "\\" not in name and ":" not in name and all(part.strip(". ") for part in parts)


def make_safe(name: str) -> str:
    """The name, with what ``is_safe_name`` and common file systems refuse replaced: each part is a file's on any."""
    name = "".join(c if c.isprintable() and c not in '\\:*?"<>|' else "_" for c in name)
    parts = (part.encode()[-MAX_PART_BYTES:].decode(errors="ignore").rstrip(". ") for part in name.split("/"))
    return "/".join(f"_{part}" if _DEVICE.match(part) else part for part in parts if part) or "_"


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
