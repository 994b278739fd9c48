"""python check_integers.py CHECKPOINT: rate of the integer entropy model against the float one, on validation photographs; coded bytes; time."""
import os, sys, time
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np, tensorflow as tf, keras
tf.config.threading.set_intra_op_parallelism_threads(1)
import data, integer_context as ic
from zoo.models.autoencoders.photo_compressor import PhotoCompressor
from zoo.layers.latent_context import logistic_bits
m = PhotoCompressor(); m.build(); f = np.load(sys.argv[1])
for i, v in enumerate(m.variables): v.assign(f[f"w{i}"])
for i, v in enumerate(m.trainable_variables): v.assign(f[f"e{i}"])
val = list(data.validation(os.environ["PHOTOS"]))[:int(sys.argv[2]) if len(sys.argv) > 2 else 6]
def latents(a, q):
    x = tf.constant(a[None] / np.float32(255)); mix = m.mixture(tf.constant([q]))
    return np.round(m.latents(x) / np.exp(mix.numpy() @ m.log_steps.numpy())[:, None, None]), mix
# ranges of hidden layers: largest of the 99.99 % quantile over calibration pictures
ranges = {}
C = m.context
def hooked(index, step, known, y, compressed, quality):
    parts = C.steps[index]
    seen = [C._seen(compressed, step, known)] if C._known_channels(step) else []
    if step.start == 0: seen.append(known + 0 * y[..., :1])
    x = tf.concat(seen, -1); h = tf.nn.relu(parts["field"](x) + (quality @ C.biases[index])[:, None, None]); h2 = parts["hidden"](h)
    r = ranges.setdefault(index, [1e-3, 1e-3])
    for i, t in enumerate((h, h2)): r[i] = max(r[i], float(np.quantile(t.numpy(), .9999)))
    return orig(index, step, known, y, compressed, quality)
orig = C._parameters; C._parameters = hooked
for a in val[:4]:
    for q in (1., 4., 8.): y, mix = latents(a, q); C(tf.constant(y), mix)
C._parameters = orig
T = ic.prepare(C, ranges)
for q in (1., 2.5, 4., 6., 8.):
    fl = it = by = 0; px = 0; te = td = 0
    for a in val:
        y, mix = latents(a, q); mu, ls = C(tf.constant(y), mix); fl += float(tf.reduce_sum(logistic_bits(tf.constant(y), mu, ls)))
        v = y[0].astype(np.int64); px += a[..., 0].size; t0 = time.time()
        g = ic.Grid(T, *v.shape[:2], v.shape[2], q)
        for t in T:
            s = t["step"]; r, c = g.places(s)
            if not len(r): continue
            mean, scale = g.parameters(t, r, c); vals = v[r, c, s.start:s.start + s.channels]
            it += ic.information(vals, mean, scale).sum(); g.set(s, r, c, vals)
        te += time.time() - t0
        t0 = time.time(); w = ic.compress(T, v, q); t1 = time.time(); back = ic.decompress(T, w, v.shape, q); td += time.time() - t1; tc = t1 - t0
        assert (back == v).all(); by += 4 * len(w)
    print("q %.1f float %.4f integer %.4f bpp (%+.2f %%) coded %.4f (%+.2f %%), %.2f s parameters, %.2f s decoding, a picture of %d pixels" % (q, fl / px, it / px, 100 * (it / fl - 1), 8 * by / px, 100 * (8 * by / it - 1), te / len(val), td / len(val), px / len(val)), flush=True)
