"""The figures of a model's card, measured."""

import os
from typing import Any

import numpy as np

from zoo import data, registry
from zoo.codec import Codec
from zoo.data import corruption
from zoo.evaluation.metrics import mean_squared_error, psnr
from zoo.models import DenoisingAE


def evaluate(name: str | os.PathLike, data_source: str | None = None, *, split: str = "test") -> dict[str, Any]:
    """Measures a trained model, of the zoo or of a folder.

    Args:
        name: as for ``zoo.load``.
        data_source: a name of tensorflow-datasets or a folder of pictures; None for the model's own data.
        split: ``test`` (a card's figures) or ``validation`` (for choices).

    Returns:
        Name of a measure → figure: see ``measure`` and ``measure_codec``.
    """
    if split not in ("test", "validation"):
        raise ValueError(f"split must be test or validation: received {split!r}.")
    artifact, model = registry.artifact_of(name), registry.load(name)
    trained_on = artifact.card["data"]
    data_set = data.load(
        data_source or trained_on["source"],
        image_shape=model.image_shape,
        fit=trained_on["fit"],
        seed=trained_on["seed"],
    )
    images = getattr(data_set, split)
    figures = measure(model, images)
    if artifact.has("codec.npz"):
        figures |= measure_codec(Codec(name), images)
    return figures


def measure(model, images: np.ndarray) -> dict[str, float]:
    """Reconstruction error of a model, and a denoiser's PSNR at each standard corruption.

    Args:
        model: an ``Autoencoder``.
        images: uint8 ``(n, height, width, channels)``.

    Returns:
        ``mse`` and ``psnr`` pooled over all pixels of all images; for a denoiser also, by the corruption's
        name, ``noisy_psnr`` and ``denoised_psnr`` in dB.
    """
    clean = images.astype(np.float32) / 255.0
    error = mean_squared_error(clean, _predict(model, clean))
    figures: dict[str, Any] = {"mse": error, "psnr": psnr(error)}
    if isinstance(model, DenoisingAE):
        for kind, corrupt in corruption.STANDARD.items():
            noisy = corrupt(clean)
            figures[kind] = {
                "noisy_psnr": psnr(mean_squared_error(clean, noisy)),
                "denoised_psnr": psnr(mean_squared_error(clean, _predict(model, noisy))),
            }
    return figures


def measure_codec(codec: Codec, images: np.ndarray) -> dict[str, float]:
    """What a codec makes of images in one file: all bytes counted, all images restored from those bytes."""
    file = codec.compress(images)
    error = mean_squared_error(images, codec.decompress(file))
    return {
        "codec_bits_per_pixel": 8.0 * len(file) / images[..., 0].size,
        "codec_psnr": psnr(error),
        "codec_bytes": len(file),
    }


def _predict(model, images: np.ndarray) -> np.ndarray:
    return model.predict(images, batch_size=500, verbose=0)
