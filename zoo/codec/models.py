"""Which model a file needs, among those that are shipped and their earlier versions."""

from zoo import artifacts
from zoo.codec import compact
from zoo.codec.header import CodecError, Header
from zoo.codec.tables import Tables

TABLES = ("codec.npz", "lossless.npz", "text.npz")  # an artefact that compresses has one of them


def fingerprint_of(artifact: artifacts.Artifact) -> bytes:
    """What a container calls a model's tables.

    Raises:
        ValueError: if it has none.
    """
    for tables in TABLES:
        if artifact.has(tables):
            return bytes.fromhex(artifact.manifest[artifact.prefix + tables]["sha256"])[:8]
    raise ValueError(
        f"{artifact.name} cannot compress: it has no codec.npz, as compressor has, "
        "nor lossless.npz, as hierarchical_vae has, nor text.npz, as summarizer has."
    )


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
            if artifact.has("codec.npz") and fingerprint_of(artifact)[:1] == data[:1]:
                try:
                    compact.unpack(data, Tables.read(artifact.file("codec.npz")), fingerprint_of(artifact))
                except CodecError:
                    continue
                return artifact
    raise CodecError(
        f"{name} is neither a zoo container nor a compact file of a shipped model: "
        "it is corrupt, or give the model's name or folder."
    )
