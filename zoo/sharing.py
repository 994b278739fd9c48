"""Models handed on: ``push`` to the hub, with a card that people and machines read, and ``pull`` into a folder."""

import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo import __version__, artifacts, extras, registry
from zoo.artifacts import addresses, sources
from zoo.artifacts.transports import hub_errors
from zoo.io import writing
from zoo.registry import terms

EXAMPLES = ("calibration.npz", "golden.npz", "preview.png")  # and what the card quotes
KERAS_FILES = ("config.json", "metadata.json", "model.weights.h5")  # in model.keras, and in the folder that Keras reads
NOT_STATED = "not stated"
# Licences that the hub knows by these names.
_LICENCES = (
    "apache-2.0 mit bsd-2-clause bsd-3-clause cc0-1.0 cc-by-4.0 cc-by-3.0 cc-by-sa-4.0 cc-by-sa-3.0 cc-by-nc-4.0 "
    "cc-by-nc-sa-4.0 cc-by-nc-nd-4.0 gpl-2.0 gpl-3.0 agpl-3.0 lgpl-3.0 mpl-2.0 isc unlicense openrail"
).split()
_DATA_SETS = {"mnist": "ylecun/mnist", "fashion_mnist": "zalando-datasets/fashion_mnist"}  # as the hub calls them
_PLACE = re.compile(r"""(?:^|(?<=[\s"'=(,:]))(?:~|/[\w.@+-]+(?=/)|[A-Za-z]:\\)[\w.@+/\\-]*""")
_TEXTS = (".json", ".md", ".txt")


def push(
    folder: str | os.PathLike,
    address: str,
    *,
    licence: str | None = None,
    examples: bool | None = None,
    private: bool = False,
) -> dict[str, Any]:
    """Publishes a trained model as a repository of the hub, in one commit that replaces what is there.

    The repository holds the artefact, with its manifest; ``README.md``, made of the card; and the content of
    ``model.keras`` unpacked, which ``keras.saving.load_model("hf://owner/name")`` reads after ``import zoo.models``.

    Args:
        folder: that ``zoo train`` wrote, or a name or address of a model; or a file that ``model.save`` wrote, of which
            a card can say little.
        address: ``hf://owner/name``; the repository is made if need be.
        licence: of the weights, such as ``CC-BY-4.0``; None for what the card states.
        examples: whether the examples of the data go along (``EXAMPLES``, and those that the card quotes). None is
            enough for data sets of the catalogue; of data of the user's own it has to be said.
        private: whether a repository that is made now is private.

    Returns:
        address, commit, files, bytes, examples (what goes along of them) and left_out (what does not), licence.

    Raises:
        ValueError: if the folder holds no sound model, a file names a place of this machine, it was not said whether
            examples go along, or the hub refuses or cannot be reached; nothing is published then.
        zoo.extras.MissingPackage: without huggingface_hub.
    """
    with extras.needed("zoo push"):
        import huggingface_hub  # noqa: F401 - before any work
    target = _target(address)
    with tempfile.TemporaryDirectory(prefix="zoo-push-") as temporary:
        of_file = str(folder).endswith(".keras")
        artifact = _of_file(Path(folder), Path(temporary)) if of_file else registry.artifact_of(folder)
        return _push(artifact, target, licence, examples, private)


def _push(
    artifact: artifacts.Artifact, target: addresses.Address, licence: str | None, examples: bool | None, private: bool
) -> dict[str, Any]:
    import huggingface_hub

    card = type(artifact.card)(artifact.card)  # which says in one line what it lacks
    found = _examples_in(artifact)
    if found and examples is None and _is_own(card):
        raise ValueError(
            f"{', '.join(found)} hold examples of your own data ({card['data']['source']}): say whether they may be "
            "published, --with-examples or --without-examples."
        )
    if licence:
        card["licence"] = licence
    kept = found if examples is not False else []
    with tempfile.TemporaryDirectory(prefix="zoo-push-") as temporary:
        room = Path(temporary)
        _collect(artifact, card, room, left_out={*found} - {*kept})
        check_places(room)  # of which the README is made
        _write_readme(room, card, target, kept)
        api = huggingface_hub.HfApi(library_name="zoo", library_version=__version__)
        with hub_errors(str(target)), _bars_on_terminals_alone():
            api.create_repo(target.place, private=private, exist_ok=True, repo_type="model")
            _check_replaces_a_model(api.list_repo_files(target.place), target)
            commit = api.upload_folder(
                repo_id=target.place,
                folder_path=room,
                commit_message=f"{card['name']}, by zoo {__version__}",
                delete_patterns="*",  # of an earlier push, such as examples that are left out now
            )
        files = [path for path in room.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
    sources.forget()
    return {
        "address": str(target),
        "commit": commit.oid,
        "files": len(files),
        "bytes": size,
        "licence": card["licence"],
        "examples": kept,
        "left_out": sorted({*found} - {*kept}),
    }


def pull(address: str, folder: str | os.PathLike) -> dict[str, Any]:
    """Downloads a model into a folder of its own, which appears whole or not at all.

    Args:
        address: see ``zoo.load``.
        folder: made if need be; it must not hold a model yet.

    Returns:
        address, folder, name, files and bytes, and the digest of the manifest, to pin the address with.

    Raises:
        ValueError: as ``zoo.artifacts.sources.find``, or if the folder holds a model or cannot be written.
    """
    if not addresses.is_address(address):
        raise ValueError(f"address must be {addresses.FORMS}: received {address!r}.")
    folder = writing.make_folder(folder)
    if (folder / artifacts.MANIFEST).exists():
        raise ValueError(f"{folder} holds a model already: give another folder.")
    artifact = sources.find(address, fresh=True)
    names = [name for name in artifact.manifest if name not in artifact.restored]
    with writing.staging(folder) as room:
        for name in names:
            (room / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(artifact.file(name), room / name)
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (room / name).replace(folder / name)
    manifest = (artifact.path / artifacts.MANIFEST).read_bytes()
    with writing.atomic_write(folder / artifacts.MANIFEST) as file:
        file.write(manifest)
    return {
        "address": address,
        "folder": str(folder),
        "name": artifact.card["name"],
        "files": len(names) + 1,
        "bytes": len(manifest) + sum(artifact.manifest[name]["bytes"] for name in names),
        "manifest_sha256": artifacts.sha256(folder / artifacts.MANIFEST),
    }


def check_places(folder: Path) -> None:
    """Refuses texts that say where files lie on this machine: what is published is read by anyone.

    Raises:
        ValueError: naming the file and the place.
    """
    for path in sorted(p for p in folder.rglob("*") if p.suffix in _TEXTS):
        text = path.read_text(encoding="utf-8", errors="replace")
        places = [match[0] for match in _PLACE.finditer(text)]
        home = str(Path.home())
        if len(home) > 1 and home in text:
            places.insert(0, home)
        if places:
            raise ValueError(
                f"{path.relative_to(folder)} names a place of this machine, {places[0][:80]!r}: nothing was published. "
                "Train again with a relative path, or edit the file and write the manifest anew "
                "(zoo.artifacts.write_manifest)."
            )


def _check_replaces_a_model(files: list[str], target: addresses.Address) -> None:
    others = [name for name in files if name not in (".gitattributes", "README.md")]
    if others and artifacts.MANIFEST not in files:
        raise ValueError(f"{target} holds something else ({others[0]}), which a push would replace: give another name.")


@contextlib.contextmanager
def _bars_on_terminals_alone() -> Iterator[None]:
    """The hub's library draws its bars into files too."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if sys.stderr.isatty() or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _target(address: str) -> addresses.Address:
    if not addresses.is_address(address):
        raise ValueError(f"address must be hf://owner/name: received {address!r}.")
    target = addresses.parse(address)
    if target.scheme != "hf" or target.revision or target.sha256:
        raise ValueError(f"address must be hf://owner/name, without revision and digest: received {address!r}.")
    return target


def _of_file(path: Path, folder: Path) -> artifacts.Artifact:
    """An artefact of a ``.keras`` file alone."""
    model = registry.load(path)
    architecture = registry.spec_of_model(model).class_path.partition(":")[0].rpartition(".")[2]
    spec = registry.spec_of(architecture)
    card = {
        "name": path.stem,
        "architecture": architecture,
        "tag": None,
        "description": spec.summary,
        "paper": spec.paper,
        "licence": NOT_STATED,
        "parameters": model.count_params(),
        "input_shape": list(model.example_shape),
        "data": {"source": NOT_STATED, "licence": NOT_STATED},
        "training": {"command": ""},
        "metrics": {},
    }
    shutil.copyfile(path, folder / "model.keras")
    (folder / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    artifacts.write_manifest(folder, declared={"codec": None})
    return artifacts.Artifact(folder, path.stem)


def _is_own(card: dict[str, Any]) -> bool:
    """Whether the data is none of the catalogue's."""
    return card.get("tag") is None


def _examples_in(artifact: artifacts.Artifact) -> list[str]:
    """What of an artefact shows examples of the data; a generator's images are its own."""
    if artifact.card.get("examples_licence") is None and not _is_own(artifact.card):
        return []
    quoted = ["the examples in card.json"] if artifact.card.get("examples") else []
    return [*(name for name in EXAMPLES if artifact.has(name)), *quoted]


def _collect(artifact: artifacts.Artifact, card: dict[str, Any], room: Path, left_out: set[str]) -> None:
    """The repository's files but for its README, in a folder of their own."""
    names = [name for name in artifact.manifest if name not in artifact.restored and name not in left_out]
    for name in names:
        (room / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(artifact.file(name), room / name)
    if any("card.json" in what for what in left_out):
        card.pop("examples", None)
    if left_out:
        card["note"] = " ".join(filter(None, (card.get("note"), "Published without examples of its data.")))
    (room / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    artifacts.write_manifest(room, names, artifact.declarations)
    with zipfile.ZipFile(room / "model.keras") as archive:
        wanted = [n for n in archive.namelist() if n in KERAS_FILES or n.startswith("assets/")]
        archive.extractall(room, wanted)  # whose names `Artifact.file` has checked
    (room / "assets").mkdir(exist_ok=True)
    if not any((room / "assets").iterdir()):  # Keras asks for that folder, and a repository has no empty ones
        (room / "assets/.gitkeep").touch()


def _write_readme(room: Path, card: dict[str, Any], target: addresses.Address, examples: list[str]) -> None:
    from huggingface_hub import ModelCardData

    spec = registry.spec_of(card["architecture"])
    figures = {key: value for key, value in card["metrics"].items() if isinstance(value, (int, float))}
    stated = card["licence"] if card["licence"] != NOT_STATED else None
    known = stated and stated.lower() in _LICENCES
    data = card["data"]
    front = ModelCardData(
        library_name="keras",
        license=(stated.lower() if known else "other") if stated else None,
        license_name=None if known or not stated else re.sub(r"[^a-z0-9.]+", "-", stated.lower()).strip("-"),
        tags=sorted({"zoo", "autoencoder-zoo", spec.modality, card["architecture"], *spec.tasks}),
        datasets=[_DATA_SETS[data["source"]]] if data["source"] in _DATA_SETS and not _is_own(card) else None,
        metrics=sorted(figures),
        model_name=target.name,
    )
    rows = "\n".join(f"| {key.replace('_', ' ')} | {value:.6g} |" for key, value in figures.items())
    table = f"| figure, on the test split | |\n|---|---:|\n{rows}\n" if rows else "No figures were measured.\n"
    splits = (("train", "train"), ("validation", "choose by"), ("test", "measure"))
    counts = ", ".join(f"{data[key]:,} examples to {word}" for key, word in splits if key in data)
    asks = terms.asked(card.get("examples_licence"))
    along = (
        f"Examples of the data go along: {', '.join(examples)}." if examples else "No examples of the data go along."
    )
    text = f"""---
{front.to_yaml()}
---

# {card["name"]}

{card["description"]} {card["paper"]}.

```python
import zoo  # pip install 'autoencoder-zoo[tensorflow,hub]'

model = zoo.load("{target}")
```

Keras alone reads it too, once the classes are registered: `import zoo.models`, then
`keras.saving.load_model("{target}")`.

{table}
- Parameters: {card["parameters"]:,}
- Data: {data["source"]}{counts and f"; {counts}"}. Licence: {data["licence"]}
- {along}{f" Who passes them on: {asks}." if asks else ""}
- Licence of the weights: {card["licence"]}
- Trained by: `{card["training"]["command"] or "model.fit"}`
"""
    (room / "README.md").write_text(text, encoding="utf-8")
