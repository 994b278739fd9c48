"""What an artefact compresses with, and which model a file needs, among the shipped ones and their earlier versions."""

import zipfile
from typing import NamedTuple

from zoo import artifacts
from zoo.codec.coders import CODERS
from zoo.codec.format import compact
from zoo.codec.format.fields import CodecError
from zoo.codec.format.header import Header
from zoo.codec.media import MEDIA
from zoo.codec.tables import Tables

_TILED = ("tiles", "frames")  # coders whose tables are ``Tables``


class Declaration(NamedTuple):
    """Names of ``CODERS`` and of ``MEDIA``, as an artefact's manifest gives them."""

    coder: str
    medium: str


def declaration_of(artifact: artifacts.Artifact) -> Declaration | None:
    """What an artefact compresses with; None if it does not.

    Raises:
        ValueError: if its manifest names a coder or a medium that there is not.
    """
    if not artifact.declares("codec"):
        return _inferred(artifact)
    entry = artifact.declared("codec")
    if entry is None:
        return None
    if not isinstance(entry, dict):
        raise ValueError(f"The manifest of {artifact.name} is damaged: its codec is no mapping. Reinstall the model.")
    for what, known in (("coder", CODERS), ("medium", MEDIA)):
        if entry.get(what) not in [*known]:
            raise ValueError(
                f"{artifact.name} needs the {what} {str(entry.get(what))[:40]!r}, this release has {', '.join(known)}: "
                "update the zoo."
            )
    return Declaration(entry["coder"], entry["medium"])


def _inferred(artifact: artifacts.Artifact) -> Declaration | None:
    """The same of a folder that was written before manifests named it, by its tables."""
    if artifact.has("text.npz"):
        return Declaration("tokens", "text")
    if artifact.has("codec.npz"):
        try:
            with zipfile.ZipFile(artifact.file("codec.npz")) as arrays:
                of_signals = "overlap.npy" in arrays.namelist()
        except zipfile.BadZipFile:  # the coder says so when it reads them
            of_signals = False
        return Declaration("frames", "audio") if of_signals else Declaration("tiles", "image")
    return Declaration("bits_back", "image") if artifact.has("lossless.npz") else None


def codec_of(artifact: artifacts.Artifact) -> Declaration:
    """What an artefact compresses with.

    Raises:
        ValueError: if it does not, or names a coder or a medium that there is not.
    """
    found = declaration_of(artifact)
    if found is None:
        raise ValueError(
            f"{artifact.name} cannot compress: it has no codec.npz, as compressor has, "
            "nor lossless.npz, as hierarchical_vae has, nor text.npz, as summarizer has."
        )
    return found


def fingerprint_of(artifact: artifacts.Artifact) -> bytes:
    """What a container calls a model's tables: the first 8 bytes of their file's digest.

    Raises:
        ValueError: if it has none.
    """
    file = artifact.prefix + CODERS[codec_of(artifact).coder].tables_file
    if file not in artifact.manifest:
        raise ValueError(f"{artifact.name} has no {file}, which its coder needs. Reinstall or retrain the model.")
    return bytes.fromhex(artifact.manifest[file]["sha256"])[:8]


def tables_of(artifact: artifacts.Artifact) -> Tables | None:
    """The integer tables of a model with a quantised code; None of others.

    Raises:
        ValueError: if they are damaged.
    """
    found = declaration_of(artifact)
    return Tables.read(artifact.file("codec.npz")) if found and found.coder in _TILED else None


def identity(name: str, fingerprint: bytes) -> str:
    """A model as messages call it."""
    return f"{name} (tables {fingerprint.hex()})"


def for_header(header: Header, name: str) -> artifacts.Artifact:
    """The version of a model that a container was written with, or, without it, the model as it is.

    Raises:
        CodecError: if the model is not at hand, or has no codec.
    """
    try:
        found = artifacts.find(header.model, folders=False)
        return next((v for v in found.versions() if fingerprint_of(v) == header.fingerprint), found)
    except ValueError as error:
        raise CodecError(
            f"{name} needs the model {identity(header.model, header.fingerprint)}: "
            f"{error} Of a model of your own, give the folder."
        ) from None


def for_compact(data: bytes, name: str) -> artifacts.Artifact:
    """The model whose check a compact image passes.

    Raises:
        CodecError: if there is none.
    """
    for model in artifacts.names():
        for artifact in artifacts.find(model).versions():
            found = declaration_of(artifact)
            if found and "compact" in CODERS[found.coder].offers and fingerprint_of(artifact)[:1] == data[:1]:
                try:
                    compact.unpack(data, tables_of(artifact), fingerprint_of(artifact))
                except CodecError:
                    continue
                return artifact
    raise CodecError(
        f"{name} is neither a zoo container nor a compact file of a shipped model: "
        "it is corrupt, or give the model's name or folder."
    )
