"""``zoo detect``."""

from pathlib import Path
from typing import Annotated

import typer


def detect(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA",
            help="A table (.csv, .npy), pictures, folders of them, .npz, or a tensorflow-datasets name.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="SCORES.csv", help="A row an example.", show_default=False),
    ],
    fit: Annotated[
        str | None,
        typer.Option(metavar="NORMAL", help="Normal examples to learn first; 20 or more.", show_default=False),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="A detector's name or folder; with --fit what is trained; default: tabular_ae, detecting_ae of "
            "pictures.",
            show_default=False,
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Keep the fitted detector, for --model.", show_default=False),
    ] = None,
    false_alarms: Annotated[
        float | None,
        typer.Option(help="Share of normal examples that may be called unfit; default: the detector's own, or 0.01."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="OUT.png", help="A picture of the scores.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the normal examples.", show_default=False)] = None,
    size: Annotated[
        str | None, typer.Option(metavar="64|96x64", help="Of pictures that are learned; default: the model's.")
    ] = None,
    split: Annotated[str, typer.Option(help="Of a tensorflow-datasets name, and of x_train, x_test in .npz.")] = "test",
    array: Annotated[str | None, typer.Option(help="Which array of an .npz file.")] = None,
    seed: Annotated[int, typer.Option(help="Of the training, and of what is held out.")] = 0,
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with the rows.")] = False,
) -> None:
    """Find what does not fit: examples unlike normal ones.

    An autoencoder learns the examples of --fit. A score joins how far an example's code lies from theirs, what the
    reconstruction misses, and the likelihood where the model has one, in standard deviations. Examples beyond the
    threshold are unfit: new normal ones are so with the probability of --false-alarms at most, by normal examples that
    were held out; how many back it is printed.

    --save keeps the detector with its threshold; zoo export FOLDER --micro makes it C.

    Files that cannot be read are left out, listed at the end, and make the exit status 1.
    """
    from zoo.cli.console import emit, progress, report_failures, start_tensorflow

    start_tensorflow(threads, deterministic=fit is not None)
    import zoo

    options = {"fit": fit, "model": model, "output": output, "save": save, "false_alarms": false_alarms, "plot": plot}
    options |= {"epochs": epochs, "seed": seed, "size": size, "split": split, "array": array}
    with progress() as bar:
        result = zoo.detect(data, progress=bar, **options)
    failed = result.pop("failed")
    if not as_json:
        worst = sorted(result.pop("rows"), key=lambda row: -row["score"])[:5]
        result["least fitting"] = [row["name"] for row in worst]
    emit({**result, "output": str(output)}, as_json)
    report_failures(failed)
