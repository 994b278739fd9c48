"""Networks and integer tables of a photo compressor's codec, from a trained model."""

from pathlib import Path

import keras
import numpy as np

from zoo.codec.coders.latents import LatentTables
from zoo.codec.integers import IntegerDense, quantised
from zoo.codec.latents import (
    FEATURE_STEPS,
    LINEAR_BITS,
    SCALE_BITS,
    SCALE_LOW,
    SCALE_STEP,
    SCALES,
    IntegerPass,
)
from zoo.codec.litert import Network
from zoo.codec.logistic import FRACTIONS, Logistics, counts_of
from zoo.exporting import litert, tables
from zoo.exporting.export import PARTS
from zoo.layers.patch_transform import SCALE
from zoo.models.autoencoders.photo_compressor import ENCODER_UNIT, PhotoCompressor

FIELD_BITS, BITS = 9, 10  # of weights; a field has many inputs, whose sum has to stay exact
SUPPORT = 64  # of the distributions, in quantisation steps


def write_latents(model: PhotoCompressor, images: np.ndarray, folder: Path) -> None:
    """Writes ``decoder.tflite`` and ``latents.npz`` into a folder, beside its ``encoder.tflite``.

    Args:
        model: trained.
        images: uint8 ``(n, height, width, 3)``, of the training split, which show the ranges of hidden layers.
        folder: of the artefact.

    Raises:
        ValueError: if a network does not convert to LiteRT's builtins, or a sum of integers would not be exact.
    """
    decoder = litert.convert(model.tile_decoder(), name=PARTS["decoder"], quantization="float16")
    identity = {"model": folder.name, "sha256": litert.weights_digest(model)}
    (folder / "decoder.tflite").write_bytes(litert.with_metadata(decoder, part="decoder", **identity))
    kernel, scales = quantised(model.analysis.kernel.numpy().T / SCALE)
    output_scale, _ = Network(folder / "encoder.tflite").output["quantization"]
    found = LatentTables(
        kernel=kernel,
        kernel_scales=scales,
        correction_scale=output_scale * ENCODER_UNIT,
        log_steps=model.log_steps.kernel.numpy().astype(np.float64),
        log_gains=model.log_gains.kernel.numpy().astype(np.float64),
        decoder_biases=model.decoder_bias.kernel.numpy(),
        passes=_integer_passes(model, images),
        logistics=Logistics(counts_of(np.exp(SCALE_LOW + SCALE_STEP * np.arange(SCALES)), SUPPORT)),
        usual=model.quality,
    )
    (folder / "latents.npz").write_bytes(tables.to_bytes(found.arrays()))


def _integer_passes(model: PhotoCompressor, images: np.ndarray) -> list[IntegerPass]:
    context, ranges = model.context, _ranges(model, images)
    found = []
    for index, (step, parts) in enumerate(zip(context.passes, context.steps, strict=True)):
        kernel = parts["field"].kernel.numpy()
        inputs = np.full(kernel.shape[2], 1 / FEATURE_STEPS)
        if step.start == 0:
            inputs[-1] = 1.0  # whether a position is known, 0 or 1
        flat = kernel.reshape(-1, kernel.shape[3])
        unit = np.repeat([1 / FRACTIONS, SCALE_STEP / 2**SCALE_BITS], step.channels)
        first, second = ranges[index] / 255
        bias = context.biases[index].numpy() + parts["field"].bias.numpy()
        offsets = (context.scales[index].numpy() - SCALE_LOW) / SCALE_STEP * 2**SCALE_BITS
        linear = parts["linear"].kernel.numpy() if "linear" in parts else None
        found.append(
            IntegerPass(
                step,
                IntegerDense.of(flat, bias, np.tile(inputs, step.kernel_size**2), first, FIELD_BITS),
                IntegerDense.of(parts["hidden"].kernel.numpy(), parts["hidden"].bias.numpy(), first, second, BITS),
                IntegerDense.of(parts["out"].kernel.numpy(), parts["out"].bias.numpy(), second, unit, BITS),
                np.round(offsets).astype(np.int64),
                None if linear is None else np.round(linear.reshape(-1, step.channels) * 2.0**LINEAR_BITS),
            )
        )
        found[-1].check()
    return found


def _ranges(model: PhotoCompressor, images: np.ndarray) -> np.ndarray:
    """What activations of both hidden layers of each pass reach at any quality, ``(passes, 2)``."""
    z = model.encoder.predict(images / np.float32(255), verbose=0)
    most = np.full((len(model.context.passes), 2), 1e-3)
    for quality in range(1, model.qualities + 1):
        mixture = model.mixture(keras.ops.full((len(images),), float(quality)))
        symbols = np.rint(z / np.exp(model.log_steps.kernel.numpy()[quality - 1]))
        most = np.maximum(most, keras.ops.convert_to_numpy(model.context.hidden_ranges(symbols, mixture)))
    return most
