"""``zoo cache``."""

from typing import Annotated

import typer

cache = typer.Typer(no_args_is_help=True, help="Show or clear what was downloaded: ZOO_CACHE says where it lies.")


@cache.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the models of other places in the cache, with their sizes."""
    from zoo.artifacts import cache as kept
    from zoo.cli.console import console, emit

    shown = ("address", "checked", "files", "bytes", "manifest")
    rows = [{key: row[key] for key in shown} for row in kept.rows()]
    if rows or as_json:
        emit(rows, as_json, title=str(kept.folder()))
    else:
        console.print(f"{kept.folder()} is empty.")


@cache.command("clear")
def clear(
    address: Annotated[str | None, typer.Argument(metavar="[ADDRESS]", help="Of one model; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Remove one model, or all that the zoo keeps in the cache."""
    from zoo.artifacts import addresses
    from zoo.artifacts import cache as kept
    from zoo.cli.console import emit

    freed = kept.clear(str(addresses.parse(address)) if address else None)
    emit({"cache": str(kept.folder()), "bytes_freed": freed}, as_json)
