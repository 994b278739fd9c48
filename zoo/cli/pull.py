"""``zoo pull``."""

from pathlib import Path
from typing import Annotated

import typer


def pull(
    address: Annotated[
        str,
        typer.Argument(metavar="ADDRESS", help="hf://owner/name[@revision], https://…, s3://…, gs://… or file://…."),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of the model; default: its name.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Download a model into a folder, checked against its manifest.

    Commands that take a model's name take its address too: this is for a copy of your own. The digest that is printed
    pins the address: ADDRESS#sha256=DIGEST.
    """
    import zoo
    from zoo.artifacts import addresses
    from zoo.cli.console import emit

    emit(zoo.pull(address, output or Path(addresses.parse(address).name)), as_json)
