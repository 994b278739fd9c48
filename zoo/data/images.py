"""Images by name from tensorflow-datasets, or from a folder of the user's own pictures."""

import dataclasses
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data import signals, text
from zoo.data.sets import prepared
from zoo.io import pictures

LICENCES = {
    "mnist": "CC BY-SA 3.0 (LeCun, Cortes, Burges)",
    "fashion_mnist": "MIT (Zalando SE)",
    "spoken_digit": "CC BY-SA 4.0 (Jackson et al., Free Spoken Digit Dataset)",
    "docstrings": "of the packages, permissive (BSD, MIT, Apache-2.0 and the like)",
    "glosses": "WordNet 3.0 license (Princeton University)",
}
# What a card names its data by: a set, or files in the working directory.
_SOURCE = re.compile(r"[A-Za-z]\w*(/[\w.:+-]+)?|\./(?!\.\.?$)[^/\\]+")
LEAST_SAMPLES = 256  # of a split of recordings: spectra are compared in windows of that length


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A data set, split: choices are made on ``validation``, and ``test`` only measures.

    Attributes:
        name: of tensorflow-datasets, or of the folder.
        source: what it was loaded by: the name, or the folder's path.
        train, validation, test: images, uint8 ``(n, height, width, channels)``, frames of signals, int16
            ``(n, length, 1)``, or pieces of texts, int32 ``(n, length)``.
        licence: of the data.
        labels: split → integer labels ``(n,)``, where the data has any; autoencoders are not trained with them.
        texts: split → what ``tokenized`` makes the arrays of, where the data is texts: strings, or pairs of them.
    """

    name: str
    source: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    licence: str
    labels: Mapping[str, np.ndarray] | None = None
    texts: Mapping[str, list] | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all pixels in their order, 16 hexadecimal digits."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            digest.update(repr(split.shape).encode() + np.ascontiguousarray(split).tobytes())
        return digest.hexdigest()[:16]

    def tokenized(self, tokens: Callable[[list], np.ndarray]) -> "DataSet":
        """The same texts as integers.

        Args:
            tokens: makes int32 ``(n, length)`` of n texts.
        """
        return dataclasses.replace(self, **{split: tokens(texts) for split, texts in self.texts.items()})

    def binarized(self, seed: int) -> "DataSet":
        """The same images with every pixel 0 or 255, 255 with the probability that its grey value stands for.

        One draw for each image, the same in every epoch: what log likelihoods of binary images are compared on.
        Drawing anew in every epoch would augment the data, and its figures are lower.

        References:
            Salakhutdinov & Murray 2008, "On the Quantitative Analysis of Deep Belief Networks", §5.
        """
        rng = np.random.default_rng(seed)
        drawn = {
            split: np.where(255 * rng.random(images.shape, dtype=np.float32) < images, 255, 0).astype(np.uint8)
            for split, images in (("train", self.train), ("validation", self.validation), ("test", self.test))
        }
        return dataclasses.replace(self, name=f"{self.name}, binarized", **drawn)


def unit(examples: np.ndarray) -> np.ndarray:
    """Examples as a model takes them: uint8 images in [0, 1], int16 samples in [−1, 1]; others as they are."""
    if examples.dtype == np.int32:  # pieces of texts
        return examples
    steps = {np.dtype(np.uint8): 255, np.dtype(np.int16): 32768}.get(examples.dtype, 1)
    return examples.astype(np.float32) / np.float32(steps)


def load(
    name_or_folder: str, *, image_shape=(28, 28, 1), fit: str = "crop", seed: int = 0, failed: list[str] | None = None
) -> DataSet:
    """Loads a data set and holds a part of its training split out for validation.

    From tensorflow-datasets, 5,000 images of the training split are held out and the test split is the official
    one. Of a folder, a tenth is held out for validation and a tenth for testing.

    Args:
        name_or_folder: a name such as ``fashion_mnist``, or a folder of pictures (looked through recursively);
            the zoo's own data sets win over folders of the same name, which ``./`` before the name still reaches.
        image_shape: ``(height, width, channels)`` that the model takes; ``(length, 1)`` for signals, see
            ``zoo.data.signals``; ``(length,)`` for texts, see ``zoo.data.text``.
        fit: how a picture of another size meets that shape: ``crop``, ``pad`` or ``tile``.
        seed: of the random split.
        failed: gets a line for each file of a folder that cannot be read, and the others are the data; None to raise
            instead.

    Raises:
        ValueError: if the data cannot be had, is too little for three splits, or its images have another shape.
    """
    if len(image_shape) == 1:
        return _load_texts(name_or_folder)
    if len(image_shape) == 2:
        return _load_signals(name_or_folder, image_shape[0], seed, failed)
    rng = np.random.default_rng(seed)
    if Path(name_or_folder).is_dir() and name_or_folder not in LICENCES:
        images = load_pictures([name_or_folder], image_shape=image_shape, fit=fit, failed=failed)
        images = images[rng.permutation(len(images))]
        held_out = len(images) // 10
        if held_out < 1:
            unread = f", and {len(failed)} that cannot be read, the first: {failed[0]}" if failed else ""
            raise ValueError(f"{name_or_folder} holds {len(images)} pictures: at least 10 are needed{unread}.")
        parts = np.split(images, [held_out, 2 * held_out])
        return DataSet(
            Path(name_or_folder).resolve().name,
            str(Path(name_or_folder).resolve()),
            *reversed(parts),
            "the user's own",
        )
    (train, train_labels), (test, test_labels) = (load_split(name_or_folder, split) for split in ("train", "test"))
    if train.shape[1:] != tuple(image_shape):
        raise ValueError(f"{name_or_folder} holds images {train.shape[1:]}: the model takes {tuple(image_shape)}.")
    order = rng.permutation(len(train))
    held_out = min(5000, len(train) // 10)
    kept, held = np.sort(order[held_out:]), np.sort(order[:held_out])
    labels = None
    if train_labels is not None:
        labels = {"train": train_labels[kept], "validation": train_labels[held], "test": test_labels}
    licence = LICENCES.get(name_or_folder, "see tensorflow-datasets")
    return DataSet(name_or_folder, name_or_folder, train[kept], train[held], test, licence, labels)


def source_of(trained_on: Mapping[str, Any], name_or_folder: str | None = None) -> str:
    """What ``load`` takes for the data that a model was trained on, or for other data.

    Args:
        trained_on: ``data`` of its card.
        name_or_folder: the other data; None for the model's own.

    Raises:
        ValueError: if the model was trained on files of the user's own that are not in the working directory, as a
            card does not say where they lie; one that does is a stranger's, or an old one, and not followed.
    """
    if name_or_folder:
        return name_or_folder
    source = str(trained_on["source"])
    if not _SOURCE.fullmatch(source) or (_is_own(source) and not Path(source).exists()):
        raise ValueError(
            f"The model was trained on {source}, which is not in the working directory: go where it lies, or name data "
            "(zoo evaluate --data)."
        )
    return source


def check_same(data_set: DataSet, trained_on: Mapping[str, Any]) -> None:
    """Refuses files in the working directory that are called like those which a card names, and are others.

    Args:
        data_set: of ``source_of``, made ready as it was for training.
        trained_on: ``data`` of the card.

    Raises:
        ValueError: if they differ.
    """
    source = trained_on["source"]
    if _is_own(source) and data_set.fingerprint != trained_on["fingerprint"]:
        raise ValueError(f"{source} is not what the model was trained on, or it has changed: name its data (--data).")


def _is_own(source: str) -> bool:
    return source.startswith("./")


def _load_signals(name_or_folder: str, length: int, seed: int, failed: list[str] | None) -> DataSet:
    lines: list[str] | None = None if failed is None else []
    recordings = {split: signals.load_recordings(name_or_folder, split, lines) for split in signals.SPLITS}
    if failed is not None:
        failed += dict.fromkeys(lines)  # a file whose header cannot be read fails for every split
    least = max(length, LEAST_SAMPLES)
    if short := [split for split, parts in recordings.items() if sum(map(len, parts)) < least]:
        raise ValueError(
            f"{name_or_folder} holds too little sound: the recordings for {', '.join(short)} must have {least} samples "
            "together, at least."
        )
    if silent := [split for split, parts in recordings.items() if not any(part.any() for part in parts)]:
        raise ValueError(f"{name_or_folder} must hold sound: all recordings for {', '.join(silent)} are silent.")
    known = name_or_folder in LICENCES
    return DataSet(
        name_or_folder if known else Path(name_or_folder).resolve().name,
        name_or_folder if known else str(Path(name_or_folder).resolve()),
        signals.varied_frames(recordings["train"], length, seed),
        signals.frames(recordings["validation"], length),
        signals.frames(recordings["test"], length),
        LICENCES.get(name_or_folder, "the user's own"),
    )


def _load_texts(name_or_file: str) -> DataSet:
    """Texts, not yet integers: ``tokenized`` makes them that."""
    splits = text.load_texts(name_or_file)
    known = name_or_file in LICENCES
    nothing = np.empty((0, 0), np.int32)
    return DataSet(
        name_or_file if known else Path(name_or_file).stem,
        name_or_file if known else str(Path(name_or_file).resolve()),
        *3 * [nothing],
        LICENCES.get(name_or_file, "the user's own"),
        texts=splits,
    )


def load_images(name: str, split: str) -> np.ndarray:
    """The images of a split of a tensorflow-datasets set, uint8 ``(n, height, width, channels)``, in their order.

    Raises:
        ValueError: if the set is unknown, has no images, or is neither at hand nor can be downloaded.
    """
    return load_split(name, split)[0]


def label_names(name: str, labels: np.ndarray) -> list[str]:
    """What labels ``(n,)`` of a tensorflow-datasets set stand for; empty of negative ones, which stand for none."""
    import tensorflow_datasets as tfds

    names = getattr(tfds.builder(name).info.features["label"], "names", None)
    return [str(label) if names is None else names[label] if label >= 0 else "" for label in labels]


def load_split(name: str, split: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Images of a split, as ``load_images``, and, where the set has them, labels ``(n,)``."""
    builder = prepared(name)
    if "image" not in builder.info.features or split not in builder.info.splits:
        raise ValueError(f"{name} has no images in a split {split!r}.")
    import tensorflow_datasets as tfds

    try:
        rows = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1, decoders=None))
    except Exception as error:  # of TensorFlow, whose errors are no ValueError
        raise ValueError(f"{name} holds no images of one size ({type(error).__name__}): give them as files.") from None
    return np.asarray(rows["image"]), np.asarray(rows["label"]) if "label" in rows else None


def load_pictures(
    inputs: Iterable[str | os.PathLike],
    *,
    image_shape=(28, 28, 1),
    fit: str = "crop",
    failed: list[str] | None = None,
) -> np.ndarray:
    """Reads pictures of any size and colour into one array.

    Args:
        inputs: pictures that Pillow opens, ``.npy`` arrays, and folders of pictures, looked through recursively.
        image_shape: ``(height, width, channels)``; 1 channel makes colours grey (ITU-R 601 luma), 3 makes grey RGB.
        fit: ``crop`` scales and crops the centre, ``pad`` scales and pads with black, ``tile`` cuts a picture
            at its own resolution into as many whole tiles as fit.
        failed: gets a line for each picture that cannot be read, and the others are returned; None to raise instead.

    Returns:
        uint8 ``(n, height, width, channels)``.

    Raises:
        ValueError: if a file is no picture, a folder holds none, ``fit`` is unknown, or a picture is smaller
            than one tile.
    """
    if len(image_shape) != 3:
        raise ValueError(f"The model takes signals {tuple(image_shape)}, and no pictures: leave the pictures out.")
    images = [np.empty((0, *image_shape), np.uint8)]
    for source in pictures.open_sources(inputs, fit, image_shape[:2], failed=failed):
        try:
            images += _tiles(source, *image_shape)
        except ValueError as error:  # its size could be read, its pixels not
            if failed is None:
                raise
            failed.append(str(error))
    return np.concatenate(images)


def _tiles(source: pictures.Source, height: int, width: int, channels: int) -> list[np.ndarray]:
    """The whole tiles of a source's pictures, uint8 ``(n, height, width, channels)`` of each batch."""
    if source.shape[0] < height or source.shape[1] < width:
        raise ValueError(f"{source.name} is smaller than one tile of {height}×{width}: use --fit pad or crop.")
    found = []
    for batch in source.batches(1024):
        batch = with_channels(batch, channels)
        rows, columns = batch.shape[1] // height, batch.shape[2] // width
        whole = batch[:, : rows * height, : columns * width]
        tiles = whole.reshape(-1, rows, height, columns, width, channels).swapaxes(2, 3)
        found.append(tiles.reshape(-1, height, width, channels))
    return found


def with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """uint8 pictures ``(n, h, w, 1)`` or ``(n, h, w, 3)`` with 1 channel (ITU-R 601 luma) or 3."""
    if images.shape[-1] == channels:
        return images
    if channels == 3:
        return np.repeat(images, 3, axis=-1)
    return np.rint(images @ np.array([[0.299], [0.587], [0.114]])).astype(np.uint8)
