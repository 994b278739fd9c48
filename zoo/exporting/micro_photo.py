"""The codec of photographs in C: the int8 encoder of a tile for LiteRT Micro, and all that makes its output a file."""

from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path

import numpy as np

from zoo import artifacts
from zoo.codec.coders.latents import MIDDLE, PATCH, LatentTables
from zoo.codec.latents import FEATURES, IntegerPass
from zoo.codec.litert import Network
from zoo.codec.models import fingerprint_of
from zoo.exporting.micro import c_array, guarded, identifier, write_micro, write_source
from zoo.exporting.rewrite import for_size

TILE = 64  # pixels of each side of what the encoder sees
SOURCES = ("zoo_photo.h", "zoo_photo.c")
KINDS = ("sparse", "even", "diagonal", "straight")  # as zoo_photo.h numbers them
MOST_UNITS, MOST_CHANNELS, MOST_PASSES = 128, 128, 64  # that its arrays hold


def write_photo_micro(artifact: artifacts.Artifact, folder: Path) -> None:
    """Writes the encoder for tiles of 64 × 64 pixels and the coder in C.

    The files are ``encoder.h`` and ``encoder.c``, as of ``write_micro``; ``tables.h`` and ``tables.c``, the model's;
    and ``zoo_photo.h`` and ``zoo_photo.c``, which compute symbols of the encoder's output and write a ``.zoo`` file.

    Args:
        artifact: with ``encoder.tflite`` and ``latents.npz``.
        folder: which exists.

    Raises:
        ValueError: if tflite_micro, which measures the arena, is missing or does not run the network, or the model's
            networks are too large.
    """
    path = artifact.file("encoder.tflite")
    tables, zero = LatentTables.read(artifact.file("latents.npz")), Network(path).output["quantization"][1]
    widths = [max(found.field.weights.shape[1], found.hidden.weights.shape[1]) for found in tables.passes]
    channels = [found.step.channels for found in tables.passes]
    if max(widths) > MOST_UNITS or max(channels) > MOST_CHANNELS or len(widths) > MOST_PASSES:
        raise ValueError(
            f"The coder in C takes {MOST_PASSES} passes of {MOST_CHANNELS} channels and {MOST_UNITS} units, at most: "
            f"{artifact.name} has {len(widths)} of {max(channels)} and {max(widths)}."
        )
    write_micro(for_size(path.read_bytes(), TILE, TILE), folder, name=artifact.name, part="encoder")
    _write_tables(tables, zero, fingerprint_of(artifact), artifact.name, folder)
    for name in SOURCES:
        write_source(folder / name, (resources.files("zoo.exporting") / "c" / name).read_text("utf-8"))


def _write_tables(tables: LatentTables, zero: int, fingerprint: bytes, name: str, folder: Path) -> None:
    struct, definitions = f"{identifier(name)}_tables", []
    size = 0

    def array(dtype: str, key: str, values: np.ndarray) -> str:
        nonlocal size
        flat = np.asarray(values).reshape(-1)
        size += flat.size * {"8": 1, "6": 2, "2": 4, "t": 4}[dtype.removesuffix("_t")[-1]]
        definitions.append(f"static {c_array(dtype, key, flat) if dtype != 'float' else _floats(key, flat)}")
        return key

    rows = [_pass(at, found, array) for at, found in enumerate(tables.passes)]
    steps = np.exp(tables.log_steps).astype(np.float32)
    members = [
        f'"{name}"',
        "{" + ", ".join(f"0x{byte:02x}" for byte in fingerprint) + "}",
        *map(str, (tables.channels, len(steps), len(rows))),
        "passes",
        array("int8_t", "kernel", tables.kernel),
        array("float", "kernel_scales", tables.kernel_scales),
        _float(tables.correction_scale),
        str(zero),
        array("float", "steps", steps),
        array("uint8_t", "features", FEATURES),
        array("uint32_t", "counts", tables.logistics.counts),
        *map(str, (tables.logistics.scales, tables.logistics.support)),
    ]
    positions = (TILE // PATCH) ** 2
    about = f"""/* The entropy coder's tables of {name}, fingerprint {fingerprint.hex()}.
 *
 * They are {size:,} bytes of read-only memory. The encoder takes pixels less {MIDDLE}, as int8.
 * A tile of {TILE} x {TILE} takes ZOO_PHOTO_WORK({positions}, {tables.channels}) bytes beside the encoder's arena. */
"""
    declaration = f"{about}extern const zoo_photo_tables {struct};\n"
    write_source(folder / "tables.h", guarded(struct, declaration, include='#include "zoo_photo.h"\n\n'))
    passes = f"static const zoo_pass passes[{len(rows)}] = {{\n{''.join(f'  {row},{chr(10)}' for row in rows)}}};\n"
    fields = "".join(f"    {member},\n" for member in members)
    content = "\n".join([about + '#include "tables.h"\n', *definitions, passes])
    write_source(folder / "tables.c", f"{content}\nconst zoo_photo_tables {struct} = {{\n{fields}}};\n")


def _pass(at: int, found: IntegerPass, array: Callable[[str, str, np.ndarray], str]) -> str:
    """A ``zoo_pass``, whose arrays are defined beside."""
    step, members = found.step, []
    for name in found.LAYERS:
        layer = getattr(found, name)
        members += [
            array("int16_t", f"pass_{at}_{name}_weights", layer.weights),
            array("int32_t", f"pass_{at}_{name}_bias", layer.bias),
            array("int32_t", f"pass_{at}_{name}_multiplier", layer.multiplier),
        ]
    members.append(array("int32_t", f"pass_{at}_scale_offsets", found.scale_offsets))
    members.append("0" if found.linear is None else array("int16_t", f"pass_{at}_linear", found.linear))
    numbers = (
        step.start, step.channels, KINDS.index(step.kind), step.spacing, step.kernel_size,
        len(found.field.weights) // step.kernel_size**2, found.field.weights.shape[1], found.hidden.weights.shape[1],
    )  # fmt: skip
    return "{" + ", ".join([*map(str, numbers), *members]) + "}"


def _float(value: float) -> str:
    return np.format_float_scientific(np.float32(value), unique=True) + "f"


def _floats(name: str, values: Iterable[float]) -> str:
    numbers = [_float(value) for value in values]
    lines = [", ".join(numbers[start : start + 8]) for start in range(0, len(numbers), 8)]
    return f"const float {name}[{len(numbers)}] = {{\n  " + ",\n  ".join(lines) + "};\n"
