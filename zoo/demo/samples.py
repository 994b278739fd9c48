"""The pictures of the demo: four photographs, and 256 test images of Fashion-MNIST, which no model was trained on."""

import dataclasses
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from zoo.data import DataSet

ATTRIBUTION = "Fashion-MNIST, © 2017 Zalando SE, MIT License; Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747"
PHOTOGRAPHS_ATTRIBUTION = "Gianni Rosato, gb82 image set, CC0 1.0; made two thirds as large"
CLASSES = (
    "T-shirt", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Samples:
    """Images and what they show.

    Attributes:
        images: uint8 ``(n, 28, 28, 1)``.
        labels: uint8 ``(n,)``, indices into ``CLASSES``.
    """

    images: np.ndarray
    labels: np.ndarray

    def first_of_each_class(self) -> np.ndarray:
        """Indices ``(10,)`` of the pictures to show: chosen by position, not by their results."""
        return np.unique(self.labels, return_index=True)[1]


def load() -> Samples:
    """Reads the bundled samples."""
    path = resources.files("zoo.demo") / "samples" / "fashion_mnist_256.npz"
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return Samples(arrays["images"], arrays["labels"])


def photographs() -> dict[str, np.ndarray]:
    """The bundled photographs by name: uint8 ``(384, 384, 3)``.

    Larger versions of them are among the photographs that models were trained on: to look at, and to try commands with,
    but no measure of what a model does with photographs that it has not seen.
    """
    folder = resources.files("zoo.demo") / "samples" / "photographs"
    pictures = {}
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        with path.open("rb") as file, Image.open(file) as image:
            pictures[path.name.removesuffix(".png")] = np.asarray(image)
    return pictures


def data_set() -> "DataSet":
    """The bundled samples as a data set, for a quick pass without a download: 128 to train, 64 and 64 held out.

    All are of Fashion-MNIST's test split: what is trained on them is no model to compare by its test error.
    """
    from zoo.data.images import LICENCES, DataSet  # loads TensorFlow, which the pictures alone do not need

    samples = load()
    parts = {"train": slice(128), "validation": slice(128, 192), "test": slice(192, None)}
    train, validation, test = (samples.images[part] for part in parts.values())
    options = {"licence": LICENCES["fashion_mnist"], "labels": {k: samples.labels[part] for k, part in parts.items()}}
    return DataSet("bundled", "bundled", train, validation, test, **options)
