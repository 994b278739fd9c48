"""``zoo info``."""

from typing import Annotated

import typer


def info(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A model's name, such as conv_ae or conv_ae.mnist, its folder, or its address."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a model's card: what it is, its figures, data, licence and how it was trained."""
    import zoo
    from zoo.cli.console import emit

    card = zoo.info(name)
    emit(card, as_json, title=card["name"])
