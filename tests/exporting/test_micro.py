"""C for LiteRT Micro: what is exported compiles, and its coder's bytes are the Python codec's."""

import re
import shutil
import subprocess

import numpy as np
import pytest

import zoo
from zoo import artifacts
from zoo.codec.format import compact
from zoo.codec.litert import Network, as_int8
from zoo.exporting import litert, micro

CODEC_NAMES = [
    name
    for name in artifacts.names()
    if artifacts.find(name).has("codec.npz") and not name.startswith("signal_ae.")  # the coder in C knows no levels
]
FLAGS = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-O1", "-fsanitize=undefined"]
MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include "encoder.h"
#include "tables.h"

/* Codes on stdin; on stdout, of each, the number of bytes and the bytes. */
int main(int count, char **arguments) {
  static int8_t code[4096];
  static uint8_t bytes[ZOO_MAX_BYTES(4096)];
  size_t capacity = count > 1 ? (size_t)atoi(arguments[1]) : ZOO_MAX_BYTES(STEM_tables.latent_dim);
  if (STEM_encoder_size < 1000 || STEM_encoder[4] != 'T' || zoo_input(0) != -128 || zoo_input(255) != 127) return 1;
  while (fread(code, 1, STEM_tables.latent_dim, stdin) == STEM_tables.latent_dim) {
    uint16_t length = (uint16_t)zoo_compress(&STEM_tables, code, bytes, capacity);
    fwrite(&length, 2, 1, stdout);
    fwrite(bytes, 1, length, stdout);
  }
  return 0;
}
"""


@pytest.fixture(scope="module", params=CODEC_NAMES)
def exported(request, tmp_path_factory):
    """A codec's artefact, its exported folder, and the program that codes by it."""
    compiler = shutil.which("cc")
    assert compiler, "the C compiler `cc` is needed"
    folder = zoo.export(request.param, tmp_path_factory.mktemp("micro") / "c", format="micro")
    stem = re.sub(r"\W", "_", request.param)
    (folder / "main.c").write_text(MAIN.replace("STEM", stem))
    sources = [str(path) for path in folder.glob("*.c")]
    subprocess.run([compiler, *FLAGS, *sources, "-o", str(folder / "main")], check=True)
    return artifacts.find(request.param), folder


def coded(folder, codes: np.ndarray, *arguments) -> list[bytes]:
    run = subprocess.run([str(folder / "main"), *arguments], input=codes.tobytes(), capture_output=True, check=True)
    assert not run.stderr, run.stderr
    data, found = run.stdout, []
    while data:
        length = int.from_bytes(data[:2], "little")
        found.append(data[2 : 2 + length])
        data = data[2 + length :]
    return found


@pytest.mark.slow
def test_the_c_coder_writes_the_codec_s_bytes(exported):
    artifact, folder = exported
    codec = zoo.Codec(artifact)
    images = np.load(artifact.file("calibration.npz"))["images"].reshape(-1, *codec.tile, 1)
    (codes,) = Network(artifact.file("encoder.tflite"))(as_int8(images))
    codes = codes.reshape(len(images), -1)
    assert coded(folder, codes) == [codec.compress(image, compact=True) for image in images]

    # Codes that no image has: every table, the ends of every alphabet, and beyond.
    rng = np.random.default_rng(0)
    wild = rng.integers(-128, 128, (200, codes.shape[1]), dtype=np.int8)
    wild[:3] = [[-128], [0], [127]]
    mixed = np.where(rng.random(wild.shape) < 0.1, wild, codes[np.arange(200) % len(codes)])
    wild = np.concatenate([wild, mixed])
    symbols = codec.tables.symbols(wild)
    found = coded(folder, wild)
    assert found == [compact.pack(row, codec.tables, codec.fingerprint) for row in symbols]
    assert [compact.unpack(data, codec.tables, codec.fingerprint).tolist() for data in found] == symbols.tolist()


@pytest.mark.slow
def test_the_c_coder_refuses_what_does_not_fit(exported):
    artifact, folder = exported
    images = np.load(artifact.file("calibration.npz"))["images"].reshape(-1, 28, 28, 1)[:40]
    codes = Network(artifact.file("encoder.tflite"))(as_int8(images))[0].reshape(len(images), -1)
    for row, packet in zip(codes, coded(folder, codes), strict=True):
        assert coded(folder, row[None], str(len(packet))) == [packet]
        assert coded(folder, row[None], str(len(packet) - 1)) == [b""]


@pytest.mark.slow
def test_the_exported_network_is_the_shipped_one(exported):
    artifact, folder = exported
    source = (folder / "encoder.c").read_text()
    numbers = re.search(r"\{(.*?)\}", source, re.S)[1]
    content = bytes(int(number) for number in numbers.split(",") if number.strip())
    assert content == artifact.file("encoder.tflite").read_bytes()
    header = (folder / "encoder.h").read_text()
    arena = int(re.search(r"ARENA_BYTES (\d+)", header)[1])
    assert arena == micro.arena_bytes(content) <= 64 * 1024
    assert micro.MicroNetwork(content, arena)
    with pytest.raises(ValueError, match="cannot run"):
        micro.MicroNetwork(content, arena - 4 * micro.ARENA_STEP)
    assert all(operator in header for operator in litert.operators(content))


@pytest.mark.slow
def test_micro_of_a_network_without_codec(tmp_path):
    folder = zoo.export("vae.mnist", tmp_path / "vae", format="micro")
    assert sorted(path.name for path in folder.iterdir()) == ["encoder.c", "encoder.h"]
    decoder = zoo.export("unpool_ae", tmp_path / "decoder", format="micro", part="decoder")
    assert "unpool_ae_fashion_mnist_decoder[]" in (decoder / "decoder.h").read_text()


def test_a_small_file_of_large_images(tmp_path):
    import keras

    x = keras.Input((64, 64, 1))
    y = keras.layers.Conv2D(16, 3, padding="same")(keras.layers.Conv2D(16, 3, padding="same")(x))
    images = np.random.default_rng(0).random((4, 64, 64, 1), np.float32)
    content = litert.convert(keras.Model(x, y), quantization="int8", calibration=images)
    assert 128 * 1024 <= micro.arena_bytes(content) <= 256 * 1024  # two maps of 64 × 64 × 16


@pytest.mark.slow
def test_micro_refuses(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="quantization must be int8"):
        zoo.export("vae", tmp_path / "vae", format="micro", quantization="float16")
    (tmp_path / "there").mkdir()
    with pytest.raises(ValueError, match="exists already"):
        zoo.export("vae", tmp_path / "there", format="micro")
    with pytest.raises(ValueError, match="calibration and batch_size must be left out"):
        zoo.export("compressor", tmp_path / "c", format="micro", calibration=np.zeros((1, 28, 28, 1)))
    monkeypatch.setitem(__import__("sys").modules, "tflite_micro", None)
    with pytest.raises(ValueError, match=r"pip install 'autoencoder-zoo\[micro\]'"):
        zoo.export("vae", tmp_path / "vae", format="micro")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_of_a_codec_of_sounds_the_network_goes_alone(tmp_path):
    folder = zoo.export("signal_ae", tmp_path / "c", format="micro")
    assert {path.name for path in folder.iterdir()} == {"encoder.c", "encoder.h"}
