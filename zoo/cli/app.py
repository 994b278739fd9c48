"""The table of commands."""

import importlib
import inspect

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
)


def _flowing(commands: typer.Typer) -> None:
    """Takes the line breaks of the sources out of the commands' help, of which Typer would keep some."""
    for command in commands.registered_commands:
        paragraphs = (inspect.getdoc(command.callback) or "").split("\n\n")  # python -OO keeps none
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


app = typer.Typer(
    name="zoo",
    help="Trained autoencoders that load, fine-tune, generate, export and compress.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _name in COMMANDS:
    _module = importlib.import_module(f"zoo.cli.{_name}")
    _command = getattr(_module, _name)
    if isinstance(_command, typer.Typer):  # a command with commands of its own
        _flowing(_command)
        app.add_typer(_command, name=_name)
    else:
        app.command(_name)(_command)
_flowing(app)


@app.callback(invoke_without_command=True)
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
