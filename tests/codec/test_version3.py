"""Containers of version 3: whole pictures in strips, any channels, 16 bits, profiles, qualities; by FORMAT.md."""

import dataclasses
import io
import zlib

import codec_fuzz
import numpy as np
import pytest
from PIL import Image, ImageCms
from reference import parse_whole
from strip_coder import ROWS, ExactStrips, LossyStrips, mean_of_three, write

from zoo.codec import Codec, CodecError
from zoo.codec.format import header as layout
from zoo.codec.format.container import Reader, Writer, read_header
from zoo.codec.format.fields import varint
from zoo.codec.format.header import Header, Section

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def picture(*shape, dtype=np.uint8, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape, dtype)


@pytest.fixture
def exact(tmp_path, monkeypatch) -> Codec:
    return Codec(write(tmp_path / "exact", ExactStrips, monkeypatch))


@pytest.fixture
def lossy(tmp_path, monkeypatch) -> Codec:
    return Codec(write(tmp_path / "lossy", LossyStrips, monkeypatch))


@pytest.mark.parametrize("shape", [(1, 1), (ROWS, 5), (40, 9, 2), (3, 22, 5, 4), (2, 15, 4, 11)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pictures_in_strips_come_back(exact, shape, dtype):
    array = picture(*shape, dtype=dtype)
    data = exact.compress(array)
    restored = exact.decompress(data)
    assert restored.dtype == dtype
    np.testing.assert_array_equal(restored, array)
    found = parse_whole(data)
    pictures, height = (shape[0], shape[1]) if len(shape) == 4 else (1, shape[0])
    assert found["version"] == 3 and found["medium"] == "image" and found["tile"] == (ROWS, 0)
    assert len(found["chunks"]) == pictures * -(-height // ROWS), "a strip is a chunk"
    assert found["sections"][0][4:] == (8 * array.itemsize, 0)


def test_no_seam_lies_between_strips(lossy):
    array = picture(50, 12, 3)
    for quality in (None, 1, 2.5, 8):
        step = 9 - (quality or 4)
        whole = np.floor(mean_of_three(np.floor(mean_of_three(array / 1.0) / step) * step))
        data = lossy.compress(array, quality=quality)
        np.testing.assert_array_equal(lossy.decompress(data), whole)
        assert Reader(io.BytesIO(data), "x").header.quality == 64 * (quality or 4)
    for quality in (0.9, 8.1, float("nan")):
        with pytest.raises(ValueError, match="quality must be from 1.0 to 8.0: received"):
            lossy.compress(array, quality=quality)


def test_a_model_of_one_quality_takes_none(codec):
    with pytest.raises(ValueError, match="quality must be left out: means has but one"):
        codec.compress(picture(28, 28), quality=3)


def test_files_of_strips(lossy, exact, tmp_path):
    """Names, appending at another quality, one picture alone, threads, and PNG with its profile."""
    arrays = [picture(23, 9, 3, seed=1), picture(40, 5, 3, seed=2), picture(6, 6, seed=3)]
    for index, array in enumerate(arrays):
        Image.fromarray(array).save(tmp_path / f"{index}.png", icc_profile=PROFILE if index == 1 else None)
    paths = [tmp_path / f"{index}.png" for index in range(3)]
    lossy.compress_file(paths[:2], tmp_path / "x.zoo", quality=8)
    lossy.compress_file(paths[2], tmp_path / "x.zoo", append=True, quality=1)
    expected = [lossy.decompress(lossy.compress(a, quality=q)) for a, q in zip(arrays, (8, 8, 1), strict=True)]
    for index, restored in enumerate(lossy.pictures(tmp_path / "x.zoo")):
        np.testing.assert_array_equal(np.squeeze(restored), expected[index])
        np.testing.assert_array_equal(lossy.picture(tmp_path / "x.zoo", index), restored)
    exact.compress_file(paths, tmp_path / "y.zoo")
    exact.decompress_file(tmp_path / "y.zoo", tmp_path / "out")
    for index, array in enumerate(arrays):
        with Image.open(tmp_path / "out" / f"{index}.png") as image:
            np.testing.assert_array_equal(np.asarray(image), array)
            assert image.info.get("icc_profile") == (PROFILE if index == 1 else None)
    threaded = Codec(tmp_path / "exact", num_threads=3)
    threaded.compress_file(paths, tmp_path / "z.zoo")
    assert (tmp_path / "z.zoo").read_bytes() == (tmp_path / "y.zoo").read_bytes()


def test_what_png_cannot_hold_goes_into_npy(exact, tmp_path):
    np.save(tmp_path / "a.npy", picture(2, 9, 4, 6, dtype=np.uint16))
    exact.compress_file(tmp_path / "a.npy", tmp_path / "x.zoo")
    with pytest.raises(ValueError, match="Pictures of 6 channels of 16 bits do not go into PNG files: give a name in"):
        exact.decompress_file(tmp_path / "x.zoo", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    exact.decompress_file(tmp_path / "x.zoo", tmp_path / "b.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), np.load(tmp_path / "a.npy"))


@pytest.mark.parametrize("channels", [2, 4, 7])
def test_tiles_of_any_number_of_channels(codec, channels):
    array = picture(2, 30, 40, channels)
    data = codec.compress(array)
    assert data[8] == 3 and parse_whole(data)["tile"] == (28, 28)
    planes = [codec.decompress(codec.compress(array[..., c : c + 1])) for c in range(channels)]
    np.testing.assert_array_equal(codec.decompress(data), np.concatenate(planes, axis=-1))


def test_what_needs_no_version_3_is_of_the_version_it_was(codec):
    assert codec.compress(picture(28, 28))[8] == 1 and codec.compress(picture(30, 30, 3))[8] == 1


def test_every_frame_is_a_picture(codec, tmp_path):
    frames = [Image.fromarray(picture(28, 28, seed=s)) for s in range(3)]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    assert codec.compress_file(tmp_path / "a.tif", tmp_path / "x.zoo").pictures == 3
    assert read_header(tmp_path / "x.zoo").names == ((3, "a"),)


def test_16_bits_are_for_those_that_say_so(codec, exact):
    with pytest.raises(ValueError, match="must be uint8, or float .* received uint16"):
        codec.compress(picture(28, 28, dtype=np.uint16))
    header = Header("means", codec.fingerprint, (28, 28), (Section(1, 28, 28, 1, 16),), medium="image")
    with pytest.raises(CodecError, match="has levels of 16 bits: its model takes 8"):
        codec.decompress(build(header, 1))


def build(header: Header, words: int = 0) -> bytes:
    file = io.BytesIO()
    writer = Writer(file, header)
    for _ in range(header.chunks):
        writer.chunk(np.ones(words, np.uint32))
    writer.close()
    return file.getvalue()


WHOLE = Header(
    "m", bytes(8), (4, 0), (Section(2, 9, 5, 3, 8, b"profile"), Section(1, 3, 2, 6, 16)), names=((2, "a"), (1, "b")),
    tiles_per_chunk=1, probe=layout.Probe("here", bytes(8)), coded=False, medium="image", quality=200,
)  # fmt: skip


def test_the_header_is_read_as_format_md_has_it():
    data = build(WHOLE, 2)
    assert Reader(io.BytesIO(data), "x").header == WHOLE
    found = parse_whole(data)
    assert found["sections"] == [(2, 9, 5, 3, 8, 1), (1, 3, 2, 6, 16, 0)] and found["profiles"] == [b"profile"]
    assert found["quality"] == 200 and found["names"] == [(2, "a"), (1, "b")] and len(found["chunks"]) == 7


def test_tiles_that_hold_all_channels_are_a_flag():
    header = dataclasses.replace(WHOLE, tile=(4, 2, 3), sections=(Section(2, 9, 5, 3), Section(1, 4, 2, 3)), names=())
    data = build(header, 2)
    assert Reader(io.BytesIO(data), "x").header == header and header.tiles == 2 * 3 * 3 + 1
    found = parse_whole(data)
    assert found["tile"] == (4, 2) and found["colour"] and not parse_whole(build(WHOLE, 2))["colour"]
    assert len(found["chunks"]) == header.tiles


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sections": (Section(1, 9, 5, 3, 12),)}, "levels have 12 bits: expected 8 or 16"),
        ({"sections": (Section(1, 9, 5, 1 << 17),)}, "channels is 131072: expected 1 to 65536"),
        ({"sections": (Section(1, 4, 1 << 29, 3),)}, "exceeds 1,073,741,824 samples"),
        ({"sections": (Section(1, 1 << 40, 1, 3),)}, "exceeds 1,073,741,824 samples"),
        ({"quality": 1 << 20}, "quality is 1048576: expected 0 to 65536"),
        ({"medium": "a\nb"}, "the medium is not printable"),
        ({"sections": (Section(1, 9, 5, 3, 8, bytes(1 << 23)),)}, "length of the profile is 8388608: expected 1 to"),
        ({"sections": (Section(1, 9, 5, 3), Section(1, 9, 5, 3))}, "two neighbouring sections have one shape"),
        ({"sections": (Section(1, 9, 5, 3),), "tile": (4, 4), "quality": None}, "nothing in the header needs version"),
        ({"tile": (4, 0, 3)}, "strips have no tiles of all channels"),
        ({"tile": (4, 4, 3)}, "pictures have 6 channels, and tiles all 3 of them"),
        ({"sections": (Section(1, 1 << 15, 1 << 14, 3),), "tile": (4, 4, 3)}, "exceeds 1,073,741,824 samples"),
    ],
)
def test_fields_are_checked_before_anything_is_allocated(change, message):
    header = dataclasses.replace(WHOLE, names=(), **change)
    body = layout.pack(header, version=3)
    data = layout.MAGIC + b"\x03" + varint(len(body)) + body
    data += zlib.crc32(data).to_bytes(4, "little")
    with pytest.raises(CodecError, match=message):
        Reader(io.BytesIO(data + bytes(100)), "x")


def test_every_flipped_bit_and_every_cut_is_refused(exact):
    data = exact.compress(picture(9, 3, 2))
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CodecError):
            exact.decompress(bytes(damaged))
    for end in range(len(data)):
        with pytest.raises(CodecError):
            exact.decompress(data[:end])


def test_mutated_containers(exact, lossy):
    """Each is a ``CodecError`` of one line, or the exact data."""
    rng, restored = np.random.default_rng(1), 0
    arrays = picture(40, 9, 3, dtype=np.uint16), picture(30, 8, 3)
    both = exact.compress(arrays[0]), lossy.compress(arrays[1])
    for codec, data, other in ((exact, *both), (lossy, *both[::-1])):
        good = codec.decompress(data)
        for _ in range(400):
            try:
                found = codec.decompress(codec_fuzz.mutate(data, rng, other), max_bytes=1 << 24)
            except CodecError as error:
                assert len(str(error).splitlines()) == 1
                continue
            np.testing.assert_array_equal(found, good)
            restored += 1
    assert restored < 40  # changes that change nothing


def test_forged_headers(exact):
    """With every CRC as it has to be."""
    rng, data = np.random.default_rng(2), exact.compress(picture(40, 9, 3))
    start = Reader(io.BytesIO(data), "x")._first_chunk
    body = layout.pack(Reader(io.BytesIO(data), "x").header)
    for _ in range(800):
        forged = bytearray(body)
        for _ in range(rng.integers(1, 3)):
            forged[int(rng.integers(14, len(forged)))] = int(rng.integers(256))
        head = layout.MAGIC + b"\x03" + varint(len(forged)) + forged
        try:
            exact.decompress(head + zlib.crc32(head).to_bytes(4, "little") + data[start:], max_bytes=1 << 24)
        except CodecError as error:
            assert len(str(error).splitlines()) == 1


def test_what_does_not_fit_the_model_is_said(exact, lossy, codec):
    header = exact._stream.header([Section(1, 5, 5, 3)], 4)
    for change, message in (
        ({"medium": "audio"}, "holds audio, its model is of image"),
        ({"quality": 64}, "has a quality that its model does not have"),
        ({"tile": (8, 0)}, r"has tiles \(8, 0\): its model's are \(7, 0\)"),
    ):
        with pytest.raises(CodecError, match=message):
            exact.decompress(build(dataclasses.replace(header, coded=False, **change), 20))
    header = lossy._stream.header([Section(1, 5, 5, 3)], 4)
    with pytest.raises(CodecError, match="has chunks that say how they are coded, which its lossy model does not have"):
        lossy.decompress(build(dataclasses.replace(header, coded=True), 20))
    with pytest.raises(CodecError, match="has a quality that its model does not have"):
        lossy.decompress(build(dataclasses.replace(header, quality=9 * 64), 20))


def test_appended_containers_are_compared_with_the_model_too(lossy):
    good = lossy.compress(picture(5, 5, 3))
    header = lossy._stream.header([Section(1, 5, 5, 3)], 4)
    for change, message in (
        ({"quality": 9 * 64}, "a quality"),
        ({"coded": True}, "chunks that say"),
        ({"medium": "text"}, "text"),
    ):
        with pytest.raises(CodecError, match=message):
            lossy.decompress(good + build(dataclasses.replace(header, **change), 20))


def test_sounds_and_texts_have_no_fields_of_pictures():
    for name in ("signal_ae", "summarizer"):
        codec = Codec(name)
        header = codec._stream.header([Section(1, 1, 50, 1, 16)], 2)
        with pytest.raises(CodecError, match="has a section with the bits or the profile of pictures, and holds"):
            codec.decompress(build(header, 2))
