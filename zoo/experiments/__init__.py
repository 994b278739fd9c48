"""Many trainings, one question: comparing models, choosing their hyper-parameters, what is claimed of GANs,
the codec beside the image formats, denoisers beside classical ones, and how fast models train."""

from zoo.experiments.compare import compare, markdown
from zoo.experiments.compression import benchmark_codec
from zoo.experiments.denoising import benchmark_denoising
from zoo.experiments.gans import EXPERIMENTS, benchmark_gans, write_modes
from zoo.experiments.photographs import benchmark_photographs
from zoo.experiments.protocols import benchmark_modes
from zoo.experiments.speed import benchmark_training
from zoo.experiments.tune import tune

__all__ = [
    "EXPERIMENTS",
    "benchmark_codec",
    "benchmark_denoising",
    "benchmark_gans",
    "benchmark_modes",
    "benchmark_photographs",
    "benchmark_training",
    "compare",
    "markdown",
    "tune",
    "write_modes",
]
