"""Discriminators alone: what they pass on to a generator that stands still, and what clipping leaves of a critic."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from zoo import backend, data, evaluation, losses, models, optimizers
from zoo.experiments.divergences import check_counts
from zoo.experiments.toy import fit_steps, point_gan, standing

# Loss of the generator → loss that its discriminator was trained by.
GENERATOR_LOSSES = {"minimax": "non_saturating", "non_saturating": "non_saturating", "wasserstein": "wasserstein"}


def generator_gradients(
    *,
    mixture: data.Mixture | None = None,
    steps: int = 2048,
    seeds: int = 3,
    batch_size: int = 256,
    hidden_units: Sequence[int] = (64, 64),
    learning_rate: float = 1e-3,
    gradient_penalty_weight: float = 10.0,
    samples: int = 2000,
    progress: Any = None,
) -> dict[str, Any]:
    """How much gradient reaches a generator that stands still while its discriminator grows stronger.

    The discriminator of the first GAN is trained alone, by cross-entropy, and looked at after 0, 1, 2, 4, … steps; so
    is a critic with gradient penalty, from the same weights. Each time the norm of the gradient by all of the
    generator's weights is taken: of ``E log(1 − σ(D))``, which vanishes as the discriminator wins, of ``−E log σ(D)``,
    and of ``−E D`` of the critic. The generator is as it was initialised.

    Args:
        mixture: the real points; None for eight narrow Gaussians in 32 dimensions, where they and the generator's
            surface of two dimensions do not meet, as those of images hardly ever do.
        steps: of the discriminator.
        seeds: how many initialisations.
        batch_size: points a step.
        hidden_units: of both nets.
        learning_rate: of Adam.
        gradient_penalty_weight: of the critic.
        samples: generated points that the gradient is a mean over.
        progress: a started ``rich.progress.Progress`` to report to.

    Returns:
        ``steps`` looked at; ``norms``: loss → a list for every seed, a norm for every look; ``accuracy``: the
        discriminator's, on as many real and generated points, likewise.

    Raises:
        ValueError: if a number is below 1.

    References:
        Arjovsky & Bottou 2017, "Towards Principled Methods for Training Generative Adversarial Networks", figures 2 and
        3; Goodfellow et al. 2014, §3.
    """
    check_counts(steps=(steps, 1), seeds=(seeds, 1), samples=(samples, 1))
    mixture = mixture or data.Mixture(np.random.default_rng(0).standard_normal((8, 32)), 0.01)
    at = sorted({0, *(2**i for i in range(steps.bit_length())), steps})
    norms: dict[str, list[list[float]]] = {name: [[] for _ in range(seeds)] for name in GENERATOR_LOSSES}
    accuracy: list[list[float]] = [[] for _ in range(seeds)]
    task = progress and progress.add_task("gradients of a generator", total=2 * seeds * len(at), status="")
    for seed in range(seeds):
        noise = np.random.default_rng(seed).standard_normal((samples, 2)).astype(np.float32)
        real = mixture.sample(samples, seed=seed)
        for trained_by in dict.fromkeys(GENERATOR_LOSSES.values()):
            critic = trained_by == "wasserstein"
            model = point_gan(
                seed=seed,
                example_shape=mixture.centres.shape[1:],
                hidden_units=tuple(hidden_units),
                gradient_penalty_weight=gradient_penalty_weight if critic else 0.0,
            )
            adam = optimizers.Adam(learning_rate, beta_1=0.5, beta_2=0.9)
            model.compile(standing(), adam, trained_by, 1)

            def look(
                step, seconds, model=model, critic=critic, seed=seed, trained_by=trained_by, noise=noise, real=real
            ):
                for name, by in GENERATOR_LOSSES.items():
                    if by == trained_by:
                        norms[name][seed].append(_gradient_norm(model, losses.adversarial_loss(name), noise))
                if not critic:
                    right = (ops.convert_to_numpy(model.scores(real, frozen=True)) > 0).mean()
                    wrong = (ops.convert_to_numpy(model.scores(model(noise), frozen=True)) > 0).mean()
                    accuracy[seed].append(float(right + 1 - wrong) / 2)
                if progress:
                    progress.advance(task)

            fit_steps(model, mixture.sample, steps, batch_size=batch_size, seed=seed, at=at, look=look)
    return {"steps": at, "norms": norms, "accuracy": accuracy}


def clipping_capacity(
    *,
    constants: Sequence[float] = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
    gradient_penalty_weight: float = 10.0,
    steps: int = 1500,
    batch_size: int = 256,
    units: int = 64,
    depth: int = 6,
    seed: int = 0,
    side: int = 60,
    samples: int = 1000,
    progress: Any = None,
) -> dict[str, Any]:
    """What is left of a critic whose weights are clipped to [−c, c], beside one with gradient penalty.

    Each critic is trained alone on one pair of distributions: eight Gaussians on a circle of radius 2, and the same
    points with noise N(0, I) added. A step moves a weight by at most about a tenth of c, so that all have as much room
    for their moves.

    Args:
        constants: values of c > 0.
        gradient_penalty_weight: of the critic that is not clipped.
        steps: of each critic.
        batch_size: points a step.
        units, depth: of the critic: width, and number of hidden layers.
        seed: of weights and points, the same for all.
        side: points along each side of the grid that the critic's surface is drawn on.
        samples: points, of each distribution, that figures are means over.
        progress: a started ``rich.progress.Progress`` to report to.

    Returns:
        ``earth_mover_distance`` between samples of the two distributions, which no critic of slope 1 can exceed but by
        chance; ``extent`` of the grid, from −extent to extent; ``real``, some points of the first distribution; and
        ``critics``: a dictionary each, with ``clip`` (None: gradient penalty), ``estimate``, the difference of the mean
        scores, ``mean_slope`` and ``largest_slope`` on the grid, ``share``, the estimate over the largest slope, as a
        share of the distance: 1 for the best critic there is; ``gradient_norms`` of the loss by the activations after
        each hidden layer, the first one first; ``at_bound``, the share of weights within 1 % of ±c; ``weights``, a
        histogram as ``edges`` and ``counts``; and ``surface``, the scores on the grid, a row for each y.

    Raises:
        ValueError: if a number is out of its range.

    References:
        Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", figure 1.
    """
    if not len(constants) or not all(c > 0 for c in constants):
        raise ValueError(f"constants must be one or more numbers above 0: received {list(constants)!r}.")
    check_counts(steps=(steps, 1), units=(units, 1), depth=(depth, 1), side=(side, 2), samples=(samples, 2))
    mixture, extent = data.ring(radius=2.0, sigma=0.02), 4.0
    real = mixture.sample(samples, seed=seed + 1)
    other = mixture.sample(samples, seed=seed + 2)
    fake = other + np.random.default_rng(seed).standard_normal(other.shape).astype(np.float32)
    distance = evaluation.earth_mover_distance(real, fake)
    across = np.linspace(-extent, extent, side, dtype=np.float32)
    points = np.stack(np.meshgrid(across, across), axis=-1).reshape(-1, 2)
    task = progress and progress.add_task("clipped critics", total=len(constants) + 1, status="")
    critics = []
    for clip in (*constants, None):
        keras.utils.set_random_seed(seed)
        model = _CriticOfNoise(
            units=units,
            depth=depth,
            clip=clip,
            gradient_penalty_weight=0.0 if clip else gradient_penalty_weight,
            seed=seed,
        )
        adam = optimizers.Adam(min(1e-3, clip / 10) if clip else 1e-3, beta_1=0.0, beta_2=0.9)
        model.compile(standing(), adam, "wasserstein", 1)
        fit_steps(model, mixture.sample, steps, batch_size=batch_size, seed=seed)
        scores = [ops.convert_to_numpy(model.discriminator(part)).mean() for part in (real, fake)]
        slopes = np.linalg.norm(
            backend.gradient(lambda x, critic=model.discriminator: ops.sum(critic(x)), ops.convert_to_tensor(points)),
            axis=-1,
        )
        weights = np.concatenate([np.ravel(variable) for variable in model.discriminator.trainable_variables])
        bound = clip or float(np.abs(weights).max())
        counts, edges = np.histogram(weights, 41, (-bound, bound))
        estimate, largest = float(scores[0] - scores[1]), float(slopes.max())
        critics.append(
            {
                "clip": clip,
                "estimate": estimate,
                "mean_slope": float(slopes.mean()),
                "largest_slope": largest,
                "share": estimate / largest / distance if largest else 0.0,
                "gradient_norms": _activation_gradients(model.discriminator, real, fake),
                "at_bound": float((np.abs(weights) > 0.99 * clip).mean()) if clip else 0.0,
                "weights": {"edges": edges.tolist(), "counts": counts.tolist()},
                "surface": [
                    [float(f"{score:.4g}") for score in row]
                    for row in ops.convert_to_numpy(model.discriminator(points)).reshape(side, side)
                ],
            }
        )
        if progress:
            progress.advance(task)
    return {"earth_mover_distance": distance, "extent": extent, "real": real[:300].tolist(), "critics": critics}


class _CriticOfNoise(models.AdversarialModel):
    """A deep critic of points against the same points with noise added; its generator is a stand-in."""

    def __init__(self, *, units: int, depth: int, **options):
        super().__init__(example_shape=(2,), latent_dim=2, **options)
        noise = keras.Input((2,))
        self.generator = keras.Model(noise, layers.Dense(2)(noise))
        h = x = keras.Input((2,))
        for _ in range(depth):
            h = layers.Dense(units, "relu", kernel_initializer="he_normal")(h)
        self.discriminator = keras.Model(x, layers.Dense(1)(h))

    def fake_examples(self, x, labels, training=True):
        # Rolled, so that no point is paired with its own copy where the gradient penalty looks.
        return ops.roll(x, 1, axis=0) + self.noise_for(x, training)


def _gradient_norm(model: models.AdversarialModel, loss: losses.AdversarialLoss, noise: np.ndarray) -> float:
    """Of a loss of the generator, by all of its weights."""

    def value():
        return [loss.generator(model.scores(model.generator(noise, training=True), frozen=True))]

    _, (gradients,) = backend.gradients(value, [model.generator.trainable_variables])
    return float(np.sqrt(sum(float(ops.sum(ops.square(gradient))) for gradient in gradients)))


def _activation_gradients(critic: keras.Model, real: np.ndarray, fake: np.ndarray) -> list[float]:
    """Norm of the gradient of the critic's loss by what each of its hidden layers gives, for all points together."""
    hidden = [layer for layer in critic.layers if isinstance(layer, layers.Dense)]
    h = ops.convert_to_tensor(np.concatenate([real, fake]))
    sign = ops.convert_to_tensor(np.repeat([-1.0 / len(real), 1.0 / len(fake)], [len(real), len(fake)]), "float32")
    norms = []
    for index, layer in enumerate(hidden[:-1]):
        h = layer(h)

        def loss(h, rest=hidden[index + 1 :]):
            for layer in rest:
                h = layer(h)
            return ops.sum(sign * h[:, 0])

        norms.append(float(ops.sqrt(ops.sum(ops.square(backend.gradient(loss, h))))))
    return norms
