"""The codec beside the image formats: BD-rates in closed form, and the whole on the bundled images."""

import json

import pytest

from zoo import data, experiments
from zoo.demo import samples
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
