"""tabular_ae and the modality of tables: columns of every kind, gaps, and what is said of bad ones."""

import json

import numpy as np
import pytest
import small
from checks import check_model

import zoo
from zoo import data, modalities, models, packaging, tasks, training
from zoo.data import columns
from zoo.data.tables import load_cells

rng = np.random.default_rng(0)
TABLE = small.TABLE
MODALITY = modalities.get("table")


def made():
    model = small.SMALL["tabular_ae"]()
    model.build()
    return model


def written(path, number=60):
    """A CSV file whose columns depend on each other, with gaps."""
    draw = np.random.default_rng(1)
    x = draw.normal(5, 2, number)
    rows = [f"{a:.3f},{'high' if a > 5 else 'low'},{1000 + 200 * a + draw.normal():.1f}" for a in x]
    rows[3], rows[7] = ",low,1200.5", "6.1,,2210"
    path.write_text("\n".join(["dose,group,effect", *rows]) + "\n")
    return path


@pytest.mark.slow
def test_model(tmp_path, run_python):
    check_model(small.SMALL["tabular_ae"], small.examples("tabular_ae", 8)[[0, 4]], tmp_path, run_python)


def test_cells_become_numbers_and_back():
    model = made()
    rows = model.rows(TABLE)
    assert rows.dtype == np.float32 and rows.shape == (8, 3)
    np.testing.assert_array_equal(rows[:3], np.float32([[31, 2, 1.1e6], [np.nan, 0, 0.9e6], [52, np.nan, 1.05e6]]))
    table = columns.from_numbers(rows, model.columns)
    assert table["colour"].tolist() == [text or "" for text in TABLE["colour"]]
    np.testing.assert_array_equal(model.rows(table), rows)
    # Of numbers v and whether they are known, then categories one-hot: by hand.
    features = np.asarray(model.features(rows[:3]))
    v = np.array([[-0.9, 1.0], [0, -1.0], [1.2, 0.5]])
    expected = np.sign(v) * np.log1p(np.abs(v))
    known, chosen = [[1, 1], [0, 1], [1, 1]], [[0, 0, 1], [1, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(features, np.hstack([expected, known, chosen]), atol=1e-6)


class Frame:
    """As much of a DataFrame as there is to it: columns by their names, and their order."""

    def __init__(self, found, index=None):
        self.found, self.columns, self.index = found, list(found), index or ["a", "b"]

    def __getitem__(self, name):
        return np.asarray(self.found[name], object)


@pytest.mark.parametrize("kind", ["mapping", "frame", "structured", "numbers"])
def test_a_table_comes_back_as_it_came(kind):
    model = made()
    frame = {name: TABLE[name] for name in ("size", "colour", "age")}  # in another order
    table = {
        "mapping": lambda: frame,
        "frame": lambda: Frame({"weight": range(8), **frame}),  # and one that the model does not know
        "structured": lambda: columns.as_table(frame),
        "numbers": lambda: model.rows(frame),
    }[kind]()
    filled, restored = model.impute(table), model.reconstruct(table)
    assert type(filled) is type(restored) is type(table)
    before, after = model.rows(table), model.rows(filled)
    np.testing.assert_array_equal(after[~np.isnan(before)], before[~np.isnan(before)])
    if kind == "frame":
        assert filled.columns == table.columns and filled.index == table.index
        np.testing.assert_array_equal(filled["weight"], table["weight"])
    assert not np.isnan(after).any() and not np.isnan(model.rows(restored)).any()
    np.testing.assert_allclose(after[np.isnan(before)], model.rows(restored)[np.isnan(before)], rtol=1e-6)


def test_what_is_missing_has_no_part_in_the_loss():
    model, x = made(), small.examples("tabular_ae", 8)
    model.compile()
    outputs = model.decoder(model.encoder(model.features(x)))
    numbers, (logits,) = (np.asarray(outputs[:, :2]), [np.asarray(outputs[:, 2:])])
    error = (x[:, [0, 2]] - [40, 1e6]) / [10, 1e5] - numbers
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    known = ~np.isnan(x[:, 1])
    surprise = -log_p[known, x[known, 1].astype(int)].sum()
    expected = (0.5 * np.nansum(error**2) + surprise) / len(x)
    assert model.evaluate(x, verbose=0) == pytest.approx(expected, rel=1e-5)
    empty = np.full((2, 3), np.nan, np.float32)
    assert model.evaluate(empty, verbose=0) == 0 and np.isfinite(model.predict(empty, verbose=0)).all()


def test_cells_are_hidden_in_training_alone():
    model, x = made(), small.examples("tabular_ae", 400)
    np.testing.assert_array_equal(model(x), model(x))
    gaps = np.asarray(model._with_gaps(x))
    share = np.isnan(gaps[~np.isnan(x)]).mean()
    assert 0.2 < share < 0.3  # half of hidden_cells, on average
    assert (np.isnan(gaps) >= np.isnan(x)).all()
    whole = models.TabularAE(columns=3, hidden_cells=0.0)
    np.testing.assert_array_equal(whole(x, training=True), whole(x))


def test_batches_with_gaps_train(eagerly):
    import tensorflow as tf

    model, x = made(), small.examples("tabular_ae", 8)
    model.compile()
    assert np.isfinite(model.fit(tf.data.Dataset.from_tensor_slices(x).batch(4), verbose=0).history["loss"]).all()
    assert np.isfinite(model.fit(TABLE, validation_data=(TABLE,), verbose=0).history["val_loss"]).all()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {**TABLE, "colour": ["pink"] * 8},
            "column 'colour' holds the unknown category 'pink': expected 'blue', 'green'",
        ),
        ({"age": [1.0], "size": [2.0]}, "table has no column 'colour': it has age, size"),
        ({**TABLE, "age": ["old"] * 8}, "column 'age' holds 'old', which is no number"),
        ({**TABLE, "age": [1.0, "old"] * 4}, "column 'age' mixes numbers and text"),
        ({**TABLE, "size": [np.inf] * 8}, "column 'size' holds infinity: leave a cell empty"),
        ({**TABLE, "age": np.zeros(8, "M8[D]")}, "column 'age' holds dates: expected numbers"),
        ({"age": [1.0], "colour": ["red", "blue"], "size": [1.0]}, "columns of one length"),
        (np.zeros((2, 4), np.float32), r"x must be numbers \(n, 3\).* received float32 \(2, 4\)"),
        (np.zeros((0, 3), np.float32), r"x must be numbers \(n, 3\), n ≥ 1"),
        (np.float32([[1, 3, 1]]), "column 'colour' must hold indices of its 3 categories, from 0: received 3"),
        ("ages", "table must be a DataFrame, columns by their names, or an array: received str"),
    ],
)
def test_bad_tables_are_said_in_one_line(table, message):
    with pytest.raises(ValueError, match=message) as found:
        made().encode(table)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": 0}, "columns must be one or more"),
        ({"columns": [{"name": "a", "mean": 0.0, "scale": 0.0}]}, "a scale above 0, or with two categories or more"),
        ({"columns": [{"name": "a", "categories": ["b"]}]}, "with two categories or more: received"),
        ({"latent_dim": 0}, "latent_dim and hidden_units must be positive"),
        ({"hidden_cells": 1.0}, "hidden_cells must be from 0 to below 1: received 1.0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.TabularAE(**arguments)


def test_a_file_is_read_by_what_its_columns_hold(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("age;colour;smoker\n31;red;yes\n;blue;no\n52.5;;yes\n")
    table = load_cells(path)
    assert table.dtype.names == ("age", "colour", "smoker") and table["colour"].tolist() == ["red", "blue", ""]
    np.testing.assert_array_equal(table["age"], [31, np.nan, 52.5])
    found = columns.described(table, table)
    assert found[1:] == [
        {"name": "colour", "categories": ["blue", "red"]},
        {"name": "smoker", "categories": ["no", "yes"]},
    ]
    assert found[0] == {"name": "age", "mean": 41.75, "scale": 10.75}
    values = np.array([[1.0, 2.0], [np.nan, 3.0]])
    np.save(tmp_path / "t.npy", values)
    np.savez(tmp_path / "t.npz", values=values, others=values)
    for table in (load_cells(tmp_path / "t.npy"), load_cells(tmp_path / "t.npz", array="values"), load_cells(values)):
        np.testing.assert_array_equal([table["0"], table["1"]], values.T)
    with pytest.raises(ValueError, match="t.npz holds no table: it holds values, others: say which with --array"):
        load_cells(tmp_path / "t.npz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n1,3\n", "column 'a' has the same value in every row to learn from: leave the column out"),
        ("a,b\n1,x\n2,x\n", "column 'b' has the same value in every row"),
        ("a,b\n,1\n,2\n", "column 'a' has no values to learn from"),
        ("a,b\n1,2\n", "must have at least 2 rows to learn from: received 1"),
        ("a,b\n", "holds a heading and no rows"),
        ("a,a\n1,2\n2,3\n", "has two columns 'a'"),
        (",b\nx,2\ny,3\n", "column 0 has no name"),
        ("a,b\n1,2\n3\n", "row 3: 1 values, where the first row has 2"),
        ("a,b\n1,2\n3,4\n5,six\n7,8\n", "column 'b' holds 'six', which is no number, as most of its others are"),
        ("a\n" + "\n".join(f"text{n}" for n in range(300)), "column 'a' has 300 different texts, where a category has"),
        ("a\n" + "\n".join(["x" * 300, "y"]), "column 'a' holds texts of up to 300 characters"),
        (
            "a,b\n" + "\n".join(f"{1e9 + n},{n}" for n in range(9)),
            "numbers about 1e\\+09 that differ by 2.58, which float32",
        ),
        ("", "is empty"),
    ],
)
def test_bad_files_are_said_in_one_line(text, message, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as found:
        table = load_cells(path)
        columns.described(table, table, str(path))
    assert "bad.csv" in str(found.value) and "\n" not in str(found.value)


@pytest.mark.parametrize("source", ["nothing.csv", "tests"])
def test_what_is_no_file_is_said(source):
    with pytest.raises(ValueError, match=f"{source} is no file: expected a table, .*breast_cancer, iris, wine"):
        load_cells(source)


def test_means_and_scales_are_those_of_the_training_split():
    (found, *_), table = MODALITY.arguments("wine", seed=3)["columns"], load_cells("wine")
    data_set = MODALITY.load("wine", None, seed=3)
    assert len(data_set.train) == 144 and len(data_set.validation) == len(data_set.test) == 17
    train = data_set.train["alcohol"]
    assert found == {"name": "alcohol", "mean": train.mean(), "scale": train.std()}
    assert sorted(np.concatenate([data_set.train, data_set.validation, data_set.test])["alcohol"]) == sorted(
        table["alcohol"]
    )
    assert data_set.summary == "178 rows, 13 columns of numbers, 1 of categories"


def test_figures_against_a_reference():
    """Of a model whose decoder gives the means and the second category."""
    model, rows = made(), small.examples("tabular_ae", 400)
    model.set_weights([0 * weight for weight in model.get_weights()])
    model.decoder.layers[-1].bias.assign([0, 0, 0, 1, 0])
    found = MODALITY.measure_reconstruction(model, data.DataSet("t", "t", rows, rows, rows, ""), "test")
    numbers = (rows[:, [0, 2]] - [40, 1e6]) / [10, 1e5]
    assert found["numeric_rmse"] == pytest.approx(np.sqrt(np.nanmean(numbers**2)), rel=1e-5)
    colours = rows[~np.isnan(rows[:, 1]), 1]
    assert found["category_accuracy"] == pytest.approx((colours == 1).mean())
    # Blue is the most frequent colour, and the columns' means are others than the model's.
    assert found["mode_accuracy"] == pytest.approx((colours == 0).mean(), abs=0.1) != found["imputed_accuracy"]
    assert 0 < found["mean_rmse"] < found["imputed_rmse"]
    assert found == MODALITY.measure_reconstruction(model, data.DataSet("t", "t", rows, rows, rows, ""), "test")


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """The folder of a model that is trained on a file."""
    room = tmp_path_factory.mktemp("table")
    path, output = written(room / "mine.csv", 120), room / "mine"
    options = {"epochs": 60, "batch_size": 32, "overrides": {"hidden_units": (16,), "latent_dim": 2}}
    result = training.train("tabular_ae", data_source=str(path), output=output, **options)
    return output, packaging.write_artifact(result, output), path


@pytest.mark.slow
def test_a_file_trains_a_model_that_fills_its_gaps(mine):
    output, card, path = mine
    assert card["data"]["source"] == "./mine.csv" and card["input_shape"] == [3]
    assert card["data"]["summary"] == "120 rows, 2 columns of numbers, 1 of categories"
    metrics = card["metrics"]
    assert metrics["imputed_rmse"] < 0.6 * metrics["mean_rmse"]
    assert metrics["imputed_accuracy"] > metrics["mode_accuracy"]
    assert json.loads(json.dumps(card)) == card
    model = zoo.load(output)
    filled = model.impute(load_cells(path))
    assert filled["group"][7] == "high" and filled["dose"][3] < 4  # 1 by the rule of the table, whose mean is 5
    assert np.load(output / "golden.npz")["reconstruction"].shape == (8, 3)


@pytest.mark.slow
def test_a_table_is_embedded_measured_and_exported(mine, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from zoo.cli.app import app

    output, card, path = mine
    monkeypatch.chdir(path.parent)
    (path.parent / "other.csv").write_text("dose,effect\n1,2\n")
    given = ["embed", str(output), path.name, "other.csv", "-o", str(tmp_path / "z.npy"), "--json"]
    run = CliRunner().invoke(app, [*given, "--plot", str(tmp_path / "map.html")])
    assert run.exit_code == 1 and "other.csv: table has no column 'group'" in run.stderr
    assert (
        "mine.csv[7]" in (tmp_path / "map.html").read_text() and "@picture" not in (tmp_path / "map.html").read_text()
    )
    codes = np.load(tmp_path / "z.npy")
    model = zoo.load(output)
    assert codes.shape == (120, 2)
    np.testing.assert_allclose(codes, zoo.embed(load_cells(path), model), atol=1e-5)
    assert json.loads(run.stdout)["names"][5] == "mine.csv[5]"
    assert packaging.evaluate(output) == pytest.approx(card["metrics"])
    found = zoo.export(output, tmp_path / "encoder.tflite", quantization="int8")
    assert not any(name.startswith("CUSTOM") for name in zoo.exporting.operators(found.read_bytes()))
    with pytest.raises(ValueError, match="quantization of a whole tabular_ae must be none, dynamic or float16"):
        zoo.export(output, tmp_path / "model.tflite", quantization="int8", part="model")


@pytest.mark.slow
def test_the_whole_model_fills_gaps_on_litert(tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    model, rows = made(), small.examples("tabular_ae", 8)
    path = zoo.export(model, tmp_path / "model.tflite", part="model")
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    (given,), (found,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(given["index"], rows[1:2])
    interpreter.invoke()
    np.testing.assert_allclose(interpreter.get_tensor(found["index"]), model(rows[1:2]), rtol=1e-5)


def test_too_few_rows_and_columns_that_say_nothing_are_refused_before_a_model_is_made(tmp_path):
    path = tmp_path / "few.csv"
    for text, message in (
        ("a,b\n" + "1,2\n3,4\n" * 4, "at least 10 rows, for three splits: received 8"),
        ("a,b\n" + "1,2\n1,4\n" * 9, "column 'a' has the same value in every row"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            training.train("tabular_ae", data_source=str(path), output=tmp_path / "out")
        assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_frame_trains_from_python(tmp_path):
    frame = {"a": rng.normal(size=40), "b": rng.choice(["x", "y"], 40)}
    result = training.train("tabular_ae", data_source=frame, output=tmp_path / "out", epochs=1)
    assert result.data.source == "./array" and [c["name"] for c in result.model.columns] == ["a", "b"]
    assert tasks.measure_split(result.model, result.data)["numeric_rmse"] > 0


def test_the_shipped_model_fills_gaps_better_than_means():
    card = zoo.info("tabular_ae")
    assert card["name"] == "tabular_ae.breast_cancer" and card["examples_licence"].startswith("CC BY 4.0")
    metrics = card["metrics"]
    assert metrics["imputed_rmse"] < 0.55 * metrics["mean_rmse"]
    assert metrics["imputed_accuracy"] > 0.9 > metrics["mode_accuracy"]
    folder = zoo.artifacts.find("tabular_ae").path
    assert sum(path.stat().st_size for path in folder.iterdir()) < 200_000
