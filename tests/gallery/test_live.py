"""The live page: the codec in JavaScript against Python's, its files, and the page in a browser."""

import dataclasses
import functools
import hashlib
import http.server
import io
import json
import os
import re
import shutil
import struct
import subprocess
import threading
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo import registry
from zoo.codec.coders.latents import LatentCoder
from zoo.codec.format.container import read_all
from zoo.codec.litert import Network
from zoo.denoising import PhotoDenoising
from zoo.exporting.rewrite import float_edges
from zoo.gallery import live
from zoo.gallery.live import networks, runtime, tables

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed: JavaScript cannot be run")
JAVASCRIPT = resources.files("zoo.gallery.live") / "js"
MODEL = "photo_compressor.photos"
rng = np.random.default_rng(0)


def photograph(height, width, channels=3):
    """Smooth shapes with noise, uint8."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(y / (9 + 4 * c) + c) + np.cos(x / (7 + 5 * c) - c) for c in range(channels)]
    return (127 + 50 * np.stack(waves, -1) + rng.normal(0, 12, (height, width, channels))).clip(0, 255).astype(np.uint8)


CASES = {
    "patch": (photograph(16, 16), 4),
    "odd": (photograph(37, 53), 2.3),
    "pixel": (photograph(1, 1), 1),
    "tiles": (photograph(40, 1100), 7.984375),
    "strips": (photograph(785, 24), 1.5),
    "grey": (photograph(70, 90, 1), 8),
    "alpha": (photograph(33, 48, 4), 5.015625),
    "several": (np.stack([photograph(20, 30) for _ in range(3)]), 3.25),
}


@pytest.fixture(scope="module")
def coder():
    return LatentCoder(registry.artifact_of(MODEL))


@pytest.fixture(scope="module")
def packed_tables(coder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    index, content = tables.packed(coder.tables)
    (folder / "tables.json").write_bytes(index)
    (folder / "tables.bin").write_bytes(content)
    return folder


def compressed(array, quality):
    return zoo.Codec(MODEL).compress(array if array.ndim == 4 else array[None], quality=quality)


def symbols(coder, data):
    """Of all strips, in their order, as Python reads them; bytes of int16."""
    readers, header = read_all(io.BytesIO(data), "file")
    coder, found = coder.at(header.quality / 64), []
    for chunk in readers[0].chunks(lambda first, count: (1 << 30, 0)):
        ((section, inside, _),) = header.parts(chunk.first, 1)
        top = inside % -(-section.height // 768) * 768
        shape = np.array((min(768, section.height - top), section.width, section.channels))
        found += coder.unpack(chunk.content, 1, shape)
    return b"".join(part.astype("<i2").tobytes() for part in found)


def opened(packed_tables, folder):
    """What the page's JavaScript makes of the files in a folder."""
    command = [NODE, str(Path(__file__).with_name("live_codec.mjs")), str(JAVASCRIPT), str(packed_tables), str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


# --- tables ---


def test_the_packed_tables_are_those_of_the_model(coder):
    index, content = tables.packed(coder.tables)
    arrays = coder.tables.arrays()
    index = json.loads(index)
    assert index.keys() == arrays.keys() and len(content) < 2.2e6
    for name, entry in index.items():
        assert entry["offset"] % 8 == 0
        stored = np.frombuffer(content, entry["type"], int(np.prod(entry["shape"])), entry["offset"])
        np.testing.assert_array_equal(stored.reshape(entry["shape"]), arrays[name])


def test_sums_that_javascript_would_round_are_refused(coder):
    first = coder.tables.passes[1]
    large = dataclasses.replace(first.field, multiplier=first.field.multiplier * 0 + 2**31 - 1)
    spoilt = dataclasses.replace(coder.tables, passes=[dataclasses.replace(first, field=large)])
    with pytest.raises(ValueError, match="more than 53 bits, which JavaScript would round"):
        tables.packed(spoilt)
    with pytest.raises(ValueError, match="more than 32 bits"):
        tables.smallest(np.array([1 << 40]))


# --- the codec ---


@needs_node
def test_files_are_python_s_byte_for_byte_and_back(coder, packed_tables, tmp_path):
    for name, (array, quality) in CASES.items():
        (tmp_path / f"{name}.zoo").write_bytes(compressed(array, quality))
    report = opened(packed_tables, tmp_path)
    assert report.keys() == {f"{name}.zoo" for name in CASES}
    for name, (_, quality) in CASES.items():
        file, other = tmp_path / f"{name}.zoo", coder.at(quality)
        assert (tmp_path / f"{name}.zoo.again").read_bytes() == file.read_bytes()
        assert (tmp_path / f"{name}.zoo.symbols").read_bytes() == symbols(coder, file.read_bytes())
        found = report[file.name]
        np.testing.assert_array_equal(np.float32(found["steps"]), other._step)
        np.testing.assert_array_equal(np.float32(found["restored"]), other._restored_step)
    assert report["several.zoo"]["names"] == ["picture_0", "picture_1", "picture_2"]


@needs_node
def test_symbols_of_any_magnitude_are_coded(coder, packed_tables, tmp_path, monkeypatch):
    wild = (rng.standard_t(1, (5, 7, 192)) * 20).clip(-5000, 5000)  # beyond the distributions, and beyond the most
    monkeypatch.setattr(LatentCoder, "latents", lambda self, *_: wild.astype(np.float32))
    data = compressed(photograph(80, 112), 3)
    (tmp_path / "wild.zoo").write_bytes(data)
    opened(packed_tables, tmp_path)
    assert (tmp_path / "wild.zoo.again").read_bytes() == data
    written = np.frombuffer((tmp_path / "wild.zoo.symbols").read_bytes(), "<i2").reshape(wild.shape)
    np.testing.assert_array_equal(written, np.rint(wild.astype(np.float32)).clip(-4095, 4095))


@needs_node
def test_faults_are_said_as_python_says_them(packed_tables, tmp_path):
    sound = compressed(photograph(48, 64), 4)
    faults = {
        "empty": (b"", "empty.zoo is empty"),
        "text": (b"no container", "text.zoo is not a .zoo file: its first 8 bytes differ"),
        "short": (sound[:-9], "byte .*: chunk 1 of 1 .* are left: truncated or corrupt"),
        "header": (sound[:20] + bytes([sound[20] ^ 1]) + sound[21:], "the header's CRC-32 does not match"),
        "chunk": (sound[:-20] + bytes([sound[-20] ^ 64]) + sound[-19:], "chunk 1 of 1 at byte .* its CRC-32 does not"),
        "after": (sound + b"x", "bytes follow the last chunk"),
        "version": (sound[:8] + b"\x07" + sound[9:], "it has version 7, this page reads version 3"),
        "other": (zoo.Codec("compressor").compress(photograph(28, 28, 1)), "version 1, .*use `zoo decompress`"),
    }
    for name, (data, _) in faults.items():
        (tmp_path / f"{name}.zoo").write_bytes(data)
    report = opened(packed_tables, tmp_path)
    for name, (_, message) in faults.items():
        assert re.search(message, report[f"{name}.zoo"]["error"]), report


@needs_node
def test_names_and_appended_files(packed_tables, tmp_path):
    Image.fromarray(photograph(20, 30)).save(tmp_path / "Müller.png")
    codec = zoo.Codec(MODEL)
    codec.compress_file(tmp_path / "Müller.png", tmp_path / "named.zoo")
    report = opened(packed_tables, tmp_path)
    assert report["named.zoo"]["names"] == ["Müller"]
    again = codec.decompress((tmp_path / "named.zoo.again").read_bytes())
    np.testing.assert_array_equal(again, codec.decompress((tmp_path / "named.zoo").read_bytes()))


# --- the files of the page ---


def moved(content, about, height, width):
    """The network for an input of other sides, as the page's JavaScript changes its file."""
    content = bytearray(content)
    _, own_height, own_width, _ = about["inputs"][0]
    for place in about["heights"]:
        h, w = struct.unpack_from("<ii", content, place)
        struct.pack_into("<ii", content, place, h * height // own_height, w * width // own_width)
    return bytes(content)


def test_an_int8_network_gets_float_edges_and_any_size(tmp_path):
    path = registry.artifact_of(MODEL).file("encoder.tflite")
    content = float_edges(path.read_bytes())
    about = networks.described(MODEL, content)
    assert about["inputs"] == [[1, 128, 128, 3]] and about["outputs"] == [[1, 8, 8, 192]]
    (tmp_path / "moved.tflite").write_bytes(moved(content, about, 48, 80))
    network, shipped = Network(tmp_path / "moved.tflite"), Network(path)
    assert network.input["dtype"] is np.float32 and network.output["dtype"] is np.float32
    levels = rng.integers(0, 256, (1, 48, 80, 3), np.uint8)
    wanted, (scale, zero) = shipped.of_any_size((levels ^ 0x80).view(np.int8)), shipped.output["quantization"]
    (found,) = network(np.float32(levels) / np.float32(255))
    np.testing.assert_array_equal(np.rint(found / np.float32(scale)) + zero, wanted)
    assert float_edges(content) == content  # there is nothing left to change


def test_the_runtime_is_the_one_that_is_expected_or_none(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"must hold litertjs-core-\d.*: `npm pack @litertjs/core@"):
        runtime.runtime_files(tmp_path)
    (tmp_path / f"litertjs-core-{runtime.VERSION}.tgz").write_bytes(b"another")
    with pytest.raises(ValueError, match="its SHA-512 digest differs"):
        runtime.runtime_files(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match="needs npm, which fetches @litertjs/core; or give the folder"):
        runtime.runtime_files()


def test_the_page_refers_to_what_is_there(tmp_path, monkeypatch):
    names = [f"{name}.{end}" for name in runtime.VARIANTS for end in ("js", "wasm.gz")]
    monkeypatch.setattr(runtime, "runtime_files", lambda packages: dict.fromkeys([*names, "LICENSE.txt"], b"0"))
    content = float_edges(registry.artifact_of(MODEL).file("encoder.tflite").read_bytes())
    shipped = (*networks.SHIPPED, *networks.EXPORTED)
    about = {"encoder": networks.described(MODEL, content)}
    made = {f"{name}.tflite": content for name in shipped}, about
    monkeypatch.setattr(networks, "network_files", lambda: made)
    paths = zoo.gallery.write_gallery(tmp_path / "site", ["vae.mnist"], live=True)
    files = {path.relative_to(tmp_path / "site").as_posix() for path in paths}
    assert 'href="live/index.html"' in (tmp_path / "site" / "index.html").read_text()
    folder = tmp_path / "site" / "live"
    page = (folder / "index.html").read_text()
    for reference in re.findall(r'(?:href|src)="(?!data:)([^"]+)"', page):
        assert (folder / reference).resolve().is_relative_to(tmp_path) and (folder / reference).exists(), reference
    scripts = {path.name: path.read_text() for path in (folder / "js").glob("*.js")}
    for text in scripts.values():
        assert "http" not in text  # nothing from a network
        for name in re.findall(r'from "\./(\w+\.js)"', text):
            assert name in scripts
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for name in re.findall(r'element\("([\w-]+)"\)', "".join(scripts.values())):
        assert name in ids, name
    assert sum(len(text) for text in scripts.values()) < 100_000
    about = json.loads((folder / "models" / "models.json").read_text())
    digest = hashlib.sha256(registry.artifact_of(MODEL).file("latents.npz").read_bytes()).hexdigest()
    assert about["photographs"]["fingerprint"] == digest[:16]
    assert {f"live/models/{name}.tflite.gz" for name in shipped} <= files


def test_the_licence_is_whole():
    shipped = (resources.files("zoo.gallery.live") / "apache-2.0.txt").read_text()
    assert "TERMS AND CONDITIONS FOR USE" in shipped and "9. Accepting Warranty" in shipped


# --- the page in a browser ---


class _Server(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, keeps what is posted, and counts what is fetched."""

    def do_POST(self):
        name = self.path.removeprefix("/posted/")
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.posted[name] = body
        if name == "opened":
            self.server.first = sum(self.server.sent.values())
        if name == "done" or name == "error":
            self.server.done.set()
        self.send_response(204)
        self.end_headers()

    def copyfile(self, source, outputfile):
        data = source.read()
        self.server.sent[self.path] = len(data)
        outputfile.write(data)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The page as Chromium runs it: what it posted, the folder that it saw, and the bytes of its first load."""
    folder = tmp_path_factory.mktemp("live")
    site, profile = folder / "site", folder / "profile"
    for name, content in live.live_files(os.environ.get("ZOO_LITERT") and Path(os.environ["ZOO_LITERT"])).items():
        path = site / name.removeprefix("live/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    page = (site / "index.html").read_text().replace("../style.css", "live.css").replace("../index.html", "index.html")
    script = Path(__file__).with_name("live_page.js").read_text()
    (site / "index.html").write_text(page.replace("</body>", f"<script>{script}</script></body>"))
    pictures = {"photo": photograph(512, 768), "tall": photograph(1600, 40), "odd": photograph(37, 53)}
    for name, array in pictures.items():
        Image.fromarray(array).save(site / f"{name}.png")
    pictures["grey"] = photograph(70, 90, 1)
    grey = compressed(pictures["grey"], 5.5)
    (site / "grey.zoo").write_bytes(grey)
    (site / "damaged.zoo").write_bytes(grey[:-9] + bytes([grey[-9] ^ 1]) + grey[-8:])
    for name in ("text.png", "text.zoo"):
        (site / name).write_text("neither a picture nor a container")
    Image.new("1", (5000, 5000)).save(site / "huge.png")
    handler = functools.partial(_Server, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.posted, server.sent, server.done, server.first = {}, {}, threading.Event(), None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        command += [f"--user-data-dir={profile}", f"http://127.0.0.1:{server.server_port}/index.html"]
        with open(folder / "log", "w") as log, subprocess.Popen(command, stdout=log, stderr=log) as browser:
            finished = server.done.wait(900)
            browser.terminate()
        server.shutdown()
        posted = server.posted
        assert finished and "error" not in posted, (
            posted.get("error"),
            sorted(posted),
            (folder / "log").read_text()[-2000:],
        )
    return posted, pictures, server.first


needs_browser = pytest.mark.skipif(
    BROWSER is None or (shutil.which("npm") is None and "ZOO_LITERT" not in os.environ),
    reason="no Chromium or Chrome is installed, or no npm, which fetches LiteRT.js",
)


def rgba(posted, name, picture):
    return np.frombuffer(posted[f"{name}.rgba"], np.uint8).reshape(*picture.shape[:2], 4)


@pytest.mark.slow
@needs_browser
def test_the_page_compresses_as_python_does(shown, tmp_path):
    posted, pictures, first = shown
    assert first < 4e6
    assert posted["unnamed.zoo"] == compressed(pictures["photo"], 2.75)
    for name in ("photo", "tall"):
        data, codec = posted[f"{name}.zoo"], zoo.Codec(MODEL)
        Image.fromarray(pictures[name]).save(tmp_path / f"{name}.png")
        codec.compress_file(tmp_path / f"{name}.png", tmp_path / f"{name}.zoo", quality=4)
        own = (tmp_path / f"{name}.zoo").read_bytes()
        assert read_all(io.BytesIO(data), "page")[1] == read_all(io.BytesIO(own), "own")[1]
        coder = LatentCoder(registry.artifact_of(MODEL))
        assert symbols(coder, data) == symbols(coder, own)
        far = np.abs(codec.decompress(data)[0].astype(int) - rgba(posted, name, pictures[name])[..., :3])
        assert far.max() <= 1 and far.mean() < 1e-3
        rows = posted[f"{name}.rows"].decode()
        assert all(word in rows for word in (".zoo", "JPEG", "WebP", "dB"))


@pytest.mark.slow
@needs_browser
def test_the_page_restores_denoises_and_draws_as_python_does(shown):
    posted, pictures, _ = shown
    restored = zoo.Codec(MODEL).decompress(compressed(pictures["grey"], 5.5))[0]
    assert np.abs(restored.astype(int) - rgba(posted, "grey", pictures["grey"])[..., :1]).max() <= 1
    clean = PhotoDenoising(networks.DENOISER)(pictures["odd"])
    assert np.abs(clean.astype(int) - rgba(posted, "odd", pictures["odd"])[..., :3]).max() <= 1
    model, code = zoo.load(networks.DIGITS), np.arange(10, dtype=np.float32)[None] / 5 - 1
    digit = np.frombuffer(posted["digit.f32"], np.float32)
    np.testing.assert_allclose(digit, np.asarray(model.decode(code)).ravel(), atol=2e-3)  # of weights in float16
    ramp = np.broadcast_to(np.arange(28, dtype=np.float32)[:, None] / 28, (1, 28, 28, 1))
    numbers = np.frombuffer(posted["code.f32"], np.float32)
    np.testing.assert_allclose(numbers, np.asarray(model.encode(ramp)).ravel(), atol=2e-2)
    generated = np.frombuffer(posted["generated.f32"], np.float32)
    assert generated.shape == (784,) and 0 <= generated.min() and generated.max() <= 1 and generated.std() > 0.05


@pytest.mark.slow
@needs_browser
def test_the_page_says_what_is_wrong(shown):
    said = {name.removesuffix(".said"): text.decode() for name, text in shown[0].items() if name.endswith(".said")}
    assert said["text.png"].startswith("text.png is no picture that this browser can open")
    assert "CRC-32 does not match" in said["damaged.zoo"]
    assert said["text.zoo"].startswith("text.zoo is not a .zoo file")
    assert said["huge.png"].startswith("huge.png has 25 megapixels: this page takes up to 24")
    assert said["camera"].startswith("No camera: ")
    assert "WebGPU" in said["gpu"]
