"""How fast models train: beside other software on the same nets, and beside the structure that tutorials have."""

import dataclasses
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import keras
import numpy as np
from keras import layers

import zoo.layers
from zoo import backend, data, models, optimizers, plots
from zoo.experiments import tutorials
from zoo.experiments.output import made, write
from zoo.training import steps_at_once

NETS = ("dense", "conv", "vae", "dcgan", "wgan_gp")
BATCH_SIZE = 128
IMAGES = 60_000
SCRIPT = Path(__file__).with_name("pytorch_speed.py")
CRITIC_STEPS = 5
WGAN_GP_BATCH_SIZE = 64  # of one step of the critic, the paper's


@dataclasses.dataclass
class Contestant:
    """One way of training.

    Attributes:
        software: whose way it is: ``zoo``, ``zoo, bare step``, ``keras``, ``tutorial``, ``pytorch`` or ``pythae``.
        begin: function of a number of steps, to a function that trains for so many at every call and returns the
            seconds they took.
        images: that a step sees.
        jit_compile: whether XLA compiles the step.
        steps_per_execution: of Keras: steps that one call of the runtime makes.
        chosen: whether it is how this package trains such a net.
    """

    software: str
    begin: Callable[[int], Callable[[], float]]
    images: int = BATCH_SIZE
    jit_compile: bool = False
    steps_per_execution: int = 1
    chosen: bool = False
    seconds: list[float] = dataclasses.field(default_factory=list)  # a step of each turn

    @property
    def row(self) -> dict[str, Any]:
        step = median(self.seconds)
        return {
            "software": self.software,
            "jit_compile": self.jit_compile,
            "steps_per_execution": self.steps_per_execution,
            "chosen": self.chosen,
            "step_ms": 1e3 * step,
            "images_a_second": self.images / step,
            "turns_ms": [1e3 * seconds for seconds in self.seconds],
        }

    def faster_than(self, other: "Contestant") -> float:
        """The median over turns of how many times as many images this one sees in the same time."""
        pairs = zip(self.seconds, other.seconds, strict=True)
        return self.images / other.images * median(theirs / ours for ours, theirs in pairs)


@keras.saving.register_keras_serializable("zoo")
class PythaeConvAE(models.Autoencoder):
    """pythae's nets for MNIST, to compare with: convolutions of up to 1,024 channels, and their transposes.

    x (b, 28, 28, 1) → conv/2 (b, 14, 14, 128) → conv/2 (b, 7, 7, 256) → conv/2 (b, 3, 3, 512)
    → conv/2 (b, 1, 1, 1024) → z (b, 16) → dense (b, 4, 4, 1024) → transposed·2 (b, 7, 7, 512)
    → transposed·2 (b, 14, 14, 256) → transposed·2 → sigmoid (b, 28, 28, 1)
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        encoder, decoder = [], [layers.Dense(16 * 1024), layers.Reshape((4, 4, 1024))]
        for filters in (128, 256, 512, 1024):
            encoder += [layers.ZeroPadding2D(1), zoo.layers.Conv2D(filters, 4, 2)]
            encoder += [layers.BatchNormalization(momentum=0.9, epsilon=1e-5), layers.ReLU()]
        # PyTorch's padding of 1 cuts the border off, its output padding of 1 leaves the last row and column.
        for filters, border in ((512, 1), (256, ((1, 0), (1, 0)))):
            decoder += [zoo.layers.Conv2DTranspose(filters, 3, 2), layers.Cropping2D(border)]
            decoder += [layers.BatchNormalization(momentum=0.9, epsilon=1e-5), layers.ReLU()]
        decoder += [zoo.layers.Conv2DTranspose(1, 3, 2), layers.Cropping2D(((1, 0), (1, 0)))]
        self.encoder = keras.Sequential([*encoder, layers.Flatten(), layers.Dense(16)], name="encoder")
        self.decoder = keras.Sequential([*decoder, layers.Activation("sigmoid")], name="decoder")


def benchmark_training(
    output: str | os.PathLike,
    *,
    only: tuple[str, ...] | list[str] = (),
    pytorch: str | os.PathLike | None = None,
    repeats: int = 7,
    seconds: float = 3.0,
    threads: int | None = None,
    progress: Any = None,
) -> dict[str, Any]:
    """Times trainings on this machine, float32, in turns, so that other work on the machine slows all alike.

    ``dense``, 784-512-16-512-784, and ``conv``, pythae's nets for MNIST, in batches of 128: this package's ``fit``
    beside the bare step, plain Keras and, in an environment of their own, a plain PyTorch loop and pythae's trainer.
    ``vae``, ``dcgan`` and ``wgan_gp``: this package's models beside the structure of keras.io's examples around the
    same nets. Images are random; no time depends on what they show.

    Args:
        output: folder for ``training.json`` and ``training.png``.
        only: of ``NETS``; none for all.
        pytorch: the Python of an environment with torch and pythae; None to leave them out.
        repeats: turns of each contestant.
        seconds: that a turn takes, about; at least one step.
        threads: of each; None for as many as there are processors.
        progress: a started ``rich.progress.Progress``.

    Returns:
        For each net its ``rows``, one a contestant, and ``ratios``: medians over the turns, of this package's images a
        second over each other's (over a tutorial's, both with XLA or both without), and ``fit_overhead``, the time that
        ``fit`` takes above the bare step's.

    Raises:
        ValueError: for an unknown net, too few repeats, a folder that cannot be written, or a Python that cannot train.
    """
    if unknown := [name for name in only if name not in NETS]:
        raise ValueError(f"only must be of {', '.join(NETS)}: received {unknown[0]!r}.")
    if repeats < 1 or not seconds > 0:
        raise ValueError(f"repeats must be at least 1 and seconds above 0: received {repeats!r} and {seconds!r}.")
    folder, names, threads = made(output), only or NETS, threads or os.cpu_count() or 1
    task = progress and progress.add_task("", total=len(names) * (repeats + 1), status="")
    result: dict[str, Any] = {"batch_size": BATCH_SIZE, "threads": threads, "seconds": seconds, "nets": {}}
    for name in names:

        def step(what: str, name=name) -> None:
            if progress:
                progress.update(task, description=name, status=what, advance=1)

        with Torch(pytorch if name in ("dense", "conv") else None, name, threads) as torch:
            result["nets"][name] = _measured(name, torch, repeats, seconds, step)
    write(result, folder / "training.json")
    plots.speeds({name: net["rows"] for name, net in result["nets"].items()}, folder / "training.png")
    return result


def _measured(name: str, torch, repeats: int, seconds: float, step) -> dict[str, Any]:
    """What is measured of one net."""
    keras.utils.set_random_seed(0)
    contestants = [*CONTESTANTS[name](), *torch.contestants()]
    _take_turns(contestants, repeats, seconds, step)
    return {
        **({"versions": torch.about} if torch.about else {}),
        "rows": [contestant.row for contestant in contestants],
        "ratios": _ratios(contestants),
    }


def _take_turns(contestants: list[Contestant], repeats: int, seconds: float, step) -> None:
    turns = []
    for contestant in contestants:
        try_out = contestant.begin(contestant.steps_per_execution)
        try_out()  # traces and compiles
        executions = max(1, round(seconds / try_out()))
        turns.append((contestant, contestant.begin(executions * contestant.steps_per_execution), executions))
        turns[-1][1]()
    step("warm")
    for repeat in range(repeats):
        for contestant, turn, executions in turns:
            contestant.seconds.append(turn() / (executions * contestant.steps_per_execution))
        step(f"turn {repeat + 1}")


def _ratios(contestants: list[Contestant]) -> dict[str, float]:
    """Of the chosen way; a tutorial's with XLA is compared with ours with XLA."""
    (chosen,) = (contestant for contestant in contestants if contestant.chosen)
    ours = {c.jit_compile: c for c in contestants[::-1] if c.software == "zoo"}
    result = {}
    for other in contestants:
        if other.software == "zoo, bare step":
            result["fit_overhead"] = 1 / chosen.faster_than(other) - 1
        elif other.software != "zoo":
            own = ours[other.jit_compile] if other.software == "tutorial" else chosen
            result[f"zoo / {other.software}{', XLA' if other.jit_compile else ''}"] = own.faster_than(other)
    return result


# --- this package's and Keras' ---


def _autoencoders(make: Callable[[], models.Autoencoder], ways) -> Iterator[Contestant]:
    """Of a net: ``fit`` in each of the ways ``(jit_compile, steps_per_execution)``, the first of which is chosen."""
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, *make().image_shape), dtype=np.uint8)
    batches, steps = data.training_batches(images, BATCH_SIZE, epochs=1000)
    chosen = ways[0]
    for jit, at_once in ways:
        model = make()
        model.compile(optimizers.Adam(1e-3), jit_compile=jit, steps_per_execution=at_once)
        own = {"jit_compile": jit, "steps_per_execution": at_once, "chosen": (jit, at_once) == chosen}
        yield Contestant("zoo", _fitting(model, batches), **own)
    model = make()
    model.compile(optimizers.Adam(1e-3))
    yield Contestant("zoo, bare step", _stepping(model, batches, chosen[0]), jit_compile=chosen[0])
    floats = data.unit(images)
    for jit in dict.fromkeys((False, chosen[0])):
        model = make()
        model.build()
        x = keras.Input(model.image_shape)
        plain = keras.Model(x, tutorials.plain(model.decoder)(tutorials.plain(model.encoder)(x)))
        plain.compile(keras.optimizers.Adam(1e-3), loss="mse", jit_compile=jit)
        yield Contestant("keras", _fitting_arrays(plain, floats), jit_compile=jit)


def _fitting(model: keras.Model, batches):
    return lambda steps: _Epochs(model, batches, steps_per_epoch=steps, shuffle=False).turn


def _fitting_arrays(model: keras.Model, x: np.ndarray):
    def begin(steps):
        own = x[: min(steps * BATCH_SIZE, len(x))]
        epoch = _Epochs(model, own, own, batch_size=BATCH_SIZE)
        return lambda: sum(epoch.turn() for _ in range(round(steps * BATCH_SIZE / len(own))))

    return begin


class _Epochs(keras.callbacks.Callback):
    """A ``fit`` that waits before every epoch until it is told to go on: what an epoch of a long training takes.

    A ``fit`` of its own for every turn would count what it does once, before its first step.
    """

    def __init__(self, model: keras.Model, *data, **settings):
        super().__init__()
        self.go, self.done = threading.Semaphore(0), threading.Semaphore(0)
        settings |= {"epochs": 1_000_000, "verbose": 0, "callbacks": [self]}
        threading.Thread(target=lambda: model.fit(*data, **settings), daemon=True).start()

    def on_epoch_begin(self, epoch, logs=None):
        self.go.acquire()
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds = time.perf_counter() - self.started
        self.done.release()

    def turn(self) -> float:
        self.go.release()
        self.done.acquire()
        return self.seconds


def _timed(train: Callable[[int], Any]):
    """As ``Contestant.begin``, of a function that trains for so many steps."""

    def begin(steps):
        def turn():
            started = time.perf_counter()
            train(steps)
            return time.perf_counter() - started

        return turn

    return begin


def _stepping(model: keras.Model, batches, jit: bool):
    """The step alone, compiled, on batches that lie ready."""
    ready = list(batches.take(8))
    if not model.built:
        model.build()
    step = backend.compiled(model.train_step, jit_compile=jit)

    def train(steps):
        for number in range(steps):
            logs = step(ready[number % len(ready)])
        return {name: float(value) for name, value in logs.items()}  # waits for the last

    return _timed(train)


def _structures(make, compiled, tutorial, batch_size: int, k: int = 1) -> Iterator[Contestant]:
    """This package's model and a tutorial's around the same nets, each with and without XLA.

    Args:
        make: () → a model of this package.
        compiled: function of a model and ``jit_compile``.
        tutorial: function of a model of this package, to the tutorial's around its nets.
        batch_size: of the tutorial's ``fit``; this package's has k times as many images, for k steps of the critic.
    """
    images = np.random.default_rng(0).random((k * batch_size, 28, 28, 1), dtype=np.float32)
    for jit in (False, True):
        model = make()
        compiled(model, jit)
        batches, _ = data.training_batches(images, len(images), epochs=1_000_000)
        yield Contestant("zoo", _fitting(model, batches), k * batch_size, jit, chosen=not jit)
        other = tutorial(make())
        other.compile(jit_compile=jit)
        batches, _ = data.training_batches(images[:batch_size], batch_size, epochs=1_000_000)
        yield Contestant("tutorial", _fitting(other, batches), k * batch_size, jit)
    model = make()
    compiled(model, False)
    batches, _ = data.training_batches(images, len(images), epochs=1_000_000)
    yield Contestant("zoo, bare step", _stepping(model, batches, False), k * batch_size)


def _vae(model: models.ConvVAE, jit: bool) -> None:
    model.compile(optimizers.Adam(1e-3), jit_compile=jit)


def _dcgan(model: models.DCGAN, jit: bool) -> None:
    model.compile(jit_compile=jit)


def _wgan_gp(model: models.WGANGP, jit: bool) -> None:
    players = optimizers.Adam(**tutorials.WGAN_GP_ADAM), optimizers.Adam(**tutorials.WGAN_GP_ADAM)
    model.compile(*players, loss="wasserstein", discriminator_steps=CRITIC_STEPS, jit_compile=jit)


def _dense_ae() -> models.DenseAE:
    return models.DenseAE(hidden_units=(512,), latent_dim=16, activation="relu")


DENSE_WAYS = [(True, steps_at_once(IMAGES // BATCH_SIZE)), (True, 1), (False, 1)]
CONTESTANTS: dict[str, Callable[[], Iterator[Contestant]]] = {
    "dense": lambda: _autoencoders(_dense_ae, DENSE_WAYS),
    "conv": lambda: _autoencoders(PythaeConvAE, [(False, 1)]),
    "vae": lambda: _structures(
        lambda: models.ConvVAE(filters=64, encoder_blocks=(0, 0), decoder_blocks=(0, 0), latent_dim=16),
        _vae,
        tutorials.VAE,
        BATCH_SIZE,
    ),
    "dcgan": lambda: _structures(models.DCGAN, _dcgan, tutorials.DCGAN, BATCH_SIZE),
    "wgan_gp": lambda: _structures(
        lambda: models.WGANGP(filters=64),
        _wgan_gp,
        lambda model: tutorials.WGANGP(model, CRITIC_STEPS, weight=10.0),
        WGAN_GP_BATCH_SIZE,
        CRITIC_STEPS,
    ),
}


# --- PyTorch's ---


class Torch:
    """A process of another environment, which trains when it is told to.

    Args:
        python: of the environment; None for no process and no contestants.
        net: ``dense`` or ``conv``.
        threads: of PyTorch.

    Raises:
        ValueError: if there is no such Python, or it cannot train.
    """

    def __init__(self, python: str | os.PathLike | None, net: str, threads: int):
        self.about, self._process = None, None
        if python is None:
            return
        settings = {"net": net, "batch_size": BATCH_SIZE, "images": IMAGES, "threads": threads}
        command = [os.fspath(python), os.fspath(SCRIPT), json.dumps(settings)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        try:
            self._process = subprocess.Popen(command, **pipes, text=True)
        except OSError as error:
            raise ValueError(f"Cannot start {python}: {error.strerror}. Give the Python that has PyTorch.") from None
        self.about = self._answer(python)

    def _answer(self, python="PyTorch's process"):
        if not (line := self._process.stdout.readline()):
            raise ValueError(f"{python} cannot train: it needs torch and pythae (pip install torch pythae).")
        return json.loads(line)

    def contestants(self) -> list[Contestant]:
        if self._process is None:
            return []
        return [Contestant(name, lambda steps, name=name: self._begin(name, steps)) for name in ("pytorch", "pythae")]

    def _begin(self, name: str, steps: int) -> Callable[[], float]:
        def turn():
            print(name, steps, file=self._process.stdin, flush=True)
            return self._answer()

        return turn

    def __enter__(self) -> "Torch":
        return self

    def __exit__(self, *_) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
