"""``zoo benchmark``."""

from pathlib import Path
from typing import Annotated

import typer

benchmark = typer.Typer(
    help="Show what is claimed: of the codec beside the image formats, of denoisers, of GANs, and of speed.",
    no_args_is_help=True,
)

Threads = Annotated[int | None, typer.Option(help="Processor threads; default: all.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@benchmark.command("gans")
def gans(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for a JSON file and a plot of each.")] = Path(
        "gan-experiments"
    ),
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="generator_gradients, fit_one_gaussian, separating_distributions, modes_over_time, clipping_capacity "
            "or discriminator_steps; may be given more than once. Default: all.",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Minutes instead of hours: less training, fewer seeds.")
    ] = False,
    seeds: Annotated[int | None, typer.Option(help="Trainings of each GAN; default: 2 or 3.")] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Vanishing gradients, covering and seeking, log 2, collapse, clipping, and steps of the discriminator: measured.

    On points, with small perceptrons; every experiment writes all of its figures and a plot.
    """
    from zoo.cli.console import emit, progress, start_tensorflow

    start_tensorflow(threads)
    from zoo import experiments

    with progress() as bar:
        result = experiments.benchmark_gans(output, only=only or (), quick=quick, seeds=seeds, progress=bar)
    if as_json:
        emit(result, as_json=True)
        return
    for name, rows in result.items():
        emit(rows, as_json=False, title=f"{name.replace('_', ' ')} · {output / name}.png")


@benchmark.command("modes")
def modes(
    data: Annotated[str, typer.Option(help="grid (25 Gaussians), ring (8) or stacked_mnist (1,000 modes).")] = "grid",
    model: Annotated[str, typer.Option(help="gan, wgan or wgan_gp; of points also minimax.")] = "wgan_gp",
    seeds: Annotated[int | None, typer.Option(help="Trainings; default: 5, of images 3.")] = None,
    steps: Annotated[int | None, typer.Option(help="Of the generator; default: the protocol's settings.")] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for a JSON file and a plot.")] = Path(
        "gan-modes"
    ),
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """How many modes a GAN captures, by the published protocol; every seed is shown.

    Of points, 10,000 samples: of high quality within 3 σ, a mode captured with 20; by PacGAN's protocol with one among
    2,500. Of stacked MNIST, 26,000 images, read by classifier.mnist.
    """
    from zoo.cli.console import emit, progress, start_tensorflow

    start_tensorflow(threads)
    from zoo import experiments

    changes = {} if steps is None else {"steps": steps}
    with progress() as bar:
        result = experiments.write_modes(output, data, model, seeds=seeds, progress=bar, **changes)
    rows = [
        {
            key: ", ".join(f"{alarm['kind']} at step {alarm['step']}" for alarm in value) or "none"
            if key == "alarms" and not as_json
            else value
            for key, value in row.items()
            if key not in ("counts", "examples", "modes_over_time")
        }
        for row in [*result["seeds"], {"seed": "real", **result["real"]}]
    ]
    emit(rows, as_json, title=f"{model} on {data} · {result['of']} modes, {result['samples']:,} samples · {output}")


@benchmark.command("codec")
def codec(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="MODEL", help="Codec models, or folders of your own; default: of the data."),
    ] = None,
    data: Annotated[
        str,
        typer.Option(
            help="fashion_mnist, mnist or other data of codecs of tiles, or a folder of photographs of your own."
        ),
    ] = "fashion_mnist",
    fit: Annotated[str, typer.Option(help="How a picture of another size is fitted, as of zoo train.")] = "crop",
    images: Annotated[
        int | None, typer.Option(help="How many of the test images; default: all.", show_default=False)
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for a JSON file and a plot.")] = Path(
        "codec-benchmark"
    ),
    interval: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="Of photographs: dB that BD-rates are taken over; default: 25 32."),
    ] = None,
    perceptual: Annotated[
        bool,
        typer.Option(
            "--perceptual",
            help="Of photographs: MS-SSIM and SSIMULACRA 2 at 0.1, 0.2 and 0.4 bits a pixel; takes long.",
        ),
    ] = False,
    pictures: Annotated[
        Path | None,
        typer.Option(
            help="Of photographs: a PNG file for crops of all at 0.1, 0.2 and 0.4 bits a pixel, side by side."
        ),
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """The codec beside JPEG, WebP, AVIF and JPEG XL: every byte of real files counted.

    On the official test images: rate and distortion of one file of all and of a file an image, BD-rates, and what a
    pixel takes without loss; of models of colour tiles that alone, in bits per dimension, a pixel's by its channels.
    On a folder of photographs, a file each: the means of the pictures' bits a pixel and PSNR of RGB; BD-rates against
    JPEG; seconds on one core, and their ratios to AVIF's; what a pixel takes without loss.
    """
    from zoo.cli.console import emit, progress, report_failures, start_tensorflow

    start_tensorflow(threads)
    from zoo import experiments

    failed: list[str] = []
    with progress() as bar:
        options = {"models": models or (), "fit": fit, "images": images}
        options |= {"interval": interval, "perceptual": perceptual, "pictures": pictures}
        result = experiments.benchmark_codec(output, data, **options, progress=bar, failed=failed)
    if as_json:
        emit(result, as_json=True)
        report_failures(failed)
        return
    if "pictures" in result:
        _print_photographs(result, output)
        report_failures(failed)
        return
    title = f"{result['data']} · {result['images']:,} test images · {output}"
    if result["points"]:
        ours = [p for p in result["points"] if p["quality"] is None and p["layout"] == "mosaic"]
        emit(({k: p[k] for k in ("format", "bytes", "bits_per_pixel", "psnr")} for p in ours), False, title=title)
        rates = ({"against": name, **(rate or {})} for name, rate in result["bd_rate"].items())
        emit(rates, as_json=False, title="BD-rate, one file of all; low and high in dB")
        emit(result["files"], as_json=False, title="a file an image: bytes of each")
    exact = ({"codec": name, **layouts} for name, layouts in result["lossless"].items())
    unit = "bits a pixel" if result["channels"] == 1 else f"bits per dimension · {title}"
    emit(exact, as_json=False, title=f"without loss: {unit}")
    report_failures(failed)


@benchmark.command("denoising")
def denoising(
    data: Annotated[
        list[Path],
        typer.Option(help="Pictures, or folders of pictures; may be given more than once.", show_default=False),
    ],
    sigma: Annotated[
        list[float] | None,
        typer.Option(help="Standard deviation of the noise, of 255; may be given more than once. Default: 15, 25, 50."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A denoiser of photographs; may be given more than once. Default: photo_denoiser."),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Draws of the noise, whose figures are averaged.")] = 1,
    pages: Annotated[int, typer.Option(help="Pages of text that are drawn and measured apart; 0 for none.")] = 8,
    classical: Annotated[
        bool, typer.Option("--classical/--no-classical", help="Total variation and, with OpenCV, non-local means too.")
    ] = True,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for a JSON file.")] = Path(
        "denoising-benchmark"
    ),
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Denoisers of photographs on any folder: mean PSNR of noise that is clipped and rounded to 8 bits.

    Each picture's noise is drawn by the seed and its place in the folder. Total variation and non-local means have the
    strength that is best for the first pictures themselves.
    """
    from zoo import experiments
    from zoo.cli.console import emit, progress, report_failures

    failed: list[str] = []
    with progress() as bar:
        options = {"models": model or ("photo_denoiser",), "seeds": seeds, "pages": pages, "classical": classical}
        options |= {"sigmas": sigma} if sigma else {}
        result = experiments.benchmark_denoising(output, data, **options, threads=threads, progress=bar, failed=failed)
    if as_json:
        emit(result, as_json=True)
    else:
        emit(result["rows"], as_json=False, title=f"mean PSNR in dB · {output}")
        emit([result["seconds"]], as_json=False, title="seconds a picture")
    report_failures(failed)


def _print_photographs(result: dict, output: Path) -> None:
    from zoo import extras
    from zoo.cli.console import console, emit

    low, high = result["interval"]
    title = f"{result['data']} · {result['pictures']:,} photographs, a file each · {output}"
    emit(result["points"], False, title=title)
    rates = ({"format": name, **(rate or {})} for name, rate in result["bd_rate"].items())
    emit(rates, False, title=f"BD-rate against JPEG between {low:g} and {high:g} dB; what both curves reach of it")
    emit(result["times"], False, title=f"seconds on one core near {(low + high) / 2:g} dB, and their ratios to AVIF's")
    if result["perceptual"]:
        emit(result["perceptual"], False, title="at most so many bits a pixel; above: pictures whose lowest takes more")
    exact = ({"format": name, **row} for name, row in result["lossless"].items())
    emit(({k: v for k, v in row.items() if k not in ("quality", "psnr")} for row in exact), False, title="without loss")
    for name, settings in result["settings"].items():
        console.print(f"{name}: {settings}", highlight=False, markup=False)
    if result["absent"]:
        console.print(f"Not measured: {', '.join(result['absent'])}; {extras.install('benchmark')}.", highlight=False)


@benchmark.command("train")
def train(
    only: Annotated[
        list[str] | None,
        typer.Option(help="dense, conv, vae, dcgan or wgan_gp; may be given more than once.", show_default="all"),
    ] = None,
    pytorch: Annotated[
        Path | None,
        typer.Option(
            metavar="PYTHON",
            help="The Python of an environment with torch and pythae, to time them beside dense and conv.",
            show_default=False,
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Turns of each way of training.")] = 7,
    seconds: Annotated[float, typer.Option(help="That a turn takes, about.")] = 3.0,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for a JSON file and a plot.")] = Path(
        "training-benchmark"
    ),
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Images a second that training takes: beside plain Keras, PyTorch, pythae's trainer and keras.io's examples.

    All on the same nets, float32, in turns on this machine.
    """
    from zoo.cli.console import emit, progress, start_tensorflow

    start_tensorflow(threads)
    from zoo import experiments

    with progress() as bar:
        result = experiments.benchmark_training(
            output, only=only or (), pytorch=pytorch, repeats=repeats, seconds=seconds, threads=threads, progress=bar
        )
    if as_json:
        emit(result, as_json=True)
        return
    for name, net in result["nets"].items():
        rows = [{k: v for k, v in row.items() if k != "turns_ms"} for row in net["rows"]]
        emit(rows, as_json=False, title=f"{name} · {output}")
        emit([net["ratios"]], as_json=False)
