"""``zoo evaluate``."""

from typing import Annotated

import typer


def evaluate(
    name: Annotated[str, typer.Argument(help="A model's name, such as conv_ae or conv_ae.mnist, or its folder.")],
    data: Annotated[
        str | None, typer.Option(help="A tensorflow-datasets name or a folder of pictures; default: the model's own.")
    ] = None,
    split: Annotated[str, typer.Option(help="test, or validation.")] = "test",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a model on the official test split: the figures of its card, again."""
    from zoo.cli.console import emit, error_console, start_tensorflow

    start_tensorflow()
    from zoo import evaluation

    with error_console.status(f"Measuring {name} on its {split} split"):
        figures = evaluation.evaluate(name, data, split=split)
    emit(figures, as_json, title=f"{name} · {split} split")
