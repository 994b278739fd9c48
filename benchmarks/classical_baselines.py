"""What the models are measured against: PCA of as many numbers, and classical denoisers.

    pip install scikit-image            # and bm3d, licensed for non-commercial use, if you may use it
    python benchmarks/classical_baselines.py fashion_mnist -o baselines.json

Reconstruction: principal components of the training split, as many as dense_ae's code has numbers. Classes: how many
test images get theirs from the 5 nearest of the training split, by their pixels, and by those components (kNN-5 of a
card, without a model). Denoising: median,
total variation (Chambolle), non-local means and, where it is installed, BM3D, each with the strength that is best on
images held out of the training split, beside denoising_ae, on the corruptions of ``zoo evaluate denoising_ae``. None
of them knows that a black pixel may be a missing one, so beside masking stand two that fill pixels in: one takes every
black pixel for missing, as it cannot know better; biharmonic inpainting is told which ones are, which the model is not.
All of them see one image at a time. BM3D is also given all images as one mosaic, in which it finds like patches of
the other images too: more than the model has to go by, so that this figure stands beside the others.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter, median_filter
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, inpaint_biharmonic
from sklearn.neighbors import KNeighborsClassifier

from zoo import data, plots, registry
from zoo.data import corruption
from zoo.evaluation import mean_squared_error, psnr

Denoiser = Callable[[np.ndarray, float], np.ndarray]
COMPONENTS = 32
STRENGTHS = {
    "median": (1, 3, 5),
    "total variation": (0.05, 0.1, 0.2, 0.3, 0.5, 0.8),
    "non-local means": (0.05, 0.1, 0.2, 0.3, 0.5),
    "bm3d": (0.1, 0.2, 0.3, 0.4, 0.5),
    "black pixels filled in": (0.5, 0.7, 1.0, 1.4, 2.0),
}
TOLD = "biharmonic, told which pixels are masked"
MOSAIC = "bm3d of a mosaic"
BORDER = 4  # mirrored pixels around a small image, without which BM3D does worse


def denoisers() -> dict[str, Denoiser]:
    """Name → function of grey images ``(n, height, width)`` and a strength."""

    def one_by_one(denoise: Denoiser) -> Denoiser:
        return lambda images, strength: np.stack([denoise(image, strength) for image in images])

    found = {
        "median": one_by_one(lambda image, size: median_filter(image, size)),
        "total variation": one_by_one(lambda image, weight: denoise_tv_chambolle(image, weight)),
        "non-local means": one_by_one(lambda image, h: denoise_nl_means(image, 5, 7, h=h)),
    }
    try:
        from bm3d import bm3d
    except ImportError:
        return found

    def of_a_mosaic(images: np.ndarray, sigma: float) -> np.ndarray:
        n, height, width = images.shape
        whole = bm3d(plots.mosaic(images, columns=10), sigma)
        return whole.reshape(-1, height, 10, width).swapaxes(1, 2).reshape(-1, height, width)[:n]

    def bordered(image: np.ndarray, sigma: float) -> np.ndarray:
        return bm3d(np.pad(image, BORDER, mode="reflect"), sigma)[BORDER:-BORDER, BORDER:-BORDER]

    return {**found, "bm3d": one_by_one(bordered), MOSAIC: of_a_mosaic}


def filled_in(images: np.ndarray, sigma: float) -> np.ndarray:
    """Every black pixel from what is around it, ``(n, height, width)``: twice the mean, as half of that is masked."""
    around = np.stack([2 * gaussian_filter(image, sigma) for image in images])
    return np.where(images > 0, images, around)


def inpainted(test: np.ndarray, corrupt) -> float:
    """PSNR of biharmonic inpainting (Damelin & Hoang 2018) of the masked pixels, which it is told."""
    masked = corrupt(np.ones_like(test)) == 0  # the draw depends on the shape alone
    pairs = zip(corrupt(test)[..., 0], masked[..., 0], strict=True)
    restored = np.stack([inpaint_biharmonic(image, mask) for image, mask in pairs])[..., None]
    return psnr(mean_squared_error(test, np.clip(restored, 0, 1)))


def without_a_model(loaded: data.DataSet) -> dict:
    """Test MSE of the projection on the first principal components, and kNN-5 of the pixels and of the components."""
    train, test = (images.reshape(len(images), -1) / 255.0 for images in (loaded.train, loaded.test))
    mean = train.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(train - mean, rowvar=False))
    basis = vectors[:, -COMPONENTS:]

    def right(train: np.ndarray, test: np.ndarray) -> float:
        nearest = KNeighborsClassifier(5, algorithm="brute").fit(train, loaded.labels["train"])
        return float((nearest.predict(test) == loaded.labels["test"]).mean())

    codes = [(images - mean) @ basis for images in (train, test)]
    return {
        f"pca_{COMPONENTS}_mse": mean_squared_error(test, codes[1] @ basis.T + mean),
        "knn5_accuracy": {"pixels": right(train, test), f"pca_{COMPONENTS}": right(*codes)},
    }


def best_of(denoise: Denoiser, strengths, tuning: np.ndarray, test: np.ndarray, corrupt) -> dict[str, float]:
    """PSNR on ``test`` at the strength that is best on ``tuning``."""

    def score(images: np.ndarray, strength: float) -> float:
        noisy = corrupt(images)
        restored = denoise(noisy[..., 0], strength)[..., None]
        return psnr(mean_squared_error(images, np.clip(restored, 0, 1)))

    strength = max(strengths, key=lambda s: score(tuning, s))
    return {"strength": strength, "psnr": score(test, strength)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=("fashion_mnist", "mnist"))
    parser.add_argument("--images", type=int, default=200, help="of the test split, for the denoisers")
    parser.add_argument("--only", nargs="+", choices=corruption.STANDARD, default=list(corruption.STANDARD))
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()

    loaded = data.load(options.data)
    tuning, test = (
        (images / 255.0).astype(np.float32)
        for images in (loaded.validation[: min(100, options.images // 2)], loaded.test[: options.images])
    )
    model = registry.load(f"denoising_ae.{options.data}")
    denoising = {}
    for kind in options.only:
        corrupt, masks = corruption.STANDARD[kind], kind.startswith("masking")
        noisy = corrupt(test)
        figures = {
            name: best_of(f, STRENGTHS["bm3d" if name == MOSAIC else name], tuning, test, corrupt)
            for name, f in (denoisers() | ({"black pixels filled in": filled_in} if masks else {})).items()
        }
        ours = psnr(mean_squared_error(test, model.predict(noisy, batch_size=500, verbose=0)))
        denoising[kind] = {
            "noisy": {"psnr": psnr(mean_squared_error(test, noisy))},
            **figures,
            **({TOLD: {"psnr": inpainted(test, corrupt)}} if masks else {}),
            "denoising_ae": {"psnr": ours},
            "gain_over_the_best": ours - max(figure["psnr"] for name, figure in figures.items() if name != MOSAIC),
        }
        print(kind, json.dumps(denoising[kind]), flush=True)
    result = {
        "data": options.data,
        "images": len(test),
        **without_a_model(loaded),
        "denoising": denoising,
    }
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
