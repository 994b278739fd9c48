"""What is installed, and what the documents promise."""

import ast
import importlib.util
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest
import yaml
from PIL import Image

import zoo
from zoo.registry import terms

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "colab").glob("*.ipynb"))
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_SOURCE = (".git", ".venv", "build", "dist", "runs", "zoo-demo", "__pycache__")


def source_files() -> list[Path]:
    """Every file of the project, wherever it was unpacked."""
    files = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in NOT_SOURCE and not f.endswith(("_cache", ".egg-info"))]
        files.extend(Path(folder, name) for name in names if name not in NOT_SOURCE)  # .git is a file in a worktree
    return files


def section(markdown: str, heading: str) -> str:
    return re.search(rf"^## {heading}\s*$(.*?)(?=^## |\Z)", markdown, re.M | re.S)[1]


def fenced_blocks(markdown: str, language: str = r"\w*") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", markdown, re.M | re.S)


# The wheel and the sdist


def build(kind: str, tree: Path, output: Path) -> Path:
    """Builds a "wheel" or "sdist" of a tree with the installed setuptools; no network is used."""
    output.mkdir()
    code = f"from setuptools import build_meta; build_meta.build_{kind}({str(output)!r})"
    process = subprocess.run([sys.executable, "-c", code], cwd=tree, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr[-4000:]
    (archive,) = output.iterdir()
    return archive


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the sources, so that building leaves nothing behind."""
    ignored = shutil.ignore_patterns(*NOT_SOURCE, "*_cache", "*.egg-info")
    return shutil.copytree(ROOT, tmp_path_factory.mktemp("build") / "tree", ignore=ignored)


@pytest.fixture(scope="module")
def wheel(tree) -> Path:
    return build("wheel", tree, tree.parent / "wheel")


def shipped_files() -> set[str]:
    """What a wheel has to hold, as it is named in there."""
    package = {path.relative_to(ROOT).as_posix() for path in source_files() if path.relative_to(ROOT).parts[0] == "zoo"}
    models = {
        f"zoo/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "savedmodels").rglob("*") if path.is_file()
    }
    assert models, "savedmodels/ is empty"
    return package | models


@pytest.mark.slow
def test_wheel_holds_the_package_its_data_and_the_models(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        entry_points = next(n for n in archive.namelist() if n.endswith("entry_points.txt"))
        assert "zoo = zoo.cli:main" in archive.read(entry_points).decode()
        metadata = archive.read(entry_points.replace("entry_points.txt", "METADATA")).decode()
        licences = {
            n.partition("/licenses/")[2]: archive.read(n).decode() for n in archive.namelist() if "/licenses/" in n
        }
    assert names == shipped_files()
    assert wheel.stat().st_size <= 95_000_000, "weights ship once: zoo.packaging.folding"
    assert "\nName: autoencoder-zoo\n" in metadata
    assert set(licences) == {"LICENSE", "NOTICE", "LICENSES/CC-BY-SA-3.0.txt", "LICENSES/CC-BY-SA-4.0.txt"}
    assert "Attribution-ShareAlike 3.0 Unported" in licences["LICENSES/CC-BY-SA-3.0.txt"]
    assert "Attribution-ShareAlike 4.0 International" in licences["LICENSES/CC-BY-SA-4.0.txt"]


@pytest.fixture
def packaging(monkeypatch):
    """The names of ``setup.py``, which builds nothing meanwhile."""
    monkeypatch.setattr("setuptools.setup", lambda **options: None)
    return runpy.run_path(str(ROOT / "setup.py"))


def test_nothing_installs_the_package_of_another_name():
    """``zoo`` on the package index is a stranger's: what a user may type names the distribution."""
    old = re.compile(r"(?<![\w.-])zoo\\?\[[a-z]+(,[a-z]+)*\\?\]|\binstall\b[^\n]*[ '\"=]zoo(['\" ]|$|[=<>~]=)", re.M)
    assert all(map(old.search, ("pip install 'zoo[maps]'", "pip install zoo", "needs zoo[text,audio]", r"'zoo\[a\]'")))
    assert not any(map(old.search, ("pip install 'autoencoder-zoo[maps]'", "device/bin/zoo x", "zoo = zoo.cli:main")))
    suffixes = {".py", ".md", ".toml", ".in", ".json", ".ipynb", ".yml", ".yaml", ".cff", ".j2", ".sh", ""}
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in source_files()
        if path.suffix in suffixes and path != Path(__file__)
        for match in old.finditer(path.read_text())
    ]
    assert not found


def test_the_readme_on_the_index_has_absolute_links(packaging):
    readme, version = (ROOT / "README.md").read_text(), zoo.__version__
    published = packaging["readme_for_index"](readme, "owner/name")
    assert f"[NOTICE](https://github.com/owner/name/blob/v{version}/NOTICE)" in published
    assert f"](https://github.com/owner/name/raw/v{version}/docs/photograph.png)" in published
    assert (
        "pip install --quiet 'autoencoder-zoo[tensorflow]'" in published
        and "`pip install autoencoder-zoo`" in published
    )
    assert "pip install --quiet --editable '.[dev]'" in published and "'.[t" not in published
    relative = re.compile(r"\]\((?!https?:|#)")
    assert relative.search(readme) and not relative.search(published)
    private = packaging["readme_for_index"](readme, "")
    assert not relative.search(private) and "github.com/owner" not in private


def test_what_the_wheel_has_no_weights_of_keeps_its_digests_and_card(packaging, tmp_path):
    for name, shipped in (("a/x", {}), ("b/y", {"shipped": False})):
        (tmp_path / name).mkdir(parents=True)
        files = dict.fromkeys(("model.keras", "card.json", "preview.png"), {})
        (tmp_path / name / "manifest.json").write_text(json.dumps({**shipped, "files": files}))
    assert packaging["not_shipped"](tmp_path) == ["b/y/model.keras", "b/y/preview.png"]


def test_a_tag_publishes_what_the_changelog_tells():
    workflow = yaml.safe_load((ROOT / ".github/workflows/publish.yml").read_text())
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    steps = "\n".join(step.get("run", "") for step in build["steps"])
    assert "twine check --strict" in steps and "CHANGELOG.md" in steps
    assert publish["permissions"] == {"id-token": "write"} and publish["needs"] == "build", "no password is stored"
    assert "secrets." not in (ROOT / ".github/workflows/publish.yml").read_text()


def test_the_notice_credits_every_data_set_whose_examples_come_along():
    notice = " ".join((ROOT / "NOTICE").read_text().split())
    licences = {
        card["examples_licence"]
        for card in map(zoo.info, zoo.list_models(pretrained=True))
        if "examples_licence" in card
    }
    credits = {
        "CC BY-SA 3.0 (LeCun, Cortes, Burges)": (
            "Yann LeCun, Corinna Cortes, Christopher J. C. Burges",
            "CC BY-SA 3.0",
        ),
        "CC BY-SA 4.0 (Jackson et al., Free Spoken Digit Dataset)": ("Zohar Jackson", "CC BY-SA 4.0"),
        "MIT (Zalando SE)": ("Copyright © 2017 Zalando SE", "Permission is hereby granted, free of charge"),
        "CC BY-SA 4.0, CC BY-SA 3.0, CC BY 2.0, CC0 1.0 and others, of each picture (NOTICE, credits.txt)": (
            "credits.txt",
            "cid22: Cloudinary Image Dataset",
        ),
        "WordNet 3.0 license (Princeton University)": ("WordNet 3.0 Copyright 2006 by Princeton University",),
        "CC BY 4.0 (Wolberg, Mangasarian, Street & Street, UCI)": ("William Wolberg, Olvi Mangasarian", "CC BY 4.0"),
        "ODC-BY 1.0 (Moody & Mark 2001, MIT-BIH Arrhythmia Database, PhysioNet)": ("George Moody", "ODC-BY 1.0"),
        "of the packages, permissive (BSD, MIT, Apache-2.0 and the like)": ("NetworkX", "BSD-3-Clause", "xarray"),
    }
    assert licences == set(credits) == set(terms.TERMS), "zoo.registry.terms says the same in short"
    for licence in licences:
        assert all(part in notice for part in credits[licence]), licence
    assert "Gianni Rosato: gb82 image set" in notice and "CC0 1.0" in notice
    assert "soxr, which converts sample rates, is under LGPL-2.1-or-later" in notice


@pytest.mark.slow
def test_sdist_builds_the_same_wheel(tree, wheel):
    sdist = build("sdist", tree, tree.parent / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tree.parent / "unpacked", filter="data")
    (unpacked,) = (tree.parent / "unpacked").iterdir()
    for document in (
        "README.md",
        "LICENSE",
        "NOTICE",
        "LICENSES/CC-BY-SA-3.0.txt",
        "CHANGELOG.md",
        "tests/conftest.py",
    ):
        assert (unpacked / document).is_file()
    again = build("wheel", unpacked, tree.parent / "wheel-of-sdist")

    def digests(path):
        with zipfile.ZipFile(path) as archive:
            return {i.filename: i.CRC for i in archive.infolist() if ".dist-info/" not in i.filename}

    assert digests(again) == digests(wheel)
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", wheel, sdist], capture_output=True, text=True
    )
    assert checked.returncode == 0 and checked.stdout.count("PASSED") == 2, checked.stdout + checked.stderr


@pytest.fixture(scope="module")
def device(wheel, tmp_path_factory):
    """The wheel installed as docs/export.md says, beside a photograph; runs a line there: (status, output)."""
    folder = tmp_path_factory.mktemp("device")
    colours = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    Image.fromarray(colours).resize((300, 200), Image.Resampling.BICUBIC).save(folder / "photo.png")

    def run(line: str) -> tuple[int, str]:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        options = {"cwd": folder, "env": environment, "stderr": subprocess.STDOUT, "stdout": subprocess.PIPE}
        process = subprocess.run(["bash", "-c", line], text=True, **options)
        return process.returncode, process.stdout

    run.folder, run.blocks = folder, {}
    for heading in ("Compressing on a device", "Running an encoder yourself"):
        (run.blocks[heading],) = fenced_blocks(section((ROOT / "docs/export.md").read_text(), heading))
    for line in run.blocks["Compressing on a device"].splitlines()[:2]:
        status, output = run(line.replace("install .", f"install --quiet {wheel}"))
        assert status == 0, output
    (run.site,) = folder.glob("device/lib/python*/site-packages")
    return run


@pytest.mark.slow
def test_a_device_compresses_without_tensorflow(device):
    """The instructions of docs/export.md, in an environment that has the base installation alone."""
    distributions = {path.name.partition("-")[0].lower() for path in device.site.glob("*.dist-info")}
    desk = {"tensorflow", "keras", "tensorflow_datasets", "scikit_learn", "scipy", "matplotlib"}
    assert "autoencoder_zoo" in distributions and not distributions & desk
    megabytes = sum(path.lstat().st_blocks for path in [device.site, *device.site.rglob("*")]) * 512 / 2**20
    assert megabytes <= 350, "with the weights, and with pip"
    for line in device.blocks["Compressing on a device"].splitlines()[2:]:
        status, output = device(line)
        assert status == 0 and output.strip(), line
    with Image.open(device.folder / "restored/photo.png") as restored:
        assert restored.size == (300, 200)
    (device.folder / "encode.py").write_text(device.blocks["Running an encoder yourself"])
    assert device("device/bin/python encode.py")[0] == 0
    assert device("device/bin/zoo --help")[0] == 0
    assert device("device/bin/zoo denoise photo.png -o clean")[0] == 0
    small = "denoise photo.png -o grey --model denoising_ae"
    for line in ("train dense_ae", small, "certify compressor", "generate dcgan -o x.png"):
        expected = "zoo: This command needs TensorFlow: pip install 'autoencoder-zoo[tensorflow]'.\n"
        assert device(f"device/bin/zoo {line}") == (2, expected), line
    # That command adds to what is installed: it takes nothing of this name from an index.
    status, output = device("device/bin/pip install --dry-run 'autoencoder-zoo[audio]'")
    assert status == 0, output
    assert re.search(r"Requirement already satisfied: autoencoder-zoo\[audio\] in .*device", output), output
    assert re.search(r"Would install .*soundfile", output) and not re.search(r"Would install .*zoo", output)


@pytest.mark.slow
def test_models_load_from_the_installed_wheel(device, run_python, tmp_path):
    site = tmp_path / "site-packages"
    site.mkdir()
    (site / "zoo").symlink_to(device.site / "zoo")
    code = """
import json, numpy, zoo
from zoo import artifacts
for name in artifacts.names():
    for file in artifacts.find(name).manifest:
        artifacts.find(name).file(file)
codec = zoo.Codec("conv_ae")
restored = codec.decompress(codec.compress(numpy.zeros((28, 28), numpy.uint8)))
z = zoo.load("dense_ae").encode(numpy.zeros((1, 28, 28, 1), "float32"))
print(json.dumps([zoo.__file__, artifacts.names(), restored.shape, tuple(z.shape)]))
"""
    printed = json.loads(run_python(code, cwd=tmp_path, path=site, bare=True).splitlines()[-1])
    file, names, restored_shape, code_shape = printed
    assert Path(file).is_relative_to(site)
    assert names == sorted(
        f"{path.parent.parent.name}.{path.parent.name}" for path in (ROOT / "savedmodels").glob("*/*/manifest.json")
    )
    assert restored_shape == [28, 28] and code_shape == [1, 32]


def test_version_is_in_the_changelog():
    import zoo

    assert f"## {zoo.__version__}" in (ROOT / "CHANGELOG.md").read_text()


# The documents


def test_quick_start_runs_and_tests():
    blocks = fenced_blocks(section((ROOT / "README.md").read_text(), "Quick start"))
    run, test = blocks[0], blocks[-1]
    assert run.splitlines() == [
        "python3 -m venv .venv",
        ".venv/bin/pip install --quiet '.[tensorflow]'",
        ".venv/bin/zoo demo",
    ]
    assert "'.[dev]'" in test and re.search(r"^pytest -n ", test, re.M)


def test_the_readme_opens_with_a_tour_and_pictures():
    opening = (ROOT / "README.md").read_text().partition("## Quick start")[0]
    (tour,) = fenced_blocks(opening, "python")  # which `test_python_snippets_run` runs
    assert tour.strip()
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+\.png)\)", opening)
    assert pictures and all((ROOT / picture).is_file() for picture in pictures)


def test_lowest_versions_are_those_of_the_readme_and_tested_by_a_workflow():
    bounds = dict(re.findall(r'"([\w-]+)>=([\d.]+)"', (ROOT / "setup.py").read_text()))
    assert f"TensorFlow ≥ {bounds['tensorflow']}, Keras ≥ {bounds['keras']}." in (ROOT / "README.md").read_text()
    text = (ROOT / ".github/workflows/lowest.yml").read_text()
    assert "--resolution lowest-direct" in text
    tested = re.findall(r"tests/[\w./]+", text)
    assert tested and all((ROOT / path).exists() for path in tested)


def test_workflows_check_what_ci_checks_on_every_python_that_is_admitted():
    workflow = (ROOT / ".github/workflows/checks.yml").read_text()
    versions = re.findall(r"Python :: (3\.\d+)", (ROOT / "setup.py").read_text())
    assert f"python: {json.dumps(versions)}" in workflow
    for command in re.findall(r"^(?:ruff|pyright|pip check).*$", (ROOT / ".ci/run").read_text(), re.M):
        assert f"run: {command}\n" in workflow
    assert re.search(r"pytest -n logical --cov", workflow) and "mkdocs build" in workflow and "pip wheel" in workflow


def test_ci_runs_the_test_command_of_the_readme():
    script = (ROOT / ".ci/run").read_text()
    assert "grep --max-count=1 '^pytest' README.md" in script
    lines = re.findall(r"^pytest.*$", (ROOT / "README.md").read_text(), re.M)
    assert len(lines) == 1, "the line that .ci/run looks for is the only one"


@pytest.mark.slow
@pytest.mark.parametrize(
    "document",
    [path for path in DOCUMENTS if fenced_blocks(path.read_text(), "python")],
    ids=lambda path: path.name,
)
def test_python_snippets_run(document, run_python, tmp_path):
    """All of a document in one process, each in a namespace of its own."""
    snippets = fenced_blocks(document.read_text(), "python")
    run_python("\n".join(f"exec({code!r}, {{}})" for code in snippets), cwd=tmp_path)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_the_documents_exist(document):
    """Each ``zoo COMMAND … --option`` of a document is one that the command line knows."""
    import typer.main

    from zoo.cli.app import app

    commands = typer.main.get_command(app).commands
    for block in fenced_blocks(document.read_text(), "bash"):
        for line in block.splitlines():
            if not (match := re.search(r"\bzoo ([a-z]+)(.*?)(?:#|$)", line)):
                continue
            name, rest = match.groups()
            assert name in commands, line
            command = commands[name]
            if hasattr(command, "commands"):  # it has commands of its own
                command = command.commands[rest.split()[0]]
            known = {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
            assert set(re.findall(r"(?<=\s)(--?[a-z][\w-]*)", rest)) <= known, line


def test_links_in_the_documents_lead_somewhere():
    for document in [*DOCUMENTS, ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_nothing_names_a_machine():
    """No path of the machine that something was made on, in sources, cards or notebooks."""
    marks = [f"/{name}/" for name in ("work", "root", "tmp")] + ["/" + "home/", ".." + "/shared"]
    suffixes = {".py", ".md", ".toml", ".in", ".json", ".ipynb", ".html", ".j2", ""}
    found = [
        f"{path.relative_to(ROOT)}: {mark}"
        for path in source_files()
        if path.suffix in suffixes
        for mark in marks
        if mark in path.read_text()
    ]
    assert not found


# The notebooks


def loaded_script(name: str):
    """A script of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parameters_of(notebook):
    """The index of the cell that sets a notebook's sizes, and the cell; None where there is none."""
    tagged = [(i, cell) for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ())]
    assert len(tagged) <= 1, "more than one cell is tagged"
    return tagged[0] if tagged else None


def constants(source: str) -> dict:
    """What code that only assigns constants assigns: name → value."""
    values = {}
    for statement in ast.parse(source).body:
        assert isinstance(statement, ast.Assign) and len(statement.targets) == 1, ast.unparse(statement)
        values[statement.targets[0].id] = ast.literal_eval(statement.value)
    return values


def test_notebooks_are_numbered():
    names = [path.name for path in NOTEBOOKS]
    assert all(re.fullmatch(r"\d\d_[a-z0-9_]+\.ipynb", name) for name in names), names
    assert [int(name[:2]) for name in names] == list(range(1, len(names) + 1)), names


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_valid_and_stripped(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_has_the_badge_and_installs_itself(path):
    notebook, script = json.loads(path.read_text()), loaded_script("notebooks")
    assert notebook == script.updated(notebook, path.name), "run `python docs/notebooks.py`"
    first = "".join(notebook["cells"][0]["source"])
    assert first.startswith("# ") and ("colab.research.google.com" in first) == bool(script.REPOSITORY)
    install = "".join(next(cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"))
    assert "[tensorflow]" in install
    private, published = (script.updated(notebook, path.name, repository) for repository in ("", "owner/name"))
    assert "colab.research.google.com" not in json.dumps(private) and "'..[tensorflow]'" in json.dumps(private)
    assert f"/github/owner/name/blob/main/colab/{path.name})" in "".join(published["cells"][0]["source"])
    assert "'autoencoder-zoo[tensorflow] @ git+https://github.com/owner/name'" in json.dumps(published)
    assert script.updated(published, path.name) == notebook


def test_the_citation_has_the_address_where_it_is_set():
    script, citation = loaded_script("notebooks"), (ROOT / "CITATION.cff").read_text()
    assert citation == script.cited(citation), "run `python docs/notebooks.py`"
    assert re.search(rf"^version: {re.escape(zoo.__version__)}$", citation, re.M)
    assert ("repository-code:" in citation) == bool(script.REPOSITORY)
    published = script.cited(citation, "owner/name")
    assert published.endswith("repository-code: https://github.com/owner/name\n")
    assert script.cited(published) == citation


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_names_its_sizes_and_those_of_the_tests(path):
    found = parameters_of(nbformat.read(path, as_version=4))
    if found is None:
        assert path.name.startswith("01_"), "a code cell must be tagged `parameters`"
        return
    full, smoke = constants(found[1].source), constants("\n".join(found[1].metadata.smoke))
    assert smoke and set(smoke) <= set(full), f"smoke sets {sorted(smoke)}, the cell sets {sorted(full)}"
    assert "DATA" not in full or ("DATA" in smoke and smoke["DATA"] is None), "tests have only the bundled images"


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "no data"))
    notebook = nbformat.read(path, as_version=4)
    if found := parameters_of(notebook):
        index, cell = found
        notebook.cells.insert(index + 1, nbformat.v4.new_code_cell("\n".join(cell.metadata.smoke)))
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=300, resources=resources).execute()


def test_the_readme_table_is_that_of_the_cards():
    module = loaded_script("models_table")
    readme = module.README.read_text()
    assert readme == module.updated(readme), "run `python docs/models_table.py`"
