"""Addresses of models elsewhere: ``hf://owner/name[@revision]``, ``https://…``, ``s3://…``, ``gs://…``, ``file://…``."""

import dataclasses
import re
from urllib.parse import quote, unquote

SCHEMES = ("hf", "https", "http", "s3", "gs", "file")
_START = re.compile(rf"({'|'.join(SCHEMES)}):/+", re.IGNORECASE)  # `pathlib` makes one slash of two
_OWNER_AND_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_REVISION = re.compile(r"[\w][\w./-]*")
_LOOPBACK = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?/")
FORMS = "hf://owner/name[@revision], https://…, s3://…, gs://… or file:///…, and #sha256=DIGEST after it"


@dataclasses.dataclass(frozen=True)
class Address:
    """Where a model's folder lies.

    Attributes:
        scheme: one of ``SCHEMES``.
        place: what follows ``://``, without what is below.
        revision: of a repository on the hub: a branch, tag or commit; None for its main branch.
        folder: within that repository; empty for all of it.
        sha256: that its manifest must have; None if the address names none.
    """

    scheme: str
    place: str
    revision: str | None = None
    sha256: str | None = None
    folder: str = ""

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"{self.scheme}://{self.place}{revision}{self.folder and f'/{self.folder}'}"

    @property
    def name(self) -> str:
        """What the model is called: the last part of its place."""
        return unquote(self.place.rstrip("/").rpartition("/")[2]) or self.scheme

    def url(self, file: str) -> str:
        """Of a file of the folder: not of one on the hub, whose address the hub says."""
        return f"{self.scheme}://{self.place.rstrip('/')}/{quote(file)}"


def is_address(text: str) -> bool:
    """Whether a name is an address."""
    return bool(_START.match(text))


def parse(text: str) -> Address:
    """The address that a text is.

    Raises:
        ValueError: for another form, a digest that is none, or ``http://`` without one where others can change what
            is sent.
    """
    start = _START.match(text)
    if not start or any(ord(character) <= 32 for character in text):
        raise ValueError(f"address must be {FORMS}: received {text!r}.")
    scheme = start[1].lower()
    place, hash_sign, fragment = text[start.end() :].partition("#")
    digest = fragment.removeprefix("sha256=").lower() if hash_sign else None
    if digest is not None and not (fragment.startswith("sha256=") and re.fullmatch("[0-9a-f]{64}", digest)):
        raise ValueError(
            f"What follows # must be sha256= and 64 hexadecimal digits, of manifest.json: received {text!r}."
        )
    if scheme == "file":
        return Address(scheme, "/" + place.rstrip("/"), sha256=digest)
    place, revision = place.rstrip("/"), None
    if scheme == "hf":
        place, at, revision = place.partition("@")
        if not _OWNER_AND_NAME.fullmatch(place) or (at and not _REVISION.fullmatch(revision)):
            raise ValueError(f"address must be hf://owner/name[@revision], a repository of a model: received {text!r}.")
    if not place or (scheme in ("http", "https") and ("?" in place or place.endswith((".keras", ".json")))):
        raise ValueError(
            f"address must lead to a model's folder, with its manifest.json, and no query: received {text!r}."
        )
    if scheme == "http" and digest is None and not _LOOPBACK.match(place + "/"):
        raise ValueError(
            f"{text} is refused: what http:// sends can be changed on the way. Use https://, or add #sha256=DIGEST."
        )
    return Address(scheme, place, revision or None, digest)
