"""What was compressed or restored, in figures that the commands print."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Summary:
    """What was compressed or restored.

    Attributes:
        model: name of the model in the container.
        pictures: number of pictures, or of sounds.
        pixels: of all of them; a colour pixel counts once. Of sounds, samples.
        tiles: that went through the network.
        bytes: of the container, all of them.
        notes: what was done to inputs to fit the model, such as resampling, and what of them was left out.
    """

    model: str
    pictures: int
    pixels: int
    tiles: int
    bytes: int
    notes: tuple[str, ...] = ()

    @property
    def bits_per_pixel(self) -> float:
        return 8 * self.bytes / self.pixels

    def figures(self) -> dict[str, Any]:
        """What the commands print of it."""
        names = ("model", "pictures", "pixels", "bytes", "bits_per_pixel")
        return {**{name: getattr(self, name) for name in names}, **({"notes": list(self.notes)} if self.notes else {})}


@dataclasses.dataclass(frozen=True)
class SoundSummary(Summary):
    """The same of sounds.

    Attributes:
        sample_rate: in Hz, at which they are kept.
    """

    sample_rate: int = 8000

    @property
    def seconds(self) -> float:
        return self.pixels / self.sample_rate

    def figures(self) -> dict[str, Any]:
        """What the commands print of it."""
        return {
            "model": self.model,
            "sounds": self.pictures,
            "seconds": self.seconds,
            "bytes": self.bytes,
            "kilobits_per_second": 8 * self.bytes / self.seconds / 1000,
            **({"notes": list(self.notes)} if self.notes else {}),
        }


@dataclasses.dataclass(frozen=True)
class SignalSummary(SoundSummary):
    """The same of signals that are no sound.

    Attributes:
        signal_unit: what they are measured in.
    """

    signal_unit: str = ""

    def figures(self) -> dict[str, Any]:
        """What the commands print of it."""
        return {
            "model": self.model,
            "signals": self.pictures,
            "sample_rate": self.sample_rate,
            "unit": self.signal_unit,
            "seconds": self.seconds,
            "bytes": self.bytes,
            "bits_per_sample": self.bits_per_pixel,
            **({"notes": list(self.notes)} if self.notes else {}),
        }


@dataclasses.dataclass(frozen=True)
class TextSummary(Summary):
    """The same of texts: ``pixels`` are their bytes, and one more for the end of each."""

    @property
    def size(self) -> int:
        """Bytes of all texts."""
        return self.pixels - self.pictures

    def figures(self) -> dict[str, Any]:
        """What the commands print of it."""
        return {
            "model": self.model,
            "texts": self.pictures,
            "text_bytes": self.size,
            "bytes": self.bytes,
            "bits_per_byte": 8 * self.bytes / self.size if self.size else None,
            "ratio": self.size / self.bytes,
        }
