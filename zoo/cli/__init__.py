"""The ``zoo`` command: each file of this folder is one command, and imports what it needs when it runs."""

import os
import sys

KERAS_BACKENDS = ("jax", "torch", "openvino")  # beside TensorFlow


def main() -> None:
    """Runs a command; what the user can mend is one line on stderr and exit status 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from zoo.cli.app import app

    try:
        app()
    except (ValueError, OSError) as error:  # zoo.CodecError is a ValueError
        message = " ".join(str(error).split())
        print(f"zoo: {message}", file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if error.name not in KERAS_BACKENDS:
            raise
        print(
            f"zoo: Keras is set to the backend {error.name}, which is not installed: the zoo's models run on "
            "TensorFlow; set KERAS_BACKEND=tensorflow.",
            file=sys.stderr,
        )
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
