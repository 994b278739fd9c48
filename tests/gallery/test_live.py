"""The live page: the codec in JavaScript against Python's, its files, and the page in a browser."""

import dataclasses
import io
import json
import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo import registry
from zoo.codec.coders.latents import LatentCoder
from zoo.codec.format.container import read_all
from zoo.gallery.live import tables

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
    from PIL import Image

    Image.fromarray(photograph(20, 30)).save(tmp_path / "Müller.png")
    codec = zoo.Codec(MODEL)
    codec.compress_file(tmp_path / "Müller.png", tmp_path / "named.zoo")
    report = opened(packed_tables, tmp_path)
    assert report["named.zoo"]["names"] == ["Müller"]
    again = codec.decompress((tmp_path / "named.zoo.again").read_bytes())
    np.testing.assert_array_equal(again, codec.decompress((tmp_path / "named.zoo").read_bytes()))
