"""What every command shares: the console, progress bars and the choice between a table and JSON."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich.cells import cell_len
from rich.console import Console

from zoo import extras
from zoo.cli.process import printable

if TYPE_CHECKING:
    from rich.progress import Progress

# What is printed is data: brackets and colons in names mean nothing.
console = Console(markup=False, emoji=False, highlight=False)
error_console = Console(stderr=True, markup=False, emoji=False, highlight=False)


def progress() -> "Progress":
    """A progress bar on stderr, so that stdout holds nothing but the result."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[status]}", markup=False),
        TimeRemainingColumn(),
        console=error_console,
        transient=True,
        disable=not error_console.is_terminal,
    )


def choose(backend: str | None, device: str | None) -> None:
    """Says what Keras is to compute by, and on which devices; before Keras is imported.

    Args:
        backend: tensorflow, jax or torch; None for what the environment or Keras' settings say.
        device: cpu, gpu, gpu:N or tpu; None for what the backend sees.

    Raises:
        ValueError: for another word.
        zoo.extras.MissingPackage: if the backend is not installed.
    """
    import importlib.util
    import os

    if backend is not None:
        if backend not in ("tensorflow", "jax", "torch"):
            raise ValueError(f"backend must be tensorflow, jax or torch: received {backend!r}.")
        if importlib.util.find_spec(backend) is None:
            raise extras.missing(f"The backend {backend}", backend)
        os.environ["KERAS_BACKEND"] = backend
    if device is not None:
        kind, colon, number = device.partition(":")
        if kind not in ("cpu", "gpu", "tpu") or colon and not (kind == "gpu" and number.isdecimal()):
            raise ValueError(f"device must be cpu, gpu, gpu:N or tpu: received {device!r}.")
        if kind == "cpu":
            os.environ.update(CUDA_VISIBLE_DEVICES="-1", JAX_PLATFORMS="cpu")
        elif number:
            os.environ["CUDA_VISIBLE_DEVICES"] = number


def check_device(device: str | None) -> None:
    """Refuses a device that the backend does not see, once it is imported.

    Raises:
        ValueError: then.
    """
    from zoo import backend

    if device is not None and device != "cpu" and not backend.accelerators():
        raise ValueError(f"device must be cpu: Keras' backend sees no accelerator here, received {device!r}.")


def start_tensorflow(
    threads: int | None = None,
    strategy: str | None = None,
    devices: int | None = None,
    deterministic: bool = False,
):
    """Starts Keras' backend.

    Args:
        threads, deterministic: as of ``zoo.backend.start``.
        strategy, devices: as of ``zoo.training.distribution.start``.

    Returns:
        The strategy of ``tf.distribute``, where one is named (``zoo.training.distribution.start``); None for none.
    """
    from zoo import backend

    if strategy is None and devices is None:
        return backend.start(threads, deterministic=deterministic)
    from zoo.training import distribution

    options = {"devices": devices, "threads": threads, "deterministic": deterministic}
    return distribution.start(strategy or "mirrored", **options)


def allow_pixels(most: int) -> None:
    """Lets Pillow open pictures of so many pixels: this process is the user's command, who says how many."""
    import warnings

    from PIL import Image

    Image.MAX_IMAGE_PIXELS = most / 2  # it warns of more, and refuses what is more than twice as many
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)


def argument(text: str) -> tuple[str, Any]:
    """Name and value of ``NAME=VALUE``: JSON, such as 64 or [32, 16], or else text.

    Raises:
        ValueError: for another form.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise ValueError(f"set must be NAME=VALUE, such as latent_dim=64: received {text!r}.")
    try:
        found = json.loads(value)
    except ValueError:
        return name, value
    return name, tuple(found) if isinstance(found, list) else found


def emit(
    result: Mapping[str, Any] | Iterable[Mapping[str, Any]],
    as_json: bool,
    title: str | None = None,
    **others: Any,
) -> None:
    """Prints one mapping as a two-column table, or rows as a table.

    With ``as_json`` it is one object of JSON instead, of which rows are the member ``rows``.

    Args:
        result: what is printed.
        as_json: whether for programs.
        title: of the table.
        others: what else that object holds, such as what failed.
    """
    result = dict(result) if isinstance(result, Mapping) else [dict(row) for row in result]
    if as_json:
        result = {**({"rows": result} if isinstance(result, list) else result), **others}
        json.dump(result, sys.stdout, indent=2, default=str)
        sys.stdout.write("\n")
        return
    from rich.table import Table

    rows = result if isinstance(result, list) else [{"": key, " ": value} for key, value in _flatten(result)]
    columns = {key: [_text(row.get(key)) for row in rows] for key in dict.fromkeys(key for row in rows for key in row)}
    table = Table(title=title and printable(title), title_justify="left", show_header=isinstance(result, list))
    width = 1
    for number, (key, cells) in enumerate(columns.items()):
        numeric = all(isinstance(row.get(key), (int, float, type(None))) for row in rows)
        longest = max([*map(cell_len, "\n".join(cells).splitlines()), *map(cell_len, key.split())], default=0)
        whole = numeric or not number  # others wrap
        table.add_column(
            printable(key.replace("_", " ")),
            justify="right" if numeric else "left",
            width=longest if whole else None,
            overflow="fold",
        )
        width += 3 + (longest if whole else min(longest, 12))
    if width <= console.width:
        for row in zip(*columns.values(), strict=True):
            table.add_row(*row)
        console.print(table)
        return
    # Too narrow for a table: each value gets a line of its own, which the terminal may break.
    for line in [title or "", *(_line(row) for row in rows)]:
        print(printable(line))


def _line(row: Mapping[str, Any]) -> str:
    if "" in row:
        return f"{row['']}: {_text(row[' '])}"
    return "".join(f"{key.replace('_', ' ')}: {_text(value)}\n" for key, value in row.items())


def report_failures(failed: Sequence[str]) -> None:
    """Lists on stderr what could not be done of a batch, a line each, and exits with status 1 if there is any."""
    for line in failed:
        print(f"Failed: {printable(' '.join(line.split()))}", file=sys.stderr)
    if failed:
        raise typer.Exit(1)


def _flatten(mapping: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in mapping.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{name} · ")
        else:
            yield name, value


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1 else f"{value:.2f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_text(item) for item in value)
    return printable(str(value))
