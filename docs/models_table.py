"""Writes the README's table of models from their cards: ``python docs/models_table.py``."""

from pathlib import Path

import zoo

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- models -->\n", "<!-- /models -->"


def table() -> str:
    """The table in Markdown, one row a shipped model."""
    rows = [
        "| model | weights | code | test MSE | PSNR | int8 encoder | what it is for, on the test split |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for name in zoo.list_models(pretrained=True):
        card = zoo.info(name)
        metrics = card["metrics"]
        code = "·".join(map(str, card["code_shape"]))
        rows.append(
            f"| `{name}` | {card['parameters'] / 1e6:.2f} M | {code} | {metrics['mse']:.5f} "
            f"| {metrics['psnr']:.2f} dB | {card['litert']['encoder_bytes'] / 1000:.0f} kB | {_purpose(metrics)} |"
        )
    return "\n".join(rows) + "\n"


def _purpose(metrics: dict) -> str:
    if "codec_psnr" in metrics:
        psnr, rate = metrics["codec_psnr"], metrics["codec_bits_per_pixel"]
        return f"{psnr:.2f} dB at {rate:.3f} bits per pixel, all images in one file"
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
    return "a short code"


def updated(readme: str) -> str:
    """The README's text with the table of today's cards."""
    head, rest = readme.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}{table()}{END}{tail}"


if __name__ == "__main__":
    README.write_text(updated(README.read_text()))
