"""The media by the name that an artefact's manifest gives: how they are cut up, joined and saved, one file a medium."""

from zoo.codec.coders.base import Coder
from zoo.codec.media.base import Medium
from zoo.codec.media.pictures import Pictures
from zoo.codec.media.signals import Signals
from zoo.codec.media.sounds import Sounds
from zoo.codec.media.strips import Strips
from zoo.codec.media.summary import Summary
from zoo.codec.media.texts import Texts

MEDIA: dict[str, type[Medium]] = {"image": Pictures, "audio": Sounds, "signal": Signals, "text": Texts}


def medium_of(name: str, coder: Coder) -> Medium:
    """The medium of that name as the coder takes it: pictures in tiles, or, of width 0, in strips."""
    return (Strips if name == "image" and not coder.tile[1] else MEDIA[name]).of(coder)


__all__ = ["MEDIA", "Medium", "Summary", "medium_of"]
