"""Tied weights against untied ones: tied_ae and its twin, whose decoder has kernels of its own.

    python benchmarks/tied_weights.py -o tied.json

Both are trained alike, from the same seeds: on the whole training split (test MSE, and the first epoch whose
validation MSE reaches a target) and on its first images only (the gap between training and test MSE at the end).
"""

import argparse
import json
from pathlib import Path
from statistics import mean

import keras
import numpy as np

from zoo import data, training
from zoo.models import TiedAE
from zoo.registry import Recipe


def train(images: np.ndarray, validation: np.ndarray | None, options, *, epochs: int, tied: bool, seed: int):
    """The model trained on uint8 images, and its validation MSE after every epoch."""
    keras.utils.set_random_seed(seed)
    model = TiedAE(tied=tied)
    model.build()
    steps = len(images) // options.batch_size
    recipe = Recipe(epochs=epochs, batch_size=options.batch_size, learning_rate=options.learning_rate)
    model.compile(training.optimizer(recipe, steps), metrics=["mse"], jit_compile=True)
    batches, _ = data.training_batches(images, options.batch_size, epochs=epochs, seed=seed)
    checked = None if validation is None else (validation / np.float32(255),)
    history = model.fit(
        batches,
        steps_per_epoch=steps,
        epochs=epochs,
        validation_data=checked,
        validation_batch_size=500,
        shuffle=False,
        verbose=0,
    ).history
    return model, history.get("val_mse", [])


def error(model: keras.Model, images: np.ndarray) -> float:
    """MSE on uint8 images."""
    return model.evaluate(images / np.float32(255), batch_size=500, verbose=0, return_dict=True)["mse"]


def measure(loaded: data.DataSet, options, *, tied: bool, seed: int) -> dict:
    """All figures of one model and one seed."""
    model, errors = train(
        loaded.train[: options.images], loaded.validation, options, epochs=options.epochs, tied=tied, seed=seed
    )
    few = loaded.train[: options.few]
    small, _ = train(few, None, options, epochs=options.few_epochs, tied=tied, seed=seed)
    few_train, few_test = error(small, few), error(small, loaded.test)
    return {
        "tied": tied,
        "seed": seed,
        "weights": model.count_params(),
        "test_mse": error(model, loaded.test),
        "validation_mse": errors,
        "epochs_to_target": next((i + 1 for i, value in enumerate(errors) if value <= options.target), None),
        "few_train_mse": few_train,
        "few_test_mse": few_test,
        "few_gap": few_test - few_train,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", default="fashion_mnist", choices=("fashion_mnist", "mnist"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=3e-3, help="peak of the cosine schedule")
    parser.add_argument("--images", type=int, help="of the training split; all by default")
    parser.add_argument("--target", type=float, default=0.0085, help="validation MSE to reach")
    parser.add_argument("--few", type=int, default=1000, help="training images of the second comparison")
    parser.add_argument("--few-epochs", type=int, default=200)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()

    loaded = data.load(options.data)
    runs = []
    print(
        f"{'seed':>4} {'':6} {'weights':>8} {'test MSE':>9} {'epochs':>6}   {options.few} images: train    test     gap"
    )
    for seed in range(options.seeds):
        for tied in (True, False):
            runs.append(run := measure(loaded, options, tied=tied, seed=seed))
            print(
                f"{seed:4} {'tied' if tied else 'untied':6} {run['weights']:8} {run['test_mse']:9.5f} "
                f"{run['epochs_to_target'] or '-':>6} {run['few_train_mse']:22.5f} {run['few_test_mse']:.5f} "
                f"{run['few_gap']:.5f}",
                flush=True,
            )

    def average(figure: str, tied: bool) -> float:
        return mean(run[figure] for run in runs if run["tied"] == tied)

    ratios = {
        figure: average(figure, True) / average(figure, False)
        for figure in ("weights", "test_mse", "few_test_mse", "few_gap")
    }
    print("tied / untied, of the means:", ", ".join(f"{name} {value:.3f}" for name, value in ratios.items()))
    settings = {name: value for name, value in vars(options).items() if name != "output"}
    options.output.write_text(json.dumps({"settings": settings, "ratios": ratios, "runs": runs}, indent=2) + "\n")


if __name__ == "__main__":
    main()
