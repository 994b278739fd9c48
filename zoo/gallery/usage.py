"""What a model is for, and the lines of Python and of the command line that use it."""

from collections.abc import Mapping
from typing import Any

from zoo import modalities, tasks
from zoo.registry import Spec


def python(name: str, spec: Spec) -> str:
    """A snippet that runs as it is, from a fresh interpreter and without a network."""
    modality = modalities.get(spec.modality)
    lines = modality.python(name, examples=spec.tasks != ("generate",))
    for task in tasks.of(spec):
        lines += task.python(name, spec, modality)
    return "\n".join(lines) + "\n"


def commands(name: str, spec: Spec, card: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(command, what it does) of every command that takes the model."""
    modality = modalities.get(spec.modality)
    lines = [line for task in tasks.of(spec) for line in task.commands(name, spec, modality, card["metrics"])]
    lines += [(f"zoo evaluate {name}", "the card's figures, measured again")]
    if "litert" in card:
        lines += [(f"zoo export {name} --quantization int8 -o encoder.tflite", "the encoder for a small device")]
    if spec.labelled or not modality.folder:
        return lines
    return [*lines, (f"zoo train {name} --data {modality.folder} -o mine", "the recipe on your own")]
