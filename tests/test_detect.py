"""``zoo detect``, detectors and what they are made of: scores by hand, thresholds, folders, bad input."""

import csv
import json

import numpy as np
import pytest
import small
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import ledoit_wolf

import zoo
from zoo import evaluation, modalities, models
from zoo.cli import main
from zoo.data import DataSet
from zoo.sklearn import Normality, conformal_threshold


def run(monkeypatch, *arguments) -> int:
    monkeypatch.setattr("sys.argv", ["zoo", "detect", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code or 0


def drawn(n, views=1, numbers=5, errors=7, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(3, 2, (n, views, numbers)), rng.normal(0, 0.3, (n, views, errors))


def table(path, n=120, seed=0):
    """Rows in which ``b`` is twice ``a`` and ``kind`` its sign, and three at the end in which not."""
    rng = np.random.default_rng(seed)
    a = rng.normal(0, 1, n)
    rows = [(x, 2 * x + rng.normal(0, 0.05), rng.normal(), "up" if x > 0 else "down") for x in a]
    path.write_text("a,b,c,kind\n" + "\n".join(f"{a:.4f},{b:.4f},{c:.4f},{k}" for a, b, c, k in rows) + "\n")
    return path


def test_a_score_is_the_distance_of_the_code_and_the_error_in_deviations_from_normal():
    codes, errors = drawn(200)
    normality = Normality.fitted(codes, errors)
    others = drawn(20, seed=1)
    parts = normality.parts(*others)
    inverse = np.linalg.inv(ledoit_wolf(codes[:, 0])[0])
    expected = [mahalanobis(code[0], codes[:, 0].mean(axis=0), inverse) ** 2 for code in others[0]]
    np.testing.assert_allclose(parts["code"], expected, rtol=1e-4)
    inverse = np.linalg.inv(ledoit_wolf(errors[:, 0], assume_centered=True)[0])
    np.testing.assert_allclose(parts["error"], [e[0] @ inverse @ e[0] for e in others[1]], rtol=1e-4)
    fitting = normality.parts(codes, errors)
    standard = [(parts[key] - fitting[key].mean()) / fitting[key].std() for key in ("code", "error")]
    np.testing.assert_allclose(normality.scores(*others), (2 * standard[0] + standard[1]) / 3, rtol=1e-6)
    assert abs(normality.scores(codes, errors).mean()) < 1e-9


def test_many_errors_are_divided_by_their_variances_half_shrunk_and_views_are_averaged():
    codes, errors = drawn(100, views=2, errors=80)
    errors[:, :, 0] *= 10
    normality = Normality.fitted(codes, errors)
    variance = (errors**2).mean(axis=0)
    weights = 2 / (variance + variance.mean(axis=1, keepdims=True))
    found = normality.parts(codes, errors)["error"]
    np.testing.assert_allclose(found, (errors**2 * weights).sum(axis=2).mean(axis=1), rtol=1e-6)
    likelihood = np.random.default_rng(0).normal(90, 5, 100)
    with_likelihood = Normality.fitted(codes, errors, likelihood)
    standard = with_likelihood.standardised(with_likelihood.parts(codes, errors, likelihood))
    np.testing.assert_allclose(standard["likelihood"], (likelihood - likelihood.mean()) / likelihood.std(), rtol=1e-6)
    twin = Normality.of_arrays(with_likelihood.arrays())
    np.testing.assert_array_equal(
        twin.scores(codes, errors, likelihood), with_likelihood.scores(codes, errors, likelihood)
    )


def test_damaged_statistics_are_refused():
    arrays = Normality.fitted(*drawn(50)).arrays()
    for key, value, message in (
        ("spread", None, "there is no spread"),
        ("code_whitening", np.zeros((1, 4, 5)), "fit together"),
        ("centre", np.full(2, np.nan), "fit together"),
    ):
        changed = {name: array for name, array in arrays.items() if name != key}
        with pytest.raises(ValueError, match=message):
            Normality.of_arrays(changed if value is None else {**changed, key: value})


def test_a_threshold_keeps_its_promise_and_says_what_it_cannot_tell():
    held_out = np.arange(1.0, 100.0)  # 99
    assert conformal_threshold(held_out, 0.01) == 99 and conformal_threshold(held_out, 0.1) == 90
    rng = np.random.default_rng(0)
    beyond = [rng.normal() > conformal_threshold(rng.normal(size=39), 0.1) for _ in range(4000)]
    assert 0.08 < np.mean(beyond) < 0.105  # of new examples, whatever they are distributed like
    with pytest.raises(ValueError, match="must be at least 0.01, which is what 99 held-out normal examples can tell"):
        conformal_threshold(held_out, 0.005)
    with pytest.raises(ValueError, match="above 0 and below 1"):
        conformal_threshold(held_out, 1.0)


def test_turned_images_are_restored_upright_by_the_views_of_one_network():
    model = models.DetectingAE(image_shape=(8, 8, 1), filters=4, latent_dim=3, seed=0)
    x = np.random.default_rng(0).random((2, 8, 8, 1), np.float32)
    views = [np.asarray(view) for view in model.views(x)]
    for turns, view in enumerate(views):
        np.testing.assert_array_equal(view, np.rot90(x, turns, axes=(1, 2)))
    codes, errors, likelihood = evaluation.measured(model, x)
    assert codes.shape == (2, 4, 3) and errors.shape == (2, 4, 64) and likelihood is None
    np.testing.assert_allclose(codes[:, 1], model.encode(views[1]), atol=1e-6)
    np.testing.assert_allclose(
        errors[:, 2].reshape(x.shape), x - np.asarray(model.decode(model.encode(views[2]))), atol=1e-5
    )
    upright = models.DetectingAE(image_shape=(8, 12, 1), filters=4, latent_dim=3, turned=False)
    assert len(upright.views(x)) == 1


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (models.DetectingAE, {"image_shape": (8, 12, 1)}, "image_shape must be square .* turned=False takes any"),
        (models.DetectingAE, {"latent_dim": 0}, "latent_dim must be an integer ≥ 1: received 0"),
        (models.DetectingAE, {"image_shape": (9, 9, 1)}, "divisible by 4"),
        (models.DetectingSignalAE, {"example_shape": (100, 1)}, "length divisible by 16"),
        (models.DetectingSignalAE, {"filters": 1.5}, "filters must be an integer ≥ 1: received 1.5"),
        (models.DetectingSignalAE, {"full_scale": 0}, "full_scale above 0"),
    ],
)
def test_models_refuse(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**options)


def test_one_class_alone_is_learned_and_all_are_measured():
    splits = [np.full((n, 1), at) for at, n in enumerate((6, 4, 4))]
    labels = {"train": np.arange(6) % 2, "validation": np.arange(4) % 2, "test": np.arange(4) % 2}
    data_set = DataSet("d", "d", *splits, "none", labels, classes=("bag", "shoe"))
    chosen = data_set.with_normal("shoe")
    assert (len(chosen.train), len(chosen.validation), len(chosen.test)) == (3, 2, 4)
    assert set(chosen.labels["train"]) == {1} and chosen.name == "d, shoe alone"
    assert data_set.with_normal("hat") is data_set and data_set.with_normal(None) is data_set


def test_a_detector_is_measured_by_what_it_tells():
    model = models.DetectingAE(image_shape=(8, 8, 1), filters=4, latent_dim=3, turned=False, seed=0)
    rng = np.random.default_rng(0)
    dark, bright = (rng.integers(low, low + 40, (60, 8, 8, 1), dtype=np.uint8) for low in (0, 200))
    labels = {"train": np.zeros(60), "validation": np.zeros(60), "test": np.arange(120) // 60}
    test = np.concatenate([dark[::-1], bright])
    data_set = DataSet("d", "d", dark, dark, test, "none", labels, classes=("dark", "bright"))
    arrays = evaluation.fitted_detector(model, dark[:40], dark[40:], false_alarms=0.1)
    detector = Normality.of_arrays(arrays), arrays["held_out"], 0.1
    figures = evaluation.measure_detector(model, detector, data_set, "test", "dark")
    scores = detector[0].scores(*evaluation.measured(model, test))
    assert figures["auc"] == pytest.approx(np.mean(scores[60:, None] > scores[None, :60])) and figures["auc"] > 0.7
    limit = np.sort(arrays["held_out"])[18]  # of 20, ⌈0.9 · 21⌉
    assert figures["detected"] == np.mean(scores[60:] > limit) and figures["auc_of"] == {}
    assert figures["false_alarm_rate"] == np.mean(scores[:60] > limit) and figures["held_out_normal"] == 20
    assert "auc" not in evaluation.measure_detector(model, detector, data_set, "test", None)
    with pytest.raises(ValueError, match="at least 20 normal examples, some of them held out: received 15 and 4"):
        evaluation.fitted_detector(model, dark[:15], dark[:4])


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A folder with a detector of a table, and what ``zoo.detect`` returned."""
    folder = tmp_path_factory.mktemp("detect")
    normal, new = table(folder / "normal.csv"), table(folder / "new.csv", 20, seed=1)
    with new.open("a") as file:
        file.write("2.0,-4.0,0.0,up\n0.5,1.0,0.0,down\n0.0,9.0,0.0,up\n")
    result = zoo.detect(
        new, fit=normal, output=folder / "scores.csv", save=folder / "mine", plot=folder / "scores.png", epochs=40
    )
    return folder, result


@pytest.mark.slow
def test_rows_that_break_a_table_s_rule_are_found(fitted):
    folder, result = fitted
    scores = np.array([row["score"] for row in result["rows"]])
    assert set(np.argsort(scores)[-3:]) == {20, 21, 22} and result["rows"][22]["unfit"]
    assert result["examples"] == 23 and result["failed"] == []
    assert result["held_out_normal"] == 12 and result["false_alarms"] == pytest.approx(1 / 13)
    with (folder / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == ["name", "score", "code", "error", "p_value", "unfit"] and rows[0]["name"] == "new.csv[0]"
    assert [float(row["score"]) for row in rows] == pytest.approx(list(scores))
    assert min(row["p_value"] for row in result["rows"]) == pytest.approx(1 / 13)
    assert (folder / "scores.png").stat().st_size > 5000


@pytest.mark.slow
def test_a_saved_detector_scores_as_it_did_with_its_threshold(fitted, monkeypatch, capsys, tmp_path):
    folder, result = fitted
    monkeypatch.chdir(folder)
    assert run(monkeypatch, "new.csv", "--model", "mine", "-o", tmp_path / "again.csv", "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert again["threshold"] == result["threshold"] and again["model"] == "mine"
    assert [row["score"] for row in again["rows"]] == pytest.approx([row["score"] for row in result["rows"]], abs=1e-4)
    detector = zoo.Detector(folder / "mine")
    rows = zoo.data.load_cells(folder / "new.csv")
    assert list(detector.predict(rows)) == [row["unfit"] for row in result["rows"]]
    assert detector.threshold(0.5) < detector.threshold() and set(detector.parts(rows)) == {"code", "error"}
    broken = rows.copy()
    broken["a"][4] = np.nan
    with pytest.raises(ValueError, match="examples must be complete: received NaN, or an empty cell, in row 4"):
        detector.scores(broken)
    with pytest.raises(ValueError, match="which is what 12 held-out normal examples can tell"):
        detector.predict(rows, 0.01)
    assert zoo.load(folder / "mine").columns[3]["categories"] == ["down", "up"]


@pytest.mark.slow
def test_a_trained_autoencoder_becomes_a_detector_as_it_is(fitted, tmp_path):
    folder, _ = fitted
    result = zoo.detect(
        folder / "new.csv", fit=folder / "normal.csv", model=folder / "mine", save=tmp_path / "other", seed=1
    )
    for one, other in zip(
        zoo.load(folder / "mine").get_weights(), zoo.load(tmp_path / "other").get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert result["held_out_normal"] == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fit", "few.csv"), "few.csv must hold at least 20 normal examples to fit a detector: received 15"),
        (("--fit", "gaps.csv"), "gaps.csv: column 'b' has NaN or empty cells: a detector needs every cell"),
        ((), "fit must name normal examples (--fit NORMAL), or model a fitted detector (--model NAME)"),
        (("--model", "dense_ae"), "dense_ae.fashion_mnist is no detector"),
        (("--fit", "few.csv", "--false-alarms", "2"), "false_alarms must be a share above 0 and below 1"),
        (("--fit", "few.csv", "--plot", "out.txt"), "plot must end in .png or .svg or .pdf: received out.txt"),
        (("--fit", "few.csv", "--save", "."), ". exists already: give a new folder"),
        (("--fit", "few.csv", "--model", "dcgan"), "model must be an autoencoder, such as detecting_ae"),
    ],
)
def test_the_command_refuses_in_one_line(monkeypatch, capsys, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "few.csv", 15)
    table(tmp_path / "gaps.csv", 30)
    text = (tmp_path / "gaps.csv").read_text().splitlines()
    (tmp_path / "gaps.csv").write_text("\n".join([*text[:5], "1.0,,0.0,up", *text[5:]]) + "\n")
    assert run(monkeypatch, "few.csv", *arguments, "-o", "scores.csv") == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "scores.csv").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few.csv", "gaps.csv"]


def test_heartbeats_are_taken_from_their_medians_and_brought_to_the_model_s_scale(tmp_path):
    model = models.DetectingSignalAE(example_shape=(32, 1), filters=4, latent_dim=2, full_scale=10.0)
    beats = np.zeros((30, 32))
    beats[:, 5], beats[:, 6] = 5, -20
    np.save(tmp_path / "beats.npy", beats + 7)
    heartbeat = modalities.of(model)
    examples = heartbeat.read(model, [tmp_path / "beats.npy"])
    assert examples.images.dtype == np.int16 and examples.names[3] == "beats.npy[3]"
    assert list(examples.images[0, 4:8, 0]) == [0, 16384, -32767, 0]  # beyond full scale it ends
    np.testing.assert_array_equal(heartbeat.given(model, examples.images), heartbeat.given(model, beats))
    assert heartbeat.arguments(beats) == {"full_scale": 30.0, "usual": False}
    data_set = heartbeat.prepared(model, heartbeat.load(beats, (32, 1)))
    assert (len(data_set.train), len(data_set.validation), len(data_set.test)) == (24, 3, 3)
    personal = models.DetectingSignalAE(example_shape=(32, 1), filters=4, latent_dim=2, full_scale=2, usual=True)
    other = beats.copy()
    other[4, 5:7] = 15, -20  # what differs from the usual beat, whose peak is 20
    found = heartbeat.given(personal, other)
    assert found[4, 5, 0] == pytest.approx(10 / 20 / 2, abs=1e-4) and np.count_nonzero(found) == 1
    with pytest.raises(ValueError, match="at least 20 stretches of one source, .* received 5"):
        heartbeat.given(personal, other[:5])
    beats[3, 3] = np.nan
    with pytest.raises(ValueError, match="array must be finite: received NaN or infinity in row 3"):
        heartbeat.load(beats, (32, 1))
    with pytest.raises(ValueError, match=r"must be numbers \(n, 32, 1\), n ≥ 1: received float64 \(30, 31\)"):
        heartbeat.load(beats[:, 1:], (32, 1))


def test_a_likelihood_counts_where_the_model_has_one():
    model = small.SMALL["vae"]()
    x = small.examples("vae", 30)
    codes, errors, likelihood = evaluation.measured(model, x)
    assert likelihood.shape == (30,) and np.isfinite(likelihood).all()
    np.testing.assert_array_equal(likelihood, evaluation.measured(model, x)[2])  # the same draws
    assert set(Normality.fitted(codes, errors, likelihood).parts(codes, errors, likelihood)) == {
        "code",
        "error",
        "likelihood",
    }
