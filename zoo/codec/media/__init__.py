"""The media by the name that an artefact's manifest gives: how they are cut up, joined and saved, one file a medium."""

from zoo.codec.media.base import Medium
from zoo.codec.media.pictures import Pictures
from zoo.codec.media.sounds import Sounds
from zoo.codec.media.summary import Summary
from zoo.codec.media.texts import Texts

MEDIA: dict[str, type[Medium]] = {"image": Pictures, "audio": Sounds, "text": Texts}

__all__ = ["MEDIA", "Medium", "Summary"]
