"""``zoo certify``."""

from pathlib import Path
from typing import Annotated

import typer


def certify(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME", help="Models' names, such as compressor, or their folders.", show_default=False),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Folder for the files; default: NAME-certificate."),
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Make the certificate a part of the model's own folder instead.")
    ] = False,
    images: Annotated[int | None, typer.Option(help="How many of the test images; default: all.")] = None,
    threads: Annotated[int | None, typer.Option(help="Processor threads of the float model; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure int8 encoders on LiteRT, LiteRT Micro and Ethos-U: certificate.json, and certificate.md to read.

    Exit status 1 if a model fails a check.
    """
    from zoo.cli.console import emit, progress, start_tensorflow

    if output is not None and (in_place or len(names) > 1):
        raise ValueError("output is of one model, and not with --in-place: leave it out.")
    start_tensorflow(threads)
    import zoo
    from zoo.registry import artifact_of

    certificates = []
    with progress() as bar:
        for name in names:
            artifact = artifact_of(name)
            folder = artifact.path if in_place else output or Path(f"{artifact.name}-certificate")
            certificates.append(zoo.certify(name, folder, images=images, progress=bar))
    if as_json:
        emit(certificates, as_json=True)
    else:
        for certificate in certificates:
            emit(certificate["checks"], as_json=False, title=certificate["model"])
    if not all(certificate["passed"] for certificate in certificates):
        raise typer.Exit(1)
