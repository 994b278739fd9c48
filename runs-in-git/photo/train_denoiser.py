"""python train_denoiser.py OUT --total N [--threads 1]: goes on from OUT/last.npz if it is there."""
import argparse, os, sys, time, math, io
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import numpy as np, tensorflow as tf, keras, queue, threading
from PIL import Image
import data
ap = argparse.ArgumentParser(); ap.add_argument("out"); ap.add_argument("--total", type=int, default=100000); ap.add_argument("--threads", type=int, default=1)
ap.add_argument("--batch", type=int, default=8); ap.add_argument("--size", type=int, default=96); ap.add_argument("--every", type=int, default=2000)
ap.add_argument("--rate", type=float, default=1e-3); ap.add_argument("--photos", default=os.environ.get("PHOTOS", "photos")); ap.add_argument("--seconds", type=float, default=1e9); ap.add_argument("--floor", type=float, default=.01)
a = ap.parse_args(); os.makedirs(a.out, exist_ok=True)
tf.config.threading.set_intra_op_parallelism_threads(a.threads); tf.config.threading.set_inter_op_parallelism_threads(1)
keras.config.set_dtype_policy("mixed_bfloat16"); keras.utils.set_random_seed(0)
from zoo.models.autoencoders.photo_denoiser import PhotoDenoiser
by = data.load(a.photos, a.size, whole=False); print({k: len(v) for k, v in by.items()}, flush=True)
val = list(data.validation(a.photos))[::3]
model = PhotoDenoiser(); model.build(); tv = model.trainable_variables
last = os.path.join(a.out, "last.npz"); step0 = 0; ema = None
opt = keras.optimizers.Adam(a.rate, beta_1=.9, beta_2=.99, global_clipnorm=1.0); opt.build(tv)
if os.path.exists(last):
    f = np.load(last); step0 = int(f["step"])
    for i, v in enumerate(model.variables): v.assign(f[f"w{i}"])
    for i, v in enumerate(opt.variables): v.assign(f[f"o{i}"])
    ema = [f[f"e{i}"] for i in range(len(tv))]
print("weights", model.count_params(), "step", step0, flush=True)
emas = [tf.Variable(v if ema is None else ema[i]) for i, v in enumerate(tv)]; rate = tf.Variable(a.rate); decay = tf.Variable(.9)
loss_fn = model.default_loss()
@tf.function
def step_fn(x, y):
    x, y = tf.cast(x, tf.float32) / 255., tf.cast(y, tf.float32) / 255.
    with tf.GradientTape() as t: loss = loss_fn(y, model(x, training=True))
    opt.learning_rate = rate; opt.apply(t.gradient(loss, tv), tv); return loss
@tf.function
def ema_fn():
    for e, v in zip(emas, tv): e.assign_add((1 - decay) * (v - e))
@tf.function(reduce_retracing=True)
def clean(x): return model(x)
def validate():
    kept = [v.numpy() for v in tv]; rng = np.random.default_rng(7); r = {}
    for v, e in zip(tv, emas): v.assign(e)
    for s in (15, 25, 50):
        p = []
        for v in val:
            n = (np.clip(v + s * rng.standard_normal(v.shape), 0, 255)).round().astype("float32") / 255
            p.append(-10 * math.log10(np.mean((np.round(np.clip(clean(tf.constant(n[None]))[0], 0, 1) * 255) / 255 - v / 255.) ** 2)))
        r[s] = round(float(np.mean(p)), 3)
    for v, k in zip(tv, kept): v.assign(k)
    return r
def save(step):
    d = {"step": step, **{f"w{i}": v.numpy() for i, v in enumerate(model.variables)}, **{f"o{i}": v.numpy() for i, v in enumerate(opt.variables)}, **{f"e{i}": e.numpy() for i, e in enumerate(emas)}}
    np.savez(last + ".tmp.npz", **d); os.replace(last + ".tmp.npz", last)
gen = data.crops(by, a.size, step0 + 11, rotate=True); jrng = np.random.default_rng(step0 + 3)
def pair():
    y = next(gen)
    if jrng.random() < .12:  # grey pictures
        y = np.repeat(np.asarray(Image.fromarray(y).convert("L"))[..., None], 3, -1)
    x = y
    draw = jrng.random()
    if draw < .1:  # what JPEG left, of a noisy picture in every second one, to be taken away
        if draw < .05:
            n = jrng.standard_normal(y.shape) if np.ptp(y, -1).any() else jrng.standard_normal((*y.shape[:2], 1))
            x = np.clip(y + jrng.uniform(2, 30) * n, 0, 255).round().astype("uint8")
        b = io.BytesIO(); Image.fromarray(x).save(b, "JPEG", quality=int(jrng.integers(15, 90))); x = np.asarray(Image.open(b))
    return x, y
Q = queue.Queue(16)
def feed():
    while True:
        p = [pair() for _ in range(a.batch)]; Q.put((np.stack([i for i, _ in p]), np.stack([j for _, j in p])))
threading.Thread(target=feed, daemon=True).start()
t0 = time.time(); acc = []; step = step0
while step < a.total and time.time() - t0 < a.seconds:
    frac = step / a.total; rate.assign(a.rate * min(1, (step + 1) / 200) * ((.5 + .5 * math.cos(math.pi * frac)) * (1 - a.floor) + a.floor))
    acc.append(float(step_fn(*map(tf.constant, Q.get())))); step += 1
    if step % 10 == 0: decay.assign(.9 if step < 500 else .98); ema_fn()
    if step % 200 == 0: print(step, "%.0fs psnr %.2f" % (time.time() - t0, -10 / math.log(10) * np.mean(acc)), flush=True); acc = []
    if step % a.every == 0 or step == a.total: print("VAL", step, validate(), flush=True); save(step)
save(step); print("done", step, flush=True)
