"""map_ae: its loss beside NumPy, its pairs, and what it claims: neighbours stay neighbours, of new examples too."""

import keras
import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KNeighborsClassifier

from zoo import data, losses, models, tasks, training

rng = np.random.default_rng(0)


def cross_entropy(z, neighbours):
    """By the definition, one pair after the other."""
    codes = np.concatenate([z, neighbours]).astype(np.float64)
    number, nats = len(z), []
    nearness = 1 / (1 + ((codes[:, None] - codes[None]) ** 2).sum(axis=-1))
    for i in range(number):
        pair = []
        for own, other in ((i, i + number), (i + number, i)):
            rest = [j for j in range(2 * number) if j != own]
            pair.append(-np.log(nearness[own, other] / nearness[own, rest].sum()))
        nats.append(np.mean(pair))
    return np.array(nats)


@pytest.mark.parametrize("scale", [0.1, 1, 50])
def test_the_cross_entropy_is_that_of_its_definition(scale):
    z, neighbours = scale * rng.normal(size=(2, 7, 2)).astype(np.float32)
    np.testing.assert_allclose(losses.neighbour_cross_entropy(z, neighbours), cross_entropy(z, neighbours), rtol=1e-3)


def test_the_cross_entropy_of_one_pair_is_zero_and_of_twins_by_hand():
    one = np.array([[3.0, 4.0]], np.float32)
    np.testing.assert_allclose(losses.neighbour_cross_entropy(one, one + 1), 0, atol=1e-6)
    same = np.zeros((5, 2), np.float32)  # all nearnesses are 1: one of 9 others is the neighbour
    np.testing.assert_allclose(losses.neighbour_cross_entropy(same, same), np.log(9), rtol=1e-6)


def images(number):
    return rng.random((number, 12, 8, 1), dtype=np.float32)


def small(**options):
    return models.MapAE(**{"image_shape": (12, 8, 1), "filters": 4, "hidden_units": (8, 16), **options})


def test_the_loss_is_the_squared_error_and_the_cross_entropy_of_the_neighbours_given():
    model, x, y = small(neighbour_weight=3.0), images(6), images(6)
    model.compile(metrics=["mse"])
    found = model.evaluate(x, y, batch_size=6, verbose=0, return_dict=True)
    squared = ((model.predict(x, verbose=0) - x) ** 2).reshape(6, -1)
    nats = cross_entropy(np.asarray(model.encode(x)), np.asarray(model.encode(y))).mean()
    assert found["loss"] == pytest.approx(squared.sum(axis=1).mean() + 3 * nats, rel=1e-4)
    assert found["mse"] == pytest.approx(squared.mean(), rel=1e-4)  # of the input, not of its neighbour


def test_without_neighbours_they_are_the_nearest_of_the_batch():
    model, x = small(), images(6)
    model.compile()
    distances = ((x[:, None] - x[None]) ** 2).sum(axis=(2, 3, 4)) + 1e9 * np.eye(6)
    paired = model.evaluate(x, x[distances.argmin(axis=1)], batch_size=6, verbose=0)
    assert model.evaluate(x, batch_size=6, verbose=0) == pytest.approx(paired, rel=1e-5)


def test_neighbours_are_the_nearest_others(monkeypatch):
    monkeypatch.setattr("zoo.data.neighbours.ROWS", 7)
    points = rng.integers(0, 256, (40, 3, 2), dtype=np.uint8)
    distances = ((points[:, None] - points[None].astype(float)) ** 2).sum(axis=(2, 3)) + 1e9 * np.eye(40)
    found = data.nearest_neighbours(points, 4)
    assert found.shape == (40, 4) and found.dtype == np.int32
    np.testing.assert_array_equal(np.take_along_axis(distances, found, axis=1), np.sort(distances, axis=1)[:, :4])
    for number in (0, 40):
        with pytest.raises(ValueError, match="number must be an integer from 1 to 39"):
            data.nearest_neighbours(points, number)


def test_a_batch_brings_neighbours_of_the_graph_and_all_of_them_in_time():
    table = np.arange(20, dtype=np.float32)[:, None]
    graph = np.stack([(np.arange(20) + step) % 20 for step in (1, 5, 7)], axis=1)
    batches, steps = data.training_batches(table, 5, epochs=40, seed=3, neighbours=graph)
    seen = {}
    for x, y in batches:
        for own, other in zip(x.numpy()[:, 0].astype(int), y.numpy()[:, 0].astype(int), strict=True):
            seen.setdefault(own, set()).add(other)
    assert steps == 4 and {own: set(graph[own]) for own in range(20)} == seen
    with pytest.raises(ValueError, match="labels and neighbours"):
        data.training_batches(table, 5, epochs=1, labels=table, neighbours=graph)


def test_a_resumed_run_draws_the_neighbours_that_the_uninterrupted_one_drew():
    table, graph = np.arange(12, dtype=np.float32)[:, None], rng.integers(0, 12, (12, 3))
    options = {"epochs": 3, "seed": 1, "neighbours": graph}
    whole = [(x.numpy(), y.numpy()) for x, y in data.training_batches(table, 4, **options)[0]]
    rest = [(x.numpy(), y.numpy()) for x, y in data.training_batches(table, 4, initial_epoch=1, **options)[0]]
    np.testing.assert_array_equal(whole[3:], rest)
    assert not np.array_equal(whole[:3], whole[3:6])


def clusters(number, seed):
    """Images of 10 kinds along a line in pixel space each, and their kinds."""
    centres = np.random.default_rng(9).random((10, 12, 8, 1))
    slopes = np.random.default_rng(8).random((10, 12, 8, 1)) - 0.5
    draw = np.random.default_rng(seed)
    kinds = draw.integers(0, 10, number)
    along = draw.uniform(-0.3, 0.3, (number, 1, 1, 1))
    return np.clip(centres[kinds] + along * slopes[kinds], 0, 1).astype(np.float32), kinds


@pytest.mark.slow
def test_clusters_and_neighbourhoods_survive_on_the_map_for_new_examples():
    (train, kinds), (new, new_kinds) = clusters(1000, 0), clusters(300, 1)
    keras.utils.set_random_seed(0)
    model = small(filters=8, hidden_units=(32, 32))
    batches, steps = data.training_batches(train, 200, epochs=60, neighbours=data.nearest_neighbours(train, 10))
    model.compile(keras.optimizers.Adam(5e-3))
    model.fit(batches, steps_per_epoch=steps, epochs=60, verbose=0)
    codes = np.asarray(model.encode(new))
    found = KNeighborsClassifier(5).fit(np.asarray(model.encode(train)), kinds).score(codes, new_kinds)
    assert found > 0.99
    assert trustworthiness(new.reshape(300, -1), codes, n_neighbors=12) > 0.97
    new_images = np.rint(new * 255).astype(np.uint8)
    split = data.DataSet("clusters", "clusters", new_images, new_images, new_images, "none")
    figures = tasks.measure_split(model, split)
    assert figures["trustworthiness"] == pytest.approx(
        trustworthiness(new.reshape(300, -1), codes, n_neighbors=12), abs=1e-3
    )


def test_the_recipe_trains_on_fewer_images_than_neighbours(tmp_path):
    from PIL import Image

    for index in range(12):
        Image.fromarray(rng.integers(0, 256, (28, 28), dtype=np.uint8)).save(tmp_path / f"{index}.png")
    done = training.train("map_ae", data_source=str(tmp_path), output=tmp_path / "out", epochs=1)
    assert done.record["recipe"]["neighbours"] > len(done.data.train)
    assert np.isfinite(done.history["loss"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent_dim": 0}, "latent_dim and hidden_units must be positive"),
        ({"hidden_units": ()}, "latent_dim and hidden_units must be positive"),
        ({"filters": 1}, "filters at least 2"),
        ({"neighbour_weight": 0.0}, "neighbour_weight must be above 0"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        models.MapAE(**options)
