"""zoo.Detector and AutoencoderDetector beside classical detectors: area under the ROC curve of what does not fit.

    python benchmarks/detection.py fashion_mnist -o detection_images.json
    python benchmarks/detection.py mitbih -o detection_ecg.json
    python benchmarks/detection.py tables -o detection_tables.json

Of Fashion-MNIST each class is normal in turn: detecting_ae is trained on it by its recipe, and the official test split
is scored, beside a one-class SVM on principal components, their reconstruction error, and a plain autoencoder
(dense_ae). Of heartbeats the shipped detecting_signal_ae.mitbih, which learned normal ones of DS1's people, tells
ventricular ones of DS2's people from normal ones. Of ten tables, and several seeds each, half of the normal rows are
learned. No labels but these are used.
"""

import argparse
import dataclasses
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.svm import OneClassSVM

import zoo
from zoo import backend, data, evaluation, registry, training
from zoo.sklearn import AutoencoderDetector, Normality

COMPONENTS = 32  # of PCA
MOST = 3000  # examples that a one-class SVM is fitted to


def classical(normal: np.ndarray, others: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Scores of vectors ``(n, features)`` by detectors without a network."""
    pca = PCA(min(COMPONENTS, *normal.shape), random_state=seed).fit(normal)
    codes, found = pca.transform(normal), pca.transform(others)
    chosen = np.random.default_rng(seed).permutation(len(normal))[:MOST]
    svm = OneClassSVM(nu=0.1, gamma="scale").fit(codes[chosen])
    forest = IsolationForest(random_state=seed).fit(normal)
    return {
        "one-class SVM on PCA": -svm.decision_function(found),
        "PCA error": np.square(others - pca.inverse_transform(found)).sum(axis=1),
        "IsolationForest": -forest.score_samples(others),
    }


def trained(name: str, **options) -> training.Training:
    """A model by its recipe, which is not kept."""
    with tempfile.TemporaryDirectory() as folder:
        return training.train(name, output=folder, **options)


def detected(found: training.Training) -> dict[str, np.ndarray]:
    """Scores of the test split, and of its parts apart."""
    normality = Normality.fitted(*evaluation.measured(found.model, found.data.train))
    measured = evaluation.measured(found.model, found.data.test)
    parts = normality.parts(*measured)
    return {"detector": normality.scores(*measured), **{f"its {name} alone": part for name, part in parts.items()}}


def plain(images: np.ndarray, others: np.ndarray, epochs: int, seed: int) -> np.ndarray:
    """The reconstruction error of dense_ae."""
    recipe = registry.CATALOG["dense_ae"].recipes["fashion_mnist"]
    model = registry.create("dense_ae")
    batches, steps = data.training_batches(images, recipe.batch_size, epochs=epochs, seed=seed)
    model.compile(training.optimizer(dataclasses.replace(recipe, epochs=epochs), steps))
    model.fit(batches, steps_per_epoch=steps, epochs=epochs, verbose=0, shuffle=False)
    x = data.unit(others)
    return np.square(x - model.predict(x, batch_size=500, verbose=0)).sum(axis=(1, 2, 3))


def areas(scores: dict[str, np.ndarray], outlying: np.ndarray) -> dict[str, float]:
    return {name: float(roc_auc_score(outlying, values)) for name, values in scores.items()}


def images(options: argparse.Namespace) -> dict:
    classes = data.load("fashion_mnist").classes
    rows = json.loads(options.output.read_text())["classes"] if options.output.exists() else {}
    for name in classes:
        if name in rows:
            continue
        start = time.process_time()
        found = trained("detecting_ae.fashion_mnist", normal=name, seed=options.seed)
        train, test = (data.unit(part).reshape(len(part), -1) for part in (found.data.train, found.data.test))
        scores = {
            **detected(found),
            **classical(train, test, options.seed),
            "dense_ae error": plain(found.data.train, found.data.test, options.epochs, options.seed),
        }
        outlying = np.array(found.data.names_of("test")) != name
        rows[name] = {**areas(scores, outlying), "seconds": round(time.process_time() - start, 1)}
        print(name, rows[name], flush=True)
        options.output.write_text(json.dumps({"classes": rows}, indent=2) + "\n")
    mean = {key: float(np.mean([row[key] for row in rows.values()])) for key in next(iter(rows.values()))}
    return {"data": "fashion_mnist", "seed": options.seed, "classes": rows, "mean": mean}


def heartbeats(options: argparse.Namespace) -> dict:
    detector, card = zoo.Detector("detecting_signal_ae.mitbih"), zoo.info("detecting_signal_ae.mitbih")
    loaded = detector.modality.load("mitbih", detector.model.example_shape)
    loaded = detector.modality.prepared(detector.model, loaded).with_normal(card["data"]["normal"])
    names = np.array(loaded.names_of("test"))
    chosen = np.isin(names, ("N", "V"))
    train, test = (data.unit(part).reshape(len(part), -1) for part in (loaded.train, loaded.test[chosen]))
    names = names[chosen]
    scores = {"detector": detector.scores(loaded.test[chosen])}
    parts = detector.parts(loaded.test[chosen])
    scores |= {f"its {name} alone": part for name, part in parts.items()} | classical(train, test, options.seed)
    return {
        "data": "mitbih, V against N of DS2",
        "seed": options.seed,
        "beats": {name: int((names == name).sum()) for name in ("N", "V")},
        "auc": areas(scores, names == "V"),
    }


def ten_tables() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name → rows, and which of them do not fit: a class of scikit-learn's tables, or what lies off a shape."""
    rng = np.random.default_rng(0)

    def of_class(load, *outlying):
        found = load()
        return found.data, np.isin(found.target, outlying)

    def off(shape, spread=1.3):
        low, high = shape.min(axis=0), shape.max(axis=0)
        middle, half = (low + high) / 2, spread * (high - low) / 2
        noise = rng.uniform(middle - half, middle + half, (len(shape) // 5, shape.shape[1]))
        return np.concatenate([shape, noise]), np.arange(len(shape) + len(noise)) >= len(shape)

    return {
        "breast_cancer, malignant": of_class(datasets.load_breast_cancer, 0),
        "wine, cultivar 0": of_class(datasets.load_wine, 0),
        "wine, cultivar 2": of_class(datasets.load_wine, 2),
        "iris, virginica": of_class(datasets.load_iris, 2),
        "digits, 0": of_class(datasets.load_digits, 0),
        "digits, 8": of_class(datasets.load_digits, 8),
        "moons": off(datasets.make_moons(500, noise=0.05, random_state=0)[0]),
        "s_curve": off(datasets.make_s_curve(500, noise=0.05, random_state=0)[0]),
        "swiss_roll": off(datasets.make_swiss_roll(500, noise=0.3, random_state=0)[0]),
        "blobs": off(datasets.make_blobs(500, 6, centers=3, random_state=0)[0]),
    }


def tables(options: argparse.Namespace) -> dict:
    rows = {}
    for name, (x, outlying) in ten_tables().items():
        found = []
        for seed in range(options.seed, options.seed + options.seeds):
            normal = np.random.default_rng(seed).permutation(np.flatnonzero(~outlying))
            fitting = normal[: len(normal) // 2]
            held_out = np.setdiff1d(np.arange(len(x)), fitting)
            centre, spread = x[fitting].mean(axis=0), x[fitting].std(axis=0)
            standard = (x - centre) / np.where(spread > 0, spread, 1)
            scores = classical(standard[fitting], standard[held_out], seed)
            pca = PCA().fit(standard[fitting])  # PyOD's PCA: distances along all components, in their deviations
            kept = pca.explained_variance_ > 1e-9
            along = pca.transform(standard[held_out])[:, kept] ** 2 / pca.explained_variance_[kept]
            scores["PCA"] = along.sum(axis=1)
            scores["AutoencoderDetector"] = (
                -AutoencoderDetector(random_state=seed).fit(x[fitting]).score_samples(x[held_out])
            )
            found.append(areas(scores, outlying[held_out]))
        rows[name] = {key: float(np.mean([row[key] for row in found])) for key in found[0]}
        print(name, rows[name], flush=True)
    mean = {key: float(np.mean([row[key] for row in rows.values()])) for key in next(iter(rows.values()))}
    return {"seeds": options.seeds, "tables": rows, "mean": mean}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("fashion_mnist", "mitbih", "tables"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3, help="Of tables: splits and trainings.")
    parser.add_argument("--epochs", type=int, default=12, help="Of the plain autoencoder.")
    parser.add_argument("--threads", type=int, help="Processor threads; default: all.")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    backend.start(options.threads, deterministic=True)
    result = {"fashion_mnist": images, "mitbih": heartbeats, "tables": tables}[options.what](options)
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
