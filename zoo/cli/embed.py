"""``zoo embed``."""

from pathlib import Path
from typing import Annotated

import typer


def embed(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A model with an encoder, such as map_ae or vae.mnist, or its folder.")
    ],
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA",
            help="Pictures, folders of them, .npy, .npz, .csv, or a tensorflow-datasets name.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="CODES.npy", help="Array of the codes.", show_default=False)
    ],
    plot: Annotated[
        Path | None,
        typer.Option(metavar="MAP.html", help="A map for a browser: pointing at a place shows its picture."),
    ] = None,
    projector: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder that tensorboard --logdir DIR opens.")
    ] = None,
    fit: Annotated[str, typer.Option(help="How a picture of another size is fitted: crop, pad, resize or tile.")] = (
        "crop"
    ),
    split: Annotated[str, typer.Option(help="Of a tensorflow-datasets name, and of x_train, x_test in .npz.")] = "test",
    array: Annotated[str | None, typer.Option(help="Which array of an .npz file.")] = None,
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="Points of a map or projector, drawn at random, at most.")
    ] = 5000,
    seed: Annotated[int, typer.Option(help="Of that draw.")] = 0,
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Turn examples into codes, and draw a map of them.

    The array has a row for each example, in the order given, of a folder in that of its paths. A code of more than two
    numbers is projected to the map by its first two principal components.

    Colours are labels: subfolders' names, the column label of a CSV table, the labels of an .npz file or a data set.

    A model of tables takes tables, whose first column of categories is the label.

    Files that cannot be read are left out, listed at the end, and make the exit status 1.
    """
    from zoo.cli.console import console, emit, progress, report_failures, start_tensorflow
    from zoo.io import writing

    for path, extension in ((output, ".npy"), (plot, ".html")):
        if path is not None and path.suffix.lower() != extension:
            raise ValueError(f"{'output' if path == output else 'plot'} must end in {extension}: received {path}.")
        if path is not None:
            writing.check_writable(path)
    start_tensorflow(threads)
    import numpy as np

    import zoo
    from zoo import maps, modalities
    from zoo.embedding import in_the_plane

    if plot is not None:
        maps.check_bokeh()
    model = zoo.load(name)
    modality = modalities.of(model)
    with progress() as bar:
        task = bar.add_task("reading", total=None, status="examples")
        examples = modality.read(model, data, fit=fit, split=split, array=array)
        bar.update(task, description="encoding", total=len(examples.images))
        codes = zoo.embed(examples.images, model, advance=lambda done: bar.update(task, advance=done))
        with writing.atomic_write(output) as file:
            np.save(file, codes)
        result = {"model": name, "output": str(output), "examples": len(codes), "numbers": codes.shape[1]}
        if plot is not None or projector is not None:
            bar.update(task, description="drawing")
            order = np.random.default_rng(seed).permutation(len(codes))
            shown = np.sort(order[:limit])
            chosen = examples.rows(shown)
            pictures = modality.thumbnails(chosen.images)
            result["shown"] = len(shown)
        if plot is not None:
            points, share = in_the_plane(codes)
            projection = "" if share is None else f", principal components 1 and 2 of {codes.shape[1]} numbers"
            some = "" if len(shown) == len(codes) else f", {len(shown):,} of {len(codes):,} at random"
            title = f"{name} of {', '.join(data)}{projection}{some}"
            maps.interactive(points[shown], pictures, chosen.names, plot, labels=chosen.labels, title=title)
            result |= {"plot": str(plot), **({} if share is None else {"variance_in_the_plot": share})}
        if projector is not None:
            maps.projector(codes[shown], pictures, chosen.names, projector, labels=chosen.labels)
            result["projector"] = str(projector)
    if as_json:
        result |= {"names": examples.names, "failed": list(examples.failures)}
    emit(result, as_json)
    if result.get("shown", len(codes)) < len(codes) and not as_json:
        console.print(f"{len(shown):,} of {len(codes):,} points are shown, for a browser's sake: --limit changes it.")
    report_failures(examples.failures)
