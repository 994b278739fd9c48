"""The codec beside the image formats: BD-rates in closed form, and the whole on the bundled images."""

import io
import json

import numpy as np
import pytest
from codec import strip_coder
from PIL import Image, ImageFilter

from zoo import data, evaluation, experiments
from zoo.demo import samples
from zoo.evaluation import photographs as module
from zoo.evaluation.image_formats import Measurement
from zoo.experiments import compression

CURVE = [(0.2, 18.0), (0.4, 20.5), (0.7, 22.0), (1.1, 24.5), (2.0, 28.0)]


def test_a_constant_ratio_of_rates_is_the_bd_rate():
    half = [(rate / 2, decibels) for rate, decibels in CURVE]
    assert compression.bd_rate(CURVE, half, 19.6, 24.0) == pytest.approx({"percent": -50, "low": 19.6, "high": 24.0})
    assert compression.bd_rate(half, CURVE, 19.6, 24.0)["percent"] == pytest.approx(100)
    # Of other points of the same line too: log rate is linear in PSNR here.
    lines = [
        [(factor * 2 ** (d / 6), d) for d in decibels] for factor, decibels in ((1, (18, 21, 30)), (0.8, (19, 25)))
    ]
    found = compression.bd_rate(*lines, 10.0, 24.0)
    assert found == pytest.approx({"percent": -20, "low": 19, "high": 24})


def test_only_the_interval_counts():
    other = [(rate if decibels < 24 else 9 * rate, decibels) for rate, decibels in CURVE]
    assert abs(compression.bd_rate(CURVE, other, 18.0, 22.0)["percent"]) < 3
    assert compression.bd_rate(CURVE, [(1.0, 30.0), (2.0, 31.0)], 18.0, 40.0) is None
    assert compression.bd_rate(CURVE, [(1.0, 20.0)], 18.0, 24.0) is None


def measurement(name: str, size: float, decibels: float) -> Measurement:
    return Measurement(name, "files", None, size, 8 * size / 7840, decibels, 0.0)


def test_the_best_format_at_the_same_psnr():
    curves = {
        "A": [measurement("A", 100, 20.0), measurement("A", 400, 24.0)],
        "B": [measurement("B", 500, 20.0), measurement("B", 510, 30.0)],
        "C": [measurement("C", 1, 19.0), measurement("C", 2, 19.5)],  # never reaches ours
    }
    found = compression._beside(measurement("ours", 20, 22.0), curves, 10)
    assert found["best_format"] == "A" and found["bytes"] == 2.0
    assert found["its_bytes"] == pytest.approx(20) and found["saving_percent"] == pytest.approx(-90)
    # Below what a format can do, its lowest rate is what it takes.
    assert compression._beside(measurement("ours", 20, 19.6), curves, 10)["its_bytes"] == pytest.approx(10)
    assert compression._beside(measurement("ours", 20, 28.0), curves, 10)["best_format"] == "B"
    assert compression._beside(measurement("ours", 20, 31.0), curves, 10)["best_format"] is None


@pytest.mark.slow
def test_the_benchmark_of_a_few_images(tmp_path, monkeypatch):
    images = samples.load().images[:24]
    few = data.DataSet("fashion_mnist", "fashion_mnist", images, images, images, "none")
    monkeypatch.setattr(data, "load", lambda *args, **options: few)
    result = experiments.benchmark_codec(tmp_path / "out", images=20)
    assert json.loads((tmp_path / "out" / "codec-fashion_mnist.json").read_text()) == result
    assert (tmp_path / "out" / "codec-fashion_mnist.png").stat().st_size > 10_000
    assert result["images"] == 20
    assert set(result["bd_rate"]) == {"JPEG", "WebP", "AVIF", "AVIF, speed 0", "JPEG XL"}
    # One interval for all: from 19.6 dB, or where a format begins, to 24 or where the codec ends.
    (high,) = {rate["high"] for rate in result["bd_rate"].values()}
    assert 22 < high <= 24 and min(rate["low"] for rate in result["bd_rate"].values()) >= 19.6
    # The slowest search is the strongest opponent, so the codec saves less beside it.
    assert result["bd_rate"]["AVIF"]["percent"] < result["bd_rate"]["AVIF, speed 0"]["percent"] < 0
    points = result["points"]
    assert {p["layout"] for p in points} == {"mosaic", "files"}
    for name in ("JPEG", "WebP", "AVIF", "JPEG XL"):
        curve = [(p["bytes"], p["psnr"]) for p in points if p["format"] == name and p["layout"] == "mosaic"]
        assert len(curve) >= 3 and sorted(curve) == sorted(curve, key=lambda point: point[1])
    for row in result["files"]:
        assert (
            row["model"].startswith("compressor.fashion_mnist_q")
            and row["saving_percent"] < {"q1": -90, "q2": -80, "q3": -65, "q4": -50}[row["model"][-2:]]
        )
    exact = result["lossless"]
    assert exact["JPEG XL lossless"]["files"] < exact["PNG"]["files"]
    assert "hierarchical_vae.fashion_mnist" in exact and exact["lzma"]["mosaic"] < 8
    bits = {p["format"]: 8 * p["bytes"] / (20 * 784) for p in points if p["quality"] is None and p["layout"] == "files"}
    assert bits == {
        p["format"]: pytest.approx(p["bits_per_pixel"])
        for p in points
        if p["format"] in bits and p["layout"] == "files"
    }


def test_data_without_a_codec(tmp_path):
    with pytest.raises(ValueError, match="spoken_digit (has no pictures|is not in .* and could not be downloaded)"):
        experiments.benchmark_codec(tmp_path / "out", "spoken_digit")
    with pytest.raises(ValueError, match="images must be at least 1: received 0"):
        experiments.benchmark_codec(tmp_path / "out", images=0)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def photographs(tmp_path):
    """A folder of two pictures in colour and a grey one, with edges and texture."""
    folder = tmp_path / "photos"
    folder.mkdir()
    x, y = np.meshgrid(np.linspace(0, 6, 72), np.linspace(0, 4, 56))
    for seed in range(2):
        noise = np.random.default_rng(seed).normal(0, 6, (56, 72, 3))
        waves = np.stack([np.sin(x * (seed + 1)) * 90, np.cos(x + y) * 90, np.sign(np.sin(3 * x + y)) * 60], -1)
        Image.fromarray((128 + waves + noise).clip(0, 255).astype(np.uint8)).save(folder / f"{seed}.png")
    Image.fromarray((128 + 100 * np.sin(x * y)).astype(np.uint8)).save(folder / "grey.png")
    return folder


@pytest.mark.slow
def test_photographs_beside_todays_formats(photographs, tmp_path, monkeypatch):
    lossy = strip_coder.write(tmp_path / "lossy", strip_coder.LossyStrips, monkeypatch)
    exact = strip_coder.write(tmp_path / "exact", strip_coder.ExactStrips, monkeypatch)
    out = tmp_path / "out"
    result = experiments.benchmark_codec(
        out, str(photographs), models=[str(lossy), str(exact)], interval=(20, 30), perceptual=True,
        pictures=tmp_path / "crops.png",
    )  # fmt: skip
    assert json.loads((out / "codec-photos.json").read_text()) == result
    assert (out / "codec-photos.png").stat().st_size > 10_000
    assert result["pictures"] == 3 and result["absent"] == [] and result["interval"] == [20, 30]
    formats = {"WebP", "JPEG 2000", "AVIF", "JPEG XL"}
    assert set(result["bd_rate"]) == {"lossy", *formats}
    assert set(result["lossless"]) == {"exact", "PNG", "WebP lossless", "JPEG XL lossless"}
    assert all(row["psnr"] is None for row in result["lossless"].values())
    assert [p["quality"] for p in result["points"] if p["format"] == "lossy"] == list(range(1, 9))
    # By hand: every byte, a file each; the mean of the pictures' PSNR, not the PSNR of their mean error.
    rates, decibels = [], []
    for path in sorted(photographs.iterdir()):
        picture = np.asarray(Image.open(path).convert("RGB"))
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=50, optimize=True, subsampling="4:2:0")
        rates.append(8 * len(file.getvalue()) / (56 * 72))
        restored = np.asarray(Image.open(file), np.float64)
        decibels.append(10 * np.log10(255**2 / np.mean((restored - picture) ** 2)))
    (point,) = [p for p in result["points"] if (p["format"], p["quality"]) == ("JPEG", 50)]
    assert point["bits_per_pixel"] == pytest.approx(np.mean(rates)) and point["psnr"] == pytest.approx(
        np.mean(decibels)
    )
    (avif,) = [row for row in result["times"] if row["format"] == "AVIF"]
    assert avif["encode_to_avif"] == avif["decode_to_avif"] == 1 and avif["encode_seconds"] > 0
    assert len(result["perceptual"]) == 3 * 6
    for row in result["perceptual"]:
        assert 0 < row["ms_ssim"] <= 1 and row["ssimulacra2"] <= 100
        assert row["above"] or row["bits_per_pixel"] <= row["rate"]
    with Image.open(tmp_path / "crops.png") as crops:
        assert crops.width > 7 * 192 and crops.height > 9 * 192


def test_the_highest_quality_within_a_rate():
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    way = module.Way("x", (0.0,), (1.0, 8.0, 0.25), lambda p, q: bytes(int(10 * q)), lambda data: picture, "")
    found, restored = module.at_rate(way, picture, 8 * 42 / 64)
    assert found["quality"] == 4.25 and found["bits_per_pixel"] == 8 * 42 / 64 and restored is not None
    assert module.at_rate(way, picture, 0.1)[0]["quality"] == 1 and module.at_rate(way, picture, 99)[0]["quality"] == 8


def test_structural_measures():
    picture = np.asarray(Image.effect_noise((180, 170), 40).convert("RGB"))
    worse = np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(2)))
    assert evaluation.ms_ssim(picture, picture) == pytest.approx(1) and evaluation.ms_ssim(picture, worse) < 0.9
    assert (
        evaluation.ssimulacra2(picture, picture) == pytest.approx(100) and evaluation.ssimulacra2(picture, worse) < 60
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"interval": (30, 20)}, "interval must rise: received 30 to 20 dB"),
        ({"pictures": "crops.jpg"}, "pictures must be a name in .png: received crops.jpg"),
        ({"models": ["compressor"]}, "interval, perceptual and pictures are of photographs"),
    ],
)
def test_photographs_refused(photographs, tmp_path, monkeypatch, change, message):
    lossy = strip_coder.write(tmp_path / "lossy", strip_coder.LossyStrips, monkeypatch)
    options = {"models": [str(lossy)], "perceptual": True, **change}
    with pytest.raises(ValueError, match=message):
        experiments.benchmark_codec(tmp_path / "out", str(photographs), **options)
    with pytest.raises(ValueError, match="models must all be of whole pictures, or all of tiles: received compressor"):
        experiments.benchmark_codec(tmp_path / "out", str(photographs), models=[str(lossy), "compressor"])
    assert not (tmp_path / "out").exists()
