"""Where an experiment writes its figures."""

import json
import os
from pathlib import Path
from typing import Any

from zoo.io import writing


def made(output: str | os.PathLike) -> Path:
    """A folder to write to.

    Raises:
        ValueError: if it cannot be made.
    """
    return writing.make_folder(output)


def write(result: Any, path: Path) -> None:
    """A result as a JSON file, complete or not at all."""
    with writing.atomic_write(path) as file:
        file.write((json.dumps(result) + "\n").encode())
