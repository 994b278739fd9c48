"""Pictures without loss, by a pixel predictor: exact, the same words everywhere, and never a crash of damaged ones."""

import hashlib
import io

import numpy as np
import pixel_model
import pytest
from PIL import Image
from pixel_model import slopes

from zoo import artifacts
from zoo.codec import Codec, CodecError, lattice, pixels
from zoo.codec.coders.base import Strip
from zoo.codec.coders.pixel_coder import ROWS, PixelCoder
from zoo.codec.pixels import PixelTables

rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def arrays():
    return pixel_model.arrays()


@pytest.fixture(scope="module")
def folder(arrays, tmp_path_factory):
    return pixel_model.write(tmp_path_factory.mktemp("models") / "drawn", arrays)


@pytest.fixture(scope="module")
def codec(folder):
    return Codec(folder)


@pytest.fixture(scope="module")
def coder(codec) -> PixelCoder:
    return codec.coder


def restored(coder, picture):
    words = coder.pack(Strip(picture))
    assert words.dtype == np.uint32
    assert coder.least_words(1, picture.size, True) <= len(words) + picture.size
    assert len(words) <= coder.most_words(1, picture.size)
    return coder.unpack(words, 1, np.array(picture.shape))


SHAPES = [(1, 1, 1), (1, 1, 3), (1, 17, 3), (19, 1, 1), (2, 2, 3), (5, 3, 2), (33, 40, 4), (64, 65, 1), (70, 130, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_pixel_comes_back(coder, shape):
    noise = rng.integers(0, 256, shape, np.uint8)
    for picture in (slopes(*shape), noise, np.zeros(shape, np.uint8), np.where(noise > 127, 255, 0).astype(np.uint8)):
        found = restored(coder, picture)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, picture)


@pytest.mark.parametrize("bits", [(0, 16), (4, 16), (0, 12), (0, 8), (3, 9)], ids=str)
def test_16_bits_come_back(coder, bits):
    """Of levels that fill the bits from the lowest to the highest that a camera or a scanner uses."""
    least, most = bits
    picture = (rng.integers(0, 1 << (most - least), (21, 14, 1)) << least).astype(np.uint16)
    found = restored(coder, picture)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, picture)


def test_what_is_not_predicted_takes_as_many_bits_as_it_has(coder):
    smooth = slopes(64, 64, 1).astype(np.uint16)
    words = len(coder.pack(Strip(smooth)))
    low = rng.integers(0, 16, smooth.shape, np.uint16)
    assert len(coder.pack(Strip(smooth << 8))) == words  # bits that no level has
    assert len(coder.pack(Strip((smooth << 4) + low))) == pytest.approx(words + 4 * smooth.size / 32, abs=3)


def test_strips_in_a_container_in_parallel_and_appended(folder, codec, tmp_path):
    picture = slopes(2 * ROWS + 9, 21, 3)
    data = codec.compress(picture)
    np.testing.assert_array_equal(codec.decompress(data), picture)
    threads = Codec(folder, num_threads=3)
    assert threads.compress(picture) == data
    np.testing.assert_array_equal(threads.decompress(data), picture)
    assert len(data) < len(codec.compress(rng.integers(0, 256, picture.shape, np.uint8)))


def test_the_bits_are_those_of_the_distributions(coder):
    """The coder adds next to nothing to the information of the values."""
    picture, bits = slopes(64, 48, 1), 0.0
    for now, take in (planes := pixels.Planes(coder.tables, 64, 48)).passes():
        take(values := picture[..., 0].astype(np.int64)[now.places])
        bits += coder.tables.logistics.bits(values, now.means, now.scales).sum()
    assert len(planes.known) == 1
    assert 32 * len(coder.pack(Strip(picture))) == pytest.approx(bits, rel=0.01, abs=96)


def test_each_pixel_is_of_one_pass_and_its_neighbours_of_earlier_ones():
    class Spy(pixels.Planes):
        order = np.zeros((70, 83), int)

    planes = Spy(PixelTables.of(pixel_model.arrays()), 70, 83)
    seen = 0
    for number, (now, take) in enumerate(planes.passes(), 1):
        assert not planes.order[now.places].any()
        planes.order[now.places] = number
        seen += now.means.size
        take(np.zeros(now.means.shape, np.int64))
    assert seen == planes.order.size and planes.order.min() == 1
    for kind in lattice.KINDS:
        for row, column in kind.offsets:  # about a place of the finest lattice
            place = planes.order[20 + kind.row, 20 + kind.column]
            assert planes.order[20 + kind.row + row, 20 + kind.column + column] < place, (kind.name, row, column)


def test_colours_and_planes():
    levels = rng.integers(0, 256, (9, 7, 3))
    planes = pixels.to_planes(levels)
    np.testing.assert_array_equal(pixels.from_planes(planes), levels)
    assert np.abs(planes).max() <= 255
    grey = np.repeat(levels[..., :1], 3, axis=-1)
    np.testing.assert_array_equal(pixels.to_planes(grey), np.stack([grey[..., 0], 0 * grey[..., 0], 0 * grey[..., 0]]))


def test_the_words_are_the_same_whatever_blas_does(folder, run_python, tmp_path):
    np.save(tmp_path / "x.npy", slopes(90, 110, 3))
    code = f"""
import hashlib, numpy as np
from zoo.codec import Codec
print(hashlib.sha256(Codec({str(folder)!r}).compress(np.load({str(tmp_path / "x.npy")!r}))).hexdigest())
"""
    threads = "import os; os.environ.update(OMP_NUM_THREADS='{0}', OPENBLAS_NUM_THREADS='{0}')\n"
    found = {run_python(threads.format(number) + code).strip() for number in (1, 4)}
    here = hashlib.sha256(Codec(folder).compress(slopes(90, 110, 3))).hexdigest()
    assert found == {here}


def test_the_words_do_not_depend_on_the_blocks(coder, monkeypatch):
    picture = slopes(64, 70, 3)
    words = coder.pack(Strip(picture))
    monkeypatch.setattr(pixels, "BLOCK", 50)
    np.testing.assert_array_equal(coder.pack(Strip(picture)), words)


def test_damaged_words(coder):
    picture = slopes(24, 20, 3)
    words, shape = coder.pack(Strip(picture)), np.array(picture.shape)
    outcomes = []
    for _ in range(60):
        damaged = words[: rng.integers(len(words) + 1)].copy() if rng.random() < 0.3 else words.copy()
        if len(damaged):
            damaged[rng.integers(len(damaged))] ^= np.uint32(1 << rng.integers(32))
        try:
            found = coder.unpack(damaged, 1, shape)
            assert found.shape == picture.shape
            outcomes.append("other pixels")
        except CodecError as error:
            outcomes.append(str(error))
    assert sum("other pixels" in outcome for outcome in outcomes) < 6
    for bad, message in (
        (words[:0], "its first word is that of no strip"),
        (np.append(np.uint32(1 << 9), words[1:]), "its first word is that of no strip"),
        (np.append(np.uint32(4), words[1:]), "its first word is that of no strip"),
        (np.append(words, np.uint32(0)), "its last word is zero"),
        (np.insert(words, 1, 5).astype(np.uint32), "its words (do not end with|stand for)"),
    ):
        with pytest.raises(CodecError, match=message):
            coder.unpack(bad.astype(np.uint32), 1, shape)


def test_what_the_model_does_not_suit_is_stored(codec):
    """A page of flat colours, and noise, take no more than a PNG and its container's few bytes."""
    page = np.full((200, 300, 3), 255, np.uint8)
    page[20:40, 10:200] = page[60:64, 10:280] = (10, 20, 30)
    page[::7, ::5] = (200, 30, 30)
    for picture in (page, rng.integers(0, 256, (60, 70, 3), np.uint8)):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "PNG", optimize=True)
        data = codec.compress(picture)
        assert len(data) <= 1.01 * len(file.getvalue()) + 64
        np.testing.assert_array_equal(codec.decompress(data), picture)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("reciprocals", lambda a: a * 0 + 9000, "reciprocals must be from 1 to 8191"),
        ("index", lambda a: a + 40, "index must be from 0 to 35"),
        ("first", lambda a: a[:, :-1], r"first must be int8 \(27, 44, 6\)"),
        ("second_bias", lambda a: a + 2**25, "2\\^24"),
        ("out_multiplier", lambda a: a.astype(np.int64), "out_multiplier must be int32"),
        ("first_shift", lambda a: a * 0, "first_shift must be from 1 to 16"),
        ("counts", lambda a: a + 1, "its counts do not sum to 2\\^24"),
    ],
)
def test_tables_that_are_wrong_are_refused(arrays, tmp_path, name, change, message):
    folder = pixel_model.write(tmp_path / "bad", arrays | {name: change(arrays[name])})
    with pytest.raises(ValueError, match=f"holds no tables of pixels: .*{message}"):
        PixelCoder(artifacts.find(folder))


def test_files_with_repaired_checksums(folder):
    import codec_fuzz

    codec = Codec(folder)
    fuzz = codec_fuzz.Fuzz(codec, {"one": codec.compress(slopes(40, 30, 3))}, repaired=True)
    draw = np.random.default_rng(3)
    for _ in range(40):
        fuzz.check("one", fuzz.damaged("one", draw))
    assert not fuzz.failures
