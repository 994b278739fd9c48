"""The live page: the zoo's networks and its photograph codec in the browser, with no server behind it."""

import gzip
import hashlib
import json
from importlib import resources
from pathlib import Path

from zoo import __version__, pages, registry
from zoo.codec.coders.latents import LatentTables
from zoo.codec.litert import Network
from zoo.denoising.photographs import STRIDE, TILE, WHOLE
from zoo.gallery.live import networks, runtime, tables

FOLDER = "live"  # of the site
EXAMPLE = "dog.png"
# What the first photograph fetches, of many bytes.
FIRST = (
    "litert/litert_wasm_internal.wasm.gz",
    "litert/litert_wasm_internal.js",
    *(f"models/{name}.gz" for name in ("encoder.tflite", "decoder.tflite", "tables.bin")),
)


def live_files(packages: Path | None = None) -> dict[str, bytes]:
    """The page and all that it fetches: relative path from the site's folder → content.

    What is large is compressed by gzip, and the page unpacks it, so that it is small on any server.

    Args:
        packages: see ``zoo.gallery.live.runtime.runtime_files``.

    Raises:
        ValueError: if LiteRT.js cannot be had, or a model is damaged.
    """
    own = resources.files("zoo.gallery.live")
    files = {f"litert/{name}": content for name, content in runtime.runtime_files(packages).items()}
    files |= {f"js/{entry.name}": entry.read_bytes() for entry in (own / "js").iterdir() if entry.name.endswith(".js")}
    files |= {f"models/{name}": content for name, content in model_files().items()}
    files["live.css"] = (own / "live.css").read_bytes()
    files["example.png"] = (resources.files("zoo.demo") / "samples" / "photographs" / EXAMPLE).read_bytes()
    first = sum(len(files[name]) for name in FIRST)
    page = pages.template("zoo.gallery", "live.html.j2")
    shown = page.render(version=__version__, root="../", first=f"{first / 1e6:.1f} MB")
    return {f"{FOLDER}/{name}": content for name, content in {**files, "index.html": shown.encode()}.items()}


def model_files() -> dict[str, bytes]:
    """Networks and tables, all but the index ``models.json`` compressed."""
    found, index = networks.network_files()
    artifact = registry.artifact_of(networks.PHOTOGRAPHS)
    photographs, encoder = artifact.file("latents.npz"), artifact.file("encoder.tflite")
    found["tables.json"], found["tables.bin"] = tables.packed(LatentTables.read(photographs))
    about = {
        "networks": index,
        "photographs": {
            "model": networks.PHOTOGRAPHS,
            "fingerprint": hashlib.sha256(photographs.read_bytes()).hexdigest()[:16],
            "scale": float(Network(encoder).output["quantization"][0]),  # of the encoder's integers
        },
        "denoiser": {
            "halo": registry.artifact_of(networks.DENOISER).card["tile"]["halo"],
            "stride": STRIDE,
            "tile": TILE,
            "whole": WHOLE,
        },
    }
    packed = {f"{name}.gz": gzip.compress(content, 9, mtime=0) for name, content in found.items()}
    return {**packed, "models.json": json.dumps(about).encode()}
