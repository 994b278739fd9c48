"""``zoo export``."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A model's name, such as conv_ae or conv_ae.mnist, its folder, or its address."
        ),
    ],
    format: Annotated[str, typer.Option(help="litert, saved_model or micro.")] = "litert",
    micro: Annotated[
        bool, typer.Option("--micro", help="C source for LiteRT Micro, and the codec's entropy coder: --format micro.")
    ] = False,
    part: Annotated[
        str | None,
        typer.Option(
            help="encoder, decoder, generator, discriminator or model; default: the encoder, or the whole without one."
        ),
    ] = None,
    quantization: Annotated[str, typer.Option(help="none, float16, dynamic or int8 (LiteRT only).")] = "none",
    io: Annotated[
        str, typer.Option(metavar="float32|uint8|int8", help="Type of an int8 file's input and output.")
    ] = "int8",
    batch: Annotated[int, typer.Option(min=1, metavar="N", help="Batch size of the LiteRT file.")] = 1,
    calibration: Annotated[
        Path | None, typer.Option(help="Folder of pictures that int8 takes its ranges from; default: training images.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file in .tflite, or a new folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Export a model to LiteRT, of builtin operators only, to SavedModel, or to C for LiteRT Micro."""
    from zoo.cli.console import emit, progress, start_tensorflow
    from zoo.io import writing

    format = "micro" if micro else format
    if output is not None:
        _check_name(output, format)
        writing.check_name(output)
        if format == "litert":
            writing.check_writable(output)
    start_tensorflow()
    import zoo
    from zoo import data, exporting

    chosen = None if quantization == "none" else quantization
    suffix = ".tflite" if format == "litert" else ""
    part = part or exporting.default_part(zoo.info(name)["architecture"])
    label = "-".join(filter(None, (Path(name).name, part, "micro" if format == "micro" else chosen)))
    path = output or Path(f"{label}{suffix}")
    images = None
    if calibration is not None:
        shape = tuple(zoo.info(name)["input_shape"])
        images = data.load_pictures([calibration], image_shape=shape)
    with progress() as bar:
        bar.add_task(f"exporting {name}", total=None, status="")
        options = {"quantization": chosen, "part": part, "calibration": images, "batch_size": batch, "io": io}
        zoo.export(name, path, format=format, **options)
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    result = {"path": str(path), "format": format, "part": part}
    result["quantization"] = "int8" if format == "micro" else quantization
    result["bytes"] = sum(p.stat().st_size for p in files)
    if format == "litert":
        result["operators"] = exporting.operators(path.read_bytes())
    if format == "micro":
        result["files"] = sorted(p.name for p in files)
    emit(result, as_json)


def _check_name(output: Path, format: str) -> None:
    """Refuses a file's extension where a folder is made, and another format's where a file is."""
    wanted = {"litert": "a name in .tflite", "saved_model": "a folder", "micro": "a folder"}.get(format)
    allowed = ("", ".tflite") if format == "litert" else ("",)
    known = (".tflite", ".onnx", ".keras", ".h5", ".pb", ".zip", ".npz", ".c", ".h", ".mlmodel", ".pt")
    if wanted and output.suffix.lower() in known and output.suffix.lower() not in allowed:
        raise ValueError(f"output must be {wanted} for --format {format}: received {output}.")
