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
    live: Annotated[
        bool, typer.Option("--live", help="Add the page that runs networks in the browser, from live/index.html.")
    ] = False,
    litert: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder with LiteRT.js as `npm pack` writes it; npm fetches it by default."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a site of the trained models: an index to search, and a page for each with all that its card says.

    Offline, to open from the disk or to put on any server; figures are read from the models' cards and certificates.
    The live page needs a server of files, such as `python -m http.server`, and to be made, TensorFlow and npm.
    """
    import zoo
    from zoo.cli.console import emit
    from zoo.gallery import write_gallery

    names = zoo.list_models(models, pretrained=True)
    if not names:
        raise ValueError(
            f"models must match the name of a trained model: received {models!r}. `zoo list --pretrained` shows them."
        )
    if litert is not None and not live:
        raise ValueError("--litert is for the live page: give --live too.")
    paths = write_gallery(output, names, also or (), live=live, packages=litert)
    size = sum(path.stat().st_size for path in paths)
    result = {"open": str(paths[0]), "models": len(names) + len(also or ()), "files": len(paths), "bytes": size}
    emit(result | ({"names": names} if as_json else {}), as_json)
