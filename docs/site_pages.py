"""Pages of the site that no file in docs/ is: the reference, the commands, and what lies elsewhere in the repository.

MkDocs calls the functions whose names begin with ``on_``; ``mkdocs.yml`` names this file. A link from a guide to a file
outside docs/ works on GitHub as it is; on the site it leads to the page that is made of the file, or to a copy.
"""

import functools
import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath
from types import ModuleType

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # this tree's zoo, whichever is installed
# Page → the file that it is made of.
PAGES = {
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "format.md": "zoo/codec/FORMAT.md",
    "models.md": "README.md",  # its section of that name
    "security.md": "SECURITY.md",
}
# Modules that are used by their own names and not through their package.
ALSO = {
    "data": ("audio", "corruption", "text"),
    "evaluation": ("image_formats",),
    "models": ("base", "variational", "adversarial"),
}
LINK = re.compile(r"\[([^\]]*)\]\((?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages, and a copy of every other file that a page links to."""
    pages = {name: (ROOT / source).read_text() for name, source in PAGES.items()}
    pages["models.md"] = "# Models\n" + re.search(r"^## Models$(.*?)(?=^## )", pages["models.md"], re.M | re.S)[1]
    written = [(page.src_uri, Path(page.abs_src_path).read_text()) for page in files.documentation_pages()]
    copies = {
        target
        for name, text in [*written, *pages.items()]
        for _, link, _ in LINK.findall(text)
        if (target := _uri(name, link)).startswith("files/")
    }
    pages["commands.md"] = commands()
    pages |= {f"reference/{name}.md": reference(name) for name in parts()}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    for target in sorted(copies):
        files.append(File.generated(config, target, abs_src_path=str(ROOT / target.removeprefix("files/"))))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Makes links to files outside docs/ links within the site."""
    name = page.file.src_uri

    def within(match: re.Match) -> str:
        text, link, anchor = match.groups(default="")
        target = _uri(name, link)
        if target.startswith("reference/"):
            anchor = _anchor(text)
        return f"[{text}]({os.path.relpath(target, PurePosixPath(name).parent)}{anchor})"

    return LINK.sub(within, markdown)


def parts() -> list[str]:
    """The package and its parts, a page each."""
    import zoo

    return ["zoo", *sorted(name for name in zoo.__all__ if inspect.ismodule(getattr(zoo, name)))]


def reference(part: str) -> str:
    """A page of everything public in a part of the package, which ``mkdocstrings`` fills from docstrings."""
    if part == "zoo":
        return _front_door()
    path = f"zoo.{part}"
    lines = _listed(importlib.import_module(path), path)
    for name in ALSO.get(part, ()):
        lines += _listed(importlib.import_module(f"{path}.{name}"), f"{path}.{name}")
    return "\n".join(lines)


def commands() -> str:
    """A page of every command's help, as Typer writes it."""
    command = [sys.executable, "-m", "typer", "zoo.cli.app", "utils", "docs", "--name", "zoo", "--title", "Commands"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    page = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    # Typer cuts the summaries of the first list short.
    summaries = re.findall(r"^## `zoo (\w+)`\n\n(.+)$", page, re.M)
    listed = "\n".join(f"* [`{name}`](#zoo-{name}): {summary}" for name, summary in summaries)
    return re.sub(r"(?<=^\*\*Commands\*\*:\n\n)(\* .*\n)+", lambda _: f"{listed}\n", page, count=1, flags=re.M)


def _front_door() -> str:
    """The page of ``zoo`` itself: what its names are, and where they are described."""
    import zoo

    lines = ["# `zoo`", "", inspect.cleandoc(zoo.__doc__), "", "| name | |", "|---|---|"]
    modules = parts()[1:]
    for name in sorted({*zoo.__all__} - {*modules}):
        value = getattr(zoo, name)
        first = inspect.getdoc(value).partition("\n")[0]
        lines.append(f"| [`zoo.{name}`]({value.__module__.split('.')[1]}.md#{_canonical(value)}) | {first} |")
    for name in modules:
        first = getattr(zoo, name).__doc__.partition("\n")[0]
        lines.append(f"| [`zoo.{name}`]({name}.md) | {first} |")
    return "\n".join(lines)


def _listed(module: ModuleType, path: str) -> list[str]:
    """Lines of Markdown: the module's docstring, and each of its public functions and classes."""
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == path]
    names = getattr(module, "__all__", [name for name in own if not name.startswith("_")])
    public = [getattr(module, name) for name in names]
    lines = [f"# `{path}`", "", inspect.cleandoc(module.__doc__), ""]
    for name, value in zip(names, public, strict=True):
        if _documented(value):
            lines += [f"::: {_canonical(value)}", "    options:", f'      heading: "{name}"', ""]
    return lines


def _documented(value) -> bool:
    return inspect.isfunction(value) or inspect.isclass(value)


def _canonical(value) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def _anchor(text: str) -> str:
    """That of what a link names, such as ``zoo.layers.MaxUnpool2D``."""
    import zoo

    root, *names = text.strip("`").split(".")
    if root != "zoo" or not names:
        return ""
    value = functools.reduce(getattr, names, zoo)
    return f"#{_canonical(value)}" if _documented(value) else ""


def _uri(page: str, link: str) -> str:
    """Where on the site a link of a page leads."""
    folder = (ROOT / PAGES[page]).parent if page in PAGES else (ROOT / "docs" / page).parent
    target = (folder / link).resolve()
    if target.is_relative_to(ROOT / "docs"):
        return target.relative_to(ROOT / "docs").as_posix()
    path = target.relative_to(ROOT)
    made_of_it = {source: name for name, source in PAGES.items()}
    if path.as_posix() in made_of_it:
        return made_of_it[path.as_posix()]
    if path.parts[0] == "zoo" and path.suffix == ".py" and len(path.parts) > 1:
        part = path.parts[1].removesuffix(".py")
        if part in parts():
            return f"reference/{part}.md"
    return f"files/{path.as_posix()}"
