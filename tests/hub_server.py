"""A web server on loopback that speaks the hub's protocol as far as huggingface_hub uses it, and fails as it is told.

Repositories are made, get commits of plain and of large files, and are read at a branch or commit, ranges too. Other
paths are files of ``plain``: what ``https://`` and, with their buckets as first part, ``s3://`` read.
"""

import base64
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of_the_tests"


class HubServer(ThreadingHTTPServer):
    """What it holds, and how it fails.

    Attributes:
        repositories: name → commits, each (sha, path → content); the last is the main branch.
        plain: path → content of files that are no repository's.
        cut: path, bytes that would be sent → how many are before the connection ends; None for all.
        answers: what a path contains → status that is sent instead.
        requests: "METHOD path" of all that came, with the range that was asked for.
        tokens: the ``Authorization`` of requests, by what they asked for.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, list[tuple[str, dict[str, bytes]]]] = {}
        self.plain: dict[str, bytes] = {}
        self.large: dict[str, bytes] = {}
        self.cut: Callable[[str, int], int | None] = lambda path, size: None
        self.answers: dict[str, int] = {}
        self.requests: list[str] = []
        self.tokens: list[tuple[str, str | None]] = []
        self.moved: dict[str, str] = {}
        self.ranges = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def commit(self, name: str, files: dict[str, bytes]) -> str:
        commits = self.repositories.setdefault(name, [])
        content = json.dumps([len(commits), sorted((p, hashlib.sha1(c).hexdigest()) for p, c in files.items())])
        sha = hashlib.sha1(content.encode()).hexdigest()
        commits.append((sha, files))
        return sha

    def handle_error(self, request, client_address):
        """Clients that go away are part of the tests."""


@contextlib.contextmanager
def serving() -> Iterator[HubServer]:
    server = HubServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubServer

    def log_message(self, *arguments):
        """Quiet."""

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self._begin()
        if path is None:
            return
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._info(match[1], match[2])
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)/?", path):
            if found := self._commit(match[1], match[2]):
                rows = [
                    {"type": "file", "path": p, "size": len(c), "oid": hashlib.sha1(c).hexdigest()}
                    for p, c in found[1].items()
                ]
                self._json(rows)
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            if found := self._commit(match[1], match[2]):
                content = found[1].get(match[3])
                if content is None:
                    self._missing("EntryNotFound")
                else:
                    self._content(content, {"X-Repo-Commit": found[0]})
        elif path in self.server.plain:
            self._content(self.server.plain[path], {})
        else:
            self._missing("RepoNotFound")

    def do_POST(self):
        path, body = self._begin(), self._body()
        if path is None:
            return
        if path == "/api/repos/create":
            request = json.loads(body)
            name = "/".join(filter(None, (request.get("organization") or "owner", request["name"])))
            known = name in self.server.repositories
            if not known:
                self.server.repositories[name] = []
                self.server.commit(name, {".gitattributes": b""})
            self._json({"url": f"{self.server.url}/{name}", "id": name}, 409 if known else 200)
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/([^/]+)", path):
            files = json.loads(body)["files"]
            modes = [
                {"path": f["path"], "uploadMode": "lfs" if f["size"] > 1000 else "regular", "shouldIgnore": False}
                for f in files
            ]
            self._json({"files": modes})
        elif match := re.fullmatch(r"/([^/]+/[^/]+)\.git/info/lfs/objects/batch", path):
            objects = [
                {**o, "actions": {"upload": {"href": f"{self.server.url}/large/{o['oid']}"}}}
                for o in json.loads(body)["objects"]
            ]
            self._json({"transfer": "basic", "objects": objects})
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/([^/]+)", path):
            self._take(match[1], [json.loads(line) for line in body.splitlines()])
        else:
            self._missing("RepoNotFound")

    def do_PUT(self):
        path, body = self._begin(), self._body()
        if path is not None:
            oid = path.rpartition("/")[2]
            assert hashlib.sha256(body).hexdigest() == oid
            self.server.large[oid] = body
            self._json({})

    def _begin(self) -> str | None:
        """The path that is asked for, unless the server fails at it."""
        path, wanted = unquote(urlsplit(self.path).path), self.headers.get("Range", "")
        self.server.requests.append(f"{self.command} {path} {wanted}".strip())
        self.server.tokens.append((path, self.headers.get("Authorization")))
        for part, status in self.server.answers.items():
            if part in path:
                self._body()
                self._json({"error": "as the test wants it"}, status)
                return None
        if path in self.server.moved:
            self.send_response(302)
            self.send_header("Location", self.server.moved[path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        return path

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            content = b""
            while size := int(self.rfile.readline(), 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return content
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _commit(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        commits = self.server.repositories.get(name)
        if commits is None:
            return self._missing("RepoNotFound")
        found = commits[-1] if revision == "main" else next((c for c in commits if c[0] == revision), None)
        return found or self._missing("RevisionNotFound")

    def _info(self, name: str, revision: str | None) -> None:
        if found := self._commit(name, revision or "main"):
            siblings = [{"rfilename": path} for path in found[1]]
            self._json(
                {"id": name, "modelId": name, "sha": found[0], "siblings": siblings, "private": False, "tags": []}
            )

    def _take(self, name: str, lines: list[dict]) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._json({"error": "Invalid username or password."}, 401)
            return
        files = dict(self.server.repositories[name][-1][1])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.large[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        sha = self.server.commit(name, files)
        self._json({"commitUrl": f"{self.server.url}/{name}/commit/{sha}", "commitOid": sha})

    def _content(self, content: bytes, headers: dict[str, str]) -> None:
        start = 0
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        end = len(content)
        if wanted and self.server.ranges and int(wanted[1]) >= end:
            self._json({"error": "nothing there"}, 416)
            return
        if wanted and self.server.ranges:
            start, end = int(wanted[1]), min(end, int(wanted[2]) + 1) if wanted[2] else end
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        else:
            self.send_response(200)
        part = content[start:end]
        self.send_header("Content-Length", str(len(part)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Accept-Ranges", "bytes")
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            stop = self.server.cut(self.path, len(part))
            self.wfile.write(part if stop is None else part[:stop])
            if stop is not None:
                self.close_connection = True
                self.connection.close()

    def _json(self, value, status: int = 200) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _missing(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()
