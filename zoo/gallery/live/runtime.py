"""LiteRT.js, which runs networks in a browser: fetched from npm when the page is built, and never by the page.

It is Google's, under the Apache License 2.0 (``@litertjs/core``); the zoo's own package and repository hold none of it.
"""

import base64
import gzip
import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
from importlib import resources
from pathlib import Path

VERSION = "2.5.3"
# npm's own digests, so that no other content is ever taken.
PACKAGES = {
    "@litertjs/core": "PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ==",
    "@litertjs/wasm-utils": "4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVdFawteZ/sI1kQ==",
}
VARIANTS = ("litert_wasm_internal", "litert_wasm_compat_internal")  # with relaxed SIMD instructions, and without
_TIMEOUT = 300  # seconds


def runtime_files(packages: Path | None = None) -> dict[str, bytes]:
    """LiteRT.js as files of one folder, its WebAssembly compressed by gzip, with its licence.

    Args:
        packages: folder with ``litertjs-core-VERSION.tgz`` and ``litertjs-wasm-utils-VERSION.tgz``, as ``npm pack``
            writes them; None to have npm fetch them, which needs a network.

    Raises:
        ValueError: if npm is missing or fails, or a package is missing or not the one that is expected.
    """
    core, helper = (_contents(name, packages) for name in PACKAGES)
    # A worker has no import map, so the one import by a package's name becomes one by a path.
    code = _text(core, "dist/index.js").replace('"@litertjs/wasm-utils"', '"./wasm-utils.js"')
    files = {"index.js": _without_map(code), "wasm-utils.js": _without_map(_text(helper, "dist/index.js"))}
    for name in VARIANTS:
        files[f"{name}.js"] = core[f"package/wasm/{name}.js"]
        files[f"{name}.wasm.gz"] = gzip.compress(core[f"package/wasm/{name}.wasm"], 9, mtime=0)
    licence = (resources.files("zoo.gallery.live") / "apache-2.0.txt").read_bytes()
    notice = (
        f"LiteRT.js {VERSION} (@litertjs/core, @litertjs/wasm-utils), Copyright Google LLC. The import of the second\n"
    )
    notice += "in index.js is by a path here; else the files are those of the npm packages.\n\n"
    return {**files, "LICENSE.txt": notice.encode() + licence}


def _text(package: dict[str, bytes], name: str) -> str:
    return package[f"package/{name}"].decode()


def _without_map(code: str) -> bytes:
    """Without the last line, which asks for a file that is not there."""
    return code[: code.rfind("//# sourceMappingURL")].encode()


def _contents(name: str, packages: Path | None) -> dict[str, bytes]:
    file = f"{name[1:].replace('/', '-')}-{VERSION}.tgz"
    if packages is None:
        data = _fetched(name, file)
    elif (packages / file).is_file():
        data = (packages / file).read_bytes()
    else:
        raise ValueError(f"{packages} must hold {file}: `npm pack {name}@{VERSION}` writes it.")
    if base64.b64encode(hashlib.sha512(data).digest()).decode() != PACKAGES[name]:
        raise ValueError(f"{file} is not {name} {VERSION}: its SHA-512 digest differs. Fetch it again.")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        files = {member.name: archive.extractfile(member) for member in archive}
        return {name: file.read() for name, file in files.items() if file is not None}


def _fetched(name: str, file: str) -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise ValueError(
            f"The live page needs npm, which fetches {name}; or give the folder with {file} by --litert (`npm pack "
            f"{name}@{VERSION}` writes it)."
        )
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", f"{name}@{VERSION}", "--pack-destination", folder, "--silent"]
        try:
            subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=_TIMEOUT)
        except (subprocess.SubprocessError, OSError) as error:
            said = (getattr(error, "stderr", None) or str(error)).strip().splitlines() or [""]
            raise ValueError(f"npm cannot fetch {name} {VERSION}: {said[-1]}") from None
        return (Path(folder) / file).read_bytes()
