"""Data: tensorflow-datasets, folders of the user's own pictures, toy distributions, and corruption to measure by."""

from zoo.data.images import DataSet, load, load_images, load_pictures
from zoo.data.pipeline import training_batches
from zoo.data.points import Mixture, grid, ring
from zoo.data.stacked import stacked

__all__ = [
    "DataSet",
    "Mixture",
    "grid",
    "load",
    "load_images",
    "load_pictures",
    "ring",
    "stacked",
    "training_batches",
]
