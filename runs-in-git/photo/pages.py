"""Scanned pages and screenshots, drawn: python pages.py OUT N. Words are Python's own documentation; fonts are matplotlib's."""
import sys, pydoc, random, glob, os, keyword
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageFilter
import matplotlib
FONTS = sorted(glob.glob(os.path.join(matplotlib.get_data_path(), "fonts/ttf/*.ttf")))
FONTS = [f for f in FONTS if os.path.basename(f).startswith(("DejaVuSans", "DejaVuSerif", "cmr10", "STIXGeneral")) and "Display" not in f]
def words(rng):
    import argparse, asyncio, collections, ctypes, datetime, decimal, email, http.client, json, logging, os as o, pathlib, re, socket, string, threading, unittest
    text = " ".join((m.__doc__ or "") + " ".join(str(getattr(m, n).__doc__ or "") for n in dir(m) if hasattr(m, n)) for m in (argparse, asyncio, collections, datetime, decimal, json, logging, o, pathlib, re, socket, string, threading, unittest))
    return [w for w in text.split() if len(w) < 18]
WORDS = words(None)
def page(rng, size=448):
    dark = rng.random() < .2; screen = rng.random() < .4
    paper = np.array([rng.uniform(.88, 1)] * 3) if not dark else np.array([rng.uniform(0, .18)] * 3)
    if rng.random() < .3: paper = np.clip(paper + rng.normal(0, .03, 3), 0, 1)
    ink = np.array([rng.uniform(0, .2)] * 3) if not dark else np.array([rng.uniform(.75, 1)] * 3)
    im = Image.new("RGB", (size, size), tuple(int(255 * c) for c in paper)); d = ImageDraw.Draw(im)
    y = int(rng.integers(0, 20)); points = int(rng.integers(9, 26)); font = ImageFont.truetype(FONTS[rng.integers(len(FONTS))], points)
    while y < size:
        if rng.random() < .08:
            points = int(rng.integers(9, 34)); font = ImageFont.truetype(FONTS[rng.integers(len(FONTS))], points)
            if rng.random() < .5:
                c = tuple(int(v) for v in rng.integers(0, 255, 3)); x0 = int(rng.integers(0, size // 2)); d.rectangle((x0, y, x0 + int(rng.integers(20, 200)), y + int(rng.integers(2, 60))), fill=c if rng.random() < .5 else None, outline=c)
        color = ink if rng.random() < .85 else rng.random(3)
        k = int(rng.integers(len(WORDS) - 40)); line = " ".join(WORDS[k:k + 30])
        d.text((int(rng.integers(0, 24)) if rng.random() < .2 else 12, y), line, font=font, fill=tuple(int(255 * c) for c in color)); y += int(points * rng.uniform(1.15, 1.6))
    if screen: return np.asarray(im)
    if rng.random() < .7: im = im.rotate(rng.normal(0, 1.2), Image.BICUBIC, fillcolor=tuple(int(255 * c) for c in paper))
    im = im.filter(ImageFilter.GaussianBlur(rng.uniform(.2, .9)))
    a = np.asarray(im) / 255.
    if rng.random() < .6:
        g = np.linspace(0, rng.normal(0, .08), size); a = a * (1 - .5 * abs(g[0] + g[-1]) + (g[:, None, None] if rng.random() < .5 else g[None, :, None]))
    return (np.clip(a, 0, 1) * 255).round().astype(np.uint8)
if __name__ == "__main__":
    out, n = sys.argv[1], int(sys.argv[2]); os.makedirs(out, exist_ok=True)
    for i in range(n): Image.fromarray(page(np.random.default_rng(i))).save(f"{out}/{i:03d}.png")
