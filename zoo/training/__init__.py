"""Training: one path for every model."""

from zoo.training import distribution
from zoo.training.adaptation import adapt_decoder
from zoo.training.callbacks import Checkpoint, CommandLineProgress, StopAtNonFinite
from zoo.training.diagnosis import (
    Alarm,
    BalanceAlarm,
    BalanceSteps,
    CollapseAlarm,
    Diversity,
    SampleGrid,
    TrainingWarning,
)
from zoo.training.families import optimizer, steps_at_once
from zoo.training.own_data import sized
from zoo.training.pretraining import pretrain_greedily
from zoo.training.run import Training, train
from zoo.training.tensorboard import TensorBoardImages, TensorBoardProjector

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
    "TensorBoardProjector",
    "Training",
    "TrainingWarning",
    "distribution",
    "optimizer",
    "pretrain_greedily",
    "sized",
    "steps_at_once",
    "train",
    "adapt_decoder",
]
