"""Image formats: bytes and PSNR against Pillow by hand, searches against brute force."""

import io
import math

import numpy as np
import pytest
from PIL import Image

from zoo.demo import samples
from zoo.evaluation.image_formats import FORMATS, RateDistortion, decode, encode, round_trip

IMAGES = samples.load().images[:11]  # a mosaic of 4 × 3 has an empty cell
LOSSY = [name for name, image_format in FORMATS.items() if image_format.qualities]


def test_jpeg_files_against_pillow_by_hand():
    size, squared = 0, 0.0
    for image in IMAGES[..., 0]:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=30, optimize=True)
        size += len(file.getvalue())
        restored = np.asarray(Image.open(file), np.float64)
        squared += ((restored - image) ** 2).sum()
    measured = RateDistortion(IMAGES, "JPEG", "files").measure(30)
    assert measured.bytes == size
    assert measured.bits_per_pixel == pytest.approx(8 * size / (11 * 28 * 28))
    assert measured.psnr == pytest.approx(20 * math.log10(255) - 10 * math.log10(squared / 8624))
    assert (measured.format, measured.layout, measured.quality) == ("JPEG", "files", 30)


@pytest.mark.parametrize("layout", ["mosaic", "files"])
@pytest.mark.parametrize("name", FORMATS)
def test_round_trip_restores_each_image_in_its_place(name, layout):
    qualities = FORMATS[name].qualities
    size, restored = round_trip(IMAGES, name, qualities[-1] if qualities else None, layout=layout)
    assert restored.shape == IMAGES.shape and restored.dtype == np.uint8
    error = np.abs(restored.astype(int) - IMAGES).mean(axis=(1, 2, 3))
    assert error.max() < (3 if qualities else 1e-9)
    assert 0 < size < 2 * IMAGES.size


def test_lossless():
    measured = RateDistortion(IMAGES, "PNG").measure()
    assert measured.psnr == math.inf and measured.quality is None
    with pytest.raises(ValueError, match="PNG is lossless"):
        RateDistortion(IMAGES, "PNG").at_rate(1.0)


@pytest.mark.parametrize("layout", ["mosaic", "files"])
@pytest.mark.parametrize("name", ["PNG", "WebP lossless", "JPEG XL lossless"])
def test_colour_comes_back_without_loss(name, layout):
    images = np.random.default_rng(0).integers(0, 256, (5, 9, 12, 3), np.uint8)
    size, restored = round_trip(images, name, layout=layout)
    np.testing.assert_array_equal(restored, images)
    measured = RateDistortion(images, name, layout).measure()
    assert measured.bytes == size and measured.bits_per_pixel == pytest.approx(8 * size / (5 * 9 * 12))


def test_threads_do_not_change_the_result():
    one, three = (round_trip(IMAGES, "AVIF", 20, layout="files", threads=threads) for threads in (1, 3))
    assert one[0] == three[0]
    np.testing.assert_array_equal(one[1], three[1])


@pytest.mark.parametrize("name", LOSSY)
def test_formats_are_grey_and_one_file(name):
    data = encode(IMAGES[0, ..., 0], name, 50)
    assert decode(data).shape == (28, 28)
    assert Image.open(io.BytesIO(data)).format == name.upper()
    if name == "AVIF":
        assert Image.open(io.BytesIO(data)).mode == "L"  # no bytes spent on colour


@pytest.mark.parametrize("name", ["JPEG", "WebP"])
def test_searches_find_what_brute_force_finds(name):
    every = [RateDistortion(IMAGES, name).measure(q) for q in FORMATS[name].qualities]
    search = RateDistortion(IMAGES, name)

    rate = 1.3
    found = search.at_rate(rate)
    lowest = min(m.bits_per_pixel for m in every if m.bits_per_pixel >= rate)
    assert found.bits_per_pixel >= rate
    assert found.bits_per_pixel == pytest.approx(lowest, rel=0.03)  # not strictly monotone

    decibels = 29.0
    nearest = min(abs(m.psnr - decibels) for m in every)
    assert abs(search.at_psnr(decibels).psnr - decibels) <= nearest + 0.15

    measured = search.measurements
    assert len(measured) < 20, "bisection, not a sweep"
    assert [m.bytes for m in measured] == sorted(m.bytes for m in measured)


def test_targets_out_of_reach_give_the_nearest_end():
    search = RateDistortion(IMAGES, "JPEG")
    assert search.at_rate(1e-6).quality == search.at_psnr(1.0).quality == 1
    assert search.at_rate(100.0).quality == search.at_psnr(100.0).quality == 100


def test_each_quality_is_measured_once():
    search = RateDistortion(IMAGES, "JPEG")
    assert search.measure(10) is search.measure(10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RateDistortion(IMAGES, "GIF"), "format must be one of JPEG, .*received 'GIF'"),
        (lambda: RateDistortion(IMAGES, "JPEG", "pile"), "layout must be one of .*'pile'"),
        (lambda: RateDistortion(IMAGES / 255, "JPEG"), "images must be uint8 .*float64"),
        (lambda: round_trip(IMAGES[..., 0, 0], "JPEG", 50), r"images must be .*\(11, 28\)"),
        (lambda: round_trip(IMAGES, "JPEG", 50, layout="pile"), "layout must be one of"),
        (lambda: encode(IMAGES[0], "JPEG", 50), r"image must be uint8 \(height, width\)"),
        (lambda: encode(IMAGES[0, ..., 0], "JPEG"), "must be 1 to 100: received None"),
        (lambda: encode(IMAGES[0, ..., 0], "PNG", 5), "must be None, as it is lossless"),
    ],
)
def test_says_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
