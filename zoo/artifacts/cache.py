"""The folder that holds what was downloaded or restored: ``ZOO_CACHE``, else the platform's cache folder.

models/<SHA-256 of its manifest>/    the files of a model, each checked before it got its name
addresses/<hash>.json                which manifest an address led to, for when there is no network
restored/<digest>/                   networks of folded models (``zoo.folded``)
"""

import contextlib
import functools
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs

from zoo.io import writing

_MODELS, _ADDRESSES, _RESTORED = "models", "addresses", "restored"


def folder() -> Path:
    """Where the cache lies; it need not be there."""
    chosen = os.environ.get("ZOO_CACHE")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("zoo", appauthor=False)


def model_folder(digest: str) -> Path:
    """Of the model whose manifest has a SHA-256 digest."""
    return folder() / _MODELS / digest


def make(path: Path) -> Path:
    """A folder of the cache, made if need be.

    Raises:
        ValueError: if it cannot be written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"The cache {folder()} cannot be written: {error.strerror}. Set ZOO_CACHE.") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise ValueError(f"The cache {folder()} cannot be written: Permission denied. Set ZOO_CACHE.")
    return path


def remember(address: str, **facts: Any) -> None:
    """Notes what an address led to, such as the digest of a manifest."""
    with writing.atomic_write(make(folder() / _ADDRESSES) / _file_of(address)) as file:
        file.write(json.dumps({"address": address, **facts}, indent=2).encode() + b"\n")


def remembered(address: str) -> dict[str, Any] | None:
    """What was noted of an address; None if nothing was, or the model is no longer there."""
    return next((row for row in _notes(_file_of(address)) if row.get("address") == address), None)


def rows() -> list[dict[str, Any]]:
    """What the cache holds, a row a model: address, manifest (digest), files, bytes, checked (a date), folder.

    A model that no address leads to any longer has the address "". The last row, without a folder, is that of the
    restored networks, if there are any.
    """
    found, known = [], set()
    for note in _notes("*.json"):
        known.add(note["manifest"])
        found.append({"address": note["address"], **_held(model_folder(note["manifest"])), **note})
    for path in sorted((folder() / _MODELS).glob("*/")):
        if path.name not in known and not path.name.startswith("."):
            found.append({"address": "", "manifest": path.name, "checked": "", **_held(path)})
    restored = _held(folder() / _RESTORED)
    if restored["files"]:
        found.append({"address": "restored networks", "manifest": "", "checked": "", **restored, "folder": None})
    return found


def clear(address: str | None = None) -> int:
    """Removes one address and its model, or all that the zoo keeps in the cache.

    Returns:
        The bytes that are free now.

    Raises:
        ValueError: if the address is not in the cache, or something cannot be removed.
    """
    before = sum(_held(folder() / name)["bytes"] for name in (_MODELS, _RESTORED))
    if address is None:
        gone = [folder() / name for name in (_MODELS, _ADDRESSES, _RESTORED)]
    else:
        note = remembered(address)
        if note is None:
            raise ValueError(f"{address} is not in the cache {folder()}: `zoo cache list` shows what is.")
        others = [row for row in _notes("*.json") if row["manifest"] == note["manifest"] and row["address"] != address]
        gone = [folder() / _ADDRESSES / _file_of(address), *([] if others else [model_folder(note["manifest"])])]
    for path in gone:
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        except OSError as error:
            raise ValueError(f"{path} cannot be removed: {error.strerror}.") from None
    return before - sum(_held(folder() / name)["bytes"] for name in (_MODELS, _RESTORED))


def restored(name: str, digest: str) -> Path:
    """Where a restored file is kept, in a folder that is there.

    A network is restored once, which takes half a second; where the cache cannot be written, it lies in a folder that
    ends with the process.
    """
    try:
        room = make(folder() / _RESTORED / digest[:16])
    except (ValueError, RuntimeError):  # the latter where there is no home
        room = Path(_room(os.getpid()).name) / digest[:16]
        room.mkdir(exist_ok=True)
    return room / name


@functools.cache
def _room(process: int) -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="zoo-")


def _file_of(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:32] + ".json"


def _notes(pattern: str) -> Iterator[dict[str, Any]]:
    """Notes of the addresses whose models are there; damaged ones are none."""
    for path in sorted((folder() / _ADDRESSES).glob(pattern)):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            note = json.loads(path.read_text(encoding="utf-8"))
            known = isinstance(note["address"], str) and re.fullmatch("[0-9a-f]{64}", note["manifest"])
            if known and (model_folder(note["manifest"]) / "manifest.json").is_file():
                yield note


def _held(path: Path) -> dict[str, Any]:
    """How many files a folder holds and of how many bytes, hidden ones included in the latter."""
    files = [file for file in path.rglob("*") if file.is_file()]
    sizes = []
    for file in files:
        with contextlib.suppress(OSError):  # another process may remove one
            sizes.append(file.stat().st_size)
    shown = [file for file in files if not file.name.startswith(".")]
    return {"files": len(shown), "bytes": sum(sizes), "folder": str(path)}
