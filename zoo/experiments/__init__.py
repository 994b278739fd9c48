"""Many trainings, one question: comparing models, choosing their hyper-parameters, and what is claimed of GANs."""

from zoo.experiments.compare import compare, markdown
from zoo.experiments.gans import EXPERIMENTS, benchmark_gans, write_modes
from zoo.experiments.protocols import benchmark_modes
from zoo.experiments.tune import tune

__all__ = ["EXPERIMENTS", "benchmark_gans", "benchmark_modes", "compare", "markdown", "tune", "write_modes"]
