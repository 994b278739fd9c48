"""The table of commands."""

import importlib

import typer

# In the order a newcomer needs them.
COMMANDS = (
    "demo",
    "list",
    "info",
    "train",
    "tune",
    "evaluate",
    "compare",
    "export",
    "compress",
    "decompress",
    "denoise",
    "generate",
)

app = typer.Typer(
    name="zoo",
    help="Trained autoencoders that load, fine-tune, generate, export and compress.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _name in COMMANDS:
    _module = importlib.import_module(f"zoo.cli.{_name}")
    app.command(_name)(getattr(_module, _name))


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
