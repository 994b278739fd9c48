"""The ``zoo`` command: each file of this folder is one command, and imports what it needs when it runs."""

import os
import sys


def main() -> None:
    """Runs a command; user errors print one line on stderr, with exit status 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if os.environ.get("COLUMNS") == "0":
        del os.environ["COLUMNS"]  # no terminal has none; Rich would print nothing
    from zoo.cli.process import run

    sys.exit(run(_command))


def _command() -> None:
    from zoo.cli.app import for_arguments

    for_arguments(sys.argv[1:])()
