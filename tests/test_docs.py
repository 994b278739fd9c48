"""The documentation: what it names is there, its examples give what they say, and the site is whole."""

import doctest
import importlib
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import zoo

ROOT = Path(__file__).resolve().parents[1]
LECTURE = ROOT / "docs/lecture.md"
# What the page has to have a line for.
IDEAS = (
    "autoencoder",
    "unpooling",
    "deconvolution",
    "pretraining",
    "denoising autoencoder",
    "variational",
    "sparse",
    "weight sharing",
    "compression",
    "denoising of pictures",
    "visualisation",
    "feature selection",
    "generation",
    "summary",
    "objective",
    "k steps",
    "non-saturating",
    "mode collapse",
    "vanishing gradient",
    "Earth Mover",
    "WGAN 1: no sigmoid",
    "WGAN 2: no logarithm",
    "WGAN 3: weights clipped",
    "WGAN 4: no momentum",
)
COLUMNS = ["idea", "code", "test", "picture", "read on"]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in LECTURE.read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| idea |")
]
LINK = re.compile(r"\[([^\]]+)\]\(([^)#]+)(?:#([^)]+))?\)")


def cells(column: str) -> list[str]:
    return [row[COLUMNS.index(column)] for row in ROWS]


def anchors(path: Path) -> set[str]:
    """The anchors that the headings of a page in Markdown get."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("idea", IDEAS)
def test_every_idea_of_the_lecture_has_a_line(idea):
    assert any(idea.lower() in cell.lower() for cell in cells("idea"))


def test_every_line_has_code_a_test_a_picture_and_a_place_to_read_on():
    for row in ROWS:
        assert len(row) == len(COLUMNS) and all(row), row
        for column in ("code", "test", "read on"):
            assert LINK.search(row[COLUMNS.index(column)]), row
        picture = row[COLUMNS.index("picture")]
        assert "preview.png)" in picture or "`zoo " in picture, row


def test_links_and_their_anchors_lead_somewhere():
    for text, target, anchor in LINK.findall(LECTURE.read_text()):
        path = LECTURE.parent / target
        assert path.is_file(), f"{text}: {target}"
        assert not anchor or anchor in anchors(path), f"{text}: {target} has no heading {anchor}"


def test_every_class_imports_and_is_defined_in_the_file_that_is_linked():
    named = [link for cell in cells("code") for link in LINK.findall(cell)]
    assert len(named) > len(ROWS)
    for text, target, _ in named:
        module, _, name = text.strip("`").rpartition(".")
        found = getattr(importlib.import_module(module), name)
        assert found is not None
        source = (LECTURE.parent / target).read_text()
        assert re.search(rf"^(?:class|def) {name}\b|^{name}\b.* = ", source, re.M), f"{text} is not of {target}"


def test_every_test_is_in_the_file_that_is_linked():
    for cell in cells("test"):
        for text, target, _ in LINK.findall(cell):
            assert re.search(rf"^def {text.strip('`')}\(", (LECTURE.parent / target).read_text(), re.M), text


def test_the_command_line_knows_every_command():
    import typer.main

    from zoo.cli.app import app

    commands = [line for cell in cells("picture") for line in re.findall(r"`(zoo [^`]+)`", cell)]
    assert len(commands) > 5
    for line in commands:
        command = typer.main.get_command(app)
        arguments = shlex.split(line)[1:]
        while hasattr(command, "commands"):  # the program itself, and a command with commands of its own
            command = command.commands[arguments.pop(0)]
        command.make_context(command.name, arguments)  # raises where an option or argument is not known


# Examples in docstrings

WITH_EXAMPLES = [path for path in sorted((ROOT / "zoo").rglob("*.py")) if re.search(r"^ *>>> ", path.read_text(), re.M)]
# What one looks up first.
LOOKED_UP = (
    zoo.load,
    zoo.list_models,
    zoo.info,
    zoo.Codec.compress,
    zoo.layers.MaxUnpool2D,
    zoo.layers.GaussianSampling,
    zoo.layers.KSparse,
    zoo.layers.Corruption,
    zoo.losses.SquaredError,
    zoo.losses.gaussian_kl,
    zoo.evaluation.psnr,
    zoo.evaluation.mean_squared_error,
    zoo.evaluation.si_sdr,
)


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples_give_what_they_say(path):
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    examples = [e for e in doctest.DocTestFinder().find(importlib.import_module(name)) if e.examples]
    assert examples
    runner, said = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS), []
    for example in examples:
        runner.run(example, out=said.append)
    assert not runner.summarize(verbose=False).failed, "".join(said)


@pytest.mark.parametrize("documented", LOOKED_UP, ids=lambda value: value.__qualname__)
def test_what_one_looks_up_first_has_an_example(documented):
    assert re.search(r"^Examples:\n    >>> ", inspect.getdoc(documented), re.M)


# A model of one's own


def edits(markdown: str) -> list[tuple[str, str | None, str]]:
    """What a guide says to write: (file, the line that it goes below or None for a new file, source)."""
    place, block = r"`([\w/]+\.py)`(?:,\s+below\s+`([^`]+)`)?:\n\n", r"( *)```(?:python|text)\n(.*?)^ *```"
    found = re.findall(place + block, markdown, re.M | re.S)
    return [(file, below or None, re.sub(f"^{indent}", "", code, flags=re.M)) for file, below, indent, code in found]


@pytest.mark.slow
def test_a_model_is_added_as_the_guide_says(tmp_path):
    """By its text alone: a copy of the package, the guide's blocks where it says, its tests, a training, a load."""
    from PIL import Image

    from zoo.demo import samples

    guide = (ROOT / "CONTRIBUTING.md").read_text()
    tree = tmp_path / "tree"
    for folder in ("zoo", "tests"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    (tree / "savedmodels").mkdir()
    written = edits(guide)
    assert len(written) == guide.count("```python") + guide.count("```text") == 6
    for file, below, code in written:
        path = tree / file
        if below is None:
            assert not path.exists()
            path.write_text(code)
        else:
            lines = path.read_text().splitlines(keepends=True)
            (place,) = (index for index, line in enumerate(lines) if line.strip() == below)
            path.write_text("".join([*lines[: place + 1], code, *lines[place + 1 :]]))

    def run(*command: str) -> str:
        process = subprocess.run(
            [sys.executable, *command],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree)},
            capture_output=True,
            text=True,
        )
        assert process.returncode == 0, process.stdout[-4000:] + process.stderr[-4000:]
        return process.stdout

    (test,) = re.findall(r"^ *(pytest .*my_ae.*)$", guide, re.M)
    report = run("-m", *shlex.split(test), "-p", "no:cacheprovider")
    assert int(re.search(r"(\d+) passed", report)[1]) >= 10, report
    run("-m", "ruff", "check", "--quiet", "--config", "pyproject.toml", "zoo", "tests")
    run("-m", "ruff", "format", "--check", "--quiet", "--config", "pyproject.toml", "zoo", "tests")

    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for index, image in enumerate(samples.load().images[..., 0]):
        Image.fromarray(image).save(pictures / f"{index}.png")
    (command,) = re.findall(r"`zoo (train my_ae --data \S+ -o \S+)`", guide)
    arguments = shlex.split(command.replace("~/pictures", str(pictures)))
    run("-c", f"import sys; sys.argv = ['zoo', *{arguments!r}, '--epochs', '1']; from zoo.cli import main; main()")
    (load,) = re.findall(r"`(zoo\.load\(\"mine\"\))`", guide)
    code = (
        "import numpy as np, zoo\n"
        "new = zoo.load('my_ae', pretrained=False)\n"
        f"mine, card, x = {load}, zoo.info('mine'), np.zeros((2, 28, 28, 1), 'float32')\n"
        "print(zoo.list_models('my_ae'), *mine.encode(x).shape, type(mine) is type(new), card['code_shape'])"
    )
    assert run("-c", code).split("\n")[-2] == "['my_ae.mnist'] 2 32 True [32]"


# The site


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built with every warning an error: links that lead nowhere, docstrings that do not parse."""
    folder = tmp_path_factory.mktemp("site")
    process = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr[-4000:]
    return folder


@pytest.mark.slow
def test_the_site_describes_everything_public(site):
    public = {name: getattr(zoo, name) for name in zoo.__all__}
    for part, module in public.items():
        if not inspect.ismodule(module):
            continue
        page = (site / "reference" / part / "index.html").read_text()
        for name in getattr(module, "__all__", vars(module)):
            value = getattr(module, name)
            own = (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__.startswith(f"zoo.{part}")
            if own and not name.startswith("_"):
                assert f'id="{value.__module__}.{value.__qualname__}"' in page, f"zoo.{part}.{name}"
    front = (site / "reference/zoo/index.html").read_text()
    assert all(f"zoo.{name}</code>" in front for name in public)


@pytest.mark.slow
def test_the_site_has_every_command_and_what_pages_link_to(site):
    from zoo.cli.app import COMMANDS

    page = (site / "commands/index.html").read_text()
    assert all(f'id="zoo-{name}"' in page and f'href="#zoo-{name}"' in page for name in COMMANDS)
    lecture = (site / "lecture/index.html").read_text()
    assert 'href="../reference/layers/#zoo.layers.pooling.MaxUnpool2D"' in lecture
    links = re.findall(r'href="\.\./(files/[^"]+)"', lecture)
    assert len(links) > 20 and all((site / link).is_file() for link in links)
