"""Measuring models on the official test splits, and what they generate."""

import importlib

from zoo import deprecations
from zoo.evaluation.metrics import mean_squared_error, ms_ssim, psnr, ssimulacra2

# Public name → its module, where that needs Keras or SciPy; the metrics and the image formats need neither.
_LAZY = {
    "bootstrap": "summaries",
    "code_numbers": "codes",
    "diversity": "modes",
    "duplicate_rate": "modes",
    "earth_mover_distance": "distances",
    "examples_of": "texts",
    "fitted_detector": "outliers",
    "flat_code": "codes",
    "frechet_distance": "distances",
    "inception_distance": "inception",
    "joined_audio": "audio",
    "latent_codes": "codes",
    "linear_read_out": "selection",
    "log_spectral_distance": "audio",
    "measure_audio": "audio",
    "measure_classifier": "classification",
    "measure_code": "codes",
    "measure_codec_of_people": "signals",
    "measure_detector": "outliers",
    "measure_likelihood": "likelihood",
    "measure_people": "signals",
    "measure_prose": "texts",
    "measure_samples": "generation",
    "measure_sentences": "texts",
    "measure_summarizer": "texts",
    "measured": "outliers",
    "mode_coverage": "modes",
    "paired_bootstrap": "summaries",
    "percent_differences": "signals",
    "precision_recall": "distances",
    "recovered_words": "texts",
    "rouge_l": "summaries",
    "samples_from": "generation",
    "si_sdr": "audio",
    "signal_to_noise": "audio",
    "sliced_wasserstein_distance": "distances",
    "stacked_mnist_coverage": "modes",
    "stoi": "audio",
    "top_variance": "selection",
}

__all__ = ["mean_squared_error", "ms_ssim", "psnr", "ssimulacra2", *_LAZY]


def __getattr__(name: str):
    name = deprecations.export_name(name, "evaluation")
    if name in _LAZY:
        return getattr(importlib.import_module(f"zoo.evaluation.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'zoo.evaluation' has no attribute {name!r}")
