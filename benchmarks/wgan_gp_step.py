"""What a step of WGAN-GP costs: this package's against the structure that tutorials have, on the same nets.

    python benchmarks/wgan_gp_step.py -o wgan_gp_step.json

The other structure is that of keras.io's example "WGAN-GP overriding Model.train_step", written anew: for each of the
critic's k steps, on the whole batch, it draws noise, runs the generator in the mode of training, scores fake and real
images in two passes, and takes the gradient penalty at points of a normal distribution; then the generator moves. Both
see k batches of real images in the critic a step, by default of 32, as ``wgan_gp``'s recipe has them, and of 64, as
the paper: what a step costs whatever its batch weighs more in the smaller. Same nets and the same Adam, float32,
threads and process; the tutorial has Keras' own leaky rectifier and optimiser, as tutorials do, this package its own.
The two take turns, so that other work on the machine slows both alike, and the figures are medians: compare them
within a run. By default, Keras compiles the tutorial by XLA (``jit_compile="auto"``), and this package's models
without.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import median

import keras
import numpy as np
import tensorflow as tf

from zoo import backend, models, optimizers
from zoo.layers import LeakyReLU

NETS = {
    "conv": lambda: models.WGANGP(filters=64, seed=0),
    "dense": lambda: models.GAN(gradient_penalty_weight=10.0, normalized=False, dropout=0.0, seed=0),
}
ADAM = {"learning_rate": 1e-4, "beta_1": 0.0, "beta_2": 0.9}


def plain(net: keras.Model) -> keras.Model:
    """The same net of Keras' own layers, where this package has one of its own in place of Keras'."""

    def copied(layer):
        if isinstance(layer, LeakyReLU):
            return keras.layers.LeakyReLU(layer.negative_slope)
        return type(layer).from_config(layer.get_config())

    return keras.models.clone_model(net, clone_function=copied)


class Tutorial(keras.Model):
    """The example's structure, with the nets of one of this package's models.

    Args:
        model: whose generator and discriminator are trained.
        steps: k of the critic.
        weight: of the gradient penalty.
    """

    def __init__(self, model: models.AdversarialModel, steps: int, weight: float):
        super().__init__()
        self.generator, self.discriminator = plain(model.generator), plain(model.discriminator)
        self.latent_dim, self.steps, self.weight = model.latent_dim, steps, weight

    def compile(self, **kwargs):
        super().compile(**kwargs)
        self.generator_optimizer = keras.optimizers.Adam(**ADAM)
        self.discriminator_optimizer = keras.optimizers.Adam(**ADAM)
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    def gradient_penalty(self, number, real, fake):
        alpha = tf.random.normal([number] + [1] * (len(real.shape) - 1), 0.0, 1.0)
        between = real + alpha * (fake - real)
        with tf.GradientTape() as tape:
            tape.watch(between)
            scores = self.discriminator(between, training=True)
        slope = tape.gradient(scores, [between])[0]
        norm = tf.sqrt(tf.reduce_sum(tf.square(slope), axis=list(range(1, len(real.shape)))))
        return tf.reduce_mean((norm - 1.0) ** 2)

    def train_step(self, real):
        number = tf.shape(real)[0]
        for _ in range(self.steps):
            noise = tf.random.normal((number, self.latent_dim))
            with tf.GradientTape() as tape:
                fake = self.generator(noise, training=True)
                fake_scores = self.discriminator(fake, training=True)
                real_scores = self.discriminator(real, training=True)
                cost = tf.reduce_mean(fake_scores) - tf.reduce_mean(real_scores)
                loss = cost + self.weight * self.gradient_penalty(number, real, fake)
            gradients = tape.gradient(loss, self.discriminator.trainable_variables)
            self.discriminator_optimizer.apply_gradients(
                zip(gradients, self.discriminator.trainable_variables, strict=True)
            )
        noise = tf.random.normal((number, self.latent_dim))
        with tf.GradientTape() as tape:
            generator_loss = -tf.reduce_mean(self.discriminator(self.generator(noise, training=True), training=True))
        gradients = tape.gradient(generator_loss, self.generator.trainable_variables)
        self.generator_optimizer.apply_gradients(zip(gradients, self.generator.trainable_variables, strict=True))
        return {"d_loss": loss, "g_loss": generator_loss}


def contestants(net: str, batch_size: int, k: int) -> dict[tuple[str, bool], callable]:
    """(whose, with XLA) → function that trains for so many steps by ``fit``."""
    images = np.random.default_rng(0).random((k * batch_size, 28, 28, 1), dtype=np.float32)
    result = {}
    for jit in (False, True):
        ours = NETS[net]()
        players = optimizers.Adam(**ADAM), optimizers.Adam(**ADAM)
        ours.compile(*players, loss="wasserstein", discriminator_steps=k, jit_compile=jit)
        theirs = Tutorial(NETS[net](), k, weight=10.0)
        theirs.compile(jit_compile=jit)
        for whose, model, number in (("tutorial", theirs, batch_size), ("zoo", ours, k * batch_size)):
            batches = tf.data.Dataset.from_tensors(images[:number]).repeat()
            result[whose, jit] = lambda steps, model=model, batches=batches: model.fit(
                batches, steps_per_epoch=steps, verbose=0
            )
    return result


def measured(net: str, batch_size: int, k: int, repeats: int, seconds: float) -> dict:
    """Times of a step, and what they are to one another."""
    runs = contestants(net, batch_size, k)
    counts, times = {}, {key: [] for key in runs}
    for key, run in runs.items():
        run(2)  # traces and compiles
        started = time.perf_counter()
        run(2)
        counts[key] = max(2, round(2 * seconds / (time.perf_counter() - started)))
    for _ in range(repeats):
        for key, run in runs.items():
            started = time.perf_counter()
            run(counts[key])
            times[key].append((time.perf_counter() - started) / counts[key])
    rows = [
        {
            "whose": whose,
            "jit_compile": jit,
            "step_ms": 1e3 * median(values),
            "real_images_a_second": k * batch_size / median(values),
        }
        for (whose, jit), values in times.items()
    ]
    speed = {(row["whose"], row["jit_compile"]): row["real_images_a_second"] for row in rows}
    best = {whose: max(speed[whose, jit] for jit in (False, True)) for whose in ("zoo", "tutorial")}
    ratios = {
        "each as it compiles by default": speed["zoo", False] / speed["tutorial", True],
        "without XLA": speed["zoo", False] / speed["tutorial", False],
        "with XLA": speed["zoo", True] / speed["tutorial", True],
        "the better of each": best["zoo"] / best["tutorial"],
    }
    return {"net": net, "batch_size": batch_size, "rows": rows, "zoo_over_tutorial": ratios}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS))
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 64], help="of one step of the critic")
    parser.add_argument("-k", type=int, default=5, help="steps of the critic for each of the generator")
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=2.0, help="that each repeat takes, about")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()

    backend.start(options.threads)
    result = {"k": options.k, "threads": options.threads, "runs": []}
    for net in options.nets:
        for batch_size in options.batch_sizes:
            run = measured(net, batch_size, options.k, options.repeats, options.seconds)
            result["runs"].append(run)
            for row in run["rows"]:
                print(
                    f"{net:6} {batch_size:4} {row['whose']:9} {'XLA' if row['jit_compile'] else '':4} "
                    f"{row['step_ms']:8.1f} ms a step {row['real_images_a_second']:8.0f} real images a second",
                    flush=True,
                )
            ratios = ", ".join(f"{name} {ratio:.2f}" for name, ratio in run["zoo_over_tutorial"].items())
            print(f"{net:6} {batch_size:4} zoo / tutorial: {ratios}", flush=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
