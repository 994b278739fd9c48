"""The photo codec's entropy model in exact integers, in NumPy: draft of zoo/codec/latents.py.

Every sum is of integers and below 2^24 (float32 products) or 2^53 (float64), so it is exact in whatever order a BLAS adds.

    symbols v → features f = TABLE[|v|]·sign (1/8 of log1p) → conv k×k int8 + bias[q] → shift → 0…255
             → dense int8 + bias → shift → 0…255 → dense int8 + bias → mean in 1/16 step, index of one of 64 scales
    v → conv k×k, weights of 1/4096 → added to the mean
"""
import dataclasses, functools, math
import numpy as np
import constriction

FEATURE = 8            # steps of the compressed values
LIMIT = 4095           # of a symbol's magnitude
MEAN = 16              # steps of the mean within a quantisation step
SCALES, SCALE_STEP, SCALE_LOW = 64, 1 / 7, -3.2  # log scales −3.2 … 5.8
LINEAR = 4096
SHIFT = 16
FINE = 16              # steps of an index of a scale
QUALITY = 64           # fractions of a quality
PRECISION = 24         # bits of a probability
SUPPORT = 64           # magnitudes that a table holds; beyond: an escape and a number by Golomb
TABLE = np.round(FEATURE * np.log1p(np.arange(LIMIT + 1))).astype(np.float32)


def quantised(weights, bits=8):
    """Rows of integers, a scale each: ``(in, out)``."""
    top = 2 ** (bits - 1) - 1
    scale = np.abs(weights).max(axis=0) / top
    scale[scale == 0] = 1.0
    return np.round(weights / scale), scale


def prepare(context, log_ranges):
    """Integer tables of a trained LatentContext; ``log_ranges``: (pass, layer) → largest activation of each channel's layer."""
    out = []
    for index, step in enumerate(context.passes):
        parts = context.steps[index]
        k1 = np.asarray(parts["field"].kernel); k, _, cin, width = k1.shape
        b1 = np.asarray(context.biases[index]) + np.asarray(parts["field"].bias)
        feat_scale = np.full(cin, 1 / FEATURE); 
        if step.start == 0: feat_scale[-1] = 1.0  # the mask, as an integer of its own
        w1, s1 = quantised(k1.reshape(-1, cin, width).transpose(0, 1, 2).reshape(-1, width) * np.tile(feat_scale, k * k)[:, None])
        r1, r2 = log_ranges[index]
        h1 = r1 / 255
        m1 = np.round(s1 / h1 * 2 ** SHIFT)
        B1 = np.round(b1 / s1)
        w2, s2 = quantised(np.asarray(parts["hidden"].kernel) * h1); h2 = r2 / 255
        m2 = np.round(s2 / h2 * 2 ** SHIFT); B2 = np.round(np.asarray(parts["hidden"].bias) / s2)
        w3, s3 = quantised(np.asarray(parts["out"].kernel) * h2)
        unit = np.r_[np.full(step.channels, MEAN), np.full(step.channels, FINE / SCALE_STEP)]
        m3 = np.round(s3 * unit * 2 ** SHIFT); B3 = np.round(np.asarray(parts["out"].bias) / s3)
        S = np.round((np.asarray(context.scales[index]) - SCALE_LOW) / SCALE_STEP * FINE)
        L = np.round(np.asarray(parts["linear"].kernel).reshape(-1, step.channels) * LINEAR) if "linear" in parts else None
        assert (np.abs(m1) < 2 ** 28).all() and (np.abs(m3) < 2 ** 30).all()
        out.append(dict(step=step, k=k, w1=w1.astype(np.float32), B1=B1, m1=m1, w2=w2.astype(np.float32), B2=B2, m2=m2, w3=w3.astype(np.float32), B3=B3, m3=m3, S=S, L=L))
    return out


def lerp(table, quality):
    """Rows of integers times 64 between two qualities, exactly; quality from 1, in 64ths: ``(row, …) → (…)``, times 64."""
    position = int(round(quality * QUALITY)) - QUALITY
    low = min(position // QUALITY, len(table) - 2); t = position - low * QUALITY
    return table[low] * (QUALITY - t) + table[low + 1] * t


def shifted(accumulator, multiplier, divisor=1):
    """``accumulator · multiplier / (2^SHIFT · divisor)``, rounded; float64 integers below 2^53."""
    whole = 2.0 ** SHIFT * divisor
    return np.floor((accumulator.astype(np.float64) * multiplier + whole / 2) / whole)


def patches(padded, k, d, rows, cols, top):
    """What a k×k field of dilation d sees at places: ``(places, k·k·c)``; ``padded`` has ``top`` zeros around."""
    r = k // 2 * d
    views = [padded[rows + top + dy, cols + top + dx] for dy in range(-r, r + 1, d) for dx in range(-r, r + 1, d)]
    return np.concatenate(views, axis=1)


class Grid:
    """Latents of one tile, decoded pass after pass."""
    def __init__(self, tables, height, width, channels, quality):
        self.tables, self.quality = tables, quality
        self.top = 8
        shape = (height + 16, width + 16, channels)
        self.v = np.zeros(shape, np.float32); self.f = np.zeros(shape, np.float32)
        self.known = np.zeros((*shape[:2], 1), np.float32)
        self.shape = (height, width)
        self.rr, self.cc = np.mgrid[:height, :width]

    def places(self, step):
        d = step.spacing; r, c = self.rr, self.cc
        if step.kind == "sparse": m = (r % (2 * d) == 0) & (c % (2 * d) == 0)
        elif step.kind == "diagonal": m = (r % (2 * d) == d) & (c % (2 * d) == d)
        elif step.kind == "even": m = (r + c) % 2 == 0
        else: m = (r % d == 0) & (c % d == 0) & ((r // d + c // d) % 2 == 1)
        return r[m], c[m]

    def parameters(self, table, rows, cols):
        """Means in sixteenths and indices of scales, int64 ``(places, channels)``."""
        step = table["step"]; stop = step.start + (step.channels if step.refines else 0)
        k, d = table["k"], step.spacing
        if step.start == 0:
            x = np.concatenate([self.f[..., :stop], self.known], axis=-1)
        else: x = self.f[..., :stop]
        acc = (patches(x, k, d, rows, cols, self.top) @ table["w1"]).astype(np.float64)
        acc = acc * QUALITY + lerp(table["B1"], self.quality)
        h = np.clip(shifted(acc, table["m1"], QUALITY), 0, 255).astype(np.float32)
        h = np.clip(shifted((h @ table["w2"]) + table["B2"], table["m2"]), 0, 255).astype(np.float32)
        out = shifted((h @ table["w3"]) + table["B3"], table["m3"])
        mean, scale = out[:, :step.channels], out[:, step.channels:]
        if table["L"] is not None:
            v = self.v[..., :stop].astype(np.float64)
            mean = mean + np.floor((patches(v, k, d, rows, cols, self.top) @ table["L"] * MEAN + LINEAR // 2) / LINEAR)
        scale = np.floor((scale * QUALITY + lerp(table["S"], self.quality) + FINE * QUALITY // 2) / (FINE * QUALITY))
        return mean.astype(np.int64), np.clip(scale, 0, SCALES - 1).astype(np.int64)

    def set(self, step, rows, cols, values):
        at = (rows + self.top, cols + self.top, slice(step.start, step.start + step.channels))
        self.v[at] = values
        magnitude = np.minimum(np.abs(values), LIMIT)
        self.f[at] = np.sign(values) * TABLE[magnitude]
        if step.start == 0: self.known[rows + self.top, cols + self.top] = 1


@functools.cache
def counts(scale, fraction):
    """Integer counts, out of 2^24, of symbols −SUPPORT … SUPPORT about a mean that is ``fraction`` sixteenths off, and of an escape."""
    s = math.exp(SCALE_LOW + scale * SCALE_STEP)
    edges = (np.arange(-SUPPORT, SUPPORT + 2) - .5 - fraction / MEAN) / s
    cdf = 1 / (1 + np.exp(-np.clip(edges, -700, 700)))
    pmf = np.r_[np.diff(cdf), cdf[0] + 1 - cdf[-1]]
    n = np.maximum(np.round(pmf * (2 ** PRECISION - 2 * len(pmf))), 1)
    n[n.argmax()] += 2 ** PRECISION - n.sum()
    return n


@functools.cache
def model(scale, fraction):
    return constriction.stream.model.Categorical(counts(scale, fraction), perfect=False)


def split(mean):
    base = (mean + MEAN // 2) // MEAN
    return base, mean - base * MEAN


def information(v, mean, scale):
    """Bits of symbols by the tables."""
    base, fraction = split(mean); d = v - base
    idx = np.where(np.abs(d) <= SUPPORT, d + SUPPORT, 2 * SUPPORT + 1)
    T = all_bits()
    b = T[scale, fraction + MEAN // 2, idx]
    over = np.abs(d) > SUPPORT
    b = b + np.where(over, 2 * np.floor(np.log2(np.maximum(np.abs(d) - SUPPORT, 1))) + 2, 0)
    return b


@functools.cache
def all_bits():
    return np.array([[PRECISION - np.log2(counts(s, f)) for f in range(-MEAN // 2, MEAN // 2)] for s in range(SCALES)])


def _grouped(scale, fraction):
    """Flat positions sorted by table, and runs ``(scale, fraction, start, stop)``."""
    key = (scale * MEAN + fraction + MEAN // 2).ravel()
    order = np.argsort(key, kind="stable")
    keys, starts = np.unique(key[order], return_index=True)
    stops = np.r_[starts[1:], len(order)]
    return order, [(int(k) // MEAN, int(k) % MEAN - MEAN // 2, a, b) for k, a, b in zip(keys, starts, stops)]


UNIFORM = constriction.stream.model.Uniform(1 << 16)


def compress(tables, v, quality):
    """Uint32 words of latents, int ``(height, width, channels)``."""
    g = Grid(tables, *v.shape, quality); work = []
    for t in tables:
        s = t["step"]; r, c = g.places(s)
        if not len(r): continue
        mean, scale = g.parameters(t, r, c); values = v[r, c, s.start:s.start + s.channels].astype(np.int64)
        base, fraction = split(mean); d = values - base
        work.append((d.ravel(), *_grouped(scale, fraction)))
        g.set(s, r, c, values)
    coder = constriction.stream.stack.AnsCoder()
    for d, order, runs in reversed(work):
        far = d[np.abs(d) > SUPPORT]
        for e in far[::-1]:
            n = int(abs(e)) * 2 + int(e < 0)
            coder.encode_reverse(np.array([n >> 16, n & 65535], np.int32), UNIFORM)
        symbols = np.where(np.abs(d) > SUPPORT, 2 * SUPPORT + 1, d + SUPPORT).astype(np.int32)[order]
        for s, f, a, b in reversed(runs): coder.encode_reverse(symbols[a:b], model(s, f))
    return coder.get_compressed()


def decompress(tables, words, shape, quality):
    g = Grid(tables, *shape, quality); coder = constriction.stream.stack.AnsCoder(words)
    v = np.zeros(shape, np.int64)
    for t in tables:
        s = t["step"]; r, c = g.places(s)
        if not len(r): continue
        mean, scale = g.parameters(t, r, c); base, fraction = split(mean)
        order, runs = _grouped(scale, fraction); d = np.empty(mean.size, np.int64)
        for sc, f, a, b in runs: d[order[a:b]] = coder.decode(model(sc, f), b - a)
        d -= SUPPORT; far = np.flatnonzero(d == SUPPORT + 1)
        for i in far:
            hi, lo = coder.decode(UNIFORM, 2); n = (int(hi) << 16) + int(lo); d[i] = -(n >> 1) if n & 1 else n >> 1
        values = base + d.reshape(mean.shape)
        g.set(s, r, c, values); v[r, c, s.start:s.start + s.channels] = values
    return v
