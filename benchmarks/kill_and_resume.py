"""Kills trainings by SIGKILL at random moments and resumes them: do they end as the one that was left alone?

    python benchmarks/kill_and_resume.py -o kills.json                        # a toy GAN and a small VAE, 50 kills each
    python benchmarks/kill_and_resume.py --models gan wgan_gp --full --kills 3

Each trial is ``zoo.training.train`` in a process of its own, on the 256 images that come with the zoo, killed at a
moment drawn evenly from the time that a whole run takes, start, checkpoints and end included, and then resumed until it
is done. Reported are the largest difference of any weight from the run that was left alone, how many trials were killed
before their first checkpoint, and how many found a checkpoint that could not be read.

Processes are forked from one that has imported everything, so that most of a trial is training.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

TOYS = {
    "gan": {"hidden_units": [32, 64], "latent_dim": 8},
    "vae": {"hidden_units": [64, 32], "latent_dim": 8, "prior_couplings": 2, "prior_units": 16},
}
FAILED = 3  # exit status of a run that refused its checkpoint


def child(name: str, pictures: Path, folder: Path, weights: Path, overrides: dict, epochs: int) -> None:
    """A training, resumed if there is what to resume, whose weights are written at the end."""
    import numpy as np
    import tensorflow as tf

    from zoo import backend, training

    backend.start(1, deterministic=True)
    tf.get_logger().setLevel("ERROR")
    try:
        result = training.train(
            name,
            data_source=str(pictures),
            output=folder,
            resume=(folder / training.run.CHECKPOINT).exists(),
            overrides=overrides,
            epochs=epochs,
            batch_size=50,
            dtype_policy="float32",
            jit_compile=False,
        )
    except ValueError as error:
        print(f"{name}: {error}", file=sys.stderr)
        os._exit(FAILED)
    np.savez(weights, *result.model.get_weights())
    os._exit(0)


def started(*arguments) -> int:
    """The process of a training."""
    pid = os.fork()
    if not pid:
        try:
            child(*arguments)
        except BaseException:
            import traceback

            traceback.print_exc()
        os._exit(1)
    return pid


def finished(pid: int) -> int:
    """Waits for a process, and returns its exit status."""
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status not in (0, FAILED, -signal.SIGKILL):
        raise SystemExit(f"A training failed with status {status}, see above.")
    return status


def measure(name: str, pictures: Path, overrides: dict, kills: int, epochs: int, seed: int, step) -> dict:
    """All trials of a model."""
    import numpy as np

    from zoo import training

    draw = random.Random(seed)
    differences, early, late, corrupt = [], 0, 0, 0
    with tempfile.TemporaryDirectory() as room:

        def arguments(trial):
            return name, pictures, Path(room, trial), Path(room, f"{trial}.npz"), overrides, epochs

        begin = time.monotonic()
        finished(started(*arguments("whole")))
        duration = time.monotonic() - begin
        with np.load(Path(room, "whole.npz")) as file:
            whole = [file[key] for key in file.files]
        for trial in map(str, range(kills)):
            pid = started(*arguments(trial))
            time.sleep(draw.uniform(0, duration))
            os.kill(pid, signal.SIGKILL)
            late += finished(pid) == 0
            early += not Path(room, trial, training.run.CHECKPOINT).exists()
            if finished(started(*arguments(trial))) == FAILED:
                corrupt += 1
            else:
                with np.load(Path(room, f"{trial}.npz")) as file:
                    pairs = zip(whole, (file[key] for key in file.files), strict=True)
                    differences.append(max(float(np.abs(a - b).max()) for a, b in pairs))
            step()
    return {
        "model": name,
        "kills": kills,
        "seconds_of_a_run": round(duration, 1),
        "before_the_first_checkpoint": early,
        "after_the_end": late,
        "corrupt_checkpoints": corrupt,
        "equal_resumes": sum(difference <= 1e-6 for difference in differences),
        "largest_difference": max(differences, default=None),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(TOYS), help=f"default: {' '.join(TOYS)}")
    parser.add_argument("--full", action="store_true", help="models of their full size")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("-o", "--output", type=Path, help="a JSON file")
    given = parser.parse_args()

    import zoo.models  # noqa: F401  # imported before the first fork, and no operation run
    import zoo.training  # noqa: F401
    from zoo.cli.console import progress
    from zoo.codec import pictures as codec_pictures
    from zoo.demo import samples

    with tempfile.TemporaryDirectory() as room, progress() as bar:
        for number, image in enumerate(samples.load().images):
            with open(Path(room, f"{number:03}.png"), "wb") as file:
                codec_pictures.write_png(image, file)
        rows = []
        for name in given.models:
            task = bar.add_task(name, total=given.kills, status="")
            overrides = {} if given.full else TOYS.get(name, {})
            advance = lambda task=task: bar.advance(task)  # noqa: E731
            rows.append(measure(name, Path(room), overrides, given.kills, given.epochs, given.seed, advance))
    result = json.dumps(rows, indent=2)
    if given.output:
        given.output.write_text(result + "\n")
    print(result)


if __name__ == "__main__":
    main()
