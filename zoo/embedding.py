"""Codes of the user's own examples, and what a map of them shows."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo import evaluation, modalities, models, registry

BATCH = 256


def embed(
    images: Any,
    model: "str | os.PathLike | models.Autoencoder" = "map_ae",
    *,
    advance: Callable[[int], None] | None = None,
) -> np.ndarray:
    """The codes of images, by any encoder of the zoo: of a variational one the mean of the posterior.

    Args:
        images: ``(n, height, width, channels)`` of the model's input, or ``(n, height, width)`` or ``(n, pixels)``;
            uint8, or float in [0, 1]. ``zoo.data.load_examples`` makes them of files. Of a model of tables, a
            table: see ``zoo.models.TabularAE``.
        model: its name, its folder, or the model itself.
        advance: called with the number of images done, for a progress bar.

    Returns:
        float32 ``(n, numbers)``; a code of another shape, or of several parts, is flattened.

    Raises:
        ValueError: for an array of another shape or dtype, or a model without an encoder.
    """
    encoder = registry.loaded(model)
    if not hasattr(encoder, "encode"):
        raise ValueError(f"model must have an encoder, such as map_ae: received {encoder.name!r}.")
    examples = modalities.of(encoder).given(encoder, images)
    codes = []
    for start in range(0, len(examples), BATCH):
        batch = examples[start : start + BATCH]
        code = evaluation.flat_code(encoder.encode(batch))
        codes.append(code.reshape(len(batch), -1).astype(np.float32))
        if advance is not None:
            advance(len(batch))
    return np.concatenate(codes)


def in_the_plane(codes: np.ndarray) -> tuple[np.ndarray, float | None]:
    """Codes as points ``(n, 2)`` of a map.

    Args:
        codes: ``(n, numbers)``.

    Returns:
        The points, and None where the codes have two numbers, or one, beside which 0 is set; of longer codes the first
        two principal components, and the share of the codes' variance that these hold.
    """
    if codes.shape[1] <= 2:
        return np.pad(codes, ((0, 0), (0, 2 - codes.shape[1]))), None
    from sklearn.decomposition import PCA

    # The exact solver has no random start: the same codes give the same map.
    pca = PCA(2, svd_solver="covariance_eigh" if len(codes) > codes.shape[1] else "full")
    if len(codes) < 2:
        return np.zeros((len(codes), 2), codes.dtype), 0.0
    points = pca.fit_transform(codes)
    return points.astype(np.float32), float(pca.explained_variance_ratio_.sum())
