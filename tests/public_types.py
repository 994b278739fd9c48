"""What an editor knows of the public interface: read by pyright (``.ci/run``), and run by no test."""

from pathlib import Path
from typing import Any, assert_type

import numpy as np

import zoo

assert_type(zoo.list_models("*_ae", pretrained=True), list[str])
assert_type(zoo.info("compressor"), dict[str, Any])
assert_type(zoo.__version__, str)

model = zoo.load("denoising_ae", pretrained=False, latent_channels=8)
model.fit(np.zeros((8, 28, 28, 1)), epochs=1)

codec = zoo.Codec("compressor")
assert_type(codec.compress(np.zeros((28, 28), np.uint8)), bytes)
try:
    assert_type(codec.decompress(b""), np.ndarray | bytes)
except zoo.CodecError as error:
    assert_type(error.args, tuple[Any, ...])

assert_type(zoo.denoise(np.zeros((28, 28), np.uint8), "denoising_ae", overlap=14), np.ndarray)
assert_type(zoo.denoise_audio(np.zeros(8000, np.int16)), np.ndarray)
assert_type(zoo.embed(np.zeros((2, 28, 28, 1)), "map_ae"), np.ndarray)
assert_type(zoo.summarize("A text of a few sentences.", sentences=1), str)
zoo.export("conv_ae", Path("encoder.tflite"), format="litert", quantization="int8", part="encoder")
zoo.certify("conv_ae", "folder")
assert_type(zoo.push("mine", "hf://owner/name", examples=False), dict[str, Any])
assert_type(zoo.pull("hf://owner/name", Path("mine")), dict[str, Any])
zoo.plots.reconstructions(np.zeros((2, 28, 28, 1)), np.zeros((2, 28, 28, 1)), "picture.png")
