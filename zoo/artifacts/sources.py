"""Models from elsewhere: the manifest first, each file when it is asked for, all of it checked before it gets its name.

A model of an address lies in the cache under its manifest's digest (``zoo.artifacts.cache``), so the files of two
versions never meet, and an address that moves on leaves what was there whole.
"""

import contextlib
import dataclasses
import datetime
import errno
import hashlib
import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from zoo import artifacts
from zoo.artifacts import addresses, cache, transports
from zoo.artifacts.addresses import Address
from zoo.artifacts.transports import Absent, Past, Unreachable
from zoo.io import writing

MAX_BYTES = 1 << 31  # of all files of a model from elsewhere
FRESH = 60.0  # seconds in which a process does not ask again where an address leads
TRIES = 4  # in a row that bring nothing
SHOWN = 1 << 20  # bytes of a file from which on progress is shown
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_recent: dict[str, tuple[float, "artifacts.Artifact"]] = {}


def find(text: str, *, fresh: bool = False) -> "artifacts.Artifact":
    """The artefact of an address: its manifest is had and checked, the other files are when they are asked for.

    Where the network is not to be used (``ZOO_OFFLINE``, ``HF_HUB_OFFLINE``) or gives no answer, it is the one that the
    address led to before, and a warning says so. A pinned manifest that is in the cache is not asked for again.

    Args:
        text: the address: see ``zoo.artifacts.addresses``.
        fresh: whether to ask even if this process did so a moment ago.

    Raises:
        ValueError: if it is no address, there is no model, it is refused or is not the pinned one, or nothing is
            reached and the cache does not hold it.
    """
    address = addresses.parse(text)
    if address.sha256 and _holds(address.sha256):
        return _artifact(address, address.sha256)
    if address.sha256 is None and not fresh and str(address) in _recent:
        asked, found = _recent[str(address)]
        if time.monotonic() - asked < FRESH and (found.path / artifacts.MANIFEST).is_file():
            return found
    if transports.offline() and address.scheme != "file":
        return _remembered(address, "ZOO_OFFLINE or HF_HUB_OFFLINE is set")
    try:
        transport, commit = transports.connect(address)
        manifest = _read(transport, artifacts.MANIFEST, str(address))
    except Unreachable as error:
        return _remembered(address, str(error).rstrip("."))
    except Absent as error:
        raise ValueError(f"{address} holds no trained model with a {artifacts.MANIFEST}: {error}") from None
    digest = hashlib.sha256(manifest).hexdigest()
    if address.sha256 not in (None, digest):
        raise ValueError(
            f"{address} is not the model that the name pins: its {artifacts.MANIFEST} has sha256 {digest[:16]}…, "
            f"expected {address.sha256[:16]}…."
        )
    _keep(address, digest, manifest)
    cache.remember(str(address), manifest=digest, commit=commit, checked=f"{datetime.date.today()}")
    found = _artifact(address, digest, commit)
    _recent[str(address)] = time.monotonic(), found
    return found


def forget() -> None:
    """Asks again where addresses lead: after something was written to one."""
    _recent.clear()


def of_catalogue(folder: Path, name: str) -> "artifacts.Artifact":
    """A model of the catalogue whose weights are not in the wheel: its files come from ``ZOO_SOURCE`` or its cache.

    Args:
        folder: of the wheel, with its manifest, which the files are checked against.
        name: ``architecture.tag``.
    """
    digest = artifacts.sha256(folder / artifacts.MANIFEST)
    return artifacts.Artifact(folder, name, source=Remote(name, digest))


def _configured(name: str) -> Address:
    """Where ``ZOO_SOURCE``, a base address or a folder, has a model."""
    base = os.environ.get("ZOO_SOURCE")
    if not base:
        raise ValueError(
            f"The weights of {name} are not in the package: set ZOO_SOURCE to the address or folder that has them, or "
            f"train it (zoo train {name} -o FOLDER) and load the folder."
        )
    if not addresses.is_address(base):
        base = f"file://{Path(base).expanduser().resolve()}"
    if base.lower().startswith("hf:"):
        address = addresses.parse(base)
        return dataclasses.replace(address, folder=name.replace(".", "/"))
    return addresses.parse(f"{base.rstrip('/')}/{name.replace('.', '/')}")


@dataclasses.dataclass(frozen=True)
class Remote:
    """Where the files of an artefact come from that its folder lacks.

    Attributes:
        address: of the model; of one of the catalogue its name, and ``ZOO_SOURCE`` says where it is.
        digest: of its manifest.
        commit: on the hub, where it is known.
    """

    address: Address | str
    digest: str
    commit: str | None = None

    def fetch(self, name: str, entry: dict[str, Any]) -> Path:
        """A file in the cache, downloaded unless it is there already; a second process waits for the first.

        Args:
            name: of the file, below the model's folder.
            entry: ``sha256`` and ``bytes`` that it must have.

        Raises:
            ValueError: if it cannot be had or written, or is another file. What was there before is as it was.
        """
        import filelock

        target = cache.model_folder(self.digest) / name
        if _is_whole(target, entry):
            return target
        address = _configured(self.address) if isinstance(self.address, str) else self.address
        if transports.offline() and address.scheme != "file":
            raise ValueError(f"{name} of {address} is not in the cache {cache.folder()}, and no network is to be used.")
        cache.make(target.parent)
        with filelock.FileLock(target.with_name(f".{target.name}.lock")):
            if not _is_whole(target, entry):
                self._download(address, name, target, entry)
        return target

    def _download(self, address: Address, name: str, target: Path, entry: dict[str, Any]) -> None:
        part, what = target.with_name(f".{target.name}.part"), f"{address}/{name}"
        _check_room(target.parent, entry["bytes"] - _size(part), what)
        resumed = _size(part) > 0
        with _disk(part, what):
            part.touch()  # a file may be empty
        try:
            transport, _ = transports.connect(address, self.commit)
            with _progress(name, entry["bytes"]) as advance:
                _fill(transport, name, part, entry["bytes"], what, advance)
        except Absent as error:
            raise ValueError(f"{what} is in the manifest and not there: {error}") from None
        digest, size = artifacts.sha256(part), _size(part)
        if (size, digest) != (entry["bytes"], entry["sha256"]):
            part.unlink()
            if resumed:  # what was there may have been of another
                return self._download(address, name, target, entry)
            raise ValueError(
                f"{what} is not the file of its manifest: expected {entry['bytes']:,} bytes with sha256 "
                f"{entry['sha256'][:16]}…, received {size:,} with {digest[:16]}…. Nothing was kept."
            )
        os.replace(part, target)


def _fill(transport, name: str, part: Path, size: int, what: str, advance: Callable[[int], None]) -> None:
    """Downloads what a file's part lacks; goes on where a connection was cut, as long as that brings more than ever."""
    failures, most = 0, _size(part)
    while (have := _size(part)) < size:
        try:
            with transport.open(name, have) as (start, blocks), _disk(part, what), open(part, "ab") as file:
                if start != have:  # the server sends all of it again
                    if start:
                        raise ValueError(f"{what}: the server sends another part of the file than was asked for.")
                    file.truncate(0)
                    file.seek(0)
                advance(start)
                for block in blocks:
                    with _disk(part, what):
                        file.write(block[: size + 1 - file.tell()])
                    advance(file.tell())
                    if file.tell() > size:
                        return  # more than the manifest says: the digest differs
                with _disk(part, what):
                    file.flush()
                    os.fsync(file.fileno())
            if _size(part) < size:
                raise Unreachable(
                    f"{what} is cut, or not the file of its manifest: it ended after {_size(part):,} of {size:,} bytes."
                )
        except Past:  # it is shorter than what is there of it
            part.unlink(missing_ok=True)
            failures += 1
            if failures >= TRIES:
                raise ValueError(f"{what} is not the file of its manifest: it has fewer than {size:,} bytes.") from None
        except Unreachable:
            failures = 0 if _size(part) > most else failures + 1
            most = max(most, _size(part))
            if failures >= TRIES:
                raise
            time.sleep(0.1 * failures)


@contextlib.contextmanager
def _disk(part: Path, what: str) -> Iterator[None]:
    """Makes one line of what the disk refuses; a full one gets its room back."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            part.unlink(missing_ok=True)
        raise ValueError(f"{what} cannot be written to the cache {cache.folder()}: {error.strerror}.") from None


def _check_room(folder: Path, needed: int, what: str) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ValueError(f"{what} needs {needed:,} bytes, and {free:,} are free in {cache.folder()}. Set ZOO_CACHE.")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _is_whole(path: Path, entry: dict[str, Any]) -> bool:
    return _size(path) == entry["bytes"] and path.is_file() and artifacts.sha256(path) == entry["sha256"]


def _read(transport, name: str, what: str) -> bytes:
    """A small file, whole."""
    for attempt in range(TRIES):
        try:
            content = b""
            with transport.open(name) as (_, blocks):
                for block in blocks:
                    content += block
                    if len(content) > artifacts.MAX_JSON_BYTES:
                        raise ValueError(f"{what}/{name} has more than {artifacts.MAX_JSON_BYTES:,} bytes.")
            return content
        except Unreachable:
            if attempt == TRIES - 1:
                raise
            time.sleep(0.1 * attempt)
    raise AssertionError("not reached")


def _keep(address: Address, digest: str, manifest: bytes) -> None:
    """Makes the folder of a manifest in the cache; nothing is left of one that is none, or announces too much."""
    folder = cache.model_folder(digest)
    if _holds(digest):
        return
    with writing.staging(cache.make(folder.parent)) as room:
        (room / artifacts.MANIFEST).write_bytes(manifest)
        try:
            entries = artifacts.Artifact(room, address.name).manifest
        except ValueError as error:
            raise ValueError(f"{address}: {str(error).replace(f'{room}{os.sep}', '')}") from None
        if (total := sum(entry["bytes"] for entry in entries.values())) > MAX_BYTES:
            raise ValueError(f"{address} is refused: its files have {total:,} bytes, more than {MAX_BYTES:,}.")
        with writing.atomic_write(cache.make(folder) / artifacts.MANIFEST) as file:
            file.write(manifest)


def _holds(digest: str) -> bool:
    """Whether the cache has a manifest of a digest, unaltered."""
    path = cache.model_folder(digest) / artifacts.MANIFEST
    return path.is_file() and artifacts.sha256(path) == digest


def _artifact(address: Address, digest: str, commit: str | None = None) -> "artifacts.Artifact":
    return artifacts.Artifact(cache.model_folder(digest), address.name, source=Remote(address, digest, commit))


def _remembered(address: Address, reason: str) -> "artifacts.Artifact":
    """What an address led to before."""
    note = cache.remembered(str(address))
    if note is None or address.sha256 or not _holds(note["manifest"]):
        raise ValueError(f"{reason}, and {address} is not in the cache {cache.folder()}.")
    warnings.warn(f"{address}: {reason}; the cache's copy of {note['checked']} is used.", stacklevel=5)
    return _artifact(address, note["manifest"], note["commit"])


@contextlib.contextmanager
def _progress(name: str, size: int) -> Iterator[Callable[[int], None]]:
    """A function that is told how many bytes are there; a bar on the terminal, if there is one and much to load."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    if size < SHOWN or not console.is_terminal:
        yield lambda done: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(f"downloading {name}", total=size)
        yield lambda done: bar.update(task, completed=done)
