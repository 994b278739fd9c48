"""The folder that makes a trained model loadable, exportable and, with a quantised code, a codec."""

import collections
import importlib.metadata
import json
import platform
import re
import shlex
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo import artifacts, evaluation, plots, registry
from zoo.codec import Codec
from zoo.codec.litert import Network, as_int8
from zoo.data import DataSet, corruption, label_names, signals, text, unit
from zoo.exporting import litert, tables
from zoo.exporting.adaptation import adapt_decoder
from zoo.exporting.export import PARTS, calibration_inputs
from zoo.exporting.language import write_text
from zoo.exporting.lossless import write_lossless
from zoo.models import (
    AdversarialModel,
    Classifier,
    ConcreteAE,
    DenoisingAE,
    DenoisingSignalAE,
    HierarchicalVAE,
    MapAE,
    SignalAE,
    Summarizer,
    TextAE,
)
from zoo.training import Training
from zoo.training.run import CHECKPOINT

CALIBRATION_IMAGES = 128
GOLDEN_IMAGES = 8
PREVIEW_FRAMES = 30
PREVIEW_SENTENCES, PREVIEW_DOCUMENTS, PREVIEW_STEPS = 6, 3, 7
LIKELIHOOD_NOTE = (
    "−log p(x) is of another binary draw than the published ones: each pixel once, with its grey value as the "
    "probability. Training left out what is held out for choices: of MNIST it saw 55,000 images, where others see "
    "60,000. So the figure compares roughly, and with convolutional VAEs with learned priors; models that draw the "
    "pixels anew in each epoch get lower ones."
)


def write_artifact(
    training: Training, folder: str | Path, *, command: str = "", licence: str = "", progress=None
) -> dict[str, Any]:
    """Writes all files of a trained model into ``folder``, measures it, and returns its card.

    The files are ``model.keras``, of a model with a code ``encoder.tflite`` (int8) and ``calibration.npz`` (training
    images), where that code is quantised ``decoder.tflite`` (float32 with float16 weights) and ``codec.npz``, of a
    lossless codec's model its int8 networks and ``lossless.npz``, of a language model ``text.npz`` and
    ``tokenizer.model``, of every model ``golden.npz`` (an input and the outputs it must give), ``preview.png``,
    ``history.json``, ``card.json`` and, last, the manifest. The training's checkpoint is removed once they are all
    there.

    Args:
        training: finished.
        folder: that is there.
        command: which trained the model, for the card.
        licence: of the weights, for the card; empty for "not stated", of the zoo's own models for the zoo's.
        progress: a started ``rich.progress.Progress`` to report to.

    Raises:
        ValueError: if the folder cannot be written to, or the model does not convert to LiteRT's builtins.
    """
    folder = Path(folder)
    model, data = training.model, training.data
    spec = registry.spec_of(training.name)
    steps = _Steps(progress, total=4 + spec.traits.encodes + spec.codec)

    with artifacts.locked(folder), artifacts.staging(folder) as temporary:
        room = temporary / _name_in(folder, training.name)  # a container carries its codec's name
        room.mkdir()
        card = _card(training, spec, command, licence or ("Apache-2.0" if _is_shipped(folder) else "not stated"))
        if spec.traits.encodes:
            steps.next("converting to LiteRT")
            chosen = _calibration_examples(data.train)
            _write_npz(room / "calibration.npz", {"images": chosen})
            encoder = litert.convert(
                model.encoder, name=PARTS["encoder"], quantization="int8", calibration=calibration_inputs(chosen)
            )
            recipe = training.record["recipe"]
            if recipe["decoder_epochs"]:
                adapt_decoder(model, encoder, data.train, epochs=recipe["decoder_epochs"], seed=recipe["seed"])
            identity = {"model": room.name, "sha256": litert.weights_digest(model)}
            encoder = litert.with_metadata(encoder, part="encoder", **identity)
            (room / "encoder.tflite").write_bytes(encoder)
            card["litert"] = {"encoder_operators": litert.operators(encoder), "encoder_bytes": len(encoder)}

        steps.next("saving the model")
        model.save(room / "model.keras")
        _compress(room / "model.keras")
        _write_npz(room / "golden.npz", _golden(model, data.test[:GOLDEN_IMAGES]))

        declared: dict[str, Any] = {"codec": None}  # what the manifest says beside the files
        if spec.codec:
            steps.next("building the entropy coder's tables")
            if isinstance(model, HierarchicalVAE):
                write_lossless(model, chosen, room)
                declared["codec"] = {"coder": "bits_back", "medium": "image"}
            elif isinstance(model, Summarizer):
                write_text(model, data.train, data.validation, room)
                declared["codec"] = {"coder": "tokens", "medium": "text"}
            else:
                declared["codec"] = _write_codec(model, data.train, room, identity)

        steps.next("measuring on the test split")
        card["metrics"] = evaluation.measure_split(model, data)
        if spec.codec:
            (room / "card.json").write_text(_json(card))
            artifacts.write_manifest(room, declared=declared)
            card["metrics"] |= evaluation.measure_codec(Codec(room), data)

        steps.next("drawing the preview")
        if spec.traits.textual:
            _preview_of_texts(model, card["examples"], room / "preview.png")
        else:
            _preview(model, data, room / "preview.png")
        (room / "history.json").write_text(_json(training.history))
        (room / "card.json").write_text(_json(card))
        steps.next("writing the manifest")
        (room / artifacts.MANIFEST).unlink(missing_ok=True)
        names = sorted(path.name for path in room.iterdir())
        for name in names:
            (room / name).replace(folder / name)
        (folder / CHECKPOINT).unlink(missing_ok=True)
        # Whatever else lies in the folder is the user's.
        kept = (path.relative_to(folder).as_posix() for path in folder.glob("versions/*/*") if path.is_file())
        artifacts.write_manifest(folder, [*names, *kept], declared)
    return card


def _calibration_examples(examples: np.ndarray) -> np.ndarray:
    """Evenly spaced training images; of frames of signals the loudest eighth alone, as others set no ranges."""
    places = np.arange(len(examples))
    if examples.ndim == 3:
        energy = np.square(examples, dtype=np.float32).sum(axis=(1, 2))
        places = np.sort(np.argsort(energy)[-max(1, len(examples) // 8) :])
    return examples[places[np.linspace(0, len(places) - 1, CALIBRATION_IMAGES).astype(int)]]


def _write_codec(model: keras.Model, images: np.ndarray, room: Path, identity: dict[str, str]) -> dict[str, str]:
    """The decoder and the integer tables, counted over all training images' codes; returns the manifest's entry."""
    decoder = litert.convert(model.decoder, name=PARTS["decoder"], quantization="float16")
    (room / "decoder.tflite").write_bytes(litert.with_metadata(decoder, part="decoder", **identity))
    network = Network(room / "encoder.tflite")
    (codes,) = network(as_int8(images))
    tile = (1, model.image_shape[0] - model.overlap, 1) if isinstance(model, SignalAE) else model.image_shape
    built = tables.build_tables(model.bottleneck, *network.output["quantization"], codes, tile)
    declared = {"coder": "tiles", "medium": "image"}
    if isinstance(model, SignalAE):
        built |= tables.signal_tables(model.overlap, signals.RATE)
        declared = {"coder": "frames", "medium": "audio"}
    _write_npz(room / "codec.npz", built)
    return declared


def _name_in(folder: Path, name: str) -> str:
    """The name that an artefact in ``folder`` goes by: a shipped one by the catalogue's, others by the folder's."""
    return name if _is_shipped(folder) else folder.resolve().name


def _is_shipped(folder: Path) -> bool:
    return folder.resolve().parent.parent == artifacts.shipped_root()


def _card(training: Training, spec: registry.Spec, command: str, licence: str) -> dict[str, Any]:
    model, data = training.model, training.data
    architecture, tag = registry.loading.resolve(training.name)
    own = data.source == spec.data_of(tag)
    return {
        "name": training.name if own else f"{architecture} trained on {data.name}",
        "architecture": architecture,
        "tag": tag if own else None,
        "description": spec.summary,
        "paper": spec.paper,
        "licence": licence,
        **({"examples_licence": data.licence} if _holds_examples(spec) else {}),
        "parameters": model.count_params(),
        **({"encoder_parameters": model.encoder.count_params()} if spec.traits.encodes else {}),
        **({"examples": evaluation.examples_of(model, data.texts["test"])} if spec.traits.textual else {}),
        "input_shape": list(model.image_shape),
        "input_range": "pieces of texts, int32"
        if spec.traits.textual
        else f"{list(getattr(model, 'value_range', (0, 1)))} float32",
        **({"code_shape": _code_shape(model)} if spec.traits.encodes or spec.traits.textual else {}),
        "data": {
            "source": _named(data.source),
            "seed": training.record["seed"],
            "fit": training.fit,
            "binarized": training.record["recipe"]["binarized"],
            "licence": data.licence,
            "fingerprint": data.fingerprint,
            **{split: len((data.texts or vars(data))[split]) for split in ("train", "validation", "test")},
            **_packages(data),
        },
        "training": {
            "command": shlex.join(map(_without_place, shlex.split(command))),
            **training.record,
            "versions": {
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy")},
            },
            "machine": platform.machine(),
        },
        **({"note": LIKELIHOOD_NOTE} if training.record["recipe"]["binarized"] else {}),
    }


def _holds_examples(spec: registry.Spec) -> bool:
    """Whether the folder holds examples of the data: all but that of a generator alone, whose images are its own."""
    return spec.traits.encodes or not spec.traits.adversarial


def _named(source: str) -> str:
    """How a card names its data: a card is passed on, and says nothing of where the user's own files lie."""
    return f"./{Path(source).name}" if Path(source).is_absolute() else source


def _without_place(argument: str) -> str:
    """An argument of a command, or an option with its value, with the last name of an absolute path alone."""
    option, path = re.fullmatch(r"(--[\w-]+=|-o|)(.*)", argument, re.S).groups()
    return option + (Path(path).name or path if Path(path).is_absolute() else path)


def _packages(data: DataSet) -> dict[str, dict[str, dict[str, Any]]]:
    """Of docstrings: how many pairs are of each package, and its licence."""
    if data.texts is None or not isinstance(data.texts["train"][0], text.Pair):
        return {}
    counts = collections.Counter(pair.source for pairs in data.texts.values() for pair in pairs)
    return {"packages": {name: {"pairs": n, "licence": text.licence_of(name)} for name, n in sorted(counts.items())}}


def _code_shape(model: keras.Model) -> list[int]:
    """The shape of the code; of one in several parts, how many numbers they have in all."""
    if hasattr(model, "tokenizer"):
        return [model.latent_dim]  # beside it a summariser's encoder gives what the decoder copies from
    shape = model.encoder.output_shape
    return list(shape[1:]) if not isinstance(shape[0], tuple) else [evaluation.code_numbers(model)]


def _golden(model: keras.Model, images: np.ndarray) -> dict[str, np.ndarray]:
    """An input, ``images``, and what the model's methods or the model itself must make of it."""
    clean = unit(images)
    if hasattr(model, "tokenizer"):
        return {"images": images, "code": np.asarray(model.encode(images)), "written": np.array(model.write(images))}
    if isinstance(model, Classifier):
        return {"images": images, "features": np.asarray(model.features(clean)), "logits": np.asarray(model(clean))}
    golden = {}
    if hasattr(model, "encode"):
        golden["images"] = images
        golden |= {"code": evaluation.flat_code(model.encode(clean)), "reconstruction": np.asarray(model(clean))}
    if isinstance(model, AdversarialModel):
        golden["noise"] = inputs = np.asarray(keras.random.normal((len(images), model.latent_dim), seed=0))
        if model.num_classes:
            golden["labels"] = np.arange(len(images), dtype=np.int32) % model.num_classes
            inputs = [golden["noise"], golden["labels"]]
        golden["generated"] = np.asarray(model.generator(inputs))
    return golden


def _preview(model: keras.Model, data: DataSet, path: Path) -> None:
    images = data.test
    if isinstance(model, MapAE) and model.latent_dim == 2:
        codes = model.encoder.predict(unit(images), batch_size=500, verbose=0)
        labels = data.labels and label_names(data.source, data.labels["test"])
        plots.code_map(codes, path, labels=labels, title=f"{len(codes):,} images of the test split")
        return
    if isinstance(model, Classifier):
        plots.image_rows(_by_confidence(model, images), path)
        return
    if not hasattr(model, "encode"):
        plots.image_grid(model.generate(100, seed=0), path, columns=10)  # of a conditional model, a column a class
        return
    if images.ndim == 3:
        _preview_of_signal(model, unit(images[:PREVIEW_FRAMES]), path)
        return
    clean = unit(images[:10])
    inputs = corruption.gaussian(clean, 0.5, seed=0) if isinstance(model, DenoisingAE) else clean
    outputs = model.predict(inputs, verbose=0)
    if isinstance(model, DenoisingAE):
        rows = {"original": clean, "noisy, σ = 0.5": inputs, "denoised": outputs}
    else:
        rows = {"original": clean, "reconstruction": outputs}
    if hasattr(model, "generate"):
        rows["generated"] = np.asarray(model.generate(len(clean), seed=0))
    if isinstance(model, ConcreteAE):
        plots.chosen_pixels(images.mean(axis=0) / 255, model.selected, path, rows=rows)
        return
    plots.image_rows(rows, path)


def _preview_of_texts(model: keras.Model, examples: list[dict[str, str]], path: Path) -> None:
    """Of the card's examples, as they come."""
    if isinstance(model, TextAE):
        first, last = examples[0]["sentence"], examples[1]["sentence"]
        rows = {"between": "\n".join(model.interpolate(first, last, PREVIEW_STEPS))}
        plots.texts([*examples[:PREVIEW_SENTENCES], rows], path)
    else:
        plots.texts(examples[:PREVIEW_DOCUMENTS], path)


def _preview_of_signal(model: keras.Model, clean: np.ndarray, path: Path) -> None:
    rows = {"original": clean}
    if isinstance(model, DenoisingSignalAE):
        rows["noisy, 5 dB"] = corruption.signal_noise(clean, 5.0, 0.5, seed=0)
    found = model.predict(list(rows.values())[-1], verbose=0)
    rows["denoised" if isinstance(model, DenoisingSignalAE) else "restored"] = found
    plots.spectrograms({label: frames.ravel() for label, frames in rows.items()}, path, rate=signals.RATE)


def _by_confidence(model: Classifier, images: np.ndarray) -> dict[str, np.ndarray]:
    """Of the images that a classifier takes for each class, a column each, those it is most and least sure of."""
    logits = model.predict(unit(images), batch_size=500, verbose=0)
    log_odds = np.sort(logits, axis=1)
    margin, found = log_odds[:, -1] - log_odds[:, -2], logits.argmax(axis=1)
    members = [np.flatnonzero(found == label) for label in np.unique(found)]
    return {
        "most sure": np.stack([images[rows[margin[rows].argmax()]] for rows in members]),
        "least sure": np.stack([images[rows[margin[rows].argmin()]] for rows in members]),
    }


def _compress(path: Path) -> None:
    """Compresses the parts of a ``.keras`` file, which Keras stores as they are."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def _write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    path.write_bytes(tables.to_bytes(arrays))


def _json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


class _Steps:
    """Names the step at hand on the caller's progress bar, where there is one."""

    def __init__(self, progress, total: int):
        self.progress = progress
        self.task = progress and progress.add_task("", total=total, status="")
        self.done = -1

    def next(self, what: str) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress.update(self.task, description=what, completed=self.done)
