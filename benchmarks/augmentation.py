"""What augmentation of the discriminator buys on few pictures: a GAN trained with it and without, otherwise equal.

    python benchmarks/augmentation.py --data flowers/ -o augmentation.json

Each picture gives square views, along its longer side, of ``--size`` pixels; a fifth of the pictures is held out, with
all its views. Samples are compared with the views that were trained on, and with those held out, by the Fréchet
distance between the features of a named classifier of the zoo, which sees all of them at its own size. The generator's
average is measured every ``--every`` steps, and the last and the best measurement are given: without augmentation a
long training ends worse than it once was.
"""

import argparse
import json
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from zoo import data, models, optimizers, registry
from zoo.evaluation import frechet_distance
from zoo.io import files, pictures
from zoo.layers.differentiable_augmentation import KINDS

HELD_OUT = 5  # every fifth picture


def views(folder: str, size: int, number: int, most: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Views for training and those held out, uint8 ``(n, size, size, 3)``."""
    parts: tuple[list, list] = ([], [])
    for index, (path, _) in enumerate(files.expand([folder], pictures.EXTENSIONS, "pictures")):
        picture = Image.open(path).convert("RGB")
        side, spare = min(picture.size), max(picture.size) - min(picture.size)
        for at in np.rint(np.linspace(0, spare, number) if number > 1 else [spare / 2]).astype(int):
            left, top = (at, 0) if picture.width > picture.height else (0, at)
            view = picture.resize((size, size), Image.Resampling.LANCZOS, (left, top, left + side, top + side))
            parts[index % HELD_OUT == 0].append(np.asarray(view))
    train, held_out = map(np.stack, parts)
    return (train if most is None else train[np.random.default_rng(0).permutation(len(train))[:most]]), held_out


class Measured(keras.callbacks.Callback):
    """Distances of samples to real views, every so many steps."""

    def __init__(self, classifier: models.Classifier, train: np.ndarray, held_out: np.ndarray, every: int, n: int):
        super().__init__()
        self.classifier, self.every, self.n = classifier, every, n
        self.real = {
            "train": self.features(train / np.float32(255)),
            "held_out": self.features(held_out / np.float32(255)),
        }
        self.rows: list[dict[str, float]] = []

    def features(self, images: np.ndarray) -> np.ndarray:
        sized = keras.ops.image.resize(
            images, self.classifier.image_shape[:2], antialias=True, data_format="channels_last"
        )
        return self.classifier.feature_network.predict(np.clip(sized, 0, 1), batch_size=500, verbose=0)

    def on_epoch_end(self, epoch, logs=None):
        found = self.features(self.model.generate(self.n, seed=0))
        distances = {name: float(frechet_distance(real, found)) for name, real in self.real.items()}
        self.rows.append({"step": (epoch + 1) * self.every, **distances})
        print(json.dumps(self.rows[-1]), flush=True)


def trained(options: argparse.Namespace, train: np.ndarray, held_out: np.ndarray, kinds, seed: int) -> list[dict]:
    """Measurements of one training."""
    keras.utils.set_random_seed(seed)
    shape = (options.size, options.size, 3)
    network = {"network": "residual", "filters": options.filters, "latent_dim": 128, "normalization": "spectral"}
    model = models.SNGAN(
        image_shape=shape, **network, score_scale=1.0, augmentation=kinds, seed=seed, dtype=options.dtype
    )
    rates = {"beta_1": 0.5, "use_ema": True, "ema_momentum": 0.995}
    model.compile(optimizers.Adam(2e-4, **rates), optimizers.Adam(4e-4, beta_1=0.5))
    number = options.steps // options.every
    batches, steps = data.training_batches(train, options.batch_size, epochs=options.every * number, seed=seed)
    measured = Measured(registry.load(options.classifier), train, held_out, options.every, options.samples)
    model.fit(batches, steps_per_epoch=options.every, epochs=number, shuffle=False, verbose=0, callbacks=[measured])
    return measured.rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="a folder of pictures")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--views", type=int, default=3, help="of each picture")
    parser.add_argument("-n", type=int, default=500, help="views to train with, at most")
    parser.add_argument("--filters", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--every", type=int, default=500)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--classifier", default="classifier.cifar10")
    parser.add_argument("--dtype", default="mixed_bfloat16")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()

    train, held_out = views(options.data, options.size, options.views, options.n)
    result = {
        "train": len(train),
        "held_out": len(held_out),
        **{k: v for k, v in vars(options).items() if k != "output"},
    }
    for name, kinds in (("plain", ()), ("augmented", KINDS)):
        runs = [trained(options, train, held_out, kinds, seed) for seed in range(options.seeds)]
        best = {part: [min(row[part] for row in rows) for rows in runs] for part in ("train", "held_out")}
        last = {part: [rows[-1][part] for rows in runs] for part in ("train", "held_out")}
        result[name] = {"last": last, "best": best, "runs": runs}
    for part in ("train", "held_out"):
        plain, augmented = (np.mean(result[name]["last"][part]) for name in ("plain", "augmented"))
        result[f"lower_by_percent_{part}"] = 100 * (1 - augmented / plain)
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({key: value for key, value in result.items() if key.startswith("lower")}))


if __name__ == "__main__":
    main()
