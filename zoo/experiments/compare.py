"""Models side by side on one data set."""

import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

from zoo import data, evaluation, exporting, modalities, registry, training

BATCH_SIZE = 128


def compare(
    patterns: Iterable[str] = ("*",),
    source: str = "fashion_mnist",
    *,
    epochs: int | None = None,
    size: int | str | tuple[int, int] | None = None,
    colour: bool | None = None,
    fit: str | None = None,
    progress: Any = None,
    failed: list[str] | None = None,
) -> list[dict[str, Any]]:
    """Measures autoencoders on the test split of one data set, each by the same measures.

    Args:
        patterns: names of architectures, shell-style patterns of them, or folders of trained models.
        source: the data set's name, or data of the user's own, as for ``zoo.data.load``: on that, every architecture
            is measured by the model that is its default, or trained by its recipe.
        epochs: trains every model anew with this budget (its recipe's learning rate, 128 images a step, grey images);
            None for the shipped models, each trained by its own recipe.
        size, colour: of the pictures of models that are trained anew, as for ``zoo.training.train``.
        fit: how a picture of another size is fitted, as for ``zoo.data.stream``; None for what each was trained with.
        progress: a started ``rich.progress.Progress`` to report to.
        failed: gets a line for each file that cannot be read, and the others are the data; None to raise instead.

    Returns:
        A row each: ``name``, ``parameters``, ``code`` (how many numbers), ``mse``, ``psnr`` in dB, ``knn5_accuracy`` of
        the code, ``training_seconds``, and ``encoder_bytes`` of the int8 LiteRT encoder. Models trained to generate
        from binary images are measured on grey ones here, as all others.

    Raises:
        ValueError: if no model of that data set matches one of the patterns, a model that is named has no code, a
            folder is to be trained anew, or ``epochs`` is below 1.
    """
    if epochs is None and (size is not None or colour is not None):
        raise ValueError("size and colour are of models that are trained anew: give epochs, or leave them out.")
    names = list(dict.fromkeys(name for pattern in patterns for name in _matching(pattern, source, epochs)))
    lines: list[str] | None = None if failed is None else []
    task = progress and progress.add_task("comparing", total=len(names), status="")
    rows = []
    for name in names:
        if progress:
            progress.update(task, description=name)
        if epochs is None:
            rows.append(_shipped(name, source, fit, lines))
        else:
            options = {"size": size, "colour": colour, "fit": fit or "crop", "failed": lines, "progress": progress}
            rows.append(_trained(name, source, epochs, **options))
        if progress:
            progress.advance(task)
    if failed is not None:
        failed += dict.fromkeys(lines)  # every model has read the same files
    return rows


def _matching(pattern: str, source: str, epochs: int | None) -> list[str]:
    """The models that a pattern stands for; at least one."""
    if registry.is_folder(pattern):
        if epochs is not None:
            raise ValueError(f"epochs must be left out with {pattern}: only models of the catalogue are trained anew.")
        architectures = {pattern: registry.info(pattern)["architecture"]}
    else:
        found = registry.list_models(pattern)
        if source not in {registry.data_of(name) for name in registry.list_models()}:  # the user's own
            architectures = {name: name for name in found if _is_default(name) or name == pattern}
        else:
            architectures = {name: name for name in found if registry.data_of(name) == source or name == pattern}
    if not architectures:
        raise ValueError(f"No model of {source} matches {pattern}: see zoo list, or name a folder of zoo train.")
    encoding = [name for name, row in architectures.items() if "reconstruct" in registry.spec_of(row).tasks]
    if not encoding:
        raise ValueError(f"{pattern} must be an autoencoder, whose code is compared: {', '.join(architectures)}.")
    return encoding


def _is_default(name: str) -> bool:
    """Whether a model of pictures is the one that its architecture's name alone stands for."""
    architecture, tag = registry.loading.resolve(name)
    spec = registry.CATALOG[architecture]
    return tag == spec.tags[0] and spec.modality == "image"


def markdown(rows: list[Mapping[str, Any]]) -> str:
    """The rows of ``compare`` as a table in Markdown."""
    lines = [
        "| model | weights | code | test MSE | PSNR | kNN-5 | training | int8 encoder |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        neighbours = f"{100 * row['knn5_accuracy']:.1f} %" if "knn5_accuracy" in row else "–"
        lines.append(
            f"| `{row['name']}` | {row['parameters'] / 1e6:.2f} M | {row['code']} | {row['mse']:.5f} "
            f"| {row['psnr']:.2f} dB | {neighbours} | {row['training_seconds'] / 60:.1f} min "
            f"| {row['encoder_bytes'] / 1000:.0f} kB |"
        )
    return "\n".join(lines) + "\n"


def _shipped(name: str, source: str, fit: str | None, failed: list[str] | None) -> dict[str, Any]:
    card, model = registry.info(name), registry.load(name)
    options = {"fit": fit or card["data"]["fit"], "seed": card["data"]["seed"], "failed": failed}
    data_set = modalities.of(model).load(source, model.example_shape, **options)
    return _row(name, model, data_set, card["training"]["seconds"], card["litert"]["encoder_bytes"])


def _trained(name: str, source: str, epochs: int, **options: Any) -> dict[str, Any]:
    architecture, tag = registry.loading.resolve(name)
    changes = {"epochs": epochs, "batch_size": BATCH_SIZE}
    if hasattr(registry.CATALOG[architecture].recipes[tag], "binarized"):
        changes["binarized"] = False
    with tempfile.TemporaryDirectory() as folder:
        result = training.train(
            name,
            data_source=source,
            output=folder,
            **options,
            **changes,
        )
    chosen = data.unit(result.data.train[:100])
    encoder = exporting.litert.convert(result.model.encoder, quantization="int8", calibration=chosen)
    return _row(name, result.model, result.data, result.record["seconds"], len(encoder))


def _row(name: str, model, data_set: data.DataSet, seconds: float, encoder_bytes: int) -> dict[str, Any]:
    images = data.unit(data_set.test)
    error = evaluation.mean_squared_error(images, model.predict(images, batch_size=500, verbose=0))
    return {
        "name": name,
        "parameters": model.count_params(),
        "code": evaluation.code_numbers(model),
        "mse": error,
        "psnr": evaluation.psnr(error),
        **evaluation.measure_code(model, data_set),
        "training_seconds": seconds,
        "encoder_bytes": encoder_bytes,
    }
