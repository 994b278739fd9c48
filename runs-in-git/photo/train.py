"""python train.py OUT --steps N --total N [--threads 1]: goes on from OUT/last.npz if it is there."""
import argparse, os, sys, time, json, math
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import numpy as np, tensorflow as tf, keras
import data
ap = argparse.ArgumentParser(); ap.add_argument("out"); ap.add_argument("--total", type=int, default=100000); ap.add_argument("--threads", type=int, default=1)
ap.add_argument("--batch", type=int, default=6); ap.add_argument("--size", type=int, default=128); ap.add_argument("--every", type=int, default=2000)
ap.add_argument("--rate", type=float, default=1e-3); ap.add_argument("--photos", default=os.environ.get("PHOTOS")); ap.add_argument("--seconds", type=float, default=1e9)
ap.add_argument("--floor", type=float, default=.02); ap.add_argument("--jit", action="store_true")
a = ap.parse_args(); os.makedirs(a.out, exist_ok=True)
tf.config.threading.set_intra_op_parallelism_threads(a.threads); tf.config.threading.set_inter_op_parallelism_threads(1)
keras.config.set_dtype_policy("mixed_bfloat16"); keras.utils.set_random_seed(0)
from zoo.models.autoencoders.photo_compressor import PhotoCompressor
by = data.load(a.photos, a.size); print({k: len(v) for k, v in by.items()}, flush=True)
val = list(data.validation(a.photos))[::2]
model = PhotoCompressor(); model.build()
last = os.path.join(a.out, "last.npz"); step0 = 0
ema = None
opt = keras.optimizers.Adam(a.rate, beta_1=.9, beta_2=.98, global_clipnorm=1.0); opt.build(model.trainable_variables)
if os.path.exists(last):
    f = np.load(last); step0 = int(f["step"])
    for i, v in enumerate(model.variables): v.assign(f[f"w{i}"])
    for i, v in enumerate(opt.variables):
        if f"o{i}" in f: v.assign(f[f"o{i}"])
    ema = [f[f"e{i}"] for i in range(len(model.trainable_variables))]
else:
    g = data.crops(data.load(a.photos, 16), 16, 1)
    model.adapt(np.stack([next(g) for _ in range(60000)]) / 255.)
print("weights", model.count_params(), "encoder", model.encoder_network.count_params() + model.analysis.count_params(), "decoder", model.decoder_network.count_params(), "context", model.context.count_params(), "step", step0, flush=True)
gen = data.crops(by, a.size, step0 + 7)
tv = model.trainable_variables
emas = [tf.Variable(v if ema is None else ema[i]) for i, v in enumerate(tv)]
rate = tf.Variable(a.rate); decay = tf.Variable(.97)
@tf.function(jit_compile=a.jit)
def step_fn(x):
    x = tf.cast(x, tf.float32) / 255.
    with tf.GradientTape() as t:
        y = model(x, training=True); loss = sum(model.losses)
    g = t.gradient(loss, tv); opt.learning_rate = rate; opt.apply(g, tv)
    return loss, tf.reduce_mean(tf.square(y - x))
@tf.function
def ema_fn():
    for e, v in zip(emas, tv): e.assign_add((1 - decay) * (v - e))
@tf.function(reduce_retracing=True)
def coded(x, q): return model.coded(x, q)
def validate():
    kept = [v.numpy() for v in tv]
    for v, e in zip(tv, emas): v.assign(e)
    rows = []
    for q in range(1, 9):
        r = []
        for v in val:
            y, b = coded(tf.constant(v[None] / np.float32(255)), tf.constant([float(q)]))
            r.append((float(b[0]) / v[..., 0].size, -10 * math.log10(np.mean((np.round(np.clip(y[0], 0, 1) * 255) / 255 - v / 255.) ** 2))))
        rows.append(np.mean(r, 0))
    for v, k in zip(tv, kept): v.assign(k)
    return rows
def save(step):
    d = {"step": step, **{f"w{i}": v.numpy() for i, v in enumerate(model.variables)}, **{f"o{i}": v.numpy() for i, v in enumerate(opt.variables)}, **{f"e{i}": e.numpy() for i, e in enumerate(emas)}}
    np.savez(last + ".tmp.npz", **d); os.replace(last + ".tmp.npz", last)
t0 = time.time(); acc = []; step = step0
import queue, threading
Q = queue.Queue(16)
def feed():
    while True: Q.put(np.stack([next(gen) for _ in range(a.batch)]))
threading.Thread(target=feed, daemon=True).start()
while step < a.total and time.time() - t0 < a.seconds:
    frac = step / a.total
    rate.assign(a.rate * min(1, (step + 1) / 300) * ((.5 + .5 * math.cos(math.pi * frac)) * (1 - a.floor) + a.floor))
    l, m = step_fn(tf.constant(Q.get())); acc.append((float(l), float(m))); step += 1
    if step % 10 == 0: decay.assign(.97 if step < 3000 else .9925); ema_fn()
    if step % 200 == 0:
        r = np.mean(acc, 0); acc = []; print(step, "%.0fs loss %.4f psnr %.2f" % (time.time() - t0, r[0], -10 * math.log10(r[1])), flush=True)
    if step % a.every == 0 or step == a.total:
        print("VAL", step, " ".join("%.3f/%.2f" % tuple(r) for r in validate()), flush=True); save(step)
save(step); print("done", step, flush=True)
