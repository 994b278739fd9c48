"""What ``fit`` of this package costs beside plain Keras, on the backend that KERAS_BACKEND names.

    KERAS_BACKEND=jax python benchmarks/backends.py
    KERAS_BACKEND=torch python benchmarks/backends.py --models dense_ae --steps 50 --turns 9

The same networks, loss and optimizer, once in a model of the catalogue and once in a ``keras.Model``, trained in turns,
so that other work on the machine slows both alike: the ratio of each turn's times, and the median of the ratios.
"""

import argparse
import json
import time
from statistics import median

import keras
import numpy as np

from zoo import losses, registry


def plain(model: keras.Model) -> keras.Model:
    """The same networks without this package's model around them, and newly initialised."""
    encoder, decoder = (keras.models.clone_model(part) for part in (model.encoder, model.decoder))
    x = keras.Input(model.example_shape)
    return keras.Model(x, decoder(encoder(x)))


def measured(name: str, steps: int, turns: int, batch_size: int) -> dict:
    ours = registry.create(name)
    theirs = plain(ours)
    ours.compile(keras.optimizers.Adam(1e-3))
    theirs.compile(keras.optimizers.Adam(1e-3), losses.SquaredError())
    x = np.random.default_rng(0).random((steps * batch_size, *ours.example_shape), dtype=np.float32)
    runs = {
        "zoo": lambda: ours.fit(x, batch_size=batch_size, verbose=0),
        "keras": lambda: theirs.fit(x, x, batch_size=batch_size, verbose=0),
    }
    times: dict[str, list[float]] = {key: [] for key in runs}
    for turn in range(turns + 1):
        for key, run in runs.items():
            started = time.perf_counter()
            run()
            if turn:  # the first traces
                times[key].append((time.perf_counter() - started) / steps)
    ratios = [a / b for a, b in zip(times["zoo"], times["keras"], strict=True)]
    return {
        "model": name,
        "backend": keras.backend.backend(),
        "keras_ms": 1e3 * median(times["keras"]),
        "zoo_ms": 1e3 * median(times["zoo"]),
        "ratio": median(ratios),
        "ratios": ratios,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="*", default=["dense_ae", "conv_ae"])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--batch-size", type=int, default=128)
    options = parser.parse_args()
    for model in options.models:
        print(json.dumps(measured(model, options.steps, options.turns, options.batch_size)), flush=True)
