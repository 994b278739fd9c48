"""The process of a command: its streams, its signals, and how it ends. Imports nothing that takes time."""

import contextlib
import faulthandler
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator

from zoo import extras

INTERRUPTED, PIPE_CLOSED = 128 + 2, 128 + 13  # what a shell says of a process that SIGINT or SIGPIPE ended
KERAS_BACKENDS = ("jax", "torch")  # beside TensorFlow

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Text with its control characters spelt out: names and cards may hold what steers a terminal."""
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def run(command: Callable[[], None]) -> int | str | None:
    """Runs a command, and returns its exit status; user errors print one line on stderr, with status 2."""
    received: list[int] = []
    status: int | str | None = INTERRUPTED
    try:
        with _streams(), _signals(received), _warnings():
            status = _flushed(_status(command))
    except BaseException as error:
        # A library in C makes another error of a signal's exception.
        if not received and not isinstance(error, KeyboardInterrupt):
            raise
    return 128 + received[0] if received else status


def _flushed(status: int | str | None) -> int | str | None:
    """The exit status, once all that was printed has been taken."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the last flush
        return PIPE_CLOSED if isinstance(error, BrokenPipeError) else _failed(f"Cannot print: {error.strerror}.")
    return status


def _status(command: Callable[[], None]) -> int | str | None:
    try:
        if "" in sys.argv[1:]:
            raise ValueError("An argument is empty: expected a name or a value. Is a variable of the shell unset?")
        if re.search(r"\0(-o|--output)[\0=]?-\0", "\0".join(("", *sys.argv[1:], ""))):
            raise ValueError("Cannot write -: results do not go to standard output; give a name.")
        command()
    except SystemExit as end:
        return end.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return PIPE_CLOSED
    except extras.MissingPackage as error:
        return _failed(str(error))
    except ImportError as error:
        name = extras.missing_module(error)
        if name is None:  # a fault of ours
            raise
        if name in KERAS_BACKENDS:  # named by the environment or by Keras' settings
            backend = f"Keras is set to the backend {name}, which is not installed"
            return _failed(f"{backend}: {extras.install(name)}, or set KERAS_BACKEND=tensorflow.")
        return _failed(str(extras.missing("This command", name)))
    except (ValueError, OSError) as error:  # zoo.CodecError is a ValueError
        return _failed(str(error))
    return 0


def _failed(message: str) -> int:
    with contextlib.suppress(OSError):
        print(f"zoo: {printable(' '.join(message.split()))}", file=sys.stderr)
    return 2


@contextlib.contextmanager
def _streams() -> Iterator[None]:
    """Streams that print whatever there is, and a stderr without the chatter of libraries in C.

    A character that a stream's encoding lacks becomes a question mark. A stream that is closed leads nowhere, lest a
    file get its number. TensorFlow, LiteRT and libmpg123 write to the number 2 itself, and have no switch for all of
    it: Python's stderr moves to another number meanwhile. TF_CPP_MIN_LOG_LEVEL=0 lets them speak.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="replace")
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") in ("0", "1") or sys.stderr is not sys.__stderr__:
        yield
        return
    before = sys.stderr
    before.flush()
    with open(os.dup(2), "w", buffering=1, encoding=before.encoding, errors="replace") as own:
        sys.stderr = own
        _point(2, os.open(os.devnull, os.O_WRONLY))
        faulthandler.enable(own)  # what C says of a crash goes nowhere
        try:
            yield
        finally:
            faulthandler.disable()
            sys.stderr = before
            _point(2, os.dup(own.fileno()))


@contextlib.contextmanager
def _warnings() -> Iterator[None]:
    """Python's warnings in one line each, without the place in our sources that they are of."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *place: f"Warning: {printable(' '.join(str(message).split()))}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before


def _point(number: int, descriptor: int) -> None:
    os.dup2(descriptor, number)
    os.close(descriptor)


@contextlib.contextmanager
def _signals(received: list[int]) -> Iterator[None]:
    """Makes SIGTERM and SIGHUP what Ctrl-C is, an exception that everything is put away for; notes those that came.

    One that is ignored stays so: ``nohup`` has its way. After the first, further ones do not disturb the putting away.
    """

    def stop(number: int, frame) -> None:
        for other in before:
            signal.signal(other, signal.SIG_IGN)
        received.append(number)
        raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")):
            if number and signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
