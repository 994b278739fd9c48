"""What greedy layer-wise pretraining buys: a stack of eight sigmoid layers, with and without it.

    python benchmarks/greedy_pretraining.py fashion_mnist --seeds 5 -o greedy_pretraining.json

The stack is 784-512-256-128-32-128-256-512-784, every layer a sigmoid's, from Glorot's initial weights. Both ways run
over the training images equally often: pretraining gives each of the four pairs of layers a share of the epochs, and
what is left goes to the fine-tuning of the whole. Same optimiser, Adam with a cosine schedule, whose learning rate is
tuned for each way on the validation split, by the first seed. The figure is the final mean squared error on the
official test split.
"""

import argparse
import json
from pathlib import Path

import keras
import numpy as np

from zoo import backend, data, losses, models, training

LEARNING_RATES = (2e-3, 4e-3, 8e-3, 1.6e-2)
WAYS = ("plain", "pretrained")


def train(images: np.ndarray, way: str, learning_rate: float, epochs: int, pretraining_epochs: int, seed: int):
    """A trained stack."""
    keras.utils.set_random_seed(seed)
    model = models.StackedAE(
        image_shape=images.shape[1:], hidden_units=(512, 256, 128), latent_dim=32, code_activation="sigmoid"
    )
    model.build()
    if way == "pretrained":
        training.pretrain_greedily(
            model,
            images,
            epochs=pretraining_epochs,
            learning_rate=learning_rate,
            seed=seed,
            jit_compile=True,
            verbose=0,
        )
        epochs -= pretraining_epochs * len(model.stages())
    batches, steps = data.training_batches(images, 128, epochs=epochs, seed=seed)
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * steps)
    model.compile(keras.optimizers.Adam(schedule), losses.SquaredError(), metrics=["mse"], jit_compile=True)
    model.fit(batches, steps_per_epoch=steps, epochs=epochs, shuffle=False, verbose=0)
    return model


def error(model: keras.Model, images: np.ndarray) -> float:
    return model.evaluate(images.astype(np.float32) / 255, batch_size=500, verbose=0, return_dict=True)["mse"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=("fashion_mnist", "mnist"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=24, help="in all, for both ways")
    parser.add_argument("--pretraining-epochs", type=int, default=3, help="of them, for each of the four stages")
    parser.add_argument("--learning-rates", type=float, nargs="+", default=LEARNING_RATES)
    parser.add_argument("--threads", type=int)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    if options.epochs <= 4 * options.pretraining_epochs:
        parser.error("--epochs must be more than four times --pretraining-epochs")

    backend.start(options.threads)
    images = data.load(options.data)
    budget = (options.epochs, options.pretraining_epochs)
    result = {"data": options.data, "epochs": options.epochs, "pretraining_epochs": options.pretraining_epochs}
    for way in WAYS:
        tuned = {rate: train(images.train, way, rate, *budget, seed=0) for rate in options.learning_rates}
        tuning = {rate: error(model, images.validation) for rate, model in tuned.items()}
        print(way, tuning, flush=True)
        rate = min(tuning, key=tuning.get)
        runs = []
        for seed in range(options.seeds):
            model = train(images.train, way, rate, *budget, seed) if seed else tuned[rate]
            runs.append({"seed": seed, "test_mse": error(model, images.test)})
            print(way, rate, runs[-1], flush=True)
        errors = [run["test_mse"] for run in runs]
        result[way] = {
            "validation_mse_by_learning_rate": tuning,
            "learning_rate": rate,
            "mean_test_mse": float(np.mean(errors)),
            "standard_deviation": float(np.std(errors, ddof=1)) if len(errors) > 1 else None,
            "runs": runs,
        }
    result["reduction"] = 1 - result["pretrained"]["mean_test_mse"] / result["plain"]["mean_test_mse"]
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
