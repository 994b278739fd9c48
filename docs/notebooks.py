"""Writes what all notebooks share, the badge and the install cell, into each of them: ``python docs/notebooks.py``.

A notebook opens with its title, in the same cell the badge; then comes the install cell, and, where it has any sizes to
choose, a code cell tagged ``parameters`` that sets them as constants. That cell's metadata hold ``smoke``, lines of
code that the tests run right after it, for a quick pass offline.
"""

import json
import re
from pathlib import Path

# The one place that names where the project is published: "owner/name" on GitHub. None leads to the page of Colab on
# which one chooses a repository.
REPOSITORY = None

FOLDER = Path(__file__).resolve().parents[1] / "colab"
BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
INSTALL = """\
import importlib.util

REPOSITORY = "{source}"  # the repository: a folder, or git+https://…
if importlib.util.find_spec("zoo") is None:
    %pip install --quiet {{REPOSITORY}}"""


def badge(name: str, repository: str | None = None) -> str:
    """The badge of a notebook, in Markdown.

    Args:
        name: of its file.
        repository: ``owner/name``; None for one that the reader chooses.
    """
    address = f"{repository}/blob/main/colab/{name}" if repository else ""
    return f"{BADGE}(https://colab.research.google.com/github/{address})"


def updated(notebook: dict, name: str, repository: str | None = REPOSITORY) -> dict:
    """A notebook with the badge in its first cell and the install code in its first code cell.

    Args:
        notebook: as ``json`` reads it; it is left as it is.
        name: of its file.
        repository: ``owner/name``, or None.
    """
    notebook = json.loads(json.dumps(notebook))
    first = notebook["cells"][0]
    title, *rest = [part for part in re.split(r"\n{2,}", "".join(first["source"])) if not part.startswith(BADGE)]
    first["source"] = _lines("\n\n".join([title, badge(name, repository), *rest]))
    code = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    code["source"] = _lines(INSTALL.format(source=f"git+https://github.com/{repository}" if repository else ".."))
    return notebook


def _lines(text: str) -> list[str]:
    """Text as a notebook's file holds it."""
    return text.splitlines(keepends=True)


if __name__ == "__main__":
    for path in sorted(FOLDER.glob("*.ipynb")):
        new = updated(json.loads(path.read_text()), path.name)
        path.write_text(json.dumps(new, indent=1, ensure_ascii=False) + "\n")
