"""Networks of shipped models as files that LiteRT.js takes: float32 at their edges, and of any size where they can be.

LiteRT.js takes no int8 tensors and has no call that resizes an input. So what is int8 gets a QUANTIZE before it and a
DEQUANTIZE behind, which change no number inside; and the index says where in the file the heights of the tensors stand,
which the page multiplies before it opens the file.
"""

import tempfile
from pathlib import Path
from typing import Any

from zoo import registry
from zoo.codec import flatbuffer
from zoo.exporting import export
from zoo.exporting.rewrite import float_edges

PHOTOGRAPHS, DENOISER, DIGITS, GENERATOR = (
    "photo_compressor.photos",
    "photo_denoiser.photos",
    "beta_vae.mnist",
    "dcgan.mnist",
)
SHIPPED = {"encoder": (PHOTOGRAPHS, "encoder.tflite"), "decoder": (PHOTOGRAPHS, "decoder.tflite"),
           "denoiser": (DENOISER, "model.tflite")}  # fmt: skip
EXPORTED = {"digits_encoder": (DIGITS, "encoder"), "digits_decoder": (DIGITS, "decoder"),
            "generator": (GENERATOR, "generator")}  # fmt: skip
_SIDE = 8  # all sides of tensors that follow the picture's are multiples of it; of no other tensor


def network_files() -> tuple[dict[str, bytes], dict[str, Any]]:
    """``NAME.tflite`` → content of every network of the page, and what the page knows of each, as JSON holds it.

    Raises:
        ValueError: if a model is damaged or cannot be exported.
    """
    files, index = {}, {}
    for name, (model, file) in SHIPPED.items():
        content = float_edges(registry.artifact_of(model).file(file).read_bytes())
        files[f"{name}.tflite"], index[name] = content, described(model, content)
    with tempfile.TemporaryDirectory() as folder:
        for name, (model, part) in EXPORTED.items():
            path = Path(folder) / f"{name}.tflite"
            export(model, path, part=part, quantization="float16")
            files[path.name], index[name] = path.read_bytes(), described(model, path.read_bytes())
    return files, index


def described(model: str, content: bytes) -> dict[str, Any]:
    """``model``; ``inputs`` and ``outputs``: shapes, in the file's order; ``heights``: places in the file, below.

    At each place stand a height and, 4 bytes on, a width, int32, that are to the network's as their own are to those of
    another picture.
    """
    places = _Places(content)
    inputs, outputs = ([places.shapes[at] for at in found] for found in (places.inputs, places.outputs))
    follows = [at for at, shape in zip(places.heights, places.shapes, strict=True) if _follows(shape) and at]
    any_size = _follows(inputs[0]) and _follows(outputs[0])
    return {"model": model, "inputs": inputs, "outputs": outputs, "heights": follows if any_size else []}


def _follows(shape: list[int]) -> bool:
    return len(shape) == 4 and shape[0] == 1 and all(side and side % _SIDE == 0 for side in shape[1:3])


class _Places(flatbuffer.Table):
    """A file's tensors: their shapes, and where the height of each that is computed stands; 0 of constants."""

    def __init__(self, content: bytes):
        super().__init__(content, int.from_bytes(content[:4], "little"))
        (graph,) = self.tables(2)
        stored = [len(buffer.vector(0, "u1")) for buffer in self.tables(4)]
        tensors = graph.tables(0)
        self.inputs, self.outputs = graph.vector(1, "<i4").tolist(), graph.vector(2, "<i4").tolist()
        self.shapes = [tensor.vector(0, "<i4").tolist() for tensor in tensors]
        self.heights = [0 if stored[t.number(2, "<I")] or 0 not in t else t.place(0)[0] + 4 for t in tensors]
