"""What a sparsity penalty buys: sparse_ae beside its unregularised twin.

    python benchmarks/sparsity.py fashion_mnist --seeds 5 -o sparsity.json

Both are trained by sparse_ae's recipe, from the same seeds; the twin's ``sparsity_weight`` is 0. Measured on the
official test split:

- the mean activation of every unit of the code over the split, beside the target ρ;
- the mean squared error of the reconstruction;
- a linear probe: the accuracy of multinomial logistic regression on standardised codes, with an L2 penalty of 1e-4,
  fitted to the official training split by L-BFGS (SciPy);
- robustness: the same two with 30 % of each input's pixels set to 0, the error being that against the clean image.
"""

import argparse
import json
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow_datasets as tfds
from scipy.optimize import minimize
from scipy.special import log_softmax

from zoo import backend, training
from zoo.evaluation import mean_squared_error

MASKED = 0.3
PENALTY = 1e-4
TWINS = {"sparse": {}, "unregularised": {"sparsity_weight": 0.0}}


class LinearProbe:
    """Multinomial logistic regression on codes ``(n, units)``."""

    def __init__(self, codes: np.ndarray, labels: np.ndarray, iterations: int = 300):
        self.mean, self.scale = codes.mean(axis=0), codes.std(axis=0) + 1e-6
        x, classes = (codes - self.mean) / self.scale, labels.max() + 1
        one_hot = np.eye(classes, dtype=np.float32)[labels]

        def loss(parameters):
            weights = parameters.astype(np.float32).reshape(-1, classes)
            kernel, bias = weights[:-1], weights[-1]
            log_p = log_softmax(x @ kernel + bias, axis=1)
            error = (np.exp(log_p) - one_hot) / len(x)
            gradient = np.vstack([x.T @ error + PENALTY * kernel, error.sum(axis=0)])
            value = -(log_p * one_hot).sum(dtype=np.float64) / len(x) + PENALTY / 2 * np.square(kernel).sum()
            return value, gradient.astype(np.float64).ravel()

        start = np.zeros((x.shape[1] + 1) * classes)
        self.weights = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": iterations}).x
        self.weights = self.weights.reshape(-1, classes)

    def accuracy(self, codes: np.ndarray, labels: np.ndarray) -> float:
        scores = (codes - self.mean) / self.scale @ self.weights[:-1] + self.weights[-1]
        return float((scores.argmax(axis=1) == labels).mean())


def measure(model: keras.Model, target: float, fitting, testing) -> dict[str, float]:
    """All figures of one model.

    Args:
        model: a trained SparseAE.
        target: ρ.
        fitting, testing: images ``(n, height, width, channels)`` in [0, 1] and labels, for the probe and for the rest.
    """

    def encode(images):
        return model.encoder.predict(images, batch_size=500, verbose=0)

    def error(codes):
        return mean_squared_error(images, model.decoder.predict(codes, batch_size=500, verbose=0))

    images, labels = testing
    probe = LinearProbe(encode(fitting[0]), fitting[1])
    codes = encode(images)
    masked = encode(images * (np.random.default_rng(0).random(images.shape) >= MASKED))
    activity = codes.mean(axis=0)
    return {
        "median_activation": float(np.median(activity)),
        "median_over_target": float(np.median(activity)) / target,
        "units_above_tenth_of_target": float((activity > target / 10).mean()),
        "activation_percentiles_5_95": np.percentile(activity, [5, 95]).tolist(),
        "mse": error(codes),
        "probe_accuracy": probe.accuracy(codes, labels),
        "masked_mse": error(masked),
        "masked_probe_accuracy": probe.accuracy(masked, labels),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=("fashion_mnist", "mnist"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, help="default: the recipe's")
    parser.add_argument("--threads", type=int)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()

    backend.start(options.threads)
    (train_x, train_y), (test_x, test_y) = tfds.as_numpy(
        tfds.load(options.data, split=["train", "test"], batch_size=-1, as_supervised=True)
    )
    fitting, testing = (train_x.astype(np.float32) / 255, train_y), (test_x.astype(np.float32) / 255, test_y)
    changes = {} if options.epochs is None else {"epochs": options.epochs}
    runs = []
    for seed in range(options.seeds):
        for twin, overrides in TWINS.items():
            with tempfile.TemporaryDirectory() as folder:
                trained = training.train(
                    f"sparse_ae.{options.data}", output=folder, overrides=overrides, seed=seed, **changes
                )
            target = trained.model.sparsity_target
            figures = measure(trained.model, target, fitting, testing)
            runs.append({"seed": seed, "twin": twin, "seconds": trained.record["seconds"], **figures})
            print(json.dumps(runs[-1]), flush=True)
    keys = ("mse", "probe_accuracy", "masked_mse", "masked_probe_accuracy")
    result = {
        "data": options.data,
        "target": target,
        "epochs": trained.record["epochs"],
        "mean_over_seeds": {
            twin: {key: float(np.mean([run[key] for run in runs if run["twin"] == twin])) for key in keys}
            for twin in TWINS
        },
        "runs": runs,
    }
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["mean_over_seeds"], indent=2))


if __name__ == "__main__":
    main()
