"""The header of a container: what it holds, by which model, under which names; to bytes and back (``FORMAT.md``).

Every field is checked before anything is allocated from it, and each fault is a ``CodecError`` that says what is wrong
at which byte.
"""

import bisect
import dataclasses
import functools
import io
import itertools
import math
import os
from collections.abc import Iterator

from zoo.codec.format.fields import CodecError, Cursor, deflated, inflated, text, varint
from zoo.io.files import is_safe_name, make_safe

MAGIC = b"\x89ZOO\r\n\x1a\n"  # like PNG's: a transfer that strips bit 7 or translates line ends shows
VERSION = 1
LOSSLESS_VERSION = 2  # with the two fields of a probe, which a reader must not overlook
WHOLE_VERSION = 3  # with whatever the others have no field for; written only where something needs it
MAX_VERSION = WHOLE_VERSION
TILES_PER_CHUNK = 1024  # about 35 kB: the 13 bytes around a chunk weigh nothing, and memory stays small
MAX_TILES_PER_CHUNK = 1 << 16
MAX_SAMPLES = 1 << 30  # of one picture's tiles, or of one strip, which have to fit in memory
MAX_STRIPS_SAMPLES = 1 << 34  # of one picture in strips
MAX_CHANNELS = 1 << 16
MAX_PROFILE_BYTES = 1 << 22  # of all colour profiles of a container
QUALITY_STEPS = 64  # to one of a coder's qualities
MAX_QUALITY = 1 << 16  # in these steps
DEPTHS = 8, 16
_NAMED, _CODED, _PROBED, _QUALITY, _COLOUR = 1, 2, 4, 8, 16  # flags
COLOURS = 3  # channels of a tile that holds all of them


@dataclasses.dataclass(frozen=True)
class Section:
    """A run of ``count`` pictures of one shape.

    Attributes:
        count, height, width, channels: of the pictures.
        depth: bits of a level.
        profile: ICC colour profile of each picture; empty for none.
    """

    count: int
    height: int
    width: int
    channels: int
    depth: int = 8
    profile: bytes = b""

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels


@dataclasses.dataclass(frozen=True)
class Probe:
    """What a network's output has to be for it to decide symbols.

    Attributes:
        runtime: that wrote the container, for messages.
        digest: 8 bytes of the SHA-256 digest of the networks' output on a fixed input.
    """

    runtime: str
    digest: bytes


@dataclasses.dataclass(frozen=True)
class Header:
    """What a container says about itself.

    Attributes:
        model: name of the artefact whose encoder wrote it.
        fingerprint: first 8 bytes of the SHA-256 digest of the model's ``codec.npz``.
        tile: ``(height, width)`` of the model's input, in pixels; ``(height, width, 3)`` where a tile holds all three
            channels of its pictures, else each channel has tiles of its own.
        sections: runs of equally shaped pictures, in their order.
        axes: 2, 3 or 4: the number of axes of the array that was compressed.
        names: ``(count, name)`` of each input in its order; empty where names were not kept.
        tiles_per_chunk: tiles in every chunk but the last.
        probe: of a lossless container, what has to be the same where it is restored; None for a lossy one.
        coded: whether each chunk says how it is coded, which a lossless one may; else the model codes all of them.
        medium: name of what is coded, ``image``, ``audio`` or ``text``; None where the file is of a version without it.
        quality: that the coder worked at, in 64ths; None of one without a choice.
    """

    model: str
    fingerprint: bytes
    tile: tuple[int, ...]
    sections: tuple[Section, ...]
    axes: int = 4
    names: tuple[tuple[int, str], ...] = ()
    tiles_per_chunk: int = TILES_PER_CHUNK
    probe: "Probe | None" = None
    coded: bool = False
    medium: str | None = None
    quality: int | None = None

    @property
    def version(self) -> int:
        """The lowest that has a field for all of this."""
        plain = len(self.tile) == 2 and self.tile[1] > 0
        plain &= all(s.channels in (1, 3) and s.depth == 8 and not s.profile for s in self.sections)
        if not plain or self.quality is not None or (self.coded and self.probe is None):
            return WHOLE_VERSION
        return VERSION if self.probe is None else LOSSLESS_VERSION

    @property
    def pictures(self) -> int:
        return sum(s.count for s in self.sections)

    @property
    def pixels(self) -> int:
        """Pixels of all pictures; a colour pixel counts once."""
        return sum(s.count * s.height * s.width for s in self.sections)

    @property
    def samples(self) -> int:
        """Bytes of all pictures once restored."""
        return sum(s.count * s.height * s.width * s.channels * (s.depth // 8) for s in self.sections)

    @functools.cached_property
    def tiles(self) -> int:
        return sum(s.count * tiles_of(s.shape, self.tile) for s in self.sections)

    @functools.cached_property
    def chunks(self) -> int:
        return -(-self.tiles // self.tiles_per_chunk)

    def tiles_in_chunk(self, index: int) -> int:
        return min(self.tiles_per_chunk, self.tiles - index * self.tiles_per_chunk)

    def parts(self, first: int, count: int) -> Iterator[tuple[Section, int, int]]:
        """``(section, first, count)``: the sections of ``count`` tiles from ``first`` on, and which of their tiles."""
        at = bisect.bisect_right(self._ends, first)
        while count:
            section = self.sections[at]
            inside = first - (self._ends[at - 1] if at else 0)
            part = min(count, self._ends[at] - first)
            yield section, inside, part
            first, count, at = first + part, count - part, at + 1

    @functools.cached_property
    def _ends(self) -> list[int]:
        """Tiles up to the end of each section."""
        return list(itertools.accumulate(s.count * tiles_of(s.shape, self.tile) for s in self.sections))

    def picture_inputs(self) -> tuple[tuple[int, str], ...]:
        """``(count, name)`` of each input; without names, all pictures count as one."""
        return self.names or ((self.pictures, "picture"),)

    def picture_names(self) -> Iterator[str]:
        """A name for every picture: its input's, numbered where the input held several."""
        for count, name in self.picture_inputs():
            if os.name == "nt":  # written by a release, or a program, that did not look at every system's rules
                name = make_safe(name)
            digits = len(str(count - 1))
            yield from [name] if count == 1 else (f"{name}_{i:0{digits}}" for i in range(count))


def tiles_of(shape: tuple[int, int, int], tile: tuple[int, ...]) -> int:
    """Number of tiles of a picture ``(height, width, channels)``; every channel has its own, but not of strips, nor
    where a tile holds all channels.
    """
    if not tile[1]:
        return -(-shape[0] // tile[0])
    return -(-shape[0] // tile[0]) * -(-shape[1] // tile[1]) * (shape[2] if len(tile) == 2 else 1)


def fits(shape: tuple[int, int, int], tile: tuple[int, ...]) -> bool:
    """Whether the tiles of a picture, or its strips, stay within what a reader takes."""
    if not tile[1]:
        row = shape[1] * shape[2]
        return min(shape[0], tile[0]) * row <= MAX_SAMPLES and shape[0] * row <= MAX_STRIPS_SAMPLES
    return tiles_of(shape, tile) * math.prod(tile) <= MAX_SAMPLES


def run_lengths(sections: list[Section]) -> tuple[Section, ...]:
    """Joins neighbouring sections of equal shape."""
    joined: list[Section] = []
    for section in sections:
        if joined and dataclasses.replace(joined[-1], count=section.count) == section:
            section = dataclasses.replace(section, count=joined.pop().count + section.count)
        joined.append(section)
    return tuple(joined)


def merged(headers: list[Header], name: str) -> Header:
    """One header for the containers of a file, which share a model.

    Raises:
        CodecError: if two of them name an input alike, or need different models.
    """
    first = headers[0]
    if len(headers) == 1:
        return first
    shared = {(h.fingerprint, h.tile, h.probe and h.probe.digest) for h in headers}
    if len(shared) > 1:
        raise CodecError(f"{name} holds containers of different models.")
    names = tuple(entry for h in headers for entry in h.picture_inputs())
    if not any(h.names for h in headers):
        names = ()
    elif len({entry for _, entry in names}) != len(names):
        raise CodecError(f"{name} holds two inputs of one name.")
    sections = run_lengths([section for h in headers for section in h.sections])
    return dataclasses.replace(first, sections=sections, axes=4, names=names)


def pack(header: Header, version: int | None = None) -> bytes:
    """The bytes of a header, without those around it, in its own version or in another."""
    whole = (version or header.version) == WHOLE_VERSION
    profiles = [*dict.fromkeys(section.profile for section in header.sections if section.profile)]
    flags = bool(header.names) * _NAMED | header.coded * _CODED
    if whole:
        flags |= (header.probe is not None) * _PROBED | (header.quality is not None) * _QUALITY
        flags |= (len(header.tile) == 3) * _COLOUR
    parts = [text(header.model), header.fingerprint]
    if whole:
        parts.append(text(header.medium))
    parts += [*map(varint, header.tile[:2]), varint(header.tiles_per_chunk), bytes([header.axes, flags])]
    if header.quality is not None:
        parts.append(varint(header.quality))
    if whole:
        parts += varint(len(profiles)), *map(deflated, profiles)
    parts.append(varint(len(header.sections)))
    for section in header.sections:
        parts += map(varint, (section.count, *section.shape))
        if whole:
            number = profiles.index(section.profile) + 1 if section.profile else 0
            parts += varint(section.depth), varint(number)
    if header.names:
        parts.append(deflated(b"".join(varint(count) + text(name) for count, name in header.names)))
    if header.probe is not None:
        parts += text(header.probe.runtime), header.probe.digest
    return b"".join(parts)


def unpack(cursor: Cursor, version: int) -> Header:
    whole, medium, quality = version == WHOLE_VERSION, None, None
    model = cursor.text("model name")
    if not is_safe_name(model) or "/" in model:
        raise cursor.fault("the model name is not a valid name")
    fingerprint = cursor.take(8, "model fingerprint")
    if whole:
        medium = cursor.text("medium")
        if not medium.isprintable():
            raise cursor.fault("the medium is not printable")
    tile = cursor.varint("tile height", 1, 4096), cursor.varint("tile width", 0 if whole else 1, 4096)
    tiles_per_chunk = cursor.varint("tiles per chunk", 1, MAX_TILES_PER_CHUNK)
    axes = cursor.between(cursor.byte("axes"), "axes", 2, 4)
    most = {VERSION: _NAMED, LOSSLESS_VERSION: _NAMED | _CODED}.get(version, 2 * _COLOUR - 1)
    flags = cursor.between(cursor.byte("flags"), "flags", 0, most)
    if flags & _COLOUR:
        if not tile[1]:
            raise cursor.fault("strips have no tiles of all channels")
        tile = *tile, COLOURS
    if flags & _QUALITY:
        quality = cursor.varint("quality", 0, MAX_QUALITY)
    profiles = _unpack_profiles(cursor) if whole else []
    sections = _unpack_sections(cursor, tile, whole, profiles)
    header = Header(
        model, fingerprint, tile, sections, axes, (), tiles_per_chunk,
        coded=bool(flags & _CODED), medium=medium, quality=quality,
    )  # fmt: skip
    if axes < 4 and (header.pictures > 1 or (axes == 2 and sections[0].channels > 1)):
        raise cursor.fault(f"{axes} axes cannot hold these pictures")
    if flags & _NAMED:
        header = dataclasses.replace(header, names=_unpack_names(cursor, header.pictures))
    if version == LOSSLESS_VERSION or flags & _PROBED:
        runtime = cursor.text("runtime")
        if not runtime.isprintable():
            raise cursor.fault("the runtime is not printable")
        header = dataclasses.replace(header, probe=Probe(runtime, cursor.take(8, "digest of the probe")))
    if cursor.left:
        raise cursor.fault(f"{cursor.left} bytes of the header are left over")
    if whole and header.version != WHOLE_VERSION:
        raise cursor.fault("nothing in the header needs version 3")
    return header


def _unpack_sections(cursor: Cursor, tile: tuple[int, ...], whole: bool, profiles: list[bytes]) -> tuple[Section, ...]:
    sections: list[Section] = []
    least = 6 if whole else 4  # bytes of a section
    for _ in range(cursor.varint("number of sections", 1, max(1, cursor.left // least))):
        section = Section(*(cursor.varint(what, 1) for what in ("pictures", "height", "width", "channels")))
        if not whole and section.channels not in (1, 3):
            raise cursor.fault(f"pictures have {section.channels} channels: expected 1 or 3")
        cursor.between(section.channels, "channels", 1, MAX_CHANNELS)
        if len(tile) == 3 and section.channels != tile[2]:
            raise cursor.fault(f"pictures have {section.channels} channels, and tiles all {tile[2]} of them")
        if not fits(section.shape, tile):
            raise cursor.fault(f"a picture {section.shape} exceeds {MAX_SAMPLES:,} samples")
        if whole:
            depth = cursor.varint("depth")
            if depth not in DEPTHS:
                raise cursor.fault(f"levels have {depth} bits: expected 8 or 16")
            number = cursor.varint("number of the profile", 0, len(profiles))
            section = dataclasses.replace(section, depth=depth, profile=profiles[number - 1] if number else b"")
        if sections and dataclasses.replace(sections[-1], count=section.count) == section:
            raise cursor.fault("two neighbouring sections have one shape")
        sections.append(section)
    used = [*dict.fromkeys(section.profile for section in sections if section.profile)]
    if used != profiles:
        raise cursor.fault("the profiles are not those of the sections, in their order")
    return tuple(sections)


def _unpack_profiles(cursor: Cursor) -> list[bytes]:
    profiles, left = [], MAX_PROFILE_BYTES
    for _ in range(cursor.varint("number of profiles", 0, max(0, cursor.left // 3))):
        profiles.append(inflated(cursor, "profile", left))
        left -= len(profiles[-1])
    return profiles


def _unpack_names(cursor: Cursor, pictures: int) -> tuple[tuple[int, str], ...]:
    raw = inflated(cursor, "names")
    length = len(raw)
    names, inner = [], Cursor(io.BytesIO(raw), length, "names of the container")
    while inner.left:
        count, name = inner.varint("pictures of an input", 1), inner.text("name of an input")
        if not is_safe_name(name):
            raise cursor.fault(f"the name {name!r} would leave the output folder or is not printable")
        names.append((count, name))
    if sum(count for count, _ in names) != pictures:
        raise cursor.fault(f"the names are for another number of pictures than {pictures}")
    if len({name for _, name in names}) != len(names):
        raise cursor.fault("two inputs have one name")
    return tuple(names)
