"""Data: tensorflow-datasets, own pictures, tables and recordings, heartbeats, texts, toy distributions, corruption."""

from zoo import deprecations
from zoo.data.audio import load_audio
from zoo.data.flowers import load_flowers
from zoo.data.heartbeats import Beats, Stretch, load_beats, load_people, load_stretches
from zoo.data.images import DataSet, check_same, load, source_of
from zoo.data.neighbours import nearest_neighbours
from zoo.data.packed import is_mapped
from zoo.data.photographs import Crops, load_photographs
from zoo.data.pipeline import ordered_batches, training_batches
from zoo.data.points import Mixture, grid, ring
from zoo.data.sets import label_names, load_images
from zoo.data.sources import Examples, load_examples, load_pictures, stream, unit
from zoo.data.stacked import stacked
from zoo.data.tables import load_cells, load_columns, load_table

__all__ = [
    "Beats",
    "Crops",
    "DataSet",
    "Examples",
    "Mixture",
    "Stretch",
    "check_same",
    "grid",
    "is_mapped",
    "label_names",
    "load",
    "load_audio",
    "load_beats",
    "load_cells",
    "load_columns",
    "load_examples",
    "load_images",
    "load_flowers",
    "load_people",
    "load_photographs",
    "load_pictures",
    "load_stretches",
    "load_table",
    "nearest_neighbours",
    "ordered_batches",
    "ring",
    "source_of",
    "stacked",
    "stream",
    "training_batches",
    "unit",
]


def __getattr__(name: str) -> object:
    if (current := deprecations.export_name(name, "data")) != name:
        return globals()[current]
    raise AttributeError(f"module 'zoo.data' has no attribute {name!r}")
