"""``zoo demo``."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the report, pictures and figures.")] = Path(
        "zoo-demo"
    ),
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the noise.")] = 0,
    show: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Denoise and compress photographs and 256 small test images with the trained models, and write a picture report.

    Offline; the pictures come with the package. The compression is measured on real files, all bytes
    counted, beside JPEG, WebP, AVIF and PNG of the same images.
    """
    import dataclasses
    import time

    from zoo.cli.console import console, emit, progress, start_tensorflow

    started = time.perf_counter()
    with progress() as bar:
        task = bar.add_task("demo", total=None, status="starting")

        def advance(status: str) -> None:
            bar.update(task, advance=1, status=status)

        from zoo.demo.output import output_folder

        with output_folder(output) as folder:
            # TensorFlow takes seconds to import: not before the output is known to be writable.
            start_tensorflow()
            from zoo.demo import measure, photographs, report, samples

            photos = samples.photographs()
            if not photographs.shipped():
                photos = {}
            total = measure.STEPS + 2 + (photographs.steps(photos) if photos else 0)
            bar.update(task, total=total, status="loading the models")
            loading = time.perf_counter()
            pictures = samples.load()
            denoise, codec, used = _ready_models(pictures.images)
            loading = time.perf_counter() - loading

            results = measure.run(pictures, denoise, codec, _sizes(used), seed=seed, advance=advance)
            seconds = {"loading_models": loading, **results.seconds}
            started_photos = time.perf_counter()
            shown = photographs.of_the_zoo(photos, seed, advance) if photos else None
            if shown:
                seconds["photographs"] = time.perf_counter() - started_photos
            results = dataclasses.replace(results, seconds=seconds, photographs=shown)
            advance("writing the report")
            paths = report.write(results, folder)
            advance("done")
    if show:
        import webbrowser

        webbrowser.open(paths[0].resolve().as_uri())
    if as_json:
        emit(results.to_json(), as_json=True)
        return
    _print(results, len(pictures.images))
    console.print(f"{time.perf_counter() - started:.0f} s in all. Open {paths[0]}", highlight=False)


def _ready_models(images):
    """The denoiser as a function of images, the codec, and the artefacts of both, each used once on the images."""
    import zoo
    from zoo import artifacts

    denoiser, codec = zoo.load("denoising_ae"), zoo.Codec("compressor")
    used = [artifacts.find("denoising_ae"), artifacts.find("compressor")]

    def denoise(images):
        return denoiser.predict(images, batch_size=256, verbose=0)

    # Graphs are traced and interpreters made on first use: part of loading.
    denoise(images / 255.0)
    codec.decompress(codec.compress(images))
    return denoise, codec, used


def _print(results, images: int) -> None:
    """The figures as tables."""
    from zoo.cli.console import emit
    from zoo.demo import measure, report

    if results.photographs:
        emit(results.photographs.rows(), as_json=False, title="Photographs, compressed and denoised; PSNR in dB")
    emit(
        [
            {
                "corruption": row["corruption"],
                "noisy dB": row["noisy_psnr"],
                "denoised dB": row["denoised_psnr"],
                "seconds": round(row["seconds"], 2),
            }
            for row in results.denoising_rows()
        ],
        as_json=False,
        title=f"{images} Fashion-MNIST test images through denoising_ae",
    )
    for layout, title in report.LAYOUT_TITLES.items():
        emit(
            [
                {
                    "format": row["format"],
                    "compared at": measure.CONDITIONS.get(row["compared_at"]),
                    "quality": row["quality"],
                    "bytes": row["bytes"],
                    "bits/pixel": row["bits_per_pixel"],
                    "PSNR dB": row["psnr"],
                    "seconds": round(row["seconds"], 2),
                }
                for row in results.compression_rows()
                if row["layout"] == layout
            ],
            as_json=False,
            title=f"Compressed and restored, {title.lower()}; every byte of the files counts",
        )
    emit(results.artefacts, as_json=False, title="The models' files; a codec needs its own at hand")


def _sizes(used) -> list[dict]:
    """What the models weigh: whole, and as the halves that a device runs."""
    wanted = ("model.keras", "encoder.tflite", "decoder.tflite", "codec.npz")
    return [
        {"model": artifact.name, "file": name, "bytes": artifact.manifest[name]["bytes"]}
        for artifact in used
        for name in wanted
        if artifact.has(name)
    ]
