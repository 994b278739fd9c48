"""Data: tensorflow-datasets, folders of the user's own pictures, and corruption to measure against."""

from zoo.data.images import DataSet, load, load_images, load_pictures
from zoo.data.pipeline import training_batches

__all__ = ["DataSet", "load", "load_images", "load_pictures", "training_batches"]
