"""What every command shares: the console, progress bars and the choice between a table and JSON."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

console = Console()
error_console = Console(stderr=True)


def progress() -> Progress:
    """A progress bar on stderr, so that stdout holds nothing but the result."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[status]}"),
        TimeRemainingColumn(),
        console=error_console,
        transient=True,
        disable=not error_console.is_terminal,
    )


def start_tensorflow(
    threads: int | None = None,
    strategy: str | None = None,
    devices: int | None = None,
    deterministic: bool = False,
):
    """Starts TensorFlow.

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


def emit(result: Mapping[str, Any] | Iterable[Mapping[str, Any]], as_json: bool, title: str | None = None) -> None:
    """Prints one mapping as a two-column table, or rows as a table; with ``as_json`` as JSON instead."""
    result = dict(result) if isinstance(result, Mapping) else [dict(row) for row in result]
    if as_json:
        json.dump(result, sys.stdout, indent=2, default=str)
        sys.stdout.write("\n")
        return
    table = Table(title=title, title_justify="left", show_header=isinstance(result, list))
    if isinstance(result, list):
        columns = list(dict.fromkeys(key for row in result for key in row))
        numeric = {c: all(isinstance(r.get(c), (int, float, type(None))) for r in result) for c in columns}
        for column in columns:
            table.add_column(column.replace("_", " "), justify="right" if numeric[column] else "left")
        for row in result:
            table.add_row(*(_text(row.get(column)) for column in columns))
    else:
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for key, value in _flatten(result):
            table.add_row(key, _text(value))
    console.print(table)


def report_failures(failed: Sequence[str]) -> None:
    """Lists on stderr what could not be done of a batch, a line each, and exits with status 1 if there is any."""
    for line in failed:
        error_console.print(f"Failed: {line}", markup=False, highlight=False, soft_wrap=True)
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
    return str(value)
