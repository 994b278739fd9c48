"""``zoo train``."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    str | None,
    typer.Option(
        help="A folder of pictures, a pattern, .npy, .npz, .csv, or a tensorflow-datasets name; a table for "
        "tabular_ae; default: the tag's data."
    ),
]
Size = Annotated[
    str | None, typer.Option(metavar="64|96x64", help="Height and width of the pictures; default: the model's.")
]
Fit = Annotated[
    str, typer.Option(help="How a picture of another size is fitted: crop, pad, resize, tile or random-crop.")
]
LearningRate = Annotated[float | None, typer.Option(help="Peak of the cosine schedule, of both players of a GAN.")]
Arguments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="An argument of the model, such as latent_dim=64; may be given more than once.",
        show_default=False,
    ),
]
Strategy = Annotated[
    str | None, typer.Option(help="mirrored: all devices of this machine; multiworker: the machines of TF_CONFIG.")
]
Devices = Annotated[
    int | None, typer.Option(help="Of mirrored: how many GPUs, or parts of the processor where there are none.")
]
Backend = Annotated[
    str | None, typer.Option(help="Keras' backend: tensorflow, jax or torch; default: that of KERAS_BACKEND.")
]
Device = Annotated[
    str | None,
    typer.Option(metavar="cpu|gpu|gpu:N|tpu", help="What to train on; default: an accelerator if one is seen."),
]
Precision = Annotated[
    str | None,
    typer.Option(metavar="POLICY", help="Keras' dtype policy, such as mixed_bfloat16; default: the recipe's."),
]
Licence = Annotated[str, typer.Option(help="Of the weights, for the card, such as CC-BY-4.0; default: not stated.")]


def train(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A model of the catalogue, such as conv_ae or conv_ae.mnist.")
    ],
    data: Data = None,
    size: Size = None,
    colour: Annotated[
        bool | None, typer.Option("--colour/--grey", help="Three channels, or one; default: the model's.")
    ] = None,
    fit: Fit = "crop",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of the result; default: runs/NAME.")
    ] = None,
    initial_weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Weights to start from: a .keras or .npz file, or a trained model's folder; default: drawn ones.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the folder's checkpoint.")] = False,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data.")] = None,
    steps: Annotated[
        int | None, typer.Option(help="Of an epoch, of models that learn from crops.", show_default=False)
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples a step.")] = None,
    learning_rate: LearningRate = None,
    seed: Annotated[int | None, typer.Option(help="Of weights, data order and noise.")] = None,
    arguments: Arguments = None,
    preview: Annotated[
        bool,
        typer.Option("--preview", help="Of a model that generates: draw samples meanwhile, and a film at the end."),
    ] = False,
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    backend: Backend = None,
    device: Device = None,
    precision: Precision = None,
    strategy: Strategy = None,
    devices: Devices = None,
    licence: Licence = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
) -> None:
    """Train a model by its recipe; the result loads with zoo.load(FOLDER).

    Options that are left out have the values of the recipe that made the shipped model.

    Training is deterministic. A killed training continues with the same command and --resume. With --strategy each
    batch is distributed among devices or machines; the weights are those of one device. Unreadable files of a folder
    are listed at the end, with exit status 1; the model is trained on the others.

    Pictures are converted to the size and colour of the model, which --size, --colour and --grey change. Subfolders are
    the classes of models that learn from labels. A table may have missing cells and categories.

    On pictures of your own, a GAN gets residual networks where they are larger or coloured, augmentation of what its
    discriminator sees where they are few, and as many epochs as make 10,000 steps; the training ends by itself when the
    generator has collapsed.

    Models of photographs, such as photo_denoiser, learn from crops of pictures of any size, drawn anew in every epoch.
    Their own data set lies where the variable ZOO_PHOTOS says; --data names a folder of your own, or clic, div2k,
    tf_flowers or oxford_iiit_pet. Folders in it are sources, of which large ones are drawn from less than their share.
    """
    import shlex
    import sys

    from zoo.cli.console import (
        argument,
        check_device,
        choose,
        console,
        emit,
        progress,
        report_failures,
        start_tensorflow,
    )

    choose(backend, device)
    tf_strategy = start_tensorflow(threads, strategy, devices, deterministic=True)
    check_device(device)
    from zoo import packaging, training

    chosen = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "seed": seed, "steps": steps}
    chosen["dtype_policy"] = precision
    options = {key: value for key, value in chosen.items() if value is not None}
    options |= {"data_source": data, "size": size, "colour": colour, "fit": fit, "resume": resume}
    options |= {"initial_weights": initial_weights, "preview": preview}
    output, failed = output or Path("runs", name), []
    with progress() as bar:
        options |= {"overrides": dict(map(argument, arguments or [])), "strategy": tf_strategy}
        result = training.train(name, output=output, progress=bar, failed=failed, **options)
        if not training.distribution.is_chief(tf_strategy):
            return  # the chief writes what all have trained
        command = shlex.join(["zoo", *(argument for argument in sys.argv[1:] if argument != "--resume")])
        card = packaging.write_artifact(result, output, command=command, licence=licence, progress=bar)
    emit(card, as_json, title=card["name"])
    if not as_json:
        console.print(f"Load it with zoo.load({str(output)!r}).")
    report_failures(failed)
