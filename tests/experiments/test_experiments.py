"""Comparing models, and searching their hyper-parameters, on a few images."""

import dataclasses
import importlib
import json
import shutil

import numpy as np
import pytest

from zoo import artifacts, data, experiments
from zoo.demo import samples


@pytest.fixture
def few_images(monkeypatch, eagerly):
    """A data set of 256 pictures in place of the download, under the name of the real one."""
    images = samples.load().images
    labels = np.arange(256) % 10
    parts = {"train": slice(0, 160), "validation": slice(160, 200), "test": slice(200, 256)}
    few = data.DataSet(
        "fashion_mnist",
        "fashion_mnist",
        **{split: images[part] for split, part in parts.items()},
        licence="MIT",
        labels={split: labels[part] for split, part in parts.items()},
    )
    monkeypatch.setattr(data, "load", lambda *arguments, **options: dataclasses.replace(few))
    return few


@pytest.mark.slow
def test_tune_writes_a_table_and_a_plot_and_goes_on(few_images, tmp_path):
    rows = experiments.tune("stacked_ae", output=tmp_path, trials=3, epochs=1, seed=1)
    assert json.loads((tmp_path / "trials.json").read_text()) == rows and len(rows) == 3
    assert [row["validation_mse"] for row in rows] == sorted(row["validation_mse"] for row in rows)
    for row in rows:
        assert {"latent_dim", "hidden_units", "pretrained", "parameters"} <= set(row)
        assert all(a >= 2 * b for a, b in zip(row["hidden_units"], row["hidden_units"][1:], strict=False))
    assert (tmp_path / "error_by_code.png").read_bytes().startswith(b"\x89PNG")
    more = experiments.tune("stacked_ae", output=tmp_path, trials=4, epochs=1, seed=1)
    assert len(more) == 4 and all(row in more for row in rows)  # three were done already


def test_tune_repeats_with_its_seed(few_images, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.import_module("zoo.experiments.tune"), "WIDTHS", (16, 32, 48, 64))
    first, second = (
        experiments.tune("dense_ae", output=tmp_path / str(i), trials=2, epochs=1, images=16, seed=0) for i in range(2)
    )
    assert first == second


def test_tune_refuses_the_folder_of_another_search(few_images, tmp_path):
    options = {"output": tmp_path / "out", "trials": 1, "images": 16}
    rows = experiments.tune("dense_ae", epochs=1, **options)
    assert experiments.tune("dense_ae", epochs=1, **options) == rows
    for other, message in (
        ({"epochs": 2}, "search.json is of another run: its epochs is 1, this run's is 2"),
        ({"epochs": 1, "seed": 3}, "its seed is 0, this run's is 3"),
        ({"epochs": 1, "images": 32}, "its images is 16, this run's is 32"),
    ):
        with pytest.raises(ValueError, match=message):
            experiments.tune("dense_ae", **{**options, **other})
    (tmp_path / "out" / "search.json").unlink()
    with pytest.raises(ValueError, match="does not say what it is: give another --output"):
        experiments.tune("dense_ae", epochs=1, **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "no_such_ae"}, "Unknown model"),
        ({"trials": 0}, "trials must be an integer ≥ 1"),
        ({"epochs": 1.5}, "epochs must be an integer ≥ 1"),
        ({"images": 0}, "images must be an integer ≥ 1"),
        ({"name": "sparse_ae"}, "no latent_dim to search"),
    ],
)
def test_tune_refuses(few_images, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        experiments.tune(**{"name": "dense_ae", "output": tmp_path / "out", **arguments})
    assert not (tmp_path / "out").exists()


def test_compare_shipped_models(few_images):
    rows = experiments.compare(["dense_ae", "denoising_ae"])
    assert [row["name"] for row in rows] == ["dense_ae.fashion_mnist", "denoising_ae.fashion_mnist"]
    dense = rows[0]
    assert dense["code"] == 32 and 0.003 < dense["mse"] < 0.012 and 0 <= dense["knn5_accuracy"] <= 1
    assert dense["psnr"] == pytest.approx(-10 * np.log10(dense["mse"]))
    assert dense["encoder_bytes"] > 500_000 and dense["training_seconds"] > 0


@pytest.mark.slow
def test_compare_trains_all_with_one_budget(few_images):
    rows = experiments.compare(["dense_ae", "vae"], epochs=1)
    assert [row["code"] for row in rows] == [32, 40]
    assert all(0 < row["mse"] < 0.3 and row["training_seconds"] > 0 for row in rows)
    table = experiments.markdown(rows)
    assert table.count("\n") == 4 and "`vae.fashion_mnist`" in table and f"{rows[0]['mse']:.5f}" in table


def test_compare_takes_folders_of_own_models(few_images, tmp_path):
    mine = shutil.copytree(artifacts.find("dense_ae.mnist").path, tmp_path / "mine")
    own, shipped = experiments.compare([str(mine), "dense_ae"])
    assert (own["name"], shipped["name"]) == (str(mine), "dense_ae.fashion_mnist")
    assert own["parameters"] == shipped["parameters"] and own["mse"] > shipped["mse"]  # it has seen digits alone
    with pytest.raises(ValueError, match="epochs must be left out with .*mine: only models of the catalogue"):
        experiments.compare([str(mine)], epochs=1)


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (["nothing"], "No model of mnist matches nothing"),
        (["dense_ae", "missing/"], "No model of mnist matches missing/: see zoo list, or name a folder"),
        (["dcgan"], "dcgan must be an autoencoder, whose code is compared: dcgan.mnist"),
        (["dense_ae", "dcgan.mnist"], "dcgan.mnist must be an autoencoder"),
    ],
)
def test_compare_refuses_what_it_cannot_compare(few_images, patterns, message):
    with pytest.raises(ValueError, match=message):
        experiments.compare(patterns, "mnist")
