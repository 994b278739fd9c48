"""The table of commands."""

import importlib
import inspect
from collections.abc import Callable, Sequence

import typer

# In the order a newcomer needs them.
COMMANDS = (
    "demo",
    "list",
    "info",
    "gallery",
    "train",
    "tune",
    "evaluate",
    "compare",
    "benchmark",
    "export",
    "certify",
    "compress",
    "decompress",
    "denoise",
    "summarize",
    "generate",
    "embed",
    "select",
    "detect",
    "sentences",
    "push",
    "pull",
    "cache",
)


def make(names: Sequence[str] = COMMANDS, *, summaries: bool = False) -> typer.Typer:
    """The command line with some of its commands.

    Args:
        names: of the commands.
        summaries: whether only what each is for is wanted, as the list of all prints it; making their options takes
            longer than all else.
    """
    app = typer.Typer(
        name="zoo",
        help="Trained autoencoders that load, fine-tune, generate, export and compress.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for name in names:
        command = getattr(importlib.import_module(f"zoo.cli.{name}"), name)
        own = isinstance(command, typer.Typer)  # one with commands of its own
        if summaries:
            app.command(name, help=command.info.help if own else _flowing(command))(lambda: None)
        elif own:
            for inner in command.registered_commands:
                inner.help = _flowing(inner.callback)
            app.add_typer(command, name=name)
        else:
            app.command(name, help=_flowing(command))(command)
    app.callback(invoke_without_command=True)(_options)
    return app


def for_arguments(arguments: Sequence[str]) -> typer.Typer:
    """The command line with what these arguments need of it: one command, or what each is for."""
    first = arguments[0] if arguments else "--help"
    if first in COMMANDS:
        return make([first])
    return make(summaries=first in ("--help", "--version"))


def _flowing(function: Callable | None) -> str:
    """A command's help, without the line breaks of the sources, of which Typer would keep some."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")  # python -OO keeps none
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _options(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        from zoo import __version__

        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def __getattr__(name: str) -> typer.Typer:
    if name == "app":  # all of it, for the site and the tests
        return make()
    raise AttributeError(name)
