"""The site: an index and a page for each model, written whole or not at all."""

import functools
import itertools
import json
import os
import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, BinaryIO

from zoo import __version__, artifacts, pages, registry, tasks
from zoo.gallery import curves, usage
from zoo.gallery.figures import NEIGHBOUR_BASELINES, Figure, figures, headlines, tables, words
from zoo.io.files import write_folder
from zoo.registry.loading import resolve

STYLE = "style.css"

LABELS = {name: task.title for name, task in tasks.TASKS.items()}


def write_gallery(
    folder: str | os.PathLike,
    names: Iterable[str] | None = None,
    also: Iterable[str | os.PathLike] = (),
    *,
    live: bool = False,
    packages: str | os.PathLike | None = None,
) -> list[Path]:
    """Writes the site of shipped models, and of others; nothing appears in ``folder`` before all of it has been made.

    ``index.html`` links to ``models/NAME.html``, both to ``pictures/NAME.png`` and ``style.css``. Links are relative,
    and nothing comes from a network. Other files of the folder stay as they are.

    Args:
        folder: made if need be.
        names: of the models, ``architecture`` or ``architecture.tag``; all that are shipped where none are given.
        also: folders or addresses of other models, such as ``mine`` or ``hf://owner/name``.
        live: whether to write the page ``live/index.html`` too, which runs networks in the browser. That needs
            TensorFlow to export them, and npm to fetch LiteRT.js.
        packages: folder with LiteRT.js, where npm shall not fetch it (``zoo.gallery.live.runtime.runtime_files``).

    Returns:
        The files' paths, the index first.

    Raises:
        ValueError: for an unknown name, a model without weights or a damaged one, no names at all, a folder that is
            a file or cannot be written to, or where LiteRT.js cannot be had.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"Cannot write the gallery to {folder}: it is a file; give a folder.")
    if names is None:
        names = registry.list_models(pretrained=True)
    resolved = dict.fromkeys(".".join(resolve(name)) for name in names)
    if not resolved:
        raise ValueError("names must hold at least one model: received none.")
    models = [describe(name) for name in resolved]
    for other in also:
        models.append(describe(os.fspath(other), taken=[model["name"] for model in models]))
    # The index last, so that what it links to is there.
    files = {
        **{model["picture"]["file"]: model["picture"]["data"] for model in models if model["picture"]},
        STYLE: _style().encode(),
        **{f"models/{model['name']}.html": model_page(model, models).encode() for model in models},
        **(_live(packages) if live else {}),
        "index.html": index_page(models, live).encode(),
    }

    def write(data: bytes, file: BinaryIO) -> None:
        file.write(data)

    write_folder(folder, files, files.values(), "", write)
    return [folder / name for name in reversed(files)]


def _live(packages: str | os.PathLike | None) -> dict[str, bytes]:
    from zoo.gallery.live import live_files  # needs TensorFlow, which nothing else of the gallery does

    return live_files(None if packages is None else Path(packages))


def describe(name: str, taken: Iterable[str] = ()) -> dict[str, Any]:
    """All that the pages say of a model, from its artefact, whose files' digests are checked.

    Args:
        name: of a shipped model, or the folder or address of another.
        taken: names of pages that there are already.
    """
    artifact, card = registry.artifact_of(name), registry.info(name)
    spec = registry.spec_of(name if name in registry.list_models() else card["architecture"])
    plain = re.sub(r"[^\w.-]", "-", artifact.name)
    pages_of_it = itertools.chain([plain], (f"{plain}-{number}" for number in itertools.count(2)))
    page = next(name for name in pages_of_it if name not in taken)
    return {
        "name": page,
        "title": tuple(page.split(".")) if page in registry.list_models() else (page, None),
        "card": card,
        "tasks": [task.name for task in tasks.of(spec)],
        "picture": _picture(artifact, spec, page),
        "headlines": headlines(card["metrics"]),
        "tables": tables(card["metrics"]),
        "certificate": _json(artifact, "certificate.json"),
        "panels": curves.panels(_json(artifact, "history.json") or {}),
        "files": [(file, entry["bytes"]) for file, entry in artifact.manifest.items() if "/" not in file],
        "python": usage.python(name, spec),
        "commands": usage.commands(name, spec, card),
    }


def index_page(models: list[dict[str, Any]], live: bool = False) -> str:
    """The page of all models, with a search that needs no network, and a link to the live page where there is one."""
    counts = {task: sum(task in model["tasks"] for model in models) for task in LABELS}
    return _template("index.html.j2").render(
        models=models,
        tasks={task: (label, counts[task]) for task, label in LABELS.items() if counts[task]},
        sources=list(dict.fromkeys(model["card"]["data"]["source"] for model in models)),
        labels=LABELS,
        live=live,
        version=__version__,
        root="",
    )


def model_page(model: dict[str, Any], models: list[dict[str, Any]]) -> str:
    """The page of one model, beside those ``models`` that were measured by the same figures on the same data."""
    return _template("model.html.j2").render(
        model=model,
        baselines=NEIGHBOUR_BASELINES,
        card=model["card"],
        certificate=model["certificate"],
        others=_comparison(model, models),
        labels=LABELS,
        plot=(curves.WIDTH, curves.HEIGHT),
        version=__version__,
        root="../",
    )


def _comparison(model: dict[str, Any], models: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows of the models with the headlines' figures on the same examples, the best by the first of them on top.

    Models that were measured on other examples, such as the same images made binary, are not among them.
    """
    keys = [figure.key for figure in model["headlines"]]
    rows = []
    for other in models:
        known = figures(other["card"]["metrics"])
        data = (other["card"]["data"], model["card"]["data"])
        if data[0].get("fingerprint") == data[1].get("fingerprint") and set(keys) <= set(known):
            rows.append(
                (other["name"], Figure("parameters", other["card"]["parameters"]), [known[key] for key in keys])
            )
    if keys:
        rows.sort(key=lambda row: row[2][0].value, reverse=model["headlines"][0].style.better == "higher")
    return {"columns": model["headlines"], "rows": rows if keys and len(rows) > 1 else []}


def _picture(artifact: artifacts.Artifact, spec: registry.Spec, page: str) -> dict[str, Any] | None:
    """The preview with its size and what it shows; None where there is none."""
    if not artifact.has("preview.png"):
        return None
    from PIL import Image

    path = artifact.file("preview.png")
    with Image.open(path) as image:
        width, height = image.size
    return {
        "file": f"pictures/{page}.png",
        "data": path.read_bytes(),
        "width": width,
        "height": height,
        "alt": tasks.TASKS[spec.task].shown(spec),
    }


def _json(artifact: artifacts.Artifact, file: str) -> Any:
    return json.loads(artifact.file(file).read_text()) if artifact.has(file) else None


def _style() -> str:
    sheets = (resources.files("zoo.pages") / "style.css", resources.files("zoo.gallery") / "gallery.css")
    return "".join(sheet.read_text("utf-8") for sheet in sheets)


@functools.cache
def _template(name: str):
    return pages.template("zoo.gallery", name, words=words, size=_size, figure=_figure, shape=_shape)


def _figure(value: float | int, key: str, pattern: str | None = None) -> Any:
    """A number of a certificate or card: ``<data>`` with the exact one, in the style of its key or by a pattern."""
    from markupsafe import Markup

    text = pattern.format(value) if pattern else Figure(key, value).text
    return Markup('<data value="{}">{}</data>').format(value, text)


def _size(count: int) -> str:
    return (
        f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB" if count >= 10_000 else f"{count:,} bytes"
    )


def _shape(sides: list[int]) -> str:
    return " × ".join(map(str, sides))
