"""``zoo denoise``."""

from pathlib import Path
from typing import Annotated

import typer


def denoise(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="IN…", help="Pictures that Pillow opens, .npy arrays, folders.", show_default=False),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for PNG files.", show_default=False)
    ],
    model: Annotated[str, typer.Option(help="A denoiser's name or folder.")] = "denoising_ae",
    overlap: Annotated[int | None, typer.Option(help="Pixels that neighbouring tiles share; default: half.")] = None,
    noise: Annotated[
        float | None,
        typer.Option(help="Adds Gaussian noise of this standard deviation first, in [0, 1], to see what comes back."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of that noise.")] = 0,
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Remove noise from pictures of any size, grey or colour.

    Each result is a PNG file named after its input; before-after.png shows the first of them.

    A model gives back what it was trained on: for photographs, train one on tiles of your own (zoo train denoising_ae
    --data DIR --fit tile).
    """
    from zoo.cli.console import emit, progress, start_tensorflow

    start_tensorflow(threads)
    import numpy as np

    import zoo
    from zoo.codec import pictures
    from zoo.data import corruption
    from zoo.denoising import tile_count
    from zoo.evaluation import mean_squared_error, psnr

    if noise is not None and not noise > 0:
        raise ValueError(f"noise must be above 0: received {noise}.")
    sources = pictures.open_sources(inputs)
    denoiser = zoo.load(model)
    first, rows = None, []

    def results(bar):
        nonlocal first
        known = overlap is None or 0 <= overlap < min(denoiser.image_shape[:2])  # else `zoo.denoise` will say so
        counts = (s.count * tile_count(s.shape, denoiser.image_shape[:2], overlap) for s in sources if known)
        task = bar.add_task("denoising", total=sum(counts), status="tiles")
        for source in sources:
            for clean in source.batches(1):
                noisy = clean
                if noise is not None:
                    noisy = pictures.to_uint8(corruption.gaussian(clean / np.float32(255), noise, seed))
                restored = zoo.denoise(
                    noisy, denoiser, overlap=overlap, advance=lambda tiles: bar.update(task, advance=tiles)
                )
                row = {"name": source.name, "shape": list(clean.shape[1:])}
                if noise is not None:
                    row |= {
                        "noisy_psnr": psnr(mean_squared_error(clean, noisy)),
                        "denoised_psnr": psnr(mean_squared_error(clean, restored)),
                    }
                rows.append(row)
                if first is None:
                    first = (noisy[0], restored[0])
                yield restored[0]

    names = [
        source.name if source.count == 1 else f"{source.name}_{index}"
        for source in sources
        for index in range(source.count)
    ]
    with progress() as bar:
        pictures.write_folder(output, names, results(bar))
    gap = np.full((first[0].shape[0], 8, first[0].shape[2]), 255, np.uint8)
    pictures.write_folder(output, ["before-after"], iter([np.concatenate([first[0], gap, first[1]], axis=1)]))
    emit(rows, as_json, title=f"{len(rows)} in {output}")
