"""Kills trainings and commands at random moments: does anything get lost, is anything left?

    python benchmarks/kill_and_resume.py -o kills.json                        # a toy GAN and a small VAE, 50 kills each
    python benchmarks/kill_and_resume.py --models gan wgan_gp --full --kills 3
    python benchmarks/kill_and_resume.py --files --kills 100 -o files.json    # the codec's commands

Each trial is ``zoo.training.train`` in a process of its own, on the 256 images that come with the zoo, killed at a
moment drawn evenly from the time that a whole run takes, start, checkpoints and end included, and then resumed until it
is done. Reported are the largest difference of any weight from the run that was left alone, how many trials were killed
before their first checkpoint, and how many found a checkpoint that could not be read.

With ``--files``, `zoo compress`, `zoo compress --append` and `zoo decompress` are ended in turn, by SIGKILL and then by
SIGTERM, and as many pairs of appends onto one file start within a tenth of a second. *Lost* are trials after which
something that was there, or that a command with status 0 has added, does not come back as it was, or an append is
there in part (SIGTERM after its last byte finds it whole); *left* those after which the folder holds what it should
not: after SIGTERM at once, after SIGKILL once the same command has run again.

Processes are forked from one that has imported everything, so that most of a trial is the work.
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


def command(*arguments) -> int:
    """The process of ``zoo …``, which prints nothing."""
    pid = os.fork()
    if not pid:
        from zoo.cli import main

        null = os.open(os.devnull, os.O_RDWR)
        for number in (1, 2):
            os.dup2(null, number)
        sys.argv = ["zoo", *map(str, arguments)]
        code = 1
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        finally:
            os._exit(code)  # whatever comes, this process has no part in what follows
    return pid


def status(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def restored(room: Path, container: Path, *options: str) -> "np.ndarray | None":  # noqa: F821
    """The pictures of a container; None if it cannot be restored."""
    import numpy as np

    array = room / "restored.npy"
    if status(command("decompress", container, "-o", array, "--overwrite", *options)):
        return None
    return np.load(array)


class Commands:
    """A folder with a container of ``base`` and pictures to add, and what is done with it."""

    KINDS = {
        "compress": ("compress", "more.npy", "-o", "work/x.zoo"),
        "append": ("compress", "more.npy", "-o", "work/x.zoo", "--append"),
        "decompress": ("decompress", "more.zoo", "-o", "work", "--overwrite"),
    }

    def __init__(self, room: Path, pictures: int):
        import numpy as np

        from zoo.demo import samples

        self.room, images = room, np.resize(samples.load().images[..., None], (pictures, 28, 28, 1))
        os.chdir(room)
        np.save("base.npy", images[:20])
        np.save("more.npy", images)
        for name in ("base", "more"):
            assert status(command("compress", f"{name}.npy", "-o", f"{name}.zoo")) == 0
        self.base, self.more = restored(room, Path("base.zoo")), restored(room, Path("more.zoo"))
        self.fresh()
        self.seconds = {}
        for kind, arguments in self.KINDS.items():
            begin = time.monotonic()
            assert status(command(*arguments)) == 0
            self.seconds[kind] = time.monotonic() - begin

    def fresh(self) -> None:
        import shutil

        shutil.rmtree("work", ignore_errors=True)
        os.mkdir("work")
        shutil.copy("base.zoo", "work/x.zoo")

    def end(self, kind: str, number: int, draw: random.Random) -> tuple[bool, bool, bool]:
        """One trial: whether the command had ended before, and whether anything was lost, and left."""
        self.fresh()
        pid = command(*self.KINDS[kind])
        time.sleep(draw.uniform(0, self.seconds[kind]))
        os.kill(pid, number)
        code = status(pid)
        lost = code not in (0, -number, 128 + number)
        files = {str(path.relative_to("work")) for path in Path("work").rglob("*")} - {"x.zoo"}
        done = {f"more_{i:0{len(str(len(self.more) - 1))}}.png" for i in range(len(self.more))}
        left = number == signal.SIGTERM and files not in (set(), done if kind == "decompress" else set())
        content = Path("work/x.zoo").read_bytes()
        old, new = (Path(f"{name}.zoo").read_bytes() for name in ("base", "more"))
        if kind == "compress":
            lost |= content not in ((new,) if code == 0 else (old, new))
        elif kind == "append":
            options = ("--salvage",) if number == signal.SIGKILL else ()
            lost |= not self._holds(restored(self.room, Path("work/x.zoo"), *options), appended=code == 0)
        elif code == 0:
            lost |= files != done
        if number == signal.SIGKILL:
            time.sleep(1.1)  # a temporary file that is younger may be about to be locked
            again = (*self.KINDS[kind], "--salvage") if kind == "append" else self.KINDS[kind]
            lost |= status(command(*again)) != 0
            # An append does not look at the folder: the next command that writes a whole file does.
            lost |= status(command("compress", "base.npy", "-o", "work/y.zoo")) != 0
            Path("work/y.zoo").unlink()
            files = {str(path.relative_to("work")) for path in Path("work").rglob("*")} - {"x.zoo"}
            left |= files != (done if kind == "decompress" else set())
        return code == 0, lost, left

    def _holds(self, found, appended: bool) -> bool:
        import numpy as np

        if found is None or not np.array_equal(found[: len(self.base)], self.base):
            return False
        added = found[len(self.base) :]
        return not appended and not len(added) or np.array_equal(added, self.more)

    def pair(self, draw: random.Random) -> tuple[int, bool, bool]:
        """Two appends at once: how many were refused, and whether anything was lost, and left."""
        import numpy as np

        self.fresh()
        pids = []
        for _ in range(2):
            pids.append(command(*self.KINDS["append"]))
            time.sleep(draw.uniform(0, 0.1))
        codes = [status(pid) for pid in pids]
        expected = np.concatenate([self.base, *(self.more for code in codes if code == 0)])
        found = restored(self.room, Path("work/x.zoo"))
        lost = not set(codes) <= {0, 2} or 0 not in codes or found is None or not np.array_equal(found, expected)
        return codes.count(2), lost, os.listdir("work") != ["x.zoo"]


def measure_files(room: Path, trials: int, pictures: int, seed: int, step) -> list[dict]:
    """Commands that are ended by signals, and pairs of them."""
    commands, draw, rows = Commands(room, pictures), random.Random(seed), []
    for number in (signal.SIGKILL, signal.SIGTERM):
        counts = {"trials": trials, "ended_before": 0, "lost": 0, "left": 0}
        for trial in range(trials):
            kind = list(Commands.KINDS)[trial % len(Commands.KINDS)]
            found = commands.end(kind, number, draw)
            for key, value in zip(list(counts)[1:], found, strict=True):
                counts[key] += value
            step()
        rows.append({"what": signal.Signals(number).name, **counts})
        print(rows[-1], file=sys.stderr)
    counts = {"trials": trials, "refused": 0, "lost": 0, "left": 0}
    for _ in range(trials):
        for key, value in zip(list(counts)[1:], commands.pair(draw), strict=True):
            counts[key] += value
        step()
    seconds = {f"seconds_of_{kind}": round(value, 2) for kind, value in commands.seconds.items()}
    return [*rows, {"what": "pairs of appends", **counts}, {"what": "a whole run", **seconds}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(TOYS), help=f"default: {' '.join(TOYS)}")
    parser.add_argument("--full", action="store_true", help="models of their full size")
    parser.add_argument("--files", action="store_true", help="the codec's commands instead of trainings")
    parser.add_argument("--pictures", type=int, default=1000, help="that a command of --files works on")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("-o", "--output", type=Path, help="a JSON file")
    given = parser.parse_args()
    if given.files:
        import zoo.cli.app
        import zoo.codec
        from zoo.cli.console import progress

        with tempfile.TemporaryDirectory() as room, progress() as bar:
            task, home = bar.add_task("files", total=3 * given.kills, status=""), Path.cwd()
            rows = measure_files(Path(room), given.kills, given.pictures, given.seed, lambda: bar.advance(task))
            os.chdir(home)
        report(rows, given.output)
        return

    import zoo.models  # noqa: F401  # imported before the first fork, and no operation run
    import zoo.training  # noqa: F401
    from zoo.cli.console import progress
    from zoo.demo import samples
    from zoo.io import pictures as codec_pictures

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
    report(rows, given.output)


def report(rows: list[dict], output: Path | None) -> None:
    result = json.dumps(rows, indent=2)
    if output:
        output.write_text(result + "\n")
    print(result)


if __name__ == "__main__":
    main()
