"""``zoo.certify``: what an int8 encoder is worth on the runtimes it is meant for, measured."""

import importlib.metadata
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from zoo import artifacts, data, modalities, registry
from zoo.codec import Codec
from zoo.codec.coders.base import StripCoder
from zoo.codec.litert import Network, dequantized, quantized
from zoo.codec.models import tables_of
from zoo.codec.tables import Tables
from zoo.evaluation import psnr
from zoo.exporting import litert
from zoo.exporting.export import PARTS, check_backend, export
from zoo.exporting.micro import MicroNetwork, arena_bytes
from zoo.exporting.npu import compile_for_ethos
from zoo.io import writing
from zoo.io.arrays import as_array
from zoo.packaging import denoiser_certificate

AGREEMENT_IMAGES = 256
TIMED_IMAGES = 300
STEPS = 6  # of progress
# What an encoder must keep to, and in which unit.
LIMITS = {
    "operators outside LiteRT's builtins": (0, ""),
    "int8 loses PSNR": (0.2, "dB"),
    "int8 costs rate": (3.0, "%"),
    "SavedModel against Keras, of the code's deviation": (1e-3, ""),
    "LiteRT float32 against Keras, of the code's deviation": (1e-3, ""),
    "LiteRT Micro against LiteRT's reference kernels, numbers that differ": (0.5, "%"),
    "LiteRT Micro against LiteRT's reference kernels, by at most": (1, "steps"),
}


def certify(
    name: str | os.PathLike,
    output: str | os.PathLike | None = None,
    *,
    images: int | None = None,
    progress: Any = None,
) -> dict[str, Any]:
    """Measures a trained model's int8 encoder: what it loses, what it takes, and where it runs.

    Of a denoiser of photographs it is the whole model's file with float16 weights, see ``denoiser_certificate``.

    Args:
        name: as for ``zoo.load``, of a model with an encoder.
        output: folder for ``certificate.json`` and ``certificate.md``; None to write nothing. If it is a model's own
            folder, they become part of the model.
        images: how many of the test images; None for all.
        progress: a started ``rich.progress.Progress``.

    Returns:
        ``operators``, ``bytes``, ``inputs`` and ``outputs`` of the file; ``quantization``: the figures of float and
        int8 on the official test split; ``agreement`` of the runtimes; ``speed`` in microseconds an image, beside JPEG
        and WebP encoding the same images; ``micro``: the arena; ``npu``: Ethos-U55; ``checks`` against ``LIMITS``, and
        whether all are ``passed``.

    Raises:
        ValueError: if the model is unknown or has no encoder, its data cannot be had, the folder cannot be written, or
            tflite_micro or ethos-u-vela is missing, or Keras has another backend than TensorFlow.
    """
    check_backend("A certificate")
    artifact = registry.artifact_of(name)
    if not artifact.has("encoder.tflite") and not artifact.has(denoiser_certificate.FILE):
        raise ValueError(f"{artifact.name} has no encoder to certify: expected an autoencoder, such as compressor.")
    if images is not None and images < 1:
        raise ValueError(f"images must be at least 1: received {images}.")
    if output is not None:
        _check_writable(Path(output))
    task = progress and progress.add_task("", total=STEPS, status=artifact.name)

    def step(what: str) -> None:
        if progress:
            progress.update(task, description=what, advance=1)

    if artifact.has("encoder.tflite"):
        result = _of_encoder(artifact, name, images, step)
    else:
        result = denoiser_certificate.certify_denoiser(artifact, name, images, step)
    result["machine"] = {"processor": _processor(), "architecture": platform.machine()}
    result["passed"] = all(check["passed"] for check in result["checks"])
    step("writing")
    if output is not None:
        files = {"certificate.json": json.dumps(result, indent=2) + "\n", "certificate.md": page(result)}
        folder = Path(output)
        writing.make_folder(folder)
        artifacts.add(folder, {filename: content.encode() for filename, content in files.items()})
    return result


def _of_encoder(
    artifact: artifacts.Artifact, name: str | os.PathLike, images: int | None, step: Callable[[str], None]
) -> dict[str, Any]:
    path = artifact.file("encoder.tflite")
    flatbuffer = path.read_bytes()
    step("LiteRT Micro and Ethos-U")
    micro, npu = {"arena_bytes": arena_bytes(flatbuffer)}, compile_for_ethos(flatbuffer)
    step("loading")
    model = registry.load(name)
    trained_on = artifact.card["data"]
    modality = modalities.of(model)
    options = {"fit": trained_on["fit"], "seed": trained_on["seed"]}
    data_set = modality.prepared(model, modality.load(data.source_of(trained_on), model.example_shape, **options))
    if trained_on.get("binarized"):
        data_set = data_set.binarized(trained_on["seed"])
    test = data_set.test
    normal = trained_on.get("normal")
    if normal is not None and data_set.labels and data_set.classes:  # what a detector restores; the rest leaves range
        test = test[data_set.labels["test"] == data_set.classes.index(normal)]
    test = modality.tiles(model, test[:images])
    step("float against int8")
    tables = tables_of(artifact)
    found = quantization(model, Network(path), tables, test, modality)
    if hasattr(model, "coded_latents"):
        found |= _by_quality(model, Codec(artifact), test)
    step("agreement of the runtimes")
    inputs = modality.encoder_inputs(model, test)
    agreement = _agreement(model, path, tables, inputs[:AGREEMENT_IMAGES])
    step("timing")
    speed = _speed(path, inputs[:TIMED_IMAGES], modality.coders(test))
    result = {
        "model": artifact.name,
        "file": "encoder.tflite",
        "sha256": artifacts.sha256(path),
        "weights_sha256": litert.weights_digest(model),
        "bytes": len(flatbuffer),
        "operators": litert.operators(flatbuffer),
        **litert.described(flatbuffer),
        "images": len(test),
        "example": modality.example,
        "quantization": found,
        "agreement": agreement,
        "speed": speed,
        "micro": micro,
        "npu": npu,
        "versions": {
            name: importlib.metadata.version(name)
            for name in ("ai-edge-litert", "ethos-u-vela", "keras", "pillow", "tensorflow", "tflite_micro")
        },
    }
    result["checks"] = checks(result)
    return result


def _check_writable(folder: Path) -> None:
    """Refuses a folder that cannot be written to or made, which is better known before minutes of measuring."""
    beside = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not beside.is_dir() or not os.access(beside, os.W_OK):
        raise ValueError(f"Cannot write to {folder}: give another folder with --output.")


def quantization(
    model, network: Network, tables: Tables | None, images: np.ndarray, modality: modalities.Modality
) -> dict[str, float]:
    """PSNR of the float decoder after the float encoder and after the int8 one, and how far their codes are apart.

    Of a table, whose cells have no peak, it is the ratio of their variance to the error.
    """
    inputs = modality.encoder_inputs(model, images)
    encoder = model.device_encoder()
    exact = _listed(encoder.predict(inputs, batch_size=500, verbose=0))
    outputs = network(quantized(inputs, network.input))
    found = [dequantized(output, details) for output, details in zip(outputs, network.outputs, strict=True)]
    spread = exact[0].std()
    figures = {"code_error_percent": 100 * float(np.sqrt(np.mean((found[0] - exact[0]) ** 2)) / spread)}
    if encoder is not model.encoder:  # a part of it: what the whole gives is measured by its codec
        return figures
    codes = {"float": exact, "int8": found}
    if hasattr(model, "bottleneck"):
        codes = {kind: [np.rint(code[0] / model.step)] for kind, code in codes.items()}
        if tables is not None:
            for kind, (symbols,) in codes.items():
                low, high = tables.minimum, tables.minimum + (tables.size - 1)
                bits = tables.information(np.clip(symbols, low, high).astype(np.int16))
                figures[f"{kind}_bits_per_pixel"] = bits / images[..., 0].size
        codes = {kind: [symbols * np.float32(model.step)] for kind, (symbols,) in codes.items()}
    for kind, code in codes.items():
        restored = model.decoder.predict(code if len(code) > 1 else code[0], batch_size=500, verbose=0)
        figures[f"{kind}_psnr"] = psnr(modality.decoder_error(model, images, restored))
    return figures


def _by_quality(model, codec: Codec, images: np.ndarray) -> dict[str, float]:
    """PSNR and rate by the float encoder and by the codec's, at the qualities where int8 costs most."""
    pairs = []
    for quality in range(1, model.qualities + 1):
        step = np.exp(as_array(model.log_steps.kernel))[quality - 1]
        coder: Any = cast(StripCoder, codec.coder).at(quality)
        whole = np.stack([coder.latents(picture) * step for picture in images])
        figures = []
        for latents in (model.encoder.predict(images / np.float32(255), verbose=0), whole):
            restored, bits = model.coded_latents(latents, np.full(len(images), quality, np.float32))
            error = np.square(np.clip(restored, 0, 1) - images / np.float32(255)).mean(axis=(1, 2, 3))
            figures.append((float(np.mean(-10 * np.log10(error))), float(np.sum(bits)) / images[..., 0].size))
        pairs.append(figures)
    dearest = max(pairs, key=lambda pair: pair[0][0] - pair[1][0])
    longest = max(pairs, key=lambda pair: pair[1][1] / pair[0][1])
    return {
        "float_psnr": dearest[0][0],
        "int8_psnr": dearest[1][0],
        "float_bits_per_pixel": longest[0][1],
        "int8_bits_per_pixel": longest[1][1],
    }


def _agreement(model, path: Path, tables: Tables | None, inputs: np.ndarray) -> dict[str, Any]:
    """How far the runtimes are apart: in float of the code's standard deviation, in int8 in steps."""
    exact = _listed(model.device_encoder().predict(inputs, batch_size=len(inputs), verbose=0))
    with tempfile.TemporaryDirectory() as room:
        folder = export(model, Path(room) / "saved_model", format="saved_model", part="encoder")
        saved_model = litert.served(folder, PARTS["encoder"], inputs)
        floats = export(model, Path(room) / "encoder.tflite", part="encoder")
        litert_float = Network(floats)(inputs)
    rows = quantized(inputs, Network(path).input)
    micro = MicroNetwork(path.read_bytes())(rows)
    reference, default = (Network(path, reference=chosen)(rows) for chosen in (True, False))
    against_default = _steps_apart(micro, default)
    if tables is not None:
        symbols = [tables.symbols(codes[0].reshape(len(inputs), -1)) for codes in (micro, default)]
        against_default["differing_symbols_percent"] = 100 * float((symbols[0] != symbols[1]).mean())
    return {
        "images": len(inputs),
        "saved_model": _difference(exact, saved_model),
        "litert_float32": _difference(exact, litert_float),
        "micro_against_litert_reference": _steps_apart(micro, reference),
        "micro_against_litert_xnnpack": against_default,
    }


def _difference(exact: list[np.ndarray], found: list[np.ndarray]) -> float:
    """The largest difference of two codes, of the code's standard deviation; of switches, which are integers, none."""
    pairs = [(e, f) for e, f in zip(exact, found, strict=True) if e.dtype.kind == "f"]
    return max(float(np.abs(e - f).max() / e.std()) for e, f in pairs)


def _steps_apart(first: list[np.ndarray], second: list[np.ndarray]) -> dict[str, float]:
    apart = np.concatenate(
        [np.abs(a.astype(int) - b).reshape(-1) for a, b in zip(first, second, strict=True) if a.dtype == np.int8]
    )
    return {"differing_percent": 100 * float((apart > 0).mean()), "largest": int(apart.max())}


def _speed(path: Path, inputs: np.ndarray, coders: dict[str, Callable[[int], None]]) -> dict[str, float]:
    """Median microseconds of one example, one thread, each by each in turn; pictures are also saved by Pillow."""
    network = Network(path)
    rows = quantized(inputs, network.input)

    def litert_encoder(index: int) -> None:
        network(rows[index : index + 1])

    contenders = {"litert": litert_encoder, **coders}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for index in range(len(rows)):
        for name, run in contenders.items():
            start = time.perf_counter()
            run(index)
            seconds[name].append(time.perf_counter() - start)
    return {f"{name}_microseconds": 1e6 * float(np.median(times)) for name, times in seconds.items()}


def checks(result: dict[str, Any]) -> list[dict[str, Any]]:
    """A certificate's figures beside ``LIMITS``."""
    figures, agreement = result["quantization"], result["agreement"]
    reference = agreement["micro_against_litert_reference"]
    rate = None
    if "int8_bits_per_pixel" in figures:
        rate = 100 * (figures["int8_bits_per_pixel"] / figures["float_bits_per_pixel"] - 1)
    measured = (
        sum(operator.startswith("CUSTOM") for operator in result["operators"]),
        figures["float_psnr"] - figures["int8_psnr"],
        rate,
        agreement["saved_model"],
        agreement["litert_float32"],
        reference["differing_percent"],
        reference["largest"],
    )
    return [
        {"what": what, "measured": figure, "limit": limit, "unit": unit, "passed": figure <= limit}
        for (what, (limit, unit)), figure in zip(LIMITS.items(), measured, strict=True)
        if figure is not None
    ]


def page(certificate: dict[str, Any]) -> str:
    """A certificate for people, as Markdown."""
    import jinja2

    environment = jinja2.Environment(loader=jinja2.PackageLoader("zoo", "packaging"), undefined=jinja2.StrictUndefined)
    template = "certificate.md.j2" if "micro" in certificate else "denoiser_certificate.md.j2"
    return environment.get_template(template).render(certificate) + "\n"


def _listed(outputs) -> list[np.ndarray]:
    return [np.asarray(part) for part in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
