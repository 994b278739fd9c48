"""``zoo select`` and the tables it reads; what a choice of features is measured by, and what it is compared with."""

import json

import feature_selection
import numpy as np
import pytest
from PIL import Image

from zoo import evaluation
from zoo.cli import main
from zoo.data import load_columns, load_table


def run(monkeypatch, *arguments) -> int:
    monkeypatch.setattr("sys.argv", ["zoo", "select", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code or 0


def write(path, text, encoding="utf-8"):
    path.write_text(text, encoding=encoding)
    return path


def sources(n=120):
    """Nine columns: three independent ones, ``a``, ``b`` and ``c``, each followed by two noisy copies."""
    rng = np.random.default_rng(0)
    free = rng.random((n, 3))
    columns = [x for source in free.T for x in (source, *(0.3 * (source + rng.normal(0, 0.5, (2, n)))))]
    return np.stack(columns, axis=1), [f"{name}{copy}" for name in "abc" for copy in ("", "1", "2")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_with_a_heading(tmp_path, delimiter):
    rows = [["kind", "height", "width"], ["cat", "1.5", "-2e3"], ["dog", " 7 ", "0"]]
    text = "\n".join(delimiter.join(row) for row in rows) + "\n\n"
    path = write(tmp_path / "pets.csv", text, encoding="utf-8-sig")
    values, names, labels = load_table(path, label="kind")
    np.testing.assert_array_equal(values, [[1.5, -2000.0], [7.0, 0.0]])
    assert values.dtype == np.float64 and names == ["height", "width"] and list(labels) == ["cat", "dog"]


def test_tables_without_a_heading_and_arrays(tmp_path):
    values, names, labels = load_table(write(tmp_path / "plain.csv", "1,2\n3,4\n"))
    np.testing.assert_array_equal(values, [[1, 2], [3, 4]])
    assert names == ["0", "1"] and labels is None
    images = np.random.default_rng(0).integers(0, 256, (5, 2, 3, 1), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    values, names, labels = load_table(tmp_path / "images.npy")
    np.testing.assert_array_equal(values, images.reshape(5, 6))
    assert names == ["0,0", "0,1", "0,2", "1,0", "1,1", "1,2"] and labels is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.csv is empty"),
        ("a,b\n1,2\n", "2 or more rows of numbers: received (1, 2)"),
        ("a,b\n1,2\n3\n", "row 3: 1 values, where the first row has 2"),
        ("a,b\n1,2\n3,red\n", "row 3: column 'b' holds 'red', which is no number"),
        ("a,b\n1,2\n\n3,\n5,nan\n", "row 4: column 'b' is empty, NaN or infinite, one of 2 such values"),
        ("a,b\n1,2\n3,inf\n", "row 3: column 'b' is empty, NaN or infinite"),
    ],
)
def test_what_is_no_table_of_numbers_is_said_in_one_line(tmp_path, text, message):
    with pytest.raises(ValueError) as error:
        load_table(write(tmp_path / "t.csv", text))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "binary.csv").write_bytes(bytes(range(128, 256)))
    (tmp_path / "text.npy").write_bytes(b"1,2\n3,4\n")
    np.save(tmp_path / "words.npy", np.array([["a", "b"]]))
    np.save(tmp_path / "flat.npy", np.zeros(3))
    for name, message in (
        ("binary.csv", "is no table: expected a .npy array, or text in UTF-8"),
        ("text.npy", "is no .npy array of numbers"),
        ("words.npy", "must hold numbers"),
        ("flat.npy", r"must hold numbers \(n, …\): received float64 \(3,\)"),
        ("missing.csv", "missing.csv cannot be read: No such file"),
    ):
        with pytest.raises(ValueError, match=message):
            load_table(tmp_path / name)
    with pytest.raises(ValueError, match="has no column 'kind': it has a, b"):
        load_table(write(tmp_path / "t.csv", "a,b\n1,2\n3,4\n"), label="kind")


@pytest.mark.slow
def test_the_command_finds_the_columns_that_tell_the_others(monkeypatch, capsys, tmp_path):
    values, names = sources(1200)
    rows = [["sort", *names], *([f"s{i % 3}", *map(repr, map(float, row))] for i, row in enumerate(values))]
    path = write(tmp_path / "t.csv", "\n".join(map(",".join, rows)))
    arguments = (path, "-k", 3, "--label", "sort", "--epochs", 80, "--seed", 2)
    assert run(monkeypatch, *arguments, "-o", tmp_path / "s.json", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads((tmp_path / "s.json").read_text())
    assert [column["name"] for column in result["chosen"]] == ["a", "b", "c"]
    assert [column["place"] for column in result["chosen"]] == [1, 4, 7]  # in the file, whose first column is the label
    assert result["rows"] == 1200 and result["columns"] == 9 and result["certainty"] > 0.9
    assert result["read_out_mse"] < result["top_variance_read_out_mse"] + 1e-9 < result["mean_mse"]


def test_places_are_those_of_the_file_where_a_label_is_left_out(monkeypatch, capsys, tmp_path):
    heading = ["a", "city", "b", "c", "d"]
    draw = np.random.default_rng(0)
    rows = [",".join([f"{a:.3f}", "Rome", *(f"{v:.3f}" for v in rest)]) for a, *rest in draw.random((40, 4))]
    path = write(tmp_path / "t.csv", "\n".join([",".join(heading), *rows]))
    values, names, places, _ = load_columns(str(path), label="City")
    assert names == ["a", "b", "c", "d"] and places == [0, 2, 3, 4] and values.shape == (40, 4)
    assert load_columns(str(write(tmp_path / "u.csv", "a,b\n1,2\n3,4\n")))[2] == [0, 1]
    arguments = (path, "-k", 3, "--label", "city", "--epochs", 1, "-o", tmp_path / "s.json")
    assert run(monkeypatch, *arguments) == 0
    chosen = json.loads((tmp_path / "s.json").read_text())["chosen"]
    assert len(chosen) == 3 and [heading[column["place"]] for column in chosen] == [column["name"] for column in chosen]


def test_the_command_marks_the_pixels_of_images(monkeypatch, capsys, tmp_path):
    images = np.random.default_rng(0).random((40, 6, 5, 1))
    np.save(tmp_path / "images.npy", images)
    outputs = ("-o", tmp_path / "s.json", "--plot", tmp_path / "mask.png")
    assert run(monkeypatch, tmp_path / "images.npy", "-k", 4, "--epochs", 1, *outputs) == 0
    assert "read out mse" in capsys.readouterr().out
    chosen = json.loads((tmp_path / "s.json").read_text())["chosen"]
    assert [column["name"] for column in chosen] == ["{},{}".format(*divmod(column["place"], 5)) for column in chosen]
    picture = np.asarray(Image.open(tmp_path / "mask.png").convert("RGB")).astype(int)
    coloured = (picture[..., 0] > picture[..., 2] + 100).sum()
    assert coloured == pytest.approx(4 * 12**2, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-k", 2), "k must be from 1 to 1, as t.csv has 2 columns: received 2"),
        (("-k", 0), "k must be from 1 to 1"),
        (("-k", 1), "t.csv must hold at least 20 rows, a tenth of which is held out: received 3"),
        (("-k", 1, "--label", "c"), "t.csv has no column 'c'"),
    ],
)
def test_the_command_refuses_in_one_line(monkeypatch, capsys, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "t.csv", "a,b\n1,2\n3,4\n5,6\n")
    assert run(monkeypatch, "t.csv", *arguments, "-o", "s.json") == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and not (tmp_path / "s.json").exists()


def test_the_command_refuses_what_is_no_table(monkeypatch, capsys, tmp_path):
    for data, message in (
        (tmp_path, "is a folder: expected a .csv or .npy file"),
        ("nothing", "Unknown data 'nothing'"),
    ):
        assert run(monkeypatch, data, "-k", 2, "-o", tmp_path / "s.json") == 2
        assert message in capsys.readouterr().err


def test_a_plot_needs_images(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    np.save("t.npy", np.random.default_rng(0).random((30, 4)))
    assert run(monkeypatch, "t.npy", "-k", 2, "-o", "s.json", "--plot", "mask.png") == 2
    assert "plot must be left out, as t.npy holds no grey images: its rows are (4,)" in capsys.readouterr().err


def test_the_linear_read_out_is_least_squares():
    rng = np.random.default_rng(0)
    fitting, testing = rng.random((50, 6)), rng.random((20, 6))
    design = [np.c_[rows[:, [1, 4]], np.ones(len(rows))] for rows in (fitting, testing)]
    expected = np.mean((design[1] @ np.linalg.lstsq(design[0], fitting, rcond=None)[0] - testing) ** 2)
    assert evaluation.linear_read_out(fitting, testing, np.array([1, 4])) == pytest.approx(expected)
    assert list(evaluation.top_variance(np.array([[0, 0, 5, 0], [1, 9, 5, 2]]), 2)) == [1, 3]


def test_what_the_benchmark_compares_with():
    values, _ = sources()
    chosen: list[int] = []
    for _ in range(3):
        errors = [evaluation.linear_read_out(values, values, np.array([*chosen, column])) for column in range(9)]
        chosen.append(int(np.argmin(errors)))
    assert sorted(chosen) == [0, 3, 6] and list(feature_selection.greedy(values, 3)) == chosen
    loadings = feature_selection.principal_features(values, 3, seed=0)
    assert len({column // 3 for column in loadings}) == 3  # one of each source
    covariance = np.cov(values.T)
    variances, vectors = np.linalg.eigh(covariance)
    expected = np.argsort(-np.abs(vectors[:, -2:]) @ variances[-2:])[:2]
    assert list(feature_selection.pca_loadings(values, 2)) == list(expected)
