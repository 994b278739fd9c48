"""The folder that the demo writes to, known to be writable before any long work."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from zoo.io import writing


@contextlib.contextmanager
def output_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Makes a folder to write to; if the work then fails, removes what it made.

    Raises:
        ValueError: if the folder cannot be made or written to.
    """
    folder = Path(path)
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    try:
        writing.make_folder(folder)
        yield folder
    except BaseException:
        _remove_empty(missing)
        raise


def _remove_empty(folders: list[Path]) -> None:
    """Removes folders, innermost first, that hold nothing."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()
