"""Many trainings, one question: comparing models, and choosing their hyper-parameters."""

from zoo.experiments.compare import compare, markdown
from zoo.experiments.tune import tune

__all__ = ["compare", "markdown", "tune"]
