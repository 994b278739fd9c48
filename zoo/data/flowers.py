"""The flowers of the zoo's own photographs, for small generators: square views, with the kind of flower for a label."""

from pathlib import Path

import numpy as np
from PIL import Image

from zoo.data.fitting import with_channels
from zoo.data.images import DataSet
from zoo.data.photographs import MANIFEST, own_folder, read_manifest
from zoo.data.sets import LICENCES

FLOWERS = "flowers"  # the set's name, and its folder's
VIEWS = 3  # of a picture


def load_flowers(*, image_shape: tuple[int, ...] = (64, 64, 3), seed: int = 0) -> DataSet:
    """Three overlapping squares along the longer side of each photograph of a flower, in the zoo's own set.

    A tenth of the photographs is held out for validation and a tenth for testing, each with all its views; the first
    word of a file's name is its class. The variable ZOO_PHOTOS says where the set lies.

    Args:
        image_shape: ``(size, size, channels)``.
        seed: of the split.

    Raises:
        ValueError: if the set is not at hand, or ``image_shape`` is no square.
    """
    height, width, channels = image_shape
    if height != width:
        raise ValueError(f"{FLOWERS} are squares: expected one size, received {height} × {width}.")
    folder = own_folder()
    paths = sorted(Path(folder, "train", FLOWERS).glob("*.jpg"))
    if len(paths) < 10:
        raise ValueError(f"{folder} has {len(paths)} pictures in train/{FLOWERS}: expected at least 10.")
    kinds = [path.name.partition("-")[0] for path in paths]
    classes = tuple(sorted({*kinds}))
    images = np.stack([_views(path, height, channels) for path in paths])
    numbers = np.repeat([classes.index(kind) for kind in kinds], VIEWS).reshape(-1, VIEWS)
    order, held_out = np.random.default_rng(seed).permutation(len(paths)), len(paths) // 10
    test, validation, train = np.split(order, [held_out, 2 * held_out])
    chosen = {"train": np.sort(train), "validation": np.sort(validation), "test": np.sort(test)}
    listed = read_manifest(Path(folder, MANIFEST))
    trained = [paths[at].relative_to(folder).as_posix() for at in chosen["train"]]
    return DataSet(
        FLOWERS,
        FLOWERS,
        *(images[at].reshape(-1, *image_shape) for at in chosen.values()),
        LICENCES[FLOWERS],
        {split: numbers[at].reshape(-1) for split, at in chosen.items()},
        classes=classes,
        summary=f"{len(paths)} photographs, {VIEWS} views of each, {height} × {width}",
        credits=tuple(listed[name] for name in trained if name in listed),
    )


def _views(path: Path, size: int, channels: int) -> np.ndarray:
    """Squares of the whole shorter side, at the beginning, in the middle and at the end of the longer one."""
    with Image.open(path) as file:
        picture = file.convert("RGB")
    side, rest = min(picture.size), max(picture.size) - min(picture.size)
    views = []
    for at in np.rint(np.linspace(0, rest, VIEWS)).astype(int).tolist():
        left, top = (at, 0) if picture.width > picture.height else (0, at)
        box = (left, top, left + side, top + side)
        views.append(np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS, box)))
    return with_channels(np.stack(views), channels)
