"""Crops of photographs, sampled by source: a source's share is the square root of its pictures."""
import csv, math
from pathlib import Path
import numpy as np
from PIL import Image

def load(root, size, clean=("cid22", "gb82"), whole=True):
    by = {}
    for path in sorted(Path(root).glob("train/*/*")):
        source = path.parent.name
        image = Image.open(path).convert("RGB")
        rows = by.setdefault(source, [])
        if whole or source in clean:
            rows.append(np.asarray(image))
        if min(image.size) >= 400 or not whole:
            half = np.asarray(image.resize((image.width // 2, image.height // 2), Image.LANCZOS))
            if min(half.shape[:2]) >= size + 8:
                rows.append(half)
    pages = Path(__file__).parent / "pages"  # about 6 % of the crops
    by["pages"] = [np.asarray(Image.open(path)) for path in sorted(pages.glob("*.png"))[:40]]
    return by

def crops(by, size, seed, rotate=False):
    rng = np.random.default_rng(seed)
    sources = list(by); weights = np.sqrt([len(by[s]) for s in sources]); weights /= weights.sum()
    while True:
        rows = by[sources[rng.choice(len(sources), p=weights)]]
        image = rows[rng.integers(len(rows))]
        y, x = rng.integers(image.shape[0] - size + 1), rng.integers(image.shape[1] - size + 1)
        crop = image[y:y + size, x:x + size]
        if rotate: crop = np.rot90(crop, rng.integers(4))
        if rng.random() < .5: crop = crop[:, ::-1]
        yield np.ascontiguousarray(crop)

def validation(root, size=384):
    for path in sorted(Path(root).glob("validation/*/*.png")):
        yield np.asarray(Image.open(path).convert("RGB"))[:size, :size]
