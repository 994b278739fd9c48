"""A model whose every step is known in closed form: 4 × 4 means, 33 levels, nearest neighbours."""

import warnings
from pathlib import Path

import numpy as np

LEVELS = 33  # symbols -16 … 16; the decoder's image is symbol / 32 + 1 / 2
CONSTANT = 7  # this latent number has the one symbol 3
ENCODER_BATCH, DECODER_BATCH = 8, 3


def block_means(images: np.ndarray) -> np.ndarray:
    """The encoder's codes by NumPy: the mean of each 4 × 4 block, in 255ths, ``(n, 49)``."""
    blocks = images.reshape(-1, 7, 4, 7, 4).astype(float)
    return blocks.mean((2, 4)).reshape(-1, 49)


def blobs(n: int, seed: int, size: int = 28) -> np.ndarray:
    """Smooth random images, uint8 ``(n, size, size, 1)``."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    cx, cy, r = rng.uniform(0.2, 0.8, (3, n, 1, 1))
    images = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (0.2 * r) ** 2)
    return np.rint(255 * images).astype(np.uint8)[..., None]


def write_tables(folder: Path, seed: int = 0, **replace) -> None:
    """``codec.npz`` with frequencies of blobs; ``replace`` overrides arrays by name."""
    levels = np.rint((np.arange(256) / 255 - 0.5) * (LEVELS - 1)).astype(np.int16)
    minimum = np.full(49, -16, np.int16)
    size = np.full(49, LEVELS, np.int16)
    minimum[CONSTANT], size[CONSTANT] = 3, 1
    symbols = levels[np.rint(block_means(blobs(2000, 100 + seed))).astype(int)]
    counts = []
    for latent in range(49):
        if latent == CONSTANT:
            counts.append([1 << 24])
            continue
        histogram = np.bincount(symbols[:, latent] + 16, minlength=LEVELS) + 0.02
        table = np.maximum(1, np.floor(histogram / histogram.sum() * 2**24)).astype(np.int64)
        table[table.argmax()] += 2**24 - table.sum()
        counts.append(table)
    arrays = {
        "requantize": levels,
        "minimum": minimum,
        "size": size,
        "counts": np.concatenate(counts).astype(np.uint32),
        "step": np.float32(1 / (LEVELS - 1)),
        "tile": np.array([28, 28, 1], np.int16),
    }
    np.savez(folder / "codec.npz", **{**arrays, **replace})


def networks() -> tuple[bytes, bytes]:
    import tensorflow as tf

    # Fixed batches, as our export writes them, of two sizes that both have to be filled up.
    @tf.function(input_signature=[tf.TensorSpec((ENCODER_BATCH, 28, 28, 1))])
    def encode(images):
        return tf.reshape(tf.nn.avg_pool2d(images, 4, 4, "VALID"), (-1, 49))

    @tf.function(input_signature=[tf.TensorSpec((DECODER_BATCH, 49))])
    def decode(codes):
        means = tf.reshape(codes, (-1, 7, 7, 1)) + 0.5
        return tf.repeat(tf.repeat(means, 4, axis=1), 4, axis=2)

    def convert(function, calibration=None):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
        if calibration is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([image] for image in calibration)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
            return converter.convert()

    extremes = [np.full((ENCODER_BATCH, 28, 28, 1), value, np.float32) for value in (0, 1)]
    return convert(encode, extremes), convert(decode)
