"""Images by name from tensorflow-datasets, or from a folder of the user's own pictures."""

import dataclasses
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

LICENCES = {
    "mnist": "CC BY-SA 3.0 (LeCun, Cortes, Burges)",
    "fashion_mnist": "MIT (Zalando SE)",
}
EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A data set, split: choices are made on ``validation``, and ``test`` only measures.

    Attributes:
        name: of tensorflow-datasets, or of the folder.
        source: what it was loaded by: the name, or the folder's path.
        train, validation, test: uint8 ``(n, height, width, channels)``.
        licence: of the data.
    """

    name: str
    source: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    licence: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all pixels in their order, 16 hexadecimal digits."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            digest.update(repr(split.shape).encode() + np.ascontiguousarray(split).tobytes())
        return digest.hexdigest()[:16]


def load(name_or_folder: str, *, image_shape=(28, 28, 1), fit: str = "crop", seed: int = 0) -> DataSet:
    """Loads a data set and holds a part of its training split out for validation.

    From tensorflow-datasets, 5,000 images of the training split are held out and the test split is the official
    one. Of a folder, a tenth is held out for validation and a tenth for testing.

    Args:
        name_or_folder: a name such as ``fashion_mnist``, or a folder of pictures (looked through recursively).
        image_shape: ``(height, width, channels)`` that the model takes.
        fit: how a picture of another size meets that shape: ``crop``, ``pad`` or ``tile``.
        seed: of the random split.

    Raises:
        ValueError: if the data cannot be had, or its images have another shape.
    """
    rng = np.random.default_rng(seed)
    if Path(name_or_folder).is_dir():
        pictures, _ = load_pictures(find_pictures(name_or_folder), image_shape=image_shape, fit=fit)
        pictures = pictures[rng.permutation(len(pictures))]
        held_out = len(pictures) // 10
        if held_out < 1:
            raise ValueError(f"{name_or_folder} holds {len(pictures)} pictures: at least 10 are needed to train and test.")
        parts = np.split(pictures, [held_out, 2 * held_out])
        return DataSet(
            Path(name_or_folder).resolve().name,
            str(Path(name_or_folder).resolve()),
            *reversed(parts),
            "the user's own",
        )
    train, test = load_images(name_or_folder, "train"), load_images(name_or_folder, "test")
    if train.shape[1:] != tuple(image_shape):
        raise ValueError(f"{name_or_folder} holds images {train.shape[1:]}: the model takes {tuple(image_shape)}.")
    order = rng.permutation(len(train))
    held_out = min(5000, len(train) // 10)
    return DataSet(
        name_or_folder,
        name_or_folder,
        train[np.sort(order[held_out:])],
        train[np.sort(order[:held_out])],
        test,
        LICENCES.get(name_or_folder, "see tensorflow-datasets"),
    )


def load_images(name: str, split: str) -> np.ndarray:
    """The images of a split of a tensorflow-datasets set, uint8 ``(n, height, width, channels)``, in their order.

    Raises:
        ValueError: if the set is unknown, has no images, or is neither at hand nor can be downloaded.
    """
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name)
        if not builder.data_path.exists():
            builder.download_and_prepare()
    except tfds.core.registered.DatasetNotFoundError:
        raise ValueError(
            f"Unknown data {name!r}: expected a folder of pictures, or a name of tensorflow-datasets."
        ) from None
    except Exception as error:  # whatever the download raises: offline, proxy, checksum, disk
        folder = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
        raise ValueError(
            f"{name} is not in {folder} and could not be downloaded ({type(error).__name__}): "
            "go online, or set TFDS_DATA_DIR to a folder that holds it."
        ) from None
    if "image" not in builder.info.features or split not in builder.info.splits:
        raise ValueError(f"{name} has no images in a split {split!r}.")
    rows = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1, decoders=None))
    return np.asarray(rows["image"])


def find_pictures(folder: str | os.PathLike) -> list[Path]:
    """The picture files of a folder and its subfolders, sorted.

    Raises:
        ValueError: if there is none.
    """
    paths = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in EXTENSIONS and p.is_file())
    if not paths:
        raise ValueError(f"{folder} holds no pictures: expected files such as {', '.join(EXTENSIONS[:4])}.")
    return paths


def load_pictures(
    paths: Iterable[str | os.PathLike], *, image_shape=(28, 28, 1), fit: str = "crop"
) -> tuple[np.ndarray, list[Path]]:
    """Reads pictures of any size and colour into one array.

    Args:
        paths: files that Pillow opens.
        image_shape: ``(height, width, channels)``; 1 channel converts to grey, 3 to RGB.
        fit: ``crop`` scales and crops the centre, ``pad`` scales and pads with black, ``tile`` cuts the picture
            at its own resolution into as many whole tiles as fit.

    Returns:
        uint8 ``(n, height, width, channels)``, and the file that each came from.

    Raises:
        ValueError: if a file is no picture, or ``fit`` is unknown, or a picture is smaller than one tile.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    if fit not in ("crop", "pad", "tile"):
        raise ValueError(f"fit must be crop, pad or tile: received {fit!r}.")
    height, width, channels = image_shape
    images, sources = [], []
    for path in map(Path, paths):
        try:
            with Image.open(path) as file:
                picture = ImageOps.exif_transpose(file).convert("L" if channels == 1 else "RGB")
        except (UnidentifiedImageError, OSError) as error:
            raise ValueError(f"{path} is not a picture that can be read: {error}.") from None
        if fit == "tile":
            array = np.asarray(picture).reshape(picture.height, picture.width, channels)
            rows, columns = picture.height // height, picture.width // width
            if not rows or not columns:
                raise ValueError(f"{path} is smaller than one tile of {height}×{width}: choose --fit pad or crop.")
            whole = array[: rows * height, : columns * width]
            tiles = whole.reshape(rows, height, columns, width, channels).swapaxes(1, 2)
            images.extend(tiles.reshape(-1, height, width, channels))
            sources.extend([path] * (rows * columns))
        else:
            resize = ImageOps.fit if fit == "crop" else ImageOps.pad
            picture = resize(picture, (width, height), Image.Resampling.LANCZOS)
            images.append(np.asarray(picture).reshape(height, width, channels))
            sources.append(path)
    return np.stack(images), sources
