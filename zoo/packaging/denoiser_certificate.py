"""The certificate of a denoiser of any size: what its LiteRT file is worth, measured."""

import importlib.metadata
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from zoo import artifacts, data, modalities, registry
from zoo.codec.litert import Network
from zoo.denoising import PhotoDenoising
from zoo.denoising import photographs as tiling
from zoo.exporting import litert
from zoo.exporting.export import PARTS, export, functional
from zoo.io.arrays import as_array
from zoo.modalities.photo import mean_psnr, with_noise

FILE = tiling.FILE
SIGMA = 25  # of 255, of the noise that is measured with
CALIBRATION = 24  # crops that the int8 file takes its ranges from
TIMED = (512, 768)  # pixels of the picture that is timed
TIMES = 3
LIMITS = {
    "operators outside LiteRT's builtins": (0, ""),
    "float16 weights lose PSNR": (0.02, "dB"),
    "SavedModel against Keras, at most": (0.1, "levels of 255"),
    "LiteRT float16 against Keras, at most": (1.0, "levels of 255"),
    "tiles against the whole picture, at most": (0.01, "levels of 255"),
}


def certify_denoiser(
    artifact: artifacts.Artifact, name: Any, images: int | None, step: Callable[[str], None]
) -> dict[str, Any]:
    """What ``zoo.certify`` says of a denoiser of photographs, see there.

    Instead of an int8 encoder's figures these are of the whole model's file with float16 weights: mean PSNR of the test
    pictures at σ 25 of Keras and of the file; what an int8 file of the same network would give, which does not ship;
    how far the runtimes, and a picture in tiles and the whole one, are apart; and the time of 768 × 512 pixels.
    """
    path = artifact.file(FILE)
    flatbuffer = path.read_bytes()
    step("loading")
    model = registry.load(name)
    trained_on = artifact.card["data"]
    data_set = modalities.of(model).load(data.source_of(trained_on), model.image_shape, seed=trained_on["seed"])
    clean = data.unit(data_set.test[:images])
    noisy = with_noise(clean, SIGMA)
    step("Keras against LiteRT")
    run = PhotoDenoising(name, threads=1)
    exact = np.concatenate([as_array(model(one[None])) for one in noisy])
    found = np.stack([run(one) for one in noisy])
    quantization = {"noisy_psnr": mean_psnr(clean, noisy), "float_psnr": mean_psnr(clean, _rounded(exact))}
    quantization["float16_psnr"] = mean_psnr(clean, _rounded(found))
    step("int8, for comparison")
    quantization["int8_psnr"] = _int8_psnr(model, data_set, clean, noisy)
    step("agreement of the runtimes")
    result = {
        "model": artifact.name,
        "file": FILE,
        "sha256": artifacts.sha256(path),
        "weights_sha256": litert.weights_digest(model),
        "bytes": len(flatbuffer),
        "operators": litert.operators(flatbuffer),
        **litert.described(flatbuffer),
        "images": len(clean),
        "sigma": SIGMA,
        "quantization": quantization,
        "agreement": {
            "litert_float16": 255 * float(np.abs(np.clip(exact, 0, 1) - found).max()),
            "saved_model": 255 * _saved_model_apart(model, noisy[:1], exact[:1]),
            "tiles": 255 * _tiles_apart(run, noisy[0], found[0]),
        },
    }
    step("timing")
    result["speed"] = {"pixels": list(TIMED), "litert_microseconds": 1e6 * _seconds(run)}
    result["versions"] = {
        package: importlib.metadata.version(package) for package in ("ai-edge-litert", "keras", "tensorflow")
    }
    result["checks"] = checks(result)
    return result


def checks(result: dict[str, Any]) -> list[dict[str, Any]]:
    """A certificate's figures beside ``LIMITS``."""
    figures, agreement = result["quantization"], result["agreement"]
    measured = (
        sum(operator.startswith("CUSTOM") for operator in result["operators"]),
        figures["float_psnr"] - figures["float16_psnr"],
        agreement["saved_model"],
        agreement["litert_float16"],
        agreement["tiles"],
    )
    return [
        {"what": what, "measured": figure, "limit": limit, "unit": unit, "passed": figure <= limit}
        for (what, (limit, unit)), figure in zip(LIMITS.items(), measured, strict=True)
    ]


def _rounded(levels: np.ndarray) -> np.ndarray:
    return np.rint(255 * np.clip(levels, 0, 1)) / 255


def _int8_psnr(model, data_set: data.DataSet, clean: np.ndarray, noisy: np.ndarray) -> float:
    """Of an int8 file of one test picture's size, calibrated by training crops with noise."""
    side = clean.shape[1:3]
    one = type(model).from_config({**model.get_config(), "image_shape": (*side, 3)})
    one.build()
    one.set_weights(model.get_weights())
    train = cast(data.Crops, data_set.train)
    crops = train.changed(crop=(*side, 3), pages=0.0).drawn(range(CALIBRATION))[-1]
    inputs = with_noise(crops / np.float32(255), SIGMA, seed=1)
    inputs[0, 0, 0], inputs[0, -1, -1] = 0.0, 1.0
    flatbuffer = litert.convert(
        functional(one, one, fixed=True), name=PARTS["model"], quantization="int8", calibration=inputs
    )
    with tempfile.TemporaryDirectory() as room:
        path = Path(room) / "int8.tflite"
        path.write_bytes(flatbuffer)
        network = Network(path)
        (scale, zero), (out_scale, out_zero) = network.input["quantization"], network.output["quantization"]
        codes = np.clip(np.rint(noisy / scale) + zero, -128, 127).astype(np.int8)
        (found,) = network(codes)
    return mean_psnr(clean, _rounded((found.astype(np.float32) - out_zero) * out_scale))


def _saved_model_apart(model, noisy: np.ndarray, exact: np.ndarray) -> float:
    size = model.image_shape[:2]
    piece = noisy[:, : size[0], : size[1]]
    with tempfile.TemporaryDirectory() as room:
        folder = export(model, Path(room) / "saved_model", format="saved_model")
        (found,) = litert.served(folder, PARTS["model"], piece)
    return float(np.abs(as_array(model(piece)) - found).max())


def _tiles_apart(run: PhotoDenoising, noisy: np.ndarray, whole: np.ndarray) -> float:
    """The largest difference between a picture in tiles, with what lies around each, and the picture at once."""
    return float(np.abs(run(noisy, tile=noisy.shape[0] // 3 // tiling.STRIDE * tiling.STRIDE) - whole).max())


def _seconds(run: PhotoDenoising) -> float:
    picture = np.random.default_rng(0).integers(0, 256, (*TIMED, 3), dtype=np.uint8)
    times = []
    for _ in range(TIMES + 1):  # the first makes the network ready
        start = time.process_time()  # of one thread: what else the machine does has no part in it
        run(picture)
        times.append(time.process_time() - start)
    return float(np.median(times[1:]))
