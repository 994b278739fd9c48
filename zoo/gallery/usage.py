"""What a model is for, and the lines of Python and of the command line that use it."""

from collections.abc import Mapping
from typing import Any

from zoo.registry import Spec

TASKS = {
    "compress": "Compress",
    "denoise": "Denoise",
    "generate": "Generate",
    "codes": "Codes",
    "map": "Map",
    "select": "Choose features",
    "classify": "Classify",
    "text": "Text",
}


def tasks_of(spec: Spec, card: Mapping[str, Any]) -> list[str]:
    """Names of ``TASKS``, by what the catalogue says of an architecture and what its card measures."""
    metrics = card["metrics"]
    found = {
        "compress": spec.codec,
        "denoise": any(
            isinstance(m, Mapping) and any(key.startswith("denoised_") for key in m) for m in metrics.values()
        ),
        "generate": "samples" in metrics or any(key.startswith("negative_elbo") for key in metrics),
        "codes": spec.traits.encodes,
        "map": "trustworthiness" in metrics,
        "select": "certainty" in metrics,
        "classify": spec.kind == "classifier",
        "text": spec.traits.textual,
    }
    return [task for task in TASKS if found[task]]


def takes_sound(card: Mapping[str, Any]) -> bool:
    """Whether a model takes frames of signals: ``(time, channels)``."""
    return len(card.get("input_shape", ())) == 2


def python(name: str, spec: Spec, tasks: list[str], card: Mapping[str, Any]) -> str:
    """A snippet that runs as it is, from a fresh interpreter and without a network."""
    if "text" in tasks:
        lines = ["import zoo", "", f'model = zoo.load("{name}")']
        if "rouge_l" in card["metrics"]:
            lines += ['(summary,) = model.summarize(["Returns the sorted copy of a list. The list stays as it is."])']
        else:
            lines += ['(restored,) = model.reconstruct(["a small animal that lives in trees"])']
        return "\n".join(lines) + "\n"
    if takes_sound(card):
        lines = [
            "import numpy as np",
            "import zoo",
            "",
            "sound = np.zeros(16_000, np.int16)  # yours: 8 kHz, one channel",
        ]
        if "compress" in tasks:
            lines += [f'codec = zoo.Codec("{name}")', "data = codec.compress(sound)  # bytes", ""]
            lines += ["restored = codec.decompress(data)"]
        if "denoise" in tasks:
            lines += [f'clean = zoo.denoise_sound(sound, model="{name}")']
        return "\n".join(lines) + "\n"
    if "codes" not in tasks and "generate" in tasks:
        label = ", labels=9" if spec.traits.labelled else ""
        shape = ", ".join(map(str, [16, *card["input_shape"]]))
        lines = [
            "import zoo",
            "",
            f'model = zoo.load("{name}")',
            f"images = model.generate(16, seed=7{label})  # ({shape})",
        ]
        return "\n".join(lines) + "\n"
    lines = ["import zoo", "from zoo.demo import samples", ""]
    lines += ["images = samples.load().images / 255  # yours: (n, 28, 28, 1) in [0, 1]", f'model = zoo.load("{name}")']
    if "classify" in tasks:
        lines += ["classes = model.predict(images, verbose=0).argmax(axis=-1)"]
    elif "denoise" in tasks:
        lines += ["clean = model.predict(images, verbose=0)"]
    else:
        lines += ["z = model.encode(images)", "reconstruction = model.decode(z)"]
    if "generate" in tasks:
        lines += ["drawn = model.generate(16, seed=7)"]
    if "select" in tasks:
        lines += ["print(model.selected)  # places in a flattened image"]
    if "compress" in tasks:
        lines += ["", f'codec = zoo.Codec("{name}")']
        lines += ["restored = codec.decompress(codec.compress(samples.load().images))"]
    return "\n".join(lines) + "\n"


def commands(name: str, spec: Spec, tasks: list[str], card: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(command, what it does) of every command that takes the model."""
    sound = takes_sound(card)
    given = "notes.txt" if spec.traits.textual else "recording.wav" if sound else "photo.png"
    lines = []
    if "rouge_l" in card["metrics"]:
        lines += [(f"zoo summarize report.txt --sentences 3 --model {name}", "the sentences that say most of it")]
        lines += [(f"zoo summarize report.txt --abstractive --model {name}", "a new sentence")]
    elif spec.traits.textual:
        lines += [(f'zoo sentences "a small animal" "a large ship" --model {name}', "what comes back of them")]
        lines += [(f'zoo sentences "a ship" --nearest lines.txt --model {name}', "the nearest lines of a file")]
    if "compress" in tasks:
        lossless = "negative_elbo_bits_per_pixel" in card["metrics"]
        what = (
            "every byte is kept"
            if spec.traits.textual
            else "every pixel is kept"
            if lossless
            else "any length"
            if sound
            else "any size, grey or colour"
        )
        option = " --lossless" if lossless else ""
        lines += [(f"zoo compress {given}{option} --model {name} -o small.zoo", what)]
        lines += [("zoo decompress small.zoo -o restored/", "and back")]
    if "denoise" in tasks:
        what = "WAV, and spectrograms of before and after" if sound else "any size, in overlapping tiles"
        lines += [(f"zoo denoise {given} --model {name} -o clean/", what)]
    if "generate" in tasks:
        lines += [(f"zoo generate {name} -n 64 --seed 7 -o grid.png", "new images")]
        if spec.kind == "conditional_gan":
            lines += [(f"zoo generate {name} --label 9 -o nines.png", "of the class asked for")]
        if "negative_elbo" in card["metrics"]:
            lines += [(f"zoo generate {name} --kind interpolation -o between.png", "from one image to the next")]
            lines += [(f"zoo generate {name} --kind traversal -o meaning.png", "what the code's numbers mean")]
    if "codes" in tasks and not sound:
        lines += [(f"zoo embed {name} photos/ -o codes.npy --plot map.html", "codes of your own pictures, and a map")]
    if "select" in tasks:
        lines += [("zoo select table.csv -k 10 -o columns.json", "the same choice in a table of yours")]
    lines += [(f"zoo evaluate {name}", "the card's figures, measured again")]
    if "samples" in card["metrics"]:
        lines += [(f"zoo evaluate {name} --samples", "those of generated images")]
    if "codes" in tasks:
        lines += [(f"zoo export {name} --quantization int8 -o encoder.tflite", "the encoder for a small device")]
    if not (spec.traits.textual or spec.traits.labelled):
        lines += [
            (f"zoo train {name} --data {'recordings/' if sound else 'photos/'} -o mine", "the recipe on your own")
        ]
    return lines
