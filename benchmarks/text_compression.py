"""Texts by the zoo's codec, xz and zstd: bits a character and seconds, on texts that the model did not learn from.

    python benchmarks/text_compression.py -o text-compression.json
    python benchmarks/text_compression.py notes.txt manual.md

Without files, the docstrings of four packages from which the model has learned nothing, as one text, and each of them
alone. All bytes of a container count; the model's own, which a reader needs too, are stated beside. xz -9 is Python's
lzma; zstd -19 is taken where the command is installed (Debian: zstd). Every file is restored and compared.

Needs the packages of the test split: pip install networkx scikit-image statsmodels xarray.
"""

import argparse
import json
import lzma
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from zoo import artifacts
from zoo.codec import Codec
from zoo.data.text import PACKAGES, load_docstrings


def test_texts() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """All docstrings as one text, and each alone."""
    pairs = load_docstrings(PACKAGES["test"])
    alone = [f"{pair.summary}\n\n{pair.document}" for pair in pairs]
    whole = "\n\n".join(alone) + "\n"
    return {"docstrings": whole.encode()}, {str(at): f"{text}\n".encode() for at, text in enumerate(alone)}


def coders(codec: Codec) -> dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]]:
    """Name → how it compresses and restores bytes."""
    found = {
        codec.name: (codec.compress, codec.decompress),
        "xz -9": (lambda data: lzma.compress(data, preset=9), lzma.decompress),
    }
    if shutil.which("zstd"):
        found["zstd -19"] = (lambda data: _piped(data, "-19"), lambda data: _piped(data, "-d"))
    return found


def measure(texts: dict[str, bytes], pair) -> dict[str, float]:
    """All bytes of texts, each compressed alone, bits a character, and seconds of both ways."""
    compress, restore = pair
    size = characters = 0
    seconds = {"compress": 0.0, "restore": 0.0}
    for name, content in texts.items():
        start = time.perf_counter()
        data = compress(content)
        middle = time.perf_counter()
        if restore(data) != content:
            raise SystemExit(f"{name} does not come back.")
        seconds["compress"] += middle - start
        seconds["restore"] += time.perf_counter() - middle
        size += len(data)
        characters += sum(byte & 0xC0 != 0x80 for byte in content)  # of UTF-8: all but continuations
    return {
        "bytes": size,
        "bits_per_character": 8 * size / characters,
        **{f"{what}_seconds": value for what, value in seconds.items()},
    }


def _piped(data: bytes, option: str) -> bytes:
    return subprocess.run(["zstd", option, "-c", "-q"], input=data, capture_output=True, check=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="texts; default: the test split's docstrings")
    parser.add_argument("--model", default="summarizer", help="name or folder")
    parser.add_argument("--alone", type=int, default=200, help="how many docstrings are also compressed alone")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("-o", "--output", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    codec = Codec(arguments.model)
    codec.compress(b"warm up")
    sets = {}
    if arguments.files:
        sets = {path.name: {path.name: path.read_bytes()} for path in arguments.files}
    else:
        whole, alone = test_texts()
        sets["docstrings"] = whole
        chosen = list(alone)[:: max(1, len(alone) // max(1, arguments.alone))][: arguments.alone]
        if chosen:
            sets[f"{len(chosen)} docstrings, each alone"] = {name: alone[name] for name in chosen}
    artifact = artifacts.find(arguments.model)
    result = {
        "model": codec.name,
        "model_bytes": sum(artifact.file(name).stat().st_size for name in ("text.npz", "tokenizer.model")),
        "zstd": "measured" if shutil.which("zstd") else "not installed: left out",
        "texts": {},
    }
    for title, texts in sets.items():
        result["texts"][title] = {
            "files": len(texts),
            "text_bytes": sum(map(len, texts.values())),
            "coders": {name: measure(texts, pair) for name, pair in coders(codec).items()},
        }
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{result['model']}: {result['model_bytes']:,} bytes of model; zstd {result['zstd']}")
    for title, found in result["texts"].items():
        print(f"{title}: {found['text_bytes']:,} bytes")
        for name, row in found["coders"].items():
            print(
                f"  {name:24} {row['bytes']:9,} bytes {row['bits_per_character']:6.3f} bits a character "
                f"{row['compress_seconds']:8.2f} s and {row['restore_seconds']:.2f} s"
            )


if __name__ == "__main__":
    main()
