"""``zoo push``."""

from typing import Annotated

import typer


def push(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="What zoo train wrote, or a file that model.save wrote, or a name.")
    ],
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="hf://owner/name; made if need be.")],
    licence: Annotated[
        str | None, typer.Option(help="Of the weights, such as CC-BY-4.0; default: what the card states.")
    ] = None,
    examples: Annotated[
        bool | None,
        typer.Option(
            "--with-examples/--without-examples",
            help="Whether calibration, golden and preview examples go along; has to be said of data of your own.",
        ),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a repository that only you see.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Publish a model on the Hugging Face hub, with a card made of its own.

    One commit replaces what the repository holds; its history keeps earlier files. `hf auth login` says who you are.
    """
    from zoo.cli.console import emit, start_tensorflow

    if folder.endswith(".keras"):
        start_tensorflow()
    import zoo

    emit(zoo.push(folder, address, licence=licence, examples=examples, private=private), as_json)
