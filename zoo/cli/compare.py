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
    data: Annotated[
        str,
        typer.Option(help="The data set, hence the tag, that all are compared on; or a folder or file of your own."),
    ] = "fashion_mnist",
    epochs: Annotated[
        int | None, typer.Option(help="Trains each anew for so many epochs, 128 images a step; default: as shipped.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="64|96x64", help="With --epochs: height and width of the pictures.")
    ] = None,
    colour: Annotated[
        bool | None, typer.Option("--colour/--grey", help="With --epochs: three channels, or one.", show_default=False)
    ] = None,
    fit: Annotated[
        str | None, typer.Option(help="How a picture of another size is fitted, as of zoo train; default: as trained.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT.json|OUT.md", help="Writes the table there too.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare models on one data set: size, test error, kNN accuracy of the latent code, training time.

    The accuracy is that of the 5 nearest neighbours in the code, learned without labels. With --epochs all have the
    same budget; without, each has its own recipe's.
    """
    import json

    from zoo.cli.console import emit, progress, report_failures, start_tensorflow

    start_tensorflow(threads)
    from zoo import experiments
    from zoo.io import writing

    failed: list[str] = []
    with progress() as bar:
        options = {"epochs": epochs, "size": size, "colour": colour, "fit": fit}
        rows = experiments.compare(names or ["*"], data, **options, progress=bar, failed=failed)
    if output is not None:
        text = json.dumps(rows, indent=2) + "\n" if output.suffix == ".json" else experiments.markdown(rows)
        with writing.atomic_write(output) as file:
            file.write(text.encode())
    emit(rows, as_json, title=f"{data} · test split")
    report_failures(failed)
