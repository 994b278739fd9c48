"""Models from elsewhere: a real server on loopback, cut connections, other files, full disks, two at once."""

import errno
import hashlib
import json
import multiprocessing
import os
import random
import re
import threading

import hub_server
import numpy as np
import pytest
from commands import run, run_here

import zoo
from zoo import artifacts
from zoo.artifacts import addresses, sources, transports

WEIGHTS = np.random.default_rng(0).bytes(300_000)
FILES = {
    "model.keras": WEIGHTS,
    "empty": b"",
    "card.json": b'{"name": "x", "architecture": "dense_ae"}',
    "deep/er/file.bin": b"\x00" * 9,
}


def published(files: dict[str, bytes], **declared) -> dict[str, bytes]:
    """Files of a model, with their manifest."""
    entries = {n: {"sha256": hashlib.sha256(c).hexdigest(), "bytes": len(c)} for n, c in files.items()}
    return {**files, "manifest.json": json.dumps({**declared, "files": entries}).encode()}


def digest_of(files: dict[str, bytes]) -> str:
    return hashlib.sha256(files["manifest.json"]).hexdigest()


@pytest.fixture
def hub(hub):
    """The server, with the model at hf://owner/name, and the same as files of a web server, at /m."""
    hub.commit("owner/name", published(FILES))
    hub.plain = {f"/m/{name}": content for name, content in published(FILES).items()}
    return hub


def names_in(folder) -> list[str]:
    """Files of the cache that are no locks."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock")


def asked(server, part: str) -> list[str]:
    return [request for request in server.requests if part in request]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf://owner/name", ("hf", "owner/name", None, None)),
        ("hf://owner/name@v1.0", ("hf", "owner/name", "v1.0", None)),
        ("HF:/owner/name", ("hf", "owner/name", None, None)),  # as pathlib writes it
        ("https://example.org/zoo/m/", ("https", "example.org/zoo/m", None, None)),
        ("s3://bucket/m#sha256=" + "A" * 64, ("s3", "bucket/m", None, "a" * 64)),
        ("file:///data/m", ("file", "/data/m", None, None)),
        ("http://127.0.0.1:80/m", ("http", "127.0.0.1:80/m", None, None)),
        ("http://example.org/m#sha256=" + "0" * 64, ("http", "example.org/m", None, "0" * 64)),
    ],
)
def test_addresses_are_read(text, expected):
    found = addresses.parse(text)
    assert (found.scheme, found.place, found.revision, found.sha256) == expected
    assert addresses.is_address(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hf://owner", "must be hf://owner/name"),
        ("hf://owner/name/file", "must be hf://owner/name"),
        ("hf://owner/name@", "must be hf://owner/name"),
        ("https://", "must lead to a model's folder"),
        ("https://example.org/m?token=1", "must lead to a model's folder"),
        ("https://example.org/mine.keras", "must lead to a model's folder"),
        ("hf://owner/name#sha256=123", "must be sha256= and 64 hexadecimal digits"),
        ("hf://owner/name#md5=123", "must be sha256= and 64 hexadecimal digits"),
        ("http://example.org/m", "is refused: what http:// sends can be changed"),
        ("hf://owner/na me", "address must be hf://owner/name"),
    ],
)
def test_what_is_no_address_is_one_line(text, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        artifacts.find(text)
    assert "\n" not in str(error.value)


def test_a_container_names_no_address():
    with pytest.raises(ValueError, match="Unknown model 'hf://owner/name'"):
        artifacts.find("hf://owner/name", folders=False)


def test_each_file_comes_when_it_is_asked_for(hub, kept):
    artifact = artifacts.find("hf://owner/name")
    assert (artifact.name, artifact.card["name"]) == ("name", "x")
    assert [n for n in names_in(kept) if n.startswith("models")] == [
        f"models/{digest_of(published(FILES))}/{name}" for name in ("card.json", "manifest.json")
    ]
    assert artifact.file("deep/er/file.bin").read_bytes() == bytes(9)
    before = len(hub.requests)
    again = artifacts.find("hf://owner/name")
    assert again.file("deep/er/file.bin").read_bytes() == bytes(9) and again.card["name"] == "x"
    assert len(hub.requests) == before, "nothing is asked twice within a minute"


def test_a_revision_is_a_commit_of_which_all_files_are(hub):
    first = hub.repositories["owner/name"][0][0]
    old = artifacts.find(f"hf://owner/name@{first}")
    artifact = artifacts.find("hf://owner/name")
    hub.commit("owner/name", published({**FILES, "model.keras": b"new"}))
    assert artifact.file("model.keras").read_bytes() == WEIGHTS, "of the commit that its manifest is of"
    assert sources.find("hf://owner/name", fresh=True).file("model.keras").read_bytes() == b"new"
    assert old.file("model.keras").read_bytes() == WEIGHTS
    with pytest.raises(ValueError, match="hf://owner/name@nonsense .*no such revision"):
        artifacts.find("hf://owner/name@nonsense")


def test_a_web_server_and_a_folder_serve_too(hub, kept, tmp_path):
    for name, content in published(FILES).items():
        (tmp_path / "served" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "served" / name).write_bytes(content)
    for address in (f"{hub.url}/m", f"file://{tmp_path}/served"):
        assert artifacts.find(address).file("model.keras").read_bytes() == WEIGHTS
    assert len(asked(hub, "model.keras")) == 1, "the same manifest, the same files"


def test_a_bucket_serves_too(hub, monkeypatch):
    """s3fs against the same server, with the bucket as the first part of the path."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", hub.url)
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    assert artifacts.find("s3://m").file("model.keras").read_bytes() == WEIGHTS
    hub.answers["/m/"] = 403
    sources.forget()
    with pytest.raises(ValueError, match="s3://m/manifest.json is refused") as error:
        sources.find("s3://m", fresh=True)
    assert "\n" not in str(error.value)


def test_a_pinned_manifest_is_enforced_and_needs_no_network(hub):
    digest = digest_of(published(FILES))
    with pytest.raises(ValueError, match=r"is not the model that the name pins: .* expected 0000000000000000…"):
        artifacts.find(f"hf://owner/name#sha256={'0' * 64}")
    pinned = artifacts.find(f"hf://owner/name#sha256={digest}")
    assert pinned.file("model.keras").read_bytes() == WEIGHTS and pinned.file("empty").read_bytes() == b""
    (pinned.path / "manifest.json").write_bytes(b"{}")  # altered on the disk: it is had again
    artifacts.find(f"hf://owner/name#sha256={digest}")
    hub.repositories.clear()
    assert artifacts.find(f"hf://owner/name#sha256={digest}").file("model.keras").read_bytes() == WEIGHTS


def test_another_file_than_the_manifest_says_is_not_kept(hub, kept):
    artifact = artifacts.find(f"{hub.url}/m")
    for wrong in (WEIGHTS[:-1] + bytes([WEIGHTS[-1] ^ 1]), WEIGHTS + b"more"):
        hub.plain["/m/model.keras"] = wrong
        with pytest.raises(ValueError, match=r"m/model.keras is not the file of its manifest: expected 300,000 bytes"):
            artifact.file("model.keras")
        assert not any("model.keras" in name for name in names_in(kept))
    hub.plain["/m/model.keras"] = WEIGHTS
    path = artifact.file("model.keras")
    path.write_bytes(b"damaged on the disk")
    assert artifact.file("model.keras").read_bytes() == WEIGHTS, "it is had again"


def test_a_part_of_another_file_is_not_gone_on_with(hub, kept):
    artifact = artifacts.find(f"{hub.url}/m")
    (artifact.path / ".model.keras.part").write_bytes(b"of an earlier version")
    assert artifact.file("model.keras").read_bytes() == WEIGHTS


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_download_goes_on_where_it_was(hub, ranges):
    hub.ranges, cuts = ranges, iter([100_000, 50_000])
    hub.cut = lambda path, size: next(cuts, None) if "model.keras" in path else None
    assert artifacts.find("hf://owner/name").file("model.keras").read_bytes() == WEIGHTS
    starts = [int(n) for request in asked(hub, "model.keras") for n in re.findall(r"bytes=(\d+)-", request)]
    assert starts == ([100_000, 150_000] if ranges else starts) and len(asked(hub, "model.keras")) == 3


@pytest.mark.filterwarnings("ignore:.*the cache's copy")
def test_two_hundred_cut_downloads_leave_no_corrupt_cache(hub, kept, monkeypatch):
    """Each is cut at random places until it gives up or is whole; what lies in the cache then is right or not there."""
    monkeypatch.setattr(sources, "TRIES", 1)
    draw, address = random.Random(0), f"{hub.url}/m"
    hub.cut = lambda path, size: draw.choice((0, 0, draw.randrange(size + 1), None))
    whole = failed = 0
    for _ in range(200):
        try:
            artifact = sources.find(address, fresh=True)
            name = draw.choice(sorted(FILES))
            assert artifact.file(name).read_bytes() == FILES[name]
            whole += 1
            (artifact.path / name).unlink()
        except ValueError as error:
            assert "\n" not in str(error)
            failed += 1
        for path in (kept / "models").rglob("*"):
            if path.is_file() and not path.name.startswith("."):
                name = path.relative_to(kept / "models" / digest_of(published(FILES))).as_posix()
                assert path.read_bytes() == published(FILES)[name]
    assert whole > 20 and failed > 20


def test_a_full_disk_is_one_line_and_gets_its_room_back(hub, kept, monkeypatch):
    artifact, real = artifacts.find(f"{hub.url}/m"), open

    def full(path, *arguments, **options):
        file = real(path, *arguments, **options)
        if str(path).endswith(".part"):

            class Full:
                def __getattr__(self, name):
                    return getattr(file, name)

                def __enter__(self):
                    return self

                def __exit__(self, *error):
                    file.close()

                def write(self, data):
                    file.write(data[:1000])
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            return Full()
        return file

    monkeypatch.setattr(sources, "open", full, raising=False)
    with pytest.raises(ValueError, match="model.keras cannot be written to the cache .*: No space left on device"):
        artifact.file("model.keras")
    assert not any("model.keras" in name for name in names_in(kept))
    monkeypatch.setattr(sources.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(ValueError, match="needs 300,000 bytes, and 1,000 are free in .*cache. Set ZOO_CACHE"):
        artifact.file("model.keras")


def download(address, folder, gate, answers):
    os.environ["ZOO_CACHE"] = folder
    artifact = artifacts.find(address)
    gate.wait()
    answers.put(artifacts.sha256(artifact.file("model.keras")))


def test_two_processes_download_once(hub, kept):
    context = multiprocessing.get_context("fork")
    gate, answers = context.Barrier(2), context.Queue()
    address = f"{hub.url}/m"
    processes = [context.Process(target=download, args=(address, str(kept), gate, answers)) for _ in range(2)]
    for process in processes:
        process.start()
    digests = [answers.get(timeout=30) for _ in processes]
    for process in processes:
        process.join()
    assert set(digests) == {hashlib.sha256(WEIGHTS).hexdigest()}
    assert len(asked(hub, "model.keras")) == 1


def test_threads_download_once(hub):
    artifact = artifacts.find(f"{hub.url}/m")
    threads = [threading.Thread(target=artifact.file, args=("model.keras",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert artifact.file("model.keras").read_bytes() == WEIGHTS and len(asked(hub, "model.keras")) == 1


def test_offline_the_cache_is_used_and_said(hub, monkeypatch):
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(ValueError, match="ZOO_OFFLINE .*is set, and hf://owner/name is not in the cache"):
        artifacts.find("hf://owner/name")
    monkeypatch.delenv("ZOO_OFFLINE")
    artifacts.find("hf://owner/name").file("model.keras")
    sources.forget()
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    before = len(hub.requests)
    with pytest.warns(
        UserWarning, match=r"hf://owner/name: ZOO_OFFLINE .*; the cache's copy of \d{4}-\d\d-\d\d is used"
    ):
        artifact = artifacts.find("hf://owner/name")
    assert artifact.file("model.keras").read_bytes() == WEIGHTS and len(hub.requests) == before
    with pytest.raises(ValueError, match="card.json of hf://owner/name is not in the cache .*no network is to be used"):
        artifact.file("card.json")


def test_without_a_network_the_cache_is_used_and_said(hub):
    address = f"{hub.url}/m"
    artifacts.find(address).file("model.keras")
    sources.forget()
    hub.answers["/m/"] = 503
    with pytest.warns(UserWarning, match=r"/m/manifest.json cannot be had: 503 .*; the cache's copy of .* is used"):
        assert artifacts.find(address).file("model.keras").read_bytes() == WEIGHTS
    with pytest.raises(ValueError, match="https://127.0.0.1:1/m is not in the cache"):
        artifacts.find("https://127.0.0.1:1/m")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("hf://owner/nothing", "hf://owner/nothing holds no trained model with a manifest.json: .*no repository"),
        ("hf://owner/empty", "hf://owner/empty holds no trained model with a manifest.json"),
        ("hf://owner/broken", "hf://owner/broken: manifest.json cannot be read as JSON"),
        ("hf://owner/outside", r"hf://owner/outside: .*'\.\./x' is no file of its folder"),
        ("hf://owner/itself", r"hf://owner/itself: .*'manifest.json' is no file of its folder"),
        ("hf://owner/huge", "hf://owner/huge is refused: its files have 9,000,000,000 bytes"),
        ("file:///no/such/folder", "holds no trained model with a manifest.json"),
    ],
)
def test_what_is_no_model_is_one_line_and_leaves_nothing(hub, kept, address, message):
    entry = {"sha256": "0" * 64, "bytes": 9_000_000_000}
    hub.commit("owner/empty", {"README.md": b"#"})
    hub.commit("owner/broken", {"manifest.json": b"{"})
    hub.commit("owner/outside", {"manifest.json": json.dumps({"files": {"../x": entry}}).encode()})
    hub.commit("owner/itself", {"manifest.json": json.dumps({"files": {"manifest.json": entry}}).encode()})
    hub.commit("owner/huge", {"manifest.json": json.dumps({"files": {"model.keras": entry}}).encode()})
    with pytest.raises(ValueError, match=message) as error:
        artifacts.find(address)
    assert "\n" not in str(error.value)
    assert not kept.exists() or not names_in(kept)


@pytest.mark.parametrize(("status", "message"), [(401, "refused|no repository"), (403, "refused"), (500, "500")])
def test_a_server_that_refuses_is_one_line(hub, status, message):
    hub.answers = {"/m/": status, "/api/models": status}
    for address in (f"{hub.url}/m", "hf://owner/name"):
        with pytest.raises(ValueError, match=message) as error:
            artifacts.find(address)
        assert "\n" not in str(error.value)


def test_the_token_goes_to_the_hub_alone(hub):
    with hub_server.serving() as elsewhere:
        sha, files = hub.repositories["owner/name"][-1]
        for name, content in files.items():
            elsewhere.plain[f"/{name}"] = content
            hub.moved[f"/owner/name/resolve/{sha}/{name}"] = f"{elsewhere.url}/{name}"
        assert artifacts.find("hf://owner/name").file("model.keras").read_bytes() == WEIGHTS
        assert {token for _, token in elsewhere.tokens} == {None}
        assert {token for path, token in hub.tokens if "resolve" in path} == {f"Bearer {hub_server.TOKEN}"}


def test_an_address_of_https_is_not_led_to_http():
    request = transports.urllib.request.Request("https://example.org/m/manifest.json")
    with pytest.raises(transports.urllib.error.URLError, match="redirects to http://example.org/m, which is not https"):
        transports._Redirects().redirect_request(request, None, 302, "Found", {}, "http://example.org/m")


def test_an_endless_file_is_not_read(hub):
    hub.plain["/m/manifest.json"] = b" " * (artifacts.MAX_JSON_BYTES + 1)
    with pytest.raises(ValueError, match="manifest.json has more than 16,777,216 bytes"):
        artifacts.find(f"{hub.url}/m")


def test_a_cache_that_cannot_be_written_is_one_line(hub, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "file"))
    with pytest.raises(ValueError, match="The cache .*file cannot be written: .*Set ZOO_CACHE"):
        artifacts.find("hf://owner/name")


def test_the_cache_is_listed_and_cleared(hub, kept, monkeypatch, capsys):
    artifacts.find("hf://owner/name").file("model.keras")
    artifacts.find(f"{hub.url}/m")
    status, out, _ = run_here(monkeypatch, capsys, "cache", "list", "--json")
    rows = json.loads(out)["rows"]
    assert status == 0 and {row["address"] for row in rows} == {"hf://owner/name", f"{hub.url}/m"}
    assert {row["files"] for row in rows} == {2} and min(row["bytes"] for row in rows) > 300_000
    assert run_here(monkeypatch, capsys, "cache", "clear", "hf://owner/name")[0] == 0
    assert (kept / "models" / digest_of(published(FILES))).is_dir(), "another address leads to it"
    status, _, err = run_here(monkeypatch, capsys, "cache", "clear", "hf://owner/name")
    assert status == 2 and err.startswith("zoo: hf://owner/name is not in the cache")
    status, out, _ = run_here(monkeypatch, capsys, "cache", "clear", "--json")
    assert json.loads(out)["bytes_freed"] > 300_000 and not names_in(kept)
    assert "empty" in run_here(monkeypatch, capsys, "cache", "list")[1]


# The catalogue's models whose weights are not in the wheel


@pytest.fixture
def catalogue(kept, tmp_path, monkeypatch):
    """A wheel that has the digests and the card of conv_ae.mnist alone, and a folder with the rest."""
    for name, content in published(FILES, shipped=False).items():
        for root in ("elsewhere", "wheel"):
            if root == "elsewhere" or name in ("manifest.json", "card.json"):
                path = tmp_path / root / "conv_ae/mnist" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
    monkeypatch.setattr(artifacts, "shipped_root", lambda: tmp_path / "wheel")
    return tmp_path / "elsewhere"


@pytest.mark.parametrize("as_address", [False, True])
def test_weights_that_the_wheel_lacks_come_from_a_configured_place(catalogue, monkeypatch, as_address):
    artifact = artifacts.find("conv_ae.mnist")
    assert artifact.card["name"] == "x" and "conv_ae.mnist" in artifacts.names()
    with pytest.raises(ValueError, match="The weights of conv_ae.mnist are not in the package: set ZOO_SOURCE"):
        artifact.file("model.keras")
    monkeypatch.setenv("ZOO_SOURCE", f"file://{catalogue}" if as_address else str(catalogue))
    assert artifacts.find("conv_ae.mnist").file("model.keras").read_bytes() == WEIGHTS
    (catalogue / "conv_ae/mnist/model.keras").unlink()
    assert artifacts.find("conv_ae.mnist").file("model.keras").read_bytes() == WEIGHTS, "of the cache"


def test_weights_from_a_configured_place_have_the_digests_of_the_wheel(catalogue, monkeypatch):
    monkeypatch.setenv("ZOO_SOURCE", str(catalogue))
    other = published({**FILES, "model.keras": WEIGHTS[::-1]})
    for name, content in other.items():
        (catalogue / "conv_ae/mnist" / name).write_bytes(content)
    with pytest.raises(ValueError, match="model.keras is not the file of its manifest"):
        artifacts.find("conv_ae.mnist").file("model.keras")


def test_one_repository_may_hold_the_whole_catalogue(hub, catalogue, monkeypatch):
    files = published(FILES, shipped=False)
    hub.commit("owner/zoo", {f"conv_ae/mnist/{name}": content for name, content in files.items()})
    monkeypatch.setenv("ZOO_SOURCE", "hf://owner/zoo")
    assert artifacts.find("conv_ae.mnist").file("model.keras").read_bytes() == WEIGHTS


def test_only_what_the_catalogue_marks_is_not_shipped():
    for name in artifacts.names():
        architecture, tag = artifacts.split_name(name)
        marked = not zoo.registry.CATALOG[architecture].recipes[tag].shipped
        assert marked == (artifacts.shipped(name).declared("shipped") is False), name


def test_a_warning_of_the_cache_is_one_line_of_the_command(hub, monkeypatch):
    assert artifacts.find("hf://owner/name").card
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    done = run("info", "hf://owner/name", "--json", bare=True)
    assert done.returncode == 0 and json.loads(done.stdout)["name"] == "x"
    assert re.fullmatch(
        r"Warning: hf://owner/name: ZOO_OFFLINE .*; the cache's copy of [\d-]+ is used\.\n", done.stderr
    )
