"""The ``zoo`` command in a process of its own."""

import os
import subprocess
import sys

import fresh
import pytest

import zoo


def run(*arguments, cwd=".", bare=False):
    """What ``zoo …`` does, in a process that has imported TensorFlow already unless it starts ``bare``."""
    path = os.path.dirname(os.path.dirname(zoo.__file__))
    if not bare:
        code = f"import sys\nsys.argv = {['zoo', *map(str, arguments)]!r}\nfrom zoo.cli import main\nmain()"
        return fresh.run(code, cwd=cwd, path=path)
    command = [sys.executable, "-c", "from zoo.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env={**os.environ, "PYTHONPATH": path})


def own_lines(stderr):
    """Lines on stderr without TensorFlow's own chatter."""
    return [line for line in stderr.splitlines() if line.startswith("zoo: ")]


def run_here(monkeypatch, capsys, *arguments):
    """Exit status, and what ``zoo …`` printed on stdout and stderr, in this process, with its patches."""
    from zoo.cli import main

    monkeypatch.setattr("sys.argv", ["zoo", *map(str, arguments)])
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main()
    printed = capsys.readouterr()
    return stopped.value.code or 0, printed.out, printed.err
