"""Writes what all notebooks share, the badge and the install cell, into each of them: ``python docs/notebooks.py``.

A notebook opens with its title, in the same cell the badge; then comes the install cell, and, where it has any sizes to
choose, a code cell tagged ``parameters`` that sets them as constants. That cell's metadata hold ``smoke``, lines of
code that the tests run right after it, for a quick pass offline.

The project's address is ``repository`` in pyproject.toml. Where it is empty there are no badges, and the notebooks
install the package from the folder above; CITATION.cff gets the address too.
"""

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER, CITATION = ROOT / "colab", ROOT / "CITATION.cff"
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["zoo"]["repository"]
BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
INSTALL = """\
import importlib.util

if importlib.util.find_spec("zoo") is None:
    %pip install --quiet {requirement}"""


def badge(name: str, repository: str) -> str:
    """The badge of a notebook, in Markdown.

    Args:
        name: of its file.
        repository: ``owner/name``.
    """
    return f"{BADGE}(https://colab.research.google.com/github/{repository}/blob/main/colab/{name})"


def updated(notebook: dict, name: str, repository: str = REPOSITORY) -> dict:
    """A notebook with the badge in its first cell and the install code in its first code cell.

    Args:
        notebook: as ``json`` reads it; it is left as it is.
        name: of its file.
        repository: ``owner/name``; empty for no badge, and a package that is installed from the folder above.
    """
    notebook = json.loads(json.dumps(notebook))
    first = notebook["cells"][0]
    title, *rest = [part for part in re.split(r"\n{2,}", "".join(first["source"])) if not part.startswith(BADGE)]
    badges = [badge(name, repository)] if repository else []
    first["source"] = _lines("\n\n".join([title, *badges, *rest]))
    code = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    published = f"'autoencoder-zoo[tensorflow] @ git+https://github.com/{repository}'"
    requirement = published if repository else "'..[tensorflow]'"
    code["source"] = _lines(INSTALL.format(requirement=requirement))
    return notebook


def cited(citation: str, repository: str = REPOSITORY) -> str:
    """The text of CITATION.cff with the address, where there is one."""
    lines = [line for line in citation.splitlines() if not line.startswith("repository-code:")]
    return "\n".join(lines + [f"repository-code: https://github.com/{repository}"] * bool(repository)) + "\n"


def _lines(text: str) -> list[str]:
    """Text as a notebook's file holds it."""
    return text.splitlines(keepends=True)


if __name__ == "__main__":
    for path in sorted(FOLDER.glob("*.ipynb")):
        new = updated(json.loads(path.read_text()), path.name)
        path.write_text(json.dumps(new, indent=1, ensure_ascii=False) + "\n")
    CITATION.write_text(cited(CITATION.read_text()))
