"""Data: tensorflow-datasets, the user's own pictures and tables, toy distributions, and corruption to measure by."""

from zoo.data.images import DataSet, load, load_images, load_pictures
from zoo.data.pipeline import training_batches
from zoo.data.points import Mixture, grid, ring
from zoo.data.stacked import stacked
from zoo.data.tables import load_columns, load_table

__all__ = [
    "DataSet",
    "Mixture",
    "grid",
    "load",
    "load_columns",
    "load_images",
    "load_pictures",
    "load_table",
    "ring",
    "stacked",
    "training_batches",
]
