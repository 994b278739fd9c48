"""What the loss buys: dense_ae trained by squared error and by cross-entropy, each measured by both.

    python benchmarks/reconstruction_losses.py fashion_mnist --seeds 3 -o losses.json

Equal otherwise: net, data, order, optimiser, learning rate, epochs. Both measures are of the official test split.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import keras
import numpy as np

from zoo import data, losses, registry, training

LOSSES = {"squared error": losses.SquaredError, "cross-entropy": losses.BinaryCrossentropy}


def trained(name: str, loss: keras.losses.Loss, images: np.ndarray, epochs: int, seed: int) -> keras.Model:
    recipe = registry.spec_of(name).recipes[name.rpartition(".")[2]]
    recipe = dataclasses.replace(recipe, epochs=epochs, seed=seed)
    keras.utils.set_random_seed(seed)
    model = registry.create(name)
    batches, steps = data.training_batches(images, recipe.batch_size, epochs=epochs, seed=seed)
    model.compile(training.optimizer(recipe, steps), loss, jit_compile=recipe.jit_compile)
    model.fit(batches, steps_per_epoch=steps, epochs=epochs, verbose=0, shuffle=False)
    return model


def measured(model: keras.Model, images: np.ndarray) -> dict[str, float]:
    reconstruction = model.predict(images, batch_size=500, verbose=0)
    return {
        "mse": float(np.mean((images - reconstruction) ** 2)),
        "cross_entropy_nats": float(losses.BinaryCrossentropy()(images, reconstruction)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=("fashion_mnist", "mnist"))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()

    loaded = data.load(options.data)
    test = loaded.test.astype(np.float32) / 255
    result = {
        "data": options.data,
        "epochs": options.epochs,
        "trained by": {
            name: [
                measured(trained(f"dense_ae.{options.data}", make(), loaded.train, options.epochs, seed), test)
                for seed in range(options.seeds)
            ]
            for name, make in LOSSES.items()
        },
    }
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
