"""Training: one path for every model."""

from zoo.training.callbacks import Checkpoint, CommandLineProgress, StopAtNonFinite
from zoo.training.diagnosis import (
    Alarm,
    BalanceAlarm,
    BalanceSteps,
    CollapseAlarm,
    Diversity,
    SampleGrid,
    TensorBoardImages,
    TrainingWarning,
)
from zoo.training.pretraining import pretrain_greedily
from zoo.training.run import Training, optimizer, train

__all__ = [
    "Alarm",
    "BalanceAlarm",
    "BalanceSteps",
    "Checkpoint",
    "CollapseAlarm",
    "CommandLineProgress",
    "Diversity",
    "SampleGrid",
    "StopAtNonFinite",
    "TensorBoardImages",
    "Training",
    "TrainingWarning",
    "optimizer",
    "pretrain_greedily",
    "train",
]
