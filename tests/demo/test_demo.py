"""The demo: samples, figures, report; with stand-ins for the models in all but the last test."""

import base64
import dataclasses
import hashlib
import html.parser
import io
import json
import os
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from zoo import artifacts
from zoo.demo import measure, photographs, report, samples
from zoo.demo.output import output_folder

ARTEFACTS = [
    {"model": model, "file": file, "bytes": size}
    for model, file, size in [
        ("denoising_ae.fashion_mnist", "model.keras", 3_000_000),
        ("compressor.fashion_mnist_q3", "encoder.tflite", 250_000),
        ("compressor.fashion_mnist_q3", "decoder.tflite", 900_000),
        ("compressor.fashion_mnist_q3", "codec.npz", 9_876),
    ]
]


class EightLevels:
    """Keeps eight grey levels in a deflated file."""

    name = "stand<in>"

    def __init__(self):
        self.compact = []

    def compress(self, array, compact=False):
        self.compact.append(compact)
        return zlib.compress((array // 32).tobytes())

    def decompress(self, data):
        return np.frombuffer(zlib.decompress(data), np.uint8).reshape(-1, 28, 28, 1) * 32


def darken(images):
    return images / 2


def test_the_bundled_data_set_holds_every_sample_once():
    data, everything = samples.data_set(), samples.load()
    np.testing.assert_array_equal(np.concatenate([data.train, data.validation, data.test]), everything.images)
    np.testing.assert_array_equal(np.concatenate([*data.labels.values()]), everything.labels)
    assert all(len(np.unique(labels)) == 10 for labels in data.labels.values())


@pytest.fixture(scope="module")
def results():
    everything = samples.load()
    few = samples.Samples(everything.images[:40], everything.labels[:40])
    steps = []
    codec = EightLevels()
    results = measure.run(few, darken, codec, ARTEFACTS, seed=3, advance=steps.append)
    assert len(steps) == measure.STEPS
    assert codec.compact == [False] + 40 * [True]  # all in a container, then each in a file of its own
    return results


@pytest.fixture(scope="module")
def page(results):
    return report.html(results, {"JPEG, 0.30 bpp": results.samples.images})


class Steps:
    """Keeps levels in steps, finer at a higher quality, in a deflated file."""

    name, qualities = "photo_compressor.photos", (1.0, 4.0, 8.0)

    def compress(self, array, quality=4.0):
        step = int(9 - quality) * 8
        return bytes([step]) + zlib.compress(np.rint(array / step).astype(np.uint8).tobytes())

    def decompress(self, data):
        levels = np.frombuffer(zlib.decompress(data[1:]), np.uint8).astype(int) * data[0]
        return levels.clip(0, 255).astype(np.uint8).reshape(384, 384, 3)


@pytest.fixture(scope="module")
def photos():
    pictures = {name: picture for name, picture in samples.photographs().items() if name in ("dog", "house")}
    told = []
    found = photographs.measure(pictures, Steps(), lambda picture: picture // 2, seed=1, advance=told.append)
    assert len(told) == photographs.steps(pictures)
    return found


def test_photographs_are_few_small_and_credited():
    loaded = samples.photographs()
    assert set(loaded) == {"dog", "house", "reflect", "sumac"}
    assert all(picture.shape == (384, 384, 3) and picture.dtype == np.uint8 for picture in loaded.values())
    folder = samples.resources.files("zoo.demo") / "samples/photographs"
    assert sum(len(path.read_bytes()) for path in folder.iterdir()) <= 1_200_000
    assert "Gianni Rosato" in samples.PHOTOGRAPHS_ATTRIBUTION and "CC0" in samples.PHOTOGRAPHS_ATTRIBUTION


def test_figures_of_photographs_by_hand(photos):
    one = photos.each[0]
    data = Steps().compress(one.original)
    assert one.name == "dog" and one.bits_per_pixel == 8 * len(data) / 384**2
    for picture, stated in ((one.restored, one.psnr), (one.noisy, one.noisy_psnr), (one.noisy // 2, one.denoised_psnr)):
        error = np.mean((picture / 255 - one.original / 255) ** 2)
        assert stated == pytest.approx(-10 * np.log10(error))
    assert one.noisy_psnr == pytest.approx(20 * np.log10(255 / 25), abs=0.6)
    assert list(photos.curves) == list(photos.crops)[1:] == ["photo_compressor", "JPEG", "WebP", "AVIF"]
    for name, (crop, bits, _) in photos.crops.items():
        assert crop.shape == (128, 128, 3) and (bits is None) == (name == "original")
        assert name == "photo_compressor" or bits is None or bits <= photographs.RATE
    for curve in photos.curves.values():
        assert [*curve] == sorted(curve) and len(curve) >= 4


@pytest.mark.slow
def test_photographs_open_the_report(results, photos, tmp_path):
    shown = dataclasses.replace(results, photographs=photos)
    page = report.html(shown, {})
    assert page.index("<h1>Photographs, compressed and cleaned") < page.index("<h1>40 pictures these models")
    assert "Gianni Rosato" in page and "Photographs" not in report.html(results, {})
    names = {path.name for path in report.write(shown, tmp_path)}
    assert names >= {"before_after.png", "photographs.png", "photograph_crop.png", "photographs_rate_distortion.png"}
    figures = json.loads((tmp_path / "results.json").read_text())
    assert [row["name"] for row in figures["photographs"]] == ["dog", "house"]


def test_samples_are_balanced_and_attributed():
    loaded = samples.load()
    assert loaded.images.shape == (256, 28, 28, 1) and loaded.images.dtype == np.uint8
    assert np.bincount(loaded.labels).tolist() == [26] * 6 + [25] * 4
    assert loaded.labels[loaded.first_of_each_class()].tolist() == list(range(10))
    licence = (samples.resources.files("zoo.demo") / "samples/LICENSE.fashion_mnist").read_text()
    for part in ("MIT License", "Zalando SE", "Xiao", "Rasul", "Vollgraf", "1708.07747"):
        assert part in licence


@pytest.mark.skipif("TFDS_DATA_DIR" not in os.environ, reason="needs Fashion-MNIST: TFDS_DATA_DIR")
def test_samples_are_test_images_and_no_training_images():
    from zoo import data

    splits = (
        {hashlib.sha256(image.tobytes()).digest() for image in data.load_images("fashion_mnist", s)}
        for s in ("train", "test")
    )
    train, test = splits
    ours = {hashlib.sha256(image.tobytes()).digest() for image in samples.load().images}
    assert len(ours) == 256 and ours <= test and not ours & train


@pytest.mark.slow
def test_denoising_figures_by_hand(results):
    clean = results.samples.images / 255.0
    for d in results.denoising:
        for images, stated in ((d.noisy, d.noisy_psnr), (d.noisy / 2, d.denoised_psnr)):
            assert stated == pytest.approx(-10 * np.log10(np.mean((images - clean) ** 2)), abs=1e-4)
    masked = next(d for d in results.denoising if d.name == "masking_0.5")
    covered = clean > 0
    assert np.mean(masked.noisy[covered] == 0) == pytest.approx(0.5, abs=0.03)


def test_noise_follows_the_seed(results):
    images = results.samples.images
    again, other = (measure.measure_denoising(images, darken, seed=s)[0].noisy for s in (3, 4))
    np.testing.assert_array_equal(again, results.denoising[0].noisy)
    assert (other != again).any()


def test_codec_counts_every_byte(results):
    images, codec = results.samples.images, EightLevels()
    together, apart = results.comparisons
    assert together.ours.bytes == len(codec.compress(images))
    assert apart.ours.bytes == sum(len(codec.compress(image[None])) for image in images)
    assert together.ours.bits_per_pixel == pytest.approx(8 * together.ours.bytes / images.size)
    np.testing.assert_array_equal(apart.restored, together.restored)
    error = np.mean((together.restored / 255.0 - images / 255.0) ** 2)
    assert together.ours.psnr == apart.ours.psnr == pytest.approx(-10 * np.log10(error))


def test_formats_meet_ours_in_psnr_and_in_rate(results):
    together = results.comparisons[0]
    assert set(together.same_psnr) == set(together.same_rate) == {"JPEG", "WebP", "AVIF"}
    assert set(together.lossless) == {"PNG"}
    jpeg = together.same_psnr["JPEG"]
    assert jpeg.psnr == pytest.approx(together.ours.psnr, abs=1.0)
    assert together.same_rate["JPEG"].bits_per_pixel >= together.ours.bits_per_pixel


def test_json_is_strict_and_holds_the_tables(results):
    figures = json.loads(json.dumps(results.to_json(), allow_nan=False))
    assert figures["images"] == 40 and figures["seed"] == 3
    assert "MIT" in figures["source"]
    assert [row["corruption"] for row in figures["denoising"]] == list(measure.CORRUPTIONS.values())
    # Two layouts, each: ours, three formats twice, PNG.
    assert len(figures["compression"]) == 2 * (1 + 3 + 3 + 1)
    for row in figures["compression"]:
        assert (row["psnr"] is None) == (row["compared_at"] == "lossless")
    assert figures["artefacts"] == ARTEFACTS


class Collect(html.parser.HTMLParser):
    """Tags, what they refer to, and text."""

    def __init__(self):
        super().__init__()
        self.tags, self.references, self.text = [], [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        names = {"src", "srcset", "href", "data", "poster", "action"}
        self.references += [value for name, value in attributes if name in names]

    def handle_data(self, data):
        self.text += data


def test_report_is_self_contained(page):
    parsed = Collect()
    parsed.feed(page)
    assert len(parsed.references) >= 4 * 3 + 3 + 2 + 2
    assert all(reference.startswith("data:image/") for reference in parsed.references)
    assert not {"script", "link", "iframe"} & set(parsed.tags)
    assert "url(" not in page and "@import" not in page
    for reference in parsed.references:
        kind, data = reference.removeprefix("data:image/").split(";base64,")
        data = base64.b64decode(data, validate=True)
        if kind == "png":
            Image.open(io.BytesIO(data)).load()
        else:
            assert kind == "svg+xml" and b"</svg>" in data


def test_report_states_the_figures_and_what_they_leave_out(results, page):
    parsed = Collect()
    parsed.feed(page)
    text = " ".join(parsed.text.split())
    ours = results.comparisons[0].ours
    for figure in (
        f"{ours.bytes:,}",
        f"{ours.bits_per_pixel:.3f}",
        f"{results.denoising[0].noisy_psnr:.2f} → {results.denoising[0].denoised_psnr:.2f} dB",
        "250 kB",  # the encoder
        "(910 kB)",  # decoder and tables
        "All bytes of every file are counted",
        "networks are not part of the file",
        "MIT License",
    ):
        assert figure in text
    assert "stand<in>" in text and "stand<in>" not in page  # escaped
    assert "prefers-color-scheme: dark" in page


def test_pictures_keep_their_pixels():
    images = np.arange(6, dtype=np.uint8).reshape(2, 1, 3) * 40
    uri = report._picture(images, columns=1, scale=2)
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))
    grey, opaque = picture[::2, ::2, 0], picture[::2, ::2, 1]
    np.testing.assert_array_equal(grey[[0, 2]], images[:, 0])
    np.testing.assert_array_equal(opaque, [[255] * 3, [0] * 3, [255] * 3])


def test_writes_report_grids_and_figures(results, tmp_path):
    with output_folder(tmp_path / "a" / "b") as folder:
        paths = report.write(results, folder)
    assert sorted(p.name for p in paths) == sorted(os.listdir(folder))
    assert paths[0].name == "report.html"
    assert json.loads((folder / "results.json").read_text()) == results.to_json()
    pictures = [p for p in paths if p.suffix == ".png"]
    assert len(pictures) == len(measure.CORRUPTIONS) + 4
    for path in pictures:
        assert min(Image.open(path).size) > 100


def test_leaves_nothing_behind_when_the_work_fails(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    for folder in (kept, tmp_path / "new" / "inner"):
        with pytest.raises(RuntimeError), output_folder(folder):
            raise RuntimeError
    assert os.listdir(tmp_path) == ["kept"] and not os.listdir(kept)


def test_unwritable_output_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-c", "from zoo.cli import main; main()", "demo", "-o"]
    for output in (tmp_path / "file", tmp_path / "file" / "inner", "/proc/nowhere"):
        process = subprocess.run([*command, str(output)], capture_output=True, text=True)
        assert process.returncode == 2 and not process.stdout
        lines = process.stderr.splitlines()
        assert len(lines) == 1 and lines[0].startswith(f"zoo: Cannot write to {output}: "), lines
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.slow
def test_zoo_demo(tmp_path):
    """The command as a user runs it, on the shipped models."""
    opened, browser = tmp_path / "opened.txt", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{opened}"\n')
    browser.chmod(0o755)
    command = [sys.executable, "-c", "from zoo.cli import main; main()", "demo", "--json", "--open"]
    environment = {**os.environ, "BROWSER": str(browser)}
    process = subprocess.run([*command, "-o", str(tmp_path)], capture_output=True, text=True, env=environment)
    assert process.returncode == 0, process.stderr[-4000:]
    assert opened.read_text().strip() == (tmp_path / "report.html").resolve().as_uri()
    printed = json.loads(process.stdout)
    assert printed == json.loads((tmp_path / "results.json").read_text())
    assert (tmp_path / "report.html").stat().st_size < 2_000_000
    assert all(row["gain"] > 5 for row in printed["denoising"])
    ours = printed["compression"][0]
    assert ours["format"] == "compressor"
    assert ours["bits_per_pixel"] < 0.4 and ours["psnr"] > 23
    sizes = {(a["model"], a["file"]): a["bytes"] for a in printed["artefacts"]}
    encoder = artifacts.find("compressor").file("encoder.tflite")
    assert sizes["compressor.fashion_mnist_q3", "encoder.tflite"] == encoder.stat().st_size
