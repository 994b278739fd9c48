"""Comparing models, and searching their hyper-parameters, on a few images."""

import dataclasses
import json

import numpy as np
import pytest

from zoo import data, experiments
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


def test_tune_repeats_with_its_seed(few_images, tmp_path):
    first, second = (
        experiments.tune("dense_ae", output=tmp_path / str(i), trials=2, epochs=1, images=64, seed=5) for i in range(2)
    )
    drawn = [sorted((row["latent_dim"], row["hidden_units"]) for row in rows) for rows in (first, second)]
    assert drawn[0] == drawn[1]


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


def test_compare_refuses_what_matches_nothing(few_images):
    with pytest.raises(ValueError, match="No model of mnist matches nothing"):
        experiments.compare(["nothing"], "mnist")
