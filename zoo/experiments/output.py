"""Where an experiment writes its figures."""

import json
import os
from pathlib import Path
from typing import Any

from zoo import artifacts


def made(output: str | os.PathLike) -> Path:
    """A folder to write to.

    Raises:
        ValueError: if it cannot be made.
    """
    return artifacts.make_folder(output)


def write(result: Any, path: Path) -> None:
    """A result as a JSON file, complete or not at all."""
    with artifacts.atomic_write(path) as file:
        file.write((json.dumps(result) + "\n").encode())
