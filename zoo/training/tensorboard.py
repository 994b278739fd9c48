"""Pictures and codes for TensorBoard, beside the curves of ``keras.callbacks.TensorBoard``."""

import os
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from zoo import extras, maps, plots


class TensorBoardImages(keras.callbacks.Callback):
    """Shows in TensorBoard, after every epoch, what a model makes: reconstructions, or samples of one that generates.

    Args:
        log_dir: of TensorBoard; that of ``keras.callbacks.TensorBoard`` shows both side by side.
        images: in [0, 1], ``(n, height, width, channels)``, to reconstruct; None for samples.
        n: samples.
        every: epochs from one picture to the next.
        seed: of the samples' noise.

    Raises:
        ValueError: from ``fit``, if the model has nothing to show.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike,
        *,
        images: np.ndarray | None = None,
        n: int = 64,
        every: int = 1,
        seed: int = 0,
    ):
        super().__init__()
        self.log_dir, self.images, self.n, self.every, self.seed = os.fspath(log_dir), images, n, every, seed

    def on_train_begin(self, logs=None):
        needed, argument = ("generate", "images to reconstruct") if self.images is None else ("decode", "no images")
        if not hasattr(self.model, needed):
            raise ValueError(f"TensorBoardImages of {type(self.model).__name__} needs {argument}.")
        with extras.needed("TensorBoardImages"):
            import tensorflow as tf

        self.summary = tf.summary
        self.writer = tf.summary.create_file_writer(os.path.join(self.log_dir, "samples"))
        if self.images is not None:
            self._show("originals", self.images, 0)

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        if self.images is None:
            self._show("samples", self.model.generate(self.n, seed=self.seed), epoch)
        else:
            # Not by `predict`: it would reset what `fit` counts.
            self._show("reconstructions", self.model.decode(self.model.encode(self.images)), epoch)

    def on_train_end(self, logs=None):
        self.writer.close()

    def _show(self, title, images, epoch):
        picture = plots.mosaic(keras.ops.convert_to_numpy(images), gap=1)
        picture = picture if picture.ndim == 3 else picture[..., None]  # in colour, or grey
        with self.writer.as_default():
            self.summary.image(title, picture[None], step=epoch)
        self.writer.flush()


class TensorBoardProjector(keras.callbacks.Callback):
    """Writes the codes of examples for TensorBoard's projector when training ends.

    Args:
        log_dir: of TensorBoard; that of ``keras.callbacks.TensorBoard`` shows both side by side.
        examples: what the model's ``encode`` takes; images in [0, 1] are shown too.
        names: of the examples; None for their numbers.
        labels: of the examples, to colour them by.

    Raises:
        ValueError: from ``fit``, if the model has no codes; or if the folder cannot be written to.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike,
        examples,
        *,
        names: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
    ):
        super().__init__()
        self.log_dir, self.examples, self.labels = Path(log_dir), examples, labels
        self.names = names or [str(number) for number in range(len(examples))]

    def on_train_begin(self, logs=None):
        if not hasattr(self.model, "encode"):
            raise ValueError(f"TensorBoardProjector needs a model that encodes: received {type(self.model).__name__}.")

    def on_train_end(self, logs=None):
        codes = keras.tree.flatten(self.model.encode(self.examples))
        flat = [keras.ops.convert_to_numpy(code).reshape(len(self.examples), -1) for code in codes]
        images = self.examples if np.ndim(self.examples) == 4 else None
        maps.projector(np.concatenate(flat, axis=1), images, self.names, self.log_dir, labels=self.labels)
