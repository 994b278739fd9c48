"""Data: tensorflow-datasets, folders of the user's own pictures and recordings, toy distributions, and corruption."""

from zoo.data.images import DataSet, load, load_images, load_pictures, unit
from zoo.data.pipeline import training_batches
from zoo.data.points import Mixture, grid, ring
from zoo.data.signals import load_recordings
from zoo.data.stacked import stacked

__all__ = [
    "DataSet",
    "Mixture",
    "grid",
    "load",
    "load_images",
    "load_pictures",
    "load_recordings",
    "ring",
    "stacked",
    "training_batches",
    "unit",
]
