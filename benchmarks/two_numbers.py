"""How much of a picture's class two numbers keep: 5 nearest neighbours in a code of length 2, learned without labels.

    python benchmarks/two_numbers.py mnist --seeds 5 -o two.json

Beside the first two principal components of the same training split. The net is dense_ae with ``latent_dim=2``; labels
are used only to measure, on the official test split.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from zoo import data, evaluation, registry, training


def trained(name: str, images: np.ndarray, epochs: int, seed: int) -> keras.Model:
    recipe = dataclasses.replace(registry.spec_of(name).recipes[name.rpartition(".")[2]], epochs=epochs, seed=seed)
    keras.utils.set_random_seed(seed)
    model = registry.create(name, latent_dim=2)
    batches, steps = data.training_batches(images, recipe.batch_size, epochs=epochs, seed=seed)
    model.compile(training.optimizer(recipe, steps), jit_compile=recipe.jit_compile)
    model.fit(batches, steps_per_epoch=steps, epochs=epochs, verbose=0, shuffle=False)
    return model


def pca_accuracy(loaded: data.DataSet, split: str) -> float:
    train, other = (images.reshape(len(images), -1) / 255.0 for images in (loaded.train, getattr(loaded, split)))
    pca = PCA(2).fit(train)
    classifier = KNeighborsClassifier(5).fit(pca.transform(train), loaded.labels["train"])
    return float(classifier.score(pca.transform(other), loaded.labels[split]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=("fashion_mnist", "mnist"))
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--split", choices=("test", "validation"), default="test")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()

    loaded = data.load(options.data)
    baseline = pca_accuracy(loaded, options.split)
    accuracies = []
    for seed in range(options.seeds):
        model = trained(f"dense_ae.{options.data}", loaded.train, options.epochs, seed)
        accuracies.append(evaluation.measure_code(model, loaded, split=options.split)["knn5_accuracy"])
        print(f"seed {seed}: {accuracies[-1]:.4f}, {accuracies[-1] / baseline:.2f} × PCA", flush=True)
    result = {
        "data": options.data,
        "split": options.split,
        "epochs": options.epochs,
        "pca_2": baseline,
        "knn5_accuracy": accuracies,
        "mean": float(np.mean(accuracies)),
        "mean_over_pca_2": float(np.mean(accuracies) / baseline),
    }
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
