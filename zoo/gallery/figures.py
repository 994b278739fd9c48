"""The figures of cards and certificates: what each is called, how it is written, and in which table it stands."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard


@dataclasses.dataclass(frozen=True)
class Style:
    """How a figure is written.

    Attributes:
        label: in a table.
        pattern: of ``str.format``, for the figure times ``scale``.
        scale: 100 for shares that are written in per cent.
        better: "higher" or "lower"; empty where neither is better by itself.
    """

    label: str
    pattern: str = "{:.4g}"
    scale: float = 1
    better: str = ""


STYLES = {
    "mse": Style("Mean squared error", "{:.5f}", better="lower"),
    "psnr": Style("PSNR", "{:.2f} dB", better="higher"),
    "snr": Style("Signal to noise", "{:.2f} dB", better="higher"),
    "knn5_accuracy": Style("Class from the 5 nearest codes", "{:.1f} %", 100, "higher"),
    "codec_bits_per_pixel": Style("Codec: bits per pixel", "{:.3f}", better="lower"),
    "codec_bits_per_dimension": Style("Codec: bits per dimension, every pixel kept", "{:.3f}", better="lower"),
    "codec_bits_per_sample": Style("Codec: bits per sample, every pixel kept", "{:.3f}", better="lower"),
    "png_bits_per_sample": Style("PNG of the same pictures", "{:.3f}"),
    "webp_bits_per_sample": Style("Lossless WebP of them", "{:.3f}"),
    "codec_psnr": Style("Codec: PSNR", "{:.2f} dB", better="higher"),
    "codec_bytes": Style("Codec: the test split in one file", "{:,} bytes", better="lower"),
    "codec_kilobits_per_second": Style("Codec: kbit/s", "{:.2f}", better="lower"),
    "codec_ratio": Style("Codec: compression ratio, 11 bits a sample", "{:.2f}", better="higher"),
    "codec_prd": Style("Codec: PRD", "{:.2f} %", better="lower"),
    "codec_prdn": Style("Codec: PRDN", "{:.2f} %", better="lower"),
    "codec_si_sdr": Style("Codec: SI-SDR", "{:.2f} dB", better="higher"),
    "codec_log_spectral_distance": Style("Codec: log spectral distance", "{:.2f} dB", better="lower"),
    "negative_elbo": Style("Negative evidence lower bound", "{:.2f} nats", better="lower"),
    "negative_elbo_bits_per_pixel": Style("Negative evidence lower bound, bits per pixel", "{:.3f}", better="lower"),
    "negative_elbo_bits_per_dimension": Style(
        "Negative evidence lower bound, bits per dimension", "{:.3f}", better="lower"
    ),
    "negative_log_likelihood": Style("−log p(x), at most", "{:.2f} nats", better="lower"),
    "standard_error": Style("Standard error of −log p(x)", "{:.2f} nats"),
    "importance_samples": Style("Draws an image for −log p(x)", "{:,}"),
    "likelihood_images": Style("Images that −log p(x) is the mean of", "{:,}"),
    "auc": Style("Area under the ROC curve, others against normal ones", "{:.3f}", better="higher"),
    "detected": Style("Others beyond the threshold", "{:.1f} %", 100, "higher"),
    "false_alarm_rate": Style("Normal examples beyond the threshold", "{:.2f} %", 100, "lower"),
    "asked_false_alarms": Style("Of these, asked for at most", "{:.2f} %", 100),
    "held_out_normal": Style("Held-out normal examples that set the threshold", "{:,}"),
    "trustworthiness": Style("Trustworthiness", "{:.3f}", better="higher"),
    "certainty": Style("Certainty of the choice", "{:.3f}", better="higher"),
    "accuracy": Style("Accuracy", "{:.2f} %", 100, "higher"),
    "cross_entropy": Style("Cross-entropy", "{:.4f} nats", better="lower"),
    "words_recovered": Style("Words recovered", "{:.1f} %", 100, "higher"),
    "sentences_recovered": Style("Sentences recovered whole", "{:.1f} %", 100, "higher"),
    "words_recovered_of_all": Style("Words recovered, longer sentences included", "{:.1f} %", 100, "higher"),
    "short_sentences": Style("Short sentences that this is measured on", "{:,}"),
    "bits_per_character": Style("Bits per character of prose", "{:.3f}", better="lower"),
    "summary_perplexity": Style("Perplexity of summaries", "{:.2f}", better="lower"),
    "rouge_l": Style("ROUGE-L", "{:.3f}", better="higher"),
    "numeric_rmse": Style("Numbers restored: error, in standard deviations", "{:.3f}", better="lower"),
    "category_accuracy": Style("Categories restored", "{:.1f} %", 100, "higher"),
    "imputed_rmse": Style("Hidden numbers filled in: error, in standard deviations", "{:.3f}", better="lower"),
    "imputed_accuracy": Style("Hidden categories filled in", "{:.1f} %", 100, "higher"),
    "mean_rmse": Style("Hidden numbers filled in by means: error", "{:.3f}"),
    "mode_accuracy": Style("Hidden categories filled in by the most frequent", "{:.1f} %", 100),
    "frechet_distance": Style("Fréchet distance", "{:.1f}", better="lower"),
    "precision": Style("Precision", "{:.1f} %", 100, "higher"),
    "recall": Style("Recall", "{:.1f} %", 100, "higher"),
    "sliced_wasserstein": Style("Sliced Wasserstein distance", "{:.4f}", better="lower"),
    "diversity": Style("Diversity, of real images about 1", "{:.3f}"),
    "duplicate_rate": Style("Duplicates", "{:.2f} %", 100, "lower"),
    "noisy_psnr": Style("noisy", "{:.2f} dB"),
    "denoised_psnr": Style("denoised", "{:.2f} dB"),
    "noisy_si_sdr": Style("noisy", "{:z.2f} dB"),
    "denoised_si_sdr": Style("denoised", "{:z.2f} dB"),
    "classes": Style("Share of each class", "{:.1f} %", 100),
    "asked": Style("Share of each class asked for", "{:.1f} %", 100),
    "conditional_accuracy": Style("Of the class asked for", "{:.1f} %", 100, "higher"),
    "parameters": Style("Parameters", "{:,}", better="lower"),
}
NOISES = {
    **{f"sigma_{sigma}": f"white noise, σ\xa0{sigma} of 255" for sigma in (15, 25, 50)},
    **{f"pages_sigma_{sigma}": f"the same, pages of text, σ\xa0{sigma}" for sigma in (15, 25, 50)},
    "gaussian_0.3": "Gaussian, σ\xa00.3",
    "gaussian_0.5": "Gaussian, σ\xa00.5",
    "masking_0.5": "Masking, 50\xa0%",
    "salt_and_pepper_0.3": "Salt and pepper, 30\xa0%",
    "white_0_db": "White noise, 0\xa0dB",
    "white_10_db": "White noise, 10\xa0dB",
    "brown_0_db": "Brown noise, 0\xa0dB",
    "brown_10_db": "Brown noise, 10\xa0dB",
}
# Data → share of the test split that gets its class from the 5 nearest of the training split, without any model: by
# python benchmarks/classical_baselines.py DATA.
NEIGHBOUR_BASELINES = {
    "mnist": {"pixels": 0.9684, "pca_32": 0.9744},
    "fashion_mnist": {"pixels": 0.8522, "pca_32": 0.8513},
}
# What a card of the index shows and what models are compared by: of each line, the first that a model has.
HEADLINES = (
    ("samples.frechet_distance.mean", "codec_bits_per_dimension", "codec_bits_per_pixel",
     "quality_4.codec_bits_per_pixel", "codec_kilobits_per_second", "gaussian_0.5.denoised_psnr",
     "white_0_db.denoised_si_sdr", "sigma_25.denoised_psnr", "auc", "trustworthiness", "negative_log_likelihood",
     "accuracy", "words_recovered", "rouge_l", "imputed_rmse", "psnr"),
    ("samples.recall.mean", "codec_psnr", "quality_4.codec_psnr", "codec_si_sdr", "masking_0.5.denoised_psnr",
     "brown_0_db.denoised_si_sdr",
     "pages_sigma_25.denoised_psnr", "knn5_accuracy", "cross_entropy", "sentences_recovered", "summary_perplexity",
     "imputed_accuracy"),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure, exact and as it is written.

    Attributes:
        key: its place in the card, with dots.
        value: as the card has it.
        before: what it started from, where it is shown beside that.
    """

    key: str
    value: float | int
    before: "Figure | None" = None

    @property
    def style(self) -> Style:
        """That of the last part of the key that has one; a figure that is not in the table keeps its own name."""
        parts = self.key.split(".")
        known = next((STYLES[part] for part in reversed(parts) if part in STYLES), None)
        return known or Style(words(parts[-1]).capitalize(), "{:,}" if isinstance(self.value, int) else "{:.4g}")

    @property
    def label(self) -> str:
        noise, _, rest = self.key.rpartition(".")
        if self.before:
            return f"{NOISES.get(noise, words(noise))}: {'SI-SDR' if 'si_sdr' in rest else 'PSNR'}"
        return self.style.label

    @property
    def bare(self) -> str:
        """The text without its unit."""
        return self.text.partition(" ")[0]

    @property
    def text(self) -> str:
        value = self.value if self.style.scale == 1 else self.value * self.style.scale
        return self.style.pattern.format(value)


def words(key: str) -> str:
    """A key of JSON as words."""
    return key.replace("_", " ")


def figures(metrics: Mapping[str, Any], prefix: str = "") -> dict[str, Figure]:
    """Dotted key → figure, of all numbers that a mapping of mappings holds."""
    return {key: Figure(key, value) for key, value in _leaves(metrics, prefix) if _is_number(value)}


def headlines(metrics: Mapping[str, Any]) -> list[Figure]:
    """The two figures that say most; of a model whose figures are all unheard of, its first two."""
    known = figures(metrics)
    for key, figure in known.items():
        if before := known.get(key.replace(".denoised_", ".noisy_")) if ".denoised_" in key else None:
            known[key] = dataclasses.replace(figure, before=before)
    chosen = [next((known[key] for key in line if key in known), None) for line in HEADLINES]
    return [figure for figure in chosen if figure] or list(known.values())[:2]


def tables(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """A card's metrics, sorted by how they are read.

    Returns:
        ``plain``: figures that stand alone; ``noises``: (what was done, noisy, denoised); ``samples``: (figure's
        name, better, mean, least, largest, of real images) of what a model generates; ``classes``, and ``asked`` of a
        conditional model: a share each; ``remarks``: (name, text or figure) about the samples. Together they hold every
        number of the card.
    """
    found = {"plain": [], "noises": [], "samples": [], "classes": [], "asked": [], "remarks": []}
    for key, value in metrics.items():
        if key == "samples":
            _sort_samples(value, found)
        elif isinstance(value, Mapping):
            pair = list(figures(value, f"{key}.").values())
            if len(pair) == 2 and pair[0].key.startswith(f"{key}.noisy_"):
                found["noises"].append((NOISES.get(key, words(key)), *pair))
            else:
                found["plain"] += [(f"{words(key)}: {figure.style.label}", figure) for figure in pair]
        elif _is_number(value):
            found["plain"].append((Figure(key, value).label, Figure(key, value)))
        else:
            found["remarks"].append((words(key).capitalize(), value))
    return found


def _sort_samples(samples: Mapping[str, Any], found: dict[str, list]) -> None:
    real = samples.get("real", {})
    for key, value in samples.items():
        name = f"samples.{key}"
        if isinstance(value, Mapping) and "mean" in value:
            spread = [Figure(f"{name}.{part}", value[part]) for part in ("mean", "min", "max")]
            beside = Figure(f"samples.real.{key}", real[key]) if key in real else None
            found["samples"].append((spread[0].style.label, spread[0].style.better, *spread, beside))
        elif key in ("classes", "asked"):
            found[key] = [Figure(f"{name}.{index}", share) for index, share in enumerate(value)]
        elif key != "real":
            found["remarks"].append((words(key).capitalize(), Figure(name, value) if _is_number(value) else value))


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}{name}.")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{key}{index}.")
    else:
        yield key[:-1], value


def _is_number(value: Any) -> TypeGuard[float | int]:
    return isinstance(value, int | float) and not isinstance(value, bool)
