"""Where a trained artefact lies, and proof that it is the one that was shipped.

An artefact is a folder: ``savedmodels/<architecture>/<tag>/`` for a shipped model, whatever folder
``zoo train -o DIR`` wrote, or one elsewhere, which its address leads to (``zoo.artifacts.sources``).
Its ``manifest.json`` records the SHA-256 digest of every other file, and no file is handed out before
its digest has been checked. Networks of a shipped model are folded: restored from its weights when they
are asked for (``zoo.folded``). The codec finds its tables here on a device without TensorFlow.
"""

import dataclasses
import difflib
import functools
import hashlib
import json
import os
import re
import stat
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from zoo import deprecations
from zoo.artifacts import addresses
from zoo.io import writing

if TYPE_CHECKING:
    from zoo.artifacts.sources import Remote

MANIFEST = "manifest.json"
MAX_JSON_BYTES = 1 << 24  # of a manifest or card
# What an archive (.keras, .npz) may unpack to: the zoo's own unpack to 18 times their size at most.
MAX_RATIO, MAX_UNPACKED_BYTES = 32, 1 << 26
# What a name without a tag means: the first there is.
DEFAULT_TAGS = ("fashion_mnist", "fashion_mnist_q3", "spoken_digit")


def shipped_root() -> Path:
    """Folder of the shipped models: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "savedmodels"
    return installed if installed.is_dir() else package.parent / "savedmodels"


def names() -> list[str]:
    """Sorted names, ``architecture.tag``, of the shipped artefacts that are present."""
    folders = (manifest.parent for manifest in shipped_root().glob(f"*/*/{MANIFEST}"))
    return sorted(f"{folder.parent.name}.{folder.name}" for folder in folders)


def shipped(name: str) -> "Artifact":
    """The shipped artefact of a name that is among ``names()``."""
    architecture, tag = split_name(name)
    found = Artifact(shipped_root() / architecture / (tag or ""), f"{architecture}.{tag}")
    if found.declares("shipped") and not found.declared("shipped"):  # the wheel has its manifest and its card
        from zoo.artifacts import sources

        return sources.of_catalogue(found.path, found.name)
    return found


def default_tag(tags: Sequence[str]) -> str:
    """What a name without a tag means, of an architecture's tags: the first of ``DEFAULT_TAGS``, else its first one."""
    return next((tag for tag in DEFAULT_TAGS if tag in tags), tags[0])


def split_name(name: str, *, quiet: bool = False) -> tuple[str, str | None]:
    """Splits ``architecture.tag``; the tag is None where the name has none. Of an old name it is what is called so now.

    ``quiet`` leaves out the warning about an old one.
    """
    architecture, _, tag = deprecations.model_name(name, quiet=quiet).partition(".")
    return architecture, tag or None


def unknown_name(name: str, known: list[str]) -> ValueError:
    """The error for a name that is not among ``known``: offers the closest ones."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else "`zoo list` shows the names."
    return ValueError(f"Unknown model {name!r}: {hint}")


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Card(dict):
    """A mapping of a card."""

    def __missing__(self, key):
        raise ValueError(f"The model's card does not say its {key}: expected one that `zoo train` wrote.")


@dataclasses.dataclass(frozen=True)
class Artifact:
    """A folder with a trained model, and its name.

    A model that is trained anew keeps what its earlier files need in ``versions/<fingerprint>/``: the
    codec's tables and decoder, so that what was compressed with it can still be restored.

    Attributes:
        path: of the folder.
        name: of the model.
        prefix: of the files that are meant, within the folder.
        source: where the files come from that the folder lacks; None for a folder that has them all.
    """

    path: Path
    name: str
    prefix: str = ""
    source: "Remote | None" = dataclasses.field(default=None, compare=False)

    @functools.cached_property
    def manifest(self) -> dict:
        """File name → {"sha256", "bytes"}: of the files in the folder, and of those that are restored from them.

        Raises:
            ValueError: if it cannot be read, names a file outside the folder, or holds a digest or size that is none.
        """
        path = self.path / MANIFEST
        try:
            entries = {**self._document["files"], **self.restored}
            files = {n: {"sha256": f["sha256"], "bytes": f["bytes"]} for n, f in entries.items()}
            wrong = next((name for name, entry in files.items() if not _is_entry(name, entry)), None)
            if wrong is not None:
                raise ValueError(
                    f"{path} is not a manifest: {wrong[:80]!r} is no file of its folder with a sha256 digest."
                )
            return files
        except (AttributeError, KeyError, TypeError):
            raise ValueError(f"{path} is not a manifest. Reinstall the model.") from None

    @functools.cached_property
    def _document(self) -> dict:
        """The manifest as it is written: ``files``, and what else it declares."""
        path = self.path / MANIFEST
        try:
            if self._size(path) > MAX_JSON_BYTES:
                raise ValueError(f"{path} is not a manifest: it has more than {MAX_JSON_BYTES:,} bytes.")
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}. Reinstall the model.") from None
        document = _read_json(path)
        if not isinstance(document, dict):
            raise ValueError(f"{path} is not a manifest. Reinstall the model.")
        return document

    @property
    def restored(self) -> dict:
        """The files that are not in the folder but restored from it: as ``manifest``."""
        return self._document.get("restored", {})

    @property
    def declarations(self) -> dict[str, Any]:
        """All that the manifest says beside its files: see ``declared``."""
        return {key: value for key, value in self._document.items() if key not in ("files", "restored")}

    def declares(self, key: str) -> bool:
        """Whether the manifest says anything of ``key``: those of earlier releases name files alone."""
        return key in self._document

    def declared(self, key: str) -> Any:
        """What the manifest says of ``key`` beside its files, such as ``codec``; not checked. None if nothing."""
        return self._document.get(key)

    def _size(self, path: Path) -> int:
        """Bytes of a file in the folder, which must not be a link to one elsewhere, a folder, a device or a pipe."""
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise ValueError(f"{path} leads out of its folder: expected a file, not a link to one elsewhere.")
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise ValueError(f"{path} must be a file: found a folder, a device or a pipe.")
        return state.st_size

    @functools.cached_property
    def card(self) -> dict:
        """The model card as a dictionary, which says in one line what it lacks: cards come from strangers too.

        Raises:
            ValueError: if it is damaged or no mapping.
        """
        path = self.file("card.json")
        if path.stat().st_size > MAX_JSON_BYTES:
            raise ValueError(f"{path} is no card: it has more than {MAX_JSON_BYTES:,} bytes.")
        card = _read_json(path, object_hook=_Card)
        if not isinstance(card, dict):
            raise ValueError(f"{path} is no card: expected a mapping, found {type(card).__name__}.")
        return card

    def has(self, filename: str) -> bool:
        return self.prefix + filename in self.manifest

    def versions(self) -> list["Artifact"]:
        """This artefact, and after it each of its earlier versions."""
        names = sorted({name.split("/")[1] for name in self.manifest if name.startswith("versions/")})
        return [self, *(dataclasses.replace(self, prefix=f"versions/{name}/") for name in names)]

    def file(self, filename: str) -> Path:
        """Path of a file of this artefact, after its digest was compared with the manifest.

        Raises:
            ValueError: if the file is not part of the artefact, is missing, has been altered, lies outside the folder
                by a link, or is an archive that would unpack to far more than it is.
        """
        filename = self.prefix + filename
        if filename not in self.manifest:
            raise ValueError(f"{self.name} has no {filename}: it holds {', '.join(sorted(self.manifest))}.")
        path, expected = self.path / filename, self.manifest[filename]
        if filename in self.restored:
            return self._unfolded(filename.removeprefix(self.prefix), expected)
        if self.source is not None and not path.exists():
            path = self.source.fetch(filename, expected)
            _check_archive(path, expected["bytes"])
            return path
        try:
            size = self._size(path)
            digest = sha256(path) if size == expected["bytes"] else None
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}. Reinstall the model.") from None
        if digest != expected["sha256"] and self.source is not None:
            path = self.source.fetch(filename, expected)  # in place of a damaged one in the cache
            digest, size = expected["sha256"], expected["bytes"]
        if digest != expected["sha256"]:
            if digest is None:
                wanted, found = f"{expected['bytes']} bytes", f"{size} bytes"
            else:
                wanted, found = (f"sha256 {d[:16]}…" for d in (expected["sha256"], digest))
            raise ValueError(f"{path} is corrupt: expected {wanted}, found {found}. Reinstall or retrain the model.")
        _check_archive(path, size)
        return path

    def _unfolded(self, filename: str, expected: dict) -> Path:
        """A file that is restored from the model's weights, and kept in the cache; checked each time."""
        from zoo import folded  # with NumPy, which names and cards do without
        from zoo.artifacts import cache

        path = cache.restored(PurePosixPath(filename).name, expected["sha256"])
        if not (path.is_file() and sha256(path) == expected["sha256"]):
            stored, weights = self.file(filename + folded.SUFFIX), self.file(folded.WEIGHTS)
            try:
                digest = self.manifest[self.prefix + folded.WEIGHTS]["sha256"]
                data = folded.restore(stored.read_bytes(), folded.weights_in(weights, digest))
            except (KeyError, ValueError, zipfile.BadZipFile) as error:
                raise ValueError(f"{stored} is corrupt: {error}. Reinstall or retrain the model.") from None
            if hashlib.sha256(data).hexdigest() != expected["sha256"]:
                raise ValueError(f"{stored} is corrupt: {filename} comes out otherwise. Reinstall the model.")
            with writing.atomic_write(path) as file:
                file.write(data)
        return path


def find(name_or_path: str | os.PathLike, *, folders: bool = True) -> Artifact:
    """Finds an artefact by its name (``conv_ae``, ``conv_ae.mnist``), by its folder or by its address (``hf://…``).

    A name without a tag means the first of ``DEFAULT_TAGS`` that it has, or its first one.

    Args:
        name_or_path: of the artefact.
        folders: whether it may be a folder or an address; not where a file from others says the name.

    Raises:
        ValueError: if nothing of that name is shipped (the closest names are offered), the folder
            holds no artefact, or as ``zoo.artifacts.sources.find``.
    """
    text = os.fspath(name_or_path)
    if folders and addresses.is_address(text):
        from zoo.artifacts import sources

        return sources.find(text)
    architecture, tag = split_name(text, quiet=not folders)
    known = names()
    tags = [n.partition(".")[2] for n in known if n.partition(".")[0] == architecture]
    if tags and tag is None:
        tag = default_tag(tags)
    if tags and tag in tags:
        return shipped(f"{architecture}.{tag}")
    folder = Path(text)
    if folders and os.path.isdir(folder):  # unlike Path.is_dir, False of a name that is too long
        if not (folder / MANIFEST).is_file():
            raise ValueError(f"{folder} holds no trained model: expected {MANIFEST} in it, as `zoo train` writes.")
        return Artifact(folder, folder.resolve().name)
    raise unknown_name(text, known)


def _is_entry(name: str, entry: dict) -> bool:
    """Whether a manifest's line is a relative path within the folder, with a digest and a size."""
    digest, size = entry["sha256"], entry["bytes"]
    hexadecimal = isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest)
    return bool(_is_inside(name) and name != MANIFEST and hexadecimal) and type(size) is int and size >= 0


def _is_inside(name: str) -> bool:
    """Whether a name is a relative path that stays in its folder, on every system."""
    parts = PurePosixPath(name).parts
    return bool(parts) and ".." not in parts and not re.search(r"^/|[\\\x00]|^[A-Za-z]:", name)


def _check_archive(path: Path, size: int) -> None:
    """Refuses an archive, before it is unpacked, that announces far more than its bytes can hold, or other places."""
    if path.suffix not in (".keras", ".npz") or not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise ValueError(f"{path} is a damaged archive: {error}. Reinstall or retrain the model.") from None
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_UNPACKED_BYTES + MAX_RATIO * size:
        raise ValueError(f"{path} is refused: its {size:,} bytes would unpack to {unpacked:,}.")
    if outside := [entry.filename for entry in entries if not _is_inside(entry.filename)]:
        raise ValueError(f"{path} is refused: {outside[0][:80]!r} in it leads out of a folder.")


def write_manifest(folder: Path, names: Iterable[str] | None = None, declared: dict[str, Any] | None = None) -> None:
    """Records the digests of the files that an artefact consists of; written last, it makes ``folder`` one.

    Args:
        folder: of the artefact.
        names: of its files, relative to it; what else lies there is none of it. None for all but hidden ones.
        declared: what the manifest says beside its files, such as ``{"codec": {"coder": …, "medium": …}}``, or None
            there for a model that does not compress.
    """
    if names is None:
        paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        names = (path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts))
    files = {name: _entry(folder / name) for name in sorted({*names} - {MANIFEST})}
    restored = _entries_restored(folder, files)
    _write_manifest(folder, {**(declared or {}), "files": files, **({"restored": restored} if restored else {})})


def _entries_restored(folder: Path, names: Iterable[str]) -> dict[str, dict]:
    """Of the folded files among names: what they come out as."""
    from zoo import folded

    entries = {}
    for name in (name for name in names if name.endswith(folded.SUFFIX)):
        weights = folder / PurePosixPath(name).parent / folded.WEIGHTS
        data = folded.restore((folder / name).read_bytes(), folded.weights_in(weights, sha256(weights)))
        entries[name.removesuffix(folded.SUFFIX)] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    return entries


def add(folder: Path, files: dict[str, bytes]) -> None:
    """Writes files into a folder; if that is an artefact, they become part of it."""
    for filename, content in files.items():
        with writing.atomic_write(folder / filename) as file:
            file.write(content)
    if (folder / MANIFEST).is_file():
        artifact = Artifact(folder, folder.name)
        found = artifact._document["files"] | {name: _entry(folder / name) for name in files}
        _write_manifest(folder, {**artifact._document, "files": dict(sorted(found.items()))})


def _entry(path: Path) -> dict:
    return {"sha256": sha256(path), "bytes": path.stat().st_size}


def _write_manifest(folder: Path, document: dict[str, Any]) -> None:
    with writing.atomic_write(folder / MANIFEST) as file:
        file.write(json.dumps(document, indent=2).encode() + b"\n")


def _read_json(path: Path, **options) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"), **options)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}. Reinstall the model.") from None
