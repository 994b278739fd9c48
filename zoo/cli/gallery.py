"""``zoo gallery``."""

from pathlib import Path
from typing import Annotated

import typer


def gallery(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder of the site.")] = Path(
        "zoo-gallery"
    ),
    models: Annotated[str, typer.Option(help="Shell-style pattern of names, such as '*gan*' or '*.mnist'.")] = "*",
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FOLDER|ADDRESS",
            help="Another model, such as mine or hf://owner/name; may be given more than once.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a site of the trained models: an index to search, and a page for each with all that its card says.

    Offline, to open from the disk or to put on any server; figures are read from the models' cards and certificates.
    """
    import zoo
    from zoo.cli.console import emit
    from zoo.gallery import write_gallery

    names = zoo.list_models(models, pretrained=True)
    if not names:
        raise ValueError(
            f"models must match the name of a trained model: received {models!r}. `zoo list --pretrained` shows them."
        )
    paths = write_gallery(output, names, also or ())
    size = sum(path.stat().st_size for path in paths)
    result = {"open": str(paths[0]), "models": len(names) + len(also or ()), "files": len(paths), "bytes": size}
    emit(result | ({"names": names} if as_json else {}), as_json)
