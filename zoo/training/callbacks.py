"""Callbacks that ``zoo train`` adds to Keras' own."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np

from zoo.io import writing


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole state of training after an epoch, so that a killed run goes on as if it never stopped.

    The file holds every variable of the model, the state of its seed generators included (which a ``.keras``
    file resets), and of its optimizers, and what identifies the run. It takes the place of the last one only
    once it is complete on the disk.

    Args:
        path: the file, ``.npz``.
        identity: JSON-able description of the run; a checkpoint of another run is refused.
        every: epochs from one save to the next; the last one is saved too.
        writes: whether this process is the one, of several that train together, that writes the file.
    """

    def __init__(self, path: Path, identity: dict, *, every: int = 1, writes: bool = True):
        super().__init__()
        self.every, self.writes = every, writes
        self.path, self.identity = Path(path), json.loads(json.dumps(identity))
        self.history: dict[str, list[float]] = {}
        self.seconds = 0.0

    def restore(self, model: keras.Model) -> int:
        """Puts the saved state into ``model``, whose optimizers are built; returns the epochs that are done.

        Raises:
            ValueError: if the file is damaged or belongs to another run.
        """
        try:
            with np.load(self.path, allow_pickle=False) as file:
                state = json.loads(str(file["state"]))
                arrays = [file[f"variable_{i}"] for i in range(state["variables"])]
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"{self.path} is not a readable checkpoint: {error}. Train without --resume.") from None
        check_same_run(self.path, self.identity, state["identity"])
        for variable, array in zip(self._variables(model), arrays, strict=True):
            variable.assign(array)
        self.history, self.seconds = state["history"], state["seconds"]
        return state["epochs"]

    def on_epoch_end(self, epoch, logs=None):
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(float(value))
        ends = self.model.stop_training or epoch + 1 == self.params.get("epochs")
        if not self.writes or ((epoch + 1) % self.every and not ends):
            return
        arrays = [keras.ops.convert_to_numpy(v) for v in self._variables(self.model)]
        state = {
            "epochs": epoch + 1,
            "variables": len(arrays),
            "identity": self.identity,
            "history": self.history,
            "seconds": self.seconds,
        }
        with writing.atomic_write(self.path) as file:
            np.savez(file, state=json.dumps(state), **{f"variable_{i}": a for i, a in enumerate(arrays)})

    @staticmethod
    def _variables(model):
        # `variables` of a model, unlike `weights`, include the states of its seed generators.
        optimizers = getattr(model, "optimizers", None) or (model.optimizer,)
        return [*model.variables, *(variable for optimizer in optimizers for variable in optimizer.variables)]


class StopAtNonFinite(keras.callbacks.Callback):
    """Ends ``fit`` with a ``ValueError`` at the first loss that is not finite, naming the first weight that is not.

    Of two players, it names whose loss it is.

    Args:
        what: whose loss it is, for the message, such as ``layer 1/4``.
    """

    def __init__(self, what: str = ""):
        super().__init__()
        self.what = f" of {what}" if what else ""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        broken = (name for name, value in (logs or {}).items() if name.endswith("loss") and not np.isfinite(value))
        name = next(broken, None)
        if name is None:
            return
        spoilt = (v.path for v in self.model.variables if not np.isfinite(keras.ops.convert_to_numpy(v)).all())
        weight = next(spoilt, None)
        raise ValueError(
            f"The {name.replace('_', ' ')}{self.what} is {logs[name]} at epoch {self.epoch + 1}, step {batch + 1}"
            f"{f', and so is {weight}' if weight else ''}: lower the learning rate, or look for values outside [0, 1] "
            "in the data. The last checkpoint, if there is one, is kept."
        )


def check_same_run(path: Path, identity: dict, saved: dict) -> None:
    """Refuses what another run has left.

    Args:
        path: of what was left, for the message.
        identity: of this run, JSON-able.
        saved: of the other, as JSON gives it back.

    Raises:
        ValueError: if they differ; names the first difference.
    """
    mine, saved = _flat(json.loads(json.dumps(identity))), _flat(saved)
    for key in sorted({*mine, *saved}):
        if mine.get(key) != saved.get(key):
            raise ValueError(
                f"{path} is of another run: its {key} is {saved.get(key)!r}, this run's is {mine.get(key)!r}."
            )


def _flat(mapping: dict, prefix: str = "") -> dict:
    """Nested dictionaries as one, with keys such as ``recipe.epochs``."""
    flat = {}
    for key, value in mapping.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


class CommandLineProgress(keras.callbacks.Callback):
    """A Rich progress bar of batches over the whole training, with the losses of the last epoch."""

    def __init__(self, progress, epochs: int, steps: int, initial_epoch: int = 0):
        super().__init__()
        self.progress, self.epochs, self.steps = progress, epochs, steps
        self.task = progress.add_task(
            f"epoch {initial_epoch + 1}/{epochs}", total=epochs * steps, completed=initial_epoch * steps, status=""
        )

    def on_epoch_begin(self, epoch, logs=None):
        self.done = epoch * self.steps
        self.progress.update(self.task, description=f"epoch {epoch + 1}/{self.epochs}")

    def on_train_batch_end(self, batch, logs=None):
        self.progress.update(self.task, completed=self.done + batch + 1)  # the last of several steps at once

    def on_epoch_end(self, epoch, logs=None):
        status = "  ".join(f"{key} {value:.5g}" for key, value in (logs or {}).items())
        self.progress.update(self.task, status=status)
        if not self.progress.console.is_terminal:
            self.progress.console.print(f"epoch {epoch + 1}/{self.epochs}  {status}", highlight=False, soft_wrap=True)
