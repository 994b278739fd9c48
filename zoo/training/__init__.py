"""Training: one path for every model."""

from zoo.training.callbacks import Checkpoint, CommandLineProgress, StopAtNonFinite
from zoo.training.pretraining import pretrain_greedily
from zoo.training.run import Training, optimizer, train

__all__ = [
    "Checkpoint",
    "CommandLineProgress",
    "StopAtNonFinite",
    "Training",
    "optimizer",
    "pretrain_greedily",
    "train",
]
