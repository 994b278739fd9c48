"""Which 50 of 784 pixels to keep, without labels: concrete_ae beside what one would choose by otherwise.

    python benchmarks/feature_selection.py --data fashion_mnist --seeds 5 -o selection.json

From each seed all choose on the official training split less 5,000 images that the seed draws for validation, and
without labels. Measured on the official test split (or, with ``--split validation``, on what was held out, for choices
of hyper-parameters):

- ``read_out_mse``: of all 784 pixels in [0, 1], read off the chosen ones by least squares that are fitted to the
  training images;
- ``accuracy``: of extremely randomised trees (scikit-learn's ExtraTreesClassifier, 50 of them, as in Balın, Abid & Zou
  2019) that are fitted to the chosen pixels of the training images and their labels.

Beside concrete_ae, trained by its recipe:

- ``top_variance``: the pixels that vary most;
- ``pca_loadings``: the largest sums of absolute loadings on the first 50 principal components, each weighted by the
  share of variance that it explains;
- ``principal_features``: k-means of the pixels' absolute loadings on those components into 50 groups, and of each group
  the pixel nearest to its mean (Lu et al. 2007);
- ``random``: of the pixels that vary at all, two draws;
- ``encoder_weights``: the ranking by the connection weights of dense_ae, trained by its recipe for 10 epochs;
- ``greedy``: forward selection of the pixel that lowers the read-out error of the training images most. It minimises
  the first measure itself, and shows how much is left to gain.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier

from zoo import backend, data, evaluation, training
from zoo.cli.console import progress
from zoo.sklearn import feature_importances

MEASURES = ("read_out_mse", "accuracy")
RANDOM_DRAWS = 2
DENSE_EPOCHS = 10


def pca_loadings(examples: np.ndarray, k: int) -> np.ndarray:
    """Indices ``(k,)`` of the features with the largest loadings, weighted by explained variance."""
    pca = PCA(k, random_state=0).fit(examples)
    return np.argsort(-(pca.explained_variance_ratio_ @ np.abs(pca.components_)))[:k]


def principal_features(examples: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Indices ``(k,)`` of one feature from each group of features with alike loadings."""
    loadings = np.abs(PCA(k, random_state=0).fit(examples).components_.T)
    groups = KMeans(k, n_init=3, random_state=seed).fit(loadings)
    distances = groups.transform(loadings)
    return np.array(
        [
            members[distances[members, group].argmin()]
            for group in range(k)
            for members in [np.flatnonzero(groups.labels_ == group)]
        ]
    )


def greedy(examples: np.ndarray, k: int) -> np.ndarray:
    """Indices ``(k,)`` of forward selection by the error of the linear read-out."""
    residual, chosen = np.cov(examples.T, bias=True), []
    for _ in range(k):
        gain = np.square(residual).sum(axis=0) / np.maximum(np.diag(residual), 1e-9)
        gain[chosen] = -1.0
        chosen.append(int(gain.argmax()))
        column = residual[:, chosen[-1]]
        residual = residual - np.outer(column, column) / column[chosen[-1]]
    return np.array(chosen)


def trained(name: str, seed: int, bar, **changes):
    """A model of the catalogue, by its recipe with another seed."""
    with tempfile.TemporaryDirectory() as folder:
        return training.train(name, output=folder, seed=seed, progress=bar, **changes).model


def measure(fitting: np.ndarray, testing: np.ndarray, labels: tuple, chosen: np.ndarray, seed: int) -> dict[str, float]:
    """Both measures of chosen pixels.

    Args:
        fitting, testing: images ``(n, pixels)`` in [0, 1].
        labels: of both.
        chosen: indices of pixels.
        seed: of the trees.
    """
    trees = ExtraTreesClassifier(50, random_state=seed).fit(fitting[:, chosen], labels[0])
    return {
        "read_out_mse": evaluation.linear_read_out(fitting, testing, chosen),
        "accuracy": float(trees.score(testing[:, chosen], labels[1])),
    }


def choices(loaded: data.DataSet, fitting: np.ndarray, k: int, seed: int, bar, changes: dict):
    """Each method's choices of one seed: ``(method, indices, what else is said of it)``."""
    yield "top_variance", evaluation.top_variance(fitting, k), {}
    yield "pca_loadings", pca_loadings(fitting, k), {}
    varying = np.flatnonzero(fitting.std(axis=0))
    for draw in range(RANDOM_DRAWS):
        rng = np.random.default_rng(RANDOM_DRAWS * seed + draw)
        yield "random", rng.choice(varying, k, replace=False), {"draw": draw}
    yield "principal_features", principal_features(fitting, k, seed), {}
    yield "greedy", greedy(fitting, k), {}
    dense = trained(f"dense_ae.{loaded.name}", seed, bar, **{"epochs": DENSE_EPOCHS, **changes})
    yield "encoder_weights", np.argsort(-feature_importances(dense, spread=fitting.std(axis=0)))[:k], {}
    concrete = trained(f"concrete_ae.{loaded.name}", seed, bar, overrides={"latent_dim": k}, **changes)
    yield "concrete_ae", concrete.selected, {"certainty": float(concrete.selector.certainty)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=("fashion_mnist", "mnist"), default="fashion_mnist")
    parser.add_argument("-k", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, help="default: the recipes'")
    parser.add_argument("--split", choices=("test", "validation"), default="test")
    parser.add_argument("--threads", type=int)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()

    backend.start(options.threads)
    changes = {} if options.epochs is None else {"epochs": options.epochs}
    runs = []
    with progress() as bar:
        for seed in range(options.seeds):
            loaded = data.load(options.data, seed=seed)  # as `train` does
            fitting, testing = (
                images.reshape(len(images), -1).astype(np.float32) / 255
                for images in (loaded.train, getattr(loaded, options.split))
            )
            labels = loaded.labels["train"], loaded.labels[options.split]
            for method, chosen, said in choices(loaded, fitting, options.k, seed, bar, changes):
                figures = measure(fitting, testing, labels, chosen, seed)
                runs.append({"method": method, "seed": seed, **said, **figures, "chosen": sorted(map(int, chosen))})
                print(json.dumps({key: value for key, value in runs[-1].items() if key != "chosen"}), flush=True)
    summary = {
        method: {
            key: {
                "mean": float(np.mean(values)),
                "standard_deviation": float(np.std(values, ddof=len(values) > 1)),
                "values": values,
            }
            for key in MEASURES
            for values in [[run[key] for run in runs if run["method"] == method]]
        }
        for method in dict.fromkeys(run["method"] for run in runs)
    }
    result = {"data": options.data, "split": options.split, "k": options.k, "summary": summary, "runs": runs}
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    for method, figures in summary.items():
        print(
            method,
            *(f"{key} {figures[key]['mean']:.5f} ± {figures[key]['standard_deviation']:.5f}" for key in MEASURES),
        )


if __name__ == "__main__":
    main()
