"""``zoo compress``."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

TEXT_SPEED = 5000  # bytes a second of one slow core, either way
SAID_SECONDS = 30
SMALL = (28, 28, 1)  # pictures that hierarchical_vae was trained on
CONTAINER_BYTES = 128  # about, which are not the model's
COMPARED_SIDE = 256  # pixels of the part of a picture that is compared with a JPEG


def compress(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="IN", help="Pictures, sounds or texts; .npy arrays; folders of them.", show_default=False
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The container to write.", show_default=False)],
    model: Annotated[
        str | None,
        typer.Option(
            help="A model's name or folder; default: photo_compressor, with --lossless pixel_predictor; of grey "
            "pictures of 28 × 28 pixels alone compressor or hierarchical_vae, of sounds signal_ae, of texts summarizer."
        ),
    ] = None,
    quality: Annotated[
        float | None,
        typer.Option(help="Of photo_compressor, from 1 to 8, fractions too; default: 4.", show_default=False),
    ] = None,
    bits_per_pixel: Annotated[
        float | None, typer.Option(help="Instead: the highest quality with at most so many.", show_default=False)
    ] = None,
    psnr: Annotated[
        float | None, typer.Option(help="Instead: the lowest quality with at least so many dB.", show_default=False)
    ] = None,
    max_bytes: Annotated[
        int | None, typer.Option(help="Instead: the highest quality of at most so many.", show_default=False)
    ] = None,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Keep every pixel, also of 16 bits; texts are always kept exactly.")
    ] = False,
    append: Annotated[
        bool, typer.Option("--append", help="Add to the container, which is as it was if anything goes wrong.")
    ] = False,
    salvage: Annotated[
        bool, typer.Option("--salvage", help="With --append: cut off first what an append that was killed left.")
    ] = False,
    compact: Annotated[
        bool,
        typer.Option(
            "--compact", help="The fewest bytes for one grey image of the model's size: no header, a check of 16 bits."
        ),
    ] = False,
    denoise: Annotated[bool, typer.Option("--denoise", help="Remove noise first.")] = False,
    denoiser: Annotated[
        str | None,
        typer.Option(help="The model that --denoise uses; default: photo_denoiser, of small grey ones denoising_ae."),
    ] = None,
    fit: Annotated[
        str,
        typer.Option(help="tile: keep each picture's size, cut into tiles; crop, pad: scale it to one tile."),
    ] = "tile",
    max_pixels: Annotated[
        int, typer.Option(min=1, metavar="N", help="The most pixels of a picture file that is opened.")
    ] = 1 << 28,
    rate: Annotated[
        float | None,
        typer.Option(
            help="Of measured signals, such as an ECG: Hz of files that state none; default: the model's.",
            show_default=False,
        ),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(
            help="Of measured signals: name or number, from 0, of a table's or an array's column, or of a channel.",
            show_default=False,
        ),
    ] = None,
    names: Annotated[bool, typer.Option(help="Keep the inputs' names for `zoo decompress`.")] = True,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Restore the file and compare: PSNR of pictures, PRD of measured signals, with --denoise against what "
            "was denoised.",
        ),
    ] = False,
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Chunks that are coded at the same time.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compress pictures of any size, grey or colour, sounds or texts of any length, into one checksummed file.

    An int8 encoder turns strips, tiles or frames into integers, which the model's tables entropy-code; that is lossy,
    unless --lossless is given. photo_compressor, for photographs, has qualities from 1 to 8, which --quality gives, or
    --bits-per-pixel, --psnr or --max-bytes has found by a few trials. Stacks of small grey pictures of digits or
    garments are compressor's, by its name. What is changed beside, such as bits beyond 8 and colour
    profiles other than sRGB, and that sounds are made 8 kHz, mono and 16 bits, the output says; --lossless keeps
    what it can and refuses the rest. Pictures with transparency are refused without --lossless, which keeps it. Each
    frame or page of a file is a picture. A warning says where a JPEG of the same quality, or a PNG, would be smaller.
    Texts are entropy-coded by a language model, at about 5 kB a second, and come back byte for byte.
    With --model signal_ae.ecg, electrocardiograms of any length, in millivolts: CSV, .npy and WAV files.

    A file is what its extension says, and a container holds one kind: what most of the inputs are, or what --model
    takes. Inputs that cannot be read, and files of a folder that are of another kind, are listed at the end, and the
    exit status is then 1. Any file is compressed byte for byte, as a text, with --model summarizer.
    """
    from zoo.cli.console import allow_pixels, emit, error_console, progress, report_failures
    from zoo.codec import Codec

    if output not in inputs:  # which the codec refuses
        _check_name(output)
    allow_pixels(max_pixels)
    codec = Codec(model or _default_model(inputs, lossless, compact), num_threads=threads)
    if lossless and not codec.lossless:
        raise ValueError(f"{codec.name} is lossy: leave out --lossless, or give a model such as pixel_predictor.")
    transform, failed = _denoising(denoiser) if denoise else None, []
    reached, targets = None, {"bits_per_pixel": bits_per_pixel, "psnr": psnr, "max_bytes": max_bytes}
    with progress() as bar, _hint(failed, model):
        task = bar.add_task("compressing", total=None, status=codec.unit)
        if any(target is not None for target in targets.values()):
            options = {"fit": fit, "names": names, "transform": transform}
            reached = _reached(codec, inputs, quality, targets, options, bar, task)
            quality = reached.quality
        # Before the picture is coded, so that memory holds it once.
        warning = _warning(codec, inputs, fit, quality) if codec.what == "pictures" and not codec.lossless else None
        summary = codec.compress_file(
            inputs,
            output,
            fit=fit,
            names=names,
            append=append,
            salvage=salvage,
            compact=compact,
            transform=transform,
            failed=failed if len(inputs) > 1 or inputs[0].is_dir() else None,
            progress=advancing(bar, task, codec.unit),
            quality=quality,
            rate=rate,
            column=column,
        )
        result = {"output": str(output), **summary.figures()}
        if codec.qualities is not None:
            result["quality"] = codec.qualities[1] if quality is None else quality
        if reached and reached.psnr is not None:
            result["psnr"] = reached.psnr
        if warning:
            if as_json:
                result["warning"] = warning
            error_console.print(f"Warning: {warning}", markup=False, highlight=False, soft_wrap=True)
        if verify and not append:
            bar.update(task, description="verifying")
            skipped = [] if failed else None
            result |= codec.quality(
                inputs, output, fit=fit, transform=transform, failed=skipped, rate=rate, column=column
            )
    if failed and as_json:
        result["failed"] = failed
    emit(result, as_json)
    report_failures(failed)


def _reached(codec, inputs: list[Path], quality: float | None, targets: dict, options: dict, bar, task):
    """The quality that meets a target, and what it gives; trials are shown."""
    if quality is not None:
        given = " and ".join(f"--{name.replace('_', '-')}" for name, value in targets.items() if value is not None)
        raise ValueError(f"Give --quality or a target: received both, {given}.")
    tried = lambda found: bar.update(task, description=f"trying quality {found.quality:.2f}")  # noqa: E731
    found = codec.quality_for(inputs, **targets, **options, advance=tried)
    bar.update(task, description="compressing")
    return found


@contextlib.contextmanager
def _hint(failed: list[str], model: str | None) -> Iterator[None]:
    """Adds to messages on files that are no pictures what else can be done with them."""
    what, hint = "is not a picture", " As a text, byte for byte, --model summarizer takes any file."
    try:
        yield
    except ValueError as error:
        if model is None and what in str(error):
            raise ValueError(f"{error}{hint}") from None
        raise
    if model is None:
        failed[:] = [f"{line}{hint}" if what in line else line for line in failed]


def _check_name(output: Path) -> None:
    """Refuses a container that would be called, or replace, what it is made of."""
    from zoo.io import audio, pictures, texts

    if output.suffix.lower() in (".npy", *pictures.EXTENSIONS, *audio.EXTENSIONS, *texts.EXTENSIONS):
        raise ValueError(f"output must be the name of a container, such as {output.stem}.zoo: received {output}.")


def advancing(bar, task, unit: str):
    """Tells a progress bar what a codec says; of a text that takes long, first how long about."""
    from zoo.cli.console import error_console

    def advance(done: int, total: int) -> None:
        if done == 0 and unit == "bytes" and total > SAID_SECONDS * TEXT_SPEED:
            minutes = total / TEXT_SPEED / 60
            error_console.print(f"{total:,} bytes of text, at about {TEXT_SPEED:,} a second: {minutes:.1f} minutes.")
        bar.update(task, completed=done, total=total)

    return advance


def _default_model(inputs: list[Path], lossless: bool, compact: bool = False) -> str:
    """The model for what more than half of the inputs are by their extensions: texts or sounds; otherwise pictures."""
    from zoo.io import audio, texts

    if texts.are_texts(inputs):
        return "summarizer"
    if audio.are_audio(inputs):
        if lossless:
            raise ValueError("No model keeps sounds without loss: leave out --lossless, or use FLAC.")
        return "signal_ae"
    small = compact or _all_small(inputs)
    if lossless:
        return "hierarchical_vae" if small else "pixel_predictor"
    return "compressor" if small else "photo_compressor"


def _all_small(inputs: list[Path]) -> bool:
    """Whether all inputs that can be read are grey and of the size that small models are made for."""
    from zoo.io import pictures

    take = pictures.Take(alpha="keep", channels=True, depth=16)
    try:
        sources = pictures.open_sources(inputs, failed=[], take=take)
    except ValueError:  # which the codec says
        return False
    return bool(sources) and all(source.shape == SMALL and source.depth == 8 for source in sources)


def _warning(codec, inputs: list[Path], fit: str, quality: float | None) -> str | None:
    """A line where the model takes more bytes than a JPEG that is as good or than a PNG, by a part of the largest."""
    from zoo.codec.comparison import beside_jpeg, png_bytes
    from zoo.io import pictures

    sources = []
    with contextlib.suppress(ValueError):  # which the codec says
        sources = pictures.open_sources(inputs, fit, codec.tile, failed=[])
    for largest in sorted(sources, key=lambda source: -source.shape[0] * source.shape[1]):
        with contextlib.suppress(ValueError):  # a damaged one, which is listed
            picture = largest.read(0, 1)[0]
            break
    else:
        return None
    top, left = (max(0, side - COMPARED_SIDE) // 2 for side in picture.shape[:2])
    part = picture[top : top + COMPARED_SIDE, left : left + COMPARED_SIDE].copy()
    del picture
    data = codec.compress(part, quality=quality)
    found = beside_jpeg(part, codec.decompress(data), len(data))
    if found is not None and found[0] > 1:
        return (
            f"{largest.name} takes about {found[0]:.1f} times the bytes of a JPEG of the same quality "
            f"({found[1]:.1f} dB): {codec.name} was trained on other pictures. Use an image format, or train a model "
            "on such pictures."
        )
    if len(data) > png_bytes(part) + CONTAINER_BYTES:
        return (
            f"{largest.name} takes more bytes than a PNG, which keeps every pixel: {codec.name} is for other pictures. "
            "Use --lossless, or an image format."
        )
    return None


def _denoising(model: str | None):
    """What --denoise does to pictures: one of small pictures is loaded once."""
    import zoo
    from zoo.cli.console import start_tensorflow
    from zoo.denoising.photographs import of_photographs

    if model is None or of_photographs(model):
        return lambda pictures: zoo.denoise(pictures, model)
    start_tensorflow()
    loaded = zoo.load(model)
    return lambda pictures: zoo.denoise(pictures, loaded)
