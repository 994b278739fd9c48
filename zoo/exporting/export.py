"""``zoo.export``."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from zoo import artifacts, extras, modalities, registry
from zoo.codec.coders.latents import LatentCoder
from zoo.codec.litert import Network
from zoo.codec.models import codec_of, fingerprint_of, tables_of
from zoo.evaluation.outliers import DETECTOR, read_detector
from zoo.exporting import litert
from zoo.exporting.detector import integer_detector
from zoo.exporting.micro import write_detector, write_micro
from zoo.exporting.micro_photo import write_photo_micro
from zoo.io import writing
from zoo.sklearn import conformal_threshold

# What can be exported, and the name of its signature.
PARTS = {
    "encoder": "encode",
    "decoder": "decode",
    "generator": "generate",
    "discriminator": "score",
    "model": "serving_default",
}
FORMATS = ("saved_model", "litert", "micro")
CALIBRATION_NOISE = 256
OWN_ENCODER = (
    "calibration and batch_size must be left out: the codec's tables are those of {}'s own encoder.tflite, which is "
    "exported as it is."
)


def export(
    model: keras.Model | str | os.PathLike,
    path: str | os.PathLike,
    *,
    format: str = "litert",
    quantization: str | None = None,
    part: str | None = None,
    calibration: np.ndarray | None = None,
    batch_size: int = 1,
    io: str = "int8",
) -> Path:
    """Writes a model, or a half of it, for another runtime.

    The signature of a part is named by what it does: ``encode``, ``decode``, ``generate`` (images of noise, and of a
    conditional model's labels) or ``score``. A SavedModel also has ``serving_default``, which serves the same; that of
    a whole model has the signatures of its halves beside.

    Args:
        model: a model of the zoo, or a name or folder as for ``zoo.load``.
        path: the file (``litert``) or folder (``saved_model``, ``micro``) to write; it must not exist as a folder.
        format: ``litert`` (builtin operators only), ``saved_model``, or ``micro``: C source for LiteRT Micro, int8, and
            for a codec's encoder the tables and the entropy coder, see ``zoo.exporting.micro.write_micro``, of a photo
            compressor for tiles of 64 × 64 pixels, see ``zoo.exporting.micro_photo``; of a detector both networks, also
            as ``.tflite`` files, the score and the threshold (``zoo.exporting.micro.write_detector``).
        quantization: of LiteRT: None, ``float16``, ``dynamic`` or ``int8``; of LiteRT Micro int8 alone.
        part: ``encoder`` or ``decoder``, ``generator`` or ``discriminator``, or ``model``: of a GAN, its generator, as
            that is what ``call`` runs. None for the encoder, or the whole of what has none.
        calibration: images ``(n, height, width, channels)``, uint8 or float32 in [0, 1], for int8; those that a
            shipped model brings along (of its training split) by default. A generator needs none: it takes noise.
        batch_size: first axis of the LiteRT file.
        io: type of an int8 LiteRT file's input and output: ``int8``, ``uint8`` or ``float32``; the network between them
            is the same.

    Returns:
        The path.

    Raises:
        ValueError: for an unknown choice, an operator outside LiteRT's builtins, missing calibration, a path that
            cannot be written, another backend of Keras than TensorFlow, or, of ``micro``, if tflite_micro is missing
            or cannot run the network.
    """
    check_backend("Export")
    _check_choices(part, format, quantization, io)
    source, path, model = model, Path(path), registry.loaded(model)
    parts, part = _chosen(model, part, fixed=format != "saved_model")
    # A GAN in training leaves with the moving average of its weights, by which it generates.
    with model.averaged() if hasattr(model, "averaged") else contextlib.nullcontext():
        if format == "saved_model":
            return _saved_model({part: parts[part]} if part != "model" else parts, path)
        if format == "micro":
            quantization = "int8"
            stored = _stored(source, part)
            if stored is not None and stored.has(DETECTOR):  # both networks and the score belong together
                return _micro_detector(path, stored, model, parts["decoder"])
            if stored is not None and (stored.has(LatentCoder.tables_file) or tables_of(stored) is not None):
                if calibration is None and batch_size == 1:
                    return _micro_codec(path, stored, part)
                raise ValueError(OWN_ENCODER.format(model.name))
        if quantization == "int8":
            calibration = _calibration(source, model, part, calibration)
        flatbuffer = litert.convert(
            parts[part],
            name=PARTS[part],
            quantization=quantization,
            calibration=calibration,
            batch_size=batch_size,
            io=io,
        )
        identity = model.name if isinstance(source, keras.Model) else registry.artifact_of(source).name
        flatbuffer = litert.with_metadata(flatbuffer, model=identity, part=part, sha256=litert.weights_digest(model))
    if format == "micro":
        return _micro(path, flatbuffer, identity, part)
    with writing.atomic_write(path) as file:
        file.write(flatbuffer)
    return path


def check_backend(purpose: str) -> None:
    """Refuses another backend of Keras than TensorFlow, whose converter ``purpose``, the subject of a line, goes by."""
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"{purpose} goes by TensorFlow, and Keras' backend is {keras.backend.backend()}: run it with "
            f"KERAS_BACKEND=tensorflow and {extras.install('tensorflow')}; the model's file is the same."
        )


def _check_choices(part: str | None, format: str, quantization: str | None, io: str) -> None:
    if part is not None and part not in PARTS:
        raise ValueError(f"part must be {', '.join(PARTS)}: received {part!r}.")
    if format not in FORMATS:
        raise ValueError(f"format must be {', '.join(FORMATS)}: received {format!r}.")
    if format == "saved_model" and quantization is not None:
        raise ValueError(f"quantization is of format='litert': a SavedModel stays float32, received {quantization!r}.")
    if format == "micro" and quantization not in (None, "int8"):
        raise ValueError(f"quantization must be int8 with format='micro': received {quantization!r}.")
    if io not in litert.IO:
        raise ValueError(f"io must be {', '.join(litert.IO)}: received {io!r}.")
    if io != "int8" and (format, quantization) != ("litert", "int8"):
        raise ValueError(f"io={io!r} is of format='litert' with quantization='int8': received {quantization!r}.")


def _chosen(model: keras.Model, part: str | None, fixed: bool = False) -> tuple[dict[str, keras.Model], str]:
    """All parts of a model, and the name of the one that is asked for: the first, if none is."""
    parts = _parts_of(model, fixed)
    part = next(iter(parts)) if part is None else part
    if part not in parts:
        raise ValueError(f"part must be {', '.join(parts)}, as {model.name} has no {part}: received {part!r}.")
    return parts, part


def default_part(architecture: str) -> str:
    """Which part of an architecture is exported where none is named."""
    spec = registry.spec_of(architecture)
    return "encoder" if {"reconstruct", "compress"} & {*spec.tasks} else "model"


def _parts_of(model: keras.Model, fixed: bool = False) -> dict[str, keras.Model]:
    """What of a model can be exported, the default first; a ``fixed`` whole takes pictures of its own size alone."""
    parts = model.parts() if hasattr(model, "parts") else {"model": model}
    return {name: functional(part, model, fixed) for name, part in parts.items()}


def _calibration(source, model: keras.Model, part: str, images):
    """Inputs of a part from which int8 takes its ranges; None where there are none."""
    modality = modalities.of(model)
    if not modality.quantizes:
        raise ValueError(
            f"quantization of {model.name} must be dynamic or float16, as it takes integers: received int8."
        )
    if part != "discriminator" and "generator" in _parts_of(model):
        rng = np.random.default_rng(0)
        noise = rng.standard_normal((CALIBRATION_NOISE, model.latent_dim), dtype=np.float32)
        return (noise, np.arange(CALIBRATION_NOISE) % model.num_classes) if model.num_classes else noise
    if images is None:
        images = None if isinstance(source, keras.Model) else _stored_calibration(source)
        if images is None:
            raise ValueError(f"quantization='int8' needs calibration for {model.name}: give pictures of its kind.")
    if part in modality.float_parts:
        raise ValueError(
            f"quantization of a whole {model.name} must be none, dynamic or float16, as it takes numbers of all sizes: "
            "received int8; part='encoder' takes int8."
        )
    images = modality.checked(model, images, "calibration")
    images = modality.calibration_inputs(model, images)
    return model.encoder.predict(images, verbose=0) if part == "decoder" else images


def _stored_calibration(name: str | os.PathLike) -> np.ndarray | None:
    """The training images, uint8, that a trained model brings along for calibration, if it does."""
    artifact = registry.artifact_of(name)
    if not artifact.has("calibration.npz"):
        return None
    with np.load(artifact.file("calibration.npz"), allow_pickle=False) as file:
        return file["images"]


def functional(network: keras.Model, model: keras.Model, fixed: bool = False) -> keras.Model:
    """A network itself if it is functional; a subclassed one wrapped so, for its input shape to be known.

    One that takes any size keeps to the size of the model's examples where the shape must be ``fixed``.
    """
    if hasattr(network, "input_shape"):
        return network
    (signature,) = model.input_signature()
    shape = model.example_shape if fixed else signature.shape[1:]
    inputs = keras.Input(shape, dtype=signature.dtype)
    return keras.Model(inputs, network(inputs, training=False), name=network.name)


def _stored(source, part: str) -> artifacts.Artifact | None:
    """The artefact whose encoder is exported, with what belongs to it; None of a model that lies nowhere."""
    return None if part != "encoder" or isinstance(source, keras.Model) else registry.artifact_of(source)


def _micro_detector(path: Path, artifact: artifacts.Artifact, model: keras.Model, decoder: keras.Model) -> Path:
    if hasattr(model, "errors"):
        raise ValueError(
            f"{artifact.name} scores the cells of tables, which C does not: format='litert' takes its encoder."
        )
    if not artifact.has("encoder.tflite"):
        raise ValueError(f"{artifact.name} has no int8 encoder: expected a detector such as detecting_ae.")
    calibration = _calibration(artifact.path, model, "decoder", _stored_calibration(artifact.path))
    content = {
        "encoder": artifact.file("encoder.tflite").read_bytes(),
        "decoder": litert.convert(decoder, name=PARTS["decoder"], quantization="int8", calibration=calibration),
    }
    normality, held_out, false_alarms = read_detector(artifact)
    threshold = conformal_threshold(held_out, false_alarms)
    with _new_folder(path) as folder:
        networks = []
        for part, flatbuffer in content.items():
            (file := folder / f"{part}.tflite").write_bytes(flatbuffer)
            networks.append(Network(file))
            write_micro(flatbuffer, folder, name=artifact.name, part=part)
        found = integer_detector(normality, threshold, tuple(model.example_shape), *networks)
        write_detector(found, folder, name=artifact.name)
    return path


def _micro_codec(path: Path, stored: artifacts.Artifact, part: str) -> Path:
    """The encoder of a codec with the tables of its own, and the coder that takes them."""
    if stored.has(LatentCoder.tables_file):
        with _new_folder(path) as folder:
            write_photo_micro(stored, folder)
        return path
    return _micro(path, stored.file("encoder.tflite").read_bytes(), stored.name, part, stored)


def _micro(path: Path, flatbuffer: bytes, name: str, part: str, codec: artifacts.Artifact | None = None) -> Path:
    tables = None
    if codec and codec_of(codec).coder == "tiles":  # the coder in C knows no levels of frames: that network goes alone
        tables = tables_of(codec), fingerprint_of(codec)
    with _new_folder(path) as folder:
        write_micro(flatbuffer, folder, name=name, part=part, tables=tables)
    return path


def _saved_model(parts: dict[str, keras.Model], path: Path) -> Path:
    archive = keras.export.ExportArchive()
    # The first one serves by default too.
    for part, network in sorted(parts.items(), key=lambda item: item[0] != "model"):
        serve, signature = litert.endpoint(network)
        archive.track(network)
        archive.add_endpoint(PARTS[part], serve, input_signature=signature)
    with _new_folder(path) as folder:
        litert.write_out(archive, folder)
    return path


@contextlib.contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """A folder that becomes ``path`` once the block succeeds."""
    if path.exists():
        raise ValueError(f"{path} exists already: give a new folder.")
    writing.check_name(path)
    try:
        with writing.staging(writing.make_folder(path.parent)) as room:
            folder = room / path.name
            folder.mkdir()
            yield folder
            os.replace(folder, path)
    except OSError as error:
        raise ValueError(f"Cannot write {path}: {error.strerror or error}.") from None
