"""Many trainings, one question: comparing models, choosing their hyper-parameters, what is claimed of GANs,
the codec beside the image formats, and how fast models train."""

from zoo.experiments.compare import compare, markdown
from zoo.experiments.compression import benchmark_codec
from zoo.experiments.gans import EXPERIMENTS, benchmark_gans, write_modes
from zoo.experiments.protocols import benchmark_modes
from zoo.experiments.speed import benchmark_training
from zoo.experiments.tune import tune

__all__ = [
    "EXPERIMENTS",
    "benchmark_codec",
    "benchmark_gans",
    "benchmark_modes",
    "benchmark_training",
    "compare",
    "markdown",
    "tune",
    "write_modes",
]
