"""map_ae beside UMAP and two principal components: neighbours kept of images that none of them was fitted to.

    python benchmarks/maps.py fashion_mnist -o maps.json

Each is fitted to the training split, or, of map_ae, was; each places the official test split. kNN-5 is how many test
images get their class from the 5 nearest training codes, trustworthiness (12 neighbours) is scikit-learn's, of test
images' pixels against test codes. Also measured: the int8 encoder, and the processor seconds, of all threads, that
placing the test split takes.
"""

import argparse
import json
import time
from pathlib import Path

import keras
import numpy as np
from rich.progress import Progress
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KNeighborsClassifier

import zoo
from zoo import backend, data, registry
from zoo.codec.litert import Network, as_int8, dequantized
from zoo.evaluation.codes import NEIGHBOURS
from zoo.tasks.map import NEIGHBOURS as MAP_NEIGHBOURS


def vectors(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def measured(train_codes: np.ndarray, codes: np.ndarray, loaded: data.DataSet, split: str) -> dict[str, float]:
    classifier = KNeighborsClassifier(NEIGHBOURS).fit(train_codes, loaded.labels["train"])
    images = vectors(getattr(loaded, split))
    return {
        "knn5_accuracy": float(classifier.score(codes, loaded.labels[split])),
        "trustworthiness": float(trustworthiness(images, codes, n_neighbors=MAP_NEIGHBOURS)),
    }


def timed(place, images: np.ndarray) -> tuple[np.ndarray, float]:
    """The codes, and the seconds that they took; a first call with a few images compiles what is compiled."""
    place(images[:200])
    start = time.process_time()
    codes = place(images)
    return codes, time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=("fashion_mnist", "mnist"))
    parser.add_argument("--model", help="map_ae of the data, or a folder")
    parser.add_argument("--split", choices=("test", "validation"), default="test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    backend.start(options.threads)

    import umap

    loaded = data.load(options.data)
    images = getattr(loaded, options.split)
    name = options.model or f"map_ae.{options.data}"
    model: keras.Model = zoo.load(name)
    network = Network(registry.artifact_of(name).file("encoder.tflite"))

    def litert(pixels: np.ndarray) -> np.ndarray:
        return dequantized(network(as_int8(pixels))[0], network.output)

    results = {}
    with Progress() as bar:
        task = bar.add_task("", total=4)

        def step(what: str) -> None:
            bar.update(task, description=what, advance=1)

        # Both networks get 8-bit images, and what turns them into numbers counts.
        for label, place in (("map_ae", lambda pixels: zoo.embed(pixels, model)), ("map_ae, int8 LiteRT", litert)):
            step(label)
            codes, seconds = timed(place, images)
            results[label] = {**measured(place(loaded.train), codes, loaded, options.split), "seconds": seconds}
        step("UMAP")
        reducer = umap.UMAP(random_state=options.seed, n_jobs=1)  # a seed allows one thread only
        start = time.process_time()
        train_codes = reducer.fit_transform(vectors(loaded.train))
        fitted = time.process_time() - start
        codes, seconds = timed(reducer.transform, vectors(images))
        results["UMAP"] = {
            **measured(train_codes, codes, loaded, options.split), "seconds": seconds, "seconds_to_fit": fitted
        }  # fmt: skip
        step("PCA")
        start = time.process_time()
        pca = PCA(2, random_state=options.seed).fit(vectors(loaded.train))
        fitted = time.process_time() - start
        codes, seconds = timed(pca.transform, vectors(images))
        train_codes = pca.transform(vectors(loaded.train))
        results["PCA"] = {
            **measured(train_codes, codes, loaded, options.split), "seconds": seconds, "seconds_to_fit": fitted
        }  # fmt: skip
    result = {"data": options.data, "split": options.split, "images": len(images), "results": results}
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
