"""The codec of photographs in C: its bytes are the Python codec's, and what a device writes is restored."""

import re
import subprocess

import numpy as np
import pytest

import zoo
from zoo import artifacts
from zoo.codec.coders.base import Strip
from zoo.codec.litert import Network
from zoo.exporting import micro, rewrite

FLAGS = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-O2", "-fsanitize=undefined,address"]
MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include "encoder.h"
#include "tables.h"

/* Quality, rows, columns, capacity in the arguments; pixels and the encoder's output on stdin; the file on stdout. */
int main(int count, char **arguments) {
  unsigned quality = (unsigned)atoi(arguments[1]), rows = (unsigned)atoi(arguments[2]);
  unsigned columns = (unsigned)atoi(arguments[3]);
  size_t positions = (size_t)rows * columns, codes = positions * STEM_tables.channels, length;
  size_t capacity = ZOO_PHOTO_MAX_BYTES(positions, STEM_tables.channels), work_size;
  uint8_t *pixels = malloc(768 * positions), *bytes;
  int8_t *correction = malloc(codes);
  int16_t *work;
  if (count > 4) capacity = (size_t)atoi(arguments[4]);
  work_size = ZOO_PHOTO_WORK(positions, STEM_tables.channels);
  bytes = malloc(capacity + 1);
  work = malloc(work_size);
  if (STEM_encoder_size < 1000 || !pixels || !correction || !bytes || !work) return 1;
  if (fread(pixels, 1, 768 * positions, stdin) != 768 * positions) return 1;
  if (fread(correction, 1, codes, stdin) != codes) return 1;
  length = zoo_photo_compress(
      &STEM_tables, quality, rows, columns, pixels, correction, work, work_size, bytes, capacity);
  fwrite(bytes, 1, length, stdout);
  free(pixels), free(correction), free(bytes), free(work);
  return 0;
}
"""


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """The codec of photographs, its exported folder, and a function (picture, encoder's output, quality) to bytes."""
    folder = zoo.export("photo_compressor", tmp_path_factory.mktemp("photo") / "c", format="micro")
    (folder / "main.c").write_text(MAIN.replace("STEM", "photo_compressor_photos"))
    sources = [str(path) for path in folder.glob("*.c")]
    # Without fusing a product and a sum, the symbols are NumPy's to the last one.
    subprocess.run(["cc", *FLAGS, "-ffp-contract=off", *sources, "-lm", "-o", str(folder / "main")], check=True)

    def compressed(picture, correction, quality, *capacity):
        rows, columns = (side // 16 for side in picture.shape[:2])
        content = np.ascontiguousarray(picture).tobytes() + correction.tobytes()
        command = [str(folder / "main"), *map(str, (quality, rows, columns, *capacity))]
        run = subprocess.run(command, input=content, capture_output=True, check=True)
        assert not run.stderr, run.stderr
        return run.stdout

    return zoo.Codec("photo_compressor"), folder, compressed


def photograph(kind: str, height: int, width: int) -> np.ndarray:
    from zoo.demo import samples

    if kind == "photograph":
        return next(iter(samples.photographs().values()))[40 : 40 + height, 60 : 60 + width]
    if kind == "noise":
        return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture = np.full((height, width, 3), 255, np.uint8)  # far from the grey that nothing is known of
    picture[height // 2 :, width // 2 :] = 0
    return picture


def corrections(codec, picture) -> np.ndarray:
    return codec.coder._encoder().of_any_size((picture.astype(np.int16) - 128).astype(np.int8)[None])[0]


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 80), (16, 16), (128, 128)])
def test_the_c_coder_of_photographs_writes_the_codec_s_bytes(photo, height, width):
    codec, _, compressed = photo
    escapes = 0
    for kind in ("photograph", "noise", "halves"):
        picture = photograph(kind, height, width)
        correction = corrections(codec, picture)
        for quality in (1, 4, 8):
            expected = codec.compress(picture, quality=quality)
            assert compressed(picture, correction, quality) == expected, (kind, quality)
            assert compressed(picture, correction, quality, len(expected) - 1) == b""
            predicted = codec.coder.at(quality)._predicted(Strip(picture))
            escapes += sum(int((np.abs(values - (means + 8 >> 4)) > 64).sum()) for values, means, _ in predicted)
    assert escapes or height == 16, "values beyond the distributions' support are among them"


@pytest.mark.slow
def test_the_c_coder_of_photographs_refuses_what_does_not_fit(photo):
    codec, _, compressed = photo
    picture = photograph("photograph", 64, 64)
    correction = corrections(codec, picture)
    assert compressed(picture, correction, 0) == compressed(picture, correction, 9) == b""


@pytest.mark.slow
def test_a_device_s_photograph_is_restored(photo):
    """By LiteRT Micro's kernels, in the arena that the header states."""
    codec, folder, compressed = photo
    header, tables = ((folder / name).read_text() for name in ("encoder.h", "tables.h"))
    arena = int(re.search(r"ARENA_BYTES (\d+)", header)[1])
    assert arena <= 64 * 1024 and "bytes of read-only memory" in tables
    numbers = re.search(r"\{(.*?)\}", (folder / "encoder.c").read_text(), re.S)[1]
    content = bytes(int(number) for number in numbers.split(",") if number.strip())
    picture = photograph("photograph", 64, 64)
    inputs = (picture.astype(np.int16) - 128).astype(np.int8)
    (correction,) = micro.MicroNetwork(content, arena)(inputs[None])
    ours = corrections(codec, picture)
    assert np.abs(correction[0].astype(int) - ours).max() <= 1, "the kernels round alike but for a step"
    found = codec.decompress(compressed(picture, correction[0], 5))
    expected = codec.decompress(codec.compress(picture, quality=5))
    errors = [np.mean((picture.astype(float) - other) ** 2) for other in (found, expected)]
    assert errors[0] == pytest.approx(errors[1], rel=0.02)


@pytest.mark.slow
def test_a_file_for_another_size_computes_the_same(tmp_path):
    path = artifacts.find("photo_compressor").file("encoder.tflite")
    network, picture = Network(path), photograph("photograph", 32, 48)
    inputs = (picture.astype(np.int16) - 128).astype(np.int8)[None]
    (tmp_path / "resized.tflite").write_bytes(rewrite.for_size(path.read_bytes(), 32, 48))
    resized = Network(tmp_path / "resized.tflite")
    assert tuple(resized.input["shape"]) == (1, 32, 48, 3)
    np.testing.assert_array_equal(resized(inputs)[0], network.of_any_size(inputs))
    with pytest.raises(ValueError, match="size must divide as 128 × 128 does: received 30 × 48"):
        rewrite.for_size(path.read_bytes(), 30, 48)
