"""What the codec of photographs promises beside rate and distortion: ``python benchmarks/photo_codec.py --data DIR``.

For a folder of pictures it writes a JSON file with, at every whole quality, the bytes of real files beside the estimate
of the trained float model; the PSNR of pixels within 4 of the edges of strips and tiles beside that of the same pixels
where no edge is; and, with ``--megapixels``, time and peak memory of both commands on one large picture.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import zoo
from zoo.codec.coders.latents import PATCH, ROWS, TILE_COLUMNS
from zoo.io.pictures import open_sources

BAND = 4  # pixels on either side of an edge


def overhead(codec: zoo.Codec, model, pictures: list[np.ndarray]) -> list[dict[str, float]]:
    """Mean bytes of a picture's file, of the float model's estimate, and how much more the files are."""
    rows = []
    for quality in range(1, model.qualities + 1):
        found = []
        for picture in pictures:
            height, width = (-(-side // PATCH) * PATCH for side in picture.shape[:2])
            whole = np.pad(picture, ((0, height - len(picture)), (0, width - picture.shape[1]), (0, 0)), mode="edge")
            _, bits = model.coded(whole[None] / np.float32(255), np.array([quality], np.float32))
            found.append((len(codec.compress(picture, quality=quality)), float(bits[0]) / 8))
        files, estimates = np.mean(found, axis=0)
        more = max(real - 1.01 * estimate for real, estimate in found)
        rows.append(
            {"quality": quality, "bytes": files, "estimate": estimates, "percent": 100 * (files / estimates - 1),
             "mean_above_one_percent": files - 1.01 * estimates, "most_above_one_percent": more}
        )  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def seams(codec: zoo.Codec, pictures: list[np.ndarray], quality: float) -> dict[str, float]:
    """PSNR of a mosaic's pixels near the edges of strips and tiles, and of the same pixels where no edge is."""
    side = ROWS + 3 * ROWS // 2, 2 * TILE_COLUMNS * PATCH + 512
    mosaic = np.zeros((*side, 3), np.uint8)
    top = 0
    for start in range(0, len(pictures), 5):  # rows of pictures, mirrored where they do not suffice
        row = np.concatenate([pictures[(start + at) % len(pictures)][:512] for at in range(5)], axis=1)[:, : side[1]]
        part = row[: max(0, side[0] - top)]
        mosaic[top : top + len(part), : part.shape[1]] = part
        top += len(part)
    mosaic = mosaic[:top]
    shift = ROWS // 2, TILE_COLUMNS * PATCH // 2
    plain = codec.decompress(codec.compress(mosaic, quality=quality)).astype(np.float64)
    moved = mosaic[shift[0] :, shift[1] :]
    other = codec.decompress(codec.compress(moved, quality=quality)).astype(np.float64)
    errors = np.square(plain - mosaic)[shift[0] :, shift[1] :], np.square(other - moved)
    figures = {}
    for name, edges, axis in (("strips", (ROWS,), 0), ("tiles", (TILE_COLUMNS * PATCH, 2 * TILE_COLUMNS * PATCH), 1)):
        places = np.concatenate([np.arange(e - BAND, e + BAND) - shift[axis] for e in edges])
        places = places[(places >= 0) & (places < moved.shape[axis])]
        near, far = (10 * np.log10(255**2 / np.take(e, places, axis).mean()) for e in errors)
        figures |= {f"{name}_psnr": near, f"{name}_psnr_without_edge": far, f"{name}_difference": near - far}
    return figures


def large(pictures: list[np.ndarray], megapixels: float) -> dict[str, float]:
    """Seconds and peak megabytes of both commands on one picture, repeated pictures side by side."""
    side = round(1000 * megapixels**0.5)
    tile = np.concatenate([p[:512, :512] for p in pictures if min(p.shape[:2]) >= 512][:4], axis=1)
    whole = np.tile(tile, (-(-side // 512), -(-side // tile.shape[1]), 1))[:side, :side]
    figures = {"megapixels": whole[..., 0].size / 1e6}
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        Image.fromarray(whole).save(room / "large.png", compress_level=1)
        del whole
        for name, arguments in (
            ("compress", ["large.png", "-o", "large.zoo"]),
            ("decompress", ["large.zoo", "-o", "back.png"]),
        ):
            start = time.monotonic()
            code = (
                "import re, sys; from zoo.cli import main\n"
                f"sys.argv = {['zoo', name, *arguments]!r}\n"
                "try: main()\nexcept SystemExit as stop: assert not stop.code, stop.code\n"
                # Of this program alone: rusage begins with what its parent held.
                "print('PEAK', re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
            )
            done = subprocess.run([sys.executable, "-c", code], cwd=room, capture_output=True, text=True, check=True)
            figures[f"{name}_seconds"] = time.monotonic() - start
            figures[f"{name}_megabytes"] = int(done.stdout.rpartition("PEAK")[2]) / 1024
            print(name, figures, flush=True)
        figures["bits_per_pixel"] = 8 * (room / "large.zoo").stat().st_size / (figures["megapixels"] * 1e6)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, nargs="+", help="pictures, or folders of them")
    parser.add_argument("--model", default="photo_compressor")
    parser.add_argument("--megapixels", type=float, help="of one large picture, which is made of those; left out: none")
    parser.add_argument("-o", "--output", type=Path, default=Path("photo-codec.json"))
    options = parser.parse_args()
    pictures = [source.read(0, 1)[0] for source in open_sources(options.data)]
    pictures = [picture for picture in pictures if picture.shape[2] == 3]
    codec, result = zoo.Codec(options.model), {"pictures": len(pictures), "model": options.model}
    result["seams"] = {quality: seams(codec, pictures, quality) for quality in (1.0, 4.0, 8.0)}
    print(result["seams"], flush=True)
    if options.megapixels:
        result["large"] = large(pictures, options.megapixels)
    result["overhead"] = overhead(codec, zoo.load(options.model), pictures)
    result["peak_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    options.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
