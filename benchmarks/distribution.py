"""Two devices, or two processes that talk to each other, against one: do they end with the same weights?

    python benchmarks/distribution.py -o distribution.json                    # two worker processes on this machine
    python benchmarks/distribution.py --strategy mirrored -o mirrored.json    # two halves of the processor
    python benchmarks/distribution.py --models dense_ae gan --steps 5

Every model of pictures in the catalogue at full size, noise, dropout and batch statistics included, takes the same
steps of plain SGD on the same batches of the 256 images that come with the zoo, in float32. Plain, as Adam's first
steps are the signs of gradients, which rounding may turn, and at a rate at which training is stable: at ten times this
rate some nets take the differences of rounding, 1e-7 after two steps, a thousand times further with every ten steps.
Reported for each is the largest difference of any weight, and beside it how far a trained one has moved at most.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

BATCH = 40  # which two replicas can share, in five parts for the critic of a WGAN
RATE = 3e-4  # a tenth of it where the loss is a sum over an image's pixels
CLUSTER = ("one", "mirrored", "worker 0", "worker 1")


def trained(name: str, strategy, steps: int) -> tuple[list[np.ndarray], float]:
    """A model's weights after some steps, and how far the one that is trained the most has moved."""
    import keras

    from zoo import data, modalities, models, registry
    from zoo.demo import samples
    from zoo.training import distribution

    chosen = samples.load()
    keras.utils.set_random_seed(0)
    spec = registry.CATALOG[name]
    rate = RATE / 10 if modalities.quantizes(spec) else RATE
    with strategy.scope():
        model = registry.create(name)
        if isinstance(model, models.AdversarialModel):
            model.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate), jit_compile=False)
        else:
            model.compile(keras.optimizers.SGD(rate), jit_compile=False)
            model.optimizer.build(model.trainable_variables)
    before = [np.array(v) for v in model.trainable_variables]
    neighbours = getattr(spec.recipes[spec.tags[0]], "neighbours", 0)

    def batches(replicas, own):
        return data.training_batches(
            chosen.images,
            BATCH,
            epochs=-(-steps // (len(chosen.images) // BATCH)),
            labels=chosen.labels.astype(np.int64) if spec.labelled else None,
            neighbours=data.nearest_neighbours(chosen.images, neighbours) if neighbours else None,
            replicas=replicas,
            own=own,
            parts=getattr(model, "batch_parts", 1),
        )[0]

    model.fit(distribution.distributed(strategy, batches), steps_per_epoch=steps, verbose=0, shuffle=False)
    after = [np.array(v) for v in model.trainable_variables]
    return model.get_weights(), max(float(np.abs(a - b).max()) for a, b in zip(before, after, strict=True))


def models_of_pictures() -> list[str]:
    from zoo import registry

    return [name for name, spec in registry.CATALOG.items() if spec.modality == "image"]


def work(part: str, names: list[str], steps: int, folder: Path) -> None:
    """Trains all models as one device, a machine of two, or a worker; writes their weights."""
    import tensorflow as tf

    from zoo import backend
    from zoo.training import distribution

    tf.config.experimental.enable_op_determinism()
    if part == "one":
        backend.start(1)
        strategy = tf.distribute.get_strategy()
    elif part == "mirrored":
        strategy = distribution.start("mirrored", devices=2, threads=1)
    else:
        strategy = distribution.start("multiworker", threads=1)
    for name in names:
        weights, moved = trained(name, strategy, steps)
        if distribution.is_chief(strategy):
            np.savez(folder / f"{part} {name}.npz", *weights, moved=moved)
        print(name, flush=True)


def start(part: str, names: list[str], steps: int, folder: Path, ports: list[int]) -> subprocess.Popen:
    environment = dict(os.environ)
    if part.startswith("worker"):
        workers = [f"127.0.0.1:{port}" for port in ports]
        task = {"type": "worker", "index": int(part.split()[1])}
        environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": task})
    command = [sys.executable, __file__, "--part", part, "--folder", str(folder), "--steps", str(steps)]
    return subprocess.Popen([*command, "--models", *names], env=environment, stdout=sys.stderr)


def free_ports(number: int) -> list[int]:
    """Ports that no one listens on now."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def compare(strategy: str, names: list[str], steps: int) -> dict:
    """The largest difference of any weight, for each model, from what one process has after the same steps."""
    others = ["mirrored"] if strategy == "mirrored" else ["worker 0", "worker 1"]
    with tempfile.TemporaryDirectory() as room:
        folder, ports = Path(room), free_ports(2)
        for parts in (["one"], others):
            processes = [start(part, names, steps, folder, ports) for part in parts]
            if any([process.wait() for process in processes]):
                raise SystemExit(f"{' and '.join(parts)}: failed, see above.")
        rows, moved = {}, {}
        for name in names:
            with np.load(folder / f"one {name}.npz") as one, np.load(folder / f"{others[0]} {name}.npz") as two:
                moved[name] = float(one["moved"])
                rows[name] = max(float(np.abs(one[key] - two[key]).max()) for key in one.files if key != "moved")
    return {
        "strategy": strategy,
        "steps": steps,
        "batch_size": BATCH,
        "largest_difference": rows,
        "largest": max(rows.values()),
        "moved": moved,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strategy", choices=("multiworker", "mirrored"), default="multiworker")
    parser.add_argument("--models", nargs="+", help="of the catalogue; default: all of pictures")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("-o", "--output", type=Path, help="a JSON file")
    parser.add_argument("--part", choices=CLUSTER, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    names = given.models or models_of_pictures()
    if given.part:
        return work(given.part, names, given.steps, given.folder)
    result = json.dumps(compare(given.strategy, names, given.steps), indent=2)
    if given.output:
        given.output.write_text(result + "\n")
    print(result)


if __name__ == "__main__":
    main()
