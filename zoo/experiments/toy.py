"""What the experiments on toy data share: how long to train between two looks, and data that never repeats."""

import time
from collections.abc import Callable, Iterable

import keras
import numpy as np

from zoo import models
from zoo.experiments.divergences import check_counts

# Examples drawn at once for ``fit``: so many bytes of float32.
CHUNK_BYTES = 2**27


def fit_steps(
    model: models.AdversarialModel,
    draw: Callable[[int, int], np.ndarray],
    steps: int,
    *,
    batch_size: int,
    seed: int = 0,
    at: Iterable[int] = (),
    look: Callable[[int, float], None] | None = None,
) -> float:
    """Trains by ``fit`` on new examples at every step, and looks at the model in between.

    Args:
        model: compiled.
        draw: (n, seed) → float32 ``(n, *example_shape)``, independent real examples.
        steps: of the generator.
        batch_size: examples for each step of the discriminator.
        seed: of the examples.
        at: after which steps to look; 0 is before the first.
        look: called with the steps done and the seconds of training so far.

    Returns:
        The seconds of training, without those of drawing, of looking, and of compiling: the first step's.
    """
    check_counts(steps=(steps, 1), batch_size=(batch_size, 1))
    looks, per_step = {step for step in at if step <= steps}, batch_size * model.discriminator_steps
    chunk = max(1, CHUNK_BYTES // (4 * per_step * int(np.prod(model.example_shape))))
    done, seconds = 0, 0.0
    if look and 0 in looks:
        look(0, 0.0)
    for stop in sorted({*range(chunk, steps, chunk), *looks, 1, steps} - {0}):
        # Python's own sum of seed and step would give run 1 the examples of run 0, one step later.
        key = int(np.random.SeedSequence([seed, done]).generate_state(1)[0])
        examples = draw((stop - done) * per_step, key)
        started = time.perf_counter()
        model.fit(examples, batch_size=per_step, shuffle=False, verbose=0)
        seconds += time.perf_counter() - started if done else 0.0
        done = stop
        if look and done in looks:
            look(done, seconds)
    return seconds


def looks_at(steps: int, number: int) -> list[int]:
    """``number`` steps at equal distances after step 0, the last one ``steps``; 0 before them."""
    return sorted({0, *(round(steps * (i + 1) / number) for i in range(number))})


def point_gan(*, seed: int, example_shape=(2,), hidden_units=(128, 128, 128), latent_dim=2, **options) -> models.GAN:
    """Two perceptrons for points, of the plane by default, without dropout or normalisation, alike for equal seeds."""
    keras.utils.set_random_seed(seed)
    return models.GAN(
        example_shape=example_shape,
        latent_dim=latent_dim,
        hidden_units=hidden_units,
        normalized=False,
        dropout=0.0,
        seed=seed,
        **options,
    )


def standing() -> keras.optimizers.Optimizer:
    """An optimizer that leaves its player where it is, so that the other can be trained alone."""
    return keras.optimizers.SGD(0.0)
