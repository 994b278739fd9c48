"""``zoo list``."""

from typing import Annotated

import typer


def list(  # noqa: A001 - the command's name
    pattern: Annotated[
        str, typer.Argument(metavar="PATTERN", help="Shell-style pattern of names, such as '*_ae.mnist'.")
    ] = "*",
    pretrained: Annotated[bool, typer.Option("--pretrained", help="Only models with weights.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the models, with what each is and where its weights come from."""
    import zoo
    from zoo import artifacts
    from zoo.cli.console import emit
    from zoo.registry import spec_of

    shipped = set(zoo.list_models(pattern, pretrained=True))
    rows = [
        {
            "name": name,
            "pretrained": _source(artifacts.shipped(name)) if name in shipped else "no",
            "parameters": artifacts.shipped(name).card["parameters"] if name in shipped else None,
            "what": spec_of(name).summary,
        }
        for name in zoo.list_models(pattern, pretrained=pretrained)
    ]
    emit(rows, as_json)


def _source(artifact) -> str:
    """Where the weights come from: ``yes`` for the package itself."""
    return "yes" if artifact.source is None or (artifact.path / "model.keras").is_file() else "ZOO_SOURCE"
