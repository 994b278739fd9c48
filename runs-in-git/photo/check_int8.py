"""python check_int8.py CHECKPOINT [N]: what an int8 output of the encoder's network, beside an exact integer linear transform with int8 weights, costs."""
import os, sys, math
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np, tensorflow as tf, keras
tf.config.threading.set_intra_op_parallelism_threads(1)
import data
from zoo.models.autoencoders.photo_compressor import PhotoCompressor
m = PhotoCompressor(); m.build(); f = np.load(sys.argv[1])
for i, v in enumerate(m.variables): v.assign(f[f"w{i}"])
for i, v in enumerate(m.trainable_variables): v.assign(f[f"e{i}"])
val = list(data.validation(os.environ["PHOTOS"]))[:int(sys.argv[2]) if len(sys.argv) > 2 else 4]
X = [tf.constant(a[None] / np.float32(255)) for a in val]
K0 = m.analysis.kernel.numpy(); learned = [m.encoder_network(2 * x - 1).numpy() for x in X]
top = np.max([np.abs(l).reshape(-1, l.shape[-1]).max(0) for l in learned], 0)
print("largest learned outputs, in deviations", top[:8].round(2), "…", top[-3:].round(2))
def run(name, kernel8, step):
    K = K0 if not kernel8 else (lambda s: np.round(K0 / s) * s)(np.abs(K0).max(1, keepdims=True) / 127); m.analysis.kernel.assign(K)
    rows = []
    for q in (1., 4., 8.):
        r = []
        for x, l, a in zip(X, learned, val):
            if step is not None: l = np.clip(np.round(l / step), -128, 127) * step
            y = m.analysis(255 * x - 128) + l * m.deviations
            old = m.latents; m.latents = lambda _: y
            xh, b = m.coded(x, tf.constant([q])); m.latents = old
            r.append((float(b[0]) / a[..., 0].size, -10 * math.log10(np.mean((np.round(np.clip(xh[0], 0, 1) * 255) / 255 - a / 255.) ** 2))))
        rows.append(np.mean(r, 0))
    print("%-40s" % name, " ".join("%.4f/%.3f" % tuple(r) for r in rows), flush=True)
run("float", False, None); run("int8 linear kernel", True, None)
run("+ network output 8 bits, a scale each", True, top / 127); run("+ network output 8 bits, one scale", True, np.full_like(top, top.max() / 127))
