"""Fresh Python processes, forked from one that has imported TensorFlow and Keras and done nothing with them."""

import gc
import multiprocessing
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["keras", "tensorflow"])  # seconds of every process otherwise


def collect_rarely() -> None:
    """Looks for garbage rarely: every graph makes a million objects, few of which are."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def _run(code: str, cwd: str, path: str, environment: dict[str, str], output: str) -> None:
    """What the process does: its descriptors 1 and 2 are files, and it ends with an exception's traceback."""
    for descriptor in (1, 2):
        os.dup2(os.open(f"{output}/{descriptor}", os.O_CREAT | os.O_WRONLY), descriptor)
    os.chdir(cwd)
    os.environ.update(environment)
    sys.path.insert(0, path)
    collect_rarely()
    try:
        exec(compile(code, "<code>", "exec"), {"__name__": "__main__"})
    except Exception:
        traceback.print_exc()
        sys.exit(1)


def run(code: str, *, cwd: Path | str, path: Path | str) -> subprocess.CompletedProcess:
    """Runs source code in the folder ``cwd``; ``zoo`` is imported from the folder ``path``."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": str(path)}
        process = _SERVER.Process(target=_run, args=(code, str(cwd), str(path), environment, folder))
        process.start()
        process.join()
        printed, errors = (Path(folder, str(descriptor)).read_text() for descriptor in (1, 2))
    return subprocess.CompletedProcess(code, process.exitcode, printed, errors)
