"""Photographs of any size, from which crops are drawn anew in every epoch: for models that take any size."""

import csv
import dataclasses
import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from zoo.data import pages
from zoo.data.fitting import Cut, with_channels
from zoo.data.images import DataSet
from zoo.data.packed import Pictures
from zoo.data.sets import PREFIX, is_set, prepared, set_examples
from zoo.data.sources import in_parallel, paths
from zoo.io import pictures

PHOTOS, FOLDER = "photos", "ZOO_PHOTOS"  # the zoo's own set, and the variable that says where it lies
MANIFEST, PAGES = "manifest.csv", "pages"
SPLITS = ("train", "validation", "test")
LICENCE = "CC BY-SA 4.0, CC BY-SA 3.0, CC BY 2.0, CC0 1.0 and others, of each picture (NOTICE, credits.txt)"
LARGEST = 2_000_000  # pixels of a picture as it is kept
LOSSLESS_SETS = ("clic", "div2k")  # of tensorflow-datasets
FINE_STEP = 10  # mean step of a JPEG's table for brightness up to which its traces are too faint to learn: quality 93
DRAWN_PAGES = 40
WHOLE = 384  # pixels of held-out pictures, about
HELD_OUT = 200  # of a split, at most


@dataclasses.dataclass(frozen=True)
class Crops:
    """The training split of photographs: crops, each a function of the seed and of its number alone.

    Numbers go on from epoch to epoch: no crop comes twice, and a resumed run sees those that it would have seen.
    A source is drawn as often as the square root of its pictures says, then one of its pictures, then a place in it.

    Attributes:
        pictures: uint8 ``(h, w, channels)``, at least as large as a crop.
        sources: name → indices of its pictures; ``pages`` are scanned pages and screenshots.
        traced: ``(n,)`` bool, whether a picture shows traces of JPEG.
        crop: ``(height, width, channels)``.
        number: of crops in an epoch.
        shrink: bounds of the factor that pictures are scaled down by, the lower for half of the crops; those without
            traces of JPEG down to 1.
        pages: fraction of the crops that are of pages.
        grey: fraction of the crops that are grey in all channels.
        jpeg: fraction of the crops whose input has gone through JPEG, half of them with noise before; their target has
            not. With 0, crops are their own targets.
        seed: of all draws.
    """

    pictures: Pictures
    sources: Mapping[str, np.ndarray]
    traced: np.ndarray
    crop: tuple[int, int, int]
    number: int
    shrink: tuple[float, float] = (1.0, 2.0)
    pages: float = 0.0
    grey: float = 0.0
    jpeg: float = 0.0
    seed: int = 0

    dtype = np.dtype(np.uint8)

    def __post_init__(self):
        if not 1 <= self.shrink[0] <= self.shrink[1]:
            raise ValueError(f"shrink must be bounds 1 ≤ low ≤ high: received {self.shrink!r}.")
        for name in ("pages", "grey", "jpeg"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be a fraction from 0 to 1: received {getattr(self, name)!r}.")

    def __len__(self) -> int:
        return self.number

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.number, *self.crop)

    def __getitem__(self, chosen) -> np.ndarray:
        """Crops of the first epoch, uint8 ``(n, height, width, channels)``."""
        return self.drawn(np.arange(self.number)[chosen])[-1]

    def drawn(self, numbers: Iterable[int]) -> tuple[np.ndarray, ...]:
        """Crops by their numbers, uint8 ``(n, height, width, channels)``; with ``jpeg``, inputs and targets."""
        pairs = [self._one(int(number)) for number in numbers]
        if not self.jpeg:
            return (np.stack([target for _, target in pairs]),)
        return tuple(np.stack(part) for part in zip(*pairs, strict=True))

    def changed(self, **options) -> "Crops":
        """The same pictures, drawn from otherwise; with pages that are made, where some are wanted and none there."""
        changed = dataclasses.replace(self, **options)
        if not changed.pages or PAGES in changed.sources:
            return changed
        first = len(self.pictures)
        for page in pages.draw(DRAWN_PAGES):
            self.pictures.add(_kept(page, self.crop))
        sources = {**self.sources, PAGES: np.arange(first, len(self.pictures))}
        return dataclasses.replace(changed, sources=sources, traced=np.append(self.traced, np.zeros(DRAWN_PAGES, bool)))

    def digest(self) -> bytes:
        """SHA-256 of all pictures in their order; drawn pages are none of them."""
        digest = hashlib.sha256()
        for index in sorted(index for name in self.sources if name != PAGES for index in self.sources[name]):
            digest.update(repr(self.pictures.shapes[index]).encode() + self.pictures[index].tobytes())
        return digest.digest()

    def _one(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.seed, number])
        index = self._picture(rng)
        crop = _cut(self.pictures[index], self.crop[:2], self._factor(index, rng), rng)
        turns = rng.integers(4) if self.crop[0] == self.crop[1] else 2 * rng.integers(2)
        crop = np.rot90(crop, turns)
        crop = crop[:, ::-1] if rng.random() < 0.5 else crop
        if rng.random() < self.grey:
            crop = with_channels(with_channels(crop[None], 1), self.crop[2])[0]
        crop = np.ascontiguousarray(crop)
        draw = rng.random()
        return (_through_jpeg(crop, draw < self.jpeg / 2, rng) if draw < self.jpeg else crop), crop

    def _picture(self, rng: np.random.Generator) -> int:
        photographs = [name for name in self.sources if name != PAGES] or [PAGES]
        if PAGES in self.sources and rng.random() < self.pages:
            chosen = self.sources[PAGES]
        else:
            shares = np.sqrt([len(self.sources[name]) for name in photographs])
            chosen = self.sources[photographs[rng.choice(len(photographs), p=shares / shares.sum())]]
        return int(chosen[rng.integers(len(chosen))])

    def _factor(self, index: int, rng: np.random.Generator) -> float:
        """By how much a picture is scaled down; never so far that a crop would not fit."""
        low = self.shrink[0] if self.traced[index] else 1.0
        factor = low if rng.random() < 0.5 else rng.uniform(low, self.shrink[1])
        return min(factor, *(own / side for own, side in zip(self.pictures.shapes[index], self.crop[:2], strict=False)))


def load_photographs(
    source: str | os.PathLike,
    *,
    image_shape: tuple[int, int, int] = (96, 96, 3),
    seed: int = 0,
    failed: list[str] | None = None,
) -> DataSet:
    """A data set of photographs of any size, whose training split is ``Crops``.

    A folder may have the folders ``train``, ``validation`` and ``test``; of one without the last, every second picture
    for validation is one for testing, and of one without any, a tenth each. Folders below are sources, unless a
    ``manifest.csv`` says otherwise: its columns ``file``, ``source``, ``author``, ``licence``, ``page`` and ``changes``
    are the data's credits. Pictures are kept in a file of the temporary folder, those above 2 megapixels scaled down.

    Args:
        source: ``photos``, whose folder the variable ZOO_PHOTOS names; a folder of pictures; a pattern; or a name of
            tensorflow-datasets, such as ``clic``, ``div2k``, ``tf_flowers`` or ``oxford_iiit_pet``.
        image_shape: ``(height, width, channels)`` of the crops.
        seed: of the crops.
        failed: gets a line for each file that cannot be read, and the others are the data; None to raise instead.

    Returns:
        The data set; ``validation`` holds whole tiles of ``image_shape``, at most 9 a picture, ``test`` the middle of
        each picture, about 384 × 384, at its own resolution. Of each of them there are at most 200 pictures.

    Raises:
        ValueError: if the data cannot be had, or is too little for three splits.
    """
    item, credits = os.fspath(source), []
    if item != PHOTOS and is_set(item):
        known, rows = _of_set(item)
        loaded = _collected(rows, known, image_shape, item.removeprefix(PREFIX), item, "see tensorflow-datasets")
    else:
        loaded, credits = _load_folder(item, image_shape, failed)
    return dataclasses.replace(loaded, train=loaded.train.changed(seed=seed), credits=tuple(credits))


def _load_folder(
    item: str, image_shape: tuple[int, int, int], failed: list[str] | None
) -> tuple[DataSet, list[dict[str, str]]]:
    """A folder's photographs, and what its manifest says of those that are trained on."""
    folder = own_folder() if item == PHOTOS else item
    listed = read_manifest(Path(folder, MANIFEST))
    known, rows = _of_folder(folder, listed, failed)
    if item == PHOTOS:
        name, place, licence = PHOTOS, PHOTOS, LICENCE
    else:
        name, place = Path(item).resolve().name, str(Path(item).resolve())
        licence = ", ".join(sorted({row["licence"] for row in listed.values() if row.get("licence")}))
    loaded = _collected(rows, known, image_shape, name, place, licence or "the user's own")
    return loaded, [row for file, row in listed.items() if not file.startswith(SPLITS[1:])]


@dataclasses.dataclass(frozen=True)
class _Found:
    """A picture: uint8 ``(h, w, 1)`` or ``(h, w, 3)``, its source, and whether it shows traces of JPEG."""

    given: str  # its split, as the data have it
    source: str
    picture: np.ndarray
    traced: bool


def _collected(
    rows: Iterable[_Found], known: set[str], image_shape: tuple[int, int, int], name: str, place: str, licence: str
) -> DataSet:
    """All pictures of a data set that has the splits ``known``."""
    kept, traced, sources = Pictures(image_shape[2]), [], {}
    held_out: dict[str, list[np.ndarray]] = {split: [] for split in SPLITS[1:]}
    counts: dict[str, int] = dict.fromkeys(SPLITS, 0)
    whole = tuple(side * max(1, WHOLE // side) for side in image_shape[:2])
    for row in rows:
        split = _split(row.given, counts[row.given], known)
        counts[row.given] += 1
        if split != SPLITS[0] and len(held_out[split]) == HELD_OUT:
            split = row.given
        if split == SPLITS[0]:
            sources.setdefault(row.source, []).append(len(kept))
            kept.add(_kept(row.picture, image_shape))
            traced.append(row.traced)
        elif len(held_out[split]) < HELD_OUT:
            held_out[split].append(_centre(_kept(row.picture, (*whole, image_shape[2])), whole))
    if not all((len(kept), *held_out.values())):
        raise ValueError(f"{place} holds {sum(counts.values())} pictures: at least 10 are needed.")
    validation, test = (np.stack(parts) for parts in held_out.values())
    tiles = Cut(tuple(image_shape), "tile", 0)
    validation = np.concatenate([_some(tiles(pictures.from_array(picture[None]))) for picture in validation])
    per_picture = max(1, round(np.mean([np.prod(shape[:2]) for shape in kept.shapes]) / np.prod(image_shape[:2])))
    places = {source: np.array(indices) for source, indices in sources.items()}
    crops = Crops(kept, places, np.array(traced), tuple(image_shape), per_picture * len(kept))
    height, width, _ = image_shape
    summary = f"{len(kept):,} pictures to train on, crops of {height} × {width} drawn anew in every epoch"
    summary += "; held out " + " and ".join(f"{len(held_out[split]):,} for {split}" for split in SPLITS[1:])
    return DataSet(name, place, crops, validation, test, licence, summary=summary)


def _split(given: str, index: int, known: set[str]) -> str:
    """The split that a picture gets: what is not there for validation or testing is taken from what is."""
    train, validation, test = SPLITS
    if given == validation and test not in known and index % 2:
        return test
    if given == train and validation not in known and index % 10 == 0:
        return validation
    if given == train and not known & {validation, test} and index % 10 == 1:
        return test
    return given


def _kept(picture: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """A picture with the channels of a model, no smaller than a crop, and no larger than is kept."""
    height, width = picture.shape[:2]
    scale = min(1.0, np.sqrt(LARGEST / (height * width)))
    scale = max(scale, shape[0] / height, shape[1] / width)
    size = (max(shape[0], round(scale * height)), max(shape[1], round(scale * width)))
    return with_channels((_resized(picture, size) if size != (height, width) else picture)[None], shape[2])[0]


def _centre(picture: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """The middle of a picture, at its own resolution."""
    top, left = ((own - side) // 2 for own, side in zip(picture.shape[:2], size, strict=True))
    return np.array(picture[top : top + size[0], left : left + size[1]])


def _some(tiles: np.ndarray) -> np.ndarray:
    """At most 9 of a picture's tiles, evenly spaced."""
    return tiles[np.unique(np.linspace(0, len(tiles) - 1, 9).astype(int))]


def own_folder() -> str:
    """The folder of the zoo's own photographs."""
    folder = os.environ.get(FOLDER, "")
    if not Path(folder, SPLITS[0]).is_dir() or not folder:
        found = f"{FOLDER} is {folder}, which has no folder train" if folder else f"{FOLDER} is not set"
        raise ValueError(f"{PHOTOS} are not at hand: {found}. Set it to their folder, or name other data (--data).")
    return folder


def read_manifest(path: Path) -> dict[str, dict[str, str]]:
    """What a manifest says of each file; nothing where there is none."""
    if not path.is_file():
        return {}
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if rows and "file" not in rows[0]:
        raise ValueError(f"{path} must have a column file: it has {', '.join(rows[0])}.")
    return {row["file"]: row for row in rows}


def _of_folder(
    item: str, listed: Mapping[str, Mapping[str, str]], failed: list[str] | None
) -> tuple[set[str], Iterator[_Found]]:
    """The splits and the pictures of a folder or a pattern."""
    files = [(path, label.replace(os.sep, "/")) for path, label in paths(item, None)]
    train, *others = SPLITS
    known = {label.partition("/")[0] for _, label in files}
    official = train in known
    if official and (unknown := sorted(known - {*SPLITS})):
        raise ValueError(
            f"{item} has a folder train, and so others must be {' and '.join(others)}: found {unknown[0]}."
        )

    def read(index: int) -> _Found | str:
        path, label = files[index]
        split = label.partition("/")[0] if official else train
        rest = label.removeprefix(f"{split}/") if official else label
        source = listed.get(label, {}).get("source") or rest.rpartition("/")[0].partition("/")[0]
        try:
            (opened,) = pictures.open_sources([path], "tile")
            return _Found(split, source, opened.read(0, 1)[0], _shows_traces(path))
        except ValueError as error:
            return str(error)

    def rows() -> Iterator[_Found]:
        for row in in_parallel(read, np.arange(len(files))):
            if not isinstance(row, str):
                yield row
            elif failed is None:
                raise ValueError(row)
            else:
                failed.append(row)

    return known & {*SPLITS} if official else {train}, rows()


def _of_set(name: str) -> tuple[set[str], Iterator[_Found]]:
    """The splits and the pictures of a set of tensorflow-datasets."""
    splits = prepared(name).info.splits
    if SPLITS[0] not in splits:
        raise ValueError(f"{name} has the splits {', '.join(splits)}: expected train.")
    known = [split for split in SPLITS if split in splits]
    traced = name.removeprefix(PREFIX).partition("/")[0].partition(":")[0] not in LOSSLESS_SETS
    rows = (_Found(split, "", image, traced) for split in known for image, _ in set_examples(name, split))
    return {*known}, rows


def _shows_traces(path: Path) -> bool:
    """Whether a file is a JPEG of such a quality that its steps are seen."""
    from PIL import Image

    with Image.open(path) as image:
        tables = getattr(image, "quantization", None)
    return bool(tables) and float(np.mean(tables[min(tables)])) > FINE_STEP


def _cut(picture: np.ndarray, size: tuple[int, int], factor: float, rng: np.random.Generator) -> np.ndarray:
    """A piece of a picture at a random place, scaled down by a factor to a size."""
    sides = [min(own, max(side, round(factor * side))) for own, side in zip(picture.shape[:2], size, strict=True)]
    top, left = (int(rng.integers(own - side + 1)) for own, side in zip(picture.shape[:2], sides, strict=True))
    piece = np.array(picture[top : top + sides[0], left : left + sides[1]])
    return piece if (*sides,) == (*size,) else _resized(piece, size)


def _resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture ``(h, w, c)`` scaled to a size."""
    from PIL import Image

    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    return np.asarray(image.resize(size[::-1], Image.Resampling.LANCZOS)).reshape(*size, -1)


def _through_jpeg(crop: np.ndarray, noisy: bool, rng: np.random.Generator) -> np.ndarray:
    """A crop as JPEG leaves it, of a noisy one too."""
    from PIL import Image

    grey = (crop == crop[..., :1]).all()
    if noisy:
        noise = rng.standard_normal((*crop.shape[:2], 1 if grey else crop.shape[2]))
        crop = np.rint(np.clip(crop + rng.uniform(2, 30) * noise, 0, 255)).astype(np.uint8)
    file = io.BytesIO()
    image = Image.fromarray(crop[..., 0] if grey else crop)
    image.save(file, "JPEG", quality=int(rng.integers(15, 90)))
    return with_channels(np.asarray(Image.open(file)).reshape(1, *crop.shape[:2], -1), crop.shape[2])[0]
