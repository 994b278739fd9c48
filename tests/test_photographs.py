"""Photographs: crops that are drawn anew, the recipe that trains on them, and the denoiser of any size."""

import csv
import dataclasses
import json

import keras
import numpy as np
import pytest
import small
from checks import check_layer
from commands import run_here as run
from PIL import Image

import zoo
from zoo import artifacts, data, layers, losses, models, registry, training
from zoo.data import pages, photographs
from zoo.denoising import PhotoDenoising
from zoo.denoising import photographs as denoising
from zoo.training.weights import load_weights

rng = np.random.default_rng(0)
SHIPPED = "photo_denoiser.photos"
CROP = (16, 8, 3)


def picture(path, height=40, width=60, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    small_one = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    Image.fromarray(small_one).resize((width, height), Image.Resampling.BICUBIC).save(path, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photographs in splits, of two sources of 9 and 1, with a manifest."""
    root = tmp_path_factory.mktemp("data") / "photographs"
    rows = []
    for split, source, number in (("train", "many", 9), ("train", "few", 1), ("validation", "few", 4)):
        for i in range(number):
            picture(root / split / source / f"{i}.png", 40 + i)
            rows.append(
                {"file": f"{split}/{source}/{i}.png", "source": source, "author": f"A{i % 3}", "licence": "CC0"}
            )
    with open(root / "manifest.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return root


@pytest.fixture(scope="module")
def crops(folder):
    return data.load_photographs(folder, image_shape=CROP).train


# --- data ---


def test_a_folder_of_splits_with_a_manifest(folder):
    loaded = data.load_photographs(folder, image_shape=CROP)
    assert {source: len(found) for source, found in loaded.train.sources.items()} == {"few": 1, "many": 9}
    assert loaded.test.shape == (2, 384, 384, 3) and loaded.validation.shape == (18, *CROP)  # 9 tiles of each of two
    assert loaded.licence == "CC0" and len(loaded.credits) == 10 and loaded.name == "photographs"
    assert loaded.summary.startswith("10 pictures to train on, crops of 16 × 8") and len(loaded.train) >= 10
    assert loaded.fingerprint == data.load_photographs(folder, image_shape=CROP).fingerprint


def test_a_plain_folder_gives_a_tenth_each_to_validation_and_test(tmp_path):
    for i in range(20):
        picture(tmp_path / "own" / f"{i:02}.png")
    (tmp_path / "own" / "notes.txt").write_text("no picture")
    failed = []
    loaded = data.load_photographs(tmp_path / "own", image_shape=CROP, failed=failed)
    assert len(loaded.train.pictures) == 16 and len(loaded.test) == 2 and loaded.licence == "the user's own"
    assert not failed and not loaded.credits
    (tmp_path / "own" / "broken.png").write_bytes(b"no picture")
    data.load_photographs(tmp_path / "own", image_shape=CROP, failed=failed)
    assert len(failed) == 1 and "broken.png is not a picture" in failed[0]
    with pytest.raises(ValueError, match="broken.png is not a picture"):
        data.load_photographs(tmp_path / "own", image_shape=CROP)


def test_crops_are_pieces_of_the_pictures_drawn_anew_and_repeat_by_their_numbers(crops):
    whole = dataclasses.replace(crops, shrink=(1.0, 1.0))
    (first,), (again,), (later,) = (whole.drawn(range(at, at + 6)) for at in (0, 0, 6))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (6, *CROP) and first.dtype == np.uint8 and (first != later).any()
    every = [whole.pictures[at] for at in range(len(whole.pictures))]
    windows = [np.lib.stride_tricks.sliding_window_view(one, CROP).reshape(-1, *CROP) for one in every]
    for crop in first:
        turned = [crop, crop[::-1, ::-1], crop[:, ::-1], crop[::-1]]
        assert any((part == one).all(axis=(1, 2, 3)).any() for part in windows for one in turned)
    np.testing.assert_array_equal(whole[np.array([2, 3])], first[2:4])
    assert (dataclasses.replace(whole, seed=1).drawn([0])[0] != first[0]).any()


def test_a_source_counts_by_the_root_of_its_pictures(crops):
    few = set(crops.sources["few"])
    drawn = [crops._picture(np.random.default_rng(i)) in few for i in range(2000)]
    assert abs(np.mean(drawn) - 1 / 4) < 0.03  # 1 to 3


def test_pages_are_as_many_as_asked_for(crops):
    with_pages = crops.changed(pages=0.3)
    drawn = [with_pages._picture(np.random.default_rng(i)) in set(with_pages.sources["pages"]) for i in range(1000)]
    assert abs(np.mean(drawn) - 0.3) < 0.05
    assert with_pages.digest() == crops.digest() and crops.changed(pages=0.0).sources == crops.sources
    first, again = pages.draw(2, size=64, seed=3), pages.draw(1, size=64, seed=3)
    np.testing.assert_array_equal(first[:1], again)
    assert first.shape == (2, 64, 64, 3) and first.std() > 10


def test_inputs_that_went_through_jpeg_and_grey_ones(crops):
    inputs, targets = dataclasses.replace(crops, jpeg=1.0).drawn(range(8))
    difference = np.abs(inputs.astype(int) - targets).mean(axis=(1, 2, 3))
    assert (difference > 0).all() and difference.max() < 60
    inputs, targets = dataclasses.replace(crops, jpeg=1.0, grey=1.0).drawn(range(8))
    assert (inputs == inputs[..., :1]).all() and (targets == targets[..., :1]).all()


def test_traces_of_jpeg_are_scaled_away(tmp_path):
    for name, quality in (("fine", 95), ("coarse", 40)):
        for i in range(10):
            picture(tmp_path / name / f"{i}.jpg", quality=quality)
    for name, traced in (("fine", False), ("coarse", True)):
        crops = data.load_photographs(tmp_path / name, image_shape=CROP).train
        assert set(crops.traced) == {traced}
        factors = [
            dataclasses.replace(crops, shrink=(1.5, 2.0))._factor(0, np.random.default_rng(i)) for i in range(50)
        ]
        assert min(factors) == (1.5 if traced else 1.0) and 1.9 < max(factors) <= 2.0


def test_pictures_that_are_too_large_or_too_small_are_scaled(monkeypatch):
    monkeypatch.setattr(photographs, "LARGEST", 1000)
    assert photographs._kept(np.zeros((100, 40, 3), np.uint8), CROP).shape == (50, 20, 3)
    assert photographs._kept(np.zeros((4, 4, 1), np.uint8), CROP).shape == (16, 16, 3)


def test_held_out_pictures_keep_their_resolution_and_are_not_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(photographs, "WHOLE", 24)
    monkeypatch.setattr(photographs, "HELD_OUT", 2)
    for i in range(30):
        picture(tmp_path / f"{i:02}.png")
    loaded = data.load_photographs(tmp_path, image_shape=CROP)
    assert len(loaded.test) == 2 and loaded.validation.shape[0] == 2 * 3 and len(loaded.train.pictures) == 26
    with Image.open(tmp_path / "01.png") as second:  # of every ten
        np.testing.assert_array_equal(loaded.test[0], np.asarray(second)[12:28, 18:42])


def test_batches_are_new_in_every_epoch_and_resume(crops):
    few = dataclasses.replace(crops, number=8, jpeg=0.5)
    batches, steps = data.training_batches(few, 4, epochs=2)
    whole = [[np.asarray(part) for part in batch] for batch in batches]
    assert steps == 2 and len(whole) == 4 and whole[0][0].shape == (4, *CROP) and whole[0][0].max() <= 1
    assert (whole[0][1] != whole[2][1]).any()
    resumed = [[np.asarray(part) for part in b] for b in data.training_batches(few, 4, epochs=2, initial_epoch=1)[0]]
    np.testing.assert_array_equal(np.stack(resumed), np.stack(whole[2:]))
    one, both = (
        [
            np.asarray(batch)
            for batch in data.training_batches(crops.changed(number=8), 4, epochs=1, replicas=2, own=own)[0]
        ]
        for own in ((0, 1), (1,))
    )
    np.testing.assert_array_equal(one[1], both[0])


@pytest.mark.parametrize(
    ("name", "splits", "image"),
    [
        ("clic", {"train": 9, "validation": 3, "test": 3}, "image"),
        ("div2k", {"train": 9, "validation": 4}, "hr"),
        ("tf_flowers", {"train": 20}, "image"),
        ("oxford_iiit_pet", {"train": 20, "test": 3}, "image"),
    ],
)
def test_sets_of_tensorflow_datasets_give_crops(name, splits, image, monkeypatch):
    from pathlib import Path
    from types import SimpleNamespace

    import tensorflow as tf
    import tensorflow_datasets as tfds

    def rows(split):
        for i in range(splits[split]):
            yield {image: np.full((40 + i, 30, 3), 8 * i, np.uint8)}

    signature = {image: tf.TensorSpec((None, None, 3), tf.uint8)}
    builder = SimpleNamespace(
        info=SimpleNamespace(features={image: tfds.features.Image(shape=(None, None, 3))}, splits=splits),
        as_dataset=lambda split: tf.data.Dataset.from_generator(lambda: rows(split), output_signature=signature),
        data_path=Path("/"),
    )
    monkeypatch.setattr(tfds, "builder", lambda _: builder)
    loaded = data.load_photographs(name, image_shape=CROP)
    held_out = splits.get("test", 2), loaded.name
    assert (len(loaded.test), loaded.source) == held_out and loaded.train.drawn([0])[0].shape == (1, *CROP)
    assert set(loaded.train.traced) == {name not in ("clic", "div2k")}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("photos", "photos are not at hand: ZOO_PHOTOS is not set. Set it to their folder, or name other data"),
        ("two", "holds 2 pictures: at least 10 are needed"),
        ("mixed", "has a folder train, and so others must be validation and test: found extra"),
        ("table", "manifest.csv must have a column file: it has a, b"),
    ],
)
def test_data_that_cannot_be_had_is_one_line(source, message, tmp_path, monkeypatch):
    monkeypatch.delenv("ZOO_PHOTOS", raising=False)
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "two" / "1.png")
    picture(tmp_path / "two" / "2.png")
    picture(tmp_path / "mixed" / "train" / "a.png")
    picture(tmp_path / "mixed" / "extra" / "a.png")
    picture(tmp_path / "table" / "a.png")
    (tmp_path / "table" / "manifest.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=message):
        data.load_photographs(source if source == "photos" else tmp_path / source, image_shape=CROP)


@pytest.mark.parametrize(("field", "value"), [("shrink", (0.5, 1)), ("pages", 2), ("grey", -0.1), ("jpeg", 1.5)])
def test_how_crops_are_drawn_is_checked(crops, field, value):
    with pytest.raises(ValueError, match=f"{field} must be"):
        dataclasses.replace(crops, **{field: value})


# --- layer and loss ---


def test_camera_noise_is_off_at_inference():
    x = small.examples("dense_ae", 2)
    np.testing.assert_array_equal(check_layer(lambda: layers.CameraNoise(seed=1), x), x)


def test_camera_noise_has_the_statistics_it_is_named_for():
    x = np.repeat(np.float32([0.2, 0.6])[None, :, None, None], 200, axis=2) * np.ones((2, 2, 200, 50), np.float32)
    x[..., 1] += 0.1  # no grey picture
    white = np.asarray(layers.CameraNoise(gaussian=(0.05, 0.05), shot_frequency=0.0, seed=1)(x, training=True)) - x
    assert abs(white.std() - 0.05) < 1e-3
    shot = layers.CameraNoise(gaussian=(0.0, 0.0), shot=(0.1, 0.1), shot_frequency=1.0, seed=1)
    noisy = np.asarray(shot(x, training=True))
    assert np.abs(255 * noisy - np.rint(255 * noisy)).max() < 1e-3 and 0 <= noisy.min() <= noisy.max() <= 1
    deviations = (noisy - x)[..., 0].std(axis=(0, 2))
    np.testing.assert_allclose(deviations, 0.1 * np.sqrt([0.2, 0.6]), rtol=0.05)
    grey = np.asarray(layers.CameraNoise(seed=1)(np.full((3, 8, 8, 3), 0.5, np.float32), training=True))
    assert (grey == grey[..., :1]).all() and grey.std() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gaussian": (0.2, 0.1)}, "gaussian must be bounds 0 ≤ low ≤ high"),
        ({"shot": (-0.1, 0.1)}, "shot must be bounds 0 ≤ low ≤ high"),
        ({"shot_frequency": 1.1}, "shot_frequency must be between 0 and 1"),
    ],
)
def test_camera_noise_refuses_bounds_that_are_none(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.CameraNoise(**arguments)


def test_log_squared_error_is_minus_the_mean_psnr():
    x = rng.random((3, 4, 5, 1), dtype=np.float32)
    found = (x + np.float32([0.1, 0.01, 0.001])[:, None, None, None]).astype(np.float32)
    loss = losses.LogSquaredError(epsilon=0.0)
    assert -10 / np.log(10) * float(loss(x, found)) == pytest.approx(40, abs=0.02)  # of 20, 40 and 60 dB
    again = losses.LogSquaredError.from_config(loss.get_config())
    assert float(again(x, found)) == float(loss(x, found))
    with pytest.raises(ValueError, match="y_true and y_pred must have one shape"):
        loss(x, found[:, :2])


# --- model ---


def test_the_denoiser_takes_any_size_of_whole_strides_and_starts_as_the_identity():
    model = small.SMALL["photo_denoiser"]()
    x = rng.random((1, 24, 40, 3), dtype=np.float32)
    np.testing.assert_allclose(model(x), x, atol=1e-6)  # its last kernel starts at zero
    assert (np.asarray(model(x, training=True)) != x).any()
    model.compile()
    assert np.isfinite(model.fit(x, x, verbose=0).history["loss"]).all()
    with pytest.raises(ValueError, match=r"sides multiples of 8: received \(1, 20, 40, 3\)"):
        model.encode(x[:, :20])
    with pytest.raises(ValueError, match=r"image_shape must be \(height, width, 3\)"):
        models.PhotoDenoiser(image_shape=(16, 16, 1))
    with pytest.raises(ValueError, match="divisible by 8"):
        models.PhotoDenoiser(image_shape=(16, 20, 3))


def awake(seed=0):
    """A small denoiser whose every weight does something."""
    model = small.SMALL["photo_denoiser"]()
    model.build()
    draw = np.random.default_rng(seed)
    model.set_weights([w if w.dtype.kind != "f" else draw.normal(0, 0.1, w.shape) for w in model.get_weights()])
    return model


def test_a_pixel_depends_on_none_beyond_the_halo():
    model = awake()
    assert model.halo % 8 == 0
    x = rng.random((1, 2 * model.halo + 48, 8, 3), dtype=np.float32)
    other = x.copy()
    other[:, 0] = 1 - other[:, 0]
    changed = np.abs(np.asarray(model(x)) - np.asarray(model(other))).max(axis=(0, 2, 3))
    assert changed[0] > 0 and not changed[model.halo + 1 :].any()


@pytest.mark.parametrize("shape", [(61, 45, 3), (61, 45, 1), (9, 80, 4)])
def test_tiles_make_no_seam(shape):
    run = PhotoDenoising(awake())
    x = rng.random(shape, dtype=np.float32)
    whole, done = run(x), []
    np.testing.assert_allclose(run(x, tile=16, advance=done.append), whole, atol=1e-5)
    assert len(done) == sum(1 for _ in denoising.tiles(*shape[:2], 16)) > 3 and (whole != x).any()
    with pytest.raises(ValueError, match="tile must be a multiple of 8: received 12"):
        run(x, tile=12)
    if shape[2] == 4:
        np.testing.assert_array_equal(whole[..., 3], x[..., 3])


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 17, 1), (8, 8, 2), (2, 5, 9, 3), (7, 6)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_shapes_and_dtypes_are_kept(shape, dtype):
    full = 1 if dtype is np.float32 else np.iinfo(dtype).max
    x = (full * rng.random(shape)).astype(dtype)
    found = zoo.denoise(x, small.SMALL["photo_denoiser"]())  # the identity, when it is new
    assert found.dtype == dtype and found.shape == shape
    np.testing.assert_allclose(found, x, atol=full / 1e5 if dtype is not np.uint8 else 0)


def test_strength_blends():
    model, x = awake(), rng.random((16, 16, 3), dtype=np.float32)
    none, half, all_of_it = (zoo.denoise(x, model, strength=s) for s in (0, 0.5, 1))
    np.testing.assert_allclose(none, x, atol=1e-6)
    inside = (all_of_it > 0) & (all_of_it < 1)
    np.testing.assert_allclose(half[inside], ((x + all_of_it) / 2)[inside], atol=1e-5)
    for wrong in (-0.1, 2.1, np.nan):
        with pytest.raises(ValueError, match="strength must be from 0 to 2"):
            zoo.denoise(x, model, strength=wrong)
    with pytest.raises(ValueError, match="overlap must be left out"):
        zoo.denoise(x, model, overlap=3)


# --- training ---


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    """Two epochs of three steps, whole."""
    return _train(folder, tmp_path_factory.mktemp("trained") / "whole")


def _train(folder, output, **options):
    config = small.SMALL["photo_denoiser"]().get_config()
    overrides = {key: config[key] for key in ("image_shape", "filters", "encoder_blocks", "decoder_blocks")}
    changes = {"epochs": 2, "steps": 3, "batch_size": 4, "dtype_policy": "float32", "pages": 0.0, "jpeg": 0.5}
    return training.train(
        "photo_denoiser", data_source=folder, output=output, overrides=overrides, **{**changes, **options}
    )


def test_the_recipe_trains_validates_with_noise_and_ships_the_average(trained):
    assert len(trained.history["val_mse"]) == 2 and trained.record["validation_mse"] == trained.history["val_mse"][-1]
    assert 1e-3 < trained.history["val_mse"][0] < 0.1  # of noise, as the model starts as the identity
    assert trained.record["recipe"]["steps"] == 3 and len(trained.data.train) == 12
    assert trained.model.dtype_policy.name == "float32"


@pytest.mark.slow
def test_a_resumed_run_ships_what_an_uninterrupted_one_does(folder, trained, tmp_path, monkeypatch):
    finish = training.run.finish
    monkeypatch.setattr(training.run, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        _train(folder, tmp_path / "cut")
    monkeypatch.setattr(training.run, "finish", finish)
    resumed = _train(folder, tmp_path / "cut", resume=True)  # no epoch is left: the average is of the checkpoint
    for a, b in zip(resumed.model.get_weights(), trained.model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0.02, atol=1e-5)


@pytest.mark.slow
def test_a_training_starts_from_given_weights(folder, tmp_path):
    model = awake(3)
    np.savez(tmp_path / "last.npz", **{f"e{i}": np.asarray(v) for i, v in enumerate(model.trainable_variables)}, step=9)
    model.save(tmp_path / "m.keras")
    options = {"epochs": 1, "steps": 1, "learning_rate": 1e-9}
    for source in ("last.npz", "m.keras"):
        found = _train(folder, tmp_path / source[:1], initial_weights=tmp_path / source, **options)
        for a, b in zip(found.model.trainable_variables, model.trainable_variables, strict=True):
            np.testing.assert_allclose(a, b, rtol=0.01, atol=1e-6)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (
            lambda path: np.savez(path, a0=np.zeros((2, 3))),
            r"do not fit: expected \(3, 3, 12, 8\) for .*, found \(2, 3\)",
        ),
        (lambda path: np.savez(path), "do not fit: expected .* arrays, found 0"),
        (lambda path: path.write_bytes(b"nothing"), "is no .npz file of weights"),
        (lambda path: None, "cannot be read"),
    ],
)
def test_weights_that_do_not_fit_are_one_line(write, message, tmp_path):
    model = small.SMALL["photo_denoiser"]()
    model.build()
    write(tmp_path / "w.npz")
    with pytest.raises(ValueError, match=message):
        load_weights(model, tmp_path / "w.npz")


@pytest.mark.slow
def test_the_artefact_of_a_training(trained, tmp_path):
    from zoo import packaging
    from zoo.exporting import litert
    from zoo.packaging import artifact as packaged

    (tmp_path / "mine").mkdir()
    card = packaging.write_artifact(trained, tmp_path / "mine")
    assert card["tile"] == {"size": packaged.TILE, "halo": trained.model.halo} and "code_shape" not in card
    assert not any(name.startswith("CUSTOM") for name in card["litert"]["model_operators"])
    assert card["data"]["credits"] == {"few": {"CC0": 1}, "many": {"CC0": 9}}
    assert "many: CC0\n  A0: 0, 3, 6" in (tmp_path / "mine" / "credits.txt").read_text()
    assert {"sigma_15", "sigma_25", "sigma_50", "pages_sigma_25"} <= set(card["metrics"])
    described = litert.described(artifacts.find(tmp_path / "mine").file("model.tflite").read_bytes())
    assert described["inputs"][0]["shape"] == [1, packaged.TILE, packaged.TILE, 3]
    path = zoo.export(trained.model, tmp_path / "m.tflite")
    assert litert.described(path.read_bytes())["inputs"][0]["shape"] == [1, *trained.model.image_shape]
    x = rng.random((40, 50, 3), dtype=np.float32)
    of_file, of_keras = (zoo.denoise(x, model) for model in (tmp_path / "mine", zoo.load(tmp_path / "mine")))
    np.testing.assert_allclose(of_file, of_keras, atol=2e-3)


# --- what ships ---


@pytest.fixture(scope="module")
def scene():
    """A picture in colour, of the package's own: a page, scaled, beside soft shapes."""
    page = pages.draw(1, size=160, seed=5)[0]
    soft = np.asarray(
        Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((160, 160), Image.Resampling.BICUBIC)
    )
    return np.concatenate([page, soft], axis=1)


@pytest.mark.parametrize(("sigma", "gain"), [(15, 5), (25, 7), (50, 8)])
def test_the_shipped_denoiser_removes_noise_in_colour_and_grey(scene, sigma, gain):
    def psnr(found, clean):
        return -10 * np.log10(np.mean((found / 255.0 - clean / 255.0) ** 2))

    for clean in (scene, np.asarray(Image.fromarray(scene).convert("L"))):
        noisy = np.rint(np.clip(clean + sigma * rng.standard_normal(clean.shape), 0, 255)).astype(np.uint8)
        assert psnr(zoo.denoise(noisy, SHIPPED), clean) > psnr(noisy, clean) + gain


def test_the_shipped_denoiser_leaves_clean_pictures_nearly_alone(scene):
    assert np.sqrt(np.mean((zoo.denoise(scene, SHIPPED).astype(float) - scene) ** 2)) < 4


@pytest.mark.slow
def test_the_shipped_file_agrees_with_keras_in_tiles_too(scene):
    picture = scene[:104, 56:256] / np.float32(255)
    of_keras, of_file = PhotoDenoising(zoo.load(SHIPPED))(picture), PhotoDenoising(SHIPPED)(picture, tile=96)
    np.testing.assert_allclose(of_file, of_keras, atol=2e-3)


def test_photographs_are_denoised_without_tensorflow(tmp_path, run_python, scene):
    Image.fromarray(scene).save(tmp_path / "photo.png")
    code = f"""
import sys
from zoo import extras
for name in extras.EXTRA:
    sys.modules[name] = None
names = [{str(tmp_path / "photo.png")!r}, "-o", {str(tmp_path / "out")!r}]
sys.argv = ["zoo", "denoise", *names, "--noise", "0.1", "--json"]
from zoo.cli import main
main()
"""
    row = json.loads(run_python(code, bare=True))["rows"][0]
    assert row["denoised_psnr"] > row["noisy_psnr"] + 7
    assert Image.open(tmp_path / "out" / "photo.png").size == (320, 160)


def test_the_command_keeps_transparency_depth_and_orientation(tmp_path, monkeypatch, capsys, scene):
    monkeypatch.chdir(tmp_path)
    alpha = np.linspace(0, 255, 48 * 40).reshape(48, 40, 1).astype(np.uint8)
    Image.fromarray(np.concatenate([scene[:48, 140:180], alpha], axis=2)).save("alpha.png")
    Image.fromarray(scene[:24, :40, 0].astype(np.uint16) * 257).save("deep.png")
    turned = Image.fromarray(scene[:24, 140:180])
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save("turned.jpg", exif=exif)
    names = ["alpha.png", "deep.png", "turned.jpg"]
    status, out, _ = run(monkeypatch, capsys, "denoise", *names, "-o", "out", "--strength", 0.5, "--json")
    assert status == 0 and [row["shape"] for row in json.loads(out)["rows"]] == [[48, 40, 4], [24, 40, 1], [40, 24, 3]]
    np.testing.assert_array_equal(np.asarray(Image.open("out/alpha.png"))[..., 3:], alpha)
    assert Image.open("out/deep.png").mode.startswith("I;16") and Image.open("out/turned.png").size == (24, 40)
    for wrong, message in (("3", "strength must be from 0 to 2"), ("nan", "strength must be from 0 to 2")):
        status, _, error = run(monkeypatch, capsys, "denoise", "deep.png", "-o", "two", "--strength", wrong)
        assert status == 2 and message in error and error.count("\n") == 1


def test_pictures_are_denoised_before_they_are_compressed(tmp_path, monkeypatch, capsys, scene):
    monkeypatch.chdir(tmp_path)
    noisy = np.rint(np.clip(scene[:56, 132:188] + 25 * rng.standard_normal((56, 56, 3)), 0, 255)).astype(np.uint8)
    Image.fromarray(noisy).save("noisy.png")
    status, _, error = run(monkeypatch, capsys, "compress", "noisy.png", "--denoise", "--lossless", "-o", "a.zoo")
    assert status == 0, error
    status, _, error = run(monkeypatch, capsys, "decompress", "a.zoo", "-o", "out")
    assert status == 0, error
    (found,) = (tmp_path / "out").iterdir()
    np.testing.assert_array_equal(np.asarray(Image.open(found)), zoo.denoise(noisy))


def test_the_shipped_card_says_what_it_learned_from():
    card = registry.info(SHIPPED)
    assert sum(number for licences in card["data"]["credits"].values() for number in licences.values()) == 758
    assert card["metrics"]["sigma_25"]["denoised_psnr"] > 30
    text = artifacts.find(SHIPPED).file("credits.txt").read_text()
    assert "cid22: CC BY-SA 4.0" in text and "They do not come with it" in text


# --- measured beside classical denoisers ---


@pytest.fixture
def benchmarked(tmp_path, monkeypatch, scene):
    """A folder of two pictures, and the identity as the denoiser."""
    from zoo.experiments import denoising as experiment

    for i, part in enumerate((scene[:40, 120:170], scene[:32, :48, :1])):
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(part[..., 0] if part.shape[2] == 1 else part).save(tmp_path / "in" / f"{i}.png")
    monkeypatch.setattr(experiment, "PhotoDenoising", lambda name, threads: lambda noisy: noisy)
    monkeypatch.setattr(experiment, "PAGE_SIZE", 48)
    return tmp_path


def test_the_benchmark_measures_clipped_and_rounded_noise(benchmarked):
    result = zoo.experiments.benchmark_denoising(
        benchmarked / "out", [benchmarked / "in"], sigmas=(20,), seeds=2, pages=1
    )
    rows = {row["of"]: row for row in result["rows"]}
    assert rows["photographs"]["pictures"] == 2 and rows["pages"]["pictures"] == 1 and len(result["pictures"]) == 6
    for row in rows.values():
        assert row["photo_denoiser"] == row["noisy"] < row["total_variation"]
        assert 20 * np.log10(255 / 20) - 0.3 < row["noisy"] < 20 * np.log10(255 / 20) + 3  # clipping takes some away
    assert json.loads((benchmarked / "out" / "denoising.json").read_text()) == result
    by_hand = np.mean([row["noisy"] for row in result["pictures"] if row["of"] == "photographs"])
    assert rows["photographs"]["noisy"] == pytest.approx(by_hand)


def test_the_command_of_the_benchmark(benchmarked, monkeypatch, capsys):
    monkeypatch.chdir(benchmarked)
    options = ("--sigma", 20, "--sigma", 40, "--pages", 0, "--no-classical")
    status, out, _ = run(monkeypatch, capsys, "benchmark", "denoising", "--data", "in", *options, "--json")
    assert status == 0 and [row["sigma"] for row in json.loads(out)["rows"]] == [20, 40]
    for wrong, message in ((("--sigma", 0), "sigma must be above 0"), (("--seeds", 0), "seeds must be at least 1")):
        status, _, error = run(monkeypatch, capsys, "benchmark", "denoising", "--data", "in", *wrong)
        assert status == 2 and message in error and error.count("\n") == 1


def test_the_shipped_certificate_is_true():
    from zoo.exporting import litert
    from zoo.packaging import certificate, denoiser_certificate

    artifact = artifacts.find(SHIPPED)
    found = json.loads(artifact.file("certificate.json").read_text())
    path = artifact.file("model.tflite")
    assert found["model"] == SHIPPED and found["file"] == path.name and found["sha256"] == artifacts.sha256(path)
    assert found["weights_sha256"] == litert.weights_digest(zoo.load(SHIPPED))
    assert found["checks"] == denoiser_certificate.checks(found) and found["passed"] and len(found["checks"]) == 5
    assert artifact.file("certificate.md").read_text() == certificate.page(found)
    figures = found["quantization"]
    assert figures["noisy_psnr"] + 8 < figures["int8_psnr"] < figures["float16_psnr"] + 0.01


def test_defaults_go_by_size_and_colour():
    from zoo.denoising.images import chosen_model

    assert chosen_model((28, 28, 1)) == "denoising_ae" and chosen_model((28, 28, 3)) == "photo_denoiser"
    assert chosen_model((29, 28, 1)) == "photo_denoiser"


def test_a_model_at_hand_is_told_by_its_row():
    assert not keras.config.dtype_policy().name.startswith("mixed")
    with pytest.raises(ValueError, match="model must be a denoiser of photographs, such as photo_denoiser"):
        PhotoDenoising(small.SMALL["denoising_ae"]())
    with pytest.raises(ValueError, match="model must be a denoiser of photographs, such as photo_denoiser"):
        PhotoDenoising("denoising_ae")
