"""``zoo compare``."""

from pathlib import Path
from typing import Annotated

import typer


def compare(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME", help="Models, patterns such as '*_vae', or folders; default: all.", show_default=False
        ),
    ] = None,
    data: Annotated[str, typer.Option(help="The data set, hence the tag, that all are compared on.")] = "fashion_mnist",
    epochs: Annotated[
        int | None, typer.Option(help="Trains each anew for so many epochs, 128 images a step; default: as shipped.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT.json|OUT.md", help="Writes the table there too.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare models on one data set: size, test error, what the code knows, training time.

    The accuracy is that of the 5 nearest neighbours in the code, learned without labels. With --epochs all have the
    same budget; without, each has its own recipe's.
    """
    import json

    from zoo.cli.console import emit, progress, start_tensorflow

    start_tensorflow(threads)
    from zoo import artifacts, experiments

    with progress() as bar:
        rows = experiments.compare(names or ["*"], data, epochs=epochs, progress=bar)
    if output is not None:
        text = json.dumps(rows, indent=2) + "\n" if output.suffix == ".json" else experiments.markdown(rows)
        with artifacts.atomic_write(output) as file:
            file.write(text.encode())
    emit(rows, as_json, title=f"{data} · test split")
