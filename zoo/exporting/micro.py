"""LiteRT Micro: a network as a C array with the arena it needs, and the codec's tables and coder in C."""

import math
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

import numpy as np

from zoo import extras
from zoo.codec.tables import Tables
from zoo.exporting import litert
from zoo.exporting.detector import IntegerDetector

ARENA_STEP = 1024  # an arena is told in so many bytes
SOURCES = ("zoo_codec.h", "zoo_codec.c")
DETECTOR_SOURCES = ("zoo_detector.h", "zoo_detector.c")
PLENTY = 1 << 24
_COLUMNS = 110
_TRIAL = """
import sys, tflite_micro
content = open(sys.argv[1], "rb").read()
interpreter = tflite_micro.runtime.Interpreter.from_bytes(content, arena_size=int(sys.argv[2]))
interpreter.invoke()
interpreter.print_allocations()
"""
_ALLOCATED = re.compile(r"Arena allocation total (\d+) bytes")


class MicroNetwork:
    """A LiteRT file run by LiteRT Micro's own interpreter, on this machine.

    Args:
        flatbuffer: of operators that LiteRT Micro has.
        arena_bytes: of memory; None for more than a microcontroller has.

    Raises:
        ValueError: if tflite_micro is missing, or the file does not run in so much memory.
    """

    def __init__(self, flatbuffer: bytes, arena_bytes: int | None = None):
        runtime = _runtime()
        arena_bytes = arena_bytes or 10 * len(flatbuffer) + PLENTY
        try:
            self._interpreter = runtime.Interpreter.from_bytes(flatbuffer, arena_size=arena_bytes)
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"LiteRT Micro cannot run the file: {' '.join(str(error).split())}.") from None
        self._outputs = litert.output_count(flatbuffer)

    def __call__(self, rows: np.ndarray) -> list[np.ndarray]:
        """The outputs, each ``(n, …)``, of an input ``(n, …)`` in the file's dtype, one row after the other."""
        results: list[list[np.ndarray]] = [[] for _ in range(self._outputs)]
        for row in rows:
            self._interpreter.set_input(row[None], 0)
            self._interpreter.invoke()
            for index, result in enumerate(results):
                result.append(self._interpreter.get_output(index)[0])
        return [np.stack(result) for result in results]


def arena_bytes(flatbuffer: bytes) -> int:
    """The memory that LiteRT Micro needs for a file, as its own allocator counts it here, to ``ARENA_STEP`` bytes.

    Pointers have 8 bytes on most hosts: a device of 32 bits needs less.

    Raises:
        ValueError: if tflite_micro is missing, or does not run the file.
    """
    MicroNetwork(flatbuffer)
    with tempfile.NamedTemporaryFile() as file:
        file.write(flatbuffer)
        file.flush()
        # Each trial in a process of its own: some kernels do not look whether they got their memory, and crash.
        command = [sys.executable, "-c", _TRIAL, file.name]

        def report(size: int) -> str:
            trial = subprocess.run([*command, str(size)], capture_output=True, text=True)
            if trial.returncode:
                reason = (trial.stderr.strip().splitlines() or [f"exit status {trial.returncode}"])[-1]
                raise ValueError(f"LiteRT Micro does not run the file in {size} bytes: {reason}")
            return trial.stderr

        # What is allocated for good is told on stderr and nowhere else; some kernels need a little more for a while.
        total = int(_ALLOCATED.search(report(10 * len(flatbuffer) + PLENTY))[1])
        sizes = range(math.ceil(total / ARENA_STEP) * ARENA_STEP, 2 * total + 2 * ARENA_STEP, ARENA_STEP)
        report(sizes[-1])
        return next(s for s in sizes if not subprocess.run([*command, str(s)], capture_output=True).returncode)


def write_micro(
    flatbuffer: bytes, folder: Path, *, name: str, part: str, tables: tuple[Tables, bytes] | None = None
) -> None:
    """Writes a network as C source, and with it, for a codec's encoder, its tables and the coder.

    The files are ``PART.h`` and ``PART.c`` (the array, its length, the arena, the operators), and of a codec
    ``tables.h``, ``tables.c``, ``zoo_codec.h`` and ``zoo_codec.c``.

    Args:
        flatbuffer: the LiteRT file.
        folder: which exists.
        name: of the model; the C names begin with it.
        part: what of the model the network is.
        tables: those of the codec, and their fingerprint; None for a network alone.

    Raises:
        ValueError: if tflite_micro, which measures the arena, is missing or does not run the file.
    """
    stem = identifier(name)
    array = f"{stem}_{part}"
    arena = arena_bytes(flatbuffer)
    operators = ", ".join(litert.operators(flatbuffer))
    about = f"The {part} of {name} for LiteRT Micro: {len(flatbuffer):,} bytes."
    header = f"""/* {about}
 *
 * Operators: {operators}.
 * The arena is what LiteRT Micro's interpreter needs on a machine of 64 bits, to {ARENA_STEP} bytes; one of 32 bits
 * needs less. */
#define {array.upper()}_ARENA_BYTES {arena}

extern const unsigned char {array}[];
extern const unsigned long {array}_size;
"""
    write_source(folder / f"{part}.h", guarded(array, header))
    source = (
        f'/* {about} */\n#include "{part}.h"\n\n'
        "#if defined(__GNUC__)\n__attribute__((aligned(16)))\n#endif\n"
        f"{c_array('unsigned char', array, flatbuffer)}\nconst unsigned long {array}_size = {len(flatbuffer)}UL;\n"
    )
    write_source(folder / f"{part}.c", source)
    if tables is not None:
        _write_tables(*tables, folder, name, stem)
        for source_name in SOURCES:
            write_source(
                folder / source_name, (resources.files("zoo.exporting") / "c" / source_name).read_text("utf-8")
            )


def write_detector(detector: IntegerDetector, folder: Path, *, name: str) -> None:
    """Writes a detector's score as C source beside its networks: ``detector.h``, ``detector.c``, and the code.

    Args:
        detector: in integers.
        folder: which exists.
        name: of the model.
    """
    struct = f"{identifier(name)}_detector"
    about = f"/* What normal examples are like to {name}: its score and threshold. */\n"
    declaration = f"{about}extern const zoo_detector {struct};\n"
    write_source(folder / "detector.h", guarded(struct, declaration, include='#include "zoo_detector.h"\n\n'))
    arrays = {
        "requantize": ("int8_t", detector.requantize),
        "mean": ("int32_t", detector.mean.ravel()),
        "whitening": ("int16_t", detector.whitening.ravel()),
        "weights": ("uint16_t", detector.weights.ravel()),
    }
    definitions = "\n".join(f"static {c_array(dtype, key, values)}" for key, (dtype, values) in arrays.items())
    views, code = detector.mean.shape
    sizes = [views, code, detector.weights.shape[1], detector.side, detector.channels]
    scales = ["input_scale", "output_scale", "input_zero", "output_zero", "code_shift", "error_shift"]
    numbers = [getattr(detector, key) for key in scales]
    factors = [f"{getattr(detector, key)}U" for key in ("code_factor", "error_factor")]
    members = [*map(str, sizes), *arrays, *map(str, numbers), *factors, f"{detector.threshold}ULL"]
    fields = "".join(f"    {member},\n" for member in members)
    source = f"const zoo_detector {struct} = {{\n{fields}}};\n"
    write_source(folder / "detector.c", f'{about}#include "detector.h"\n\n{definitions}\n{source}')
    for source_name in DETECTOR_SOURCES:
        write_source(folder / source_name, (resources.files("zoo.exporting") / "c" / source_name).read_text("utf-8"))


def _write_tables(tables: Tables, fingerprint: bytes, folder: Path, name: str, stem: str) -> None:
    struct = f"{stem}_tables"
    about = f"/* The entropy coder's tables of {name}, fingerprint {fingerprint.hex()}. */\n"
    declaration = f"{about}extern const zoo_tables {struct};\n"
    write_source(folder / "tables.h", guarded(struct, declaration, include='#include "zoo_codec.h"\n\n'))
    arrays = {
        "requantize": ("int16_t", tables.requantize),
        "minimum": ("int16_t", tables.minimum),
        "size": ("int16_t", tables.size),
        "counts": ("uint32_t", np.concatenate([row for table in tables.counts for row in table])),
        "costs": ("uint16_t", tables.costs.reshape(-1)),
        "index_counts": ("uint32_t", tables.index_counts),
        "index_costs": ("uint16_t", tables.index_costs),
    }
    definitions = "\n".join(f"static {c_array(dtype, key, values)}" for key, (dtype, values) in arrays.items())
    members = [
        "{" + ", ".join(f"0x{byte:02x}" for byte in fingerprint) + "}",
        str(tables.latent_dim),
        str(len(tables.index_counts)),
        *arrays,
    ]
    fields = "".join(f"    {member},\n" for member in members)
    struct_definition = f"const zoo_tables {struct} = {{\n{fields}}};\n"
    write_source(folder / "tables.c", f'{about}#include "tables.h"\n\n{definitions}\n{struct_definition}')


def _runtime():
    with extras.needed("LiteRT Micro"):
        import tflite_micro
    return tflite_micro.runtime


def identifier(name: str) -> str:
    """A model's name as C takes it."""
    identifier = re.sub(r"\W", "_", name, flags=re.ASCII).lower()
    return identifier if re.match(r"[a-z]", identifier) else f"zoo_{identifier}"


def guarded(name: str, content: str, include: str = "") -> str:
    """The content of a header, for C and C++."""
    guard = f"{name.upper()}_H"
    return (
        f'#ifndef {guard}\n#define {guard}\n\n{include}#ifdef __cplusplus\nextern "C" {{\n#endif\n\n{content}\n'
        "#ifdef __cplusplus\n}\n#endif\n\n#endif\n"
    )


def c_array(dtype: str, name: str, values: Sequence[int] | bytes | np.ndarray) -> str:
    """The definition of an array of integers."""
    return f"const {dtype} {name}[{len(values)}] = {{\n{_wrapped(map(str, map(int, values)))}}};\n"


def _wrapped(numbers: Iterable[str]) -> str:
    lines, line = [], ""
    for number in numbers:
        if len(line) + len(number) + 2 > _COLUMNS:
            lines.append(line + "\n")
            line = ""
        line += f"{' ' if line else '  '}{number},"
    return "".join(lines) + line + "\n"


def write_source(path: Path, content: str) -> None:
    """Writes a C file, the same on every system."""
    path.write_text(content, encoding="utf-8", newline="\n")
