"""What a model's examples are: one file a modality, each the same few abilities; see ``Modality``.

A modality says how examples are loaded and split, how they enter a model and leave it, which of them calibrate an int8
encoder, and how they are compared, coded and drawn.
"""

from typing import TYPE_CHECKING

from zoo import registry
from zoo.modalities.audio import Audio
from zoo.modalities.base import Modality
from zoo.modalities.heartbeat import Heartbeat
from zoo.modalities.image import Image
from zoo.modalities.photo import Photo
from zoo.modalities.signal import Signal
from zoo.modalities.table import Table
from zoo.modalities.text import Text

if TYPE_CHECKING:
    import keras

MODALITIES: dict[str, Modality] = {
    modality.name: modality for modality in (Image(), Photo(), Audio(), Signal(), Heartbeat(), Text(), Table())
}

__all__ = [
    "MODALITIES",
    "Audio",
    "Heartbeat",
    "Image",
    "Modality",
    "Photo",
    "Signal",
    "Table",
    "Text",
    "get",
    "of",
    "quantizes",
]


def get(name: str) -> Modality:
    """The modality that a row of the catalogue names."""
    return MODALITIES[name]


def quantizes(spec: registry.Spec) -> bool:
    """Whether the models of a row come with an int8 encoder, and with examples that calibrate it."""
    return "reconstruct" in spec.tasks and get(spec.modality).quantizes


def of(model: "keras.Model") -> Modality:
    """The modality of a model's examples; images of a model that is not of the zoo."""
    try:
        return get(registry.spec_of_model(model).modality).of(model)
    except ValueError:
        return get("image")
