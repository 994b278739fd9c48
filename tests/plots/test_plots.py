"""Pictures: what is drawn is what was given, in colours that stay apart."""

import io

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from zoo import plots

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 5, 4, 1), np.uint8)
# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
COLOUR_VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
}  # fmt: skip


def test_matplotlib_is_imported_on_first_use(run_python):
    code = "import sys, zoo.plots\nprint('matplotlib' in sys.modules)"
    assert run_python(code, bare=True).strip() == "False"


def test_mosaic_by_hand():
    images = np.arange(12).reshape(3, 2, 2)
    expected = [
        [0, 1, 9, 4, 5],
        [2, 3, 9, 6, 7],
        [9, 9, 9, 9, 9],
        [8, 9, 9, 9, 9],
        [10, 11, 9, 9, 9],
    ]
    np.testing.assert_array_equal(plots.mosaic(images, 2, gap=1, background=9), expected)
    assert plots.mosaic(images, gap=0).shape == (4, 4)  # as square as it gets
    assert plots.mosaic(images, 3).shape == (2, 6)


def test_image_grid_draws_into_the_callers_axes():
    axes = Figure().add_subplot()
    plots.image_grid(IMAGES, axes, columns=7)
    expected = np.concatenate(IMAGES[..., 0], axis=1) / 255
    drawn = np.delete(axes.images[0].get_array(), np.arange(4, 34, 5), axis=1)  # less the gaps
    np.testing.assert_array_equal(drawn, expected)


def test_a_saved_grid_holds_every_pixel(tmp_path):
    """Black and white images at 4 screen pixels a pixel: the middle of each block tells."""
    images = (IMAGES > 127).astype(np.float32)
    plots.image_grid(images, tmp_path / "grid.png", columns=7, scale=4)
    saved = np.asarray(Image.open(tmp_path / "grid.png").convert("L")) > 127
    margin = round(0.12 * 144)
    rows = margin + 4 * np.arange(5) + 2
    columns = margin + 4 * np.concatenate([5 * i + np.arange(4) for i in range(7)]) + 2
    expected = np.concatenate(images[..., 0], axis=1).astype(bool)
    np.testing.assert_array_equal(saved[np.ix_(rows, columns)], expected)


def test_rows_are_labelled_in_order():
    figure = plots.image_rows({"A": IMAGES, "B": IMAGES / 255.0}, columns=list("abcdefg"))
    assert [axes.get_ylabel() for axes in figure.axes] == ["A", "B"]
    assert figure.axes[0].get_position().y0 > figure.axes[1].get_position().y1
    assert [text.get_text() for text in figure.axes[0].texts] == list("abcdefg")
    upper, lower = (axes.images[0].get_array() for axes in figure.axes)
    np.testing.assert_array_equal(upper, lower)  # uint8 and float mean the same


def test_chosen_pixels_are_coloured_over_the_mean():
    mean = np.array([[0, 51, 102], [153, 204, 255]], np.uint8)
    figure = plots.chosen_pixels(mean, np.array([1, 5]), rows={"A": IMAGES, "B": IMAGES})
    picture = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(picture[[0, 1, 1], [0, 0, 1]], np.outer([0, 0.36, 0.48], np.ones(3)))
    np.testing.assert_allclose(picture[[0, 1], [1, 2]], [to_rgb(plots.VERMILION)] * 2)
    assert [axes.get_ylabel() for axes in figure.axes] == ["", "A", "B"]
    alone = plots.chosen_pixels(mean[..., None], np.array([0]))
    assert len(alone.axes) == 1 and alone.axes[0].images[0].get_array().shape == (2, 3, 3)


def test_curves_hold_the_history():
    history = {"loss": [3.0, 2.0, 1.0], "val_loss": [3.5, 2.5, 2.0], "mse": [0.3, 0.2, 0.1]}
    loss, mse = plots.curves(history).axes
    assert [list(line.get_ydata()) for line in loss.lines] == [history["loss"], history["val_loss"]]
    assert list(loss.lines[0].get_xdata()) == [1, 2, 3]
    assert [line.get_label() for line in mse.lines] == ["training"]


def test_rate_distortion_draws_each_series_by_rising_rate(tmp_path):
    panels = {"one": {"ours": [(0.3, 22.0)], "JPEG": [(1.0, 25.0), (0.4, 19.0)]}}
    figure = plots.rate_distortion(panels, tmp_path / "chart.png", psnr_range=(18, 30))
    ours, jpeg = figure.axes[0].lines
    assert jpeg.get_xydata().tolist() == [[0.4, 19.0], [1.0, 25.0]]
    assert ours.get_marker() == "*" != jpeg.get_marker()
    low, high = figure.axes[0].get_xlim()
    assert low < 0.3 and high > 1.0
    assert (tmp_path / "chart.png").stat().st_size > 1000


def test_a_grid_may_be_in_colour():
    images = np.random.default_rng(1).random((3, 4, 5, 3))
    picture = plots.mosaic(images, 2, gap=1)
    np.testing.assert_array_equal(picture[:4, 6:], images[1])
    np.testing.assert_array_equal(picture[5:, :5], images[2])
    assert picture.shape == (9, 11, 3) and not picture[5:, 6:].any()
    grey, colour = plots.image_rows({"grey": images[..., 0], "colour": images}).axes
    assert grey.images[0].get_array().ndim == 2
    np.testing.assert_allclose(colour.images[0].get_array()[:, 7:12], images[1])


def test_reconstructions_say_how_far_off_each_is():
    """A difference of 0.1 everywhere is 20 dB, and one of 0.2 nearly 14."""
    originals = np.full((3, 4, 5, 1), 0.5, np.float32)
    restored = originals + np.array([0.0, 0.1, 0.2], np.float32).reshape(3, 1, 1, 1)
    figure = plots.reconstructions(originals, restored, inputs=0 * originals)
    assert [axes.get_ylabel() for axes in figure.axes] == ["original", "input", "restored", "error, 0 to 0.2"]
    assert [text.get_text() for text in figure.axes[0].texts] == ["equal", "20.0 dB", "14.0 dB"]
    error = figure.axes[3].images[0].get_array()
    for column, value in ((0, 0.0), (7, 0.5), (14, 1.0)):  # a third of the strip each, after gaps of two pixels
        np.testing.assert_allclose(error[0, column], matplotlib.colormaps["cividis"](value)[:3], atol=0.01)


def test_traversals_have_a_row_a_number_even_where_labels_repeat():
    rows = np.random.default_rng(0).random((2, 3, 4, 5))
    figure = plots.traversals(rows, labels=["z", "z"], values=[-2.5, 0, 2.5])
    assert [axes.get_ylabel() for axes in figure.axes] == ["z", "z"]
    assert [text.get_text() for text in figure.axes[0].texts] == ["−2.5", "0", "2.5"]
    for axes, row in zip(figure.axes, rows, strict=True):
        strip = axes.images[0].get_array()
        np.testing.assert_array_equal(np.stack([strip[:, 7 * i : 7 * i + 5] for i in range(3)]), row)
    assert len(plots.traversals(rows[..., None]).axes) == 2


def test_filters_of_dense_layers_and_convolutions():
    kernels = np.random.default_rng(0).normal(size=(20, 6))
    picture = plots.filters(kernels, image_shape=(4, 5, 1), columns=3).axes[0].images[0].get_array()
    first = kernels[:, 4].reshape(4, 5)
    np.testing.assert_allclose(picture[5:9, 6:11], first / np.abs(first).max())
    assert np.ma.getmaskarray(picture)[4].all()  # the gap is no weight
    kernels = np.zeros((3, 2, 4, 5))  # 5 filters of 4 inputs
    kernels[1, 0, 2, 3], kernels[2, 1, 1, 3] = -2.0, 1.0
    picture = plots.filters(kernels).axes[0].images[0].get_array()
    assert picture.shape == (5 * 4 - 1, 4 * 3 - 1)
    assert picture[3 * 4 + 1, 2 * 3] == -1.0 and picture[3 * 4 + 2, 1 * 3 + 1] == 0.5 and picture.sum() == -0.5


def test_the_colours_of_signed_values_show_the_sign():
    scale = plots.filters(np.ones((1, 1, 1, 1))).axes[0].images[0].cmap
    for vision in COLOUR_VISION.values():
        low, zero, high = (_lab(np.array(scale(value)[:3]), np.array(vision)) for value in (0.0, 0.5, 1.0))
        assert low[0] < zero[0] > high[0] and zero[0] > 99
        assert min(np.linalg.norm(a - b) for a, b in ((low, zero), (zero, high), (low, high))) > 40


def test_a_film_holds_every_step_there_and_back(tmp_path):
    steps = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 7, 1), np.uint8)
    plots.animation(steps, tmp_path / "film.gif", columns=3, scale=2, milliseconds=80, back=True)
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 6 and film.info["loop"] == 0 and film.info["duration"] == 80
        for frame, step in enumerate([0, 1, 2, 3, 2, 1]):
            film.seek(frame)
            expected = plots.mosaic(steps[step], 3, gap=1, background=255)
            np.testing.assert_array_equal(np.asarray(film.convert("L"))[::2, ::2], expected)
    plots.animation([np.zeros((1, 4, 4, 3)), np.ones((1, 4, 4, 3))], tmp_path / "colour.gif")
    with Image.open(tmp_path / "colour.gif") as film:
        assert film.n_frames == 2 and film.size == (16, 16)


@pytest.mark.parametrize("vision", COLOUR_VISION)
def test_the_palette_stays_apart_for_colour_blind_readers(vision):
    """CIE 1976 distance between any two colours; 2.3 is what is just noticed."""
    seen = [_lab(np.array(to_rgb(colour)), np.array(COLOUR_VISION[vision])) for colour in plots.PALETTE]
    assert len(seen) == 8
    assert min(np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]) > 16


@pytest.mark.parametrize("vision", COLOUR_VISION)
@pytest.mark.parametrize("dark", [False, True])
def test_series_stay_apart_for_colour_blind_readers(vision, dark):
    """CIE 1976 distance between any two series, and of each from the ground, as readers see it."""
    series = {name: [(1.0, 20.0)] for name in ("ours", "JPEG", "WebP", "AVIF")}
    figure = plots.rate_distortion({"": series}, psnr_range=(18, 22), dark=dark)
    axes = figure.axes[0]
    colours = [to_rgb(line.get_color()) for line in axes.lines]
    seen = [_lab(np.array(c), np.array(COLOUR_VISION[vision])) for c in colours]
    ground = _lab(np.array(axes.get_facecolor()[:3]), np.eye(3))
    for i, colour in enumerate(seen):
        assert np.linalg.norm(colour - ground) > 40
        for other in seen[:i]:
            assert np.linalg.norm(colour - other) > 30


def test_notebooks_show_the_figure():
    png = plots.image_rows({"A": IMAGES})._repr_png_()
    assert Image.open(io.BytesIO(png)).format == "PNG"


def test_equal_figures_give_equal_bytes():
    first, second = (plots.to_bytes(plots.curves({"loss": [2.0, 1.0]}), "svg") for _ in range(2))
    assert first == second and b"<svg" in first
    png = plots.to_bytes(plots.curves({"loss": [2.0, 1.0]}), "png")
    assert Image.open(io.BytesIO(png)).format == "PNG"


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.mosaic(np.zeros((2, 3, 3, 2))), r"images must be .*received \(2, 3, 3, 2\)"),
        (lambda: plots.reconstructions(IMAGES, IMAGES[:3]), r"restored must have .*\(7, 5, 4\): received \(3, 5, 4\)"),
        (lambda: plots.traversals(IMAGES[0]), r"rows must be .*received \(5, 4, 1\)"),
        (lambda: plots.traversals(IMAGES[None], labels=["a", "b"]), "labels must be 1, .*received 2"),
        (lambda: plots.traversals(IMAGES[None], values=[1.0]), "values must be 7, .*received 1"),
        (lambda: plots.filters(np.ones((20, 3)), image_shape=(4, 4)), r"image_shape must be .*20 .*\(4, 4\)"),
        (lambda: plots.filters(np.ones((20, 3))), "image_shape must be .*received None"),
        (lambda: plots.filters(np.ones(3)), r"kernels must be .*received \(3,\)"),
        (lambda: plots.chosen_pixels(np.zeros((4, 4, 3)), [0]), r"mean must be grey.*received \(4, 4, 3\)"),
        (lambda: plots.animation([IMAGES], "film.png"), "path must end in .gif: received 'film.png'"),
        (lambda: plots.animation([], "film.gif"), "steps must be at least one"),
        (lambda: plots.animation([IMAGES, IMAGES[:5, :3]], "film.gif"), "of one shape"),
        (lambda: plots.animation([IMAGES], "film.gif", milliseconds=0), "milliseconds must be at least 1: received 0"),
        (lambda: plots.image_grid(np.zeros((0, 3, 3))), "images must be"),
        (lambda: plots.image_grid(np.zeros((1, 3, 3), int)), "uint8 or float .*received int64"),
        (lambda: plots.image_rows({"a": IMAGES, "b": IMAGES[:2]}), "rows must hold images of one"),
        (lambda: plots.curves({}), "at least one metric"),
        (lambda: plots.image_grid(IMAGES, "/nowhere/grid.png"), "Cannot write /nowhere/grid.png"),
    ],
)
def test_says_what_is_wrong(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def _lab(srgb, vision):
    """CIE L*a*b* (D65) of an sRGB colour after a linear change of colour vision."""
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(vision @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    ratio = np.array(to_xyz) @ linear / [0.9505, 1.0, 1.089]
    x, y, z = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_a_map_of_codes_has_every_point_in_a_colour_and_shape_of_its_label():
    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(200, 2)), [f"kind {index % 10}" for index in range(200)]
    axes = plots.code_map(points, labels=labels, title="a map").axes[0]
    looks = {(line.get_color(), line.get_marker()) for line in axes.lines}
    assert len(axes.lines) == len(looks) == 10 and axes.get_title() == "a map"
    np.testing.assert_array_equal(axes.lines[3].get_xydata(), points[3::10])
    places = {text.get_text(): text.get_position() for text in axes.texts}
    np.testing.assert_allclose(places["kind 3"], np.median(points[3::10], axis=0))
    assert not plots.code_map(points).axes[0].texts
    with pytest.raises(ValueError, match=r"points must be \(n, 2\), n ≥ 1: received \(200, 3\)"):
        plots.code_map(np.zeros((200, 3)))


def test_a_spectrogram_shows_where_a_tone_is(tmp_path):
    from PIL import Image

    t = np.arange(8000) / 8000
    tone = np.sin(2 * np.pi * 1000 * t)
    figure = plots.spectrograms({"tone": tone, "quieter": 0.1 * tone}, tmp_path / "s.png", rate=8000)
    first, second = (axes.images[0] for axes in figure.axes[:2])
    decibel = np.asarray(first.get_array())
    row = decibel[:, decibel.shape[1] // 2].argmax() / (len(decibel) - 1)
    assert row * first.get_extent()[3] == pytest.approx(1.0, abs=0.04)  # kHz
    middle = decibel.shape[1] // 2
    assert decibel[:, middle].max() - np.asarray(second.get_array())[:, middle].max() == pytest.approx(20, abs=0.1)
    with Image.open(tmp_path / "s.png") as image:
        assert image.mode == "P" and image.width > 800
    plots.spectrograms({"tone": tone}, tmp_path / "s.svg", rate=8000)
    with pytest.raises(ValueError, match="signals of one length"):
        plots.spectrograms({"a": tone, "b": tone[1:]}, rate=8000)


def test_lines_hold_their_series():
    series = {"a": ([1, 2, 4], [3.0, 2.0, 1.0]), "b": (range(1, 3), np.array([5.0, 6.0]))}
    axes = plots.lines(series, x_label="epochs", y_label="error", title="both", log_y=True).axes[0]
    for line, (label, (x, y)) in zip(axes.lines, series.items(), strict=True):
        assert line.get_label() == label
        np.testing.assert_array_equal(line.get_xydata(), np.transpose([x, y]))
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("epochs", "error", "both")
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")
    assert all(tick == int(tick) for tick in axes.get_xticks())
    assert len({(line.get_color(), line.get_marker()) for line in axes.lines}) == 2
    with pytest.raises(ValueError, match="series must have a value for each position: 'a' has 2 and 1"):
        plots.lines({"a": ([1, 2], [1])}, x_label="x", y_label="y")


def test_matrices_show_every_number_in_its_cell():
    values = {"first": np.array([[1, 0], [-2.25, 3], [4, 5]]), "second": np.eye(2)}
    figure = plots.matrices(values, number_format=".1f")
    for axes, (label, matrix) in zip(figure.axes, values.items(), strict=True):
        *numbers, title = axes.texts
        assert title.get_text() == label
        for text in numbers:
            column, row = text.get_position()
            assert float(text.get_text().replace("−", "-")) == pytest.approx(matrix[row, column], abs=0.05)
        np.testing.assert_array_equal(axes.images[0].get_array(), np.abs(matrix))
    left, right = (axes.get_position() for axes in figure.axes)
    assert left.x1 < right.x0 and left.y1 == pytest.approx(right.y1)
    below = [axes.get_position() for axes in plots.matrices(values, columns=1).axes]
    assert below[0].y0 > below[1].y1 and below[0].x0 == below[1].x0
    with pytest.raises(ValueError, match=r"values must hold matrices: received \[\(3,\)\]"):
        plots.matrices({"a": np.zeros(3)})


def test_scores_of_groups_are_drawn_with_the_threshold(tmp_path):
    groups = {"normal": np.arange(20.0), "new": [3.0, 5.0, 1e6]}
    figure = plots.scores(groups, tmp_path / "scores.png", threshold=17.0)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["normal (20)", "new (3)", "threshold"]
    heights = [sum(bar.get_height() for bar in bars) for bars in axes.containers]
    np.testing.assert_allclose(heights, 100)  # what lies far out is in the last bin
    with pytest.raises(ValueError, match="none that is empty"):
        plots.scores({"normal": []}, threshold=1.0)
