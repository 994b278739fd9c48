"""Which way of deconvolution is fastest, at which size: times the four methods of Deconvolution2D.

    python benchmarks/deconvolution.py -o deconvolution.json

Training: output and gradients of a batch, with and without XLA. Inference: LiteRT of one image, float32 and int8. The
kernels are such that every output pixel sees two by two input pixels, whatever the method. One thread; the methods take
turns, so that other work on the machine slows all alike, and the figures are medians: compare them within a run.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import median

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from zoo import backend
from zoo.exporting import litert
from zoo.layers.deconvolution import Deconvolution2D

KERNELS = {"transposed": 4, "zero_inserted": 4, "sub_pixel": 2, "resize": 3}
SIZES = ((7, 64, 32), (14, 32, 16), (28, 16, 8))  # height and width, channels in, channels out
WAYS = ("training", "training, XLA", "float32", "int8")


def models(size: int, channels: int, filters: int) -> dict[str, keras.Model]:
    """Method → a model of one layer that doubles height and width."""
    result = {}
    for method, kernel_size in KERNELS.items():
        x = keras.Input((size, size, channels))
        result[method] = keras.Model(x, Deconvolution2D(filters, kernel_size, method=method)(x))
    return result


def training_step(model: keras.Model, x: tf.Tensor, jit: bool):
    """() -> None: the output of a batch, and the gradients of its square for the input and the weights."""

    @tf.function(jit_compile=jit)
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(model(x, training=True) ** 2)
        return tape.gradient(loss, [x, *[v.value for v in model.trainable_variables]])

    return lambda: step(x)[0].numpy()


def inference(model: keras.Model, images: np.ndarray, quantization: str | None):
    """() -> None: one image through LiteRT."""
    flatbuffer = litert.convert(model, quantization=quantization, calibration=images)
    interpreter = Interpreter(model_content=flatbuffer, num_threads=1)
    interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    interpreter.set_tensor(source["index"], images[:1].astype(source["dtype"]))
    return interpreter.invoke


def milliseconds(calls: dict, repeats: int, seconds: float) -> dict[str, float]:
    """Method → median time of a call; every repeat runs each method for about as long."""
    counts = {}
    for method, call in calls.items():
        call()  # traces and compiles
        started = time.perf_counter()
        call()
        counts[method] = max(1, round(seconds / (time.perf_counter() - started)))
    times: dict[str, list[float]] = {method: [] for method in calls}
    for _ in range(repeats):
        for method, call in calls.items():
            started = time.perf_counter()
            for _ in range(counts[method]):
                call()
            times[method].append((time.perf_counter() - started) / counts[method] * 1e3)
    return {method: median(values) for method, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=64, help="of training")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.1, help="that each repeat takes for a method")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()

    backend.start(threads=1)
    rng = np.random.default_rng(0)
    rows = []
    print(f"{'milliseconds':32}" + "".join(f"{method:>15}" for method in KERNELS) + "  fastest")
    for size, channels, filters in SIZES:
        made = models(size, channels, filters)
        images = rng.normal(size=(options.batch_size, size, size, channels)).astype(np.float32)
        x = tf.constant(images)
        for way in WAYS:
            if way.startswith("training"):
                calls = {method: training_step(model, x, "XLA" in way) for method, model in made.items()}
            else:
                quantization = "int8" if way == "int8" else None
                calls = {method: inference(model, images, quantization) for method, model in made.items()}
            times = milliseconds(calls, options.repeats, options.seconds)
            fastest = min(times, key=times.__getitem__)
            rows.append(
                {
                    "input": [size, size, channels],
                    "output": [2 * size, 2 * size, filters],
                    "way": way,
                    "milliseconds": times,
                    "fastest": fastest,
                }
            )
            title = f"{size}→{2 * size}, {channels}→{filters}, {way}"
            print(f"{title:32}" + "".join(f"{value:15.3f}" for value in times.values()) + f"  {fastest}", flush=True)
    result = {"kernel_sizes": KERNELS, "batch_size": options.batch_size, "rows": rows}
    options.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
