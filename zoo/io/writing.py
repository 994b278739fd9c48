"""Files and folders are written whole or not at all: under a hidden name first, locked while they are in use.

Only the standard library is used here, so that it works on a device.
"""

import contextlib
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # not on Unix
    fcntl = None


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike, *, overwrite: bool = True) -> Iterator[IO[bytes]]:
    """Opens a temporary file that takes the place of ``path`` only when the block succeeds.

    Of a link, what it points to is written. A file that is there already keeps its mode and owner.

    Raises:
        ValueError: if ``path`` cannot be written, is there already without ``overwrite``, or is ``-``, a folder, a
            device, a pipe or a socket, or the disk fills up; nothing partial is left.
    """
    target, old = _writable(Path(path), overwrite)
    mode = stat.S_IMODE(old.st_mode) if old else 0o666  # less what the process' umask takes away

    def create(temporary: Path) -> int:
        return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode & 0o777)

    try:
        with _temporary(target.parent, create) as (temporary, descriptor):
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if old:
                take_after(temporary, old)
            os.replace(temporary, target)
    except OSError as error:
        raise ValueError(f"Cannot write {path}: {error.strerror or error}.") from None


def take_after(path: Path, old: os.stat_result) -> None:
    """Gives a file the mode, and as far as this process may the owner, of the one that it is to replace."""
    with contextlib.suppress(PermissionError, AttributeError):
        os.chown(path, old.st_uid, old.st_gid)
    mode = stat.S_IMODE(old.st_mode)
    os.chmod(path, mode if path.stat().st_uid == old.st_uid else mode & 0o777)


def check_writable(path: str | os.PathLike, *, overwrite: bool = True) -> None:
    """Refuses before any work what ``atomic_write`` would refuse after it: see there."""
    target, _ = _writable(Path(path), overwrite)
    if not target.parent.is_dir():
        raise ValueError(f"Cannot write {path}: No such file or directory. Make its folder first.")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise ValueError(f"Cannot write {path}: Permission denied.")


def _writable(path: Path, overwrite: bool) -> tuple[Path, os.stat_result | None]:
    """The regular file that writing to ``path`` means, links followed, and its state if it is there."""
    check_name(path)
    try:
        old = os.stat(path)
    except FileNotFoundError:
        return Path(os.path.realpath(path)), None
    except OSError as error:
        raise ValueError(f"Cannot write {path}: {error.strerror or error}.") from None
    for refused, reason in (
        (stat.S_ISDIR(old.st_mode), "it is a folder; give a file name"),
        (not stat.S_ISREG(old.st_mode), "it is a device, a pipe or a socket; give a file name"),
        (not overwrite, "it exists already. Give another name, or --overwrite to replace it"),
        (not os.access(path, os.W_OK), "Permission denied"),
    ):
        if refused:
            raise ValueError(f"Cannot write {path}: {reason}.")
    return Path(os.path.realpath(path)), old


def check_name(path: Path) -> None:
    """Refuses ``-``, which is standard output's name and no file's."""
    if str(path) == "-":
        raise ValueError("Cannot write -: results do not go to standard output; give a name.")


def make_folder(path: str | os.PathLike) -> Path:
    """A folder to write to, made with its parents if need be; what killed processes left in it is removed.

    Raises:
        ValueError: if it cannot be made or written to.
    """
    path = Path(path)
    check_name(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"Cannot write to {path}: {error.strerror}. Give another folder with --output.") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise ValueError(f"Cannot write to {path}: Permission denied. Give another folder with --output.")
    _sweep(path)
    return path


@contextlib.contextmanager
def staging(folder: str | os.PathLike) -> Iterator[Path]:
    """A new hidden folder inside ``folder``, gone after the block with all that is still in it; ``OSError`` if not."""
    with _temporary(Path(folder), lambda path: os.mkdir(path, 0o700)) as (path, _):
        yield path


@contextlib.contextmanager
def append(path: str | os.PathLike, end: int | None = None, size: int | None = None) -> Iterator[IO[bytes]]:
    """Opens a file at its end; whatever the block wrote is cut off again if it fails.

    Args:
        path: of the file.
        end: where it is to end first; None to keep all of it.
        size: that it had when it was read; None if it was not.

    Raises:
        ValueError: if the file cannot be written or has changed since it was read, or the disk fills up.
    """
    _writable(Path(path), overwrite=True)
    try:
        with open(path, "r+b", buffering=0) as whole:  # the same file, should another take its name
            state = os.fstat(whole.fileno())
            if size is not None and size != state.st_size:
                raise ValueError(
                    f"Cannot append to {path}: it had {size:,} bytes when it was read, not {state.st_size:,}."
                )
            kept = state.st_size if end is None else end
            try:
                with open(os.dup(whole.fileno()), "r+b") as file:
                    file.truncate(kept)
                    file.seek(kept)
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
            except BaseException:
                # Not before the file is closed, which may write what the buffer still holds.
                whole.truncate(kept)
                raise
            if not os.path.samestat(state, os.stat(path)):
                raise ValueError(f"{path} was replaced by another process while it was appended to: append again.")
    except OSError as error:
        raise ValueError(f"Cannot append to {path}: {error.strerror or error}. It is as it was.") from None


@contextlib.contextmanager
def locked(path: str | os.PathLike) -> Iterator[None]:
    """Keeps a file or folder from other processes and threads that ask for it too, until the block or the process ends.

    Raises:
        ValueError: if another holds it, or it cannot be opened.
    """
    while True:
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror or error}.") from None
        try:
            if _lock(descriptor) is False:
                raise ValueError(f"{path} is being written by another process: try again when that has ended.")
            if os.path.exists(path) and os.path.samestat(os.fstat(descriptor), os.stat(path)):  # not replaced meanwhile
                yield
                return
        finally:
            os.close(descriptor)


_TEMPORARY = re.compile(r"\.zoo-[0-9a-f]{12}")


@contextlib.contextmanager
def _temporary(folder: Path, create: Callable[[Path], Any]) -> Iterator[tuple[Path, Any]]:
    """A file or folder of a new hidden name, locked while it is in use, and what ``create`` returned of it."""
    _sweep(folder)
    path, lock = folder / f".zoo-{secrets.token_hex(6)}", None
    try:
        made = create(path)
        with contextlib.suppress(OSError):
            if fcntl:
                lock = os.open(path, os.O_RDONLY)
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield path, made
    finally:
        _remove(path)
        if lock is not None:
            os.close(lock)


def _sweep(folder: Path) -> None:
    """Removes the temporary files and folders of processes that were killed."""
    with contextlib.suppress(OSError):
        for name in filter(_TEMPORARY.fullmatch, os.listdir(folder)):
            with contextlib.suppress(OSError):
                descriptor = os.open(folder / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
                try:
                    # One that is a second old at most may be about to be locked.
                    if _lock(descriptor) and time.time() - os.fstat(descriptor).st_ctime > 1:
                        _remove(folder / name)
                finally:
                    os.close(descriptor)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _lock(descriptor: int) -> bool | None:
    """Takes the lock of an open file; False if another has it, None where there are no locks."""
    try:
        return fcntl and fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB) is None
    except BlockingIOError:
        return False
    except OSError:
        return None
