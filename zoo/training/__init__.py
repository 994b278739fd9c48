"""Training: one path for every model."""

from zoo.training.callbacks import Checkpoint, CommandLineProgress
from zoo.training.run import Training, train

__all__ = ["Checkpoint", "CommandLineProgress", "Training", "train"]
