"""The ``zoo`` command: each file of this folder is one command, and imports what it needs when it runs."""

import faulthandler
import os
import sys


def main() -> None:
    """Runs a command; what the user can mend is one line on stderr and exit status 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    _silence_native_libraries()
    from zoo.cli.app import app

    try:
        app()
    except (ValueError, OSError) as error:  # zoo.CodecError is a ValueError
        message = " ".join(str(error).split())
        print(f"zoo: {message}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _silence_native_libraries() -> None:
    """Leaves stderr to Python: LiteRT, the converter and others announce themselves there, and have no switch for it.

    This is the command's own process, before any thread; the library leaves a caller's descriptors alone. What their
    crashes would have said, Python says.
    """
    try:
        kept = os.dup(2)
    except OSError:  # a process without stderr
        return
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    sys.stderr = open(kept, "w", buffering=1, encoding=encoding, errors="backslashreplace")
    faulthandler.enable(sys.stderr)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
