"""The folder that makes a trained model loadable, exportable and, with a quantised code, a codec."""

import collections
import importlib.metadata
import json
import platform
import re
import shlex
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo import artifacts, evaluation, modalities, registry, tasks
from zoo.codec import Codec
from zoo.data import DataSet, text
from zoo.evaluation.outliers import DETECTOR
from zoo.exporting import litert, tables
from zoo.exporting.codec import write_codec
from zoo.exporting.export import PARTS, functional
from zoo.exporting.rewrite import in_parts_of
from zoo.io import writing
from zoo.packaging.folding import fold
from zoo.registry import needs
from zoo.registry.loading import resolve
from zoo.sklearn import Normality
from zoo.training import Training, adapt_decoder
from zoo.training.run import CHECKPOINT

CALIBRATION_EXAMPLES = 128
NOT_STATED = "not stated"
FEW_EXAMPLES = 16  # of data whose licence is not stated, which is not to be passed on
GOLDEN_IMAGES = 8
TILE = 256  # pixels, of the LiteRT file of a model that takes any size
CREDITS = "credits.txt"
LIKELIHOOD_NOTE = (
    "−log p(x) is of another binary draw than the published ones: each pixel once, with its grey value as the "
    "probability. Training left out what is held out for choices: of MNIST it saw 55,000 images, where others see "
    "60,000. So the figure compares roughly, and with convolutional VAEs with learned priors; models that draw the "
    "pixels anew in each epoch get lower ones."
)


def write_artifact(
    training: Training, folder: str | Path, *, command: str = "", licence: str = "", progress: Any = None
) -> dict[str, Any]:
    """Writes all files of a trained model into ``folder``, measures it, and returns its card.

    The files are ``model.keras``, of a model with a code ``encoder.tflite`` (int8) and ``calibration.npz`` (training
    images), of a denoiser of any size ``model.tflite`` (a tile, float16 weights), of a codec its networks and tables
    (``zoo.exporting.codec``), of a detector what normal examples are like (``detector.npz``), where the data's authors
    are known ``credits.txt``, of every model ``golden.npz`` (an input and the outputs it must give), ``preview.png``,
    ``history.json``, ``card.json`` and, last, the manifest. The training's checkpoint is removed once they are all
    there. Where Keras' backend is not TensorFlow, LiteRT's files are left out, and the codec, which goes by them.

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
    model, data, spec = training.model, training.data, registry.spec_of_model(training.model)
    modality = modalities.of(model)
    converts = keras.backend.backend() == "tensorflow"
    encodes, compresses = converts and modalities.quantizes(spec), converts and spec.compresses
    whole = converts and "denoise" in spec.tasks
    steps = _Steps(progress, total=4 + (encodes or whole) + compresses)
    with writing.locked(folder), writing.staging(folder) as temporary:
        (room := temporary / _name_in(folder, training.name)).mkdir()  # a container carries its codec's name
        card = _card(training, spec, command, licence or ("Apache-2.0" if _is_shipped(folder) else NOT_STATED))
        number = FEW_EXAMPLES if data.licence.startswith(NOT_STATED) else CALIBRATION_EXAMPLES
        chosen = modality.calibration_examples(data.train, number) if encodes else None
        if chosen is not None or whole:
            steps.next("converting to LiteRT")
            card |= _write_whole(training, room) if chosen is None else _write_half(training, modality, chosen, room)
        if data.credits:
            (room / CREDITS).write_text(_credits(data.credits), encoding="utf-8")

        steps.next("saving the model")
        model.save(room / "model.keras")
        _compress(room / "model.keras")
        _write_npz(room / "golden.npz", tasks.golden(model, data.test[:GOLDEN_IMAGES]))

        declared: dict[str, Any] = {"codec": None}
        if compresses:
            declared["codec"] = {"coder": model.coder, "medium": modality.medium}
        if _is_shipped(folder) and not spec.recipes[resolve(training.name)[1]].shipped:
            declared["shipped"] = False
        if compresses:
            steps.next("building the entropy coder's tables")
            write_codec(model, data, chosen, room)

        steps.next("measuring on the test split")
        card["metrics"] = tasks.measure_split(model, data)
        if compresses:
            card["metrics"] |= _codec_metrics(room, modality, data, card, declared)
        if "detect" in spec.tasks:
            arrays = evaluation.fitted_detector(model, data.train, data.validation)
            _write_npz(room / DETECTOR, arrays)
            found = Normality.of_arrays(arrays), arrays["held_out"], float(arrays["false_alarms"])
            card["metrics"] |= evaluation.measure_detector(model, found, data, "test", card["data"].get("normal"))

        steps.next("drawing the preview")
        tasks.TASKS[spec.task].preview(model, modality, data, card, room / "preview.png")
        (room / "history.json").write_text(_json(training.history))
        (room / "card.json").write_text(_json(card))
        steps.next("writing the manifest")
        _move(room, folder, declared)
        if _is_shipped(folder):
            fold(folder)
    return card


def _codec_metrics(room: Path, modality, data, card: dict[str, Any], declared: dict[str, Any]) -> dict[str, Any]:
    """The figures of the codec whose files lie in ``room``, read as a user reads them: by a card and a manifest."""
    (room / "card.json").write_text(_json(card))
    artifacts.write_manifest(room, declared=declared)
    return modality.measure_codec(Codec(room), data, "test")


def _move(room: Path, folder: Path, declared: dict[str, Any]) -> None:
    """All files of a model into its folder, and a manifest of them; whatever else lies there is the user's."""
    (room / artifacts.MANIFEST).unlink(missing_ok=True)
    names = sorted(path.name for path in room.iterdir())
    for name in names:
        (room / name).replace(folder / name)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    kept = (path.relative_to(folder).as_posix() for path in folder.glob("versions/*/*") if path.is_file())
    artifacts.write_manifest(folder, [*names, *kept], declared)


def _write_encoder(training: Training, inputs: np.ndarray, room: Path) -> bytes:
    """The int8 encoder, calibrated by inputs; the decoder learns from its codes, where the recipe says so."""
    model, recipe = training.model, training.record["recipe"]
    encoder = litert.convert(model.device_encoder(), name=PARTS["encoder"], quantization="int8", calibration=inputs)
    if getattr(model, "coder", None) == "frames":
        encoder = in_parts_of(encoder, model.step)
    if recipe.get("decoder_epochs"):
        adapt_decoder(model, encoder, training.data.train, epochs=recipe["decoder_epochs"], seed=recipe["seed"])
    encoder = litert.with_metadata(encoder, part="encoder", model=room.name, sha256=litert.weights_digest(model))
    (room / "encoder.tflite").write_bytes(encoder)
    return encoder


def _write_half(training: Training, modality, chosen: np.ndarray, room: Path) -> dict[str, Any]:
    """The int8 encoder, and the examples that calibrated it; what a card says of it."""
    _write_npz(room / "calibration.npz", {"images": chosen})
    encoder = _write_encoder(training, modality.calibration_inputs(training.model, chosen), room)
    return {"litert": {"encoder_operators": litert.operators(encoder), "encoder_bytes": len(encoder)}}


def _write_whole(training: Training, room: Path) -> dict[str, Any]:
    """The whole of a denoiser of any size, for one tile, with float16 weights; what a card says of it."""
    model = training.model
    tile = type(model).from_config({**model.get_config(), "image_shape": (TILE, TILE, 3)})
    tile.build()
    tile.set_weights(model.get_weights())
    flatbuffer = litert.convert(functional(tile, tile, fixed=True), name=PARTS["model"], quantization="float16")
    flatbuffer = litert.with_metadata(flatbuffer, part="model", model=room.name, sha256=litert.weights_digest(model))
    (room / "model.tflite").write_bytes(flatbuffer)
    return {
        "litert": {"model_operators": litert.operators(flatbuffer), "model_bytes": len(flatbuffer)},
        "tile": {"size": TILE, "halo": model.halo},
        "note": "The LiteRT file has float16 weights. An int8 one, whose loss the certificate says, does not ship.",
    }


def _name_in(folder: Path, name: str) -> str:
    """The name that an artefact in ``folder`` goes by: a shipped one by the catalogue's, others by the folder's."""
    return name if _is_shipped(folder) else folder.resolve().name


def _is_shipped(folder: Path) -> bool:
    return folder.resolve().parent.parent == artifacts.shipped_root()


def _card(training: Training, spec: registry.Spec, command: str, licence: str) -> dict[str, Any]:
    model, data = training.model, training.data
    modality = modalities.of(model)
    architecture, tag = resolve(training.name)
    encodes = modalities.quantizes(spec)
    own = data.source == spec.data_of(tag)
    return {
        "name": training.name if own else f"{architecture} trained on {data.name}",
        "architecture": architecture,
        "tag": tag if own else None,
        "description": registry.spec_of(training.name).summary,
        "paper": spec.paper,
        "licence": licence,
        **({"examples_licence": data.licence} if _holds_examples(spec) else {}),
        "parameters": model.count_params(),
        **({"encoder_parameters": model.encoder.count_params()} if encodes else {}),
        **({"examples": examples} if (examples := modality.examples(model, data)) else {}),
        "input_shape": list(model.example_shape),
        "input_range": modality.input_range(model),
        **modality.described(model),
        **({"code_shape": shape} if hasattr(model, "encoder") and (shape := modality.latent_shape(model)) else {}),
        "data": {
            "source": _named(data.source),
            "seed": training.record["seed"],
            "fit": training.fit,
            "binarized": training.record["recipe"].get("binarized", False),
            **({"normal": normal} if (normal := _normal(training)) else {}),
            "licence": data.licence,
            "fingerprint": data.fingerprint,
            **{split: len((data.texts or vars(data))[split]) for split in ("train", "validation", "test")},
            **({"classes": list(data.classes or ())} if _named_classes(data, own) else {}),
            **({"summary": data.summary} if data.summary and not own else {}),
            **_packages(data),
            **({"credits": _counted(data.credits)} if data.credits else {}),
        },
        "training": {
            "command": shlex.join(map(_without_place, shlex.split(command))),
            **training.record,
            "versions": {
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in (keras.backend.backend(), "keras", "numpy")},
            },
            "machine": platform.machine(),
        },
        **({"note": LIKELIHOOD_NOTE} if training.record["recipe"].get("binarized", False) else {}),
    }


def _named_classes(data: DataSet, own: bool) -> bool:
    """Whether a card names the classes: not those of a known set that are called by their numbers."""
    return bool(data.classes) and not (own and all(name.isdecimal() for name in data.classes or ()))


def _normal(training: Training) -> str | None:
    """The class that a detector was trained on, where the data has others too."""
    normal = training.record["recipe"].get("normal")
    return normal if normal in (training.data.classes or ()) else None


def _holds_examples(spec: registry.Spec) -> bool:
    """Whether the folder holds examples of the data: all but that of a generator alone, whose images are its own."""
    return spec.tasks != ("generate",)


def _named(source: str) -> str:
    """How a card names its data: a card is passed on, and says nothing of where the user's own files lie."""
    return f"./{Path(source).name}" if Path(source).is_absolute() else source


def _without_place(argument: str) -> str:
    """An argument of a command, or an option with its value, with the last name of an absolute path alone."""
    option = re.match(r"--[\w-]+=|-o|", argument)[0]  # type: ignore[index] - it matches always
    path = argument[len(option) :]
    return option + (Path(path).name or path if Path(path).is_absolute() else path)


def _packages(data: DataSet) -> dict[str, dict[str, dict[str, Any]]]:
    """Of docstrings: how many pairs are of each package, its licence and its version."""
    if data.texts is None or not isinstance(data.texts["train"][0], text.Pair):
        return {}
    counts = collections.Counter(pair.source for pairs in data.texts.values() for pair in pairs)
    versions = needs.versions(counts)
    packages = {
        name: {"pairs": n, "licence": text.licence_of(name), "version": versions.get(name, "unknown")}
        for name, n in sorted(counts.items())
    }
    return {"packages": packages}


def _counted(credits: Sequence[Mapping[str, str]]) -> dict[str, dict[str, int]]:
    """Source → licence → how many training pictures are of it."""
    counts: dict[str, dict[str, int]] = {}
    for row in sorted(credits, key=lambda row: (row.get("source", ""), row.get("licence", ""))):
        licences = counts.setdefault(row.get("source", ""), {})
        licences[row.get("licence", "")] = licences.get(row.get("licence", ""), 0) + 1
    return counts


def _credits(credits: Sequence[Mapping[str, str]]) -> str:
    """The training pictures by source, licence and author, for people."""
    groups: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for row in credits:
        source = tuple(row.get(key, "") for key in ("source", "licence", "licence_url"))
        page = f" <{row['page']}>" if row.get("page") else ""
        groups.setdefault(source, {}).setdefault(row.get("author", ""), []).append(Path(row["file"]).stem + page)
    lines = ["Pictures that this model was trained on. They do not come with it."]
    for (source, licence, url), authors in sorted(groups.items()):
        lines += ["", f"{source}: {licence}{f' ({url})' if url else ''}"]
        lines += [f"  {author or 'unknown'}: {', '.join(names)}" for author, names in sorted(authors.items())]
    return "\n".join(lines) + "\n"


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
