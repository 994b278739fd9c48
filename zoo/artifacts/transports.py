"""How bytes come from an address: by HTTP, by fsspec or from a folder. None of them trusts what it reads."""

import contextlib
import http.client
import importlib
import itertools
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from zoo import __version__, extras
from zoo.artifacts.addresses import Address

BLOCK = 1 << 20
TIMEOUT = 30  # seconds that a server may be silent


class Unreachable(ValueError):
    """No answer now: no network, a server that fails, a connection that was cut. It may help to ask again."""


class Absent(ValueError):
    """There is no such file or repository."""


class Past(ValueError):
    """The file ends before the place that was asked for."""


class HTTP:
    """Files below an address of a web server.

    Args:
        url: name of a file → its address.
        headers: which only the server of that address gets, and none that it redirects to.
    """

    def __init__(self, url: Callable[[str], str], headers: dict[str, str] | None = None):
        self._url, self._headers = url, headers or {}

    @contextlib.contextmanager
    def open(self, name: str, start: int = 0) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Where in a file the blocks begin that come, at ``start`` or at its beginning, and the blocks."""
        url = self._url(name)
        request = urllib.request.Request(
            url, headers={"Accept-Encoding": "identity", "User-Agent": f"zoo/{__version__}"}
        )
        for key, value in self._headers.items():
            request.add_unredirected_header(key, value)
        if start:
            request.add_header("Range", f"bytes={start}-")
        with _one_line(url):
            with _OPENER.open(request, timeout=TIMEOUT) as response:
                yield _begins(response, url), _blocks(response.read, url, _length(response))


class FileSystem:
    """Files below an address that fsspec opens: s3:// and gs://."""

    def __init__(self, address: Address):
        package = {"s3": "s3fs", "gs": "gcsfs"}[address.scheme]
        with extras.needed(f"{address.scheme}://"):
            import fsspec

            try:
                importlib.import_module(package)
            except ImportError:
                raise extras.missing(f"{address.scheme}://", package) from None
        with _one_line(str(address)):
            self._files = fsspec.filesystem(address.scheme, **self._options(address.scheme))
        self._address = address

    @staticmethod
    def _options(scheme: str) -> dict[str, Any]:
        """Who has no credentials reads what is public."""
        if scheme != "s3":
            return {}
        session = importlib.import_module("botocore.session")  # which s3fs brings
        return {"anon": session.get_session().get_credentials() is None}

    @contextlib.contextmanager
    def open(self, name: str, start: int = 0) -> Iterator[tuple[int, Iterator[bytes]]]:
        """As ``HTTP.open``."""
        path = f"{self._address.place.rstrip('/')}/{name}"
        with _one_line(f"{self._address}/{name}"):
            self._files.invalidate_cache()
            with self._files.open(path, "rb", block_size=BLOCK) as file:
                file.seek(start)
                yield start, _blocks(file.read, path, None)


class Folder:
    """Files of a folder: ``file://``."""

    def __init__(self, path: str):
        self._path = Path(path)

    @contextlib.contextmanager
    def open(self, name: str, start: int = 0) -> Iterator[tuple[int, Iterator[bytes]]]:
        """As ``HTTP.open``."""
        path = self._path / name
        with _one_line(str(path)):
            with open(path, "rb") as file:
                file.seek(start)
                yield start, _blocks(file.read, str(path), None)


Transport = HTTP | FileSystem | Folder


def connect(address: Address, revision: str | None = None) -> tuple[Transport, str | None]:
    """What reads the files of an address, and the commit that it reads, if there are commits.

    Args:
        address: of the model.
        revision: commit to read on the hub, where that is known; None to ask what the address' revision is now.
    """
    if address.scheme == "hf":
        return _hub(address, revision)
    if address.scheme in ("s3", "gs"):
        return FileSystem(address), None
    return (Folder(address.place) if address.scheme == "file" else HTTP(address.url)), None


def _hub(address: Address, commit: str | None) -> tuple[HTTP, str]:
    with extras.needed("hf://"):
        import huggingface_hub
        from huggingface_hub.utils import build_hf_headers

    if commit is None:
        with hub_errors(str(address)):
            info = huggingface_hub.HfApi(library_name="zoo", library_version=__version__).model_info(
                address.place, revision=address.revision, timeout=TIMEOUT
            )
        commit = str(info.sha)

    def url(name: str) -> str:
        return huggingface_hub.hf_hub_url(address.place, name, subfolder=address.folder or None, revision=commit)

    return HTTP(
        url, {k.title(): v for k, v in build_hf_headers(library_name="zoo").items() if k == "authorization"}
    ), commit


@contextlib.contextmanager
def hub_errors(what: str) -> Iterator[None]:
    """Makes one line of what huggingface_hub raises: of the hub, of its HTTP library, of the network."""
    from huggingface_hub import errors

    try:
        yield
    except errors.RevisionNotFoundError:
        raise Absent(f"{what} has no such revision.") from None
    except errors.GatedRepoError:
        raise ValueError(f"{what} asks to accept its terms on the hub's page first; then `hf auth login`.") from None
    except errors.RepositoryNotFoundError:
        raise Absent(f"{what} is no repository of a model, or a private one: see `hf auth login`.") from None
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", 0)
        raise _of_status(status, what, str(error.server_message or error).strip().splitlines()[0]) from None
    except errors.OfflineModeIsEnabled:
        raise Unreachable(f"{what} cannot be reached: HF_HUB_OFFLINE is set.") from None
    except (OSError, RuntimeError) as error:
        raise Unreachable(f"{what} cannot be reached: {_line(error)}.") from None
    except ValueError:
        raise
    except Exception as error:  # of the HTTP library, which is another from release to release
        raise Unreachable(f"{what} cannot be reached: {_line(error)}.") from None


def _of_status(status: int, what: str, reason: str) -> ValueError:
    if status == 416:
        return Past(f"{what} ends before what was asked for.")
    if status in (404, 410):
        return Absent(f"{what} is not there ({status}).")
    if status in (401, 403):
        return ValueError(f"{what} is refused ({status} {reason}): are you allowed to, and logged in?")
    kind = Unreachable if status in (0, 408, 425, 429) or status >= 500 else ValueError
    return kind(f"{what} cannot be had: {status or ''} {reason}.")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows where others can read along only from where they could."""

    def redirect_request(self, request, *rest):
        new = super().redirect_request(request, *rest)
        if new is not None and request.full_url.startswith("https:") and not new.full_url.startswith("https:"):
            raise urllib.error.URLError(f"it redirects to {new.full_url[:200]}, which is not https")
        return new


_OPENER = urllib.request.build_opener(_Redirects)


def _length(response: Any) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _begins(response: Any, url: str) -> int:
    """Where in the file a response begins."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise ValueError(f"{url} comes in another encoding than was asked for.")
    if response.status != 206:
        return 0
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if not found:
        raise ValueError(f"{url}: the server sends a part and does not say which.")
    return int(found[1])


def _blocks(read: Callable[[int], bytes], what: str, length: int | None) -> Iterator[bytes]:
    """What is read, in blocks; ``Unreachable`` where it ends before its announced length."""
    come = 0
    while True:
        with _one_line(what):
            block = read(BLOCK)
        if not block:
            break
        come += len(block)
        yield block
    if length is not None and come < length:
        raise Unreachable(f"{what} was cut after {come:,} of {length:,} bytes.")


@contextlib.contextmanager
def _one_line(what: str) -> Iterator[None]:
    """Makes one line of what a transport raises, and tells what may pass from what will not."""
    try:
        yield
    except (ValueError, GeneratorExit):
        raise
    except urllib.error.HTTPError as error:
        error.close()
        raise _of_status(error.code, what, str(error.reason)) from None
    except urllib.error.URLError as error:
        raise Unreachable(f"{what} cannot be reached: {_line(error.reason)}.") from None
    except (FileNotFoundError, NotADirectoryError):
        raise Absent(f"{what} is not there.") from None
    except PermissionError as error:
        raise ValueError(f"{what} is refused ({_line(error)}): are you allowed to, and logged in?") from None
    except IsADirectoryError:
        raise ValueError(f"{what} is a folder: expected a file.") from None
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"{what} was cut or cannot be reached: {_line(error)}.") from None
    except Exception as error:  # of a library of a cloud
        raise Unreachable(f"{what} cannot be reached: {_line(error)}.") from None


def _line(error: Any) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
    return " ".join(itertools.islice(str(text).split(), 40)).rstrip(".")


def offline() -> bool:
    """Whether the user wants no network: ``ZOO_OFFLINE`` or ``HF_HUB_OFFLINE``."""
    return any(
        os.environ.get(name, "").lower() in ("1", "true", "yes", "on") for name in ("ZOO_OFFLINE", "HF_HUB_OFFLINE")
    )
