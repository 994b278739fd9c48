"""``zoo evaluate``."""

from typing import Annotated

import typer


def evaluate(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A model's name, such as conv_ae or conv_ae.mnist, its folder, or its address."
        ),
    ],
    data: Annotated[
        str | None, typer.Option(help="A tensorflow-datasets name or a folder of pictures; default: the model's own.")
    ] = None,
    split: Annotated[str, typer.Option(help="test, or validation.")] = "test",
    importance_samples: Annotated[
        int | None, typer.Option(help="Draws for each image to bound a VAE's likelihood with; default: its card's.")
    ] = None,
    samples: Annotated[
        bool, typer.Option("--samples", help="Measure what the model generates, against the test split, instead.")
    ] = False,
    classifier: Annotated[
        str | None, typer.Option(help="Whose features --samples compares by; default: the one of the same data.")
    ] = None,
    dtype_policy: Annotated[
        str, typer.Option(help="In which the model computes: float32, or mixed_bfloat16, faster where supported.")
    ] = "float32",
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a model on the official test split: the figures of its card, again.

    With --samples, Fréchet distance, precision and recall of five draws of 10,000 images, by a classifier's features.
    """
    from zoo.cli.console import emit, progress, report_failures, start_tensorflow

    start_tensorflow(threads)
    import zoo

    draws = {} if importance_samples is None else {"importance_samples": importance_samples}
    failed: list[str] = []
    with progress() as bar:
        task = bar.add_task(f"measuring {name}", total=None, status=f"{split} split")
        figures = zoo.evaluate(
            name,
            data,
            split=split,
            samples=samples,
            classifier=classifier,
            dtype_policy=dtype_policy,
            advance=lambda done: bar.update(task, advance=done, status="draws" if samples else "images"),
            failed=failed,
            **draws,
        )
    emit(figures, as_json, title=f"{name} · {split} split")
    report_failures(failed)
