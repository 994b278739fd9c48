"""Writes the README's table of models from their cards: ``python docs/models_table.py``."""

from pathlib import Path

import zoo
from zoo.gallery.figures import NEIGHBOUR_BASELINES

README = Path(__file__).resolve().parents[1] / "README.md"
PURPOSES = {
    "dense_ae": "a short code",
    "unpool_ae": "what in 32 numbers, where in 588 switches",
    "tied_ae": "half the weights",
    "conv_tied_ae": "the fewest weights",
    "stacked_ae": "greedy pretraining",
    "sparse_ae": "a code of few active units",
    "contractive_ae": "a code that resists small changes",
    "concrete_ae": "which 50 pixels to keep",
}
BEGIN, END = "<!-- models -->\n", "<!-- /models -->"


def table() -> str:
    """The table in Markdown, one row a shipped model."""
    rows = [
        "| model | weights | code | test MSE | PSNR | kNN-5 | training | int8 encoder | what for, on the test split |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for name in zoo.list_models(pretrained=True):
        card = zoo.info(name)
        metrics = card["metrics"]
        code, mse, psnr, knn, encoder = 5 * ["–"]
        if "code_shape" in card and "litert" not in card:  # of texts
            code = "·".join(map(str, card["code_shape"]))
        elif "code_shape" in card:
            code = "·".join(map(str, card["code_shape"]))
            mse = f"{metrics['mse']:.5f}" if "mse" in metrics else mse  # columns of a table are in units of their own
            psnr = f"{metrics['psnr']:.2f} dB" if "psnr" in metrics else psnr  # a signal has no peak to speak of
            knn = f"{100 * metrics['knn5_accuracy']:.1f} %" if "knn5_accuracy" in metrics else knn
            encoder = f"{card['litert']['encoder_bytes'] / 1000:.0f} kB"
        rows.append(
            f"| `{name}` | {card['parameters'] / 1e6:.2f} M | {code} | {mse} | {psnr} | {knn} "
            f"| {card['training']['seconds'] / 60:.0f} min | {encoder} | {_purpose(card['architecture'], metrics)} |"
        )
    for label, key, numbers in (("raw pixels", "pixels", "784"), ("PCA", "pca_32", "32")):
        shares = " · ".join(f"{100 * NEIGHBOUR_BASELINES[source][key]:.1f} %" for source in ("fashion_mnist", "mnist"))
        rows.append(
            f"| {label}, Fashion-MNIST · MNIST | – | {numbers} | – | – | {shares} | – | – | no model, for comparison |"
        )
    return "\n".join(rows) + "\n"


def _purpose(architecture: str, metrics: dict) -> str:
    if "samples" in metrics:
        distance, precision, recall = (
            metrics["samples"][key]["mean"] for key in ("frechet_distance", "precision", "recall")
        )
        floor = metrics["samples"]["real"]["frechet_distance"]
        figures = f"Fréchet distance {distance:.1f} (real images {floor:.1f}), precision {100 * precision:.0f} %"
        if "conditional_accuracy" in metrics["samples"]:
            asked = metrics["samples"]["conditional_accuracy"]["mean"]
            figures = f"{100 * asked:.1f} % of the class asked for; of equally many a class, {figures}"
        return f"generates; {figures}, recall {100 * recall:.0f} %"
    if "auc" in metrics:
        rate, asked = (100 * metrics[key] for key in ("false_alarm_rate", "asked_false_alarms"))
        few = {name: area for name, area in metrics["auc_of"].items() if len(metrics["auc_of"]) <= 5}
        areas = ", ".join(f"{area:.3f} of {name}" for name, area in few.items()) or f"{metrics['auc']:.3f}"
        return f"tells others from normal ones: AUC {areas}; {rate:.1f} % false alarms, {asked:g} % asked"
    if "accuracy" in metrics:
        return f"{100 * metrics['accuracy']:.2f} % accuracy; its features measure generated images"
    if "codec_psnr" in metrics:
        psnr, rate = metrics["codec_psnr"], metrics["codec_bits_per_pixel"]
        return f"{psnr:.2f} dB at {rate:.3f} bits per pixel, all images in one file"
    if "codec_bits_per_dimension" in metrics:
        return f"every pixel at {metrics['codec_bits_per_dimension']:.2f} bits per dimension, all images in one file"
    if "codec_bits_per_pixel" in metrics:
        return f"every pixel at {metrics['codec_bits_per_pixel']:.2f} bits per pixel, all images in one file"
    if "quality_4" in metrics:
        points = (metrics[f"quality_{quality}"] for quality in (1, 4, 8))
        shown = (f"{p['codec_psnr']:.2f} dB at {p['codec_bits_per_pixel']:.3f}" for p in points)
        return f"{', '.join(shown)} bits per pixel, one file a picture; qualities 1, 4 and 8"
    if "png_bits_per_sample" in metrics:
        own, png, webp = (metrics[f"{name}_bits_per_sample"] for name in ("codec", "png", "webp"))
        return f"every pixel at {own:.2f} bits per sample, PNG {png:.2f}, lossless WebP {webp:.2f}, one file a picture"
    if "codec_prd" in metrics:
        ratio, prd = metrics["codec_ratio"], metrics["codec_prd"]
        return f"electrocardiograms of unheard people at {ratio:.1f} : 1, PRD {prd:.2f} %, one file a person"
    if "codec_si_sdr" in metrics:
        rate, sdr = metrics["codec_kilobits_per_second"], metrics["codec_si_sdr"]
        return f"speech of an unheard speaker at {rate:.2f} kbit/s, SI-SDR {sdr:.2f} dB, all in one file"
    if "white_10_db" in metrics:
        return "SI-SDR of an unheard speaker: " + "; ".join(
            f"{label} {metrics[kind]['noisy_si_sdr']:z.0f} → {metrics[kind]['denoised_si_sdr']:.1f} dB"
            for label, kind in (
                ("white noise", "white_0_db"),
                ("", "white_10_db"),
                ("brown noise", "brown_0_db"),
                ("", "brown_10_db"),
            )
        ).replace(";  ", "; ")
    if "words_recovered" in metrics:
        share, number = 100 * metrics["words_recovered"], metrics["short_sentences"]
        return f"{share:.1f} % of the words of {number:,} sentences of at most 15 words come back, each in its place"
    if "summary_perplexity" in metrics:
        bits = f"prose at {metrics['bits_per_character']:.2f} bits a character"
        return f"{bits}; summaries of held-out packages, ROUGE-L {metrics['rouge_l']:.3f}"
    if "trustworthiness" in metrics:
        return f"a map: two numbers, trustworthiness {metrics['trustworthiness']:.3f}"
    if "sigma_25" in metrics:
        pages = metrics["pages_sigma_25"]
        return "; ".join(
            f"{label} {found['noisy_psnr']:.2f} → {found['denoised_psnr']:.2f} dB"
            for label, found in (
                *((f"σ {s}/255", metrics[f"sigma_{s}"]) for s in (15, 25, 50)),
                ("pages, 25/255", pages),
            )
        )
    if "gaussian_0.5" in metrics:
        return "; ".join(
            f"{label} {metrics[kind]['noisy_psnr']:.2f} → {metrics[kind]['denoised_psnr']:.2f} dB"
            for label, kind in (
                ("σ 0.3", "gaussian_0.3"),
                ("σ 0.5", "gaussian_0.5"),
                ("masking 50 %", "masking_0.5"),
                ("salt and pepper 30 %", "salt_and_pepper_0.3"),
            )
        )
    if "imputed_rmse" in metrics:
        rmse, usual = metrics["imputed_rmse"], metrics["mean_rmse"]
        return f"rows of a table; hidden numbers filled in to {rmse:.2f} standard deviations (means: {usual:.2f})"
    if "negative_log_likelihood" in metrics:
        nats, error = metrics["negative_log_likelihood"], metrics["standard_error"]
        draws, images = metrics["importance_samples"], metrics["likelihood_images"]
        bound = f"−log p(x) ≤ {nats:.2f} ± {error:.2f} nats"
        return f"generates; {bound} with {draws:,} draws for each of {images:,} binary images"
    if "negative_elbo" in metrics:
        return "generates"
    return PURPOSES[architecture]


def updated(readme: str) -> str:
    """The README's text with the table of today's cards."""
    head, rest = readme.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}{table()}{END}{tail}"


if __name__ == "__main__":
    README.write_text(updated(README.read_text()))
