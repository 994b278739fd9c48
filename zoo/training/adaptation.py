"""Quantisation-aware fine-tuning: a decoder learns what the int8 encoder's codes are like."""

import tempfile
from pathlib import Path

import keras
import numpy as np

from zoo import data, losses
from zoo.codec.litert import Network, as_int8, dequantized
from zoo.models.quantized import QuantizedAutoencoder
from zoo.training.weights import rounded

LEARNING_RATE = 5e-4
BATCH_SIZE = 128


def adapt_decoder(model: QuantizedAutoencoder, encoder: bytes, images: np.ndarray, *, epochs: int, seed: int) -> None:
    """Trains the decoder alone, from the steps that the int8 encoder gives, so that it makes up for what int8 moves.

    Args:
        model: trained; its encoder stays as it is.
        encoder: the int8 LiteRT file of it.
        images: of the training split, uint8 ``(n, *image_shape)``.
        epochs: passes over them, with a cosine schedule.
        seed: of their order.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoder.tflite"
        path.write_bytes(encoder)
        network = Network(path)
        (codes,) = network(as_int8(images))
    steps = np.rint(dequantized(codes, network.output) / model.step).astype(np.float32) * np.float32(model.step)
    keras.utils.set_random_seed(seed)
    code = keras.Input(steps.shape[1:])
    trainer = keras.Model(code, model.decoder(code))
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, epochs * -(-len(images) // BATCH_SIZE))
    trainer.compile(keras.optimizers.Adam(schedule), losses.SquaredError())
    trainer.fit(steps, data.unit(images), batch_size=BATCH_SIZE, epochs=epochs, verbose=0)
    model.decoder.set_weights(rounded(model.decoder.get_weights()))
